//! A source whose items carry rows of other sources: those are fetched first, so that what is compared is whole.
//!
//! **Invariant:** without one good poll of each attached source nothing is judged; after that a bad one leaves its last
//! good rows in place.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::attach::{AttachConfig, Attachment};
use super::guard::{GuardLimits, Verdict, judge_poll};
use super::{Fetched, PollError, Source};
use crate::core::Instant;

/// A source with attached rows.
pub struct Joined {
    source: Arc<dyn Source>,
    attached: Vec<Attached>,
}

/// The rows of another source under a field.
pub struct Attached {
    field: String,
    config: AttachConfig,
    child: Arc<dyn Source>,
    guard: GuardLimits,
    last_good: Mutex<Option<LastGood>>,
}

#[derive(Clone)]
struct LastGood {
    rows: u64,
    attachment: Arc<Attachment>,
}

impl Joined {
    /// Attaches rows to the items of a source.
    pub fn new(source: Arc<dyn Source>, attached: Vec<Attached>) -> Self {
        Self { source, attached }
    }
}

impl Attached {
    /// Rows of `child` as `field`; `guard` says when a poll of the child is believed.
    pub fn new(field: &str, config: &AttachConfig, child: Arc<dyn Source>, guard: GuardLimits) -> Self {
        Self { field: field.to_owned(), config: config.clone(), child, guard, last_good: Mutex::default() }
    }

    /// The rows of now; those of the last good poll if the child cannot be believed now.
    async fn rows(&self) -> Result<Arc<Attachment>, PollError> {
        let last = self.last_good.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.fetch(last.as_ref().map(|good| good.rows)).await {
            Ok(good) => {
                let attachment = good.attachment.clone();
                *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(good);
                Ok(attachment)
            }
            Err(problem) => match last {
                Some(good) => {
                    tracing::warn!(attached = %self.field, "the last good rows stay: {problem}");
                    Ok(good.attachment)
                }
                None => Err(PollError::Unreadable { place: format!("attach.{}", self.field), problem }),
            },
        }
    }

    async fn fetch(&self, before: Option<u64>) -> Result<LastGood, String> {
        let fetched = self.child.fetch(None).await.map_err(|e| e.to_string())?;
        let (field, config) = (self.field.clone(), self.config.clone());
        let work = move || {
            let (mut children, mut rejected) = (Vec::new(), Vec::new());
            for chunk in 0..fetched.chunks() {
                let mapped = fetched.map(chunk);
                children.extend(mapped.items);
                rejected.extend(mapped.rejected);
            }
            let (attachment, orphans) = Attachment::new(&field, &config, children);
            rejected.extend(orphans);
            (fetched.rows(), rejected, attachment)
        };
        let (rows, rejected, attachment) = tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?;
        let count = rejected.len() as u64;
        if let Some(first) = rejected.first() {
            tracing::warn!(attached = %self.field, rejected = count, "rows are left out, the first: {first}");
        }
        match judge_poll(before, rows, count, None, &self.guard) {
            Verdict::Believed => Ok(LastGood { rows: rows - count.min(rows), attachment: Arc::new(attachment) }),
            Verdict::Doubted(doubt) => Err(doubt.to_string()),
        }
    }
}

#[async_trait]
impl Source for Joined {
    async fn give_up(&self) {
        for source in self.attached.iter().map(|attached| &attached.child).chain([&self.source]) {
            source.give_up().await;
        }
    }

    async fn fetch(&self, since: Option<Instant>) -> Result<Fetched, PollError> {
        let mut attachments = Vec::with_capacity(self.attached.len());
        for attached in &self.attached {
            attachments.push(attached.rows().await?);
        }
        Ok(self.source.fetch(since).await?.with(attachments))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::core::value::Value;
    use crate::source::csv::CsvSource;
    use crate::source::mapping::Mapping;

    fn csv(folder: &Path, name: &str, fields: &str) -> Arc<dyn Source> {
        let mapping = toml::from_str(&format!("id = \"id\"\nkind = \"{name}\"\n[fields]\n{fields}")).expect("mapping");
        let mapping = Mapping::new(name, &mapping).expect("mapping");
        let config = toml::from_str(&format!("path = \"{name}.csv\"")).expect("csv");
        Arc::new(CsvSource::new(&config, folder, Arc::new(mapping)))
    }

    fn projects(folder: &Path) -> Joined {
        let config: AttachConfig = toml::from_str("source = \"line\"\nkey = \"project\"").expect("attach");
        let lines = csv(folder, "line", "project = \"project\"\nname = \"name\"\n");
        let attached = Attached::new("lines", &config, lines, GuardLimits::default());
        Joined::new(csv(folder, "project", "title = \"title\"\n"), vec![attached])
    }

    /// The names of the lines of each project.
    async fn names(source: &Joined) -> Result<Vec<Vec<String>>, PollError> {
        let name = |line: &Value| match line {
            Value::Map(fields) => fields.get("name").and_then(Value::as_text).unwrap_or_default().to_owned(),
            other => panic!("{other:?}"),
        };
        let fetched = source.fetch(None).await?;
        let lines = |item: &crate::core::item::Item| match item.fields.get("lines") {
            Some(Value::List(lines)) => lines.iter().map(name).collect(),
            other => panic!("{other:?}"),
        };
        Ok(fetched.map(0).items.iter().map(lines).collect())
    }

    #[tokio::test]
    async fn a_child_that_cannot_be_believed_leaves_its_last_good_rows_and_one_that_never_could_voids_the_poll() {
        let folder = tempfile::tempdir().expect("folder");
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        put("project.csv", "id,title\nP1,桥\nP2,路\n");
        let source = projects(folder.path());
        let missing = names(&source).await.expect_err("no lines yet").to_string();
        assert!(missing.starts_with("attach.lines: "), "{missing}");
        put("line.csv", "id,project,name\nL1,P1,用地\nL2,P1,报建\n");
        let both = vec![vec!["用地".to_owned(), "报建".to_owned()], vec![]];
        assert_eq!(names(&source).await, Ok(both.clone()));
        put("line.csv", "id,project,name\n");
        assert_eq!(names(&source).await, Ok(both), "an empty poll is not believed");
        put("line.csv", "id,project,name\nL1,P1,用地\nL3,P2,整理\n");
        assert_eq!(names(&source).await, Ok(vec![vec!["用地".to_owned()], vec!["整理".to_owned()]]));
    }
}
