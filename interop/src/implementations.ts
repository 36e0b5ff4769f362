/** The other implementations, each as data: how it is built and started, and where it is known to differ. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOnPath, step, type Tell } from './build.ts'
import type { CaseName } from './cases.ts'
import { startLibp2pPeer } from './libp2p-peer.ts'
import { startLinePeer } from './line-peer.ts'
import type { InteropPeer, PeerInit, Transport } from './peer.ts'

export type ImplementationId = 'js' | 'go' | 'rust'

/** A case that can't pass because of what the other does. Should it pass after all, that is told as a failure. */
export interface Difference {
  readonly operation: CaseName
  /** Who asks: Kadmium or the other. */
  readonly asker: 'us' | 'them'
  /** What the case then says; any other failure is one. */
  readonly says: string
  readonly reason: string
}

/** What can be started. */
export interface Ready {
  /** Name and version of the library. */
  readonly name: string
  start(init: PeerInit): Promise<InteropPeer>
}

export interface Implementation {
  readonly id: ImplementationId
  /** The name of the library, where its version is not known. */
  readonly name: string
  readonly transports: readonly Transport[]
  readonly differences: readonly Difference[]
  /** Why it can't be run on this machine; null when it can. */
  absent(): string | null
  /** Builds it; rejects when that fails. */
  prepare(tell: Tell): Promise<Ready>
}

/** The folder `interop`, above `src` and `dist`. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..')
const GO = join(FOLDER, 'go')
const GO_PROGRAM = join(FOLDER, 'dist/bin/go')
const RUST = join(FOLDER, 'rust')
const RUST_PROGRAM = join(RUST, 'target/debug/kadmium-interop-rust')

/** Servers that take no provider records for keys of other hashes than sha2-256. */
const SHA2_ONLY: readonly Difference[] = (
  [
    'provide sha2-512',
    'find providers sha2-512',
    'provide sha3-256',
    'find providers sha3-256',
  ] as const
).map((operation) => ({
  operation,
  asker: 'us',
  says: 'a nearest server has no provider',
  reason: 'its servers refuse keys of provider records that are no sha2-256',
}))

/** Servers that judge whether a record is valid and not whether it is newer. */
const NO_SELECTOR: Difference = {
  operation: 'put older /ipns',
  asker: 'us',
  says: 'a nearest server has another value',
  reason: 'its servers take an older record in place of a newer one',
}

const js: Implementation = {
  id: 'js',
  name: '@libp2p/kad-dht',
  transports: ['tcp', 'quic'],
  differences: [...SHA2_ONLY, NO_SELECTOR],
  absent: () => null,
  prepare: async () => ({
    name: `@libp2p/kad-dht ${installedVersion('@libp2p/kad-dht')}`,
    start: (init) => startLibp2pPeer('kad-dht', init),
  }),
}

const go: Implementation = {
  id: 'go',
  name: 'go-libp2p-kad-dht',
  transports: ['tcp', 'quic'],
  differences: [],
  absent: () => (isOnPath('go', ['version']) ? null : 'go is not on the PATH'),
  prepare: async (tell) => {
    await step(GO, ['go', 'build', '-o', GO_PROGRAM, '.'], tell)
    await step(GO, ['go', 'vet', './...'], tell)
    await step(GO, ['go', 'test', './lines'], tell)
    return await program(GO_PROGRAM)
  },
}

const rust: Implementation = {
  id: 'rust',
  name: 'rust-libp2p kad',
  transports: ['tcp', 'quic'],
  differences: [NO_SELECTOR],
  absent: () => {
    if (!existsSync(join(RUST, 'Cargo.toml'))) return 'there is no interop/rust'
    return isOnPath('cargo', ['--version']) ? null : 'cargo is not on the PATH'
  },
  prepare: async (tell) => {
    await step(RUST, ['cargo', 'build', '--locked'], tell)
    return await program(RUST_PROGRAM)
  },
}

export const IMPLEMENTATIONS: readonly Implementation[] = [js, go, rust]

/** A program that speaks the line protocol; it is asked what library it was linked with. */
async function program(path: string): Promise<Ready> {
  const protocol = '/ipfs/kad/1.0.0'
  const asked = await startLinePeer(path, { transport: 'tcp', mode: 'client', protocol, k: 20 })
  await asked.stop()
  return { name: asked.implementation, start: (init) => startLinePeer(path, init) }
}

/** The version of an installed package, whose manifest lies somewhere above its entry. */
function installedVersion(name: string): string {
  for (let folder = fileURLToPath(import.meta.resolve(name)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) continue
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    if (manifest.name === name) return manifest.version ?? 'of unknown version'
  }
}
