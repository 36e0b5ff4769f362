/** What must not stand in the tree, each with what to do instead. */
import ts from 'typescript'
import type { SourceFile, TextFile } from './files.ts'

/**
 * Texts. Protocol terms stay legal: a session, an agent version and an issue of another project
 * (`js-libp2p#123`) are ours to speak of; the history of how the work was done is not.
 */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/, 'do it now, or write it down where the plan is'],
  [/(?<![\w.$}:/-])\/(work|root|tmp|home|Users)(?=[/'"`\s),;]|$)/, 'no path of one machine'],
  [/\bsession #?\d+\b/i, 'say what changed; who did it when is in the history'],
  [/\bissue #?\d+\b/i, 'say what is meant; a foreign issue is written project#123'],
  [
    /\b(A[I]|LL[M]s?|Clau[d]e|ChatGP[T]|Anthropi[c]|OpenA[I]|Copilo[t])\b/,
    'say what the program does',
  ],
  [/\b(assistan[t]s?|language mode[l]s?|sub-?agen[t]s?)\b/i, 'say what the program does'],
]

/** Texts that must not stand in any file. */
export function bannedWords(file: TextFile): string[] {
  return file.text.split('\n').flatMap((line, index) =>
    WORDS.flatMap(([word, instead]) => {
      const match = word.exec(line)
      return match === null ? [] : [`${file.path}:${index + 1}: "${match[0]}": ${instead}`]
    }),
  )
}

const CORE = /^packages\/core\/src\/(?!.*\.test\.ts$)/
const TEST = /\.test\.ts$/

interface Ban {
  readonly where: RegExp
  readonly what: (node: ts.Node) => boolean
  readonly instead: string
}

const CODE: readonly Ban[] = [
  {
    where: /./,
    what: (node) => isMember(node, 'Math', 'random'),
    instead: 'draw from a `Random` with a seed, so that the run can be repeated',
  },
  {
    where: CORE,
    what: (node) => isMember(node, 'Date', 'now'),
    instead: 'time is an argument',
  },
  {
    where: CORE,
    what: (node) =>
      ts.isAwaitExpression(node) ||
      node.kind === ts.SyntaxKind.AsyncKeyword ||
      (ts.isIdentifier(node) && node.text === 'Promise'),
    instead: 'core never waits: ask with an output, and go on when the answer is an input',
  },
  {
    where: TEST,
    what: (node) =>
      ts.isPropertyAccessExpression(node) &&
      /^(only|skip)$/.test(node.name.text) &&
      /^(test|it|describe|suite)\b/.test(node.expression.getText()),
    instead: 'run one file with `npx vitest run FILE`, one test with `-t NAME`',
  },
  {
    where: TEST,
    what: (node) =>
      ts.isCallExpression(node) && /^(setTimeout|sleep)$/.test(lastName(node.expression)),
    instead: 'no test sleeps: pass the time, or wait for the fact with `vi.waitFor`',
  },
  {
    where: TEST,
    what: (node) =>
      ts.isImportDeclaration(node) &&
      /^['"](node:timers\/promises|timers\/promises|delay)['"]$/.test(
        node.moduleSpecifier.getText(),
      ),
    instead: 'no test sleeps: pass the time, or wait for the fact with `vi.waitFor`',
  },
]

/** Code that must not stand in this file. */
export function bannedCode(file: SourceFile): string[] {
  const bans = CODE.filter(({ where }) => where.test(file.path))
  const found: string[] = []
  const look = (node: ts.Node): void => {
    for (const { what, instead } of bans) {
      if (!what(node)) continue
      const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart())
      const [text] = node.getText().split('\n')
      found.push(`${file.path}:${line + 1}: \`${text}\`: ${instead}`)
    }
    ts.forEachChild(node, look)
  }
  look(file.tree)
  return found
}

function isMember(node: ts.Node, object: string, property: string): boolean {
  return (
    ts.isPropertyAccessExpression(node) &&
    node.name.text === property &&
    node.expression.getText() === object
  )
}

function lastName(callee: ts.Expression): string {
  return ts.isPropertyAccessExpression(callee) ? callee.name.text : callee.getText()
}
