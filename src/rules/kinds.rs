//! The kinds of items that a rule can apply to, read from its text.
//!
//! Most of a large office's items are of kinds that a given rule has nothing to do with; a rule that says so first, as
//! the shipped ones do, is not run for them.
//!
//! **Invariant:** for an item of another kind, running `applies` would say false.

use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};

use super::shape;

/// The kinds that `applies` asks for first: `item.kind == "ticket" && …`, or `item.kind in ["a", "b"]`, or each of them
/// in the branches of an `||`; `None` if it says nothing of the kind.
pub(super) fn of(ast: &AST) -> Option<Vec<String>> {
    let functions = shape::functions(ast);
    let applies = functions.get("applies")?;
    let [item] = &applies.params[..] else { return None };
    let (mut kinds, mut statements) = (None, 0);
    shape::walk(applies, &mut |path| {
        let [ASTNode::Stmt(statement)] = path else { return };
        statements += 1;
        kinds = match statement {
            Stmt::Expr(expression) => asked_first(expression, item),
            Stmt::FnCall(call, _) => named_by(call, item),
            _ => None,
        };
    });
    kinds.filter(|_| statements == 1)
}

/// The kinds without which an expression is false, as its evaluation asks for them before anything else.
fn asked_first(expression: &Expr, item: &str) -> Option<Vec<String>> {
    match expression {
        Expr::And(conditions, _) => asked_first(conditions.first()?, item),
        Expr::Or(branches, _) => {
            let kinds: Option<Vec<Vec<String>>> = branches.iter().map(|branch| asked_first(branch, item)).collect();
            kinds.map(|kinds| kinds.concat())
        }
        Expr::FnCall(call, _) => named_by(call, item),
        _ => None,
    }
}

fn named_by(call: &FnCallExpr, item: &str) -> Option<Vec<String>> {
    match (&*call.name, &call.args[..]) {
        ("==", [kind, word] | [word, kind]) if is_kind(kind, item) => Some(vec![text(word)?]),
        ("contains", [words, kind]) if is_kind(kind, item) => words_of(words),
        _ => None,
    }
}

fn is_kind(expression: &Expr, item: &str) -> bool {
    let Expr::Dot(chain, ..) = expression else { return false };
    let is_item = matches!(&chain.lhs, Expr::Variable(variable, ..) if variable.1 == item && variable.2.is_empty());
    is_item && matches!(&chain.rhs, Expr::Property(property, _) if property.2 == "kind")
}

fn words_of(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Array(words, _) => words.iter().map(text).collect(),
        Expr::DynamicConstant(list, _) => {
            list.clone().into_array().ok()?.into_iter().map(|word| word.into_string().ok()).collect()
        }
        _ => None,
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::engine;
    use super::*;

    fn kinds(applies: &str) -> Option<Vec<String>> {
        of(&engine().compile(format!("fn applies(item) {{ {applies} }}")).expect(applies))
    }

    #[test]
    fn the_kinds_of_a_rule_are_those_that_its_first_condition_names() {
        for (applies, expected) in [
            ("item.kind == \"ticket\"", Some(vec!["ticket"])),
            ("\"ticket\" == item.kind", Some(vec!["ticket"])),
            ("item.kind == \"ticket\" && item.subject == \"enterprise\" && item.type in [\"a\"]", Some(vec!["ticket"])),
            ("(item.kind == \"ticket\" && item.subject == 1) && item.type == 2", Some(vec!["ticket"])),
            ("item.kind in [\"task\", \"issue\"] && item.x == 1", Some(vec!["task", "issue"])),
            ("item.kind in [\"task\", \"issue\"]", Some(vec!["task", "issue"])),
            ("item.kind == \"task\" || item.kind == \"issue\" && (item.x != 1 || item.y)", Some(vec!["task", "issue"])),
            // What is not the first condition may never be reached, and an error before it is an error.
            ("item.type == \"a\" && item.kind == \"ticket\"", None),
            ("item.kind == \"ticket\" || item.type == \"a\"", None),
            ("item.type == \"a\" || item.kind == \"ticket\"", None),
            ("item.kind != \"ticket\"", None),
            ("item.kind in item.kinds", None),
            ("item.kind == item.type", None),
            ("item.raw.kind == \"ticket\"", None),
            ("let kind = item.kind; kind == \"ticket\"", None),
            ("!(item.kind == \"ticket\")", None),
            ("true", None),
        ] {
            let expected = expected.map(|kinds| kinds.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(kinds(applies), expected, "{applies}");
        }
    }
}
