//! Debian's Alertmanager: a group of its own for each alert, told at once.

use std::path::Path;
use std::process::Command;
use std::time::Instant as Clock;

use serde_json::{Value, json};

use crate::Round;
use crate::program::{self, Program};
use crate::receiver::{Receiver, name};
use crate::support::patience::{free_port, holds_within};

/// Alerts in one request, as Prometheus sends them at most by default is 64; more at once are quicker.
const AT_ONCE: usize = 500;

/// Starts one, posts alerts, and waits until all of them were told.
pub fn round(program: &Path, receiver: &Receiver, count: usize) -> Round {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("alertmanager.yml");
    let hook = receiver.port;
    let text = format!(
        "route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/', send_resolved: false}}]}}]\n"
    );
    std::fs::write(&config, text).expect("written");
    let port = free_port();
    let server = Program::start(
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"]),
    );
    let posts: Vec<Value> = (0..count).collect::<Vec<_>>().chunks(AT_ONCE).map(alerts).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let client = runtime.block_on(async { client() });
    let ready = || runtime.block_on(client.get(format!("http://127.0.0.1:{port}/-/ready")).send()).is_ok();
    assert!(holds_within(20, ready), "it does not listen");
    receiver.expect(count);
    let began = Clock::now();
    runtime.block_on(async {
        for post in &posts {
            let sent = client.post(format!("http://127.0.0.1:{port}/api/v2/alerts")).json(post).send().await;
            assert!(sent.expect("an answer").status().is_success());
        }
    });
    let (first, last) = receiver.all();
    let (worked, memory) = (program::worked(server.id()), program::memory(server.id()));
    Round { took: last - began, first: first - began, worked, memory }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

fn alerts(numbers: &[usize]) -> Value {
    let alert = |number: &usize| {
        json!({
            "labels": {"alertname": "overdue", "ticket": name(*number), "severity": "red"},
            "annotations": {"summary": "厂区门口道路破损", "unit": "示范区住建局"},
        })
    };
    numbers.iter().map(alert).collect()
}
