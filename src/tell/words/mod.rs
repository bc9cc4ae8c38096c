//! Words (stand-in until merged).
use serde::{Deserialize, Serialize};
/// Language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Language {
    /// zh
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// en
    #[serde(rename = "en")]
    En,
}

/// Templates.
#[derive(Debug)]
pub struct Templates;
impl Templates {
    /// New.
    pub fn new(_: impl Iterator<Item = (String, String)>) -> Result<Self, String> { Ok(Self) }
}
