//! Templates that fail: the built-in text goes out instead, and operators hear of each template once.

use std::collections::BTreeMap;

use crate::core::Instant;
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::Pipeline;
use crate::playbook::Playbook;
use crate::store::Result;
use crate::tell::words::TemplateError;

/// The templates that failed, by file.
#[derive(Default)]
pub(super) struct Failing {
    /// What operators are still to be told; nothing once they are.
    errors: BTreeMap<String, Option<TemplateError>>,
}

impl Failing {
    /// A template failed, if one did.
    pub(super) fn hear(&mut self, error: Option<&TemplateError>) {
        if let Some(error) = error {
            self.errors.entry(error.file.clone()).or_insert_with(|| Some(error.clone()));
        }
    }

    /// Tells operators of what they do not know: once under a playbook, also if this breaks off in between.
    pub(super) async fn tell(&mut self, playbook: &Playbook, pipeline: &Pipeline, now: Instant) -> Result<()> {
        for (file, untold) in &mut self.errors {
            let Some(error) = untold else { continue };
            let language = playbook.language;
            let title = format!("{} {file}", language.pick("模板出错:", "A template fails:"));
            let instead = language.pick("消息已改用内置文本发出。", "The built-in text goes out instead.");
            let body = Body { title, lines: vec![error.to_string(), instead.to_owned()] };
            let subject = format!("template:{}:{file}", playbook.version);
            pipeline.tell_operators(playbook, NoticeKind::System, &subject, body, now).await?;
            *untold = None;
        }
        Ok(())
    }
}
