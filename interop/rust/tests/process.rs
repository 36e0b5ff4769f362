//! The process as its parent sees it: when it ends, and with which code.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kadmium-interop-rust"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes all of the input, closes it, and waits for the end: the code, and the lines that were written.
fn run(arguments: &[&str], input: &[u8]) -> (Option<i32>, Vec<Value>) {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    // One who ends early does not read to the end.
    let _ = stdin.write_all(input);
    drop(stdin);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    (child.wait().unwrap().code(), lines)
}

#[test]
fn the_first_line_tells_where_the_node_listens() {
    let tcp = "/ip4/127.0.0.1/tcp/0";
    let (code, lines) = run(&["--listen", tcp, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"], b"");
    let peer = lines[0]["peer"].as_str().unwrap();
    let addresses = lines[0]["addresses"].as_array().unwrap();
    assert_eq!(
        (code, lines.len(), &lines[0]["ready"], addresses.len()),
        (Some(0), 1, &json!(true), 2)
    );
    assert!(peer.starts_with("12D3Koo"));
    for address in addresses {
        let address = address.as_str().unwrap();
        assert!(address.ends_with(&format!("/p2p/{peer}")), "{address}");
        assert!(!address.contains("/tcp/0/") && !address.contains("/udp/0/"), "{address}");
    }
}

#[test]
fn a_wrong_flag_ends_it_with_a_line_on_the_standard_error() {
    let output = start(&["--colour", "red"]).wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "unknown flag: --colour\n");
}

#[test]
fn what_is_no_command_is_answered_and_quit_ends_it() {
    let input =
        "nonsense\n{\"id\":1,\"command\":\"table\"}\n{\"id\":2,\"command\":\"quit\"}\nafter\n";
    let (code, lines) = run(&[], input.as_bytes());
    assert_eq!(code, Some(0));
    assert_eq!((&lines[1]["id"], &lines[1]["ok"]), (&Value::Null, &json!(false)));
    let rest = [json!({"id":1,"ok":true,"peers":[]}), json!({"id":2,"ok":true})];
    assert_eq!(lines[2..], rest);
}

#[test]
fn a_line_that_is_too_long_ends_it() {
    let (code, lines) = run(&[], &vec![b' '; 300_000]);
    assert_eq!(code, Some(2));
    assert_eq!((lines.len(), &lines[1]["id"], &lines[1]["ok"]), (2, &Value::Null, &json!(false)));
}

#[test]
fn more_commands_than_may_be_in_flight_are_refused() {
    // Nobody answers on that port, and QUIC goes on asking until the command is given up.
    let mut input = String::new();
    for id in 0..65 {
        input += &format!(
            "{{\"id\":{id},\"command\":\"connect\",\"address\":\"/ip4/127.0.0.1/udp/9/quic-v1\"}}\n"
        );
    }
    let mut child = start(&["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some());
    let answer: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&answer["id"], &answer["ok"]), (&json!(64), &json!(false)));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_takes_too_long_is_given_up() {
    let mut child = start(&["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
    let mut stdin = child.stdin.take().unwrap();
    let line = b"{\"id\":1,\"command\":\"connect\",\"address\":\"/ip4/127.0.0.1/udp/9/quic-v1\",\"timeoutMs\":1}\n";
    stdin.write_all(line).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some());
    let answer: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(answer, json!({"id":1,"ok":false,"error":"timed out"}));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
