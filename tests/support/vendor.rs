//! Vendors of messages that check a request as the real ones do, from its raw bytes, and answer as they do: with status
//! 200 and a code in the body.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use duban::core::Instant;
use duban::time::{Clock as _, TestClock};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::gateway::Asked;

pub mod cloud;
pub mod messenger;

/// The one who answers, with everything that was taken.
pub trait Desk: Send + 'static {
    fn answer(&mut self, asked: &Asked, now: Instant) -> (u16, Value);

    /// Each message that was taken: to whom, and how it reads there.
    fn taken(&self) -> Vec<(String, String)>;
}

/// A vendor's server; it ends with the test's runtime.
pub struct Vendor<D> {
    pub port: u16,
    pub desk: Arc<Mutex<D>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    cut: Arc<Mutex<bool>>,
}

impl<D: Desk> Vendor<D> {
    pub async fn start(desk: D, clock: Arc<TestClock>) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let vendor = Self { port, desk: Arc::new(Mutex::new(desk)), asked: Arc::default(), cut: Arc::default() };
        let (desk, asked, cut) = (vendor.desk.clone(), vendor.asked.clone(), vendor.cut.clone());
        let router = Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("body");
            let request = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
            asked.lock().expect("lock").push(request.clone());
            let (status, answer) = desk.lock().expect("lock").answer(&request, clock.now());
            respond(status, &answer.to_string(), *cut.lock().expect("lock"))
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        vendor
    }

    /// Where it listens, as a channel's configuration says it.
    pub fn endpoint(&self) -> String {
        format!("endpoint = 'http://127.0.0.1:{}'\nallow_networks = ['127.0.0.1']\n", self.port)
    }

    /// From now on answers break off in their middle, after the message was taken.
    pub fn cut_answers(&self) {
        *self.cut.lock().expect("lock") = true;
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("lock").clone()
    }

    pub fn taken(&self) -> Vec<(String, String)> {
        self.desk.lock().expect("lock").taken()
    }

    /// The only message that was taken.
    pub fn only(&self) -> (String, String) {
        let taken = self.taken();
        assert_eq!(taken.len(), 1, "{taken:?}");
        taken[0].clone()
    }
}

fn respond(status: u16, answer: &str, cut: bool) -> Response {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    let body = if cut {
        let half = Bytes::copy_from_slice(&answer.as_bytes()[..answer.len() / 2]);
        Body::from_stream(futures_util::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]))
    } else {
        Body::from(answer.to_owned())
    };
    builder.body(body).expect("answer")
}

/// HMAC-SHA256 after RFC 2104, written out: the channel's own is what is checked.
pub fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

pub fn sha256(text: &[u8]) -> String {
    hex::encode(Sha256::digest(text))
}

/// Whether two instants are at most so many seconds apart.
pub fn is_near(then: i64, now: Instant, seconds: i64) -> bool {
    (now.timestamp() - then).abs() <= seconds
}
