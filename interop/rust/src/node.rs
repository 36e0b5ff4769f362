//! The node: a swarm with Kademlia and Identify, wired as applications wire them, and what each command does with it.

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::StreamExt;
use libp2p::identify;
use libp2p::kad::store::RecordStore;
use libp2p::kad::{
    self, GetProvidersOk, GetRecordOk, PutRecordError, QueryId, QueryResult, Quorum, Record,
    RecordKey,
};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::time::Instant;

use crate::behaviour::{
    self, Behaviour, BehaviourEvent, dialled_at, finish, implementation, without_peer,
};
use crate::flags::Flags;
use crate::lines::{Answer, Command, Outcome, PeerAddresses, Ready, Request};
use crate::pending::{IN_FLIGHT_MAX, Pending, Then, Work};

/// A request that crosses with the end of an idle connection is lost, and Kademlia of rust-libp2p
/// repeats none. With the default of 10 s that happened within a short run.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is to be done after an event.
pub enum Step {
    Answers(Vec<Answer>),
    Quit(Answer),
}

/// What became of a command at once: it waits, or it has its result.
type Begun = Result<Work, Result<Outcome, String>>;

pub struct Node {
    swarm: Swarm<Behaviour>,
    protocol: StreamProtocol,
    /// The size of a result; without it the library takes 20, whatever its replication factor.
    k: NonZeroUsize,
    pending: Pending,
    /// Where those who are connected say that they listen. BOUNDED: by the connected peers.
    identified: HashMap<PeerId, Vec<Multiaddr>>,
}

impl Node {
    /// A node that listens on each address of the flags.
    pub async fn listen(flags: &Flags) -> Result<Self, Box<dyn Error>> {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
            .with_quic()
            .with_behaviour(|keys| behaviour::new(flags, keys.public()))?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build();
        // BOUNDED: by the flags.
        let mut awaited = flags
            .listen
            .iter()
            .map(|address| swarm.listen_on(address.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        while !awaited.is_empty() {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, address } => {
                    awaited.retain(|id| *id != listener_id);
                    // Kademlia announces to others what is confirmed as reachable from outside; nobody but us can confirm it on loopback.
                    swarm.add_external_address(address);
                }
                SwarmEvent::ListenerClosed { reason, .. } => reason?,
                SwarmEvent::ListenerError { error, .. } => return Err(error.into()),
                _ => {}
            }
        }
        Ok(Self {
            swarm,
            protocol: flags.protocol.clone(),
            k: flags.k,
            pending: Pending::default(),
            identified: HashMap::new(),
        })
    }

    /// The first line of the output.
    pub fn ready(&self) -> Ready {
        let peer = *self.swarm.local_peer_id();
        let addresses = self
            .swarm
            .listeners()
            .map(|address| address.clone().with(Protocol::P2p(peer)))
            .collect();
        Ready { ready: true, peer, addresses, implementation: implementation() }
    }

    /// When `give_up` is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.deadline()
    }

    /// Answers what has waited for too long.
    pub fn give_up(&mut self, now: Instant) -> Step {
        let kad = &mut self.swarm.behaviour_mut().kad;
        Step::Answers(self.pending.give_up(now, |query| finish(kad, query)))
    }

    /// Begins what a line asks for.
    pub fn obey(&mut self, line: &[u8]) -> Step {
        let Request { id, timeout, command } = match Request::parse(line) {
            Ok(request) => request,
            Err(answer) => return Step::Answers(vec![answer]),
        };
        if command == Command::Quit {
            return Step::Quit(Answer::done(id, Outcome::Done {}));
        }
        if self.pending.is_full() {
            return Step::Answers(vec![Answer::failed(
                Some(id),
                format!("{IN_FLIGHT_MAX} commands are in flight"),
            )]);
        }
        Step::Answers(match self.begin(command) {
            Ok(work) => {
                self.pending.add(id, Instant::now() + timeout, work);
                Vec::new()
            }
            Err(Ok(outcome)) => vec![Answer::done(id, outcome)],
            Err(Err(error)) => vec![Answer::failed(Some(id), error)],
        })
    }

    /// Waits for the next thing that happens in the network. Nothing is lost when the future is dropped before.
    pub async fn progress(&mut self) -> Step {
        let event = self.swarm.select_next_some().await;
        Step::Answers(match event {
            SwarmEvent::ConnectionEstablished { connection_id, peer_id, .. } => {
                self.connected(connection_id, peer_id)
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.identified.remove(&peer_id);
                self.pending.end(|work| match work {
                    Work::Identify { peer, .. } if *peer == peer_id => {
                        Some(Err("the connection was closed before Identify told".into()))
                    }
                    _ => None,
                })
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.pending.end(|work| match work {
                    Work::Dial { connection } if *connection == connection_id => {
                        Some(Err(error.to_string()))
                    }
                    _ => None,
                })
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => self.identified(peer_id, info),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result,
                stats,
                step,
            })) => self.queried(id, result, stats.num_successes(), step.last),
            SwarmEvent::ListenerError { error, .. } => {
                eprintln!("listener: {error}");
                Vec::new()
            }
            _ => Vec::new(),
        })
    }

    fn begin(&mut self, command: Command) -> Begun {
        match command {
            Command::Connect { address } => self.connect(address),
            Command::FindPeer { peer } => self.find_peer(peer),
            _ => self.begin_kad(command),
        }
    }

    fn begin_kad(&mut self, command: Command) -> Begun {
        let kad = &mut self.swarm.behaviour_mut().kad;
        match command {
            Command::Put { key, value } => kad
                // Every one of the nearest is to have it; how many there are is seen at the end.
                .put_record(Record::new(key, value), Quorum::All)
                .map(|query| Work::Query { query })
                .map_err(|error| Err(error.to_string())),
            Command::Get { key } => Ok(Work::Query { query: kad.get_record(RecordKey::new(&key)) }),
            Command::Provide { cid } => kad
                .start_providing(RecordKey::new(&cid))
                .map(|query| Work::Query { query })
                .map_err(|error| Err(error.to_string())),
            Command::FindProviders { cid, count } => Ok(Work::Providers {
                query: kad.get_providers(RecordKey::new(&cid)),
                count,
                found: Vec::new(),
            }),
            Command::Closest { key } => {
                Ok(Work::Query { query: kad.get_n_closest_peers(key, self.k) })
            }
            Command::Table => {
                let peers = kad.kbuckets().flat_map(|bucket| {
                    bucket.iter().map(|entry| *entry.node.key.preimage()).collect::<Vec<_>>()
                });
                Err(Ok(Outcome::Peers { peers: peers.collect() }))
            }
            Command::Stored { key } => {
                let record =
                    kad.store_mut().get(&RecordKey::new(&key)).map(|record| record.value.clone());
                Err(Ok(Outcome::Value { value: record }))
            }
            Command::StoredProviders { cid } => {
                let providers = kad.store_mut().providers(&RecordKey::new(&cid));
                Err(Ok(Outcome::Peers {
                    peers: providers.into_iter().map(|record| record.provider).collect(),
                }))
            }
            Command::Connect { .. } | Command::FindPeer { .. } | Command::Quit => {
                unreachable!("begun elsewhere")
            }
        }
    }

    fn connect(&mut self, address: Multiaddr) -> Begun {
        let options = DialOpts::from(address);
        if options.get_peer_id().is_some_and(|peer| self.identified.contains_key(&peer)) {
            return Err(Ok(Outcome::Done {}));
        }
        let connection = options.connection_id();
        self.swarm.dial(options).map_err(|error| Err(error.to_string()))?;
        Ok(Work::Dial { connection })
    }

    fn find_peer(&mut self, peer: PeerId) -> Begun {
        if self.swarm.is_connected(&peer) {
            return match self.identified.get(&peer) {
                None => Ok(Work::Identify { peer, then: Then::Addresses }),
                Some(addresses) => Err(Ok(Outcome::Addresses { addresses: addresses.clone() })),
            };
        }
        Ok(Work::Peer {
            query: self.swarm.behaviour_mut().kad.get_n_closest_peers(peer, self.k),
            peer,
        })
    }

    fn connected(&mut self, connection_id: ConnectionId, peer_id: PeerId) -> Vec<Answer> {
        let known = self.identified.contains_key(&peer_id);
        self.pending.end(|work| {
            if *work != (Work::Dial { connection: connection_id }) {
                return None;
            }
            *work = Work::Identify { peer: peer_id, then: Then::Done };
            known.then_some(Ok(Outcome::Done {}))
        })
    }

    fn identified(&mut self, peer_id: PeerId, info: identify::Info) -> Vec<Answer> {
        let addresses: Vec<_> = info.listen_addrs.into_iter().map(without_peer).collect();
        if info.protocols.contains(&self.protocol) {
            for address in &addresses {
                self.swarm.behaviour_mut().kad.add_address(&peer_id, address.clone());
            }
        }
        let answers = self.pending.end(|work| match work {
            Work::Identify { peer, then } if *peer == peer_id => Some(Ok(match then {
                Then::Done => Outcome::Done {},
                Then::Addresses => Outcome::Addresses { addresses: addresses.clone() },
            })),
            _ => None,
        });
        // The news may come after the connection it came by has gone.
        if self.swarm.is_connected(&peer_id) {
            self.identified.insert(peer_id, addresses);
        }
        answers
    }

    fn queried(
        &mut self,
        id: QueryId,
        result: QueryResult,
        successes: u32,
        last: bool,
    ) -> Vec<Answer> {
        let Some(work) = self.pending.of_query(id) else { return Vec::new() };
        let ended = match (result, work) {
            (QueryResult::PutRecord(result), _) => Some(stored(result)),
            (QueryResult::StartProviding(result), _) => Some(match result {
                Ok(_) if successes > 0 => Ok(Outcome::Done {}),
                Ok(_) => Err("no peer could be told".into()),
                Err(error) => Err(error.to_string()),
            }),
            // Kademlia of rust-libp2p judges nothing: the first record is as good as any other.
            (QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))), _) => {
                Some(Ok(Outcome::Value { value: Some(found.record.value) }))
            }
            (QueryResult::GetRecord(Ok(GetRecordOk::FinishedWithNoAdditionalRecord { .. })), _) => {
                Some(Err("not found".into()))
            }
            (QueryResult::GetRecord(Err(error)), _) => Some(Err(error.to_string())),
            (
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
                Work::Providers { count, found, .. },
            ) => {
                let fresh = providers
                    .into_iter()
                    .filter(|peer| found.iter().all(|known| known.peer != *peer))
                    .collect::<Vec<_>>();
                let room = *count - found.len();
                let fresh = fresh.into_iter().take(room).map(|peer| PeerAddresses {
                    peer,
                    addresses: dialled_at(&mut self.swarm, peer),
                });
                found.extend(fresh);
                (last || found.len() == *count)
                    .then(|| Ok(Outcome::Providers { providers: std::mem::take(found) }))
            }
            (QueryResult::GetProviders(Ok(_)), Work::Providers { found, .. }) => {
                Some(Ok(Outcome::Providers { providers: std::mem::take(found) }))
            }
            (QueryResult::GetProviders(Err(error)), _) => Some(Err(error.to_string())),
            (QueryResult::GetClosestPeers(Ok(closest)), Work::Peer { peer, .. }) => {
                let peer = *peer;
                return self.looked_up(id, peer, closest.peers);
            }
            (QueryResult::GetClosestPeers(Ok(closest)), _) => Some(Ok(Outcome::Peers {
                peers: closest.peers.into_iter().map(|info| info.peer_id).collect(),
            })),
            (QueryResult::GetClosestPeers(Err(error)), _) => Some(Err(error.to_string())),
            _ => None,
        };
        let Some(result) = ended else { return Vec::new() };
        finish(&mut self.swarm.behaviour_mut().kad, id);
        self.end_query(id, result)
    }

    /// A lookup of a peer is over; where it was not among the answers, it may be connected now.
    fn looked_up(&mut self, id: QueryId, peer: PeerId, closest: Vec<kad::PeerInfo>) -> Vec<Answer> {
        let named = closest
            .into_iter()
            .find(|info| info.peer_id == peer)
            .map(|info| info.addrs)
            .filter(|addresses| !addresses.is_empty());
        if let Some(addresses) = named.or_else(|| self.identified.get(&peer).cloned()) {
            let addresses = addresses.into_iter().map(without_peer).collect();
            return self.end_query(id, Ok(Outcome::Addresses { addresses }));
        }
        if !self.swarm.is_connected(&peer) {
            return self.end_query(id, Err("not found".into()));
        }
        if let Some(work) = self.pending.of_query(id) {
            *work = Work::Identify { peer, then: Then::Addresses };
        }
        Vec::new()
    }

    fn end_query(&mut self, id: QueryId, result: Result<Outcome, String>) -> Vec<Answer> {
        let mut result = Some(result);
        self.pending.end(|work| if work.query() == Some(id) { result.take() } else { None })
    }
}

/// A network smaller than `k` can never store as often as was asked for: there it is enough that somebody has it.
fn stored(result: kad::PutRecordResult) -> Result<Outcome, String> {
    match result {
        Ok(_) => Ok(Outcome::Done {}),
        Err(PutRecordError::QuorumFailed { success, .. }) if !success.is_empty() => {
            Ok(Outcome::Done {})
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_fails_only_where_nobody_stored() {
        let failed = |success| {
            Err(PutRecordError::QuorumFailed {
                key: RecordKey::new(b"k"),
                success,
                quorum: kad::K_VALUE,
            })
        };
        assert_eq!(stored(failed(vec![PeerId::random()])), Ok(Outcome::Done {}));
        assert!(stored(failed(vec![])).is_err());
    }
}
