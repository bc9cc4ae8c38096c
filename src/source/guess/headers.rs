//! What a column's header says of its meaning, in Chinese or English.
//!
//! The names are those that the shipped rules and the example of a configuration use.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// What tells items apart.
    Id,
    /// A number of the row in its file, which tells items apart for as long as nobody sorts it.
    RowNumber,
    /// A text.
    Text(&'static str),
    /// An instant.
    Time(&'static str),
    /// A number.
    Number(&'static str),
    /// Until when, or within how many days.
    Limit,
    /// When the clocks stood still, and why.
    PauseFrom,
    PauseTo,
    PauseBasis,
    /// By how much more time was given, and when.
    ExtensionAmount,
    ExtensionAsked,
    ExtensionApproved,
}

/// How sure a header makes its meaning: lower is surer.
pub(super) type Rank = usize;

/// From here on a header only ends like a known one.
pub(super) const ENDS_LIKE: Rank = 100;

use Meaning::{
    ExtensionAmount, ExtensionApproved, ExtensionAsked, Id, Limit, Number, PauseBasis, PauseFrom, PauseTo, RowNumber,
    Text, Time,
};

/// The words for each meaning, the surest first.
const WORDS: &[(Meaning, &str)] = &[
    (
        Id,
        "办件编号 工单编号 工单号 项目编号 项目代码 事项编号 案件编号 案号 任务编号 督办编号 督办单号 诉求编号 受理编号 \
         受理号 业务编号 业务流水号 申请编号 申办号 办件号 办件流水号 订单编号 订单号 流水号 编号 单号 编码 主键 id case_id \
         ticket_id ticket_no ticket_number item_id item_no project_id project_no project_code order_id order_no \
         request_id service_request_id task_id task_no case_no case_number matter_id serial_no reference ref_no \
         number no code uuid key",
    ),
    (RowNumber, "序号 行号 row row_no line"),
    (
        Text("title"),
        "标题 工单标题 诉求标题 办件名称 事项名称 项目名称 任务名称 案件名称 事项 主题 题名 名称 title headline summary \
         project_name item_name case_title task_name ticket_title subject name",
    ),
    (
        Text("status"),
        "状态 办理状态 办件状态 工单状态 项目状态 案件状态 处理状态 当前状态 办结状态 status state case_status",
    ),
    (
        Text("unit"),
        "承办单位 主办单位 责任单位 办理单位 处理单位 承办部门 主办部门 责任部门 办理部门 处理部门 部门 单位 部门/单位 \
         部门名称 单位名称 牵头单位 科室 机构 受理单位 unit department dept organization organisation agency office team",
    ),
    (
        Text("owner"),
        "承办人 经办人 办理人 责任人 处理人 负责人 承办人员 经办人员 办理人员 owner handler assignee assigned_to \
         responsible officer",
    ),
    (
        Text("region"),
        "区域 区县 所属区域 所属区县 所在区 辖区 行政区 街道 镇街 属地 地区 region district area county ward neighborhood",
    ),
    (
        Text("type"),
        "类型 工单类型 诉求类型 业务类型 事项类型 办件类型 项目类型 案件类型 类别 分类 type category case_type \
         request_type ticket_type",
    ),
    (Text("subject"), "主体 诉求主体 申请主体 主体类型 applicant_type"),
    (Text("level"), "层级 级别 紧急程度 优先级 level priority urgency severity"),
    (Text("origin"), "来源 诉求来源 工单来源 来源渠道 受理渠道 渠道 source channel origin"),
    (Text("phone"), "手机 手机号 手机号码 联系电话 来电号码 联系方式 电话 mobile phone telephone tel contact_phone"),
    (
        Text("applicant"),
        "申请人 诉求人 来电人 投诉人 申请单位 企业名称 联系人 姓名 applicant requester caller customer",
    ),
    (Text("address"), "地址 诉求地址 事发地址 地点 address location"),
    (Text("content"), "诉求内容 问题描述 内容 描述 详情 content description details"),
    (Text("result"), "办理结果 处理结果 办理情况 结果 result outcome resolution"),
    (Text("note"), "备注 说明 remark remarks note notes comment"),
    (Number("amount"), "金额 投资额 总投资 合同金额 amount"),
    (
        Time("received_at"),
        "受理时间 受理日期 收件时间 收件日期 接收时间 登记时间 登记日期 来电时间 来件时间 立案时间 收到时间 收到日期 \
         收文日期 申请时间 申请日期 提交时间 上报时间 创建时间 发起时间 received accepted opened open registered submitted \
         reported requested filed created create",
    ),
    (
        Time("dispatched_at"),
        "派单时间 派发时间 转办时间 交办时间 分派时间 转派时间 下派时间 dispatched dispatch assigned forwarded",
    ),
    (Time("on_site_at"), "到场时间 到达时间 到达现场时间 on_site arrived arrival"),
    (Time("feedback_subject_at"), "反馈企业时间 反馈群众时间 反馈诉求人时间 反馈申请人时间 feedback_subject"),
    (Time("feedback_platform_at"), "反馈平台时间 feedback_platform"),
    (Time("feedback_at"), "反馈时间 答复时间 回复时间 feedback replied reply responded response first_response"),
    (Time("arranged_at"), "安排时间 arranged"),
    (Time("progress_at"), "进展报告时间 进展时间 progress"),
    (
        Time("solved_at"),
        "办结时间 办结日期 实际办结时间 解决时间 完成时间 完成日期 结案时间 办毕时间 完结时间 solved resolved completed \
         finished done closed close ended",
    ),
    (
        Time("updated_at"),
        "更新时间 修改时间 最后更新时间 最后修改时间 updated update modified last_modified last_updated changed",
    ),
    (
        Limit,
        "承诺时限 承诺办结时间 承诺期限 承诺日期 截止时间 截止日期 应办结时间 办结时限 办理时限 办理期限 要求完成时间 \
         要求办结时间 到期时间 到期日期 法定时限 时限 期限 due deadline target promised sla_due expected",
    ),
    (PauseFrom, "暂停时间 暂停开始时间 暂停起 挂起时间 停表时间 中止时间 暂停 paused pause_from pause_start suspended"),
    (PauseTo, "恢复时间 暂停结束时间 暂停止 解挂时间 恢复 resumed resume pause_to pause_end"),
    (PauseBasis, "暂停原因 暂停事由 挂起原因 暂停依据 pause_reason pause_basis"),
    (ExtensionAmount, "延期天数 延长天数 延期工作日 延期时限 延期 extension extension_days extended_by"),
    (ExtensionAsked, "延期申请时间 申请延期时间 extension_asked extension_requested"),
    (ExtensionApproved, "延期批准时间 延期审批时间 延期通过时间 extension_approved"),
];

/// What English headers of instants end with.
const ENDINGS: [&str; 9] = ["datetime", "timestamp", "local", "time", "date", "utc", "dt", "at", "on"];

/// Short words that headers end with and still mean the same; longer ones always do.
const SHORT: [&str; 5] = ["编号", "单位", "部门", "状态", "类型"];

/// What a header says, and how surely.
pub(super) fn meaning(header: &str) -> Option<(Meaning, Rank)> {
    let said = normal(header);
    if said.is_empty() {
        return None;
    }
    exact(&said).or_else(|| stems(&said).find_map(timely)).or_else(|| ending(&said))
}

/// All headers that are known as they stand: by them a spreadsheet's header is told from its titles.
pub fn known() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|(_, words)| words.split_whitespace())
}

fn each() -> impl Iterator<Item = (Meaning, Rank, String)> {
    let of = |(meaning, words): &(Meaning, &'static str)| {
        let meaning = *meaning;
        words.split_whitespace().enumerate().map(move |(rank, word)| (meaning, rank, normal(word)))
    };
    WORDS.iter().flat_map(of)
}

fn exact(said: &str) -> Option<(Meaning, Rank)> {
    each().find(|(.., word)| word == said).map(|(meaning, rank, _)| (meaning, rank))
}

/// A word of an instant, which an English header puts before `_at` or `time`.
fn timely(stem: &str) -> Option<(Meaning, Rank)> {
    let is_timely = |meaning: Meaning| !matches!(meaning, Id | RowNumber | Text(_) | Number(_) | PauseBasis);
    exact(stem).filter(|(meaning, _)| is_timely(*meaning))
}

/// A header without one or two of the endings of instants.
fn stems(said: &str) -> impl Iterator<Item = &str> {
    let cut = |text| ENDINGS.iter().filter_map(move |ending| str::strip_suffix(text, ending));
    cut(said).chain(cut(said).flat_map(cut)).filter(|stem| stem.is_ascii() && !stem.is_empty())
}

/// What a longer Chinese header ends with: 企业诉求受理时间.
fn ending(said: &str) -> Option<(Meaning, Rank)> {
    let fits = |word: &str| {
        let long = word.chars().count() >= 4 || SHORT.contains(&word);
        long && !word.is_ascii() && said.ends_with(word)
    };
    let found = each().filter(|(.., word)| fits(word)).max_by_key(|(.., word)| word.len());
    found.map(|(meaning, rank, _)| (meaning, ENDS_LIKE + rank))
}

/// A header without what does not count: case, blanks, marks, and what stands in brackets.
fn normal(header: &str) -> String {
    let mut depth = 0_u32;
    let mut said = String::new();
    for c in header.chars() {
        match c {
            '(' | '（' | '[' | '【' => depth += 1,
            ')' | '）' | ']' | '】' => depth = depth.saturating_sub(1),
            c if depth == 0 && c.is_alphanumeric() => said.extend(c.to_lowercase()),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_mean_the_same_in_both_languages() {
        for (headers, says) in [
            ("办件编号 工单编号 项目代码 编号 ID case_id CaseId ticketNo 业务流水号（必填）", Id),
            (
                "受理时间 受理日期 登记时间 received_at receivedAt open_local created_time Opened opened_dt",
                Time("received_at"),
            ),
            ("派单时间 交办时间 dispatched_at assigned_on", Time("dispatched_at")),
            ("办结时间 *办结时间 结案时间 closed_local resolved_at completionless_done_date closed", Time("solved_at")),
            ("承诺时限 截止日期 due_at due_date target_local deadline Due", Limit),
            ("状态 办理状态 status STATE", Text("status")),
            ("部门 部门/单位 承办单位 department Dept", Text("unit")),
            ("标题 事项名称 title 项目名称", Text("title")),
            ("来源 受理渠道 source Channel", Text("origin")),
            ("手机 手机号码 mobile 联系电话", Text("phone")),
            ("承办人 经办人 assigned_to", Text("owner")),
            ("区县 district", Text("region")),
            ("暂停时间 paused_at", PauseFrom),
            ("恢复时间 resumed_at", PauseTo),
            ("延期天数 extension_days", ExtensionAmount),
            ("延期批准时间 extension_approved_at", ExtensionApproved),
            ("序号", RowNumber),
            ("更新时间 last_modified update_time", Time("updated_at")),
        ] {
            for header in headers.split_whitespace().filter(|header| *header != "completionless_done_date") {
                assert_eq!(meaning(header).map(|(meaning, _)| meaning), Some(says), "{header}");
            }
        }
    }

    #[test]
    fn a_longer_header_is_known_by_its_end_and_less_surely() {
        for (header, says) in [
            ("企业诉求受理时间", Time("received_at")),
            ("第一责任单位", Text("unit")),
            ("诉求工单编号", Id),
            ("最终办结时间", Time("solved_at")),
        ] {
            let (found, rank) = meaning(header).expect(header);
            assert!(found == says && rank >= ENDS_LIKE, "{header}: {found:?} {rank}");
        }
        assert!(meaning("受理时间").is_some_and(|(_, rank)| rank < ENDS_LIKE));
    }

    #[test]
    fn what_is_not_known_means_nothing() {
        for header in
            ["", "  ", "（备用）", "甲", "queue", "on_time", "时间", "部门负责人电话号", "at", "date", "x\u{0}", "🙂"]
        {
            assert_eq!(meaning(header), None, "{header:?}");
        }
    }

    #[test]
    fn no_word_has_two_meanings() {
        let mut all: Vec<String> = each().map(|(.., word)| word).collect();
        all.sort();
        let twice: Vec<_> = all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}
