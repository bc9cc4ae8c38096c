//! The demo's sentences.

use std::path::Path;

use chrono_tz::Tz;

use crate::cli::demo::{Told, shown};
use crate::core::Instant;
use crate::core::card::{Change, Transition};
use crate::core::delivery::DeliveryState;
use crate::core::item::Item;
use crate::core::window::Level;
use crate::courier::Event;
use crate::tell::language::Language::{self, Chinese, English};

/// The folder cannot be used.
pub fn no_folder(language: Language, problem: &str) -> String {
    format!("{}{problem}", language.pick("演示用的文件夹不可用：", "the demo's folder cannot be used: "))
}

/// Where the demo's clock stands.
pub fn clock_note(language: Language, start_at: Instant, zone: Tz, fast: bool) -> String {
    let start = start_at.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    let pace = if fast { language.pick("，快六十倍", ", sixty times as fast") } else { "" };
    match language {
        Chinese => format!("虚构的城市；演示时钟从最近一个工作日 {start} 起走{pace}。"),
        English => format!("A made-up city; its clock starts at {start}, the latest working day{pace}."),
    }
}

/// What the demo says first.
pub fn opening(language: Language, port: u16, folder: &Path, note: &str) -> String {
    let mails = shown(&folder.join("rehearsal"));
    match language {
        Chinese => format!(
            "督办演示：{note}\n\
             红黄牌网页  http://127.0.0.1:{port}/\n\
             通知落在    {mails}（试运行：不发给任何人）\n\
             按 Ctrl-C 结束。\n\n"
        ),
        English => format!(
            "duban demo. {note}\n\
             open cards     http://127.0.0.1:{port}/\n\
             messages       {mails} (rehearsal: nobody is told)\n\
             Ctrl-C ends it.\n\n"
        ),
    }
}

/// What the demo says last: where to look.
pub(in crate::cli) fn closing(language: Language, folder: &Path, told: &Told) -> String {
    let (config, mails) = (shown(&folder.join("duban.toml")), shown(&folder.join("rehearsal")));
    let Told { raised, sent } = told;
    match language {
        Chinese => format!(
            "\n演示结束：亮牌 {raised} 次，通知 {sent} 份。接着可以看：\n\
             \x20 {mails}  每份通知一个 .eml 文件，用邮件程序打开\n\
             \x20 duban deliveries list --config {config}\n\
             \x20 duban explain S00821 --config {config}\n\
             \x20 {config} 与 rules/：数据源、规则、联系人都在这里，改了再试\n"
        ),
        English => format!(
            "\nThe demo is over: {raised} cards raised, {sent} messages. Where to look now:\n\
             \x20 {mails}  a file per message, .eml opens in a mail program\n\
             \x20 duban deliveries list --config {config}\n\
             \x20 duban explain S00821 --config {config}\n\
             \x20 {config} and rules/: sources, rules and contacts to change and try\n"
        ),
    }
}

/// A source was polled for the first time.
pub fn polled(language: Language, source: &str, rows: u64) -> String {
    match language {
        Chinese => format!("数据源 {source} 首次读取：{rows} 行；已有的红黄牌只入库，不逐一发通知"),
        English => {
            format!("first poll of {source}: {rows} rows; cards that stood before are kept and not told one by one")
        }
    }
}

/// A card changed.
pub fn changed(language: Language, item: &Item, transition: &Transition) -> String {
    let level = |level: Option<Level>| match level {
        Some(Level::Red) => language.pick("红牌", "red card"),
        Some(Level::Yellow) => language.pick("黄牌", "yellow card"),
        None => "",
    };
    let what = match transition.change {
        Change::Raise => level(transition.to).to_owned(),
        Change::Lower => language.pick("红牌转黄牌", "red to yellow").to_owned(),
        Change::Revoke => format!("{} {}", language.pick("撤回", "recalled:"), level(transition.from)),
        _ => format!("{} {}", language.pick("消除", "cleared:"), level(transition.from)),
    };
    format!("{what}  {} {} ({} {})", item.key.id, item.title(), transition.rule, transition.name)
}

/// A try to send is over.
pub fn delivered(language: Language, event: &Event) -> String {
    match event.state {
        DeliveryState::Sent => format!("  → {:<5} {}", event.channel, event.subject),
        state => format!("  {} {}: {}", language.pick("未送达", "not sent:"), state.word(), event.reason),
    }
}
