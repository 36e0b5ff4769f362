import { expect, test } from 'vitest'
import { expectMended } from './both.ts'

const DEFECT = 'one is two'
const broken = (): void => expect(1, DEFECT).toBe(2)
const whole = (): void => expect(1, DEFECT).toBe(1)

test('what Kadmium must do fails where it does not', () => {
  expect(() => expectMended('kadmium', DEFECT, broken)).toThrow(DEFECT)
  expectMended('kadmium', DEFECT, whole)
})

test('the defect must be there in the other, and no other failure counts', () => {
  expectMended('kad-dht', DEFECT, broken)
  expect(() => expectMended('kad-dht', DEFECT, whole)).toThrow('does not show the defect any more')
  const accident = (): void => {
    throw new Error(`${DEFECT}: connection lost`)
  }
  expect(() => expectMended('kad-dht', DEFECT, accident)).toThrow('connection lost')
  expect(() => expectMended('kad-dht', DEFECT, () => expect(1).toBe(2))).toThrow('expected 1')
})
