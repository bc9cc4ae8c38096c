//! Nudges between processes: LISTEN and NOTIFY. A hint and no more: behind a pooler in transaction mode, and while the
//! server is away, it stays out, and the loops look by themselves.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::time::jittered;

/// The channel; what is said on it is who says it.
pub const CHANNEL: &str = "duban";

/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(2);

/// Hears other processes.
#[derive(Debug)]
pub struct Nudges {
    heard: Notify,
    stopped: CancellationToken,
}

impl Nudges {
    /// Starts to listen to everybody but oneself.
    pub fn listen(options: PgConnectOptions, own: &str) -> Arc<Self> {
        let nudges = Arc::new(Self { heard: Notify::new(), stopped: CancellationToken::new() });
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let (pool, own, listener) = (pool.connect_lazy_with(options), own.to_owned(), nudges.clone());
        tokio::spawn(async move {
            let listening = async {
                loop {
                    if let Err(error) = listener.hear(&pool, &own).await {
                        tracing::debug!("other processes cannot be heard: {error}");
                    }
                    tokio::time::sleep(jittered(AGAIN)).await;
                }
            };
            tokio::select! {
                () = listening => {}
                () = listener.stopped.cancelled() => {}
            }
        });
        nudges
    }

    async fn hear(&self, pool: &PgPool, own: &str) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            match listener.try_recv().await? {
                Some(nudge) if nudge.payload() == own => {}
                // Somebody else; or the connection was lost, and something may have been missed.
                _ => self.heard.notify_one(),
            }
        }
    }

    /// Returns when somebody was heard.
    pub async fn heard(&self) {
        self.heard.notified().await;
    }

    /// Stops to listen.
    pub fn stop(&self) {
        self.stopped.cancel();
    }
}
