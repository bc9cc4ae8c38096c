use proptest::prelude::*;

use super::*;
use crate::core::delivery::DeliveryId;
use crate::core::digest::Digest;
use crate::wire::webhook::WebhookConfig;

fn message(text: &str) -> Message {
    Message {
        id: DeliveryId(Digest::of([b"one".as_slice()])),
        to_name: "王小明".to_owned(),
        to_address: "13800000000".to_owned(),
        date: "2026-03-02T02:00:00Z".parse().expect("instant"),
        subject: text.to_owned(),
        text: text.to_owned(),
        html: None,
        thread: Vec::new(),
        facts: serde_json::json!({ "title": text, "days": 3 }).into(),
    }
}

fn form(toml: &str) -> Result<Blank, ChannelError> {
    let config: WebhookConfig = toml::from_str(&format!("medium = \"sms\"\n{toml}")).expect(toml);
    let secrets = BTreeMap::from([("key".to_owned(), "s3cret/&".into())]);
    Blank::new(config.parts(), config.medium, OF_MESSAGE, secrets, None)
}

fn fill(form: &Blank, text: &str) -> Result<Request, String> {
    form.fill(Subject::Message(&message(text)), "2026-03-02T02:00:05Z".parse().expect("instant"))
}

#[test]
fn a_url_with_an_open_host_is_refused() {
    for url in [
        "{{ to_address }}",
        "http://{{ to_address }}/",
        "http://a{{ x }}.test/",
        "http://user:pass@a.test/",
        "ftp://a.test/",
        "file:///etc/passwd",
        "http://",
    ] {
        assert!(form(&format!("url = '{url}'")).is_err(), "{url}");
    }
    assert!(form("url = 'http://127.0.0.1:8080/send'").is_ok());
}

#[test]
fn bodies_that_cannot_be_are_refused() {
    for toml in [
        "method = 'GET'\ntemplate = 'x'",
        "body = 'form'",
        "body = 'form'\ntemplate = 'x'",
        "body = 'text'",
        "form = { a = 'b' }",
        "template = '{{ text'",
        "template = '{\"text\": \"{{ text }}\"}'",
        "template = '[\"{{ facts.title }}\"]'",
        "template = '{\"text\": \"{{ text|safe }}\"}'",
        "headers = { 'a b' = 'c' }",
        "query = { a = '{{ mobile }}' }",
        "query = { a = '{{ secret.other }}' }",
        "template = '{{ tekst }}'",
        "body = 'xml'",
        "body = 'xml'\ntemplate = '<a>{{ text }}</b>'",
        "body = 'xml'\ntemplate = '<{{ text }}/>'",
        "body = 'xml'\ntemplate = '<a b={{ text }}/>'",
        "body = 'xml'\ntemplate = '<a><!-- {{ text }} --></a>'",
        "body = 'xml'\ntemplate = '<a><![CDATA[{{ text }}]]></a>'",
        "body = 'xml'\ntemplate = '<?xml version=\"1.0\" encoding=\"GBK\"?><a/>'",
        "body = 'xml'\ncharset = 'gb18030'\ntemplate = '<a/>'",
        "query = { a = '{{ body|md5 }}' }",
    ] {
        assert!(form(&format!("url = 'http://a.test/'\n{toml}")).is_err(), "{toml}");
    }
}

#[test]
fn a_name_that_nothing_knows_is_told_when_it_is_needed() {
    let form = form("url = 'http://a.test/'\ntemplate = '{\"a\": {{ facts.nobody }}}'").expect("form");
    let reason = fill(&form, "x").err().expect("undefined");
    assert!(reason.contains("undefined"), "{reason}");
}

#[test]
fn a_text_that_reads_like_a_number_stays_a_text() {
    let template = "template = '[{{ text }}, {{ text|safe }}, {{ text|tojson|safe }}]'";
    let form = form(&format!("url = 'http://a.test/'\n{template}")).expect("form");
    let body = fill(&form, "0").expect("request").body.expect("body");
    assert_eq!(body, r#"["0", "0", "0"]"#);
}

#[test]
fn dots_do_not_lead_out_of_a_path() {
    let form = form("url = 'http://a.test/one/{{ text }}/two'").expect("form");
    assert!(fill(&form, "..").is_err());
    let request = fill(&form, "../..").expect("slashes are encoded");
    assert_eq!(request.url.path(), "/one/..%2F../two");
}

#[test]
fn a_header_can_sign_the_body_and_the_time_of_the_try() {
    let form = form(
        "url = 'http://a.test/'\nbody = 'text'\ntemplate = '{{ text }}'\ncharset = 'gb18030'\n\
         headers = { X-Hub-Signature-256 = 'sha256={{ body|hmac_sha256(secret.key) }}', X-Sum = '{{ body_sha256 }}', \
         X-At = '{{ sent_at|timestamp(\"%Y%m%d%H%M%S\") }}' }",
    )
    .expect("form");
    let request = fill(&form, "督办").expect("request");
    let sent = b"\xb6\xbd\xb0\xec";
    assert_eq!(request.bytes.as_deref(), Some(&sent[..]));
    let signed = hex::encode(crate::wire::signature::hmac_sha256(b"s3cret/&", sent));
    assert_eq!(request.headers["x-hub-signature-256"], format!("sha256={signed}"));
    assert_eq!(request.headers["x-sum"], sha256_hex(sent));
    assert_eq!(request.headers["x-at"], "20260302100005");
    assert_eq!(request.headers["content-type"], "text/plain; charset=gb18030");
}

#[test]
fn a_form_and_a_query_in_gb18030_hold_its_bytes() {
    let form = form(
        "url = 'http://a.test/{{ text }}'\nbody = 'form'\ncharset = 'gb18030'\nform = { a = '{{ text }}' }\n\
         query = { q = '{{ text }}' }",
    )
    .expect("form");
    let request = fill(&form, "督办 &").expect("request");
    assert_eq!(request.url.as_str(), "http://a.test/%B6%BD%B0%EC%20%26?q=%B6%BD%B0%EC+%26");
    assert_eq!(request.body.as_deref(), Some("a=%B6%BD%B0%EC+%26"));
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded; charset=gb18030");
}

proptest! {
    #[test]
    fn no_value_leaves_its_place_in_xml(text in any::<String>()) {
        let form = form("url = 'http://a.test/'\nbody = 'xml'\ntemplate = '<a><b c=\"{{ text }}\">{{ text|safe }}</b><d/></a>'");
        let request = fill(&form.expect("form"), &text).expect("request");
        let body = request.body.expect("body");
        prop_assert_eq!(xml::check(&body), Ok(()));
        prop_assert_eq!(body.matches('<').count(), 5);
    }

    #[test]
    fn no_value_leaves_its_place(text in any::<String>()) {
        let form = form(
            "url = 'http://a.test/send/x{{ text }}?q={{ text }}'\nquery = { t = '{{ text }}' }\n\
             template = '{\"list\": [{{ text }}, {{ facts.title|safe }}, {{ \"[x] \" ~ text }}, {{ facts|tojson }}]}'",
        ).expect("form");
        let request = fill(&form, &text).expect("request");
        prop_assert_eq!(request.url.host_str(), Some("a.test"));
        prop_assert_eq!(request.url.path_segments().map(Iterator::count), Some(2));
        let pairs: Vec<_> = request.url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        prop_assert_eq!(pairs, [("q".to_owned(), text.clone()), ("t".to_owned(), text.clone())]);
        let json: serde_json::Value = serde_json::from_str(&request.body.expect("body")).expect("JSON");
        let prefixed = format!("[x] {text}");
        let expected = serde_json::json!({ "list": [text, text, prefixed, { "title": text, "days": 3 }] });
        prop_assert_eq!(json, expected);
    }

    #[test]
    fn no_value_adds_a_field_to_a_form(text in any::<String>()) {
        let form = form("url = 'http://a.test/'\nbody = 'form'\nform = { a = '{{ text }}', b = '{{ secret.key }}' }").expect("form");
        let body = fill(&form, &text).expect("request").body.expect("body");
        let fields = Url::parse(&format!("http://a.test/?{body}")).expect("query");
        let pairs: Vec<_> = fields.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        prop_assert_eq!(pairs, [("a".to_owned(), text), ("b".to_owned(), "s3cret/&".to_owned())]);
    }
}
