//! Orders beside a running daemon: a red card proposes one, and commands take it to its end.

use serde_json::Value;

use super::beside::{done, refused, subjects};
use super::desk::duban_at;
use crate::support::daemon::Daemon;
use crate::support::memory::Memory;
use crate::support::patience::{ahead, holds_within};
use crate::support::site::{Site, Ticket};

const PEOPLE: &str = "id,name,unit,level,roles,email,deputy\n\
    h1,甲一,示范区住建局,L0,handler,h1@city.test,\n\
    u1,乙一,示范区住建局,L1,unit_contact,u1@city.test,\n\
    w1,丙一,示范区水务集团,L1,unit_contact,w1@city.test,\n\
    c1,丁一,,L3,city_centre,c1@city.test,\n\
    ops,值班员,,,operator,ops@city.test,\n";

const LADDERS: &str = r#"
[handlers]
[[handlers.steps]]
roles = ["handler"]
red = ["mail"]
[command-centre]
[[command-centre.steps]]
roles = ["unit_contact"]
[three-level]
[[three-level.steps]]
roles = ["unit_contact"]
[order]
[[order.steps]]
roles = ["unit_contact"]
yellow = ["mail"]
red = ["mail"]
[order-desk]
[[order-desk.steps]]
roles = ["city_centre"]
yellow = ["mail"]
[operators]
[[operators.steps]]
roles = ["operator"]
red = ["mail"]
"#;

/// A site whose ticket has just turned red, and the id of the order that it asks for.
fn proposed(tables: &str) -> (Site, Daemon, String) {
    let site = Site::new();
    site.put("contacts.csv", PEOPLE);
    site.put("ladders.toml", LADDERS);
    site.put("rules/order.rhai", include_str!("../../rules/order.rhai"));
    site.put("rules/params.toml", include_str!("../../rules/params.toml"));
    let live = format!("[notify]\nmode = \"live\"\npace = \"\"\nconfidential = {{}}\n{tables}");
    site.configure_office("always.toml", &["2110", "order"], &live);
    let old = Ticket::due_at("A-1", ahead(600));
    site.tickets(std::slice::from_ref(&old));
    let daemon = Daemon::polled(&site);
    site.tickets(&[old, Ticket::due_at("A-2", ahead(-30)).titled("道路积水")]);
    let is_there = || Memory::of(&site).number("SELECT count(*) FROM orders") == 1;
    assert!(holds_within(20, is_there), "{}", daemon.log());
    let listed = json(&site, &["orders", "list"]);
    let id = listed[0]["id"].as_str().expect("an id")[..8].to_owned();
    (site, daemon, id)
}

fn json(site: &Site, arguments: &[&str]) -> Value {
    let run = done(site, &[arguments, &["--format", "json"]].concat(), "");
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn an_order_is_taken_to_its_end_and_everybody_hears_their_part() {
    let (site, daemon, id) = proposed("");
    done(
        &site,
        &["orders", "classify", &id, "handle", "--reason", "属职责范围", "--cause", "市政", "--by", "c1"],
        "classified",
    );
    let dispatch = ["orders", "dispatch", &id, "--assist", "示范区水务集团:utility", "--by", "c1"];
    done(&site, &dispatch, "is dispatched; 2 notices go out");
    let number = json(&site, &["orders", "list"])[0]["order"].as_str().expect("a number").to_owned();
    assert!(number.starts_with("督办〔") && number.ends_with("〕1号"), "{number}");
    done(&site, &["orders", "sign", &number, "--for", "u1", "--by", "值班"], "is signed");
    done(&site, &["orders", "sign", &number, "--for", "w1", "--by", "值班"], "is signed");
    done(&site, &["orders", "feedback", &number, "--text", "已抽排", "--by", "u1"], "is fed back; 1 notice goes out");
    done(
        &site,
        &["orders", "return", &number, "--reason", "未说明原因", "--by", "c1"],
        "is returned; 1 notice goes out",
    );
    done(
        &site,
        &["orders", "extend", &number, "--amount", "2wd", "--basis", "批示", "--by", "c1"],
        "1 notice goes out",
    );
    done(&site, &["orders", "feedback", &number, "--text", "已清淤", "--by", "u1"], "is fed back");
    done(&site, &["orders", "verify", &number, "--by", "c1"], "is verified");
    done(&site, &["orders", "close", &number, "--result", "积水已排除", "--by", "c1"], "is closed; 2 notices go out");
    assert!(holds_within(20, || subjects(&site, "mail", "closed: A-2") == 2), "{}", daemon.log());

    let shown = done(&site, &["orders", "show", &number], "").stdout;
    for line in
        ["示范区住建局 (department)  signed", "示范区水务集团 (utility)  signed", "feedback returned", "积水已排除"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let chinese = duban_at(site.folder(), "zh-CN", &["orders", "show", &number]).stdout;
    for line in ["已办结  道路积水", "归类：办理", "主办    示范区住建局 (职能部门)  签收", "退回反馈", "告知"]
    {
        assert!(chinese.contains(line), "{line}: {chinese}");
    }
    let order = &json(&site, &["orders", "show", &id])["order"];
    assert_eq!((&order["state"], &order["returns"]), (&"closed".into(), &1.into()), "{order}");
    assert_eq!(json(&site, &["orders", "list"]), Value::Array(Vec::new()), "it has ended");
    assert_eq!(json(&site, &["orders", "list", "--all", "--unit", "示范区水务集团"]).as_array().map(Vec::len), Some(1));

    let trail = done(&site, &["audit", "list", "--what", "order.*", "--format", "csv"], "").rows();
    let acts: Vec<&str> = trail.iter().map(|row| row["what"].as_str()).collect();
    let deeds =
        ["classify", "dispatch", "sign", "sign", "feed_back", "return", "extend", "feed_back", "verify", "close"];
    assert_eq!(acts, deeds.map(|deed| format!("order.{deed}")));
    done(&site, &["audit", "verify"], "the trail holds");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_cannot_be_done_is_named_in_both_languages() {
    let (site, daemon, id) = proposed("");
    refused(&site, &["orders", "show", "zz"], 1, "no order \"zz\"");
    refused(&site, &["orders", "show", "2026-99"], 1, "no order \"2026-99\"");
    refused(&site, &["orders", "sign", &id, "--for", "u1", "--by", "x"], 1, "and this one is proposed");
    refused(&site, &["orders", "classify", &id, "merge", "--reason", "x", "--by", "x"], 1, "needs another order");
    refused(&site, &["orders", "classify", &id, "handle", "--reason", " ", "--by", "x"], 1, "got an empty one");
    refused(&site, &["orders", "classify", &id, "handle", "--reason", "x", "--by", " "], 2, "--by");
    done(&site, &["orders", "classify", &id, "handle", "--reason", "x", "--by", "c1"], "classified");
    refused(&site, &["orders", "dispatch", &id, "--lead", "甲:office", "--by", "x"], 2, "got \"office\"");
    refused(&site, &["orders", "dispatch", &id, "--lead", "甲:district:zz", "--by", "x"], 2, "zz");
    refused(
        &site,
        &["orders", "dispatch", &id, "--lead", "甲", "--assist", "甲", "--by", "x"],
        1,
        "stands in the order twice",
    );
    let link = ["orders", "link", &id];
    refused(&site, &[&link[..], &["lead", "--by", "x"]].concat(), 1, "comes after apply_linkage");
    done(
        &site,
        &[&link[..], &["apply", "--cross", "region", "--reason", "涉及两区", "--by", "区中心"]].concat(),
        "1 notice",
    );
    let report = [&link[..], &["report", "--document", "专报〔2026〕3号", "--by", "区中心"]].concat();
    refused(&site, &report, 1, "after the district's own leader has signed");
    done(&site, &[&link[..], &["sign", "--leader", "分管领导", "--by", "区中心"]].concat(), "");
    done(&site, &report, "1 notice");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_order_goes_out_without_anybodys_doing_where_that_is_configured() {
    let (site, daemon, _) = proposed("[[orders.auto_dispatch]]\nrule = \"2110\"\nlevel = \"red\"\n");
    assert!(holds_within(20, || subjects(&site, "mail", "please take the lead on A-2") == 1), "{}", daemon.log());
    let listed = json(&site, &["orders", "list"]);
    assert_eq!((&listed[0]["state"], &listed[0]["lead"]), (&"dispatched".into(), &"示范区住建局".into()), "{listed}");
    assert_eq!(daemon.stop(), 0);
}
