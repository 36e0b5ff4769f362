/**
 * Says of a record whether it belongs to its key and whether it beats another one. Validators and
 * selectors are found by the first part of the key; those of the user stand beside the built-in ones or
 * in their place, and the maps may be changed at any time. What they do wrong speaks against the new
 * record: an error of a validator makes it invalid, an error of a selector makes it the worse one.
 */
import type { Verdict } from '@kadmium/core'
import type { AbortOptions } from '@libp2p/interface'
import { equals } from 'uint8arrays/equals'
import type { SelectFn, Selectors, ValidateFn, Validators } from '../types.ts'
import { BUILT_IN_SELECTORS } from './selectors.ts'
import { BUILT_IN_VALIDATORS } from './validators.ts'

export interface RecordJudgeInit {
  validators?: Validators | undefined
  selectors?: Selectors | undefined
}

export class RecordJudge {
  readonly validators: Validators
  readonly selectors: Selectors

  constructor(init: RecordJudgeInit = {}) {
    this.validators = { ...BUILT_IN_VALIDATORS, ...init.validators }
    this.selectors = { ...BUILT_IN_SELECTORS, ...init.selectors }
  }

  /**
   * Judges a value alone (`against` null) or against another one that is already there.
   *
   * @param keyBytes - the key of the message or of the query.
   * @param value - of a record, from anybody.
   * @param against - a value that passed once. If it no longer does, the new one is better.
   * @returns `invalid`; `better` than the other or first of all; `same` value; `worse`. Never rejects.
   */
  async judge(
    keyBytes: Uint8Array,
    value: Uint8Array,
    against: Uint8Array | null,
    options: AbortOptions = {},
  ): Promise<Verdict> {
    if ((await this.faultOf(keyBytes, value, options)) !== null) return 'invalid'
    if (against === null) return 'better'
    if (equals(against, value)) return 'same'
    if (await this.beats(keyBytes, value, against)) return 'better'
    // It lost against one that may have run out since, as an IPNS record does.
    return (await this.faultOf(keyBytes, against, options)) === null ? 'worse' : 'better'
  }

  /** Why a value does not belong to the key, in the validator's own words; null where it does. Never rejects. */
  async faultOf(
    key: Uint8Array,
    value: Uint8Array,
    options: AbortOptions = {},
  ): Promise<Error | null> {
    const namespace = namespaceOf(key)
    const validate = own<ValidateFn>(this.validators, namespace)
    if (validate === undefined)
      return new Error(`there is no validator ${JSON.stringify(namespace)}`)
    try {
      await validate(key, value, options)
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** On a tie the selector names the first, and what is there stays. */
  private async beats(
    key: Uint8Array,
    candidate: Uint8Array,
    incumbent: Uint8Array,
  ): Promise<boolean> {
    const select = own<SelectFn>(this.selectors, namespaceOf(key))
    try {
      return (await select?.(key, [incumbent, candidate])) === 1
    } catch {
      return false
    }
  }
}

const SLASH = 0x2f

/** The first part of a key: `pk` of `/pk/…`. Empty where a key has no such part or nothing behind it. */
function namespaceOf(key: Uint8Array): string {
  const end = key.indexOf(SLASH, 1)
  if (key[0] !== SLASH || end < 2 || end === key.length - 1) return ''
  return String.fromCharCode(...key.subarray(1, end))
}

/** `/constructor/…` must not find what every object inherits. */
function own<T>(map: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined
}
