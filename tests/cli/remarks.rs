//! Remarks beside a running daemon: what is on record moves the card, and the daemon tells it.

use serde_json::Value;

use super::beside::{done, refused, rehearsing, subjects};
use super::desk::duban_at;
use crate::support::memory::Memory;
use crate::support::patience::holds_within;
use crate::support::site::Site;

const SIGNED: [&str; 4] = ["--by", "示例登记员", "--basis", "申请人自身原因"];

fn json(site: &Site, arguments: &[&str]) -> Value {
    let run = done(site, &[arguments, &["--format", "json"]].concat(), "");
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn an_exemption_is_shown_before_it_is_put_down_and_taken_back_again() {
    let (site, daemon) = rehearsing();
    let add = |more: &[&'static str]| {
        let exemption = ["remark", "add", "tickets/A-2", "exemption", "--rule", "2110", "--window", "on_site"];
        [&exemption[..], &SIGNED, more].concat()
    };
    let told = |subject: &str, times: usize| holds_within(30, || subjects(&site, "rehearsal", subject) == times);
    let cleared = || subjects(&site, "rehearsal", "Cleared");
    let (before, reds) = (cleared(), subjects(&site, "rehearsal", "[Red card] A-2"));
    let dry = done(&site, &add(&["--dry-run"]), "nothing was written");
    assert!(dry.stdout.lines().nth(1).is_some_and(|row| row.starts_with("2110  on_site  running")), "{dry:?}");
    assert_eq!(Memory::of(&site).number("SELECT count(*) FROM remarks"), 0);

    let moved = json(&site, &add(&["--document", "示例办〔2026〕3号", "--dry-run"]));
    assert_eq!((&moved[0]["card"], &moved[0]["new_card"]), (&"red".into(), &Value::Null), "{moved}");
    done(&site, &add(&["--document", "示例办〔2026〕3号"]), "is on record");
    assert!(told("Cleared", before + 2), "the handler and the unit hear of it: {}", daemon.log());
    refused(&site, &add(&[]), 1, "speaks about the same already");
    let listed = json(&site, &["remark", "list", "A-2"]);
    assert_eq!((&listed[0]["standing"], &listed[0]["says"]), (&"in_force".into(), &"2110/on_site".into()), "{listed}");
    assert_eq!(json(&site, &["remark", "list"]), listed);
    let explained = done(&site, &["explain", "A-2"], "").stdout;
    assert!(explained.contains("exemption  2110/on_site  in force"), "{explained}");
    assert!(explained.contains("basis: 申请人自身原因, document: 示例办〔2026〕3号"), "{explained}");
    assert!(explained.contains("exempted (申请人自身原因 · 示例办〔2026〕3号)"), "{explained}");

    let id = listed[0]["id"].as_str().expect("an id")[..12].to_owned();
    let why = ["--by", "示例科长", "--why", "录错办件"];
    refused(&site, &[&["remark", "revoke", "A-2", "zz"], &why[..]].concat(), 1, "no remark's id begins with \"zz\"");
    refused(&site, &["remark", "revoke", "A-2", &id, "--by", "x", "--why", " "], 2, "--why is empty");
    done(&site, &[&["remark", "revoke", "A-2", &id], &why[..]].concat(), "is revoked");
    let again = || subjects(&site, "rehearsal", "[Red card] A-2") > reds;
    assert!(holds_within(30, again), "{}", daemon.log());
    assert_eq!(json(&site, &["remark", "list"]), Value::Array(Vec::new()));
    assert_eq!(json(&site, &["remark", "list", "--all"])[0]["revoked_by"], "示例科长");
    refused(&site, &[&["remark", "revoke", "A-2", &id], &why[..]].concat(), 1, "示例科长 revoked it");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn every_mistake_in_a_remark_is_named_in_both_languages() {
    let (site, daemon) = rehearsing();
    let add = |what: &[&'static str]| [&["remark", "add", "A-2"], what, &SIGNED].concat();
    for (what, status, says) in [
        (&["exemption", "--rule", "2110", "--window", "onsite"][..], 2, "did you mean 2110/on_site?"),
        (&["wrong-card", "--card", "zz"], 1, "no card of this item has an id that begins with \"zz\""),
        (&["wrong-card", "--rule", "2110"], 2, "--window"),
        (&["pause", "--from", "2026-03-05T10:00", "--to", "2026-03-04T10:00"], 2, "--to: expected a pause that ends"),
        (&["pause", "--from", "2026-03-05T10:00"], 2, "--to"),
        (&["pause", "--from", "yesterday", "--open"], 2, "--from: expected an instant"),
        (&["time", "solved", "2026-03-05T10:00"], 2, "did you mean solved_at?"),
        (&["time", "dispatched_at", "2026-03-05T10:00"], 1, "the source states that itself"),
        (
            &["extension", "--amount", "five", "--asked", "2026-03-05T10:00", "--approved", "2026-03-05T11:00"],
            2,
            "--amount: limit \"five\": expected NUMBER",
        ),
        (
            &["extension", "--amount", "5wd", "--asked", "2026-03-05T10:00", "--approved", "2026-03-04T11:00"],
            2,
            "--approved: expected an approval that does not come before",
        ),
        (
            &["extension", "--amount", "5h", "--asked", "2026-03-05T10:00", "--approved", "2026-03-05T11:00"],
            1,
            "5h does not go with 10wd",
        ),
        (
            &["extension", "--amount", "5wd", "--asked", "2199-03-05T10:00", "--approved", "2199-03-05T11:00"],
            1,
            "when 2110/solved was due already",
        ),
    ] {
        refused(&site, &add(what), status, says);
    }
    let exemption = ["exemption", "--rule", "2110", "--window", "on_site"];
    refused(&site, &[&["remark", "add", "A-9"], &exemption[..], &SIGNED].concat(), 1, "there is no item \"A-9\"");
    let nameless = [&["remark", "add", "A-2"], &exemption[..], &["--by", " ", "--basis", "x"]].concat();
    refused(&site, &nameless, 2, "expected who says so and on what ground");
    assert_eq!(Memory::of(&site).number("SELECT count(*) FROM remarks"), 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_appeal_and_four_eyes_wait_for_somebody_else() {
    let (site, daemon) = rehearsing();
    let wrong = ["remark", "add", "A-2", "wrong-card", "--rule", "2110", "--window", "on_site"];
    done(&site, &[&wrong[..], &SIGNED, &["--appeal"]].concat(), "the card stands until it is decided");
    let id = json(&site, &["remark", "list"])[0]["id"].as_str().expect("an id")[..12].to_owned();
    let decide = |who: &'static str, how: &'static str| {
        ["remark", "decide", &id, how, "--by", who, "--why", "核实"].map(str::to_owned)
    };
    let own = decide("示例登记员", "--grant");
    refused(&site, &own.each_ref().map(String::as_str), 2, "expected somebody else to approve or decide it");
    done(&site, &decide("示例科长", "--reject").each_ref().map(String::as_str), "is rejected");
    refused(&site, &decide("示例局长", "--grant").each_ref().map(String::as_str), 1, "示例科长 decided it");
    let red = "SELECT count(*) FROM cards WHERE level = 'red'";
    let before = Memory::of(&site).number(red);

    let text = std::fs::read_to_string(site.path("duban.toml")).expect("a configuration");
    site.put("duban.toml", &format!("{text}\n[remarks]\nfour_eyes = true\n"));
    refused(&site, &[&wrong[..], &SIGNED, &["--approver", "示例登记员"]].concat(), 2, "expected somebody else");
    done(&site, &[&wrong[..], &SIGNED].concat(), "counts when a second person grants it");
    assert_eq!(Memory::of(&site).number(red), before);
    let waiting = json(&site, &["remark", "list"]);
    assert_eq!(waiting[0]["standing"], "waiting", "{waiting}");
    let id = waiting[0]["id"].as_str().expect("an id").to_owned();
    done(&site, &["remark", "decide", &id, "--grant", "--by", "示例科长", "--why", "核实"], "counts from now on");
    assert_eq!(Memory::of(&site).number(red), before - 1);
    let chinese = duban_at(site.folder(), "zh-CN", &["remark", "list"]);
    assert!(chinese.stdout.contains("撤牌") && chinese.stdout.contains("有效"), "{chinese:?}");
    assert_eq!(daemon.stop(), 0);
}
