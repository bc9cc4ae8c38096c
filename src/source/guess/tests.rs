//! Drafts of whole tables.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::source::csv::{CsvConfig, CsvSource};

fn table(text: &str) -> Guess {
    let config: CsvConfig = toml::from_str("path = \"x.csv\"").expect("a path");
    let source = CsvSource::new(&config, Path::new("/"), Arc::new(looking("x", "Asia/Shanghai", Vec::new())));
    guess(&source.read_bytes(text.as_bytes().to_vec()).expect("a table"))
}

fn fields(guess: &Guess) -> String {
    guess.fields.iter().map(|field| format!("{}={}", field.name, field.column)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_hotline_in_chinese() {
    let guess = table(
        "序号,工单编号,标题,部门/单位,承办人,来源,手机,受理时间,承诺时限,办结时间,状态,备注\n\
         1,T1,噪声,住建局,示例张工,热线,13900000001,2026/3/2 10:00,2026/3/12 10:00,,办理中,\n\
         2,T2,停水,水务局,示例李工,网站,13900000002,2026/3/2 11:00,2026/3/12 11:00,2026/3/3 9:00,已办结,\n\
         3,T3,路灯,城管局,示例王工,热线,13900000003,2026/3/2 12:00,2026/3/12 12:00,-,补正,\n\
         4,T4,道路,城管局,示例王工,热线,13900000003,2026/3/2 12:00,2026/3/12 12:00,,局长批示,\n",
    );
    assert_eq!((guess.id.as_str(), guess.kind, guess.rows), ("工单编号", "ticket", 4));
    assert_eq!(guess.id_doubts, []);
    assert_eq!(
        fields(&guess),
        "title=标题 unit=部门/单位 owner=承办人 origin=来源 phone=手机 received_at=受理时间 due_at=承诺时限 \
         solved_at=办结时间 status=状态 note=备注"
    );
    assert!(guess.formats.is_empty() && guess.needs_zone, "these are usual ones: {:?}", guess.formats);
    assert_eq!(guess.missing, ["-"]);
    let status = guess.fields.iter().find(|field| field.name == "status").expect("status");
    let values: Vec<_> = status.values.iter().map(|(word, state)| format!("{word} {state}")).collect();
    assert_eq!(values, ["办理中 open", "已办结 closed", "补正 waiting"]);
    assert_eq!(status.doubts, [Doubt::AsTheyStand(vec![("局长批示".into(), 1)])]);
    assert!(guess.waits, "nothing else says when the clocks stand still");
    assert_eq!(guess.left, [("序号".into(), None)]);
}

#[test]
fn the_id_is_the_column_that_tells_rows_apart() {
    for (text, id, doubts) in [
        ("编号,工单号\nA,T1\nA,T2\n", "工单号", vec![Doubt::Others(vec!["编号".into()])]),
        ("编号,标题\nA,x\nA,y\n", "编号", vec![Doubt::Repeated(1)]),
        ("编号,标题\nA,x\n,y\n", "编号", vec![Doubt::Unfilled(1)]),
        ("甲,乙\n1,x\n2,x\n", "甲", vec![Doubt::IdByValues]),
        ("序号,标题\n1,x\n2,x\n", "序号", vec![Doubt::RowNumber]),
        ("甲,标题\nx,x\nx,x\n", "甲", vec![Doubt::NoId, Doubt::Repeated(1)]),
        ("编号,标题\n", "编号", vec![]),
    ] {
        let guess = table(text);
        assert_eq!((guess.id.as_str(), guess.id_doubts), (id, doubts), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_said() {
    let guess = table(
        "编号,受理时间,办结时间,踏勘时间,上报时间戳,延期天数,queue,item type,new\n\
         1,46083.5,1772416800000,2026-03-02,昨天,0,a,b,c\n\
         2,46084.5,1772416800000,2026-03-03,今天,5,a,b,c\n",
    );
    let left: Vec<_> = guess.left.iter().map(|(name, why)| (name.as_str(), why.clone())).collect();
    assert_eq!(
        left,
        [
            ("受理时间", Some(Doubt::DayNumbers)),
            ("办结时间", Some(Doubt::Milliseconds)),
            ("踏勘时间", Some(Doubt::Unnamed)),
            ("上报时间戳", None),
            ("延期天数", Some(Doubt::NoAmounts)),
            ("new", None),
        ]
    );
    assert_eq!(fields(&guess), "queue=queue item_type=item type");
}

#[test]
fn pauses_and_extensions_have_columns_of_their_own() {
    let guess = table(
        "id,paused_at,resumed_at,pause_reason,extension_days,extension_approved_at\n\
         1,2026-03-02,2026-03-04,x,5,2026-03-04\n",
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(guess.pause, Some(("paused_at".into(), some("resumed_at"), some("pause_reason"))));
    assert_eq!(guess.extension, Some(("extension_days".into(), None, some("extension_approved_at"))));
    assert_eq!(guess.formats, ["%Y-%m-%d"]);
}

#[test]
fn several_formats_are_listed_together_with_the_usual_ones_that_occur() {
    let guess = table(
        "id,received,closed\n1,2026-03-02 10:00:00,2026年3月4日\n2,2026-03-02 10:00:00,2026年3月4日\n\
         3,2026-03-02,2026-03-04T10:00:00+08:00\n",
    );
    assert_eq!(guess.formats, ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y年%m月%d日"]);
    let guess = table("id,closed\n1,2026-03-04T10:00:00+08:00\n2,2026-03-04T10:00:00Z\n");
    assert!(!guess.needs_zone && guess.formats.is_empty());
}

proptest! {
    #[test]
    fn any_table_has_a_draft(text in "[a-z编号时间,0-9\\-:\" \n]{0,300}") {
        let config: CsvConfig = toml::from_str("path = \"x.csv\"").expect("a path");
        let source = CsvSource::new(&config, Path::new("/"), Arc::new(looking("x", "Asia/Shanghai", Vec::new())));
        if let Ok(fetched) = source.read_bytes(text.into_bytes()) {
            let draft = guess(&fetched);
            prop_assert!(draft.fields.iter().all(|field| name_refusal(&field.name).is_none()));
        }
    }
}
