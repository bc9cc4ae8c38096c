//! The sandbox: a Rhai engine that has nothing but the words registered here.
//!
//! A raw engine: no clock, no sleep, no `eval`, no `import`, no file. Its limits are chosen together. One value holds at
//! most [`LIST`] elements of lists, [`MAP`] entries of maps and [`super::facts::TEXT`] bytes of text, nested ones
//! included, so about 140 KiB; how many values can be alive at once is known from the text of the rule
//! ([`super::shape`]); so no call passes 32 MiB. Operations and moved data are counted ([`super::budget`]); so no call
//! passes 250 ms.
//!
//! **Invariant:** a rule reaches nothing that lies outside its arguments, parameters and tables.

use std::sync::{Arc, LazyLock};

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{Array, Dynamic, Engine, EvalAltResult, EvalContext, Map, Module, OptimizationLevel, Position, Shared};

use super::budget;
use super::facts::{Row, Subject};

/// Elements of lists in one value.
pub const LIST: usize = 1_000;

/// Entries of maps in one value.
pub const MAP: usize = 500;

/// Bytes of a map's key.
pub const KEY: usize = 64;

/// Bytes of a rule's file.
pub const FILE: usize = 256 * 1024;

/// Functions that can be inside each other.
const LEVELS: usize = 16;

/// Variables that one function can have.
pub const VARIABLES: usize = 64;

/// All words, registered once and shared by all engines.
pub static WORDS: LazyLock<Shared<Module>> = LazyLock::new(|| {
    let mut module = Module::new();
    super::operators::register(&mut module);
    super::texts::register(&mut module);
    super::collections::register(&mut module);
    super::facts::register(&mut module);
    super::days::register(&mut module);
    super::vocabulary::register(&mut module);
    super::table::register(&mut module);
    module.build_index();
    Shared::new(module)
});

/// A sandbox without item properties, parameters and tables.
pub fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(WORDS.clone());
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_module_resolver(DummyModuleResolver::new());
    for word in ["eval", "import", "export", "debug", "Fn", "global", "try"] {
        engine.disable_symbol(word);
    }
    language(&mut engine);
    limits(&mut engine);
    engine.on_progress(|_| budget::step());
    engine.on_print(budget::print);
    #[expect(deprecated, reason = "the way to see variables is not deprecated but may change with Rhai")]
    engine.on_var(|name, offset, context| see_variable(name, offset, &context));
    engine
}

fn language(engine: &mut Engine) {
    engine.set_strict_variables(true);
    engine.set_fast_operators(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_allow_shadowing(true);
}

fn limits(engine: &mut Engine) {
    engine.set_max_operations(u64::from(budget::OPERATIONS));
    engine.set_max_string_size(super::facts::TEXT);
    engine.set_max_array_size(LIST);
    engine.set_max_map_size(MAP);
    engine.set_max_call_levels(LEVELS);
    engine.set_max_expr_depths(48, 32);
    engine.set_max_variables(VARIABLES);
    engine.set_max_functions(200);
    engine.set_max_modules(0);
    engine.set_max_strings_interned(256);
}

/// Counts the elements of a list or map that a variable holds, because reading the variable copies them. A captured
/// item or row is handed out as a copy of its handle, so that `item.rows.filter(|row| … item …)` does not lock itself.
fn see_variable(name: &str, offset: usize, context: &EvalContext) -> Result<Option<Dynamic>, Box<EvalAltResult>> {
    let scope = context.scope();
    // Counted from the newest variable; Rhai does not always know where one lies.
    let value = match offset.checked_sub(1) {
        Some(n) => scope.iter_raw().nth(n).map(|(_, _, value)| value),
        None => scope.get(name),
    };
    let Some(value) = value else { return Ok(None) };
    if value.is_shared() {
        // Asked once: each question after a lock that is held costs 50 ms.
        if value.is_locked() {
            return Err(EvalAltResult::ErrorDataRace(name.to_owned(), Position::NONE).into());
        }
        let subject = value.read_lock::<Subject>().map(|subject| Dynamic::from(subject.clone()));
        let handle = subject.or_else(|| value.read_lock::<Row>().map(|row| Dynamic::from(row.clone())));
        if handle.is_some() {
            return Ok(handle);
        }
    }
    match size(Some(value)) {
        0 => {}
        elements => budget::spend(elements)?,
    }
    Ok(None)
}

/// How much it is to copy a value, in elements of lists and maps, nested ones included; 0 for what is neither.
pub fn size(value: Option<&Dynamic>) -> usize {
    let Some(value) = value else { return 0 };
    if value.is_array() {
        return value.read_lock::<Array>().map_or(0, |list| 1 + list.iter().map(element).sum::<usize>());
    }
    if value.is_map() {
        return value
            .read_lock::<Map>()
            .map_or(0, |map| 1 + map.values().map(|value| 1 + element(value)).sum::<usize>());
    }
    0
}

fn element(value: &Dynamic) -> usize {
    let boxed = value.is_variant() || value.is_array() || value.is_map();
    1 + usize::from(boxed) + size(Some(value))
}

/// Whether a name can be a property in a rule; Rhai keeps some words for itself.
pub fn is_property(name: &str) -> bool {
    static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(engine()));
    rhai::is_valid_identifier(name) && ENGINE.compile(format!("fn f(item) {{ item.{name} }}")).is_ok()
}
