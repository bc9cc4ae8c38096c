//! Short messages through clouds, and robots of group chats, against vendors that check as the real ones do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duban::core::Instant;
use duban::core::contact::Medium;
use duban::core::delivery::{Outcome, Receipt};
use duban::time::{Clock as _, SystemClock, TestClock};
use duban::wire::robot::{Messenger, RobotConfig, robot};
use duban::wire::sms::{AliyunConfig, TencentConfig, aliyun, tencent};
use duban::wire::{Channel, Message, vendor};
use secrecy::SecretString;

use crate::support::command::{duban, shipped};
use crate::support::vendor::cloud::{Aliyun, Tencent};
use crate::support::vendor::messenger::Robot;
use crate::support::vendor::{Desk, Vendor};
use crate::{assert_accepted, id, message, temporary};

/// Every secret holds this word, and nothing that is told may.
const CANARY: &str = "canary";
const KEY: &str = "canary-key";
const TOKEN: &str = "canary-token";
const SIGN: &str = "SECcanary-sign";

const PHONE: &str = "13800000000";

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(now()))
}

fn now() -> Instant {
    "2026-03-02T02:00:00Z".parse().expect("instant")
}

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    pairs.iter().map(|(name, secret)| ((*name).to_owned(), SecretString::from(*secret))).collect()
}

async fn aliyun_server(clock: &Arc<TestClock>) -> Vendor<Aliyun> {
    Vendor::start(Aliyun::new("LTAI5t", KEY), clock.clone()).await
}

fn to_aliyun(server: &Vendor<Aliyun>, clock: &Arc<TestClock>, key: &str, toml: &str) -> vendor::Vendor {
    let usual = [
        ("access_key_id", "'LTAI5t'"),
        ("sign", "'示范区督查室'"),
        ("template", "'SMS_1'"),
        ("text", "'${title}${state}，请登录督办平台办理。'"),
        ("params", "{ title = '{{ facts.title }}', state = '{{ facts.state }}' }"),
    ];
    let config: AliyunConfig = toml::from_str(&(server.endpoint() + &*with(&usual, toml))).expect(toml);
    aliyun(&config, secrets(&[("access_key_secret", key)]), clock.clone()).expect("channel")
}

async fn tencent_server(clock: &Arc<TestClock>) -> Vendor<Tencent> {
    Vendor::start(Tencent::new("AKIDz8", KEY), clock.clone()).await
}

fn to_tencent(server: &Vendor<Tencent>, clock: &Arc<TestClock>, key: &str, toml: &str) -> vendor::Vendor {
    let usual = [
        ("secret_id", "'AKIDz8'"),
        ("app_id", "'1400006666'"),
        ("sign", "'示范区督查室'"),
        ("template", "'1001'"),
        ("text", "'{1}{2}，请登录督办平台办理。'"),
        ("params", "['{{ facts.title }}', '{{ facts.state }}']"),
    ];
    let config: TencentConfig = toml::from_str(&(server.endpoint() + &*with(&usual, toml))).expect(toml);
    tencent(&config, secrets(&[("secret_key", key)]), clock.clone()).expect("channel")
}

/// The usual keys, but for those that `toml` gives itself.
fn with(usual: &[(&str, &str)], toml: &str) -> String {
    let own: toml::Table = toml.parse().expect(toml);
    let missing = usual.iter().filter(|(key, _)| !own.contains_key(*key));
    let lines = missing.map(|(key, value)| format!("{key} = {value}"));
    lines.chain([toml.to_owned()]).collect::<Vec<_>>().join("\n")
}

/// A robot's server and the channel to it.
async fn robot_of(
    kind: Messenger,
    desk: Robot,
    clock: &Arc<TestClock>,
    given: &[(&str, &str)],
    toml: &str,
) -> (Vendor<Robot>, vendor::Vendor) {
    let server = Vendor::start(desk, clock.clone()).await;
    let config: RobotConfig = toml::from_str(&(server.endpoint() + toml)).expect(toml);
    let channel = robot(kind, &config, secrets(given), clock.clone()).expect("channel");
    (server, channel)
}

async fn dingtalk(clock: &Arc<TestClock>, keyword: Option<&str>, toml: &str) -> (Vendor<Robot>, vendor::Vendor) {
    let desk = Robot::of_dingtalk(TOKEN, Some(SIGN), keyword);
    robot_of(Messenger::DingTalk, desk, clock, &[("token", TOKEN), ("sign", SIGN)], toml).await
}

async fn wecom(clock: &Arc<TestClock>, toml: &str) -> (Vendor<Robot>, vendor::Vendor) {
    robot_of(Messenger::WeCom, Robot::of_wecom(TOKEN), clock, &[("token", TOKEN)], toml).await
}

async fn feishu(clock: &Arc<TestClock>, keyword: Option<&str>, toml: &str) -> (Vendor<Robot>, vendor::Vendor) {
    let desk = Robot::of_feishu(TOKEN, Some(SIGN), keyword);
    robot_of(Messenger::Feishu, desk, clock, &[("token", TOKEN), ("sign", SIGN)], toml).await
}

fn short(title: &str) -> Message {
    let facts = serde_json::json!({ "title": title, "state": "已超1个工作日" });
    Message { to_address: PHONE.to_owned(), facts: facts.into(), ..message(title) }
}

fn to_group(text: &str) -> Message {
    Message { to_address: "group".to_owned(), text: text.to_owned(), ..message("group") }
}

#[track_caller]
fn permanent(outcome: &Outcome) -> (&str, bool) {
    let Outcome::Permanent { reason, bad_address } = outcome else { panic!("{outcome:?}") };
    (reason, *bad_address)
}

/// The dialogue and its end, after a look that no secret stands in it.
async fn traced(channel: &vendor::Vendor, message: &Message) -> (String, Outcome) {
    let (lines, outcome) = channel.trace(message).await;
    let told = format!("{}\n{outcome:?}", lines.join("\n"));
    assert!(!told.contains(CANARY), "{told}");
    (told, outcome)
}

#[tokio::test]
async fn aliyun_takes_a_message_and_says_later_what_became_of_it() {
    let clock = clock();
    let server = aliyun_server(&clock).await;
    let channel = to_aliyun(&server, &clock, KEY, "");
    assert_eq!((channel.medium(), channel.repeatable(), channel.gives_receipts()), (Medium::Sms, false, true));
    let (told, outcome) = traced(&channel, &short("施工许可")).await;
    let Outcome::Accepted { remote_id: Some(biz_id), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(server.only(), (PHONE.to_owned(), "施工许可已超1个工作日，请登录督办平台办理。".to_owned()));
    assert!(told.contains("【示范区督查室】施工许可已超1个工作日") && told.contains("(1 to pay)"), "{told}");
    assert!(told.contains(&format!("> OutId={}", id("施工许可"))), "{told}");

    let receipt = || channel.receipt(&biz_id, PHONE, now());
    assert_eq!(receipt().await, Ok(None), "the carrier has not answered");
    server.desk.lock().expect("lock").settle(true, "DELIVERED");
    let delivered = Receipt { remote_id: biz_id.clone(), delivered: true, reason: "DELIVERED".to_owned() };
    assert_eq!(receipt().await, Ok(Some(delivered)));
    server.desk.lock().expect("lock").settle(false, "MK:0000");
    assert!(receipt().await.expect("answer").is_some_and(|receipt| !receipt.delivered && receipt.reason == "MK:0000"));
    assert_eq!(channel.receipt("another", PHONE, now()).await, Ok(None));
}

#[tokio::test]
async fn aliyun_is_asked_for_the_day_before_what_was_taken_at_midnight() {
    let clock = Arc::new(TestClock::at("2026-03-02T15:59:59Z".parse().expect("instant")));
    let server = aliyun_server(&clock).await;
    let channel = to_aliyun(&server, &clock, KEY, "");
    assert_accepted(&channel.send(&short("施工许可")).await);
    server.desk.lock().expect("lock").settle(true, "DELIVERED");
    clock.advance(Duration::from_secs(2));
    let receipt = channel.receipt("900619540^0", PHONE, clock.now()).await;
    assert!(receipt.expect("answer").is_some_and(|receipt| receipt.delivered));
}

#[tokio::test]
async fn tencent_takes_a_message_and_says_later_what_became_of_it() {
    let clock = clock();
    let server = tencent_server(&clock).await;
    let channel = to_tencent(&server, &clock, KEY, "");
    assert_eq!((channel.medium(), channel.repeatable(), channel.gives_receipts()), (Medium::Sms, false, true));
    let (told, outcome) = traced(&channel, &short("施工许可")).await;
    let Outcome::Accepted { remote_id: Some(serial), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(server.only(), (format!("+86{PHONE}"), "施工许可已超1个工作日，请登录督办平台办理。".to_owned()));
    assert!(told.contains(&format!("\"SessionContext\":\"{}\"", id("施工许可"))), "{told}");

    let receipt = || channel.receipt(&serial, PHONE, now());
    assert_eq!(receipt().await, Ok(None), "the carrier has not answered");
    server.desk.lock().expect("lock").settle(false, "USER_BLACK");
    let failed = Receipt { remote_id: serial.clone(), delivered: false, reason: "USER_BLACK".to_owned() };
    assert_eq!(receipt().await, Ok(Some(failed)));
    server.desk.lock().expect("lock").settle(true, "DELIVRD");
    assert!(receipt().await.expect("answer").is_some_and(|receipt| receipt.delivered));
}

#[tokio::test]
async fn a_wrong_key_is_for_good_and_not_the_address_s_fault() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    for (channel, code) in [
        (to_aliyun(&one, &clock, "canary-wrong", ""), "SignatureDoesNotMatch"),
        (to_aliyun(&one, &clock, KEY, "access_key_id = 'LTAIother'"), "InvalidAccessKeyId.NotFound"),
        (to_tencent(&other, &clock, "canary-wrong", ""), "AuthFailure.SignatureFailure"),
        (to_tencent(&other, &clock, KEY, "secret_id = 'AKIDother'"), "AuthFailure.SecretIdNotFound"),
    ] {
        let (_, outcome) = traced(&channel, &short("施工许可")).await;
        let (reason, bad_address) = permanent(&outcome);
        assert!(reason.contains(code) && !bad_address, "{reason}");
        let error = channel.receipt("1", PHONE, now()).await.expect_err("refused");
        assert!(error.contains(code) && !error.contains(CANARY), "{error}");
    }
}

#[tokio::test]
async fn a_signature_is_good_for_its_time_and_each_is_a_new_one() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    // Two messages in the same instant: two nonces.
    let channel = to_aliyun(&one, &clock, KEY, "");
    assert_accepted(&channel.send(&short("一")).await);
    assert_accepted(&channel.send(&short("二")).await);
    // A clock that is wrong by a day is set right one day.
    let wrong = Arc::new(TestClock::at(now() - chrono::Duration::days(1)));
    let reason = temporary(to_aliyun(&one, &wrong, KEY, "").send(&short("三")).await);
    assert!(reason.contains("InvalidTimeStamp.Expired"), "{reason}");
    let reason = temporary(to_tencent(&other, &wrong, KEY, "").send(&short("三")).await);
    assert!(reason.contains("AuthFailure.SignatureExpire"), "{reason}");
}

#[tokio::test]
async fn a_template_that_the_vendor_does_not_know_is_for_good() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    let lacking = "text = '${title}'\nparams = { title = '{{ facts.title }}' }";
    for (channel, code) in [
        (to_aliyun(&one, &clock, KEY, "template = 'SMS_2'"), "isv.SMS_TEMPLATE_ILLEGAL"),
        (to_aliyun(&one, &clock, KEY, "sign = '别的'"), "isv.SMS_SIGNATURE_ILLEGAL"),
        (to_aliyun(&one, &clock, KEY, lacking), "isv.TEMPLATE_MISSING_PARAMETERS"),
        (to_aliyun(&one, &clock, KEY, "max_len = { title = 60 }"), "isv.PARAM_LENGTH_LIMIT"),
        (to_tencent(&other, &clock, KEY, "template = '1002'"), "FailedOperation.TemplateIncorrectOrUnapproved"),
        (
            to_tencent(&other, &clock, KEY, "text = '{1}'\nparams = ['x']"),
            "FailedOperation.TemplateIncorrectOrUnapproved",
        ),
    ] {
        let outcome = channel.send(&short(&"施工许可".repeat(8))).await;
        let (reason, bad_address) = permanent(&outcome);
        assert!(reason.contains(code) && !bad_address, "{reason}");
    }
}

#[tokio::test]
async fn a_number_that_is_none_is_a_bad_address() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    let channels = [to_aliyun(&one, &clock, KEY, ""), to_tencent(&other, &clock, KEY, "")];
    for channel in &channels {
        for wrong in ["", "王小明", "0571-88880000", "138000000000\r\nX: 1"] {
            let outcome = channel.send(&Message { to_address: wrong.to_owned(), ..short("施工许可") }).await;
            assert!(permanent(&outcome).1, "{outcome:?}");
        }
    }
    assert!(one.asked().is_empty() && other.asked().is_empty(), "nobody was asked about them");
    // A number of a country that the vendor's template is not for.
    let outcome = channels[1].send(&Message { to_address: "+852 5123 4567".to_owned(), ..short("施工许可") }).await;
    assert!(permanent(&outcome).1, "{outcome:?}");
}

#[tokio::test]
async fn a_vendor_that_has_enough_is_left_alone_for_its_time() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    let wait = |outcome| {
        let Outcome::Temporary { reason, retry_after } = outcome else { panic!("{outcome:?}") };
        (reason, retry_after.map_or(0, |wait| wait.as_secs()))
    };
    let channel = to_aliyun(&one, &clock, KEY, "");
    for number in 0..50 {
        assert_accepted(&channel.send(&short(&number.to_string())).await);
    }
    let (reason, seconds) = wait(channel.send(&short("第51条")).await);
    assert!(reason.contains("isv.BUSINESS_LIMIT_CONTROL") && seconds == 3_600, "{reason} {seconds}");
    assert_eq!(channel.rates().each.iter().map(ToString::to_string).collect::<Vec<_>>(), ["50/1d"]);

    let channel = to_tencent(&other, &clock, KEY, "");
    assert_accepted(&channel.send(&short("一")).await);
    let (reason, seconds) = wait(channel.send(&short("二")).await);
    assert!(reason.contains("PhoneNumberThirtySecondLimit") && seconds == 60, "{reason} {seconds}");
    for number in 2..=10 {
        clock.advance(Duration::from_secs(30));
        assert_accepted(&channel.send(&short(&number.to_string())).await);
    }
    clock.advance(Duration::from_secs(30));
    let (reason, seconds) = wait(channel.send(&short("第11条")).await);
    assert!(reason.contains("PhoneNumberDailyLimit") && seconds == 3_600, "{reason} {seconds}");
    assert_eq!(channel.rates().each.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1/30s", "10/1d"]);
}

#[tokio::test]
async fn a_short_message_whose_answer_is_cut_off_is_unknown_and_a_robot_s_is_said_again() {
    let clock = clock();
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    one.cut_answers();
    other.cut_answers();
    for outcome in [
        to_aliyun(&one, &clock, KEY, "").send(&short("施工许可")).await,
        to_tencent(&other, &clock, KEY, "").send(&short("施工许可")).await,
    ] {
        assert!(matches!(&outcome, Outcome::Unknowable { repeatable: false, .. }), "{outcome:?}");
    }
    assert_eq!((one.taken().len(), other.taken().len()), (1, 1), "and yet it was taken");
    for (server, channel) in [dingtalk(&clock, None, "").await, wecom(&clock, "").await, feishu(&clock, None, "").await]
    {
        server.cut_answers();
        let (_, outcome) = traced(&channel, &to_group("请办")).await;
        assert!(matches!(&outcome, Outcome::Unknowable { repeatable: true, .. }), "{outcome:?}");
        assert!(channel.repeatable());
    }
}

#[tokio::test]
async fn what_is_no_word_of_the_vendor_counts_for_nothing() {
    struct Between(u16, serde_json::Value);
    impl Desk for Between {
        fn answer(&mut self, _: &crate::support::gateway::Asked, _: Instant) -> (u16, serde_json::Value) {
            (self.0, self.1.clone())
        }
        fn taken(&self) -> Vec<(String, String)> {
            Vec::new()
        }
    }
    let clock = clock();
    for (status, expected) in [
        (200, "unknown"),
        (202, "unknown"),
        (302, "permanent"),
        (403, "permanent"),
        (407, "temporary"),
        (429, "temporary"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "temporary"),
        (504, "unknown"),
    ] {
        let server = Vendor::start(Between(status, serde_json::json!("hello")), clock.clone()).await;
        let config = server.endpoint() + "access_key_id = 'a'\nsign = 's'\ntemplate = 't'\ntext = 'x'\nparams = {}\n";
        let config: AliyunConfig = toml::from_str(&config).expect("configuration");
        let channel = aliyun(&config, secrets(&[("access_key_secret", KEY)]), clock.clone()).expect("channel");
        let word = match channel.send(&short("x")).await {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Temporary { .. } => "temporary",
            Outcome::Permanent { .. } => "permanent",
            Outcome::Unknowable { .. } => "unknown",
        };
        assert_eq!(word, expected, "{status}");
    }
}

#[tokio::test]
async fn a_group_hears_its_message_under_a_good_signature() {
    let clock = clock();
    let text = "“施工许可”（P0136）已超1个工作日，亮红牌。\n请立即办结。\n";
    for (server, channel) in [dingtalk(&clock, None, "").await, wecom(&clock, "").await, feishu(&clock, None, "").await]
    {
        assert_eq!((channel.medium(), channel.gives_receipts()), (Medium::Im, false));
        let (told, outcome) = traced(&channel, &to_group(text)).await;
        assert_accepted(&outcome);
        let (named, heard) = server.only();
        let lines: Vec<&str> = heard.lines().map(str::trim_end).collect();
        assert_eq!((named.as_str(), lines), ("", text.lines().collect()));
        assert!(told.contains("请立即办结"), "{told}");
    }
    for (_, channel) in [dingtalk(&clock, None, "format = 'text'").await, wecom(&clock, "format = 'text'").await] {
        assert_accepted(&channel.send(&to_group(text)).await);
    }
}

#[tokio::test]
async fn a_wrong_token_or_signature_is_for_good_and_stays_secret() {
    let clock = clock();
    let wrong_token = [("token", "canary-other"), ("sign", SIGN)];
    let wrong_sign = [("token", TOKEN), ("sign", "canary-other")];
    let cases = [
        (Messenger::DingTalk, Robot::of_dingtalk(TOKEN, Some(SIGN), None), &wrong_token[..], "300005"),
        (Messenger::DingTalk, Robot::of_dingtalk(TOKEN, Some(SIGN), None), &wrong_sign, "310000"),
        (Messenger::DingTalk, Robot::of_dingtalk(TOKEN, Some(SIGN), None), &wrong_sign[..1], "310000"),
        (Messenger::DingTalk, Robot::of_dingtalk(TOKEN, None, Some("督办")), &wrong_sign[..1], "310000"),
        (Messenger::WeCom, Robot::of_wecom(TOKEN), &wrong_token[..1], "93000"),
        (Messenger::Feishu, Robot::of_feishu(TOKEN, Some(SIGN), None), &wrong_token, "19001"),
        (Messenger::Feishu, Robot::of_feishu(TOKEN, Some(SIGN), None), &wrong_sign, "19021"),
        (Messenger::Feishu, Robot::of_feishu(TOKEN, None, Some("督办")), &wrong_sign[..1], "19024"),
    ];
    for (kind, desk, given, code) in cases {
        let (_, channel) = robot_of(kind, desk, &clock, given, "").await;
        let (_, outcome) = traced(&channel, &to_group("请办")).await;
        let (reason, bad_address) = permanent(&outcome);
        assert!(reason.contains(code) && !bad_address, "{reason}");
    }
}

#[tokio::test]
async fn a_robot_that_is_too_fast_waits_as_long_as_its_vendor_blocks_it() {
    let clock = clock();
    let wait = |outcome| {
        let Outcome::Temporary { reason, retry_after } = outcome else { panic!("{outcome:?}") };
        (reason, retry_after.map_or(0, |wait| wait.as_secs()))
    };
    for ((server, channel), limit, code, seconds, rates) in [
        (dingtalk(&clock, None, "").await, 20, "130101", 600, &["18/1m"][..]),
        (wecom(&clock, "").await, 20, "45009", 60, &["18/1m"]),
        (feishu(&clock, None, "").await, 5, "11232", 60, &["100/1m", "5/1s"]),
    ] {
        for _ in 0..limit {
            assert_accepted(&channel.send(&to_group("请办")).await);
        }
        let (reason, waited) = wait(channel.send(&to_group("请办")).await);
        assert!(reason.contains(code), "{reason}");
        assert_eq!(waited, seconds, "{code}");
        assert_eq!(channel.rates().all.iter().map(ToString::to_string).collect::<Vec<_>>(), rates);
        clock.advance(Duration::from_secs(waited + 1));
        assert_accepted(&channel.send(&to_group("请办")).await);
        assert_eq!(server.taken().len(), limit + 1);
    }
}

#[tokio::test]
async fn a_long_message_is_cut_to_what_the_messenger_takes_and_keeps_its_keyword() {
    let clock = clock();
    let endless = format!("督办：{}", "施工\"许可\\\n".repeat(100_000));
    for (server, channel) in [
        dingtalk(&clock, Some("督办"), "keyword = '督办'").await,
        dingtalk(&clock, Some("示范区"), "keyword = '示范区'\nformat = 'text'").await,
        wecom(&clock, "keyword = '示范区'").await,
        wecom(&clock, "format = 'text'").await,
        feishu(&clock, Some("示范区"), "keyword = '示范区'").await,
    ] {
        assert_accepted(&channel.send(&to_group(&endless)).await);
        assert_accepted(&channel.send(&to_group("请办")).await);
        let (_, heard) = server.taken()[0].clone();
        assert!(heard.starts_with("督办：施工") && heard.contains('…'), "{}", &heard[..60]);
    }
}

#[tokio::test]
async fn a_receiver_is_mentioned_and_never_everybody() {
    let clock = clock();
    let by_mobile = Message { to_address: PHONE.to_owned(), ..to_group("请办") };
    let by_id = Message { to_address: "zhang.san".to_owned(), ..to_group("请办") };
    for ((server, channel), message) in [
        (dingtalk(&clock, None, "mention = 'mobile'").await, &by_mobile),
        (dingtalk(&clock, None, "mention = 'id'\nformat = 'text'").await, &by_id),
        (wecom(&clock, "mention = 'mobile'").await, &by_mobile),
        (wecom(&clock, "mention = 'id'").await, &by_id),
        (wecom(&clock, "mention = 'id'\nformat = 'text'").await, &by_id),
        (feishu(&clock, None, "mention = 'id'").await, &by_id),
    ] {
        assert_accepted(&channel.send(message).await);
        assert_eq!(server.only().0, message.to_address);
        assert_accepted(&channel.send(&to_group("请办")).await);
        assert_eq!(server.taken()[1].0, "", "a group is nobody");
        for wrong in ["all", "@all", "ALL", "a b", "<x>", "王小明"] {
            let outcome = channel.send(&Message { to_address: wrong.to_owned(), ..to_group("请办") }).await;
            assert!(permanent(&outcome).1, "{wrong}");
        }
    }
}

#[tokio::test]
async fn hostile_texts_command_nobody_and_break_nothing() {
    let clock = clock();
    let megabyte = "督".repeat(350_000);
    let hostile = [
        "a\r\nX-Evil: 1\0\u{b}\u{1b}[31m",
        "\u{202e}txt.exe\u{2066}",
        "{{ secret.token }}{% for x in range(9) %}",
        "<at user_id=\"all\">所有人</at><@all>@all [点](http://evil.test) ![](http://evil.test/x)",
        "http://evil.test/x?y=1 www.evil.com 10.0.0.1 evil.cn ::1",
        "\"},\"at\":{\"isAtAll\":true},\"x\":{\"",
        "=cmd|' /C calc'!A0",
        "${title}{1}",
        "",
        " \n ",
        &megabyte,
    ];
    let (one, other) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    let clouds = [to_aliyun(&one, &clock, KEY, ""), to_tencent(&other, &clock, KEY, "")];
    let groups = [
        dingtalk(&clock, None, "").await,
        dingtalk(&clock, None, "format = 'text'").await,
        wecom(&clock, "").await,
        wecom(&clock, "format = 'text'").await,
        feishu(&clock, None, "").await,
    ];
    for text in hostile {
        let title = &text[..text.floor_char_boundary(30)];
        for channel in &clouds {
            let message = Message { subject: text.to_owned(), text: text.to_owned(), ..short(text) };
            let (told, outcome) = traced(channel, &message).await;
            assert_accepted(&outcome);
            assert!(told.lines().all(|line| !line.chars().any(|c| c.is_control() || c == '\u{202e}')), "{title:?}");
        }
        for (server, channel) in &groups {
            let message = Message { subject: text.to_owned(), ..to_group(text) };
            let (told, outcome) = traced(channel, &message).await;
            assert_accepted(&outcome);
            assert!(told.lines().all(|line| !line.chars().any(|c| c.is_control() || c == '\u{202e}')), "{title:?}");
            let (named, heard) = server.taken().pop().expect("a message");
            assert_eq!(named, "", "{title:?}");
            assert!(!heard.contains("<at") && !heard.contains("<@") && !heard.contains("]("), "{heard:.200}");
            assert!(!heard.chars().any(|c| c == '\u{202e}' || (c.is_control() && c != '\n')), "{heard:.200?}");
        }
        clock.advance(Duration::from_hours(3));
    }
    for (_, text) in one.taken().into_iter().chain(other.taken()) {
        assert!(!text.contains("evil.") && !text.contains("10.0.0.1") && text.encode_utf16().count() < 70, "{text}");
    }
    let asked = groups.iter().flat_map(|(server, _)| server.asked());
    assert!(asked.into_iter().all(|asked| !asked.headers.contains_key("x-evil")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_sends_a_test_by_each_and_shows_the_dialogue() {
    // The program signs by the machine's clock.
    let clock = Arc::new(TestClock::at(SystemClock::start().now()));
    let (ali, ten) = (aliyun_server(&clock).await, tencent_server(&clock).await);
    let ding = Vendor::start(Robot::of_dingtalk(TOKEN, Some(SIGN), Some("督办")), clock.clone()).await;
    let wecom = Vendor::start(Robot::of_wecom(TOKEN), clock.clone()).await;
    let feishu = Vendor::start(Robot::of_feishu(TOKEN, Some(SIGN), None), clock.clone()).await;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, secret) in [("key", KEY), ("token", TOKEN), ("sign", SIGN)] {
        std::fs::write(folder.path().join(name), secret).expect("a secret");
    }
    for file in ["contacts.csv", "ladders.toml"] {
        std::fs::copy(shipped(&format!("config/{file}")), folder.path().join(file)).expect("a copy");
    }
    let both = "secrets = { token = { file = \"token\" }, sign = { file = \"sign\" } }";
    let text = [
        format!("rules_dir = {:?}", shipped("rules")),
        "[channels.ali]\nsecrets = { access_key_secret = { file = \"key\" } }\n[channels.ali.aliyun]".to_owned(),
        "access_key_id = \"LTAI5t\"\nsign = \"示范区督查室\"\ntemplate = \"SMS_1\"".to_owned(),
        "text = '${title}${state}，请登录督办平台办理。'".to_owned(),
        "params = { title = '{{ facts.members[0].card.title }}', state = '{{ text }}' }".to_owned(),
        ali.endpoint(),
        "[channels.ten]\nsecrets = { secret_key = { file = \"key\" } }\n[channels.ten.tencent]".to_owned(),
        "secret_id = \"AKIDz8\"\napp_id = \"1400006666\"\nsign = \"示范区督查室\"\ntemplate = \"1001\"".to_owned(),
        "text = '{1}{2}，请登录督办平台办理。'\nparams = ['{{ subject }}', '{{ text }}']".to_owned(),
        ten.endpoint(),
        format!("[channels.ding]\n{both}\n[channels.ding.dingtalk]\nkeyword = \"督办\"\n{}", ding.endpoint()),
        "[channels.wecom]\nsecrets = { token = { file = \"token\" } }\n[channels.wecom.wecom]".to_owned(),
        wecom.endpoint(),
        format!("[channels.feishu]\n{both}\n[channels.feishu.feishu]\n{}", feishu.endpoint()),
    ];
    let path = folder.path().join("duban.toml");
    std::fs::write(&path, text.join("\n")).expect("a configuration");
    let path = path.display().to_string();
    for (channel, receiver, answer) in [
        ("ali", PHONE, "\"Code\":\"OK\""),
        ("ten", PHONE, "\"Code\":\"Ok\""),
        ("ding", "group", "\"errcode\":0"),
        ("wecom", "group", "\"errcode\":0"),
        ("feishu", "group", "\"code\":0"),
    ] {
        let arguments = ["send-test", receiver, "--channel", channel, "--trace", "--config", &path].map(str::to_owned);
        let run = tokio::task::spawn_blocking(move || duban(&arguments.each_ref().map(String::as_str)));
        let run = run.await.expect("a run");
        assert_eq!(run.status, 0, "{channel}: {run:?}");
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(told.contains("> POST http://127.0.0.1") && told.contains("< 200") && told.contains(answer), "{told}");
        assert!(!told.contains(CANARY), "{told}");
    }
    assert!(ali.only().1.starts_with('-'), "a test has no card: {:?}", ali.only());
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    let token = secrets(&[("token", TOKEN)]);
    let both = secrets(&[("token", TOKEN), ("sign", SIGN)]);
    let address = secrets(&[("token", "https://oapi.dingtalk.com/robot/send?access_token=canary")]);
    for (kind, toml, given, expected) in [
        (Messenger::DingTalk, "", secrets(&[]), "secrets: expected token: what follows access_token="),
        (Messenger::DingTalk, "", address, "secrets: expected token: what follows access_token="),
        (Messenger::DingTalk, "", secrets(&[("tokn", TOKEN)]), "secrets: expected token and sign, got \"tokn\""),
        (Messenger::WeCom, "", both, "secrets: expected token alone"),
        (Messenger::WeCom, "format = 'markdown'\nmention = 'mobile'", token.clone(), "format: expected \"text\""),
        (Messenger::Feishu, "mention = 'mobile'", token.clone(), "mention: expected \"none\" or \"id\""),
        (Messenger::Feishu, "format = 'text'", token.clone(), "format: expected none"),
        (Messenger::DingTalk, "keyword = ''", token.clone(), "keyword: expected one word"),
        (Messenger::DingTalk, "endpoint = 'https://a.test/robot'", token.clone(), "endpoint: expected https://host"),
        (Messenger::DingTalk, "endpoint = 'http://169.254.169.254'", token.clone(), "endpoint: expected an address"),
        (Messenger::DingTalk, "pin = 'x'", token, "pin: expected sha256:"),
    ] {
        let config: RobotConfig = toml::from_str(toml).expect(toml);
        let error = robot(kind, &config, given, clock()).err().expect(toml).to_string();
        assert!(error.starts_with(expected) && !error.contains(CANARY), "{error}");
    }
    assert!(toml::from_str::<RobotConfig>("tokn = 'x'").is_err(), "an unknown key");
}
