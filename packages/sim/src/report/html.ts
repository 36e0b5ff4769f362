/** HTML as text that is safe to join: what is not marked as HTML is escaped. */

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | readonly Html[]

/** A template whose values are escaped, unless they are HTML themselves. */
export function html(parts: TemplateStringsArray, ...values: readonly Part[]): Html {
  const text = parts.map((part, i) => part + (i < values.length ? textOf(values[i] as Part) : ''))
  return new Html(text.join(''))
}

function textOf(value: Part): string {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map((each: Html) => each.text).join('')
  return escaped(String(value))
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** Data inside of a `script` element: no tag can end it. */
export function embedded(data: unknown): Html {
  return new Html(JSON.stringify(data).replaceAll('<', '\\u003c'))
}

/** A table with titles, that scrolls by itself where the page is narrow. */
export function htmlTable(
  caption: string,
  titles: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
): Html {
  const head = titles.map((title) => html`<th scope="col">${title}</th>`)
  const body = rows.map(
    (row) =>
      html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>
`,
  )
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>`
}
