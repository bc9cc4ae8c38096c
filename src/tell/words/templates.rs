//! **Templates**: the built-in ones, and those with which an office replaces them.

use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};

use super::super::facts::Facts;
use super::line::{Line, fit, units};
use super::page::Page;
use super::short::losses;
use super::{Language, Rendered, SHORT_MESSAGE, plain, sample};
use crate::core::contact::Medium;

/// What ships, by language and medium.
pub(super) const BUILT_IN: [(&str, &str); 10] = [
    ("zh-CN/mail.subject", include_str!("../../../config/templates/zh-CN/mail.subject")),
    ("zh-CN/mail.txt", include_str!("../../../config/templates/zh-CN/mail.txt")),
    ("zh-CN/mail.html", include_str!("../../../config/templates/zh-CN/mail.html")),
    ("zh-CN/sms.txt", include_str!("../../../config/templates/zh-CN/sms.txt")),
    ("zh-CN/im.txt", include_str!("../../../config/templates/zh-CN/im.txt")),
    ("en/mail.subject", include_str!("../../../config/templates/en/mail.subject")),
    ("en/mail.txt", include_str!("../../../config/templates/en/mail.txt")),
    ("en/mail.html", include_str!("../../../config/templates/en/mail.html")),
    ("en/sms.txt", include_str!("../../../config/templates/en/sms.txt")),
    ("en/im.txt", include_str!("../../../config/templates/en/im.txt")),
];

/// Instructions that one rendering may take.
const FUEL: u64 = 1_000_000;
/// Bytes that one rendering may make.
const LARGEST: usize = 1024 * 1024;
const LONGEST_SUBJECT: usize = 150;
/// Bytes of a messenger's text; `WeCom` takes 2,048.
const LONGEST_IM: usize = 2_000;

/// The templates of all languages and media, checked.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The template, such as `zh-CN/mail.html`.
    pub file: String,
    /// The line, if the problem is at one.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

impl TemplateError {
    fn new(file: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, problem: problem.into() }
    }

    fn of(file: &str, error: &minijinja::Error) -> Self {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        Self {
            file: error.name().unwrap_or(file).to_owned(),
            line: error.line(),
            problem: format!("{}{detail}{source}", error.kind()),
        }
    }
}

impl Templates {
    /// The built-in templates, some replaced. Those are checked with sample facts of every kind. What lies in no language's
    /// folder, such as a README, is no template.
    pub fn new(overrides: impl Iterator<Item = (String, String)>) -> Result<Self, TemplateError> {
        let mut environment = environment();
        for (name, text) in BUILT_IN {
            environment.add_template(name, text).map_err(|error| TemplateError::of(name, &error))?;
        }
        // The built-in ones were checked before they were shipped.
        let mut is_checked = true;
        for (name, text) in overrides.filter(|(name, _)| name.contains('/')) {
            if !BUILT_IN.iter().any(|(known, _)| *known == name) {
                let known = BUILT_IN.map(|(known, _)| known).join(", ");
                return Err(TemplateError::new(&name, format!("no such template; there are {known}")));
            }
            let added = environment.add_template_owned(name.clone(), text.replace("\r\n", "\n"));
            added.map_err(|error| TemplateError::of(&name, &error))?;
            is_checked = false;
        }
        let templates = Self { environment };
        if !is_checked {
            templates.check()?;
        }
        Ok(templates)
    }

    fn check(&self) -> Result<(), TemplateError> {
        for language in [Language::Chinese, Language::English] {
            for facts in sample::every_kind() {
                for medium in [Medium::Mail, Medium::Sms, Medium::Im] {
                    self.try_render(&facts, language, medium)?;
                }
            }
        }
        Ok(())
    }

    /// The facts as a message. If a template fails, the built-in plain text goes out, and the error is for operators.
    pub fn render(&self, facts: &Facts, language: Language, medium: Medium) -> (Rendered, Option<TemplateError>) {
        match self.try_render(facts, language, medium) {
            Ok(rendered) => (rendered, None),
            Err(error) => (plain::render(&Page::new(facts, language), medium), Some(error)),
        }
    }

    fn try_render(&self, facts: &Facts, language: Language, medium: Medium) -> Result<Rendered, TemplateError> {
        let page = Page::new(facts, language);
        let context = Value::from(Serde(&page));
        let subject = self.fill(&page, "mail.subject", &context)?;
        let subject = Line::cut(&format!("{} {subject}", page.rehearsal), LONGEST_SUBJECT).to_string();
        let (text, html) = match medium {
            Medium::Mail => {
                let text = self.fill(&page, "mail.txt", &context)?;
                (below(&page.rehearsal, text), Some(self.fill(&page, "mail.html", &context)?))
            }
            Medium::Sms => (self.short_message(page)?, None),
            Medium::Im => (self.robot_text(&page, &context)?, None),
        };
        Ok(Rendered { subject, text, html })
    }

    /// The short message, losing one part after the other until it is short enough.
    fn short_message(&self, mut page: Page) -> Result<String, TemplateError> {
        for loss in losses(&page) {
            let said = self.said_short(&page)?;
            let over = units(&said).saturating_sub(SHORT_MESSAGE);
            if over == 0 {
                return Ok(said);
            }
            loss.take(&mut page, over);
        }
        Ok(fit(&self.said_short(&page)?, SHORT_MESSAGE))
    }

    fn said_short(&self, page: &Page) -> Result<String, TemplateError> {
        // Only the signature and the rehearsal's mark stand in 【】.
        let (signature, rehearsal) = (page.signature.as_str(), page.rehearsal.as_str());
        let context = context! { signature, rehearsal, ..Unsigned::of(Value::from(Serde(page))) };
        let said = self.fill(page, "sms.txt", &context)?;
        Ok(Line::from(format!("{}{said}", page.rehearsal)).to_string())
    }

    /// The messenger's text, losing members until it is short enough.
    fn robot_text(&self, page: &Page, whole: &Value) -> Result<String, TemplateError> {
        let mut text = String::new();
        for most in [10, 5, 2, 1] {
            let short = page.shortened(most).map(|short| Value::from(Serde(short)));
            text = below(&page.rehearsal, self.fill(page, "im.txt", short.as_ref().unwrap_or(whole))?);
            if text.len() <= LONGEST_IM {
                return Ok(text);
            }
        }
        Ok(plain::cut_bytes(&text, LONGEST_IM))
    }

    fn fill(&self, page: &Page, name: &str, context: &Value) -> Result<String, TemplateError> {
        let file = format!("{}/{name}", page.language);
        let template = self.environment.get_template(&file).map_err(|error| TemplateError::of(&file, &error))?;
        let mut written = Bounded(Vec::new());
        let rendered = template.render_captured_to(context.clone(), &mut written).map(drop);
        rendered.map_err(|error| TemplateError::of(&file, &error))?;
        // Whoever writes to it writes texts.
        let mut text = String::from_utf8(written.0).unwrap_or_default();
        text.truncate(text.trim_end().len());
        text.drain(..text.len() - text.trim_start().len());
        if text.is_empty() {
            return Err(TemplateError::new(&file, "expected a text, got nothing"));
        }
        Ok(text + if name == "mail.subject" { "" } else { "\n" })
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // What an item says never becomes markup.
    environment.remove_filter("safe");
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are distinct"));
    environment
}

/// What holds texts, as short messages say them: without 【】.
#[derive(Debug)]
struct Unsigned(DynObject);

impl Unsigned {
    fn of(value: Value) -> Value {
        match (value.as_str(), value.as_object()) {
            (Some(text), _) => plain::unsigned(text).into(),
            (None, Some(object)) => Value::from_object(Self(object.clone())),
            (None, None) => value,
        }
    }
}

impl Object for Unsigned {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        self.0.repr()
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get_value(key).map(Self::of)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.0.repr() {
            // The keys alone: an enumeration of values beside them would pass by what this changes.
            ObjectRepr::Map => Enumerator::Values(self.0.try_iter().into_iter().flatten().collect()),
            _ => self.0.enumerate(),
        }
    }
}

/// A text below the rehearsal's mark, if there is one.
fn below(mark: &Line, text: String) -> String {
    if mark.is_empty() { text } else { format!("{mark}\n\n{text}") }
}

/// A writer that refuses to hold too much.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other(format!("makes more than {LARGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
