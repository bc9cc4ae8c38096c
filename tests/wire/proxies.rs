//! Requests through a proxy.

use std::collections::BTreeMap;
use std::sync::Arc;

use duban::time::SystemClock;
use duban::wire::Channel as _;
use duban::wire::webhook::{Webhook, WebhookConfig};

use crate::support::authority::Authority;
use crate::support::forwarder::Forwarder;
use crate::support::gateway::Gateway;
use crate::webhook::{answer, believable, channel};
use crate::{assert_accepted, message, temporary};

fn through(proxy: &Forwarder) -> String {
    format!("proxy = 'http://127.0.0.1:{}'", proxy.port)
}

#[tokio::test]
async fn a_plain_request_is_handed_to_the_proxy_which_resolves_the_name() {
    let (gateway, proxy) = (Gateway::start(|| answer(200, &[], "")).await, Forwarder::start(true).await);
    let url = format!("http://sms.office.invalid:{}/send?q=1", gateway.port);
    assert_accepted(&channel(&url, &through(&proxy)).send(&message("one")).await);
    assert_eq!(gateway.only().uri, "/send?q=1");
    assert_eq!(proxy.lines(), [format!("POST {url} HTTP/1.1")]);
}

#[tokio::test]
async fn an_encrypted_request_goes_through_a_tunnel_and_still_asks_for_the_certificate() {
    let authority = Authority::for_names(&["sms.office.invalid"]);
    let dir = tempfile::tempdir().expect("folder");
    let own = format!("ca_file = '{}'", authority.file_in(dir.path()).display());
    let (port, proxy) = (believable(&authority).await, Forwarder::start(true).await);
    let by =
        |name: &str, more: &str| channel(&format!("https://{name}:{port}/"), &format!("{}\n{more}", through(&proxy)));
    assert_accepted(&by("sms.office.invalid", &own).send(&message("one")).await);
    assert_eq!(proxy.lines(), [format!("CONNECT sms.office.invalid:{port} HTTP/1.1")]);
    temporary(by("other.office.invalid", &own).send(&message("one")).await);
    let reason = temporary(by("sms.office.invalid", "").send(&message("one")).await);
    assert!(reason.contains("no known authority"), "{reason}");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_tried_again() {
    let proxy = Forwarder::start(false).await;
    let reason = temporary(channel("https://sms.office.invalid/", &through(&proxy)).send(&message("one")).await);
    assert!(reason.starts_with("sms.office.invalid:443: ") && reason.contains("tunnel"), "{reason}");
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("port").local_addr().expect("address");
    for scheme in ["http", "https"] {
        let gone = channel(&format!("{scheme}://sms.office.invalid/"), &format!("proxy = 'http://{nobody}'"));
        temporary(gone.send(&message("one")).await);
    }
}

#[tokio::test]
async fn the_guard_judges_the_proxy_and_a_host_that_is_an_address() {
    let proxy = Forwarder::start(true).await;
    let strict = |url: &str, proxy: &str, more: &str| {
        let text = format!("medium = 'sms'\nurl = '{url}'\nproxy = '{proxy}'\n{more}");
        let config: WebhookConfig = toml::from_str(&text).expect("TOML");
        Webhook::new(&config, BTreeMap::new(), Arc::new(SystemClock::start()))
    };
    let by_name = format!("http://localhost:{}", proxy.port);
    let webhook = strict("http://sms.office.invalid/", &by_name, "").expect("a name is judged later");
    let reason = temporary(webhook.send(&message("one")).await);
    assert!(reason.contains("localhost at ") && reason.contains("write allow_networks"), "{reason}");
    let by_address = format!("http://127.0.0.1:{}", proxy.port);
    let error = strict("http://sms.office.invalid/", &by_address, "").err().expect("loopback").to_string();
    assert!(error.starts_with("proxy: "), "{error}");
    let own = "allow_networks = ['127.0.0.1']";
    for url in ["http://169.254.169.254/", "http://10.0.0.1/", "https://[fe80::1]/"] {
        let error = strict(url, &by_address, own).err().expect(url).to_string();
        assert!(error.starts_with("url: "), "{error}");
    }
    assert!(proxy.lines().is_empty());
}
