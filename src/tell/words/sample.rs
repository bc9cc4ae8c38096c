//! Sample facts of every kind, with which templates are checked before they are used.

use super::super::facts::{CardFacts, ClockFacts, Facts, Member, Receiver, Taking, Told};
use crate::core::Instant;
use crate::core::card::Change;
use crate::core::item::{Amount, Extension, Pause};
use crate::core::notice::{Body, NoticeKind};
use crate::core::reading::Granted;
use crate::core::reason::Reason;
use crate::core::window::Level;

/// A delivery of every kind, of one member, of several and of very many.
pub fn every_kind() -> Vec<Facts> {
    let kinds = [
        NoticeKind::Raise,
        NoticeKind::Lower,
        NoticeKind::Reminder,
        NoticeKind::Clear,
        NoticeKind::Revoke,
        NoticeKind::Handover,
        NoticeKind::Count,
        NoticeKind::Order,
    ];
    let mut all = Vec::new();
    for kind in kinds {
        all.push(delivery(vec![member(kind, red())]));
        all.push(delivery(vec![member(kind, yellow())]));
        all.push(delivery(vec![member(kind, bare())]));
    }
    all.push(delivery(vec![notice(NoticeKind::Digest, 40)]));
    all.push(delivery(vec![notice(NoticeKind::System, 0)]));
    let mixed = vec![member(NoticeKind::Raise, red()), member(NoticeKind::Raise, bare()), notice(NoticeKind::Order, 1)];
    all.push(Facts { rehearsal_for: Some("张三".into()), base_url: None, ..delivery(mixed) });
    all.push(delivery(vec![member(NoticeKind::Raise, yellow()); 250]));
    all.push(delivery(Vec::new()));
    all
}

/// A delivery of these members to a sample receiver.
pub fn delivery(members: Vec<Member>) -> Facts {
    Facts {
        to: Receiver { contact: "zhang3".into(), name: "张三".into(), address: "zhang3@office.example".into() },
        rehearsal_for: None,
        members,
        rest: Vec::new(),
        sealed_at: at("2026-03-17T09:30:00Z"),
        zone: "Asia/Shanghai".into(),
        base_url: Some("https://duban.office.example".into()),
        signature: Some("【督办】".into()),
        answer: None,
    }
}

/// A member about a card.
pub fn member(kind: NoticeKind, card: CardFacts) -> Member {
    Member { key: card.card.clone(), kind, card: Some(card), taking: Taking::default(), instead_of: None, body: None }
}

/// A member with a title and so many lines.
pub fn notice(kind: NoticeKind, lines: usize) -> Member {
    let lines = (1..=lines).map(|number| format!("P{number:04} 施工许可 示范区住建局")).collect();
    let body = Body { title: "示范来源的首次核对".into(), lines };
    Member { key: "notice".into(), kind, card: None, taking: Taking::default(), instead_of: None, body: Some(body) }
}

/// A red card on an approval.
pub fn red() -> CardFacts {
    CardFacts {
        card: "0136".repeat(8),
        episode: 1,
        step: 0,
        change: Change::Raise,
        level: Level::Red,
        at: at("2026-03-16T16:00:00Z"),
        reason: Reason::Due { due_at: at("2026-03-16T16:00:00Z") },
        source: "projects".into(),
        code: "P0136".into(),
        kind: "matter".into(),
        title: "施工许可".into(),
        unit: Some("示范区住建局".into()),
        region: Some("示范区".into()),
        handler: Some("李四".into()),
        phone: Some("0500-5550136".into()),
        rule: "approval-limit".into(),
        rule_title: Some("审批时限".into()),
        basis: Some("行政许可法第四十二条".into()),
        window: "approve".into(),
        window_label: None,
        clock: Some(clock()),
        told: vec![Told { name: "李四".into(), channel: "邮件".into(), at: at("2026-03-13T01:00:00Z") }],
        taken: Vec::new(),
        data_as_of: Some(at("2026-03-17T09:25:00Z")),
        sign_url: None,
    }
}

/// A yellow card on an approval.
pub fn yellow() -> CardFacts {
    let due_at = at("2026-03-18T16:00:00Z");
    let sum = ["2026-03-03 10:00 起算，10个工作日", "03-05 周四 专家评审，不计", "到期 2026-03-18 24时"];
    let clock = ClockFacts {
        from: Some(at("2026-03-03T02:00:00Z")),
        due_at: Some(due_at),
        remaining: Some(100),
        sum: sum.map(str::to_owned).to_vec(),
        ..clock()
    };
    CardFacts {
        card: "0207".repeat(8),
        code: "P0207".into(),
        title: "用地规划许可".into(),
        level: Level::Yellow,
        at: at("2026-03-17T01:00:00Z"),
        reason: Reason::SoonDue { yellow_at: at("2026-03-17T01:00:00Z"), due_at },
        clock: Some(clock),
        ..red()
    }
}

/// A finding about an item of which little is known.
pub fn bare() -> CardFacts {
    CardFacts {
        card: "0311".repeat(8),
        code: "P0311".into(),
        title: "P0311".into(),
        level: Level::Yellow,
        at: at("2026-03-17T09:25:00Z"),
        reason: Reason::Found { text: "序时进度落后12个百分点".into() },
        unit: None,
        region: None,
        handler: None,
        phone: None,
        rule_title: None,
        rule: "schedule".into(),
        basis: None,
        window: "progress".into(),
        window_label: None,
        clock: None,
        told: Vec::new(),
        data_as_of: None,
        ..red()
    }
}

fn clock() -> ClockFacts {
    let review = Pause {
        kind: Some("专家评审".into()),
        ..Pause::new(at("2026-03-04T01:00:00Z"), Some(at("2026-03-05T09:30:00Z")))
    };
    let extension = Extension {
        amount: Amount::Number(1),
        asked_at: Some(at("2026-03-10T02:00:00Z")),
        approved_at: None,
        basis: Some("申请〔2026〕8号".into()),
    };
    ClockFacts {
        limit: "10wd".into(),
        from: Some(at("2026-02-27T02:00:00Z")),
        due_at: Some(at("2026-03-16T16:00:00Z")),
        provisional: false,
        stopped_at: None,
        remaining: Some(-100),
        pauses: vec![review],
        extensions: vec![(extension, Granted::Pending)],
        sum: vec![
            "2026-02-27 10:00 起算，10个工作日".into(),
            "02-27 周五 起算日，不计".into(),
            "03-02…03-04 计3个工作日".into(),
            "03-05 周四 专家评审，不计".into(),
            "03-06…03-16 计7个工作日".into(),
            "到期 2026-03-16 24时".into(),
        ],
        remarked: Vec::new(),
    }
}

fn at(text: &str) -> Instant {
    text.parse().expect("sample instants are well written")
}
