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
