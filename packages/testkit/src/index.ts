export {
  anyKey,
  type LookupCall,
  lookupCalls,
  type TinyWorld,
  tinyWorld,
} from './arbitraries.ts'
export { goLookup, jsLookup } from './baselines.ts'
export { HandClock } from './hand-clock.ts'
export { type LookupMeans, lookupMeans, networkBook, runLookup } from './lookup-run.ts'
export { madeUpRun } from './made-up-run.ts'
export { Network } from './network.ts'
export { Notes } from './notes.ts'
export { key8, type TinyBook, tinyBook } from './tiny.ts'
export { judge, recordOf } from './world/judge.ts'
export { type Names, ownNames, sharedNames } from './world/names.ts'
export { OPERATION_TYPES, type OperationRun } from './world/run.ts'
export { copyInput, type PlainOutput, plainOutput } from './world/trace.ts'
export { type Ask, type Step, type Subject, World, type WorldInit } from './world/world.ts'
