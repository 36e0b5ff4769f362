/** What engine, host and workload draw for; the world's own purposes end below 64 (`world/dice.ts`). */
export const FLIGHT = 64
export const LOSS = 65
export const SERVICE = 66
export const PICK = 67
export const SUBJECT = 68
export const OPERATION = 69
export const ASKER = 70
export const CHOICE = 71
export const OWNER = 72
export const LEAVE = 73
export const ENTRY = 74
export const START = 75
export const STALE = 76
export const FAULT = 77
export const WARM = 78
export const WALK = 79
export const PUNCH = 80
