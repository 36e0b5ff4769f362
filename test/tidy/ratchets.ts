/** Limits that only ever get tighter: how long a function and a file may be. */
import ts from 'typescript'
import { isTest, type SourceFile } from './files.ts'

/** A test file may be longer: its cases stand side by side and are read one at a time. */
const LINES_MAX = { file: 400, testFile: 800, function: 70, testFunction: 100 }

/** What is too long in a file. */
export function tooLong(file: SourceFile): string[] {
  const test = isTest(file.path)
  const fileMax = test ? LINES_MAX.testFile : LINES_MAX.file
  const functionMax = test ? LINES_MAX.testFunction : LINES_MAX.function
  const found: string[] = []
  const count = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0)
  if (count > fileMax)
    found.push(`${file.path}: ${count} lines, at most ${fileMax}: which part is missing?`)
  visit(file.tree, (node) => {
    if (!isFunction(node) || isSuite(node)) return
    const lines = linesOf(node, file.tree) - suiteLinesIn(node, file.tree)
    if (lines <= functionMax) return
    const where = `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
    found.push(`${where}: ${nameOf(node)} has ${lines} lines, at most ${functionMax}`)
  })
  return found
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined
}

/** The body of a `describe` is a list of tests, not a function that somebody has to follow. */
function isSuite(node: ts.Node): boolean {
  const call = node.parent
  return (
    isFunction(node) &&
    ts.isCallExpression(call) &&
    /^(describe|suite)\b/.test(call.expression.getText())
  )
}

function suiteLinesIn(node: ts.Node, tree: ts.SourceFile): number {
  let lines = 0
  const look = (child: ts.Node): void => {
    if (isSuite(child)) lines += linesOf(child, tree)
    else ts.forEachChild(child, look)
  }
  ts.forEachChild(node, look)
  return lines
}

function linesOf(node: ts.Node, tree: ts.SourceFile): number {
  const first = tree.getLineAndCharacterOfPosition(node.getStart()).line
  return tree.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText()
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  const { parent } = node
  return ts.isVariableDeclaration(parent) || ts.isPropertyDeclaration(parent)
    ? parent.name.getText()
    : 'a nameless function'
}
