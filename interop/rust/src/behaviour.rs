//! The parts of the swarm, configured as applications configure them, and what they can be asked for.

use libp2p::core::Endpoint;
use libp2p::identify;
use libp2p::identity::PublicKey;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, QueryId};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionId, NetworkBehaviour};
use libp2p::{Multiaddr, PeerId, Swarm};

use crate::flags::Flags;

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub kad: kad::Behaviour<MemoryStore>,
    pub identify: identify::Behaviour,
}

pub fn new(flags: &Flags, key: PublicKey) -> Behaviour {
    let peer = key.to_peer_id();
    let mut config = kad::Config::new(flags.protocol.clone());
    config.set_replication_factor(flags.k).set_kbucket_size(flags.k);
    let mut kad = kad::Behaviour::with_config(peer, MemoryStore::new(peer), config);
    kad.set_mode(Some(flags.mode));
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let identify = identify::Behaviour::new(
        identify::Config::new("ipfs/0.1.0".into(), key).with_agent_version(agent.into()),
    );
    Behaviour { kad, identify }
}

/// Ends a query that nobody waits for any more.
pub fn finish(kad: &mut kad::Behaviour<MemoryStore>, query: QueryId) {
    if let Some(mut query) = kad.query_mut(&query) {
        query.finish();
    }
}

/// Where Kademlia would dial a peer: the only way to the addresses of providers, which its events do not tell. Only while the query that named them goes on.
pub fn dialled_at(swarm: &mut Swarm<Behaviour>, peer: PeerId) -> Vec<Multiaddr> {
    let addresses = if peer == *swarm.local_peer_id() {
        swarm.listeners().cloned().collect()
    } else {
        let asked_by = ConnectionId::new_unchecked(0);
        let kad = &mut swarm.behaviour_mut().kad;
        kad.handle_pending_outbound_connection(asked_by, Some(peer), &[], Endpoint::Dialer)
            .unwrap_or_default()
    };
    let mut distinct = Vec::with_capacity(addresses.len());
    for address in addresses.into_iter().map(without_peer) {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct
}

pub fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

/// Name and version of the library as it was linked: the lock file is what the build went by.
pub fn implementation() -> String {
    let mut lines = include_str!("../Cargo.lock").lines();
    lines.find(|line| *line == "name = \"libp2p-kad\"");
    let version = lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or("?");
    format!("rust-libp2p kad {}", version.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let version = implementation().strip_prefix("rust-libp2p kad ").unwrap().to_owned();
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
    }

    #[test]
    fn an_address_loses_the_peer_at_its_end_and_no_other() {
        let peer = PeerId::random();
        let plain: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        assert_eq!(without_peer(plain.clone().with(Protocol::P2p(peer))), plain);
        assert_eq!(without_peer(plain.clone()), plain);
        let relayed = plain.with(Protocol::P2p(peer)).with(Protocol::P2pCircuit);
        assert_eq!(without_peer(relayed.clone()), relayed);
    }
}
