//! The languages that duban speaks to people. Programs get English identifiers in both.

use serde::{Deserialize, Serialize};

/// A language for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Language {
    /// 简体中文.
    #[default]
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// The tag, as configuration and commands write it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// What a tag or a locale such as `zh_CN.UTF-8` asks for. The locales that name no language (`C`, `POSIX`, an empty
    /// one) ask for nothing; any other language is better served by English.
    pub fn of_locale(locale: &str) -> Option<Self> {
        let word = locale.split(['_', '-', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "" | "c" | "posix" => None,
            "zh" => Some(Self::Chinese),
            _ => Some(Self::English),
        }
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_that_names_no_language_asks_for_nothing() {
        for (locale, expected) in [
            ("zh_CN.UTF-8", Some(Language::Chinese)),
            ("zh-CN", Some(Language::Chinese)),
            ("ZH", Some(Language::Chinese)),
            ("en_US.UTF-8", Some(Language::English)),
            ("en", Some(Language::English)),
            ("de_DE@euro", Some(Language::English)),
            ("C.UTF-8", None),
            ("C", None),
            ("POSIX", None),
            ("", None),
        ] {
            assert_eq!(Language::of_locale(locale), expected, "{locale:?}");
        }
    }
}
