//! When a card asks for an order, and who answers for orders.

use serde::{Deserialize, Serialize};

use crate::core::window::Level;

/// What holds for all orders: `[orders]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// The levels at which a card proposes an order.
    pub propose: Vec<Level>,
    /// The rules that run clocks on orders, and see nothing else of them. While none of them is enabled, no card proposes
    /// an order.
    pub rules: Vec<String>,
    /// The role of those who classify, dispatch and verify.
    pub centre: String,
    /// Cards whose orders are dispatched at once to their item's unit, without anybody's doing.
    pub auto_dispatch: Vec<AutoDispatch>,
}

/// Which cards' orders are dispatched at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoDispatch {
    /// The rule.
    pub rule: String,
    /// The level.
    pub level: Level,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            propose: vec![Level::Red],
            rules: vec!["order".into()],
            centre: "city_centre".into(),
            auto_dispatch: Vec::new(),
        }
    }
}

impl Terms {
    /// Whether the order that a card of a rule asks for is dispatched at once.
    pub fn dispatches(&self, rule: &str, level: Level) -> bool {
        self.auto_dispatch.iter().any(|auto| auto.rule == rule && auto.level == level)
    }

    /// Whether a rule runs clocks on orders.
    pub fn is_for_orders(&self, rule: &str) -> bool {
        self.rules.iter().any(|name| name == rule)
    }
}
