//! Words (stand-in until merged).
/// Templates.
#[derive(Debug)]
pub struct Templates;
impl Templates {
    /// New.
    pub fn new(_: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        Ok(Self)
    }
}

/// Rendered.
#[derive(Debug)]
pub struct Rendered {
    /// s
    pub subject: String,
    /// t
    pub text: String,
    /// h
    pub html: Option<String>,
}
impl Templates {
    /// Render.
    pub fn render(
        &self,
        _: &super::facts::Facts,
        _: super::language::Language,
        _: crate::core::contact::Medium,
    ) -> (Rendered, Option<String>) {
        (Rendered { subject: String::new(), text: String::new(), html: None }, None)
    }
}
