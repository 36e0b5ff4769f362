/** `go`, with optimistic provide as an option. */
import type { Strategy } from '../strategy.ts'
import { GO_OPTIONS, Go } from './go-node.ts'
import { OptimisticGo } from './optimistic.ts'
import { faultOf, optionsOf } from './options.ts'

const OPTIONS = {
  ...GO_OPTIONS,
  /** Whether provides are optimistic. */
  optimistic: { default: false },
} as const

export const go: Strategy = {
  name: 'go',
  summary: 'go-libp2p-kad-dht: one path, ends when the 3 nearest answered, then a follow-up',
  optionsFault: (options) => faultOf(OPTIONS, options),
  create: (init) => {
    const options = optionsOf(OPTIONS, init.options)
    return options.optimistic ? new OptimisticGo(init, options) : new Go(init, options)
  },
}
