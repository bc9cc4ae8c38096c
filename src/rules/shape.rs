//! What a rule's text may look like, so that its runs stay small whatever data they meet.
//!
//! Rhai checks how large one value is, but not an entry that is put into a map in place, and not how many values there
//! are. So a rule builds values and does not change them in place, functions do not call themselves, closures stand
//! where they are used, and the values that can be alive at once are counted from the text.

use std::collections::BTreeMap;

use rhai::{AST, ASTFlags, ASTNode, Expr, FnPtr, Position, Stmt};

use super::engine::KEY;

/// Values that can be alive at once: with about 140 KiB in each, 32 MiB are not reached.
const VALUES: usize = 160;

/// Arguments of one call.
const ARGUMENTS: usize = 12;

/// The words that take a closure and do not keep it.
const TAKERS: [&str; 7] = ["filter", "map", "find", "some", "all", "reduce", "sort"];

/// A construct that a rule may not use, and where it stands.
pub type Complaint = (String, Position);

/// Every complaint about a rule's text.
pub fn complaints(ast: &AST) -> Vec<Complaint> {
    let functions = functions(ast);
    let mut found = Vec::new();
    for (name, function) in &functions {
        walk(function, &mut |path| found.extend(complaint(path, &functions, name)));
    }
    found.extend(depth(&functions));
    found.sort_by_key(|(_, at)| (at.line(), at.position()));
    found.dedup();
    found
}

/// One function of a rule.
pub struct Function {
    /// Its parameters; those of a closure start with what it captured.
    pub params: Vec<String>,
    /// Where its body starts.
    pub start: Position,
    /// The function alone.
    ast: AST,
}

type Functions = BTreeMap<String, Function>;

/// The functions of a rule by name, closures among them.
pub fn functions(ast: &AST) -> Functions {
    let of = |function: rhai::ScriptFnMetadata| {
        let (name, params) = (function.name, function.params);
        let start = ast.shared_lib().get_script_fn(name, params.len()).map(|found| found.body.start_position());
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, other, count| other == name && count == params.len());
        let params = params.iter().map(|param| (*param).to_owned()).collect();
        (name.to_owned(), Function { params, start: start.unwrap_or(Position::NONE), ast: alone })
    };
    ast.iter_functions().map(of).collect()
}

/// Goes through every node of a function, with the nodes that it lies in.
pub fn walk(function: &Function, see: &mut dyn FnMut(&[ASTNode])) {
    function.ast.walk(&mut |path: &[ASTNode]| {
        see(path);
        true
    });
}

fn complaint(path: &[ASTNode], functions: &Functions, inside: &str) -> Option<Complaint> {
    match path.last()? {
        ASTNode::Stmt(statement) => forbidden_statement(statement),
        ASTNode::Expr(expression) => {
            forbidden_expression(expression).or_else(|| stray_closure(path, expression, functions, inside))
        }
        _ => None,
    }
}

fn forbidden_statement(statement: &Stmt) -> Option<Complaint> {
    match statement {
        Stmt::Assignment(assignment) if !matches!(assignment.1.lhs, Expr::Variable(..)) => Some((
            "a value is not changed in place; build a new one, or use `push` and `set`".to_owned(),
            assignment.0.position(),
        )),
        Stmt::TryCatch(_, at) => Some(("a rule cannot catch errors: they are told to operators".to_owned(), *at)),
        Stmt::BreakLoop(Some(_), _, at) => Some(("`break` does not take a value here".to_owned(), *at)),
        Stmt::Import(_, at) | Stmt::Export(_, at) => Some(("a rule is one file".to_owned(), *at)),
        Stmt::FnCall(call, at) => too_many_arguments(call.args.len(), *at),
        _ => None,
    }
}

fn forbidden_expression(expression: &Expr) -> Option<Complaint> {
    match expression {
        Expr::ThisPtr(at) => Some(("a rule has no `this`".to_owned(), *at)),
        Expr::FnCall(call, at) | Expr::MethodCall(call, at) => too_many_arguments(call.args.len(), *at),
        Expr::Map(entries, at) => {
            let long = entries.0.iter().any(|(key, _)| key.name.len() > KEY);
            long.then(|| (format!("a key has at most {KEY} bytes"), *at))
        }
        _ => None,
    }
}

fn too_many_arguments(count: usize, at: Position) -> Option<Complaint> {
    (count > ARGUMENTS).then(|| (format!("a call takes at most {ARGUMENTS} arguments"), at))
}

/// A closure that is not an argument of a host function could be stored, with all that it captured.
fn stray_closure(path: &[ASTNode], expression: &Expr, functions: &Functions, inside: &str) -> Option<Complaint> {
    let at = expression.position();
    let stray = Some(("a closure stands where it is used: `list.filter(|x| …)`".to_owned(), at));
    if let Expr::FnCall(call, _) = expression
        && call.name == "curry"
    {
        // The compiler's own form of a closure that captures; its parts are looked at below.
        return if call.args.first().and_then(closure_name).is_some() { None } else { stray };
    }
    if let Expr::Variable(variable, _, at) = expression
        && functions.contains_key(variable.1.as_str())
        && variable.2.is_empty()
        && !functions[inside].params.iter().any(|param| *param == *variable.1)
    {
        return Some((format!("`{}` is a function; call it", variable.1), *at));
    }
    closure_name(expression)?;
    // A capturing closure is a block {share; curry(closure, …)}, with two statements and two expressions around it.
    let mut around = path.iter().rev().skip(1).filter_map(|node| match node {
        ASTNode::Expr(Expr::FnCall(call, _)) if call.name == "curry" => None,
        ASTNode::Expr(Expr::Stmt(block)) if matches!(block.statements().first(), Some(Stmt::Share(_))) => None,
        ASTNode::Expr(outer) => Some(Some(*outer)),
        ASTNode::Stmt(Stmt::Expr(inner)) if is_capture(inner) => None,
        _ => Some(None),
    });
    match around.next() {
        Some(Some(Expr::MethodCall(call, _) | Expr::FnCall(call, _)))
            if TAKERS.contains(&call.name.as_str()) && !functions.contains_key(call.name.as_str()) =>
        {
            None
        }
        _ => stray,
    }
}

fn is_capture(expression: &Expr) -> bool {
    matches!(expression, Expr::FnCall(call, _) if call.name == "curry")
}

/// The name of the function behind a closure, if the expression is one.
fn closure_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::DynamicConstant(value, _) => value.read_lock::<FnPtr>().map(|pointer| pointer.fn_name().to_owned()),
        _ => None,
    }
}

/// What one function holds, and which it calls.
struct Frame {
    values: usize,
    calls: Vec<(String, Position)>,
}

/// Complains about functions that call themselves and about calls that hold too many values.
fn depth(functions: &Functions) -> Option<Complaint> {
    let frames: BTreeMap<&str, Frame> =
        functions.iter().map(|(name, function)| (name.as_str(), frame(function, functions))).collect();
    frames.keys().find_map(|name| held(name, &frames, &mut vec![*name], 0, &mut 0).err())
}

fn held<'a>(
    name: &'a str,
    frames: &'a BTreeMap<&str, Frame>,
    path: &mut Vec<&'a str>,
    so_far: usize,
    visits: &mut usize,
) -> Result<(), Complaint> {
    let frame = &frames[name];
    let total = so_far + frame.values;
    *visits += 1;
    let here = frame.calls.first().map_or(Position::NONE, |(_, at)| *at);
    if total > VALUES {
        return Err((format!("{} can hold {total} values at once, at most {VALUES} are allowed", shown(name)), here));
    }
    if *visits > 10_000 {
        return Err(("functions call each other in too many ways".to_owned(), here));
    }
    for (callee, at) in &frame.calls {
        if path.contains(&callee.as_str()) {
            return Err((format!("{} calls itself; a rule has no recursion", shown(callee)), *at));
        }
        path.push(callee);
        held(callee, frames, path, total, visits)?;
        path.pop();
    }
    Ok(())
}

/// A function's name for people: a closure has none.
fn shown(name: &str) -> String {
    if name.starts_with("anon$") { "a closure".to_owned() } else { format!("`{name}`") }
}

fn frame(function: &Function, functions: &Functions) -> Frame {
    let mut frame = Frame { values: 0, calls: Vec::new() };
    let mut variables = function.params.len();
    let mut most = 0;
    walk(function, &mut |path| {
        if let Some(node) = path.last() {
            variables += declared(node);
            most = most.max(path.iter().map(pending).sum());
            frame.calls.extend(called(node, functions));
        }
    });
    frame.values = variables + most;
    frame
}

/// Variables that a statement declares; a loop also holds what it goes over.
fn declared(node: &ASTNode) -> usize {
    match node {
        ASTNode::Stmt(Stmt::Var(..)) => 1,
        ASTNode::Stmt(Stmt::For(..)) => 3,
        _ => 0,
    }
}

/// Values that an expression holds while a part of it is worked out.
fn pending(node: &ASTNode) -> usize {
    match node {
        ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
            call.args.len() + 1
        }
        ASTNode::Expr(Expr::Dot(chain, ..) | Expr::Index(chain, ..)) => 1 + chained(&chain.rhs),
        ASTNode::Expr(Expr::Array(..) | Expr::Map(..) | Expr::InterpolatedString(..)) => 1,
        _ => 0,
    }
}

/// Arguments of the calls further along a chain, which are worked out before its first call.
fn chained(mut rest: &Expr) -> usize {
    let mut arguments = 0;
    loop {
        match rest {
            Expr::Dot(chain, flags, _) | Expr::Index(chain, flags, _) if !flags.contains(ASTFlags::BREAK) => {
                arguments += link(&chain.lhs);
                rest = &chain.rhs;
            }
            last => return arguments + link(last),
        }
    }
}

fn link(expression: &Expr) -> usize {
    match expression {
        Expr::MethodCall(call, _) => call.args.len(),
        _ => 1,
    }
}

fn called(node: &ASTNode, functions: &Functions) -> Option<(String, Position)> {
    let (name, at) = match node {
        ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)) => {
            (call.name.to_string(), *at)
        }
        ASTNode::Expr(expression) => (closure_name(expression)?, expression.position()),
        _ => return None,
    };
    functions.contains_key(&name).then_some((name, at))
}
