//! Where requests do not go, however it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use duban::time::SystemClock;
use duban::wire::webhook::{Webhook, WebhookConfig};
use duban::wire::{Channel as _, ChannelError};

use crate::support::canary::Canary;
use crate::support::gateway::Gateway;
use crate::webhook::{answer, to};
use crate::{assert_accepted, message, temporary};

/// Spellings of places where nothing takes messages. `{port}` is the canary's.
const SPELLINGS: [&str; 62] = [
    // This machine, by every notation that a URL's parser or a resolver understands.
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.255.255.254:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7F.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://127．0．0．1:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "HTTP://127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[0000::0001]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::FFFF:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://lo%63alhost:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "http://a.localhost:{port}/",
    "http://a.b.LocalHost.:{port}/",
    "http://ip6-localhost:{port}/",
    // Every address of this machine at once.
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://00000000:{port}/",
    "http://0x0:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:0.0.0.0]:{port}/",
    // Hosts that are none, or hide one.
    "http://:{port}/",
    "http://?127.0.0.1:{port}/",
    "http://a.test@127.0.0.1:{port}/",
    "http://user:word@localhost:{port}/",
    "http://127.0.0.1:{port}@a.test/",
    "http://127.0.0.1{{ '' }}:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://127.0.0.1\t:{port}/",
    // Metadata and the link.
    "http://169.254.169.254:{port}/latest/meta-data/",
    "http://2852039166:{port}/",
    "http://[::ffff:a9fe:a9fe]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fd00:ec2::254]:{port}/",
    "http://100.100.100.200:{port}/",
    // Everybody.
    "http://224.0.0.1:{port}/",
    "http://255.255.255.255:{port}/",
    "http://[ff02::1]:{port}/",
    "ftp://127.0.0.1:{port}/",
];

fn strict(url: &str, more: &str) -> Result<Webhook, ChannelError> {
    let table = toml::Table::from_iter([("url".to_owned(), url.into()), ("medium".to_owned(), "sms".into())]);
    let config: WebhookConfig = toml::from_str(&format!("{table}\ntimeout = 5\n{more}")).expect(url);
    Webhook::new(&config, BTreeMap::new(), Arc::new(SystemClock::start()))
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_place_is_ever_connected_to() {
    let canary = Canary::listening();
    for spelling in SPELLINGS {
        let url = spelling.replace("{port}", &canary.port.to_string());
        match strict(&url, "") {
            Ok(webhook) => drop(temporary(webhook.send(&message("one")).await)),
            Err(error) => assert_eq!(error.key, "url", "{url}"),
        }
        assert_eq!(canary.calls().await, 0, "{url}");
    }
    let allowed = strict(&format!("http://127.0.0.1:{}/", canary.port), "allow_networks = ['127.0.0.1']");
    allowed.expect("channel").send(&message("one")).await;
    assert_eq!(canary.calls().await, 1, "it would have sung");
}

#[tokio::test]
async fn what_no_line_can_allow_is_not_connected_to_with_one() {
    let canary = Canary::listening();
    let more = "allow_networks = ['0.0.0.0/0', '::/0']";
    for spelling in SPELLINGS {
        let url = spelling.replace("{port}", &canary.port.to_string());
        if !url.contains("[fd")
            && !url.contains("[::1%")
            && let Ok(webhook) = strict(&url, more)
        {
            temporary(webhook.send(&message("one")).await);
        }
    }
    assert_eq!(canary.calls().await, 0);
}

#[tokio::test]
async fn a_refusal_names_the_host_the_address_and_the_line_to_write() {
    let canary = Canary::listening();
    let webhook = strict(&format!("http://localhost:{}/", canary.port), "").expect("a name is judged later");
    let reason = temporary(webhook.send(&message("one")).await);
    let line = ["127.0.0.1/32", "::1/128"].map(|net| format!("write allow_networks = [\"{net}\"]"));
    assert!(reason.contains("localhost at ") && line.iter().any(|line| reason.contains(line)), "{reason}");
    let error = strict("http://10.1.2.3/send", "").err().expect("an address is judged at once").to_string();
    assert!(error.contains("got 10.1.2.3") && error.contains("allow_networks = [\"10.1.2.3/32\"]"), "{error}");
    assert!(strict("http://10.1.2.3/send", "allow_networks = [\"10.1.2.3/32\"]").is_ok());
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_place_is_not_followed() {
    let canary = Canary::listening();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://127.0.0.1:{}/", canary.port);
        let gateway = Gateway::start(move || answer(status, &[("location", &location)], "")).await;
        to(&gateway, "/", "").send(&message("one")).await;
    }
    let refresh = format!("0; url=http://127.0.0.1:{}/", canary.port);
    let gateway = Gateway::start(move || answer(200, &[("refresh", &refresh)], "")).await;
    assert_accepted(&to(&gateway, "/", "").send(&message("one")).await);
    assert_eq!(canary.calls().await, 0);
}
