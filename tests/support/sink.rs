//! A mail server that only takes: it answers as RFC 5321 wants it, after a pause, and remembers every mail that it
//! took, also when nobody waits for the answer any more.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use duban::core::Instant;

use super::letter::Letter;
use super::patience::now;

/// A mail as it was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When it was taken.
    pub at: Instant,
    /// The envelope's receiver.
    pub to: String,
    /// Head and body.
    pub bytes: Vec<u8>,
}

impl Taken {
    pub fn letter(&self) -> Letter {
        Letter::parse(&self.bytes)
    }
}

/// What the server answers, a few times, in place of taking a mail.
#[derive(Debug, Clone, Copy)]
pub struct Instead {
    /// The command, or `.` for the end of a mail.
    pub at: &'static str,
    /// The answer; empty: it hangs up.
    pub answer: &'static str,
    /// How often.
    pub times: usize,
}

impl Instead {
    fn answer_to(&mut self, command: &str) -> Option<&'static str> {
        let is_now = self.at == command && self.times > 0;
        self.times -= usize::from(is_now);
        is_now.then_some(self.answer)
    }
}

/// The server; it listens until the tests end.
pub struct Sink {
    pub port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Sink {
    /// Starts one that needs so long for a mail.
    pub fn start(pause: Duration) -> Self {
        Self::start_with(pause, Instead { at: "", answer: "", times: 0 })
    }

    /// Starts one that at first answers something else. Mails that it read and did not take are remembered too.
    pub fn answering(instead: Instead) -> Self {
        Self::start_with(Duration::ZERO, instead)
    }

    fn start_with(pause: Duration, instead: Instead) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("port");
        let port = listener.local_addr().expect("address").port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (all, instead) = (taken.clone(), Arc::new(Mutex::new(instead)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, instead) = (all.clone(), instead.clone());
                // A client that is killed breaks its session, which harms no other.
                thread::spawn(move || drop(serve(&stream, pause, &instead, &taken)));
            }
        });
        Self { port, taken }
    }

    /// What was taken so far, in its order.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("lock").clone()
    }

    /// The same for one receiver, by the name before the @.
    pub fn taken_by(&self, receiver: &str) -> Vec<Taken> {
        let taken = self.taken.lock().expect("lock");
        taken.iter().filter(|taken| taken.to.split('@').next() == Some(receiver)).cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.taken.lock().expect("lock").len()
    }
}

fn serve(
    mut stream: &TcpStream,
    pause: Duration,
    instead: &Mutex<Instead>,
    taken: &Mutex<Vec<Taken>>,
) -> io::Result<()> {
    let instead = |command: &str| instead.lock().expect("lock").answer_to(command);
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut to = String::new();
    stream.write_all(b"220 sink.test ESMTP\r\n")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match command.as_str() {
            "EHLO" => "250-sink.test\r\n250 8BITMIME\r\n",
            "RCPT" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut to);
                instead("RCPT").unwrap_or("250 OK\r\n")
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let bytes = mail(&mut reader)?;
                taken.lock().expect("lock").push(Taken { at: now(), to: to.clone(), bytes });
                sleep(pause);
                match instead(".") {
                    Some("") => return Ok(()),
                    answer => answer.unwrap_or("250 taken\r\n"),
                }
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "250 OK\r\n",
        };
        stream.write_all(answer.as_bytes())?;
    }
}

/// Head and body up to the line with the dot; half a mail is none.
fn mail(reader: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(bytes);
        }
        bytes.extend(line.strip_prefix(b".").unwrap_or(&line));
    }
}
