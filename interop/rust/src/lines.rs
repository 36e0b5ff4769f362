//! The lines: what comes in, bounded, and what goes out.

use std::fmt::Display;
use std::io::{self, BufRead, Read, Write};
use std::str::FromStr;
use std::time::Duration;

use cid::Cid;
use data_encoding::HEXLOWER;
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::pending::{TIMEOUT_DEFAULT, TIMEOUT_MAX};

/// The longest line either way, bytes, with its newline.
pub const LINE_BYTES_MAX: usize = 262_144;

/// One line of the input, without its newline.
#[derive(Debug, PartialEq)]
pub enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// Hands over each line until the input ends, a line is too long or nobody takes them any more. It never holds more than one line.
pub fn read_all(mut input: impl BufRead, mut take: impl FnMut(Line) -> bool) {
    loop {
        // BOUNDED: by LINE_BYTES_MAX.
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        match input.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(read) if read > LINE_BYTES_MAX => {
                take(Line::TooLong);
                return;
            }
            Ok(_) => {}
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if !take(Line::Whole(bytes)) {
            return;
        }
    }
}

/// What a line asks for.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    Connect {
        #[serde(deserialize_with = "text")]
        address: Multiaddr,
    },
    Put {
        #[serde(deserialize_with = "hex")]
        key: Vec<u8>,
        #[serde(deserialize_with = "hex")]
        value: Vec<u8>,
    },
    Get {
        #[serde(deserialize_with = "hex")]
        key: Vec<u8>,
    },
    Provide {
        #[serde(deserialize_with = "multihash")]
        cid: Vec<u8>,
    },
    FindProviders {
        #[serde(deserialize_with = "multihash")]
        cid: Vec<u8>,
        #[serde(deserialize_with = "count")]
        count: usize,
    },
    FindPeer {
        #[serde(deserialize_with = "text")]
        peer: PeerId,
    },
    Closest {
        #[serde(deserialize_with = "hex")]
        key: Vec<u8>,
    },
    Table,
    Stored {
        #[serde(deserialize_with = "hex")]
        key: Vec<u8>,
    },
    StoredProviders {
        #[serde(deserialize_with = "multihash")]
        cid: Vec<u8>,
    },
    Quit,
}

/// A command with what every command has.
#[derive(Debug, PartialEq)]
pub struct Request {
    pub id: i64,
    pub timeout: Duration,
    pub command: Command,
}

impl Request {
    /// Reads one line; else the answer that tells what is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, Answer> {
        let value: Value =
            serde_json::from_slice(line).map_err(|error| Answer::failed(None, error))?;
        let id =
            value["id"].as_i64().ok_or_else(|| Answer::failed(None, "id: an integer is needed"))?;
        let timeout = match &value["timeoutMs"] {
            Value::Null => TIMEOUT_DEFAULT,
            given => given
                .as_u64()
                .map(Duration::from_millis)
                .filter(|timeout| !timeout.is_zero() && *timeout <= TIMEOUT_MAX)
                .ok_or_else(|| {
                    Answer::failed(Some(id), format!("timeoutMs: 1 to {}", TIMEOUT_MAX.as_millis()))
                })?,
        };
        let command =
            Command::deserialize(value).map_err(|error| Answer::failed(Some(id), error))?;
        Ok(Self { id, timeout, command })
    }
}

fn parsed<'de, D: Deserializer<'de>, T, E: Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    parsed(deserializer, T::from_str)
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    parsed(deserializer, |text| HEXLOWER.decode(text.as_bytes()))
}

/// The multihash of a CID is the key of its providers.
fn multihash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    parsed(deserializer, Cid::from_str).map(|cid| cid.hash().to_bytes())
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let count = usize::deserialize(deserializer)?;
    if (1..=100).contains(&count) { Ok(count) } else { Err(de::Error::custom("count: 1 to 100")) }
}

/// A peer and where it can be dialled, without its id at the end of the addresses.
#[derive(Debug, Serialize, PartialEq)]
pub struct PeerAddresses {
    #[serde(serialize_with = "shown")]
    pub peer: PeerId,
    #[serde(serialize_with = "shown_each")]
    pub addresses: Vec<Multiaddr>,
}

/// What a command that went well came to.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Outcome {
    Done {},
    Value {
        #[serde(serialize_with = "shown_hex")]
        value: Option<Vec<u8>>,
    },
    Providers {
        providers: Vec<PeerAddresses>,
    },
    Addresses {
        #[serde(serialize_with = "shown_each")]
        addresses: Vec<Multiaddr>,
    },
    Peers {
        #[serde(serialize_with = "shown_each")]
        peers: Vec<PeerId>,
    },
}

/// One line of the output, but for the first.
#[derive(Debug, Serialize, PartialEq)]
pub struct Answer {
    id: Option<i64>,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Answer {
    pub fn done(id: i64, outcome: Outcome) -> Self {
        Self { id: Some(id), ok: true, error: None, outcome }
    }

    pub fn failed(id: Option<i64>, error: impl Display) -> Self {
        Self { id, ok: false, error: Some(error.to_string()), outcome: Outcome::Done {} }
    }
}

/// The first line of the output.
#[derive(Debug, Serialize)]
pub struct Ready {
    pub ready: bool,
    #[serde(serialize_with = "shown")]
    pub peer: PeerId,
    #[serde(serialize_with = "shown_each")]
    pub addresses: Vec<Multiaddr>,
    pub implementation: String,
}

fn shown<S: serde::Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn shown_each<S: serde::Serializer, T: Display>(
    values: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(T::to_string))
}

fn shown_hex<S: serde::Serializer>(
    value: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(|bytes| HEXLOWER.encode(bytes)).serialize(serializer)
}

/// Writes one line; fails when nobody reads any more.
pub fn write(line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&bytes)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID_V1: &str = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

    fn lines(input: &[u8]) -> Vec<Line> {
        let mut taken = Vec::new();
        read_all(input, |line| {
            taken.push(line);
            true
        });
        taken
    }

    fn error(line: &str) -> Value {
        serde_json::to_value(Request::parse(line.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn lines_end_with_a_newline_or_with_the_input() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"a\n\nbc"), [b"a".to_vec(), vec![], b"bc".to_vec()].map(Line::Whole));
    }

    #[test]
    fn the_longest_line_is_read_and_a_longer_one_is_the_last() {
        let mut input = vec![b'x'; LINE_BYTES_MAX - 1];
        input.push(b'\n');
        assert_eq!(lines(&input), [Line::Whole(vec![b'x'; LINE_BYTES_MAX - 1])]);
        input.insert(0, b'x');
        input.extend(b"after\n");
        assert_eq!(lines(&input), [Line::TooLong]);
    }

    #[test]
    fn nothing_more_is_read_for_one_who_has_gone() {
        let mut taken = 0;
        read_all(b"a\nb\n".as_slice(), |_| {
            taken += 1;
            false
        });
        assert_eq!(taken, 1);
    }

    #[test]
    fn keys_and_values_are_bytes_in_lower_case_hexadecimal() {
        assert_eq!(
            Request::parse(br#"{"id":7,"command":"put","key":"00ff","value":"","timeoutMs":50}"#),
            Ok(Request {
                id: 7,
                timeout: Duration::from_millis(50),
                command: Command::Put { key: vec![0, 255], value: vec![] }
            })
        );
        for key in ["0", "FF", "0g"] {
            assert_eq!(error(&format!(r#"{{"id":1,"command":"get","key":"{key}"}}"#))["ok"], false);
        }
    }

    #[test]
    fn the_key_of_a_cid_is_its_multihash_whatever_its_version() {
        let line = format!(r#"{{"id":1,"command":"findProviders","cid":"{CID_V1}","count":3}}"#);
        let request = Request::parse(line.as_bytes()).unwrap();
        let Command::FindProviders { cid, count } = request.command else { panic!("{request:?}") };
        assert_eq!((cid[0], cid[1], cid.len(), count), (0x12, 0x20, 34, 3));
        let v0 = Cid::new_v0(Cid::from_str(CID_V1).unwrap().hash().to_owned()).unwrap();
        let line = format!(r#"{{"id":1,"command":"provide","cid":"{v0}"}}"#);
        assert_eq!(Request::parse(line.as_bytes()).unwrap().command, Command::Provide { cid });
    }

    #[test]
    fn what_is_no_command_is_answered_with_its_id_where_it_has_one() {
        for line in [
            "",
            "[]",
            "{",
            "null",
            r#"{"command":"table"}"#,
            r#"{"id":"1","command":"table"}"#,
            r#"{"id":1.5,"command":"table"}"#,
        ] {
            assert_eq!(error(line)["id"], Value::Null, "{line}");
        }
        for rest in [
            r#""command":"fly""#,
            r#""command":"get""#,
            r#""nothing":1"#,
            r#""command":"connect","address":"nowhere""#,
            r#""command":"findPeer","peer":"nobody""#,
            r#""command":"findProviders","cid":"nothing","count":1"#,
            &format!(r#""command":"findProviders","cid":"{CID_V1}","count":0"#),
            &format!(r#""command":"findProviders","cid":"{CID_V1}","count":101"#),
            r#""command":"table","timeoutMs":0"#,
            r#""command":"table","timeoutMs":120001"#,
            r#""command":"table","timeoutMs":"1""#,
        ] {
            let answer = error(&format!(r#"{{"id":5,{rest}}}"#));
            assert_eq!((&answer["id"], &answer["ok"]), (&5.into(), &false.into()), "{rest}");
        }
    }

    #[test]
    fn an_answer_has_what_its_command_came_to() {
        let shown = |outcome| serde_json::to_string(&Answer::done(1, outcome)).unwrap();
        let peer = PeerId::random();
        let addresses = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
        assert_eq!(shown(Outcome::Done {}), r#"{"id":1,"ok":true}"#);
        assert_eq!(shown(Outcome::Value { value: None }), r#"{"id":1,"ok":true,"value":null}"#);
        assert_eq!(
            shown(Outcome::Value { value: Some(vec![1, 171]) }),
            r#"{"id":1,"ok":true,"value":"01ab"}"#
        );
        assert_eq!(
            shown(Outcome::Peers { peers: vec![peer] }),
            format!(r#"{{"id":1,"ok":true,"peers":["{peer}"]}}"#)
        );
        assert_eq!(
            shown(Outcome::Providers { providers: vec![PeerAddresses { peer, addresses }] }),
            format!(
                r#"{{"id":1,"ok":true,"providers":[{{"peer":"{peer}","addresses":["/ip4/127.0.0.1/tcp/1"]}}]}}"#
            )
        );
    }
}
