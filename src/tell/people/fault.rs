//! **Fault**: what does not read in a list of people, in the words of those who keep it.

use std::fmt;

use chrono::NaiveDate;

use crate::tell::language::Language::{self, Chinese, English};

/// What is wrong at one place of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as people know it.
    pub file: String,
    /// The line, or the row of a spreadsheet.
    pub line: u64,
    /// The column, as the file's header writes it; none if it is about the whole line.
    pub column: Option<String>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There is no header with the columns that there must be.
    NoHeader {
        /// The columns that there must be.
        wanted: &'static str,
        /// The columns that are there.
        got: String,
    },
    /// A column that nobody knows.
    UnknownColumn {
        /// The columns that can be there.
        known: String,
    },
    /// Two columns mean the same.
    TwiceColumn {
        /// What they mean.
        name: &'static str,
    },
    /// More or fewer cells than the header has.
    Cells {
        /// As many as the header has.
        expected: usize,
        /// As many as there are.
        got: usize,
    },
    /// A cell begins with a quote that does not end.
    OpenQuote,
    /// A cell that must not be empty is.
    Empty,
    /// An id that another line has.
    TwiceId {
        /// The id.
        id: String,
        /// The other line.
        first: u64,
    },
    /// A spreadsheet shortened a number.
    DigitsLost {
        /// What it left.
        got: String,
    },
    /// A spreadsheet wrote what its column was too narrow for, or an error.
    NotWritten {
        /// What it wrote instead.
        got: String,
    },
    /// Characters that were lost when the file was saved.
    Garbled {
        /// What is left.
        got: String,
    },
    /// No telephone number.
    Phone {
        /// What it is.
        got: String,
    },
    /// Several telephone numbers.
    Phones {
        /// What they are.
        got: String,
    },
    /// No mail address.
    Email {
        /// What it is.
        got: String,
    },
    /// No date.
    Day {
        /// What it is.
        got: String,
    },
    /// The last day lies before the first.
    EndsBefore {
        /// The first day.
        from: NaiveDate,
        /// The last day.
        until: NaiveDate,
    },
    /// No way in which a secretary reads.
    SecretaryMode {
        /// What it is.
        got: String,
    },
    /// A way in which a secretary reads, and no secretary.
    NoSecretary,
    /// No contact.
    NoContact {
        /// Whom it names.
        got: String,
    },
    /// A name that several contacts have.
    SeveralContacts {
        /// The name.
        got: String,
        /// How many have it.
        count: usize,
    },
    /// Somebody stands in for oneself.
    Oneself {
        /// Who.
        got: String,
    },
    /// A table without a line.
    NoText,
}

impl Fault {
    /// Where it is: `contacts.csv:3`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// What was expected and what was got, with the column before it.
    pub fn words(&self, language: Language) -> String {
        let words = self.wrong.words(language);
        match (&self.column, language) {
            (None, _) => words,
            (Some(column), Chinese) => format!("{column}：{words}"),
            (Some(column), English) => format!("{column}: {words}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.words(English))
    }
}

impl Wrong {
    /// What was expected and what was got.
    pub fn words(&self, language: Language) -> String {
        match language {
            Chinese => self.chinese(),
            English => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::NoHeader { wanted, got } => format!("应有列 {wanted} 的表头，实为 {got}"),
            Self::UnknownColumn { known } => format!("没有这样的列，可用的列为 {known}；无关的列请删去"),
            Self::TwiceColumn { name } => format!("已有另一列表示 {name}，只能有一列"),
            Self::Cells { expected, got } => format!("应有 {expected} 格，实为 {got} 格；含逗号的内容要加引号"),
            Self::OpenQuote => "这里的双引号没有结束".to_owned(),
            Self::Empty => "不能为空".to_owned(),
            Self::TwiceId { id, first } => format!("编号 {id:?} 与第 {first} 行重复"),
            Self::DigitsLost { got } => {
                format!("应为完整的数字，实为 {got:?}：位数已丢失，请把该列的格式设为“文本”后重新填写")
            }
            Self::NotWritten { got } => {
                format!("应有内容，实为 {got:?}：电子表格没有写出该格，请加宽该列或改正公式后重新保存")
            }
            Self::Garbled { got } => format!("保存时丢失了字符，实为 {got:?}：请另存为“CSV UTF-8”"),
            Self::Phone { got } => format!("应为 11 位手机号，或带区号的座机（如 0511-88880001），实为 {got:?}"),
            Self::Phones { got } => format!("应为一个号码，实为多个：{got:?}"),
            Self::Email { got } => format!("应为邮箱（如 name@example.gov.cn），实为 {got:?}"),
            Self::Day { got } => format!("应为日期（如 2026-01-31），实为 {got:?}"),
            Self::EndsBefore { from, until } => format!("应不早于 {from}，实为 {until}"),
            Self::SecretaryMode { got } => format!("应为 instead（代收）或 copy（抄送），实为 {got:?}"),
            Self::NoSecretary => "写了方式，但没有写秘书".to_owned(),
            Self::NoContact { got } => format!("应为联系人的编号，实为 {got:?}"),
            Self::SeveralContacts { got, count } => format!("应为联系人的编号：有 {count} 位叫 {got:?}"),
            Self::Oneself { got } => format!("应为他人，实为本人 {got:?}"),
            Self::NoText => "应有表头和至少一行，实为空文件".to_owned(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::NoHeader { wanted, got } => format!("expected a header with the columns {wanted}, got {got}"),
            Self::UnknownColumn { known } => {
                format!("expected one of the columns {known}; remove what does not belong here")
            }
            Self::TwiceColumn { name } => format!("expected one column for {name}, got another"),
            Self::Cells { expected, got } => {
                format!("expected {expected} cells, got {got}; what holds a comma must stand in quotes")
            }
            Self::OpenQuote => "expected the end of what begins with a quote here".to_owned(),
            Self::Empty => "expected something, got an empty cell".to_owned(),
            Self::TwiceId { id, first } => format!("the id {id:?} stands twice, also in line {first}"),
            Self::DigitsLost { got } => format!(
                "expected all digits, got {got:?}: the spreadsheet dropped some; format the column as text and type the \
                 number again"
            ),
            Self::NotWritten { got } => format!(
                "expected a value, got {got:?}: the spreadsheet did not write the cell; widen the column or mend the \
                 formula, and save again"
            ),
            Self::Garbled { got } => {
                format!("expected text, got {got:?}: characters were lost when it was saved; save as CSV UTF-8")
            }
            Self::Phone { got } => format!(
                "expected a mobile of 11 digits, or a landline with its area code such as 0511-88880001, got {got:?}"
            ),
            Self::Phones { got } => format!("expected one number, got several: {got:?}"),
            Self::Email { got } => format!("expected an address such as name@example.gov.cn, got {got:?}"),
            Self::Day { got } => format!("expected a date such as 2026-01-31, got {got:?}"),
            Self::EndsBefore { from, until } => format!("expected {from} or later, got {until}"),
            Self::SecretaryMode { got } => format!("expected instead or copy, got {got:?}"),
            Self::NoSecretary => "expected a secretary too, got only how the secretary reads".to_owned(),
            Self::NoContact { got } => format!("expected the id of a contact, got {got:?}"),
            Self::SeveralContacts { got, count } => {
                format!("expected the id of a contact: {count} have the name {got:?}")
            }
            Self::Oneself { got } => format!("expected somebody else, got {got:?}"),
            Self::NoText => "expected a header and a line, got an empty file".to_owned(),
        }
    }
}
