//! What `duban ack` says.

use super::{Chinese, English, Language};

/// No card is meant.
pub fn no_card(language: Language, wanted: &str) -> String {
    match language {
        Chinese => format!(
            "没有已亮的牌编号以 {wanted:?} 开头（至少 6 位），也没有这样的办件；写法：编号，或 数据源/办件[/规则][/窗口]"
        ),
        English => format!(
            "no open card's id begins with {wanted:?} (6 digits or more), and there is no such item; write the id, or \
             SOURCE/ITEM[/RULE][/WINDOW]"
        ),
    }
}

/// The item has cards, and none of those that are meant is open.
pub fn closed(language: Language, item: &str) -> String {
    match language {
        Chinese => format!("{item} 没有已亮的牌可签收：已销牌，或未曾亮牌"),
        English => format!("{item} has no open card to sign for: closed again, or never raised"),
    }
}

/// Several cards are meant.
pub fn several(language: Language, wanted: &str, found: &[String]) -> String {
    match language {
        Chinese => format!("{wanted:?} 不唯一，请写明是哪一张：\n{}", found.join("\n")),
        English => format!("{wanted:?} is not unique, say which:\n{}", found.join("\n")),
    }
}

/// The contact who signs is not known.
pub fn no_contact(language: Language, id: &str) -> String {
    match language {
        Chinese => format!("应为 contacts.csv 中联系人的 id，实为 {id:?}"),
        English => format!("expected the id of a contact of contacts.csv, got {id:?}"),
    }
}

/// The same, where nobody is named on whose behalf.
pub fn no_contact_by(language: Language, id: &str) -> String {
    let rest = language.pick("；代他人签收请加 --for", "; to sign on somebody's behalf, add --for");
    format!("{}{rest}", no_contact(language, id))
}

/// It is written down.
pub fn signed(language: Language, card: &str, name: &str, step: u32, grace: &str) -> String {
    let step = step + 1;
    match language {
        Chinese => format!("已签收：{card}，{name}，第 {step} 级；催办和下一级暂缓 {grace}，时限照走"),
        English => {
            format!("signed: {card}, {name}, step {step}; reminders and the next step wait for {grace}, clocks run on")
        }
    }
}

/// Somebody had signed before.
pub fn before(language: Language, name: &str, at: &str) -> String {
    match language {
        Chinese => format!("{name} 已于 {at} 签收"),
        English => format!("already signed by {name} at {at}"),
    }
}

/// Another signature does not hold the ladder for longer.
pub const fn no_longer(language: Language) -> &'static str {
    language
        .pick("本次签收也已记录，暂缓期仍从第一次算起", "this one is kept too; what waits still counts from the first")
}

/// The contact was not told.
pub fn never_told(language: Language, name: &str) -> String {
    match language {
        Chinese => format!("提醒：此前没有向 {name} 发送过这张牌的消息"),
        English => format!("note: {name} was never told of this card"),
    }
}
