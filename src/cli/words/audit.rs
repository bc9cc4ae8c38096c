//! What `duban audit` says.

use super::{Chinese, English, Language};
use crate::core::audit::{Break, Head};

/// The columns of the list.
pub const fn titles(language: Language) -> [&'static str; 6] {
    match language {
        Chinese => ["序号", "时间", "何人", "何事", "对象", "缘由"],
        English => ["seq", "at", "by", "what", "subject", "why"],
    }
}

/// The trail holds; `known` is a head that was given.
pub fn holds(language: Language, head: Head, known: Option<Head>) -> String {
    let seq = head.seq;
    match (language, known) {
        (Chinese, None) => format!(
            "审计记录完好：共 {seq} 条，逐条相扣。请把上面这行另行留存，下次用 --head 核对，便知此前的记录有无截短或重写"
        ),
        (English, None) => format!(
            "the trail holds: {seq} entries, each linked to the one before; write the line above down elsewhere, and \
             --head will prove that nothing up to there was cut off or written anew"
        ),
        (Chinese, Some(known)) => {
            format!("审计记录完好：共 {seq} 条，逐条相扣，第 {} 条与所留存的一致", known.seq)
        }
        (English, Some(known)) => format!(
            "the trail holds: {seq} entries, each linked to the one before, and entry {} is as it was written down",
            known.seq
        ),
    }
}

/// The trail is broken.
pub fn broken(language: Language, broken: &Break) -> String {
    if language == English {
        return format!("the audit trail is broken: {broken}");
    }
    let how = match broken {
        Break::Altered { seq } => format!("第 {seq} 条：该条内容、其校验值或前一条被改动过"),
        Break::Missing { from, to } if from == to => format!("缺第 {from} 条"),
        Break::Missing { from, to } => format!("缺第 {from} 至 {to} 条"),
        Break::OutOfOrder { seq, after } => format!("第 {seq} 条排在第 {after} 条之后"),
        Break::CutOff { end, seq } => format!("只到第 {end} 条，而原来有 {seq} 条：末尾被截去"),
        Break::Rewritten { seq, expected, found } => {
            format!("第 {seq} 条的校验值应为 {expected}，实为 {found}：此前的记录被重写过")
        }
        Break::Beyond { end } => format!("末条应为第 {end} 条，其后另有记录"),
    };
    format!("审计记录已断链：{how}")
}

/// An entry that cannot even be read.
pub fn unreadable(language: Language, error: &str) -> String {
    match language {
        Chinese => format!("审计记录已断链：{error}"),
        English => format!("the audit trail is broken: {error}"),
    }
}

/// What was done could not be entered.
pub fn not_entered(language: Language, error: &str) -> String {
    match language {
        Chinese => format!("此事未能记入审计记录：{error}"),
        English => format!("this could not be entered into the audit trail: {error}"),
    }
}

/// A head that is none.
pub fn no_head(language: Language, text: &str) -> String {
    match language {
        Chinese => format!("应为 序号:校验值（64 位十六进制），即 audit verify 所输出的一行，实为 {text:?}"),
        English => format!("expected SEQ:HASH with 64 hex digits, as `audit verify` prints it, got {text:?}"),
    }
}

/// How far a walk is.
pub fn progress(language: Language, seq: u64, of: u64) -> String {
    match language {
        Chinese => format!("核对 {seq}/{of}"),
        English => format!("verifying {seq}/{of}"),
    }
}
