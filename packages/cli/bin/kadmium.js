#!/usr/bin/env node
// Runs on any Node, also on one that is too old for the command itself.
const OLDEST = [22, 12]
const own = process.versions.node
const [major, minor] = own.split('.').map(Number)

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  const advice = 'install a newer Node, or in a checkout run it through npx'
  console.error(`kadmium: Node ${OLDEST.join('.')} or later is needed, this is ${own}: ${advice}`)
  process.exitCode = 2
} else {
  import('../dist/main.js').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    const [reason] = error.message.split('\n')
    console.error(`kadmium: ${reason}: in a checkout, run npm run build first`)
    process.exitCode = 70
  })
}
