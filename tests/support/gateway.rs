//! An HTTP server that remembers what it was asked and answers as a test wants it.

use std::sync::{Arc, Mutex};

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

/// The server; it ends with the test's runtime.
pub struct Gateway {
    pub port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Gateway {
    /// Starts one that answers every request with what `answer` makes.
    pub async fn start(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let router = Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("body");
            let asked = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
            seen.lock().expect("lock").push(asked);
            answer()
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, asked }
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
