/**
 * Bundles for browsers, with no polyfill, and tells what a browser would stumble over: modules of Node, also
 * those that a dependency leaves out for browsers, and names that only Node has.
 */
import { fileURLToPath } from 'node:url'
import { type BuildFailure, type BuildOptions, build } from 'esbuild'
import ts from 'typescript'

/** Names that Node has and a browser has not. `require` is esbuild's business. */
const NODE_GLOBALS = [
  'Buffer',
  '__dirname',
  '__filename',
  'clearImmediate',
  'global',
  'process',
  'setImmediate',
]

/** Put before such a name where it stands free, so that it is found again in the bundle. */
const MARK = 'nodeGlobal_'

const OPTIONS = {
  bundle: true,
  platform: 'browser',
  format: 'esm',
  target: 'es2023',
  conditions: ['kadmium-source'],
  absWorkingDir: fileURLToPath(new URL('../../../..', import.meta.url)),
  logLevel: 'silent',
  write: false,
} as const satisfies BuildOptions

/** The text of a bundle of this module and all that it imports. Throws where a module can't be had. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [entry] })
  return textOf(outputFiles)
}

/** What a bundle of this TypeScript would need of Node, a line each; empty where it runs in a browser. */
export async function nodeNeeds(source: string): Promise<string[]> {
  const stdin = { contents: source, loader: 'ts', resolveDir: import.meta.dirname } as const
  const define = Object.fromEntries(NODE_GLOBALS.map((name) => [name, MARK + name]))
  try {
    const result = await build({ ...OPTIONS, stdin, define, metafile: true })
    const leftOut = Object.keys(result.metafile.inputs).filter((path) =>
      path.includes('(disabled)'),
    )
    return [...leftOut, ...unguarded(textOf(result.outputFiles))]
  } catch (error) {
    return (error as BuildFailure).errors.map(
      ({ text, location }) => `${location?.file}:${location?.line}: ${text}`,
    )
  }
}

function textOf(files: { text: string }[]): string {
  const [file] = files
  if (file === undefined || files.length !== 1) throw new Error(`${files.length} bundles for one`)
  return file.text
}

/** Free names of Node that are used where no `typeof` has looked for them first. */
function unguarded(text: string): string[] {
  const tree = ts.createSourceFile('bundle.js', text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const look = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text.startsWith(MARK) && !isGuarded(node)) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart())
      const [code = ''] = text.split('\n').slice(line)
      found.push(`${node.text.slice(MARK.length)}: ${code.replaceAll(MARK, '').trim()}`)
    }
    ts.forEachChild(node, look)
  }
  look(tree)
  return found
}

/** Is it the operand of a `typeof`, or behind a condition in which there is one? */
function isGuarded(name: ts.Identifier): boolean {
  const asks = (condition: ts.Node): boolean => condition.getText().includes(`typeof ${name.text}`)
  let child: ts.Node = name
  for (let node: ts.Node = name.parent; !ts.isSourceFile(node); node = node.parent) {
    if (ts.isTypeOfExpression(node)) return true
    if ((ts.isIfStatement(node) || ts.isWhileStatement(node)) && asks(node.expression)) return true
    if (ts.isConditionalExpression(node) && asks(node.condition)) return true
    if (ts.isBinaryExpression(node) && child === node.right && asks(node.left)) return true
    child = node
  }
  return false
}
