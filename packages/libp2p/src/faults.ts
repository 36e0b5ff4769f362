/**
 * What is wrong with the options of a user, told all at once.
 *
 * Bounded by: the options given.
 */
import { InvalidParametersError } from '@libp2p/interface'

/** What an option may have to be. */
export type Kind = 'text' | 'boolean' | 'function' | 'functions' | 'object'

/** The same for people. */
export const KIND_TEXTS: Readonly<Record<Kind, string>> = {
  text: 'a text that is not empty',
  boolean: 'true or false',
  function: 'a function',
  functions: 'an object of functions, by the first part of the keys that each is for',
  object: 'an object',
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const CHECKS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string' && value !== '',
  boolean: (value) => typeof value === 'boolean',
  function: (value) => typeof value === 'function',
  functions: (value) =>
    isObject(value) && Object.values(value as object).every((each) => typeof each === 'function'),
  object: isObject,
}

export function isKind(kind: Kind, value: unknown): boolean {
  return CHECKS[kind](value)
}

export class Faults {
  private readonly texts: string[] = [] // BOUNDED: by the options given

  /** `fault`: the end of a sentence that begins with the name. */
  note(name: string, fault: string): void {
    this.texts.push(`The option ${name} ${fault}`)
  }

  /** An option that others have and Kadmium does without; `instead` says what to do. */
  refuse(name: string, instead: string): void {
    this.note(name, `has no place in Kadmium: ${instead}`)
  }

  /** @throws InvalidParametersError that tells all of them */
  throwIfAny(): void {
    if (this.texts.length > 0) throw new InvalidParametersError(this.texts.join('. '))
  }
}
