#!/usr/bin/env node
// Runs on any Node, also on one that is too old for the command itself.
const MAJOR_MIN = 22
const major = Number(process.versions.node.split('.')[0])

if (major < MAJOR_MIN) {
  console.error(
    `kadmium: Node ${MAJOR_MIN} or later is needed, this is ${process.versions.node}: install a newer Node, or run it through npx`,
  )
  process.exitCode = 2
} else {
  import('../dist/main.js').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error(
      `kadmium: ${error.message.split('\n')[0]}: in a checkout, run npm run build first`,
    )
    process.exitCode = 70
  })
}
