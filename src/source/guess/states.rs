//! What the words for an item's state mean.

/// Words for each state, without blanks and in lower case.
const WORDS: [(&str, &str); 4] = [
    (
        "closed",
        "已办结 办结 已完成 完成 已结案 结案 已关闭 关闭 已解决 解决 办毕 已办毕 已归档 归档 已处理 已完结 完结 已回访 \
         closed done resolved completed complete finished solved",
    ),
    (
        "open",
        "办理中 在办 处理中 进行中 受理中 已受理 受理 待办 待办理 待处理 待受理 待派单 已派单 已派发 待签收 已签收 未办结 \
         未完成 流转中 审批中 审核中 新建 已立案 open new inprogress assigned received accepted active",
    ),
    (
        "waiting",
        "补正 补正中 待补正 暂停 已暂停 挂起 已挂起 中止 停表 待材料 等待材料 特别程序 专家评审 现场勘验 waiting onhold hold \
         paused suspended",
    ),
    (
        "withdrawn",
        "撤回 已撤回 撤销 已撤销 作废 已作废 取消 已取消 退件 已退件 不予受理 终止 已终止 withdrawn cancelled canceled void",
    ),
];

/// The state in which the clocks stand still.
pub(super) const WAITING: &str = "waiting";

/// What a state's word means, if it is known.
pub(super) fn meaning(word: &str) -> Option<&'static str> {
    let said: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is_known = |words: &str| words.split_whitespace().any(|known| known == said);
    WORDS.iter().find(|(_, words)| is_known(words)).map(|(state, _)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_by_their_words() {
        for (word, state) in [
            ("已办结", Some("closed")),
            ("Closed", Some("closed")),
            ("In Progress", Some("open")),
            ("办理中", Some("open")),
            ("补正", Some("waiting")),
            ("on-hold", Some("waiting")),
            ("作废", Some("withdrawn")),
            ("红色", None),
            ("", None),
        ] {
            assert_eq!(meaning(word), state, "{word}");
        }
    }
}
