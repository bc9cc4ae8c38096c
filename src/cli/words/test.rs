//! What `duban test` says.

use super::{Chinese, English, Language};

/// A case that does what it should.
pub fn passed(language: Language) -> &'static str {
    language.pick("通过", "ok")
}

/// A case that does not.
pub fn failed(language: Language) -> &'static str {
    language.pick("未通过", "FAILED")
}

/// What was expected and not found.
pub fn expected(language: Language) -> &'static str {
    language.pick("应有", "expected")
}

/// What was found and not expected.
pub fn got(language: Language) -> &'static str {
    language.pick("实有", "got")
}

/// Where a case differs: `2026-03-04 09:00 cards（第 12 行）`.
pub fn place(language: Language, at: &str, list: &str, line: usize) -> String {
    match language {
        Chinese => format!("{at} {list}（第 {line} 行）"),
        English => format!("{at} {list} (line {line})"),
    }
}

/// The end of it all.
pub fn summary(language: Language, passed: usize, failed: usize, broken: usize) -> String {
    let mut text = match language {
        Chinese => format!("{passed} 个用例通过，{failed} 个未通过"),
        English => format!("{passed} passed, {failed} failed"),
    };
    if broken > 0 {
        let more = match (language, broken) {
            (Chinese, _) => format!("；{broken} 处无法运行"),
            (English, 1) => "; 1 problem kept cases from running".to_owned(),
            (English, _) => format!("; {broken} problems kept cases from running"),
        };
        text.push_str(&more);
    }
    text
}

/// A path that is not there, or below which there are no tests.
pub fn nothing(language: Language, path: &str) -> String {
    match language {
        Chinese => format!("{path}：没有规则测试（应为 *.toml 文件，或含有这类文件的文件夹）"),
        English => format!("{path}: no rule tests (expected *.toml files, or a folder that holds some)"),
    }
}
