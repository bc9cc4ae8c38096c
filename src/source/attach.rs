//! **Attached rows**: items of one source that belong to items of another, joined before the snapshot is compared, so
//! that a changed child changes its parent. Pure.
//!
//! **Invariant:** a parent with more rows than a rule may see is kept out, not shown with some of them. The order of
//! the rows is that of their ids, whatever order the source has them in.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Rejection;
use super::mapping::cells::MOST_NESTED;
use super::mapping::{Mapping, MappingError, name_refusal};
use super::table::proposal;
use crate::core::item::Item;
use crate::core::value::{Fields, Name, Value};

/// `[source.projects.attach.lines]`: which rows the field `lines` of each project holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachConfig {
    /// The source of the rows.
    pub source: String,
    /// The rows' field, or column, that holds the parent's id.
    pub key: String,
    /// Whether there is at most one row, so that the field is that row and not a list.
    #[serde(default)]
    pub one: bool,
    /// Whether rows may belong to nothing, so that those without a key are left out and not rejected.
    #[serde(default)]
    pub optional: bool,
}

impl AttachConfig {
    /// What is wrong with attaching rows of `child` as `field` to items of `parent`.
    pub fn problems(&self, field: &str, parent: &Mapping, child: &Mapping) -> Vec<MappingError> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, problem| {
            problems.push(MappingError { key: format!("attach.{field}{key}"), problem });
        };
        if let Some(refusal) = name_refusal(field) {
            wrong("", refusal);
        }
        if field.ends_with("_at") {
            wrong("", "a name that ends in _at is an instant".to_owned());
        }
        if parent.fields().iter().any(|mapped| *mapped.name == *field) {
            wrong("", format!("field `{field}` is mapped already"));
        }
        let fields = child.fields();
        let names = fields.iter().map(|field| &*field.name);
        // Columns that a child keeps as they came are only known when it is polled.
        if !child.keeps_columns() && names.clone().all(|name| name != self.key) {
            wrong(
                ".key",
                format!("expected a field of {}, got {:?}{}", child.source(), self.key, proposal(&self.key, names)),
            );
        }
        problems
    }
}

/// The rows of a child source by the parent's id.
#[derive(Debug)]
pub struct Attachment {
    field: Name,
    one: bool,
    rows: HashMap<Arc<str>, Vec<Fields>>,
}

impl Attachment {
    /// Sorts the items of the child source by their parents; those that name no parent are rejected.
    pub fn new(field: &str, config: &AttachConfig, children: impl IntoIterator<Item = Item>) -> (Self, Vec<Rejection>) {
        let mut by_parent: HashMap<Arc<str>, Vec<Item>> = HashMap::new();
        let mut rejected = Vec::new();
        for child in children {
            match parent_of(&child, &config.key) {
                Some(parent) => by_parent.entry(parent).or_default().push(child),
                None if config.optional => {}
                None => rejected.push(Rejection {
                    place: child.key.to_string(),
                    reason: format!("expected the id of what it belongs to in \"{}\", got nothing", config.key),
                    id: Some(child.key.id),
                }),
            }
        }
        let rows = by_parent.into_iter().map(|(parent, children)| (parent, rows_of(children))).collect();
        (Self { field: field.into(), one: config.one, rows }, rejected)
    }

    /// Puts its rows on an item of the parent source.
    pub fn join(&self, parent: &mut Item) -> Result<(), Rejection> {
        let rows = self.rows.get(&parent.key.id).map_or(&[][..], Vec::as_slice);
        let most = if self.one { 1 } else { MOST_NESTED };
        if rows.len() > most {
            return Err(Rejection {
                place: parent.key.to_string(),
                id: Some(parent.key.id.clone()),
                reason: format!("attached `{}`: expected at most {most} rows, got {}", self.field, rows.len()),
            });
        }
        let value = match rows.first() {
            Some(row) if self.one => Value::Map(row.clone()),
            None if self.one => Value::Missing,
            _ => Value::List(rows.iter().cloned().map(Value::Map).collect()),
        };
        parent.fields.set(self.field.clone(), value);
        Ok(())
    }
}

fn parent_of(child: &Item, key: &str) -> Option<Arc<str>> {
    let value = child.fields.get(key).or_else(|| child.raw.get(key))?;
    let id: Arc<str> = match value {
        Value::Text(text) => text.trim().into(),
        Value::Int(number) => number.to_string().into(),
        _ => return None,
    };
    (!id.is_empty()).then_some(id)
}

/// What a parent sees of its children: their ids and fields, shorter ids first, so that 9 comes before 10.
fn rows_of(mut children: Vec<Item>) -> Vec<Fields> {
    children.sort_by(|a, b| (a.key.id.len(), &a.key.id).cmp(&(b.key.id.len(), &b.key.id)));
    let row = |child: Item| {
        let id = std::iter::once((Name::from("id"), Value::Text(child.key.id)));
        id.chain(child.fields.iter().map(|(name, value)| (name.clone(), value.clone()))).collect()
    };
    children.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::ItemKey;

    fn child(id: &str, parent: Value) -> Item {
        let mut item = Item::new(ItemKey::new("lines", id), "line");
        item.fields.set("project_id", parent);
        item
    }

    fn config(one: bool) -> AttachConfig {
        AttachConfig { source: "lines".into(), key: "project_id".into(), one, optional: false }
    }

    #[test]
    fn rows_are_joined_by_key_in_the_order_of_their_ids() {
        let children = [
            child("10", Value::text("P1 ")),
            child("9", Value::text("P1")),
            child("11", Value::Int(7)),
            child("12", Value::Missing),
        ];
        let (lines, rejected) = Attachment::new("lines", &config(false), children);
        assert_eq!(rejected.len(), 1);
        assert!(
            rejected[0].to_string().starts_with("lines/12: expected the id of what it belongs to in \"project_id\"")
        );
        let joined = |id: &str| {
            let mut parent = Item::new(ItemKey::new("projects", id), "project");
            lines.join(&mut parent).expect("joined");
            let Some(Value::List(rows)) = parent.fields.get("lines").cloned() else { panic!("{parent:?}") };
            rows.iter()
                .map(|row| if let Value::Map(row) = row { row.get("id").cloned() } else { None })
                .collect::<Vec<_>>()
        };
        assert_eq!(joined("P1"), [Some(Value::text("9")), Some(Value::text("10"))]);
        assert_eq!(joined("7"), [Some(Value::text("11"))]);
        assert_eq!(joined("P3"), []);
    }

    #[test]
    fn rows_that_may_belong_to_nothing_are_left_out() {
        let children = [child("1", Value::text("P1")), child("2", Value::Missing), child("3", Value::text(" "))];
        let config = AttachConfig { optional: true, ..config(false) };
        let (lines, rejected) = Attachment::new("lines", &config, children);
        assert!(rejected.is_empty(), "{rejected:?}");
        assert_eq!(lines.rows.len(), 1);
    }

    #[test]
    fn one_row_is_a_row_and_none_is_missing() {
        let (plan, _) = Attachment::new("plan", &config(true), [child("1", Value::text("P1"))]);
        let mut parents = ["P1", "P2"].map(|id| Item::new(ItemKey::new("projects", id), "project"));
        for parent in &mut parents {
            plan.join(parent).expect("joined");
        }
        assert!(matches!(parents[0].fields.get("plan"), Some(Value::Map(_))));
        assert_eq!(parents[1].fields.get("plan"), Some(&Value::Missing));
        let two = [child("1", Value::text("P1")), child("2", Value::text("P1"))];
        let (plan, _) = Attachment::new("plan", &config(true), two);
        let error = plan.join(&mut parents[0]).expect_err("two").to_string();
        assert_eq!(error, "projects/P1: attached `plan`: expected at most 1 rows, got 2");
    }

    #[test]
    fn a_parent_with_too_many_rows_is_kept_out() {
        let (lines, _) = Attachment::new(
            "lines",
            &config(false),
            (0..=MOST_NESTED).map(|n| child(&n.to_string(), Value::text("P1"))),
        );
        let mut parent = Item::new(ItemKey::new("projects", "P1"), "project");
        assert!(lines.join(&mut parent).expect_err("many").reason.ends_with("at most 1000 rows, got 1001"));
        assert!(parent.fields.is_empty());
    }

    #[test]
    fn an_attachment_that_cannot_work_is_named() {
        let mapping = |source: &str, text: &str| {
            let text = format!("id = 'id'\nkind = 'x'\nraw = false\nfields.title = 't'\n{text}");
            Mapping::new(source, &toml::from_str(&text).expect("config")).expect("mapping")
        };
        let (parent, child) = (mapping("projects", ""), mapping("lines", "fields.project_id = 'p'"));
        let problems = |field: &str, key: &str| {
            let config = AttachConfig { key: key.into(), ..config(false) };
            config.problems(field, &parent, &child).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(problems("lines", "project_id"), Vec::<String>::new());
        assert_eq!(
            problems("lines", "projectid"),
            ["attach.lines.key: expected a field of lines, got \"projectid\" (did you mean \"project_id\"?)"]
        );
        assert_eq!(problems("title", "project_id"), ["attach.title: field `title` is mapped already"]);
        assert_eq!(problems("done_at", "project_id"), ["attach.done_at: a name that ends in _at is an instant"]);
        assert!(problems("new", "project_id")[0].contains("`is_new`"));
    }
}
