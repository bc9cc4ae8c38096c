//! A TCP proxy that breaks connections as a network does: at a certain byte, in either direction, with or without a word.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the connections. Bytes are counted for each connection, from the moment at which the mode is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything goes through.
    Pass,
    /// Both ends are closed once so many bytes went through in a direction; the rest is lost.
    Close(Direction, usize),
    /// The same by a reset.
    Reset(Direction, usize),
    /// After so many bytes nothing goes through in a direction, until another mode is set.
    Hold(Direction, usize),
    /// Bytes go through one by one in a direction, each after so much time.
    Drip(Direction, Duration),
    /// Connections are taken, and broken at once; those that stand are broken with their next byte.
    Refuse,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The proxy; it runs until the test's process ends.
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
    next: Arc<Mutex<VecDeque<Mode>>>,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one before a port of this machine.
    pub fn before(server: u16) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port");
        listener.set_nonblocking(true).expect("nonblocking");
        let port = listener.local_addr().expect("address").port();
        let (mode, seen) = watch::channel(Mode::Pass);
        let (next, cuts) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let line = Line { server, mode: seen, next: Arc::clone(&next), cuts: cuts.clone() };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(line.listen(listener));
        });
        Self { port, mode, next, cuts }
    }

    /// Sets what becomes of the connections, also of those that stand.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Sets what becomes of the next connection alone, whatever is set for the others.
    pub fn set_for_next(&self, mode: Mode) {
        self.next.lock().expect("lock").push_back(mode);
    }

    /// How many connections it broke.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// What each connection has to know.
#[derive(Clone)]
struct Line {
    server: u16,
    mode: watch::Receiver<Mode>,
    next: Arc<Mutex<VecDeque<Mode>>>,
    cuts: Arc<AtomicUsize>,
}

/// How a connection ended.
enum End {
    /// An end was closed by its owner, or failed.
    Theirs,
    /// The proxy breaks it.
    Cut { by_reset: bool },
}

impl Line {
    async fn listen(self, listener: std::net::TcpListener) {
        let listener = TcpListener::from_std(listener).expect("listener");
        loop {
            if let Ok((client, _)) = listener.accept().await {
                let line = self.clone();
                tokio::spawn(async move { drop(line.serve(client).await) });
            }
        }
    }

    async fn serve(self, mut client: TcpStream) -> io::Result<()> {
        let own = self.next.lock().expect("lock").pop_front().map(watch::Sender::new);
        let mode = own.as_ref().map_or_else(|| self.mode.clone(), watch::Sender::subscribe);
        if *mode.borrow() == Mode::Refuse {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            return client.set_zero_linger();
        }
        let mut server = TcpStream::connect(("127.0.0.1", self.server)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let end = {
            let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
            tokio::select! {
                end = pump(mode.clone(), Direction::Up, from_client, to_server) => end,
                end = pump(mode.clone(), Direction::Down, from_server, to_client) => end,
            }
        };
        if let End::Cut { by_reset } = end {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            if by_reset {
                client.set_zero_linger()?;
                server.set_zero_linger()?;
            }
        }
        Ok(())
    }
}

/// Carries bytes one way until something ends the connection.
async fn pump(
    mut mode: watch::Receiver<Mode>,
    direction: Direction,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) -> End {
    let (mut buffer, mut passed) = (vec![0; 16 * 1024], 0);
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        if length == 0 {
            return End::Theirs;
        }
        match carry(&mut mode, direction, &buffer[..length], &mut passed, &mut to).await {
            Ok(None) => {}
            Ok(Some(end)) => return end,
            Err(_) => return End::Theirs,
        }
    }
}

/// Carries some bytes as the mode wants it; an end, if that is one.
async fn carry(
    mode: &mut watch::Receiver<Mode>,
    direction: Direction,
    mut bytes: &[u8],
    passed: &mut usize,
    to: &mut WriteHalf<'_>,
) -> io::Result<Option<End>> {
    loop {
        if mode.has_changed().unwrap_or(false) {
            *passed = 0;
        }
        let now = *mode.borrow_and_update();
        if let Mode::Drip(way, pause) = now
            && way == direction
        {
            tokio::time::sleep(pause).await;
            to.write_all(&bytes[..1]).await?;
            bytes = &bytes[1..];
            if bytes.is_empty() {
                return Ok(None);
            }
            continue;
        }
        let (limit, end) = match now {
            Mode::Close(way, limit) if way == direction => (limit, Some(End::Cut { by_reset: false })),
            Mode::Reset(way, limit) if way == direction => (limit, Some(End::Cut { by_reset: true })),
            Mode::Hold(way, limit) if way == direction => (limit, None),
            Mode::Refuse => (0, Some(End::Cut { by_reset: true })),
            _ => (usize::MAX, None),
        };
        let room = limit.saturating_sub(*passed).min(bytes.len());
        to.write_all(&bytes[..room]).await?;
        *passed = passed.saturating_add(room);
        bytes = &bytes[room..];
        if *passed >= limit && end.is_some() {
            return Ok(end);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        // Held back. A proxy that goes away lets go of everything.
        if mode.changed().await.is_err() {
            return Ok(Some(End::Theirs));
        }
        *passed = 0;
    }
}
