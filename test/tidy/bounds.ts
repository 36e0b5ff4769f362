/** Beside every collection that can grow a comment says what bounds it. */
import ts from 'typescript'
import { isTest, type SourceFile } from './files.ts'

const SCOPE = /^packages\/(core|libp2p)\/src\//
const BOUND = /bounded/i

/** Collections without such a comment: fields, also those set in a constructor, and module variables. */
export function unbounded(file: SourceFile): string[] {
  if (!SCOPE.test(file.path) || isTest(file.path)) return []
  const found: string[] = []
  const tell = (node: ts.Node, name: string, explained: readonly ts.Node[]): void => {
    if (explained.some((place) => BOUND.test(commentsOf(place, file.text)))) return
    const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart())
    found.push(`${file.path}:${line + 1}: ${name} grows: say beside it what it is bounded by`)
  }
  for (const statement of file.tree.statements) {
    if (ts.isVariableStatement(statement))
      for (const { name, initializer } of statement.declarationList.declarations)
        if (isEmptyCollection(initializer)) tell(statement, name.getText(), [statement])
    if (ts.isClassDeclaration(statement))
      for (const member of statement.members) {
        if (ts.isPropertyDeclaration(member) && isCollection(member.initializer))
          tell(member, member.name.getText(), [member])
        if (ts.isConstructorDeclaration(member))
          for (const set of collectionsSet(member))
            tell(set.statement, set.name, [set.statement, ...fieldsNamed(statement, set.name)])
      }
  }
  return found
}

/** `new Map`, `new Set` and `new Array` with any start, and a list that starts empty. */
function isCollection(value: ts.Expression | undefined): boolean {
  if (value === undefined) return false
  if (ts.isNewExpression(value)) return /^(Map|Set|Array)$/.test(value.expression.getText())
  return isEmptyCollection(value)
}

/** One that begins empty can only be meant to grow; a filled one outside of a class is a constant. */
function isEmptyCollection(value: ts.Expression | undefined): boolean {
  if (value === undefined) return false
  if (ts.isArrayLiteralExpression(value)) return value.elements.length === 0
  return (
    ts.isNewExpression(value) &&
    /^(Map|Set|Array)$/.test(value.expression.getText()) &&
    (value.arguments ?? []).length === 0
  )
}

function collectionsSet(
  maker: ts.ConstructorDeclaration,
): { name: string; statement: ts.Statement }[] {
  const found: { name: string; statement: ts.Statement }[] = []
  for (const statement of maker.body?.statements ?? []) {
    if (!ts.isExpressionStatement(statement) || !ts.isBinaryExpression(statement.expression))
      continue
    const { left, operatorToken, right } = statement.expression
    if (operatorToken.kind !== ts.SyntaxKind.EqualsToken || !isCollection(right)) continue
    if (ts.isPropertyAccessExpression(left) && left.expression.kind === ts.SyntaxKind.ThisKeyword)
      found.push({ name: left.name.text, statement })
  }
  return found
}

function fieldsNamed(owner: ts.ClassDeclaration, name: string): ts.Node[] {
  return owner.members.filter((member) => member.name?.getText() === name)
}

/** The comments right above a node and behind it on its line. */
function commentsOf(node: ts.Node, text: string): string {
  const above = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []
  const behind = ts.getTrailingCommentRanges(text, node.getEnd()) ?? []
  return [...above, ...behind].map(({ pos, end }) => text.slice(pos, end)).join('\n')
}
