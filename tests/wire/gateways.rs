//! What gateways want beside a plain call: XML, GB18030, signatures, receipts.

use std::collections::BTreeMap;
use std::sync::Arc;

use duban::core::delivery::{Outcome, Receipt};
use duban::time::TestClock;
use duban::wire::Channel as _;
use duban::wire::webhook::{Webhook, WebhookConfig};
use secrecy::SecretString;

use crate::support::gateway::Gateway;
use crate::webhook::{answer, to};
use crate::{assert_accepted, id, message};

#[tokio::test]
async fn a_gateway_that_speaks_xml_in_gb18030_gets_and_gives_it() {
    let body = "<?xml version='1.0' encoding='GBK'?><returnsms><returnstatus>Success</returnstatus>\
                <message>\u{6210}\u{529f}</message><taskID>4711</taskID></returnsms>";
    let gateway = Gateway::start(move || answer(200, &[], body)).await;
    let toml = "body = 'xml'\ncharset = 'gb18030'\n\
                template = '<?xml version=\"1.0\" encoding=\"GBK\"?><sms><to>{{ to_address }}</to><t>{{ subject }}</t></sms>'\n\
                success = { xml = 'returnsms/returnstatus', equals = 'Success' }\n\
                remote_id = { xml = 'returnsms/taskID' }";
    let outcome = to(&gateway, "/", toml).send(&message("one")).await;
    assert!(matches!(&outcome, Outcome::Accepted { remote_id: Some(id), .. } if id == "4711"), "{outcome:?}");
    let asked = gateway.only();
    assert_eq!(asked.header("content-type"), "text/xml; charset=gb18030");
    let (text, _, broken) = encoding_rs::GB18030.decode(&asked.body);
    assert!(text.contains(&format!("<t>{}</t>", message("one").subject)) && !broken, "{text}");
}

#[tokio::test]
async fn a_generic_webhook_is_signed_for_each_try_under_one_id() {
    let gateway = Gateway::start(|| answer(204, &[], "")).await;
    let toml = format!(
        "medium = 'im'\nurl = 'http://127.0.0.1:{}/'\nallow_networks = ['127.0.0.1']\nstandard_webhooks = true",
        gateway.port
    );
    let config: WebhookConfig = toml::from_str(&toml).expect("TOML");
    let key = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let keys = BTreeMap::from([("webhook".to_owned(), key.clone()), ("webhook_old".to_owned(), key)]);
    let clock = Arc::new(TestClock::at("2026-03-02T02:00:00Z".parse().expect("instant")));
    let webhook = Webhook::new(&config, keys, clock.clone()).expect("channel");
    assert!(webhook.repeatable());
    assert_accepted(&webhook.send(&message("one")).await);
    clock.advance(std::time::Duration::from_secs(30));
    assert_accepted(&webhook.send(&message("one")).await);
    let asked = gateway.asked();
    let of = |name: &str| asked.iter().map(|asked| asked.header(name).to_owned()).collect::<Vec<_>>();
    assert_eq!(of("webhook-id"), [id("one").to_string(), id("one").to_string()]);
    assert_eq!(of("webhook-timestamp"), ["1772416800", "1772416830"]);
    let signatures = of("webhook-signature");
    assert!(signatures[0] != signatures[1] && signatures[0].split(' ').count() == 2, "{signatures:?}");
    assert_eq!(asked[0].json()["data"]["facts"]["code"], "P0136");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_not_tried_again() {
    let gateway = Gateway::start(|| answer(410, &[], "")).await;
    let outcome = to(&gateway, "/", "").send(&message("one")).await;
    assert!(matches!(outcome, Outcome::Permanent { bad_address: false, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_gateway_is_asked_what_became_of_a_message_or_says_so_itself() {
    let gateway = Gateway::start(|| answer(200, &[], r#"{"status": "DELIVRD"}"#)).await;
    let asking = |delivered: &str, failed: &str| {
        format!(
            "[receipt]\nurl = 'http://127.0.0.1:{}/status'\nmethod = 'GET'\n\
             query = {{ id = '{{{{ remote_id }}}}', day = '{{{{ taken_at|timestamp(\"%Y%m%d\") }}}}' }}\n\
             delivered = {{ json = '$.status', equals = '{delivered}' }}\n\
             failed = {{ json = '$.status', equals = '{failed}' }}\nstate = {{ json = '$.status' }}\n\
             callback = {{ remote_id = '$.id', state = '$.state', delivered = ['DELIVRD'] }}",
            gateway.port
        )
    };
    let taken_at = "2026-03-01T17:00:00Z".parse().expect("instant");
    for (delivered, failed, expected) in
        [("DELIVRD", "UNDELIV", Some(true)), ("OK", "DELIVRD", Some(false)), ("OK", "UNDELIV", None)]
    {
        let webhook = to(&gateway, "/", &asking(delivered, failed));
        assert!(webhook.gives_receipts());
        let receipt = webhook.receipt("m&1", "13800000000", taken_at).await.expect("an answer");
        assert_eq!(receipt.as_ref().map(|receipt| receipt.delivered), expected, "{receipt:?}");
    }
    let pairs = [("id".to_owned(), "m&1".to_owned()), ("day".to_owned(), "20260302".to_owned())];
    let query: BTreeMap<_, _> = gateway.asked()[0].query().into_iter().collect();
    assert_eq!(query, BTreeMap::from(pairs));
    let webhook = to(&gateway, "/", &asking("OK", "NO"));
    let receipt = Receipt { remote_id: "7".to_owned(), delivered: true, reason: "DELIVRD".to_owned() };
    assert_eq!(webhook.read_receipts(br#"{"id": 7, "state": "DELIVRD"}"#), Ok(vec![receipt]));
    assert!(to(&gateway, "/", "").read_receipts(b"{}").is_err());
}
