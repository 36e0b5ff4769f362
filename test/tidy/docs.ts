/** Documents that lie about the tree: links that lead nowhere, commands that do not exist. */
import { posix } from 'node:path'
import type { TextFile } from './files.ts'

const FENCE = /^(```|~~~).*?^\1/gms
const LINK = /\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/gm
const ELSEWHERE = /^([a-z][a-z0-9+.-]*:|\/\/)/i
const NPM =
  /\bnpm (?:run(?:-script)? (?:-s |--silent )?([\w:.-]+)(?: (?:-w|--workspace) (\S+?)(?=[`\s)]|$))?|(test|start)\b)/g

/** Relative links that lead nowhere. `exists` tells of files and folders of the tree. */
export function deadLinks(
  file: TextFile,
  read: (path: string) => string | undefined,
  exists: (path: string) => boolean,
): string[] {
  const found: string[] = []
  for (const match of prose(file.text).matchAll(LINK)) {
    const link = (match[1] ?? match[2]) as string
    if (ELSEWHERE.test(link)) continue
    const [to = '', anchor] = link.split('#')
    const path = to === '' ? file.path : posix.join(posix.dirname(file.path), decodeURI(to))
    if (!exists(path)) found.push(`${file.path}: ${link} leads nowhere`)
    else if (anchor !== undefined && !anchors(read(path) ?? '').has(anchor))
      found.push(`${file.path}: ${link}: no such heading`)
  }
  return found
}

/** npm scripts that a text names and no manifest has; `scripts` by package, '' for the root. */
export function unknownScripts(
  file: TextFile,
  scripts: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  return [...file.text.matchAll(NPM)].flatMap(([command, run, owner = '', alias]) =>
    scripts.get(owner)?.has((run ?? alias) as string) === true
      ? []
      : [`${file.path}: there is no \`${command}\``],
  )
}

/** A text without its code, where brackets are no links. */
function prose(text: string): string {
  return text.replace(FENCE, '').replace(/`[^`\n]*`/g, '')
}

/** The anchors of a text's headings, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of text.replace(FENCE, '').matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const base = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    let anchor = base
    for (let n = 1; found.has(anchor); n++) anchor = `${base}-${n}`
    found.add(anchor)
  }
  return found
}
