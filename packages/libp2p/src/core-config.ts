import { type Config, DEFAULT_CONFIG } from '@kadmium/core'
import type { KadDHTInit } from './types.ts'

/** What a user's options mean to the core. */
export function coreConfig(init: KadDHTInit): Partial<Config> & Pick<Config, 'recordValidityMs'> {
  return {
    ...(init.kBucketSize !== undefined && { k: init.kBucketSize }),
    ...(init.alpha !== undefined && { alpha: init.alpha }),
    recordValidityMs: init.reprovide?.validity ?? DEFAULT_CONFIG.recordValidityMs,
  }
}
