//! An HTTP server that remembers what it was asked and answers as a test wants it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body's fields, if it is a form.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(std::str::from_utf8(&self.body).expect("UTF-8"))
    }

    /// The query's fields.
    pub fn query(&self) -> Vec<(String, String)> {
        pairs(self.uri.query().unwrap_or_default())
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).expect("query");
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The server.
pub struct Gateway {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Gateway {
    /// Starts one that answers every request with what `answer` makes; it ends with the test's runtime.
    pub async fn start(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let gateway = Self { port, asked: Arc::default() };
        let router = remembering(gateway.asked.clone(), Duration::ZERO, answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    /// Starts one in a thread of its own, that needs so long to say yes; it listens until the tests end.
    pub fn apart(pause: Duration) -> Self {
        Self::apart_answering(pause, Response::default)
    }

    /// The same with another answer.
    pub fn apart_answering(pause: Duration, answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port");
        listener.set_nonblocking(true).expect("as the runtime wants it");
        let port = listener.local_addr().expect("address").port();
        let gateway = Self { port, asked: Arc::default() };
        let router = remembering(gateway.asked.clone(), pause, answer);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await
            })
        });
        gateway
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("lock").clone()
    }

    /// The only request.
    pub fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}

/// Remembers every request, also when nobody waits for the answer any more.
fn remembering(
    asked: Arc<Mutex<Vec<Asked>>>,
    pause: Duration,
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> Router {
    Router::new().fallback(move |request: Request| async move {
        let (head, body) = request.into_parts();
        if let Ok(body) = to_bytes(body, usize::MAX).await {
            let request = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
            asked.lock().expect("lock").push(request);
        }
        tokio::time::sleep(pause).await;
        answer()
    })
}
