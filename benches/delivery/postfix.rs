//! postfix's test programs: a server that takes every mail, and a client that sends as fast as it can.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use crate::Round;
use crate::package;
use crate::support::patience::{free_port, holds_within};

/// Connections at once.
pub const CONNECTIONS: usize = 8;

/// Bytes of a mail's body, about as many as duban's have.
const LENGTH: usize = 6_000;

/// Where they are.
pub struct Programs {
    sink: PathBuf,
    source: PathBuf,
}

impl Programs {
    /// Finds both.
    pub fn find() -> Option<Self> {
        Some(Self { sink: package::find("usr/sbin/smtp-sink")?, source: package::find("usr/sbin/smtp-source")? })
    }

    /// Starts the server.
    pub fn sink(&self, port: u16) -> Sink {
        let mut command = command(&self.sink);
        command.args(["-u", "nobody", "-c"]).arg(format!("127.0.0.1:{port}")).arg("100");
        let mut server = command.stdout(Stdio::piped()).spawn().expect("smtp-sink");
        assert!(holds_within(10, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "smtp-sink does not listen");
        let said = BufReader::new(server.stdout.take().expect("what it says"));
        let (counts, told) = channel();
        thread::spawn(move || {
            // It says "sess=8 quit=0 mesg=123" at each mail.
            for line in said.split(b'\r').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let count = line.rsplit('=').next().and_then(|count| count.trim().parse::<usize>().ok());
                if counts.send((Clock::now(), count.expect("a count"))).is_err() {
                    return;
                }
            }
        });
        Sink { server, told }
    }

    /// The client alone.
    pub fn source_round(&self, count: usize) -> Round {
        let port = free_port();
        let sink = self.sink(port);
        let began = Clock::now();
        let mut client = command(&self.source)
            .args(["-d", "-s", &CONNECTIONS.to_string(), "-m", &count.to_string(), "-l", &LENGTH.to_string()])
            .arg(format!("127.0.0.1:{port}"))
            .spawn()
            .expect("smtp-source");
        let (first, last) = sink.all(count);
        let _ = client.kill();
        let _ = client.wait();
        Round { took: last - began, first: first - began, worked: Duration::ZERO, memory: 0.0 }
    }
}

fn command(path: &PathBuf) -> Command {
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", package::unpacked().join("usr/lib/postfix"));
    command
}

/// The server; it ends with this value.
pub struct Sink {
    server: Child,
    told: Receiver<(Clock, usize)>,
}

impl Sink {
    /// When the first and the last of so many mails were taken, counted from now on.
    pub fn all(&self, count: usize) -> (Clock, Clock) {
        let mut first = None;
        loop {
            let (at, so_far) = self.told.recv_timeout(Duration::from_mins(5)).expect("mails");
            if so_far == 0 {
                continue;
            }
            let first = *first.get_or_insert(at);
            if so_far >= count {
                return (first, at);
            }
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
