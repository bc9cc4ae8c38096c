//! Remarks in words: for the board, `explain` and lists.

use chrono_tz::Tz;

use super::super::language::Language::{self, Chinese, English};
use super::super::time_words;
use crate::core::item::Amount;
use crate::core::remark::{Decision, Remark, Revocation, Standing, Statement, Waits};

/// What kind of remark it is.
pub const fn remark_kind(statement: &Statement, language: Language) -> &'static str {
    match statement {
        Statement::Pause(_) => language.pick("停表", "pause"),
        Statement::Extension(_) => language.pick("延期", "extension"),
        Statement::Time { .. } => language.pick("时间", "time"),
        Statement::Exemption { .. } => language.pick("免责", "exemption"),
        Statement::WrongCard { .. } => language.pick("撤牌", "wrong card"),
    }
}

/// What it says.
pub fn remark_says(statement: &Statement, language: Language, zone: Tz) -> String {
    let instant = |at| time_words::instant(at, zone);
    match statement {
        Statement::Pause(pause) => {
            let end = pause.to.map_or_else(|| language.pick("未结束", "not ended").to_owned(), instant);
            let kind = pause.kind.as_deref().map(|kind| format!("{kind} ")).unwrap_or_default();
            format!("{kind}{} – {end}", instant(pause.from))
        }
        Statement::Extension(extension) => {
            let amount = match extension.amount {
                Amount::Number(number) => number.to_string(),
                Amount::Limit(limit) => time_words::limit(limit, language),
            };
            let asked = extension.asked_at.map(instant).unwrap_or_default();
            let approved = extension.approved_at.map(instant).unwrap_or_default();
            match language {
                Chinese => format!("{amount}，{asked} 申请，{approved} 批准"),
                English => format!("{amount}, asked for {asked}, approved {approved}"),
            }
        }
        Statement::Time { field, at } => format!("{field} = {}", instant(*at)),
        Statement::Exemption { rule, name } | Statement::WrongCard { rule, name } => format!("{rule}/{name}"),
    }
}

/// How it stands.
pub const fn remark_standing(standing: Standing, waits: Option<Waits>, language: Language) -> &'static str {
    match (standing, waits) {
        (Standing::InForce, _) => language.pick("有效", "in force"),
        (Standing::Superseded, _) => {
            language.pick("来源系统已有记载，以其为准", "superseded: the source states it, and that counts")
        }
        (Standing::Replaced, _) => language.pick("已有更新的补录", "replaced by a later remark"),
        (Standing::Waiting, Some(Waits::Appeal)) => language.pick("申诉待裁定", "an appeal, waits for a decision"),
        (Standing::Waiting, _) => language.pick("待第二人批准", "waits for a second person"),
        (Standing::Rejected, _) => language.pick("未获准", "rejected"),
        (Standing::Revoked, _) => language.pick("已撤销", "revoked"),
    }
}

/// Who put it down, on what ground, who decided it and who took it back.
pub fn remark_account(remark: &Remark, language: Language, zone: Tz) -> Vec<String> {
    let at = |at| time_words::instant(at, zone);
    let mut lines = vec![match language {
        Chinese => format!(
            "依据：{}{}{}",
            remark.basis,
            after("，文号：", remark.document.as_ref()),
            after("，批准人：", remark.approver.as_ref())
        ),
        English => {
            format!(
                "basis: {}{}{}",
                remark.basis,
                after(", document: ", remark.document.as_ref()),
                after(", approved by ", remark.approver.as_ref())
            )
        }
    }];
    lines.push(match language {
        Chinese => format!("{} 于 {} 补录", remark.by, at(remark.at)),
        English => format!("put down by {}, {}", remark.by, at(remark.at)),
    });
    if let Some(Decision { at: when, by, why, granted }) = &remark.decision {
        lines.push(match (language, granted) {
            (Chinese, true) => format!("{by} 于 {} 准予：{why}", at(*when)),
            (Chinese, false) => format!("{by} 于 {} 不予：{why}", at(*when)),
            (English, true) => format!("granted by {by}, {}: {why}", at(*when)),
            (English, false) => format!("rejected by {by}, {}: {why}", at(*when)),
        });
    }
    if let Some(Revocation { at: when, by, why }) = &remark.revocation {
        lines.push(match language {
            Chinese => format!("{by} 于 {} 撤销：{why}", at(*when)),
            English => format!("revoked by {by}, {}: {why}", at(*when)),
        });
    }
    lines
}

fn after(before: &str, text: Option<&String>) -> String {
    text.map(|text| format!("{before}{text}")).unwrap_or_default()
}
