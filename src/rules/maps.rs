//! [`RowMap`]: a file with a function `map(row)` that sees the rows of a source before its mapping does, for the odd
//! case that a mapping cannot say.
//!
//! `row` is a map of the columns' texts, `()` where nothing is known. The answer is a map of columns that replace those
//! of the source or are added to them, or `()` to leave the row out.
//!
//! **Invariant:** the same row gives the same answer; a row on which the function breaks spoils no other. Which columns a
//! map may give stands in its text, so that nothing has to run to know them.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, FnCallExpr, Map, ParseErrorType, Position, Stmt};

use super::call::call;
use super::engine::{FILE, MAP, engine};
use super::error::{ErrorKind, RuleError, Source};
use super::facts::{cut, kind_of, text};
use super::shape::{self, Complaint, functions, walk};
use crate::core::digest::Digest;
use crate::core::value::Value;

/// The function.
const HOOK: &str = "map";

/// The most columns that a row may have.
pub const MOST_COLUMNS: usize = MAP;

/// A compiled `map(row)`.
#[derive(Debug)]
pub struct RowMap {
    source: Source,
    ast: AST,
    engine: Engine,
    start: Position,
    gives: BTreeSet<String>,
    version: Digest,
}

/// What a map says of a row.
#[derive(Debug)]
pub struct Given(Map);

impl RowMap {
    /// Compiles a map; everything that is wrong with it is told at once. `path` is shown to people.
    pub fn compile(path: &str, file: &str) -> Result<Self, Vec<RuleError>> {
        let source = Source { name: path.into(), path: path.into(), text: file.into() };
        let fail = |complaints: Vec<Complaint>| {
            let error = |(message, at)| source.error(ErrorKind::Text, message, at);
            complaints.into_iter().map(error).collect::<Vec<_>>()
        };
        if file.len() > FILE {
            let problem = format!("a map has at most {} KiB, got {} KiB", FILE / 1024, file.len() / 1024);
            return Err(fail(vec![(problem, Position::NONE)]));
        }
        let engine = engine();
        let ast = engine.compile(file).map_err(|error| {
            let unknown = match error.err_type() {
                ParseErrorType::VariableUndefined(name) => format!("unknown name `{name}`"),
                ParseErrorType::ModuleUndefined(name) => format!("unknown `{name}::`; a map knows its row and no more"),
                _ => return vec![source.parse_error(&error)],
            };
            vec![source.error(ErrorKind::Text, unknown, error.position())]
        })?;
        let mut complaints = form(&ast);
        complaints.extend(shape::complaints(&ast));
        if !complaints.is_empty() {
            return Err(fail(complaints));
        }
        let start = functions(&ast).get(HOOK).map_or(Position::NONE, |function| function.start);
        let (gives, version) = (keys(&ast), Digest::of([file.as_bytes()]));
        Ok(Self { source, ast, engine, start, gives, version })
    }

    /// Whether its text names a column as one that it may give.
    pub fn gives(&self, column: &str) -> bool {
        self.gives.contains(column)
    }

    /// The identity of its text.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// What it says of a row, given as columns and texts; nothing if the row is left out.
    pub fn row<'r>(
        &self,
        columns: impl Iterator<Item = (&'r str, Option<&'r str>)>,
    ) -> Result<Option<Given>, RuleError> {
        let known = |found: Option<&str>| found.map_or(Dynamic::UNIT, text);
        let row: Map = columns.map(|(name, found)| (name.into(), known(found))).collect();
        let answer = call(&self.engine, &self.ast, &self.source, HOOK, (row,), || self.start);
        let answer = answer.map_err(|mut error| {
            error.message = error.message.replacen("the rule threw", "the map threw", 1);
            error
        })?;
        if answer.is_unit() {
            return Ok(None);
        }
        let promised = |got: String| {
            let message = format!("map returns a map of columns, or () to leave the row out, got {got}");
            self.source.error(ErrorKind::Result, message, self.start)
        };
        let kind = kind_of(&answer);
        let given = answer.try_cast::<Map>().ok_or_else(|| promised(kind.to_owned()))?;
        match given.iter().find(|(_, value)| plain(value).is_none()) {
            Some((column, value)) => {
                let column = column.escape_debug();
                Err(promised(format!(
                    "{} in \"{column}\"; a column is text, a number, true, false or ()",
                    kind_of(value)
                )))
            }
            None => Ok(Some(Given(given))),
        }
    }
}

impl Given {
    /// What it says of a column, if it says anything.
    pub fn get(&self, column: &str) -> Option<Value> {
        self.0.get(column).and_then(plain)
    }

    /// The columns of which it says something.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// A cell's text as a map sees it: of a long one, the beginning.
pub fn seen(cell: &str) -> &str {
    cut(cell)
}

fn plain(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Missing);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(Value::text(text.as_str()));
    }
    if let Ok(character) = value.as_char() {
        return Some(Value::text(character.to_string()));
    }
    let number = || value.as_int().map(Value::Int);
    let fraction = || value.as_float().ok().filter(|number| number.is_finite()).map(Value::Float);
    value.as_bool().map(Value::Bool).or_else(|_| number()).ok().or_else(fraction)
}

/// What is wrong with a map's functions.
fn form(ast: &AST) -> Vec<Complaint> {
    let mut found = Vec::new();
    if let Some(statement) = ast.statements().iter().find(|statement| !matches!(statement, Stmt::Noop(_))) {
        found.push(("a map has functions only: `fn map(row) { … }`".to_owned(), statement.position()));
    }
    let places = functions(ast);
    let (mut names, mut takes_row) = (BTreeSet::new(), false);
    for function in ast.iter_functions() {
        let at = places.get(function.name).map_or(Position::NONE, |function| function.start);
        if !names.insert(function.name) {
            found.push((format!("two functions are called `{}`", function.name), at));
        }
        if function.this_type.is_some() {
            found.push(("a map has no methods of its own".to_owned(), at));
        }
        takes_row |= function.name == HOOK;
        if function.name == HOOK && function.params.len() != 1 {
            found.push((format!("map takes (row), got {} arguments", function.params.len()), at));
        }
    }
    if !takes_row {
        found.push(("a map has a function `map(row)`".to_owned(), Position::new(1, 1)));
    }
    found
}

/// The keys that a map's text writes: of maps, and the first argument of `set`.
fn keys(ast: &AST) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for function in functions(ast).values() {
        walk(function, &mut |path| match path.last() {
            Some(ASTNode::Expr(Expr::Map(entries, _))) => {
                keys.extend(entries.0.iter().map(|(key, _)| key.name.to_string()));
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => keys.extend(set_key(call)),
            _ => {}
        });
    }
    keys
}

fn set_key(call: &FnCallExpr) -> Option<String> {
    let is_text = |argument: &Expr| match argument {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    };
    call.args.iter().filter(|_| call.name == "set").find_map(is_text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(text: &str) -> Result<RowMap, String> {
        let shown = |errors: Vec<RuleError>| errors.iter().map(RuleError::line).collect::<Vec<_>>().join("\n");
        RowMap::compile("maps/tickets.rhai", text).map_err(shown)
    }

    /// What a map says of a row with the columns 编号 "7", 状态 "已办结 " and 备注, which is missing.
    fn said(text: &str) -> Result<Option<String>, String> {
        let row = [("编号", Some("7")), ("状态", Some("已办结 ")), ("备注", None)];
        let given = compiled(text)?.row(row.into_iter()).map_err(|error| error.line())?;
        Ok(given.map(|given| {
            let say = |column: &str| format!("{column} {:?}", given.get(column).expect("a value"));
            given.columns().map(say).collect::<Vec<_>>().join(", ")
        }))
    }

    #[test]
    fn a_map_gives_columns_or_leaves_a_row_out() {
        for (body, says) in [
            (r#"#{ "状态": row["状态"].trim() }"#, Some(r#"状态 Text("已办结")"#)),
            (
                r#"#{ a: 1, b: 1.5, c: true, d: (), e: "x", f: row["备注"] }"#,
                Some("a Int(1), b Float(1.5), c Bool(true), d Missing, e Text(\"x\"), f Missing"),
            ),
            (
                r#"row + #{ "编号": `A-${row["编号"]}` }"#,
                Some(r#"备注 Missing, 状态 Text("已办结 "), 编号 Text("A-7")"#),
            ),
            (r#"if row["编号"] == "7" { () } else { #{} }"#, None),
            (r"#{}", Some("")),
        ] {
            assert_eq!(said(&format!("fn map(row) {{ {body} }}")), Ok(says.map(str::to_owned)), "{body}");
        }
    }

    #[test]
    fn a_row_that_breaks_it_is_told_with_its_place() {
        for (body, says) in [
            (r#"throw "the state is unknown";"#, "maps/tickets.rhai:2:1: the map threw: the state is unknown"),
            (r#"#{ a: row["标题"] }"#, "maps/tickets.rhai:2:"),
            (r#"#{ a: row["备注"].len() }"#, "missing"),
            ("[1]", "maps/tickets.rhai:1:13: map returns a map of columns, or () to leave the row out, got list"),
            ("\"x\"", "got text"),
            ("#{ a: [1] }", "got list in \"a\"; a column is text, a number, true, false or ()"),
            ("loop { }", "took more than 100000 operations"),
            (r#"let x = "x"; for i in 0..40 { x = x + x; } #{ a: x }"#, "length of string too large"),
        ] {
            let error = said(&format!("fn map(row) {{\n{body}\n}}")).expect_err(body);
            assert!(error.contains(says) && error.lines().count() == 1, "{body}: {error}");
        }
    }

    #[test]
    fn what_is_no_map_says_where_and_why() {
        for (text, says) in [
            ("", "maps/tickets.rhai:1:1: a map has a function `map(row)`"),
            ("fn Map(row) { row }", "a map has a function `map(row)`"),
            ("fn map(row, today) { row }", "map takes (row), got 2 arguments"),
            ("fn map(row) { row", "maps/tickets.rhai:1:"),
            ("fn map(row) {\n  let x = rwo;\n  #{} }", "maps/tickets.rhai:2:11: unknown name `rwo`"),
            ("fn map(row) { #{ a: param::x } }", "unknown `param::`; a map knows its row and no more"),
            ("const A = 1;\nfn map(row) { row }", "maps/tickets.rhai:1:1: a map has functions only"),
            ("fn map(row) { row[\"a\"] = 1; row }", "a value is not changed in place"),
            ("fn map(row) { again(row) }\nfn again(row) { map(row) }", "calls itself"),
            ("fn map(row) { row }\nfn map(a, b) { a }", "two functions are called `map`"),
            ("fn map(row) { eval(\"1\") }", "maps/tickets.rhai:1:"),
            ("fn map(row) { import \"x\" as x; row }", "maps/tickets.rhai:1:"),
            (&"/".repeat(FILE + 1), "a map has at most 256 KiB, got 256 KiB"),
        ] {
            let error = compiled(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_columns_that_a_map_may_give_stand_in_its_text() {
        let map = compiled(
            r#"fn map(row) { let more = helped(row); more.set("c", 1); more + #{ "标题": "x" } }
            fn helped(row) { #{ b: row["d"], e: #{ f: 1 } } }"#,
        )
        .expect("a map");
        let names = ["a", "b", "c", "d", "e", "f", "标题"];
        assert_eq!(names.map(|name| map.gives(name)), [false, true, true, false, true, true, true]);
        assert_ne!(map.version(), compiled("fn map(row) { row }").expect("a map").version());
    }

    proptest! {
        #[test]
        fn no_row_brings_it_down(columns in prop::collection::vec(("[a-e]{1,2}|.{0,8}", prop::option::of(".{0,40}")), 0..20)) {
            let map = compiled("fn map(row) { if row.len() > 9 { () } else { row + #{ a: row.get(\"b\") } } }").expect("a map");
            let row = columns.iter().map(|(name, text)| (name.as_str(), text.as_deref()));
            prop_assert!(map.row(row).is_ok());
        }

        #[test]
        fn no_text_brings_the_compiler_down(text in "(fn map\\(row\\)|[{}()\\[\\];#\"`$ |+.:=a-z0-9]){0,30}|.{0,60}") {
            if let Ok(map) = compiled(&text) {
                let _ = map.row([("a", Some("b"))].into_iter());
            }
        }
    }
}
