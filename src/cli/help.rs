//! Help and usage errors in the caller's language. The grammar itself carries the English help as its doc comments.

use std::fmt::Write as _;
use std::io::Write;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::Caller;
use super::exit::{Exit, Failure};
use crate::tell::language::Language;

/// The Chinese help by place: the subcommands' names, then the argument's.
const CHINESE: &[(&str, &str)] = &[
    ("", "督办：盯住其他系统的期限，亮黄牌、红牌，并能证明该知道的人都已知道"),
    (" lang", "输出语言；未给出时依次看 DUBAN_LANG、LANG，都没有则为 zh-CN"),
    (" config", "配置文件；未给出时依次看 DUBAN_CONFIG、/etc/duban/duban.toml"),
    (" help", "显示帮助"),
    (" version", "显示版本"),
    ("due", "计算时限何时到期"),
    ("due from", "起点，如 2026-03-02T10:00；不带时区的按日历所在时区"),
    ("due limit", "时限，如 10wd、4.5wh、15d@work"),
    ("due calendar", "日历的名称或路径"),
    ("due pause", "停表的起止；止点留空表示尚未结束；可多次给出"),
    ("due explain", "逐日说明到期时间的由来"),
    ("due format", "输出格式"),
    ("due batch", "对 CSV 文件逐行计算（- 为标准输入）；列：from,limit,pauses"),
    ("elapsed", "计算两个时刻之间的工作时间"),
    ("elapsed from", "起点，如 2026-03-02T10:00；不带时区的按日历所在时区"),
    ("elapsed to", "止点"),
    ("elapsed calendar", "日历的名称或路径"),
    ("elapsed pause", "停表的起止；止点留空表示尚未结束；可多次给出"),
    ("elapsed format", "输出格式"),
    ("elapsed batch", "对 CSV 文件逐行计算（- 为标准输入）；列：from,to,pauses"),
    ("calendar", "查看、检查、扩充日历"),
    ("calendar show", "一年一览"),
    ("calendar show year", "年份"),
    ("calendar show calendar", "日历的名称或路径"),
    ("calendar show format", "输出格式"),
    ("calendar check", "检查日历，一次列出全部问题"),
    ("calendar check file", "日历的名称或路径；不给出则检查内置的 cn"),
    ("calendar import", "并入一份放假安排：先列出差异，再给出合并后的清单"),
    ("calendar import file", "CSV（date,kind,name）或 JSON（{year, days: [{name, date, isOffDay}]}）"),
    ("calendar import into", "并入这份清单并写回；不给出则并入日历的清单并输出"),
    ("calendar import calendar", "日历的名称或路径"),
    ("run", "运行督办服务"),
    ("run log_format", "日志格式"),
    ("demo", "演示：一座虚构城市的督办"),
    ("demo port", "网页的端口"),
    ("demo folder", "演示用的文件夹"),
    ("demo fast", "时间走得快六十倍"),
    ("demo seconds", "这么多秒后自行结束"),
    ("check", "运行之前查出一切可能出错之处"),
    ("check online", "同时把每个数据源读取一次"),
    ("check format", "输出格式"),
    ("test", "运行规则测试"),
    ("test path", "测试文件或文件夹；不给出则读 ./rules"),
    ("test format", "输出格式"),
    ("evaluate", "读取一次数据，研判并输出；什么也不写入"),
    ("evaluate at", "截至哪个时刻；不给出则为现在"),
    ("evaluate source", "只看这个数据源"),
    ("evaluate format", "输出格式"),
    ("explain", "说明缘由：办件的时限与红黄牌，或一份通知"),
    ("explain item", "办件：SOURCE/ID，编号唯一时可只写编号"),
    ("explain at", "截至哪个时刻；不给出则为现在"),
    ("explain delivery", "通知的编号（开头几位即可）"),
    ("explain format", "输出格式"),
    ("routes", "查看会告知谁"),
    ("routes test", "办件的牌会告知谁、经哪个通道、何时，其他人为何不告知"),
    ("routes test item", "办件：SOURCE/ID，编号唯一时可只写编号"),
    ("routes test level", "假设亮这种牌；不给出则看已亮和将亮的牌"),
    ("routes test at", "截至哪个时刻；不给出则为现在"),
    ("routes test format", "输出格式"),
    ("rules", "规则：列出、查看所需、启用停用、新建、版本"),
    ("rules list", "列出规则：是否启用、字段是否齐全"),
    ("rules list format", "输出格式"),
    ("rules show", "查看一条规则：依据、窗口、读取的字段、全文"),
    ("rules show name", "规则"),
    ("rules show format", "输出格式"),
    ("rules enable", "查看规则需要什么、现在会亮哪些牌；加 --yes 则自下次重新加载起启用"),
    ("rules enable names", "规则"),
    ("rules enable yes", "确认写入，不再询问"),
    ("rules enable dry_run", "仅查看"),
    ("rules enable at", "截至此时刻的红黄牌；不给出则为现在"),
    ("rules enable by", "谁更改；不给出则为运行命令的用户"),
    ("rules disable", "停用规则"),
    ("rules disable names", "规则"),
    ("rules disable yes", "确认写入，不再询问"),
    ("rules disable dry_run", "仅查看"),
    ("rules disable by", "谁更改；不给出则为运行命令的用户"),
    ("rules new", "按模板新建规则，并附一份能通过的用例"),
    ("rules new name", "名称：文件名，不含 .rhai"),
    ("rules new kind", "适用的办件种类"),
    ("rules log", "列出生效过的规则版本：何时、由谁"),
    ("rules log name", "只列此规则"),
    ("rules log format", "输出格式"),
    ("rules diff", "对照规则文件与生效过的版本，或两个版本"),
    ("rules diff name", "规则"),
    ("rules diff from", "较早的版本（开头几位）；不给出则为最近生效的"),
    ("rules diff to", "较晚的版本；不给出则为文件"),
    ("rules rollback", "用较早版本的文字替换规则文件"),
    ("rules rollback name", "规则"),
    ("rules rollback to", "版本（开头几位）"),
    ("rules rollback yes", "确认写入，不再询问"),
    ("rules rollback by", "谁更改；不给出则为运行命令的用户"),
    ("orders", "督办单：无人处理的牌如何督办到底"),
    ("orders list", "列出督办单，旧的在前"),
    ("orders list all", "连同已结束的，新的在前"),
    ("orders list state", "只列此状态的"),
    ("orders list unit", "只列此单位承办的，或其办件属于此单位的"),
    ("orders list limit", "至多多少张"),
    ("orders list format", "输出格式"),
    ("orders show", "一张督办单：承办单位、时限、经过、告知了谁"),
    ("orders show order", "督办单"),
    ("orders show format", "输出格式"),
    ("orders classify", "归类：办理、催办、并案或不予派发"),
    ("orders classify order", "督办单"),
    ("orders classify classification", "如何处置"),
    ("orders classify reason", "理由"),
    ("orders classify cause", "原因分类（本单位的用语）：据此找到专员"),
    ("orders classify into", "并入哪一张"),
    ("orders classify by", "谁记录"),
    ("orders classify contact", "代哪位联系人"),
    ("orders dispatch", "派发给主办单位和协办单位"),
    ("orders dispatch order", "督办单"),
    ("orders dispatch lead", "主办单位：单位、单位:类别或单位:类别:联系人；不给出则为办件的责任单位"),
    ("orders dispatch assist", "协办单位"),
    ("orders dispatch by", "谁记录"),
    ("orders dispatch contact", "代哪位联系人"),
    ("orders sign", "承办单位签收"),
    ("orders sign order", "督办单"),
    ("orders sign unit", "承办单位；不给出则为联系人所在单位，或主办单位"),
    ("orders sign by", "谁记录"),
    ("orders sign contact", "代哪位联系人"),
    ("orders feedback", "承办单位反馈"),
    ("orders feedback order", "督办单"),
    ("orders feedback text", "办理情况"),
    ("orders feedback unit", "承办单位；不给出则为联系人所在单位，或主办单位"),
    ("orders feedback by", "谁记录"),
    ("orders feedback contact", "代哪位联系人"),
    ("orders return", "退回反馈：不够充分"),
    ("orders return order", "督办单"),
    ("orders return reason", "理由"),
    ("orders return by", "谁记录"),
    ("orders return contact", "代哪位联系人"),
    ("orders verify", "核验反馈属实"),
    ("orders verify order", "督办单"),
    ("orders verify text", "如何核验"),
    ("orders verify by", "谁记录"),
    ("orders verify contact", "代哪位联系人"),
    ("orders close", "办结"),
    ("orders close order", "督办单"),
    ("orders close result", "结果"),
    ("orders close by", "谁记录"),
    ("orders close contact", "代哪位联系人"),
    ("orders transfer", "转办给另一主办单位"),
    ("orders transfer order", "督办单"),
    ("orders transfer lead", "新的主办单位：单位、单位:类别或单位:类别:联系人"),
    ("orders transfer reason", "理由"),
    ("orders transfer by", "谁记录"),
    ("orders transfer contact", "代哪位联系人"),
    ("orders decline", "主办单位退单：不属其职责"),
    ("orders decline order", "督办单"),
    ("orders decline reason", "理由"),
    ("orders decline by", "谁记录"),
    ("orders decline contact", "代哪位联系人"),
    ("orders extend", "延期"),
    ("orders extend order", "督办单"),
    ("orders extend amount", "延长多少，如 2wd"),
    ("orders extend basis", "依据"),
    ("orders extend asked", "何时申请；不给出则为现在"),
    ("orders extend by", "谁记录"),
    ("orders extend contact", "代哪位联系人"),
    ("orders withdraw", "撤回：缘由已不存在"),
    ("orders withdraw order", "督办单"),
    ("orders withdraw reason", "理由"),
    ("orders withdraw by", "谁记录"),
    ("orders withdraw contact", "代哪位联系人"),
    ("orders link", "跨区域、跨层级联动：申请、牵头、签批、专报"),
    ("orders link order", "督办单"),
    ("orders link apply", "区县申请"),
    ("orders link apply cross", "跨什么"),
    ("orders link apply reason", "理由"),
    ("orders link apply by", "谁记录"),
    ("orders link apply contact", "代哪位联系人"),
    ("orders link lead", "市中心牵头"),
    ("orders link lead by", "谁记录"),
    ("orders link lead contact", "代哪位联系人"),
    ("orders link sign", "区县分管领导已签批，可以上报"),
    ("orders link sign leader", "哪位领导"),
    ("orders link sign by", "谁记录"),
    ("orders link sign contact", "代哪位联系人"),
    ("orders link report", "区县政府已以专报报市领导"),
    ("orders link report document", "专报文号"),
    ("orders link report by", "谁记录"),
    ("orders link report contact", "代哪位联系人"),
    ("silence", "对某些牌静默一段时间"),
    ("silence add", "设立静默；先列出涉及多少已亮的牌、哪些人"),
    ("silence add about", "哪些牌，如 unit=住建局、rule=21*；各键都要符合，同一键的几个模式符合其一即可"),
    ("silence add lasting", "多久，如 2h、1wd；至多 30 天"),
    ("silence add until", "止于何时"),
    ("silence add from", "始于何时；不给出则从现在起"),
    ("silence add by", "谁要求静默"),
    ("silence add comment", "缘由"),
    ("silence add format", "输出格式"),
    ("silence list", "列出静默，旧的在前"),
    ("silence list all", "连同已解除的"),
    ("silence list format", "输出格式"),
    ("silence expire", "提前结束一个静默；扣下的消息重新安排"),
    ("silence expire id", "静默的编号（开头几位即可）"),
    ("silence expire by", "谁结束它"),
    ("remark", "补录只在纸面上的事实：停表、延期、时间、免责、误亮的牌"),
    ("remark add", "补录来源系统没有记载的事实；先列出哪些日期变动、哪些牌升降"),
    ("remark add item", "办件：SOURCE/ID，编号唯一时可只写编号"),
    ("remark add pause", "停表"),
    ("remark add pause from", "何时停表"),
    ("remark add pause to", "何时恢复"),
    ("remark add pause open", "尚未恢复"),
    ("remark add pause kind", "停表的种类，如 专家评审"),
    ("remark add pause basis", "依据"),
    ("remark add pause document", "文号"),
    ("remark add pause approver", "书面批准人"),
    ("remark add pause by", "谁补录"),
    ("remark add pause appeal", "这是申诉：他人准予后才计入"),
    ("remark add pause dry_run", "仅预览会有何变动，不写入"),
    ("remark add pause format", "输出格式"),
    ("remark add extension", "延期"),
    ("remark add extension amount", "延长多少，如 5wd；与时限的单位同类"),
    ("remark add extension asked", "何时申请；到期后才申请的不计"),
    ("remark add extension approved", "何时批准；自此计入"),
    ("remark add extension basis", "依据"),
    ("remark add extension document", "文号"),
    ("remark add extension approver", "书面批准人"),
    ("remark add extension by", "谁补录"),
    ("remark add extension appeal", "这是申诉：他人准予后才计入"),
    ("remark add extension dry_run", "仅预览会有何变动，不写入"),
    ("remark add extension format", "输出格式"),
    ("remark add time", "来源系统没有记载的时间"),
    ("remark add time field", "哪个字段，如 solved_at"),
    ("remark add time at", "何时"),
    ("remark add time basis", "依据"),
    ("remark add time document", "文号"),
    ("remark add time approver", "书面批准人"),
    ("remark add time by", "谁补录"),
    ("remark add time appeal", "这是申诉：他人准予后才计入"),
    ("remark add time dry_run", "仅预览会有何变动，不写入"),
    ("remark add time format", "输出格式"),
    ("remark add exemption", "免责：销牌，按按时计"),
    ("remark add exemption rule", "规则"),
    ("remark add exemption window", "窗口或研判"),
    ("remark add exemption basis", "依据"),
    ("remark add exemption document", "文号"),
    ("remark add exemption approver", "书面批准人"),
    ("remark add exemption by", "谁补录"),
    ("remark add exemption appeal", "这是申诉：他人准予后才计入"),
    ("remark add exemption dry_run", "仅预览会有何变动，不写入"),
    ("remark add exemption format", "输出格式"),
    ("remark add wrong-card", "牌有误：撤牌"),
    ("remark add wrong-card card", "牌的编号（开头几位即可）"),
    ("remark add wrong-card rule", "规则"),
    ("remark add wrong-card window", "窗口或研判"),
    ("remark add wrong-card basis", "依据"),
    ("remark add wrong-card document", "文号"),
    ("remark add wrong-card approver", "书面批准人"),
    ("remark add wrong-card by", "谁补录"),
    ("remark add wrong-card appeal", "这是申诉：他人准予后才计入"),
    ("remark add wrong-card dry_run", "仅预览会有何变动，不写入"),
    ("remark add wrong-card format", "输出格式"),
    ("remark list", "列出补录，新的在前"),
    ("remark list item", "办件：SOURCE/ID，编号唯一时可只写编号；不给出则列出全部"),
    ("remark list all", "连同未获准、已撤销的"),
    ("remark list format", "输出格式"),
    ("remark revoke", "撤销一条补录：一切恢复为没有它的样子"),
    ("remark revoke item", "办件：SOURCE/ID，编号唯一时可只写编号"),
    ("remark revoke remark", "补录的编号（开头几位即可）"),
    ("remark revoke by", "谁"),
    ("remark revoke why", "缘由"),
    ("remark revoke dry_run", "仅预览会有何变动，不写入"),
    ("remark revoke format", "输出格式"),
    ("remark decide", "裁定一条待定的补录：申诉，或须第二人批准的"),
    ("remark decide remark", "补录的编号（开头几位即可）"),
    ("remark decide grant", "准予：自此计入"),
    ("remark decide reject", "不予：不计入"),
    ("remark decide by", "谁"),
    ("remark decide why", "缘由"),
    ("remark decide dry_run", "仅预览会有何变动，不写入"),
    ("remark decide format", "输出格式"),
    ("ack", "签收一张牌：有人接手了"),
    ("ack card", "牌：编号开头（至少 6 位），或 SOURCE/ITEM，必要时再加 /规则 或 /窗口"),
    ("ack contact", "接手的联系人；不给出则为记录人自己"),
    ("ack via", "以何种方式告知"),
    ("ack by", "谁记录"),
    ("source", "数据源：列出、查看数据、推测映射、接受存疑的数据"),
    ("source list", "列出数据源及其状况"),
    ("source list format", "输出格式"),
    ("source preview", "读取一次数据源，对照显示前几行的原样与映射结果；什么也不存"),
    ("source preview name", "数据源"),
    ("source preview rows", "显示几行"),
    ("source preview format", "输出格式"),
    ("source guess", "按表头和数据推测映射：一个文件，或已配置的数据源"),
    ("source guess what", "文件（CSV、XLSX、XLS、ODS、SQLite），或已配置的数据源的名称"),
    ("source guess table", "数据库的表，代替数据源自己的查询"),
    ("source guess sheet", "表格的工作表，名称或序号；不给出则为第一张"),
    ("source guess header_row", "表头的首行，按表格的行号；不给出则自动寻找"),
    ("source guess name", "数据源的名称；不给出则取自文件名"),
    ("source accept", "确认数据源的数据虽存疑但属实：下一次相当的读取即可信"),
    ("source accept name", "数据源"),
    ("source accept yes", "确认接受，不再询问"),
    ("source accept by", "谁确认；不给出则为运行命令的用户"),
    ("ctl", "查看整体状况，结束试运行，确认时钟"),
    ("ctl go-live", "结束试运行：先列出已亮的牌、每人每周将收到多少；加 --yes 才更改"),
    ("ctl go-live yes", "确认更改配置"),
    ("ctl go-live by", "谁更改；不给出则为运行命令的用户"),
    ("ctl clock", "时钟有疑问时，暂停发送的处理"),
    ("ctl clock confirm", "确认时钟无误：恢复发送"),
    ("ctl clock confirm by", "谁确认；不给出则为运行命令的用户"),
    ("ctl status", "查看整体状况：办件、消息、数据源"),
    ("ctl status format", "输出格式"),
    ("contacts", "检查、导入、导出联系人名单；登记不在岗"),
    ("contacts check", "查出名单中的错误和可疑之处；有错误时退出码为 1"),
    ("contacts check file", "准备替换联系人名单的文件；不给出则检查现有名单"),
    ("contacts check format", "输出格式"),
    ("contacts import", "用一份名单（CSV、XLSX）替换联系人；先列出变化"),
    ("contacts import file", "名单"),
    ("contacts import dry_run", "只列出变化，不写入"),
    ("contacts import format", "输出格式"),
    ("contacts export", "输出联系人：CSV 经电子表格打开、保存后仍可读回，或 JSON"),
    ("contacts export absences", "输出不在岗登记"),
    ("contacts export format", "输出格式"),
    ("contacts away", "登记、列出、结束不在岗"),
    ("contacts away contact", "联系人：编号，或唯一的姓名"),
    ("contacts away from", "不在岗的第一天"),
    ("contacts away until", "不在岗的最后一天"),
    ("contacts away deputy", "由谁代理；不给出则为 contacts.csv 中的代理人"),
    ("contacts away reason", "事由"),
    ("contacts away by", "谁登记"),
    ("contacts away back", "回岗的第一天：从这一天起的登记被取消"),
    ("contacts away list", "列出现在和今后不在岗的人"),
    ("contacts away format", "列表的输出格式"),
    ("deliveries", "查看、重发、取消、放行通知"),
    ("deliveries list", "列出通知，新的在前"),
    ("deliveries list state", "只列这种状态"),
    ("deliveries list contact", "只列给这位联系人的"),
    ("deliveries list limit", "至多列出这么多"),
    ("deliveries list format", "输出格式"),
    ("deliveries show", "一份通知的全部内容"),
    ("deliveries show id", "通知的编号（开头几位即可）"),
    ("deliveries show format", "输出格式"),
    ("deliveries retry", "重发一份未能送达的通知，编号不变"),
    ("deliveries retry id", "通知的编号（开头几位即可）"),
    ("deliveries retry by", "谁重发；不给出则为运行命令的用户"),
    ("deliveries cancel", "取消一份尚未发出的通知"),
    ("deliveries cancel id", "通知的编号（开头几位即可）"),
    ("deliveries cancel by", "谁取消；不给出则为运行命令的用户"),
    ("deliveries release", "放行首次读取时扣下的通知；先列出每人将收到几份"),
    ("deliveries release to", "只放行给这位联系人的"),
    ("deliveries release yes", "确认放行"),
    ("deliveries release by", "谁放行；不给出则为运行命令的用户"),
    ("deliveries addresses", "列出被对方拒收的地址"),
    ("deliveries addresses forgive", "不再记住此地址曾被拒收：联系人/通道"),
    ("deliveries addresses by", "谁作此处理；不给出则为运行命令的用户"),
    ("deliveries addresses format", "输出格式"),
    ("send-test", "给一位联系人发一份测试通知"),
    ("send-test receiver", "联系人的 id，或一个地址"),
    ("send-test channel", "通道；不给出则用第一个能到达的"),
    ("send-test trace", "打印与对方服务器的对话"),
    ("audit", "审计：何人何时做了何事、缘由为何，记录有无被改动"),
    ("audit verify", "逐条核对全部审计记录，并输出末条的 序号:校验值"),
    ("audit verify head", "此前输出并留存的 序号:校验值，核对记录仍含该条"),
    ("audit list", "列出何人做了何事，新的在后"),
    ("audit list since", "只列此时起所做的"),
    ("audit list until", "只列此时前所做的"),
    ("audit list by", "只列此人所做的"),
    ("audit list what", "只列这类事，如 silence.add、delivery.*"),
    ("audit list subject", "只列对象含此文字的"),
    ("audit list limit", "至多列出这么多，取最新的"),
    ("audit list format", "输出格式"),
    ("audit export", "把全部记录逐行输出为 JSON，审计人员可用其他工具核对"),
    ("audit export after", "只输出此序号之后的"),
    ("backup", "备份库，运行中也可以"),
    ("backup file", "备份到哪里：新文件或文件夹；不给出则放在库旁边，以时间命名"),
    ("backup format", "输出格式"),
    ("restore", "用备份替换库，原来的库保留"),
    ("restore file", "备份文件，本身不会改动"),
    ("restore by", "谁恢复；不给出则为运行命令的用户"),
    ("restore format", "输出格式"),
    ("migrate", "升级库结构，或把整个库搬到另一个库"),
    ("migrate from", "来源：sqlite:路径 或 postgres://…；只写 sqlite: 或 postgres: 指配置里的库"),
    ("migrate to", "目标，写法相同，必须是空库"),
    ("migrate by", "谁搬迁；不给出则为运行命令的用户"),
    ("migrate format", "输出格式"),
    ("completions", "输出命令行补全脚本"),
    ("completions shell", "命令解释器"),
];

fn chinese(place: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(known, _)| *known == place).map(|(_, text)| *text)
}

/// The grammar with its help in a language.
pub fn grammar(command: Command, language: Language) -> Command {
    match language {
        Language::English => command,
        Language::Chinese => translate(command, ""),
    }
}

fn translate(command: Command, place: &str) -> Command {
    let arguments: Vec<String> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
    let children: Vec<String> = command.get_subcommands().map(|child| child.get_name().to_owned()).collect();
    let mut command = command
        .about(chinese(place).unwrap_or_default())
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .help_template("{about-with-newline}\n用法：{usage}\n\n{all-args}");
    for id in arguments {
        let text = chinese(&format!("{place} {id}")).unwrap_or_default();
        command = command.mut_arg(id, |argument| translate_argument(argument, text));
    }
    for child in children {
        let inner = format!("{place} {child}").trim().to_owned();
        command = command.mut_subcommand(child, |child| translate(child, &inner));
    }
    command
}

fn translate_argument(argument: Arg, text: &str) -> Arg {
    let heading = if argument.is_positional() { "参数" } else { "选项" };
    let argument = argument.help_heading(heading);
    if !argument.get_action().takes_values() {
        return argument.help(text.to_owned());
    }
    let values = argument.get_possible_values();
    let values: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    let mut notes = if values.is_empty() { Vec::new() } else { vec![format!("可选：{}", values.join("、"))] };
    let defaults = argument.get_default_values().iter().filter_map(|value| value.to_str());
    notes.extend(defaults.map(|default| format!("默认：{default}")));
    let notes = if notes.is_empty() { String::new() } else { format!("〔{}〕", notes.join("；")) };
    argument.help(format!("{text}{notes}")).hide_possible_values(true).hide_default_value(true)
}

/// What clap stopped at: help and version are data; anything else is wrong usage.
pub fn explain(error: &clap::Error, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let rendered = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            if caller.has_colour {
                write!(out, "{}", rendered.ansi())?;
            } else {
                write!(out, "{rendered}")?;
            }
            Ok(Exit::Fine)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure::usage(rendered.to_string().trim_end())),
        _ => Err(Failure::usage(match caller.language {
            Language::English => rendered.to_string().trim_end().to_owned(),
            Language::Chinese => usage_error(error),
        })),
    }
}

fn usage_error(error: &clap::Error) -> String {
    let part = |kind| error.get(kind).map(text_of).unwrap_or_default();
    let argument = part(ContextKind::InvalidArg);
    let value = part(ContextKind::InvalidValue);
    let mut sentence = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("参数 {argument} 需要一个值"),
        ErrorKind::InvalidValue => {
            format!("参数 {argument} 的值 {value:?} 无效，可选：{}", part(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => format!("参数 {argument} 的值 {value:?} 无效"),
        ErrorKind::UnknownArgument => format!("没有参数 {argument}"),
        ErrorKind::InvalidSubcommand => format!("没有命令 {}", part(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => format!("缺少命令，可用：{}", part(ContextKind::ValidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{argument}"),
        ErrorKind::ArgumentConflict => match part(ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == argument => format!("参数 {argument} 只能给出一次"),
            prior => format!("参数 {argument} 不能与 {prior} 同时使用"),
        },
        ErrorKind::TooManyValues => format!("参数 {argument} 的值 {value:?} 多余"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("参数 {argument} 的值的个数不对"),
        ErrorKind::NoEquals => format!("参数 {argument} 的值须用等号给出"),
        ErrorKind::InvalidUtf8 => "参数不是有效的 UTF-8 文本".to_owned(),
        _ => error.to_string(),
    };
    let suggestions = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    // Writing into a text cannot fail.
    if let Some(suggestion) = suggestions.map(part).into_iter().find(|text| !text.is_empty()) {
        let _ = write!(sentence, "；是否指 {suggestion}？");
    }
    let usage = part(ContextKind::Usage).replacen("Usage: ", "", 1);
    if !usage.trim().is_empty() {
        let _ = write!(sentence, "\n\n用法：{}", usage.trim());
    }
    sentence.push_str("\n\n详见 --help");
    sentence
}

fn text_of(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(texts) => texts.join("、"),
        ContextValue::StyledStrs(texts) => texts.iter().map(ToString::to_string).collect::<Vec<_>>().join("、"),
        other => other.to_string(),
    }
}

/// The places without Chinese help, and the Chinese help without a place.
#[cfg(test)]
pub fn untranslated(command: &Command) -> (Vec<String>, Vec<&'static str>) {
    fn places(command: &Command, place: &str, all: &mut Vec<String>) {
        all.push(place.to_owned());
        all.extend(command.get_arguments().map(|argument| format!("{place} {}", argument.get_id())));
        for child in command.get_subcommands() {
            places(child, format!("{place} {}", child.get_name()).trim(), all);
        }
    }
    let mut all = Vec::new();
    places(command, "", &mut all);
    let stale = CHINESE.iter().map(|(place, _)| *place).filter(|place| !all.iter().any(|known| known == place));
    let stale = stale.collect();
    (all.into_iter().filter(|place| chinese(place).is_none()).collect(), stale)
}
