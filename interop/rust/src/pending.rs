//! The commands in flight: what each waits for and when it is given up.

use std::time::Duration;

use libp2p::PeerId;
use libp2p::kad::QueryId;
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use crate::lines::{Answer, Outcome, PeerAddresses};

pub const IN_FLIGHT_MAX: usize = 64;
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);
pub const TIMEOUT_MAX: Duration = Duration::from_secs(120);

/// What a command waits for.
#[derive(Debug, PartialEq)]
pub enum Work {
    /// The end of a dial.
    Dial { connection: ConnectionId },
    /// What Identify tells of a peer that is connected.
    Identify { peer: PeerId, then: Then },
    /// A query that ends with what it finds first, or without.
    Query { query: QueryId },
    /// `count` providers, or the end of the query. BOUNDED: by `count`.
    Providers { query: QueryId, count: usize, found: Vec<PeerAddresses> },
    /// A lookup of a peer.
    Peer { query: QueryId, peer: PeerId },
}

/// What is answered once Identify has told.
#[derive(Debug, PartialEq)]
pub enum Then {
    Done,
    Addresses,
}

impl Work {
    /// The query that would go on for nothing if the command were given up.
    pub fn query(&self) -> Option<QueryId> {
        match self {
            Self::Dial { .. } | Self::Identify { .. } => None,
            Self::Query { query } | Self::Providers { query, .. } | Self::Peer { query, .. } => {
                Some(*query)
            }
        }
    }
}

#[derive(Debug)]
struct Entry {
    id: i64,
    deadline: Instant,
    work: Work,
}

/// The commands in flight.
#[derive(Debug, Default)]
pub struct Pending {
    /// BOUNDED: by IN_FLIGHT_MAX; whoever adds asks `is_full` first.
    entries: Vec<Entry>,
}

impl Pending {
    pub fn is_full(&self) -> bool {
        self.entries.len() >= IN_FLIGHT_MAX
    }

    pub fn add(&mut self, id: i64, deadline: Instant, work: Work) {
        self.entries.push(Entry { id, deadline, work });
    }

    /// When the next command is to be given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.deadline).min()
    }

    /// The work of a query that still goes on.
    pub fn of_query(&mut self, query: QueryId) -> Option<&mut Work> {
        self.entries
            .iter_mut()
            .map(|entry| &mut entry.work)
            .find(|work| work.query() == Some(query))
    }

    /// Ends all that `ends` has a result for, and answers each with it.
    pub fn end(
        &mut self,
        mut ends: impl FnMut(&mut Work) -> Option<Result<Outcome, String>>,
    ) -> Vec<Answer> {
        let mut answers = Vec::new();
        self.entries.retain_mut(|entry| match ends(&mut entry.work) {
            None => true,
            Some(result) => {
                answers.push(match result {
                    Ok(outcome) => Answer::done(entry.id, outcome),
                    Err(error) => Answer::failed(Some(entry.id), error),
                });
                false
            }
        });
        answers
    }

    /// Gives up whatever has had its time; `abandoned` is told each query that went on.
    pub fn give_up(&mut self, now: Instant, mut abandoned: impl FnMut(QueryId)) -> Vec<Answer> {
        let mut answers = Vec::new();
        self.entries.retain(|entry| {
            if entry.deadline > now {
                return true;
            }
            entry.work.query().into_iter().for_each(&mut abandoned);
            answers.push(Answer::failed(Some(entry.id), "timed out"));
            false
        });
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(number: usize) -> Work {
        Work::Dial { connection: ConnectionId::new_unchecked(number) }
    }

    #[test]
    fn each_is_answered_once_and_the_others_wait_on() {
        let mut pending = Pending::default();
        let now = Instant::now();
        for number in 0..3 {
            pending.add(number, now + Duration::from_secs(1), dial(number as usize));
        }
        let answers = pending.end(|work| (*work == dial(1)).then(|| Err("refused".into())));
        assert_eq!(answers, [Answer::failed(Some(1), "refused")]);
        assert_eq!(pending.end(|work| (*work == dial(1)).then_some(Ok(Outcome::Done {}))), []);
        let rest = pending.end(|_| Some(Ok(Outcome::Done {})));
        assert_eq!(rest, [Answer::done(0, Outcome::Done {}), Answer::done(2, Outcome::Done {})]);
    }

    #[test]
    fn what_has_had_its_time_is_given_up() {
        let mut pending = Pending::default();
        let now = Instant::now();
        let late = now + Duration::from_secs(2);
        pending.add(1, late, dial(1));
        pending.add(2, now, dial(2));
        assert_eq!(pending.deadline(), Some(now));
        assert_eq!(pending.give_up(now, |_| ()), [Answer::failed(Some(2), "timed out")]);
        assert_eq!(pending.deadline(), Some(late));
    }

    #[test]
    fn no_more_than_the_limit() {
        let mut pending = Pending::default();
        let now = Instant::now();
        for number in 0..IN_FLIGHT_MAX {
            assert!(!pending.is_full());
            pending.add(number as i64, now, dial(number));
        }
        assert!(pending.is_full());
    }
}
