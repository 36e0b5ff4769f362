/**
 * Helia with Kadmium as its DHT: the libp2p configuration that Helia makes, with one service replaced.
 *
 * For the public network that is all there is to it:
 *
 *     const services = { ...libp2pDefaults().services, dht: kadDHT() }
 *     const helia = await createHelia({ libp2p: { services } }).start()
 *
 * The nodes here keep to loopback, so everything that calls elsewhere is left out.
 */
import { withBitswap } from '@helia/bitswap'
import {
  type DefaultLibp2pServices,
  type HeliaWithLibp2p,
  libp2pDefaults,
  withLibp2p,
} from '@helia/libp2p'
import { type KadDHTInit, kadDHT, passthroughMapper, type SingleKadDHT } from '@kadmium/libp2p'
import { identify } from '@libp2p/identify'
import type { ComponentLogger, Libp2p } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromCID } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createHeliaLight } from 'helia'
import { createLibp2p } from 'libp2p'
import type { CID } from 'multiformats/cid'

/** A node with Kadmium among its services. */
export type KadmiumNode = Libp2p<{ dht: SingleKadDHT }>

/** Helia with its own services, the DHT replaced. */
export type HeliaNode = HeliaWithLibp2p<DefaultLibp2pServices & { dht: SingleKadDHT }>

const LOOPBACK = { listen: ['/ip4/127.0.0.1/tcp/0'] }

/** Loopback addresses are no use to strangers, so a DHT leaves them out unless it is told otherwise. */
const LOCAL: KadDHTInit = { peerInfoMapper: passthroughMapper }

/** A node that does nothing but serve the DHT. Whoever starts it stops it. */
export async function startServer(): Promise<KadmiumNode> {
  const { connectionEncrypters, streamMuxers } = libp2pDefaults()
  return await createLibp2p({
    addresses: LOOPBACK,
    transports: [tcp()],
    connectionEncrypters,
    streamMuxers,
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({ ...LOCAL, clientMode: false }),
    },
  })
}

/** A Helia node that fetches over bitswap, from whom the DHT names and nobody else. */
export async function startHelia(
  bootstrappers: readonly Libp2p[],
  logger: ComponentLogger = defaultLogger(),
): Promise<HeliaNode> {
  const off = (): object => ({})
  const helia = withBitswap(
    withLibp2p(createHeliaLight({ logger }), {
      logger,
      addresses: LOOPBACK,
      transports: [tcp()],
      peerDiscovery: [],
      services: {
        ...libp2pDefaults().services,
        dht: kadDHT(LOCAL),
        // These ask others than the DHT, most of them on the internet.
        autoTLS: off,
        delegatedContentRouting: off,
        delegatedPeerRouting: off,
        upnp: off,
      },
    }),
  )
  await helia.start()
  for (const server of bootstrappers) await helia.libp2p.dial(server.getMultiaddrs())
  return helia
}

/** What Helia tells while it fetches, as far as it is of use here. */
interface Progress {
  type: string
  detail: unknown
}

/**
 * A listener for Helia's `onProgress` that tells the DHT who delivered. It may be told of every block:
 * what is said twice counts once.
 */
export function reportTo(dht: SingleKadDHT): (event: Progress) => void {
  return ({ type, detail }) => {
    if (type !== 'helia:block-broker:receive-block') return
    const { provider, cid } = detail as { provider: CID; cid: CID }
    dht.reportProvider(cid, peerIdFromCID(provider), 'served')
  }
}
