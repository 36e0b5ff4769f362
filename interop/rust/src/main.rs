//! A node of rust-libp2p's Kademlia that obeys line commands on its standard input, as `interop/README.md` describes them: one process, one node, nothing on disk.

mod behaviour;
mod flags;
mod lines;
mod node;
mod pending;

use std::io;
use std::process::exit;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use flags::Flags;
use lines::{Answer, Line};
use node::{Node, Step};
use pending::IN_FLIGHT_MAX;

/// What a shell expects from a program that was called wrongly.
const EXIT_USAGE: i32 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let flags = Flags::parse(std::env::args().skip(1)).unwrap_or_else(|error| {
        eprintln!("{error}");
        exit(EXIT_USAGE)
    });
    let node = Node::listen(&flags).await.unwrap_or_else(|error| {
        eprintln!("can't listen: {error}");
        exit(1)
    });
    // The thread that reads may be blocked for ever, so the process is ended and not left to end.
    exit(serve(node).await.unwrap_or(1))
}

/// Obeys until there is nothing more to obey; the code with which the process is to end.
async fn serve(mut node: Node) -> io::Result<i32> {
    lines::write(&node.ready())?;
    // BOUNDED: by its capacity; the reader waits while it is full.
    let (sender, mut input) = mpsc::channel(IN_FLIGHT_MAX);
    std::thread::spawn(move || {
        lines::read_all(io::stdin().lock(), |line| sender.blocking_send(line).is_ok())
    });
    loop {
        // Without a command in flight there is nothing to give up; a far-off moment stands for that.
        let deadline = node.deadline().unwrap_or_else(|| Instant::now() + pending::TIMEOUT_MAX);
        let step = tokio::select! {
            line = input.recv() => match line {
                None => return Ok(0),
                Some(Line::TooLong) => {
                    lines::write(&Answer::failed(None, "the line is too long"))?;
                    return Ok(EXIT_USAGE);
                }
                Some(Line::Whole(bytes)) => node.obey(&bytes),
            },
            step = node.progress() => step,
            () = sleep_until(deadline) => node.give_up(Instant::now()),
        };
        match step {
            Step::Answers(answers) => {
                for answer in answers {
                    lines::write(&answer)?;
                }
            }
            Step::Quit(answer) => {
                lines::write(&answer)?;
                return Ok(0);
            }
        }
    }
}
