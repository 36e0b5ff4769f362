export {
  anyKey,
  type LookupCall,
  lookupCalls,
  type TinyWorld,
  tinyKeys,
  tinyWorld,
} from './arbitraries.ts'
export { goLookup, jsLookup } from './baselines.ts'
export { networkBook, recall, runLookup } from './lookup-run.ts'
export { Network } from './network.ts'
export { key8, type TinyBook, tinyBook } from './tiny.ts'
