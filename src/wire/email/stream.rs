//! The byte stream under an SMTP dialogue: TCP, with or without TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What the dialogue's last line says to a server: the message is complete.
const END_OF_MESSAGE: &[u8] = b"\r\n.\r\n";

/// TCP, with or without TLS.
#[derive(Debug)]
pub(super) enum Pipe {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A pipe whose greeting was read already, before STARTTLS or for the sake of its reason, and is given out again first.
#[derive(Debug)]
pub(super) struct Stream {
    pipe: Pipe,
    greeting: io::Cursor<Vec<u8>>,
    ended: Arc<AtomicBool>,
}

impl Stream {
    /// The stream, and a flag that it raises as soon as any byte of an end of message has left.
    pub(super) fn new(pipe: Pipe, greeting: String) -> (Self, Arc<AtomicBool>) {
        let ended = Arc::new(AtomicBool::new(false));
        (Self { pipe, greeting: io::Cursor::new(greeting.into_bytes()), ended: ended.clone() }, ended)
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.pipe {
            Pipe::Plain(tcp) => tcp.peer_addr(),
            Pipe::Tls(tls) => tls.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &mut *self;
        if stream.greeting.position() < stream.greeting.get_ref().len() as u64 {
            return Pin::new(&mut stream.greeting).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut stream.pipe).poll_read(cx, buf);
        // Replies are ASCII. Some servers answer in GBK all the same; their codes count, not their words.
        buf.filled_mut()[before..].iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.pipe).poll_write(cx, bytes);
        // A body cannot hold this: its dots at line starts are doubled.
        if bytes == END_OF_MESSAGE && matches!(written, Poll::Ready(Ok(_))) {
            self.ended.store(true, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
