/**
 * Assertions of scenarios: two sums with `<`, `<=`, `>`, `>=` or `==` between them, of numbers and figures such as
 * `kadmium.get.p50Ms`. Read at load time, evaluated when the run is over.
 */
import type { Assertion, Result } from '../measure/result.ts'

export type Term =
  | { kind: 'number'; value: number }
  | { kind: 'figure'; path: string }
  | { kind: 'sum'; operator: '+' | '-' | '*' | '/'; left: Term; right: Term }

export type Comparison = '<' | '<=' | '>' | '>=' | '=='

export interface Claim {
  left: Term
  operator: Comparison
  right: Term
}

/** What can't be read, and where in the text, from 0. */
export class ClaimError extends Error {
  override readonly name: string = 'ClaimError'
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

interface Token {
  kind: 'number' | 'name' | 'operator' | 'comparison' | 'bracket' | 'end'
  text: string
  at: number
}

const TOKENS =
  /\s*(?:(?<number>\d+(?:_\d+)*(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w.])|(?<name>[A-Za-z][\w-]*(?:\.[A-Za-z]\w*)*)|(?<comparison><=|>=|==|<|>)|(?<operator>[-+*/])|(?<bracket>[()])|(?<end>$))/y

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  TOKENS.lastIndex = 0
  for (;;) {
    const from = TOKENS.lastIndex
    const match = TOKENS.exec(text)
    const rest = text.slice(from).trimStart()
    if (match === null) throw new ClaimError(`can’t read “${rest}”`, text.length - rest.length)
    const [kind, found] = Object.entries(match.groups ?? {}).find(
      ([, each]) => each !== undefined,
    ) ?? ['end', '']
    tokens.push({
      kind: kind as Token['kind'],
      text: found ?? '',
      at: TOKENS.lastIndex - (found ?? '').length,
    })
    if (kind === 'end') return tokens
  }
}

/** Brackets within brackets at most. */
const DEPTH_MAX = 50

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#tokens = tokensOf(text)
  }

  claim(): Claim {
    const left = this.#sum()
    const comparison = this.#next()
    if (comparison.kind !== 'comparison') throw unexpected(comparison, 'one of < <= > >= ==')
    const right = this.#sum()
    const end = this.#next()
    if (end.kind !== 'end') throw unexpected(end, 'the end, or one of + - * /')
    return { left, operator: comparison.text as Comparison, right }
  }

  #sum(): Term {
    let left = this.#product()
    while (this.#peek('operator', '+', '-'))
      left = this.#join(left, this.#next().text, this.#product())
    return left
  }

  #product(): Term {
    let left = this.#factor()
    while (this.#peek('operator', '*', '/'))
      left = this.#join(left, this.#next().text, this.#factor())
    return left
  }

  #join(left: Term, operator: string, right: Term): Term {
    return { kind: 'sum', operator: operator as '+' | '-' | '*' | '/', left, right }
  }

  #factor(): Term {
    const token = this.#next()
    if (token.kind === 'number')
      return { kind: 'number', value: Number(token.text.replaceAll('_', '')) }
    if (token.kind === 'name') return { kind: 'figure', path: token.text }
    if (token.text !== '(' && token.text !== '-') throw unexpected(token, 'a figure or a number')
    if (++this.#depth > DEPTH_MAX) throw new ClaimError('too many brackets', token.at)
    const inner = token.text === '-' ? this.#factor() : this.#sum()
    this.#depth--
    if (token.text === '-') return this.#join({ kind: 'number', value: 0 }, '-', inner)
    const end = this.#next()
    if (end.text !== ')') throw unexpected(end, ')')
    return inner
  }

  #next(): Token {
    const token = this.#tokens[this.#at] as Token
    if (token.kind !== 'end') this.#at++
    return token
  }

  #peek(kind: Token['kind'], ...texts: string[]): boolean {
    const token = this.#tokens[this.#at] as Token
    return token.kind === kind && texts.includes(token.text)
  }
}

function unexpected(token: Token, expected: string): ClaimError {
  const found = token.kind === 'end' ? 'the end' : `“${token.text}”`
  return new ClaimError(`expected ${expected}, found ${found}`, token.at)
}

/** Reads an assertion. Throws a `ClaimError` for what is none. */
export function parseClaim(text: string): Claim {
  return new Reader(text).claim()
}

/** The figures that an assertion speaks of, each once, in order. */
export function figuresOf({ left, right }: Pick<Claim, 'left' | 'right'>): string[] {
  const of = (term: Term): string[] => {
    if (term.kind === 'number') return []
    return term.kind === 'figure' ? [term.path] : [...of(term.left), ...of(term.right)]
  }
  return [...new Set([...of(left), ...of(right)])]
}

/** What each assertion comes to. A figure that is absent from the result makes it fail. */
export function checkAssertions(texts: readonly string[], result: Result): Assertion[] {
  return texts.map((text) => {
    const claim = parseClaim(text)
    const figures = new Map(figuresOf(claim).map((path) => [path, figureAt(result, path)]))
    const found = [...figures].map(
      ([path, value]) => `${path} = ${value === undefined ? 'absent' : shownNumber(value)}`,
    )
    return { text, holds: holds(claim, figures), found: found.join(', ') }
  })
}

function holds(
  { left, operator, right }: Claim,
  figures: ReadonlyMap<string, number | undefined>,
): boolean {
  const [a, b] = [evaluate(left, figures), evaluate(right, figures)]
  // What is no number compares as false.
  if (operator === '<') return a < b
  if (operator === '<=') return a <= b
  if (operator === '>') return a > b
  if (operator === '>=') return a >= b
  return a === b
}

function evaluate(term: Term, figures: ReadonlyMap<string, number | undefined>): number {
  if (term.kind === 'number') return term.value
  if (term.kind === 'figure') return figures.get(term.path) ?? Number.NaN
  const [a, b] = [evaluate(term.left, figures), evaluate(term.right, figures)]
  if (term.operator === '+') return a + b
  if (term.operator === '-') return a - b
  return term.operator === '*' ? a * b : a / b
}

/** A figure of a result by its path; undefined where it is absent. */
function figureAt(result: Result, path: string): number | undefined {
  let value: unknown = result
  const steps = path.split('.')
  if (steps.length > 1) value = result.strategies
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = Reflect.get(value, step)
  }
  return typeof value === 'number' ? value : undefined
}

function shownNumber(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(5)))
}
