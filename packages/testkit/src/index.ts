export {
  type LookupCall,
  lookupCalls,
  type TinyWorld,
  tinyWorld,
} from './arbitraries.ts'
export { goLookup, jsLookup } from './baselines.ts'
export { type LookupMeans, lookupMeans, networkBook, runLookup } from './lookup-run.ts'
export { Network } from './network.ts'
export { key8, type TinyBook, tinyBook } from './tiny.ts'
