//! The flags of the command line.

use std::num::NonZeroUsize;

use libp2p::kad::{K_VALUE, Mode};
use libp2p::{Multiaddr, StreamProtocol};

/// What the node is to be.
#[derive(Debug, PartialEq)]
pub struct Flags {
    /// Where to listen. BOUNDED: by the command line.
    pub listen: Vec<Multiaddr>,
    pub mode: Mode,
    /// The whole id of the Kademlia protocol.
    pub protocol: StreamProtocol,
    /// Bucket size, replication and result size; 1 to 20.
    pub k: NonZeroUsize,
}

impl Flags {
    /// Reads pairs of a flag and its value; tells what is wrong with the first that is no such pair.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut listen = Vec::new();
        let mut mode = Mode::Server;
        let mut protocol = StreamProtocol::new("/ipfs/kad/1.0.0");
        let mut k = K_VALUE;
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "--listen" => listen.push(address(&value()?)?),
                "--mode" => mode = mode_named(&value()?)?,
                "--protocol" => {
                    let id = value()?;
                    protocol = StreamProtocol::try_from_owned(id.clone())
                        .map_err(|_| format!("--protocol: an id begins with a slash: {id}"))?;
                }
                "--k" => k = replication(&value()?)?,
                _ => return Err(format!("unknown flag: {flag}")),
            }
        }
        if listen.is_empty() {
            listen.push(address("/ip4/127.0.0.1/tcp/0")?);
        }
        Ok(Self { listen, mode, protocol, k })
    }
}

fn address(text: &str) -> Result<Multiaddr, String> {
    text.parse().map_err(|error| format!("--listen: {text}: {error}"))
}

fn mode_named(name: &str) -> Result<Mode, String> {
    match name {
        "server" => Ok(Mode::Server),
        "client" => Ok(Mode::Client),
        _ => Err(format!("--mode: server or client, not {name}")),
    }
}

fn replication(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|k| *k <= K_VALUE)
        .ok_or(format!("--k: a number from 1 to {K_VALUE}, not {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, String> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_flags_a_server_of_the_public_protocol_on_tcp() {
        assert_eq!(
            parse(""),
            Ok(Flags {
                listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
                mode: Mode::Server,
                protocol: StreamProtocol::new("/ipfs/kad/1.0.0"),
                k: K_VALUE,
            })
        );
    }

    #[test]
    fn each_flag_is_heard() {
        let flags =
            parse("--listen /ip4/127.0.0.1/tcp/0 --mode client --protocol /test/kad --k 3 --listen /ip4/127.0.0.1/udp/0/quic-v1").unwrap();
        assert_eq!(
            flags.listen,
            ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"]
                .map(|text| text.parse::<Multiaddr>().unwrap())
        );
        assert_eq!(flags.mode, Mode::Client);
        assert_eq!(flags.protocol, StreamProtocol::new("/test/kad"));
        assert_eq!(flags.k.get(), 3);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for line in [
            "--unknown 1",
            "server",
            "--mode",
            "--mode both",
            "--listen nowhere",
            "--protocol kad",
            "--k 0",
            "--k 21",
            "--k -1",
            "--k",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
