//! The sentences of `duban deliveries` and `duban send-test`.

use crate::core::delivery::DeliveryState;
use crate::tell::language::Language::{self, Chinese, English};

/// A state for people.
pub const fn state(state: DeliveryState, language: Language) -> &'static str {
    match state {
        DeliveryState::Scheduled => language.pick("待时", "scheduled"),
        DeliveryState::Available => language.pick("待发", "available"),
        DeliveryState::Sending => language.pick("发送中", "sending"),
        DeliveryState::Sent => language.pick("已发", "sent"),
        DeliveryState::Retryable => language.pick("将重试", "retryable"),
        DeliveryState::Unknown => language.pick("不明", "unknown"),
        DeliveryState::Discarded => language.pick("未送达", "discarded"),
        DeliveryState::Cancelled => language.pick("已取消", "cancelled"),
    }
}

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 10] {
    match language {
        Chinese => ["编号", "状态", "联系人", "通道", "建立", "最早发送", "等待", "回执", "次数", "说明"],
        English => {
            ["id", "state", "contact", "channel", "opened", "not before", "waits for", "receipt", "tries", "reason"]
        }
    }
}

/// What the peer said later.
pub const fn receipt(delivered: bool, language: Language) -> &'static str {
    if delivered { language.pick("已送达", "delivered") } else { language.pick("未送达", "undelivered") }
}

/// The columns of refused addresses.
pub const fn address_titles(language: Language) -> [&'static str; 5] {
    match language {
        Chinese => ["联系人", "通道", "地址", "拒收于", "说明"],
        English => ["contact", "channel", "address", "refused at", "reason"],
    }
}

/// Not a contact and a channel.
pub fn no_address(language: Language, whose: &str) -> String {
    match language {
        Chinese => format!("--forgive：应为 联系人/通道，如 z01/sms，实为 {whose:?}"),
        English => format!("--forgive: expected CONTACT/CHANNEL such as z01/sms, got {whose:?}"),
    }
}

/// Its address was not refused.
pub fn not_bad(language: Language, contact: &str, channel: &str) -> String {
    match language {
        Chinese => format!("联系人 {contact} 在通道 {channel} 的地址未曾被拒收"),
        English => format!("no address of {contact} was refused on the channel {channel}"),
    }
}

/// What comes is sent to it again.
pub fn forgiven(language: Language, contact: &str, channel: &str) -> String {
    match language {
        Chinese => format!("今后的消息仍经 {channel} 发给 {contact}；此前未送达的用 duban deliveries retry 重发"),
        English => {
            format!("what comes goes to {contact} by {channel} again; `duban deliveries retry` sends what was lost")
        }
    }
}

/// The columns of what a release would send.
pub const fn release_titles(language: Language) -> [&'static str; 3] {
    match language {
        Chinese => ["联系人", "通道", "通知数"],
        English => ["contact", "channel", "notices"],
    }
}

/// There is no such state.
pub fn no_state(language: Language, word: &str) -> String {
    let known = DeliveryState::ALL.map(DeliveryState::word).join(" ");
    match language {
        Chinese => format!("--state：应为 {known} 之一，实为 {word:?}"),
        English => format!("--state: expected one of {known}, got {word:?}"),
    }
}

/// No id begins so.
pub fn none(language: Language, id: &str) -> String {
    format!("{}{id:?}", language.pick("没有编号以此开头的通知：", "no delivery's id begins with "))
}

/// Several ids begin so.
pub fn several(language: Language, id: &str) -> String {
    format!("{}{id:?}", language.pick("不止一份通知的编号以此开头：", "several deliveries' ids begin with "))
}

/// It will be sent again.
pub const fn retried(language: Language) -> &'static str {
    language.pick("将以原编号重发", "it will be sent again under the same id")
}

/// It cannot be sent again.
pub const fn not_retried(language: Language) -> &'static str {
    language.pick("只有未送达或结果不明的通知可以重发", "only what is discarded or unknown can be sent again")
}

/// It is cancelled.
pub const fn cancelled(language: Language) -> &'static str {
    language.pick("已取消", "it is cancelled")
}

/// It cannot be cancelled.
pub const fn not_cancelled(language: Language) -> &'static str {
    language.pick("已开始发送的通知不能取消", "what was claimed cannot be cancelled")
}

/// Nothing was released yet.
pub const fn would_release(language: Language) -> &'static str {
    language.pick("以上尚未发出；确认请加 --yes", "nothing was released; add --yes to do it")
}

/// So many were released.
pub fn released(language: Language, count: usize) -> String {
    match language {
        Chinese => format!("已放行 {count} 条"),
        English => format!("{count} released"),
    }
}

/// Nobody is reached so.
pub fn no_receiver(language: Language, receiver: &str, known: &str) -> String {
    match language {
        Chinese => format!("{receiver:?} 不是联系人，也不是地址，或没有通道能到达；已有通道：{known}"),
        English => {
            format!("{receiver:?} is neither a contact nor an address, or no channel reaches it; channels: {known}")
        }
    }
}

/// A test message's subject.
pub const fn test_subject(language: Language) -> &'static str {
    language.pick("【测试】督办通知能否送达", "[Test] duban can reach you")
}

/// A test message's text.
pub const fn test_text(language: Language) -> &'static str {
    language.pick(
        "这是督办系统的一份测试通知，不涉及任何办件，无需处理。",
        "This is a test message of duban. It is about no matter, and nothing has to be done.",
    )
}

/// The test message was taken.
pub fn test_sent(language: Language, address: &str, answer: &str) -> String {
    match language {
        Chinese => format!("已被接收：{address}（{answer}）"),
        English => format!("taken for {address} ({answer})"),
    }
}

/// The test message was not taken.
pub fn test_failed(language: Language, address: &str, reason: &str) -> String {
    match language {
        Chinese => format!("未被接收：{address}（{reason}）"),
        English => format!("not taken for {address}: {reason}"),
    }
}
