/**
 * A libp2p node with the DHT on it, as all commands share it: started for one operation or for long,
 * with a data folder or in memory. What a command does with it stands in `commands/`.
 */
import { readFileSync } from 'node:fs'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { autoNAT } from '@libp2p/autonat'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { DataFolder } from './data-folder.ts'
import { kadDHT, type SingleKadDHT } from './dht.ts'
import { CliError } from './errors.ts'
import type { Network } from './network.ts'

/** The version of this package. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version

/** `server` answers requests, `client` only asks; `auto` is a server once others can reach it. */
export type Mode = 'server' | 'client' | 'auto'

export interface SessionInit {
  network: Network
  mode: Mode
  /** Where to listen; a command that only asks listens nowhere. */
  listen: readonly Multiaddr[]
  /** Addresses to tell others besides those found by listening. */
  announce: readonly Multiaddr[]
  /** Identity and database; null keeps both in memory. */
  data: DataFolder | null
}

export interface Session {
  node: Libp2p
  dht: SingleKadDHT
  network: Network
  privateKey: PrivateKey
  /** Stops the node and closes the data folder. */
  stop(): Promise<void>
}

/**
 * Connections that one host may open to us per second. libp2p's default of 5 suits a public node; on a
 * private network all peers can share one address.
 */
const INBOUND_PER_SECOND: Readonly<Record<Network['name'], number>> = {
  public: 5,
  local: 1000,
  any: 1000,
}

/** Starts a node. The data folder is the session's from here on: it is closed also when this fails. */
export async function openSession(init: SessionInit): Promise<Session> {
  const { network, data } = init
  const privateKey = data?.privateKey ?? (await generateKeyPair('Ed25519'))
  try {
    const node = await createLibp2p({
      privateKey,
      nodeInfo: { name: 'kadmium', version: VERSION },
      addresses: {
        listen: init.listen.map(String),
        appendAnnounce: init.announce.map(String),
      },
      connectionManager: { inboundConnectionThreshold: INBOUND_PER_SECOND[network.name] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      ...(data === null ? {} : { datastore: data.datastore }),
      services: {
        identify: identify(),
        ping: ping(),
        // Asks others whether they reach us: without it no public address is ever believed.
        ...(init.listen.length > 0 && network.name !== 'local' ? { autoNAT: autoNAT() } : {}),
        dht: kadDHT({
          protocol: network.protocol,
          peerInfoMapper: network.peerInfoMapper,
          ...clientMode(init.mode, network),
        }),
      },
    })
    const stop = async () => {
      await node.stop()
      await data?.close()
    }
    return { node, dht: node.services.dht, network, privateKey, stop }
  } catch (error) {
    await data?.close()
    throw listenError(error)
  }
}

/** On a private network nobody waits to be told that he is reachable: `auto` is a server there. */
function clientMode(mode: Mode, network: Network): { clientMode?: boolean } {
  if (mode === 'auto') return network.name === 'public' ? {} : { clientMode: false }
  return { clientMode: mode === 'client' }
}

/** libp2p reports a failed listen as one text with a stack for each address; this finds the cause. */
function listenError(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error
  const [, where = 'an address given with --listen', reason = ''] =
    /^ *(\/\S+): (?:Error: )?(.*)$/m.exec(error.message) ?? []
  const code = /\bE[A-Z]{3,}\b/.exec(reason)?.[0] ?? ''
  const causes: Record<string, string> = {
    EADDRINUSE: `the port of ${where} is in use: choose another with --listen /ip4/0.0.0.0/tcp/<port>, or 0 for any free one`,
    EACCES: `may not listen on ${where}: choose a port above 1023 with --listen`,
    EADDRNOTAVAIL: `this machine has no address ${where}: listen on one of its own, or on all with --listen /ip4/0.0.0.0/tcp/<port>`,
    ENOTFOUND: `can’t listen on ${where}: nobody knows that name; give an address of this machine with --listen`,
  }
  const because = reason === '' ? '' : ` (${reason})`
  const text = causes[code] ?? `can’t listen on ${where}${because}: choose another with --listen`
  return new CliError('listen', text, { cause: error })
}
