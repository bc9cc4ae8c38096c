"""The ledgers' table: every list with its columns, what they mean, and a sample row.

`make` writes templates and mappings from it, and the sample city takes its headers and mappings from it too.
"""

from collections import namedtuple

Column = namedtuple("Column", "header field kind sample zh en rules need words values known")
Ledger = namedtuple("Ledger", "name kind zh en every appears columns attach")
Attach = namedtuple("Attach", "field source key one optional")


def column(header, field, kind, sample, zh, en, rules="", need=False, words=(), values=None, known=None):
    """A column. `kind`: text integer number bool time plan day plan-day. `known`: the column of the instant from which it is known."""
    return Column(header, field, kind, sample, zh, en, rules, need, tuple(words or values or ()), values or {}, known)


def number(sample, zh, en):
    return column("编号", "id", "text", sample, zh, en, "", True)


def place(unit, unit_sample, owner, owner_sample, rules="", region_rules="", known=None):
    """Where it is, which unit answers for it, and who handles it."""
    return [
        column("区域", "region", "text", "示例东区", "区县名，须与联系人名单一致", "district, as in the list of contacts", region_rules),
        column(unit, "unit", "text", unit_sample, "单位名，须与联系人名单一致", "unit, as in the list of contacts"),
        column(owner, "owner", "text", owner_sample, "联系人编号，也可写唯一的姓名或手机号", "contact: id, or a name or mobile that one has", rules, known=known),
    ]


def moves(rules, extended, pause=("2026-03-09 09:00", "2026-03-11 09:00", "专家评审"), extension=("3wd", "2026-03-12 10:00", "2026-03-12 15:00")):
    """One pause and one extension."""
    return [
        column("暂停起", "pauses.from", "time", pause[0], "自此刻起不计时", "from when time does not count", rules),
        column("暂停止", "pauses.to", "time", pause[1], "恢复计时的时刻；空着即仍在暂停", "when it counts again; empty: still paused", rules),
        column("暂停事由", "pauses.kind", "text", pause[2], "停表的事由", "on what ground", rules, words=PAUSES, known="暂停起"),
        column("延期时限", "extensions.amount", "text", extension[0], "延长多少，单位同时限：3wd 为三个工作日", "how much more, in the limit's unit: 3wd is three working days", extended, known="延期申请"),
        column("延期申请", "extensions.asked_at", "time", extension[1], "何时申请；到期之后申请的不算", "when it was asked for; after the due instant it does not count", extended),
        column("延期批准", "extensions.approved_at", "time", extension[2], "何时批准；未批准的不延长", "when it was approved; without that nothing moves", extended),
    ]


PAUSES = ("听证", "招标", "拍卖", "检验检测", "检疫", "鉴定", "专家评审", "勘测", "公示", "申请人原因", "停工", "不可抗力")
YES = ("是", "否")
TYPES = ("咨询", "求助", "建议", "投诉", "举报")
TASKS = ("上级交办", "会议交办", "工作任务", "倒排工期", "日常调度", "改革任务")
GRADES = ("省级", "市级", "区级")
CATEGORIES = ("政府投资", "房建市政", "园区工业", "旧改")
STAGES = ("企业设立", "立项用地规划许可", "工程建设许可", "施工许可", "竣工验收", "不动产登记")
LINES = {"土地农转用报批": "land_conversion", "地块整理": "site_prep", "报审报建": "permits"}
MODES = {"单事项": "single", "全流程": "whole", "一件事": "bundle"}
CAUSES = ("土地", "考古", "能源", "资金", "用工", "其他")
PROJECT = "项目台账的编号"
PROJECT_EN = "the project's id in the register of projects"

LEDGERS = [
    Ledger("tickets", "ticket", "诉求工单", "requests of enterprises and people", "5m", "受理时间", [
        number("S20260001", "工单编号，不得重复", "the ticket's number, one for each"),
        column("诉求标题", "title", "text", "示例厂区门口道路破损", "一句话说清诉求", "the request in one sentence", "", True),
        column("诉求类型", "type", "text", "投诉", "决定适用哪条规则、多长时限", "decides which rule and limit count", "2110、request-reply", True, TYPES),
        column("主体", "subject", "text", "企业", "企业还是个人", "an enterprise or a person", "2110", True, values={"企业": "enterprise", "个人": "person"}),
        column("企业编号", "enterprise_id", "text", "E0001", "一企一档的编号", "the enterprise's id"),
        column("诉求渠道", "channel", "text", "12345", "从何处收到", "where it came in", words=("12345", "平台", "窗口", "走访")),
        *place("承办单位", "示例东区住建局", "承办人", "H101", region_rules="request-reply"),
        column("受理时间", "received_at", "time", "2026-03-02 10:00", "派单、答复时限由此起算", "dispatch and reply count from here", "2110、request-reply", True),
        column("派单时间", "dispatched_at", "time", "2026-03-02 10:12", "到场、反馈、办结时限由此起算", "visit, feedback and solution count from here", "2110"),
        column("到场时间", "on_site_at", "time", "2026-03-02 11:05", "到达现场", "arrival on site", "2110"),
        column("反馈企业", "feedback_subject_at", "time", "2026-03-02 16:00", "向诉求人反馈；与反馈平台以晚者为准", "feedback to who asked; the later of the two counts", "2110"),
        column("反馈平台", "feedback_platform_at", "time", "2026-03-02 16:10", "向平台反馈", "feedback to the platform", "2110"),
        column("答复时间", "replied_at", "time", "2026-03-03 09:30", "正式答复", "the reply", "request-reply"),
        column("办结时间", "solved_at", "time", "2026-03-06 15:00", "诉求解决", "solved", "2110"),
        column("满意度", "rating", "text", "满意", "回访结果", "what a call back found", words=("满意", "基本满意", "不满意"), known="办结时间"),
        column("重开次数", "reopens", "integer", 0, "办结后又重开几次", "how often it was opened again", known="办结时间"),
        *moves("2110、request-reply", "2110、request-reply"),
    ], []),
    Ledger("tasks", "task", "任务清单", "tasks: batches, lists, decisions of superiors", "10m", "收到时间", [
        number("R20260001", "任务编号，不得重复", "the task's number, one for each"),
        column("任务名称", "title", "text", "示例营商环境专项整改", "任务内容", "what is to be done", "", True),
        column("任务类型", "category", "text", "上级交办", "没有时限天数时按类型取时限", "gives the limit where no days are stated", "task-overdue", True, TASKS),
        column("层级", "level", "text", "上级", "上级决策部署按 137 机制计时", "decisions of superiors are under 137", "137", True, values={"上级": "superior", "本级": "own"}),
        column("批次", "batch", "text", "2026-03", "集成交办的批次", "the batch it was handed over with"),
        *place("牵头单位", "示例东区住建局", "责任人", "H101", region_rules="task-overdue"),
        column("收到时间", "received_at", "time", "2026-03-02 10:00", "各时限由此起算", "all limits count from here", "137、task-overdue", True),
        column("时限", "limit_days", "integer", 15, "工作日数；空着按类型", "working days; empty: by type", "task-overdue"),
        column("安排时间", "arranged_at", "time", "2026-03-03 09:00", "研究安排", "studied and arranged", "137"),
        column("反馈时间", "feedback_at", "time", "2026-03-04 16:00", "首次反馈", "first feedback", "137"),
        column("进展时间", "progress_at", "time", "2026-03-09 16:00", "报告阶段性进展", "report of progress", "137"),
        column("完成时间", "finished_at", "time", "2026-03-19 11:00", "任务完成", "finished", "task-overdue"),
        *moves("137、task-overdue", "137、task-overdue"),
    ], []),
    Ledger("projects", "project", "项目台账", "register of projects", "10m", "入库时间", [
        number("P20260001", "项目编号，不得重复；其他台账以此相连", "the project's number, to which other ledgers refer"),
        column("项目名称", "title", "text", "示例储能设备厂房", "项目名称", "the project's name", "", True),
        column("年度清单编号", "annual_id", "text", "N20260001", "年度项目清单的编号", "its id in the annual list", "off-platform"),
        column("年度", "year", "integer", 2026, "列入哪一年", "the year of its list", "progress"),
        column("级别", "grade", "text", "市级", "清单级别", "grade of its list", "", words=GRADES),
        column("类别", "category", "text", "园区工业", "决定绿色通道总时限与礼包事项", "gives the total limit and the pack of matters", "green-channel、gift-pack", True, CATEGORIES),
        *place("责任单位", "示例东区园区管委会", "帮办员", "B01", "unassigned", known="指派时间"),
        column("网格", "grid", "text", "G01", "网格名册的编号", "its grid", ""),
        column("特殊件", "special", "bool", "否", "特殊件即来即办", "special: answered the same day", "green-channel", words=YES),
        column("紧急件", "urgent", "bool", "是", "紧急件即来即办", "urgent: answered the same day", "green-channel", words=YES),
        column("入库时间", "listed_at", "time", "2026-01-05 09:30", "进入项目库", "entered in the pool", "schedule、gift-pack、stale-update、unassigned、green-channel、off-platform", True),
        column("出库时间", "left_pool_at", "time", "2026-12-30 16:00", "离开项目库，不是缺失", "left the pool, which is a fact and no absence", "stages、schedule、progress、hundred-days、three-lines、gift-pack、stale-update、unassigned"),
        column("指派时间", "assigned_at", "time", "2026-01-05 14:00", "指派帮办员", "when the agent was assigned", "unassigned、stale-update"),
        column("签约时间", "signed_at", "day", "2026-01-12", "百日开工由此起算", "the hundred days count from here", "hundred-days"),
        column("计划开工", "planned_start_at", "plan-day", "2026-04-10", "计划，可在将来", "a plan, may lie ahead", "schedule"),
        column("开工时间", "started_at", "day", "2026-04-02", "实际开工", "started", "schedule、hundred-days"),
        column("计划竣工", "planned_finish_at", "plan-day", "2026-11-30", "计划，可在将来", "a plan, may lie ahead", "schedule"),
        column("竣工时间", "finished_at", "day", "2026-11-20", "实际竣工", "finished", "schedule、progress、stale-update、unassigned"),
        column("首次响应", "responded_at", "time", "2026-01-05 11:00", "特殊件、紧急件的首次响应", "first response to what is special or urgent", "green-channel"),
        column("审批完成", "approved_at", "time", "2026-03-20 16:00", "全部审批完成", "all approvals are there", "green-channel、gift-pack"),
        column("年度计划投资", "invest_plan", "number", 12000.5, "万元", "10,000 yuan", "progress"),
        *moves("green-channel、stages、schedule、hundred-days、gift-pack、stale-update", "green-channel、schedule", ("2026-02-03 09:00", "2026-02-05 09:00", "专家评审"), ("5wd", "2026-03-10 10:00", "2026-03-11 15:00")),
    ], [Attach("stages", "stages", "project", False, False), Attach("progress", "progress", "project", False, False),
        Attach("lines", "lines", "project", False, False), Attach("logs", "logs", "project", False, False),
        Attach("matters", "matters", "project", False, True)]),
    Ledger("stages", "stage", "阶段台账", "stages of projects, attached to them", "10m", "进入时间", [
        number("P20260001-1", "一个项目的一个阶段一行", "one row for each stage of a project"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "stages", True),
        column("阶段", "stage", "text", "企业设立", "六个阶段之一", "one of the six stages", "stages", True, STAGES),
        column("进入时间", "entered_at", "time", "2026-01-06 09:00", "阶段时限由此起算", "the stage's limit counts from here", "stages", True),
        column("完成时间", "left_at", "time", "2026-01-08 15:00", "阶段完成", "the stage is done", "stages"),
    ], []),
    Ledger("progress", "progress", "月度进度", "monthly progress of projects, attached to them", "10m", "填报时间", [
        number("P20260001-2026-02", "一个项目的一个月一行", "one row for each month of a project"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "progress", True),
        column("填报时间", "reported_at", "time", "2026-03-02 10:00", "何时填报", "when it was reported", "progress", True),
        column("截至月份", "month", "integer", 2, "累计到几月底，1 至 12", "to the end of which month, 1 to 12", "progress", True, words=tuple(str(n) for n in range(1, 13))),
        column("累计完成投资", "invest_done", "number", 2100.5, "万元，年初至该月底", "10,000 yuan, since the year began", "progress", True),
    ], []),
    Ledger("lines", "line", "三线台账", "three parallel lines of projects, attached to them", "10m", "填报时间", [
        number("L20260001", "每次填报一行，同一条线以最高进度为准", "one row for each report; the highest progress counts"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "three-lines", True),
        column("线", "line", "text", "地块整理", "三条线之一", "one of the three lines", "three-lines", True, values=LINES),
        column("填报时间", "reported_at", "time", "2026-03-02 10:00", "何时填报", "when it was reported", "three-lines", True),
        column("进度", "progress", "number", 60, "百分数，0 至 100", "per cent, 0 to 100", "three-lines", True),
        column("计划完成", "planned_finish_at", "plan-day", "2026-03-31", "计划，可在将来", "a plan, may lie ahead", "three-lines"),
        column("完成时间", "finished_at", "day", "2026-03-28", "这条线完成", "the line is done", "three-lines"),
    ], []),
    Ledger("logs", "log", "帮办日志", "agents' log of projects, attached to them", "10m", "时间", [
        number("D20260001", "每条日志一行", "one row for each entry"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "stale-update", True),
        column("类型", "type", "text", "走访", "更新、日志或走访", "an update, an entry or a visit", "stale-update", True, ("更新", "日志", "走访")),
        column("时间", "logged_at", "time", "2026-03-02 15:00", "何时发生", "when it was", "stale-update", True),
        column("照片数", "photos", "integer", 3, "走访照片张数", "how many photographs", "stale-update"),
    ], []),
    Ledger("nodes", "node", "节点台账", "nodes of the back-planned schedule", "10m", "", [
        number("P20260001-J01", "节点编号，不得重复", "the node's number, one for each"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "", True),
        column("节点", "title", "text", "主体封顶", "节点名称", "what the node is", "", True),
        column("期次", "phase", "text", "一期", "分期建设的期次", "phase of construction"),
        *place("责任单位", "示例东区园区管委会", "责任人", "B01"),
        column("计划开始", "planned_start_at", "plan-day", "2026-03-02", "节点时限由此起算", "the node's limit counts from here", "schedule", True),
        column("计划完成", "planned_finish_at", "plan-day", "2026-07-31", "空着即由项目计划竣工倒排", "empty: planned back from the project's finish", "schedule"),
        column("项目计划竣工", "planned_project_finish_at", "plan-day", "2026-11-30", "倒排的终点", "from where it is planned back", "schedule"),
        column("倒排天数", "days_before", "integer", 122, "竣工前多少自然日完成", "so many natural days before the finish", "schedule"),
        column("完成时间", "finished_at", "day", "2026-07-28", "节点完成", "the node is done", "schedule"),
        *moves("schedule", "schedule", ("2026-05-06 00:00", "2026-05-10 00:00", "勘测"), ("10d", "2026-07-20 10:00", "2026-07-21 15:00")),
    ], []),
    Ledger("matters", "matter", "审批事项", "approvals, by themselves and attached to projects", "10m", "登记时间", [
        number("M20260001", "办件编号，不得重复", "the case's number, one for each"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "green-channel、gift-pack"),
        column("事项名称", "title", "text", "建设工程规划许可", "事项名称", "the matter's name", "", True),
        column("事项编码", "code", "text", "SX05", "礼包按编码核对", "packs are compared by it", "gift-pack"),
        column("办理模式", "mode", "text", "单事项", "没有承诺时限时按模式取时限", "gives the limit where none is promised", "approval-limit", values=MODES),
        column("所属一件事", "parent", "text", "M20260000", "一件事的办件编号", "the bundle that it is part of", ""),
        *place("审批部门", "示例东区住建局", "审批人", "H102"),
        column("收件方式", "channel", "text", "窗口", "窗口件分收件、审核、出件计时", "those of the window are timed hand by hand", "hand-over", values={"窗口": "window", "直报": "direct"}),
        column("法定时限", "statutory_days", "integer", 20, "工作日数", "working days", "approval-limit"),
        column("承诺时限", "promised_days", "integer", 10, "工作日数", "working days", "approval-limit"),
        column("承诺小时", "promised_hours", "integer", 4, "以小时承诺的事项，工作小时数", "working hours, where hours are promised", "approval-limit"),
        column("即办", "same_day", "bool", "否", "即办件当日办结", "done the same day", "approval-limit", words=YES),
        column("登记时间", "listed_at", "time", "2026-03-02 08:50", "登记", "listed", "approval-limit", True),
        column("收件时间", "received_at", "time", "2026-03-02 09:00", "窗口收件", "received at the window", "approval-limit、hand-over、gift-pack"),
        column("受理时间", "accepted_at", "time", "2026-03-02 15:00", "审批时限由此起算", "the approval's limit counts from here", "approval-limit、hand-over、tolerance、promise、green-channel、gift-pack"),
        column("审核时间", "reviewed_at", "time", "2026-03-05 10:00", "审核完成", "reviewed", "hand-over"),
        column("办结时间", "finished_at", "time", "2026-03-10 16:00", "作出决定", "decided", "approval-limit、hand-over、green-channel"),
        column("出件时间", "issued_at", "time", "2026-03-11 09:30", "窗口出件", "handed out", "hand-over"),
        column("容缺受理", "tolerated_at", "time", "2026-03-02 15:00", "容缺受理的时刻", "accepted although papers are missing", "tolerance"),
        column("容缺时限", "tolerance_days", "integer", 5, "补齐材料的工作日数", "working days to bring them", "tolerance", known="容缺受理"),
        column("补齐时间", "supplemented_at", "time", "2026-03-06 11:00", "材料补齐", "they were brought", "tolerance"),
        column("承诺时间", "promised_at", "time", "2026-03-02 15:00", "签订承诺书", "the promise was signed", "promise"),
        column("履行时限", "fulfil_days", "integer", 30, "履行承诺的工作日数", "working days to fulfil it", "promise", known="承诺时间"),
        column("履行时间", "fulfilled_at", "time", "2026-04-02 16:00", "承诺履行", "fulfilled", "promise"),
        column("核查时间", "checked_at", "time", "2026-04-20 10:00", "事后核查", "checked afterwards", "promise"),
        *moves("approval-limit、hand-over、tolerance、promise", "approval-limit", ("2026-03-04 09:00", "2026-03-05 09:00", "专家评审"), ("5wd", "2026-03-09 10:00", "2026-03-09 15:00")),
    ], []),
    Ledger("annual", "listed", "年度项目清单", "annual list of projects", "1h", "下达时间", [
        number("N20260001", "清单编号，不得重复", "the list's number, one for each"),
        column("项目名称", "title", "text", "示例储能设备厂房", "项目名称", "the project's name", "", True),
        column("年度", "year", "integer", 2026, "年度", "year", "", True),
        column("级别", "grade", "text", "市级", "清单级别", "grade of the list", "", words=GRADES),
        *place("责任单位", "示例东区园区管委会", "责任人", "H161"),
        column("下达时间", "listed_at", "time", "2025-12-29 15:00", "清单下达；入库时限由此起算", "when the list was issued; the limit to enter counts from here", "off-platform", True),
    ], [Attach("project", "projects", "annual_id", True, True)]),
    Ledger("agents", "agent", "帮办员名册", "roster of agents", "1h", "到岗时间", [
        number("B01", "与联系人编号一致", "as in the list of contacts"),
        column("姓名", "title", "text", "示例帮办一", "姓名", "name", "", True),
        *[c for c in place("所属单位", "示例东区园区管委会", "", "") if c.header],
        column("到岗时间", "listed_at", "time", "2025-12-01 09:00", "到岗", "since when", "", True),
    ], [Attach("projects", "projects", "owner", False, True)]),
    Ledger("grids", "grid", "网格名册", "grids and their helpers", "1h", "划定时间", [
        number("G01", "网格编号，不得重复", "the grid's number, one for each"),
        column("网格名称", "title", "text", "示例东区第一网格", "网格名称", "the grid's name", "", True),
        *place("责任单位", "示例东区街道", "帮办员", "B01", "unassigned", known="配备时间"),
        column("划定时间", "listed_at", "time", "2025-12-01 09:00", "网格划定", "since when it is a grid", "unassigned", True),
        column("配备时间", "assigned_at", "time", "2025-12-02 10:00", "配备帮办员", "when its helper was assigned", "unassigned"),
    ], []),
    Ledger("meetings", "meeting", "调度会议", "dispatch meetings", "30m", "召开时间", [
        number("H2026-03A", "会议编号，不得重复", "the meeting's number, one for each"),
        column("会议名称", "title", "text", "示例东区三月调度会", "会议名称", "the meeting's name", "", True),
        *place("主办单位", "示例东区政务服务局", "责任人", "H091"),
        column("召开时间", "held_at", "time", "2026-03-10 14:30", "召开", "when it was held", "coordination", True),
        column("纪要印发", "minutes_at", "time", "2026-03-12 10:00", "纪要印发", "when its minutes were issued", "coordination"),
    ], []),
    Ledger("issues", "issue", "问题清单", "issues, with joint review and linkage", "10m", "提出时间", [
        number("W20260001", "问题编号，不得重复", "the issue's number, one for each"),
        column("问题", "title", "text", "示例地块土地指标不足", "一句话说清问题", "the issue in one sentence", "", True),
        column("企业编号", "enterprise_id", "text", "E0001", "企业、项目至少填一个", "the enterprise, or else the project", "issue-open"),
        column("项目编号", "project", "text", "P20260001", PROJECT, PROJECT_EN, "issue-open"),
        column("会议编号", "meeting", "text", "H2026-03A", "调度会议的编号", "the meeting that took it up"),
        column("原因", "cause", "text", "土地", "由哪类要素保障解决", "which kind of resource it takes", words=CAUSES),
        *place("责任单位", "示例东区自规分局", "责任人", "H111"),
        column("提出时间", "raised_at", "time", "2026-03-10 15:00", "各时限由此起算", "limits count from here", "issue-open、coordination", True),
        column("时限", "limit_days", "integer", 15, "工作日数；空着按规则", "working days; empty: the rule's", "issue-open"),
        column("结果", "result", "text", "已调剂指标", "没有结果不算办结", "without a result it is not closed", "issue-open", known="办结时间"),
        column("办结时间", "closed_at", "time", "2026-03-27 16:00", "办结", "closed", "issue-open、coordination、linkage"),
        column("需会办", "needs_review", "bool", "是", "是否需要联审会办", "whether it takes a joint review", "coordination", words=YES),
        column("会办时间", "reviewed_at", "time", "2026-03-12 10:00", "会办", "the joint review", "coordination"),
        column("需上报", "needs_report", "bool", "是", "是否需要签批后上报", "whether it goes up, once signed", "coordination", words=YES),
        column("签批时间", "signed_at", "time", "2026-03-13 11:00", "分管领导签批", "the leader in charge signed", "coordination"),
        column("签批人", "signed_by", "text", "示例分管一", "谁签批", "who signed", "", known="签批时间"),
        column("上报时间", "reported_at", "time", "2026-03-13 16:00", "上报；不得早于签批", "reported; not before it is signed", "coordination"),
        column("跨区域", "cross_region", "bool", "是", "是否跨区域", "across regions", "linkage", words=YES),
        column("跨层级", "cross_level", "bool", "否", "是否跨层级", "across levels", "linkage", words=YES),
        column("联动方向", "direction", "text", "左右", "左右、上下或内外", "with whom it is linked", "linkage", words=("左右", "上下", "内外")),
        column("申请联动", "linkage_raised_at", "time", "2026-03-11 09:00", "申请三级联动", "linkage was asked for", "linkage"),
        column("牵头受理", "linkage_accepted_at", "time", "2026-03-12 09:00", "市级中心受理", "the centre took the lead", "linkage"),
        column("联动办结", "linkage_closed_at", "time", "2026-03-20 16:00", "联动办结", "settled", "linkage"),
        column("需市领导", "needs_leader", "bool", "是", "是否需要专报市领导", "whether it takes a report to the city's leader", "linkage", words=YES),
        column("专报时间", "special_report_at", "time", "2026-03-16 10:00", "专报", "the special report", "linkage"),
        *moves("issue-open、coordination、linkage", "issue-open", ("2026-03-16 09:00", "2026-03-18 09:00", "勘测"), ("5wd", "2026-03-19 10:00", "2026-03-19 15:00")),
    ], []),
    Ledger("submissions", "submission", "信息报送", "monthly and quarterly submissions", "1h", "期末时间", [
        number("X2026-02-东", "一个单位的一期一行", "one row for each unit and period"),
        column("报送材料", "title", "text", "示例东区二月帮办月报", "材料名称", "what is submitted", "", True),
        column("报送类型", "type", "text", "月报", "决定报送时限", "gives the limit", "submission-late", True, ("月报", "季报")),
        column("所属期", "period", "text", "2026-02", "月份或季度", "month or quarter", ""),
        *place("报送单位", "示例东区政务服务局", "责任人", "H091", region_rules="submission-late"),
        column("期末时间", "period_end_at", "time", "2026-02-28 23:59", "该期最后一刻；时限由此起算", "the period's last minute; the limit counts from here", "submission-late", True),
        column("报送时间", "submitted_at", "time", "2026-03-04 10:00", "报送", "submitted", "submission-late"),
    ], []),
    Ledger("inspections", "inspection", "涉企检查", "inspections of enterprises", "30m", "检查时间", [
        number("C20260001", "检查编号，不得重复", "the inspection's number, one for each"),
        column("检查名称", "title", "text", "示例年度税务检查", "检查名称", "what was inspected", "", True),
        column("企业编号", "enterprise_id", "text", "E0001", "一企一档的编号", "the enterprise's id"),
        column("检查类型", "type", "text", "税务", "安全、环保检查不须报备", "safety and environment need no filing", "inspection-unfiled", True, ("安全", "环保", "消防", "市场", "税务", "其他")),
        *place("检查单位", "示例东区市场局", "责任人", "H121"),
        column("检查时间", "inspected_at", "time", "2026-03-10 09:30", "何时检查", "when it was", "inspection-unfiled", True),
        column("报备时间", "filed_at", "time", "2026-03-09 10:00", "事先报备", "filed beforehand", "inspection-unfiled"),
    ], []),
]

TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y年%m月%d日 %H:%M")
MISSING = ("", "/", "无")
TYPES_OF_KINDS = {"integer": "integer", "number": "number", "bool": "bool"}


def mapping(ledger, reads):
    """The section of a source, `reads` being the lines that say where its rows stand."""
    quoted = lambda words: "[" + ", ".join(f'"{word}"' for word in words) + "]"
    head = [f"[source.{ledger.name}]", f'every = "{ledger.every}"', f'kind = "{ledger.kind}"', 'id = "编号"', 'timezone = "Asia/Shanghai"',
            f"time_formats = {quoted(TIME_FORMATS)}", f"missing = {quoted(MISSING)}", *reads, f"[source.{ledger.name}.fields]"]
    fields, pauses, extensions = [], [], []
    for column in ledger.columns[1:]:
        place, _, key = column.field.rpartition(".")
        if place == "pauses":
            pauses.append(f'{key} = {{ column = "{column.header}" }}' if key == "kind" else f'{key} = "{column.header}"')
        elif place == "extensions":
            extensions.append(f'{key} = "{column.header}"')
        elif column.values:
            values = ", ".join(f'"{zh}" = "{word}"' for zh, word in column.values.items())
            fields.append(f'{key} = {{ column = "{column.header}", values = {{ {values} }} }}')
        elif column.kind in TYPES_OF_KINDS:
            fields.append(f'{key} = {{ column = "{column.header}", type = "{TYPES_OF_KINDS[column.kind]}" }}')
        else:
            fields.append(f'{key} = "{column.header}"')
    lines = head + fields
    for name, keys in (("pauses", pauses), ("extensions", extensions)):
        if keys:
            lines += [f"[source.{ledger.name}.{name}]", *keys]
    for attach in ledger.attach:
        lines += [f"[source.{ledger.name}.attach.{attach.field}]", f'source = "{attach.source}"', f'key = "{attach.key}"', *(["one = true"] if attach.one else []), *(["optional = true"] if attach.optional else [])]
    return "\n".join(lines) + "\n"
