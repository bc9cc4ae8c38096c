//! The webhook's receiver: the least that HTTP/1.1 asks for, so that it slows nobody down.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant as Clock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What stands before the number of a ticket or an alert, wherever it is named.
pub const MARK: &str = "card-";

/// The name of a ticket or an alert.
pub fn name(number: usize) -> String {
    format!("{MARK}{number:06}")
}

/// A server that counts which numbers it was told.
pub struct Receiver {
    pub port: u16,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    numbers: Mutex<Numbers>,
    more: Condvar,
}

#[derive(Default)]
struct Numbers {
    seen: Vec<bool>,
    left: usize,
    first: Option<Clock>,
    last: Option<Clock>,
    requests: usize,
}

impl Receiver {
    /// Starts one in a thread of its own.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port");
        listener.set_nonblocking(true).expect("as the runtime wants it");
        let port = listener.local_addr().expect("address").port();
        let told = Arc::new(Told::default());
        let all = told.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, all.clone()));
                }
            });
        });
        Self { port, told }
    }

    /// Counts anew.
    pub fn expect(&self, count: usize) {
        let mut numbers = self.told.numbers.lock().expect("lock");
        *numbers = Numbers { seen: vec![false; count], left: count, ..Numbers::default() };
    }

    /// When the first request came and when the last number was told; each was told once, by a request of its own.
    pub fn all(&self) -> (Clock, Clock) {
        let numbers = self.told.numbers.lock().expect("lock");
        let patience = Duration::from_mins(5);
        let (numbers, ended) = self.told.more.wait_timeout_while(numbers, patience, |all| all.left > 0).expect("lock");
        assert!(!ended.timed_out(), "{} of {} were not told", numbers.left, numbers.seen.len());
        assert_eq!(numbers.requests, numbers.seen.len(), "one request for each");
        (numbers.first.expect("a first"), numbers.last.expect("a last"))
    }
}

async fn serve(mut stream: TcpStream, told: Arc<Told>) {
    let _ = stream.set_nodelay(true);
    let (mut buffer, mut filled) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(more) => filled += more,
        }
        while let Some((head, end)) = request(&buffer[..filled]) {
            told.hear(&buffer[head..end]);
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
            buffer.copy_within(end..filled, 0);
            filled -= end;
        }
    }
}

/// Where the head and the body of the first request end, if it is there as a whole.
fn request(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head in ASCII");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("a number"))
    });
    let end = head + length.expect("a length");
    (end <= bytes.len()).then_some((head, end))
}

impl Told {
    fn hear(&self, body: &[u8]) {
        // What is said about the sender itself names no ticket.
        let Some(at) = memchr::memmem::find(body, MARK.as_bytes()) else { return };
        let digits = std::str::from_utf8(&body[at + MARK.len()..at + MARK.len() + 6]).expect("digits");
        let number: usize = digits.parse().expect("a number");
        let now = Clock::now();
        let mut numbers = self.numbers.lock().expect("lock");
        numbers.requests += 1;
        numbers.first.get_or_insert(now);
        if !std::mem::replace(&mut numbers.seen[number], true) {
            numbers.left -= 1;
            numbers.last = Some(now);
        }
        if numbers.left == 0 {
            self.more.notify_all();
        }
    }
}
