//! What a rule's text says about the fields, parameters and tables that it reads, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, Position};

use super::error::nearest;
use super::shape::{Complaint, functions, walk};
use super::table::Tables;
use super::version::Meta;
use crate::core::item::ALWAYS;

/// The hooks, with the arguments that each may have.
const HOOKS: [(&str, &[usize]); 3] = [("applies", &[1]), ("windows", &[1]), ("findings", &[1, 2])];

/// What a rule reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Reads {
    /// Fields of the item, each with the first place where it is read.
    pub fields: BTreeMap<String, Position>,
    /// All names of properties, those of rows among them.
    pub properties: BTreeSet<String>,
    /// Parameters.
    pub params: Vec<String>,
    /// Tables.
    pub tables: Vec<String>,
}

impl Reads {
    /// Collects what a rule reads.
    pub fn of(ast: &AST) -> Self {
        let functions = functions(ast);
        let items: BTreeSet<&str> = HOOKS
            .iter()
            .filter_map(|(hook, _)| functions.get(*hook)?.params.first().map(String::as_str))
            .chain(["item"])
            .collect();
        let mut reads = Self::default();
        let (mut params, mut tables) = (BTreeSet::new(), BTreeSet::new());
        for function in functions.values() {
            walk(function, &mut |path| {
                let Some(ASTNode::Expr(expression)) = path.last() else { return };
                if let Some((name, at)) = field(expression, &items) {
                    let first = reads.fields.entry(name.to_owned()).or_insert(at);
                    if (at.line(), at.position()) < (first.line(), first.position()) {
                        *first = at;
                    }
                }
                match expression {
                    Expr::Property(property, _) => drop(reads.properties.insert(property.2.to_string())),
                    Expr::Variable(variable, ..) => match variable.2.root_name() {
                        Some("param") => drop(params.insert(variable.1.to_string())),
                        Some("table") => drop(tables.insert(variable.1.to_string())),
                        _ => {}
                    },
                    _ => {}
                }
            });
        }
        reads.params.extend(params);
        reads.tables.extend(tables);
        reads
    }
}

/// The first name of a path such as `param::x`.
trait Root {
    fn root_name(&self) -> Option<&str>;
}

impl Root for rhai::Namespace {
    fn root_name(&self) -> Option<&str> {
        self.path.first().map(|ident| ident.name.as_str())
    }
}

/// The field that `item.field` or `item["field"]` reads.
fn field<'a>(expression: &'a Expr, items: &BTreeSet<&str>) -> Option<(&'a str, Position)> {
    let (Expr::Dot(chain, ..) | Expr::Index(chain, ..)) = expression else { return None };
    let Expr::Variable(variable, ..) = &chain.lhs else { return None };
    if !items.contains(variable.1.as_str()) || !variable.2.is_empty() {
        return None;
    }
    let first = match &chain.rhs {
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
        only => only,
    };
    match first {
        Expr::Property(property, at) => Some((&property.2, *at)),
        Expr::StringConstant(name, at) if matches!(expression, Expr::Index(..)) => Some((name, *at)),
        _ => None,
    }
}

/// Complaints about hooks that are not what they should be.
pub(super) fn hooks(ast: &AST, meta: Option<&Meta>) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut present = 0;
    let mut names = BTreeSet::new();
    let mut takes_today = false;
    for function in ast.iter_functions() {
        let at = functions(ast).get(function.name).map_or(Position::NONE, |f| f.start);
        if !names.insert(function.name) {
            found.push((format!("two functions are called `{}`", function.name), at));
        }
        if function.this_type.is_some() {
            found.push(("a rule has no methods of its own".to_owned(), at));
        }
        if let Some((hook, arguments)) = HOOKS.iter().find(|(hook, _)| *hook == function.name) {
            present += 1;
            takes_today |= *hook == "findings" && function.params.len() == 2;
            if !arguments.contains(&function.params.len()) {
                let expected = if *hook == "findings" { "(item) or (item, today)" } else { "(item)" };
                found.push((format!("{hook} takes {expected}, got {} arguments", function.params.len()), at));
            }
        } else if let Some(near) = nearest(function.name, HOOKS.map(|(hook, _)| hook))
            && strsim::damerau_levenshtein(function.name, near) <= 2
            && !is_called(ast, function.name)
        {
            found.push((format!("unknown hook `{}`; did you mean `{near}`?", function.name), at));
        }
    }
    let half = "RECHECK and findings(item, today) belong together";
    match (meta.map(|meta| meta.recheck.is_some()), takes_today) {
        (Some(true), false) => found.push((format!("{half}: there is only RECHECK"), Position::new(1, 1))),
        (Some(false), true) => {
            found.push((format!("{half}: there is only findings(item, today)"), Position::new(1, 1)));
        }
        _ => {}
    }
    if present == 0 {
        found.push(("a rule has applies(item), windows(item) or findings(item)".to_owned(), Position::new(1, 1)));
    }
    found
}

fn is_called(ast: &AST, name: &str) -> bool {
    let mut called = false;
    for function in functions(ast).values() {
        walk(function, &mut |path| {
            called |= matches!(path.last(), Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == name);
        });
    }
    called
}

/// Complaints about parameters and tables that do not exist.
pub(super) fn names(ast: &AST, tables: &Tables) -> Vec<Complaint> {
    let mut found = Vec::new();
    for function in functions(ast).values() {
        walk(function, &mut |path| {
            let Some(ASTNode::Expr(Expr::Variable(variable, _, at))) = path.last() else { return };
            let name = variable.1.as_str();
            let (kind, known): (_, Vec<&str>) = match variable.2.root_name() {
                Some("param") => ("parameter", tables.params().collect()),
                Some("table") => ("table", tables.tables().collect()),
                _ => return,
            };
            if !known.contains(&name) {
                let hint = nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                found.push((format!("unknown {kind} `{name}`{hint}"), *at));
            }
        });
    }
    found
}

/// Complaints about fields that no source maps.
pub(super) fn unmapped(reads: &Reads, mapped: &BTreeSet<&str>) -> Vec<Complaint> {
    let known = || mapped.iter().copied().chain(ALWAYS.iter().copied()).chain(["raw"]);
    let unknown = reads.fields.iter().filter(|(name, _)| !known().any(|known| known == name.as_str()));
    unknown
        .map(|(name, at)| {
            let hint = nearest(name, known()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            (format!("no source maps a field `{name}`{hint}"), *at)
        })
        .collect()
}
