//! An HTTP proxy: forwards plain requests and opens tunnels. For it, every name is this machine.

use std::io;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// The proxy; it ends with the test's runtime.
pub struct Forwarder {
    pub port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Forwarder {
    /// Starts one. Where tunnels are not `open`, CONNECT is refused with 403.
    pub async fn start(open: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = lines.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move { drop(serve(client, &seen, open).await) });
            }
        });
        Self { port, lines }
    }

    /// The first lines of the requests that came.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("lock").clone()
    }
}

async fn serve(mut client: TcpStream, seen: &Mutex<Vec<String>>, open: bool) -> io::Result<()> {
    let head = head(&mut client).await?;
    let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    seen.lock().expect("lock").push(line.to_owned());
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else { return Ok(()) };
    if method == "CONNECT" {
        if !open {
            return client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        }
        let port = target.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        return copy_bidirectional(&mut client, &mut server).await.map(drop);
    }
    let url = Url::parse(target).map_err(io::Error::other)?;
    let mut server = TcpStream::connect(("127.0.0.1", url.port_or_known_default().unwrap_or(0))).await?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    server.write_all(format!("{method} {path} {version}\r\n{rest}").as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A request up to the empty line, with it.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
