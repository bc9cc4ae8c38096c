//! Which words may name a field: those that a rule can write as `item.word`.

/// Words that exist on every item and are not the mapping's to give, with the place where they are declared.
const ELSEWHERE: [(&str, &str); 6] = [
    ("source", "it is the source's name"),
    ("id", "declare it as `id = \"column\"`"),
    ("kind", "declare it as `kind = …`"),
    ("raw", "it holds the source's own columns"),
    ("pauses", "declare it as `pauses = …`"),
    ("extensions", "declare it as `extensions = …`"),
];

/// Fields whose type is always text.
pub(super) const TEXTS: [&str; 5] = ["title", "status", "unit", "owner", "region"];

/// Words that sound like a yes or no; `is_new` says the same.
const ADJECTIVES: [&str; 9] = ["new", "default", "private", "public", "static", "shared", "null", "nil", "void"];

/// The other words that the rule language keeps for itself.
const KEPT: [&str; 50] = [
    "as",
    "async",
    "await",
    "break",
    "call",
    "case",
    "catch",
    "const",
    "continue",
    "curry",
    "debug",
    "do",
    "else",
    "eval",
    "export",
    "false",
    "fn",
    "for",
    "go",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "let",
    "loop",
    "match",
    "module",
    "package",
    "print",
    "return",
    "spawn",
    "super",
    "switch",
    "sync",
    "this",
    "thread",
    "throw",
    "true",
    "try",
    "type_of",
    "until",
    "use",
    "var",
    "while",
    "with",
    "yield",
];

/// Why `name` cannot name a field, with a proposal where there is one.
pub(in crate::source) fn refusal(name: &str) -> Option<String> {
    if let Some((_, place)) = ELSEWHERE.iter().find(|(word, _)| *word == name) {
        return Some(format!("field `{name}` exists on every item: {place}"));
    }
    let proposal = if ADJECTIVES.contains(&name) {
        format!("is_{name}")
    } else if KEPT.contains(&name) {
        format!("the_{name}")
    } else {
        return (!is_word(name))
            .then(|| format!("expected a field name such as received_at (a-z, 0-9, _), got {name:?}"));
    };
    Some(format!("field `{name}`: rules keep this word for themselves; call it `{proposal}`"))
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_rule_cannot_write_is_refused_with_a_proposal() {
        for (name, says) in [
            ("new", "`is_new`"),
            ("case", "`the_case`"),
            ("if", "`the_if`"),
            ("id", "id = \"column\""),
            ("pauses", "pauses = …"),
            ("Title", "got \"Title\""),
            ("类别", "got \"类别\""),
            ("_x", "got \"_x\""),
            ("1st", "got \"1st\""),
            ("a-b", "got \"a-b\""),
            ("", "got \"\""),
        ] {
            let why = refusal(name).expect(name);
            assert!(why.contains(says), "{name}: {why}");
        }
        for name in ["type", "title", "received_at", "x2", "is_new", "calendar", "subject"] {
            assert_eq!(refusal(name), None);
        }
    }
}
