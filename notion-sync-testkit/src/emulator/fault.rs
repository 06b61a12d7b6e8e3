//! Faults: what the network and a tired service do to requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One thing that can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Fault {
    /// The answer comes late.
    Delay {
        /// How late, in milliseconds of the shared clock.
        milliseconds: u64,
    },
    /// The connection breaks before the request had an effect.
    DropBefore,
    /// The request takes effect, then the connection breaks.
    DropAfter,
    /// The service answers with this status and has done nothing. 429 answers carry `Retry-After`.
    Refuse {
        /// The status, for example 429, 500, 502 or 503.
        status: u16,
        /// `Retry-After` in seconds, where the status has one.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// The request takes effect, then the service answers with this 5xx status.
    FailAfter {
        /// The status.
        status: u16,
    },
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// HTTP method, or empty for every method.
    #[serde(default)]
    pub method: String,
    /// The request path must contain this text. Empty matches every path.
    #[serde(default)]
    pub path_contains: String,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many requests are struck; afterwards the rule is spent.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub fault: Fault,
}

fn one() -> u32 {
    1
}

/// The rules in force, in order. The first rule that matches a request decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPlan {
    rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// Adds a rule after the others.
    pub fn push(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Adds a rule before the others.
    pub fn push_front(&mut self, rule: FaultRule) {
        self.rules.insert(0, rule);
    }

    /// Removes every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules that are not spent yet.
    #[must_use]
    pub fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    /// Takes the fault that strikes this request, if any, and counts it.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<Fault> {
        for rule in &mut self.rules {
            let hit = rule.times > 0
                && (rule.method.is_empty() || rule.method.eq_ignore_ascii_case(method))
                && path.contains(rule.path_contains.as_str());
            if !hit {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            let fault = rule.fault.clone();
            self.rules.retain(|rule| rule.times > 0);
            return Some(fault);
        }
        None
    }
}

impl Fault {
    /// The delay this fault adds to an answer.
    #[must_use]
    pub fn delay(&self) -> Duration {
        match self {
            Self::Delay { milliseconds } => Duration::from_millis(*milliseconds),
            _ => Duration::ZERO,
        }
    }
}
