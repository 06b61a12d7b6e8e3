//! What a rule remembers of a record: the value it accepted, and what that started.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Rule;
use crate::effect::Effect;
use crate::hash::ContentHash;
use crate::id::{OpId, RecordId};
use crate::operation::action_id;
use crate::remote::FieldSchema;
use crate::value::Value;

/// What a rule remembers of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Version of the rule that this was accepted under.
    pub version: ContentHash,
    /// The last settled value.
    pub accepted: Value,
    /// How often it changed.
    pub edge: u64,
    /// What the last firing started, and what is still open of earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<RuleAction>,
}

/// A step of a rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAction {
    /// The edge that fired it.
    pub edge: u64,
    /// Its place among the steps of the rule.
    pub step: usize,
    /// What it does.
    pub effect: Effect,
    /// What the property said.
    pub value: String,
    /// What it said before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The login of who changed it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How it stands.
    pub state: ActionState,
    /// Why it waits, or why it ended as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the property changed, as Notion says it.
    pub since: DateTime<Utc>,
    /// Seconds it has waited for its precondition, without those in which nothing ran.
    #[serde(default)]
    pub waited: u64,
    /// When its precondition was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<DateTime<Utc>>,
    /// When to look again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<DateTime<Utc>>,
    /// Nobody could be asked about its precondition: that is work under way until `again`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unasked: bool,
    /// How often it was sent and surely not applied.
    #[serde(default)]
    pub generation: u64,
}

/// How a step stands. Each ends in exactly one of the final states.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Not looked at yet, or its turn has not come.
    Armed,
    /// Its precondition does not hold yet.
    Gated,
    /// Its operation is planned or sent.
    Sending,
    /// Done.
    Done,
    /// It was so already.
    NoOp,
    /// The property left the value before it was sent, or the rule changed.
    Cancelled,
    /// It waited too long.
    Expired,
    /// It cannot be had as things are.
    Refused,
    /// Its operation was set aside.
    Dead,
}

impl ActionState {
    /// Whether nothing comes of it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Armed | Self::Gated | Self::Sending)
    }

    /// Whether the next step may go on.
    #[must_use]
    pub fn is_reached(self) -> bool {
        matches!(self, Self::Done | Self::NoOp)
    }
}

/// Who changed the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Somebody, as a settled look shows.
    Person,
    /// The sync itself wrote it.
    Engine,
    /// The page was made while the sync was watching, and has its issue since just now.
    Created,
}

/// What came of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether anything is to be remembered.
    pub changed: bool,
    /// Whether the rule fired.
    pub fired: bool,
    /// How many steps were cancelled.
    pub cancelled: usize,
}

impl Trigger {
    /// Takes note of a settled value. `trigger` is what is known, `None` at first.
    pub fn hear(
        trigger: &mut Option<Self>,
        rule: &Rule,
        schema: Option<&FieldSchema>,
        value: &Value,
        at: DateTime<Utc>,
        cause: Cause,
    ) -> Heard {
        let version = rule.version();
        let Some(known) = trigger.as_mut().filter(|known| known.version == version) else {
            // Nothing is known of what it was before: nothing fires, except for a page that was
            // not there before.
            let mut new = Self {
                version,
                accepted: value.clone(),
                edge: trigger.as_ref().map_or(0, |old| old.edge),
                actions: Vec::new(),
            };
            let mut heard = Heard {
                changed: true,
                ..Heard::default()
            };
            if let Some(old) = trigger.take() {
                new.actions = old.actions;
                heard.cancelled = new.cancel("the rule was changed");
            } else if cause == Cause::Created && rule.fire_on_create && rule.stands(value, schema) {
                new.edge += 1;
                new.arm(rule, &Value::Null, value, at);
                heard.fired = true;
            }
            *trigger = Some(new);
            return heard;
        };
        if known.accepted == *value {
            return Heard::default();
        }
        let fires = rule.fires(&known.accepted, value, schema);
        let before = known.accepted.clone();
        // A change that was overtaken before anything was said of it is part of the next one.
        let unsaid = known.unsaid();
        let mut heard = Heard {
            changed: true,
            ..Heard::default()
        };
        if fires || !rule.stands(value, schema) {
            heard.cancelled = known.cancel("the property changed again");
        }
        known.accepted = value.clone();
        known.edge += 1;
        if fires && (cause != Cause::Engine || rule.on_engine_write) {
            known.arm(rule, &before, value, at);
            if let Some(from) = unsaid {
                known.speak_of(&from);
            }
            heard.fired = true;
        }
        heard
    }

    fn arm(&mut self, rule: &Rule, before: &Value, value: &Value, at: DateTime<Utc>) {
        // What ended is in the audit; one firing is kept for people.
        self.actions.retain(|action| !action.state.is_final());
        let words = |value: &Value| match value {
            Value::Null => String::new(),
            Value::Bool(bit) => bit.to_string(),
            other => other.elements().into_iter().collect::<Vec<_>>().join(", "),
        };
        let (from, said) = (words(before), words(value));
        for (step, effect) in rule.steps.iter().enumerate() {
            self.actions.push(RuleAction {
                edge: self.edge,
                step,
                effect: effect.clone(),
                value: said.clone(),
                from: from.clone(),
                by: None,
                state: ActionState::Armed,
                reason: None,
                since: at,
                waited: 0,
                checked_at: None,
                unasked: false,
                again: None,
                generation: 0,
            });
        }
    }

    /// What the property said before the first change of which nothing was said yet.
    fn unsaid(&self) -> Option<String> {
        let waits = |action: &&RuleAction| {
            action.effect == Effect::Summary
                && matches!(action.state, ActionState::Armed | ActionState::Gated)
        };
        (self.actions.iter())
            .find(waits)
            .map(|action| action.from.clone())
    }

    /// Lets the summaries of the last firing speak of everything since a value; there is nothing to
    /// say where the property is back there.
    fn speak_of(&mut self, from: &str) {
        let edge = self.edge;
        (self.actions).retain(|action| {
            !(action.edge == edge && action.effect == Effect::Summary && action.value == from)
        });
        for action in self.actions.iter_mut().filter(|action| action.edge == edge) {
            if action.effect == Effect::Summary {
                from.clone_into(&mut action.from);
            }
        }
    }

    fn cancel(&mut self, why: &str) -> usize {
        let mut count = 0;
        for action in &mut self.actions {
            if !action.state.is_final() {
                action.state = ActionState::Cancelled;
                action.reason = Some(why.to_owned());
                count += 1;
            }
        }
        count
    }

    /// The step whose turn it is: the first that is not done, unless one before it failed.
    #[must_use]
    pub fn turn(&self) -> Option<usize> {
        let at = self
            .actions
            .iter()
            .position(|action| !action.state.is_final())?;
        let edge = self.actions[at].edge;
        self.actions[..at]
            .iter()
            .filter(|before| before.edge == edge)
            .all(|before| before.state.is_reached())
            .then_some(at)
    }

    /// Arms a step again that was set aside, and the steps behind it that ended with it. Nothing
    /// changes where another step stands there, or the property said something else since.
    pub fn revive(&mut self, at: usize) {
        let edge = self.edge;
        let set_aside = (self.actions.get(at))
            .is_some_and(|one| one.state == ActionState::Dead && one.edge == edge);
        if !set_aside {
            return;
        }
        for (place, action) in self.actions.iter_mut().enumerate().skip(at) {
            let behind = action.state == ActionState::Cancelled && action.edge == edge;
            if place == at || behind {
                action.state = ActionState::Armed;
                action.reason = None;
                action.again = None;
                action.generation += 1;
            }
        }
    }

    /// Puts a step that was set aside back to where its operation was on its way, under the same
    /// operation, and arms the steps behind it that ended with it. Answers whether it was set aside.
    pub fn resume(&mut self, at: usize) -> bool {
        let edge = self.edge;
        let Some(action) = (self.actions.get_mut(at)).filter(|one| one.state == ActionState::Dead)
        else {
            return false;
        };
        action.state = ActionState::Sending;
        action.reason = None;
        // Where the property said something else since, the steps behind are not wanted any more.
        let fired = action.edge;
        for behind in self.actions.iter_mut().skip(at + 1) {
            if behind.state == ActionState::Cancelled && behind.edge == fired && fired == edge {
                behind.state = ActionState::Armed;
                behind.reason = None;
                behind.again = None;
            }
        }
        true
    }

    /// Ends the steps behind one that failed.
    pub fn settle(&mut self) -> usize {
        let mut count = 0;
        for at in 0..self.actions.len() {
            let failed = self.actions[..at].iter().any(|before| {
                before.edge == self.actions[at].edge
                    && before.state.is_final()
                    && !before.state.is_reached()
            });
            let action = &mut self.actions[at];
            if failed && !action.state.is_final() {
                action.state = ActionState::Cancelled;
                action.reason = Some("a step before it was not carried out".to_owned());
                count += 1;
            }
        }
        count
    }
}

impl RuleAction {
    /// The id of its operation.
    #[must_use]
    pub fn op(&self, record: &RecordId, rule: &str) -> OpId {
        action_id(record, rule, self.edge, self.step, self.generation)
    }

    /// Takes note of a precondition that does not hold. Time in which nobody looked counts for an
    /// hour at most: a program that was not running does not make a step expire.
    pub fn wait(&mut self, reason: String, again: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        const MOST: i64 = 3_600;
        let passed = (self.checked_at).map_or(0, |at| (now - at).num_seconds().clamp(0, MOST));
        self.waited += u64::try_from(passed).unwrap_or(0);
        self.checked_at = Some(now);
        self.unasked = false;
        self.state = ActionState::Gated;
        self.reason = Some(reason);
        // The longer it waits, the less often it is looked at: half a minute to a quarter hour.
        let pause = i64::try_from(self.waited / 4).unwrap_or(900).clamp(30, 900);
        let own = now + chrono::Duration::seconds(pause);
        self.again = Some(again.map_or(own, |at| at.max(now + chrono::Duration::seconds(5))));
    }

    /// Takes note that nobody can be asked about its precondition before `again`. That is no waiting of
    /// its own: it does not expire by it.
    pub fn ask_later(&mut self, again: DateTime<Utc>, now: DateTime<Utc>) {
        self.checked_at = Some(now);
        self.again = Some(again.max(now + chrono::Duration::seconds(1)));
        self.unasked = true;
    }

    /// Takes note that asking about its precondition failed, which says nothing of it. A failure that
    /// lasts is a wait like any other.
    pub fn ask_failed(&mut self, reason: String, now: DateTime<Utc>) {
        const PASSING: u64 = 300;
        self.wait(reason, None, now);
        self.unasked = self.waited < PASSING;
    }

    /// Ends it.
    pub fn end(&mut self, state: ActionState, reason: Option<String>) {
        self.state = state;
        self.reason = reason;
        self.again = None;
        self.unasked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{Effect, Note};

    const VALUES: [&str; 3] = ["Todo", "Review", "Done"];

    fn rule() -> Rule {
        Rule::new("ship", "Status")
            .enters(["Review", "Done"])
            .then(Effect::MarkReady)
            .then(Effect::Comment(Note::default()))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + chrono::Duration::seconds(seconds)
    }

    fn hear(trigger: &mut Option<Trigger>, rule: &Rule, value: &str, cause: Cause) -> Heard {
        Trigger::hear(trigger, rule, None, &Value::text(value), at(0), cause)
    }

    /// Every sequence of up to five values by every cause: it fires exactly where the value enters
    /// the set by a person's hand, whatever is delivered twice.
    #[test]
    fn it_fires_once_for_each_time_the_value_enters() {
        let rule = rule();
        let steps: Vec<(usize, Cause)> = (0..VALUES.len())
            .flat_map(|value| [(value, Cause::Person), (value, Cause::Engine)])
            .collect();
        let total = steps.len().pow(5);
        for number in 0..total {
            let mut rest = number;
            let mut trigger = None;
            let mut fired = 0;
            let mut expected = 0;
            let mut before: Option<usize> = None;
            for _ in 0..5 {
                let (value, cause) = steps[rest % steps.len()];
                rest /= steps.len();
                fired += usize::from(hear(&mut trigger, &rule, VALUES[value], cause).fired);
                // The same again: a webhook delivered twice, a poll.
                assert_eq!(
                    hear(&mut trigger, &rule, VALUES[value], cause),
                    Heard::default()
                );
                let entered = before.is_some_and(|before| before == 0) && value != 0;
                expected += usize::from(entered && cause == Cause::Person);
                before = Some(value);
                let trigger = trigger.as_ref().unwrap();
                let open = trigger.actions.iter().any(|a| !a.state.is_final());
                assert!(!open || value != 0, "what is open stands in the set");
            }
            assert_eq!(fired, expected, "{number}");
        }
    }

    #[test]
    fn each_firing_has_operations_of_its_own() {
        let rule = rule();
        let record = RecordId::from("r");
        let mut trigger = None;
        let mut seen = std::collections::BTreeSet::new();
        for value in ["Todo", "Review", "Todo", "Review", "Todo", "Done"] {
            if hear(&mut trigger, &rule, value, Cause::Person).fired {
                for action in &trigger.as_ref().unwrap().actions {
                    assert!(seen.insert(action.op(&record, &rule.id)));
                }
            }
        }
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn a_page_that_was_there_before_fires_nothing() {
        let mut rule = rule();
        rule.fire_on_create = true;
        let mut trigger = None;
        assert!(!hear(&mut trigger, &rule, "Review", Cause::Person).fired);
        let mut trigger = None;
        assert!(hear(&mut trigger, &rule, "Review", Cause::Created).fired);
        rule.fire_on_create = false;
        let mut trigger = None;
        assert!(!hear(&mut trigger, &rule, "Review", Cause::Created).fired);
    }

    #[test]
    fn another_version_of_a_rule_cancels_and_starts_over() {
        let rule = rule();
        let mut trigger = None;
        hear(&mut trigger, &rule, "Todo", Cause::Person);
        assert!(hear(&mut trigger, &rule, "Review", Cause::Person).fired);
        let changed = rule.clone().then(Effect::Reopen);
        let heard = hear(&mut trigger, &changed, "Done", Cause::Person);
        assert_eq!((heard.fired, heard.cancelled), (false, 2));
        assert!(!hear(&mut trigger, &changed, "Done", Cause::Person).fired);
        hear(&mut trigger, &changed, "Todo", Cause::Person);
        assert!(hear(&mut trigger, &changed, "Done", Cause::Person).fired);
        assert_eq!(trigger.unwrap().edge, 3);
    }

    #[test]
    fn steps_come_in_order_and_end_with_the_one_that_failed() {
        let mut trigger = None;
        hear(&mut trigger, &rule(), "Todo", Cause::Person);
        hear(&mut trigger, &rule(), "Done", Cause::Person);
        let mut trigger = trigger.unwrap();
        assert_eq!(trigger.turn(), Some(0));
        trigger.actions[0].end(ActionState::NoOp, None);
        assert_eq!(trigger.turn(), Some(1));
        trigger.actions[0].state = ActionState::Refused;
        assert_eq!(trigger.turn(), None);
        assert_eq!(trigger.settle(), 1);
        assert_eq!(trigger.actions[1].state, ActionState::Cancelled);
    }

    #[test]
    fn time_in_which_nothing_ran_does_not_count() {
        let mut trigger = None;
        hear(&mut trigger, &rule(), "Todo", Cause::Person);
        hear(&mut trigger, &rule(), "Done", Cause::Person);
        let action = &mut trigger.unwrap().actions[0];
        action.wait("checks run".to_owned(), None, at(0));
        assert_eq!((action.waited, action.again), (0, Some(at(30))));
        action.wait("checks run".to_owned(), None, at(30));
        assert_eq!(action.waited, 30);
        action.wait("checks run".to_owned(), None, at(86_400));
        assert_eq!(action.waited, 3_630);
    }

    #[test]
    fn groups_of_a_status_are_known_from_the_schema() {
        let schema = FieldSchema {
            name: "Status".to_owned(),
            kind: "status".to_owned(),
            options: vec![("Shipped".to_owned(), Some("Complete".to_owned()))],
            closed: true,
            inward: false,
            later: false,
        };
        let values = super::super::Values {
            groups: ["Complete".to_owned()].into(),
            ..Default::default()
        };
        assert!(values.holds(&Value::text("Shipped"), Some(&schema)));
        assert!(!values.holds(&Value::text("Todo"), Some(&schema)));
        assert!(!values.holds(&Value::Null, Some(&schema)));
    }
}
