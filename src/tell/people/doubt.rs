//! **Doubt**: what can be doubtful about lists of people that read well, in the words of those who keep them.

use chrono::NaiveDate;

use crate::core::contact::Medium;
use crate::tell::language::Language::{self, Chinese, English};

/// Something doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// How much it weighs.
    pub weight: Weight,
    /// The file, and whom it is about.
    pub place: String,
    /// What it is.
    pub what: What,
}

/// How much a doubt weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is wrong.
    Problem,
    /// It is probably not meant like this: somebody will hear nothing.
    Warning,
    /// It does no harm, and may be a slip.
    Hint,
}

/// What is doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A deputy or secretary who is no contact.
    NoStandIn {
        /// The column.
        column: &'static str,
        /// Whom it names.
        id: String,
    },
    /// A deputy or secretary who is the contact.
    Oneself {
        /// The column.
        column: &'static str,
    },
    /// A deputy or secretary who is not in office.
    StandInLeft {
        /// The column.
        column: &'static str,
        /// Who.
        id: String,
        /// The last day in office; none if the first is yet to come.
        until: Option<NaiveDate>,
    },
    /// Deputies of each other.
    Circle {
        /// Who, in their order.
        ids: String,
    },
    /// One mobile of several persons.
    SameMobile {
        /// The number.
        number: String,
        /// Whose.
        ids: String,
    },
    /// One mail address of several persons.
    SameMail {
        /// The address.
        address: String,
        /// Whose.
        ids: String,
    },
    /// One name of several persons of one unit.
    SameName {
        /// The name.
        name: String,
        /// The unit.
        unit: String,
        /// Whose.
        ids: String,
    },
    /// A role that nobody holds for some units.
    NobodyFor {
        /// The role.
        role: String,
        /// The units.
        units: String,
    },
    /// A contact without an address.
    NoAddress {
        /// Of this channel.
        channel: String,
        /// Its medium.
        medium: Medium,
    },
    /// A contact whose number takes no short message.
    Landline {
        /// The channel.
        channel: String,
        /// The number.
        number: String,
    },
    /// A contact without an address of the channel that takes another's place.
    NoFallback {
        /// The channel.
        channel: String,
        /// What takes its place.
        fallback: String,
        /// Its medium.
        medium: Medium,
    },
    /// A role that nothing asks for.
    UnusedRole {
        /// The role.
        role: String,
    },
    /// An absence in which nobody reads what the contact is sent.
    Unread {
        /// The first such day.
        day: NaiveDate,
        /// The last day of the absence.
        until: NaiveDate,
        /// Who should stand in; empty if nobody should.
        deputy: String,
    },
    /// Two absences of a contact on the same days.
    Overlap {
        /// The first such day.
        from: NaiveDate,
        /// The last such day.
        until: NaiveDate,
    },
    /// Absences that ended long ago.
    LongOver {
        /// How many.
        count: usize,
    },
}

impl What {
    /// For people.
    pub fn words(&self, language: Language) -> String {
        match language {
            Chinese => self.chinese(),
            English => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::NoStandIn { column, id } => format!("{column}：联系人中没有 {id:?}"),
            Self::Oneself { column } => format!("{column}：写的是本人"),
            Self::StandInLeft { column, id, until: Some(until) } => format!("{column}：{id} 已于 {until} 离岗"),
            Self::StandInLeft { column, id, until: None } => format!("{column}：{id} 尚未到岗"),
            Self::Circle { ids } => format!("互为代理（{ids}）：同时不在时，将告知上一级"),
            Self::SameMobile { number, ids } => format!("手机号 {number} 有几个人在用（{ids}）：短信回复分不清是谁"),
            Self::SameMail { address, ids } => format!("邮箱 {address} 有几个人在用（{ids}）：同一件事会收到几封"),
            Self::SameName { name, unit, ids } => {
                format!(
                    "{} {name} 有几位（{ids}）：台账只写姓名时分不清是谁，请写编号或手机号",
                    named(unit, "未写单位的")
                )
            }
            Self::NobodyFor { role, units } => format!("这些单位没有在岗的 {role}：{units}"),
            Self::NoAddress { channel, medium } => format!("{} 为空，通道 {channel} 无法送达", column(*medium)),
            Self::Landline { channel, number } => format!("{number} 是座机，通道 {channel} 无法送达"),
            Self::NoFallback { channel, fallback, medium } => {
                format!("{} 为空，通道 {channel} 失败时，后备通道 {fallback} 也无法送达", column(*medium))
            }
            Self::UnusedRole { role } => format!("没有阶梯、路由或偏好用到角色 {role}"),
            Self::Unread { day, until, deputy } if deputy.is_empty() => {
                format!("{day} 至 {until} 不在，没有代理人：将告知上一级")
            }
            Self::Unread { day, deputy, .. } => format!("{day} 起，代理人 {deputy} 也不在：将告知上一级"),
            Self::Overlap { from, until } => format!("{from} 至 {until} 重复登记"),
            Self::LongOver { count } => format!("{count} 条不在岗记录已结束 90 天以上，可以删去"),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::NoStandIn { column, id } => format!("{column}: expected the id of a contact, got {id:?}"),
            Self::Oneself { column } => format!("{column}: expected somebody else, got the contact"),
            Self::StandInLeft { column, id, until: Some(until) } => {
                format!("{column}: {id} is not in office, the last day was {until}")
            }
            Self::StandInLeft { column, id, until: None } => format!("{column}: {id} is not in office yet"),
            Self::Circle { ids } => {
                format!("deputies of each other ({ids}): while all are away, the next one up is told")
            }
            Self::SameMobile { number, ids } => {
                format!("the mobile {number} is that of several ({ids}): a reply by short message could be anybody's")
            }
            Self::SameMail { address, ids } => {
                format!("the address {address} is that of several ({ids}): it gets the same thing several times")
            }
            Self::SameName { name, unit, ids } => format!(
                "several of {} are {name} ({ids}): a ledger that writes only the name means nobody; write ids or mobiles",
                named(unit, "no unit")
            ),
            Self::NobodyFor { role, units } => format!("no contact on duty holds the role {role} for {units}"),
            Self::NoAddress { channel, medium } => {
                format!("{} is empty, so the channel {channel} does not reach this contact", column(*medium))
            }
            Self::Landline { channel, number } => {
                format!("{number} is a landline, so the channel {channel} does not reach this contact")
            }
            Self::NoFallback { channel, fallback, medium } => format!(
                "{} is empty, so {fallback}, the fallback of {channel}, does not reach this contact",
                column(*medium)
            ),
            Self::UnusedRole { role } => format!("no ladder, route or preference names the role {role}"),
            Self::Unread { day, until, deputy } if deputy.is_empty() => {
                format!("away from {day} to {until} without a deputy: the next one up is told")
            }
            Self::Unread { day, deputy, .. } => {
                format!("from {day} the deputy {deputy} is not there either: the next one up is told")
            }
            Self::Overlap { from, until } => format!("stands twice from {from} to {until}"),
            Self::LongOver { count: 1 } => "1 absence ended more than 90 days ago and can be removed".to_owned(),
            Self::LongOver { count } => format!("{count} absences ended more than 90 days ago and can be removed"),
        }
    }
}

fn named<'t>(unit: &'t str, without: &'t str) -> &'t str {
    if unit.is_empty() { without } else { unit }
}

/// The column that holds the address of a medium.
pub const fn column(medium: Medium) -> &'static str {
    match medium {
        Medium::Mail => "email",
        Medium::Sms => "mobile",
        Medium::Im => "im",
    }
}
