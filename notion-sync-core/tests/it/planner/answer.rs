//! What is expected of a decision about a record as a whole.

use notion_sync_core::reconcile::table::Row;
use notion_sync_core::reconcile::{Plan, Step};
use notion_sync_core::record::{Life, UnitId};

use super::scene::Scene;

/// What a row answers: steps, and what people read where something waits or is to be looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    row: u8,
    steps: Vec<Step>,
    hold: Option<&'static str>,
    alert: Option<(&'static str, bool)>,
    life: Option<Life>,
}

pub(super) fn row(row: u8) -> Answer {
    Answer {
        row,
        ..Answer::default()
    }
}

impl Answer {
    pub(super) fn does(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) fn waits(mut self, reason: &'static str) -> Self {
        self.hold = Some(reason);
        self
    }

    /// A person is told, of nothing that contradicts the registry.
    pub(super) fn tells(mut self, message: &'static str) -> Self {
        self.alert = Some((message, false));
        self
    }

    /// A person is told that registry and remotes contradict each other.
    pub(super) fn drifts(mut self, message: &'static str) -> Self {
        self.alert = Some((message, true));
        self
    }

    pub(super) fn becomes(mut self, life: Life) -> Self {
        self.life = Some(life);
        self
    }

    /// The plan is this and nothing else; of texts a part is enough.
    pub(super) fn of(&self, what: &str, scene: &Scene) {
        let plan = scene.plan();
        let decided = Row(self.row);
        assert_eq!(plan.rows, [(UnitId::Record, decided)], "{what}: {plan:?}");
        let held: Vec<_> = plan
            .holds
            .iter()
            .map(|hold| (&hold.unit, hold.row))
            .collect();
        let expected: Vec<_> = self
            .hold
            .iter()
            .map(|_| (&UnitId::Record, decided))
            .collect();
        assert_eq!(held, expected, "{what}: {plan:?}");
        for (hold, reason) in plan.holds.iter().zip(self.hold) {
            assert!(hold.reason.contains(reason), "{what}: {}", hold.reason);
        }
        let told: Vec<_> = plan
            .alerts
            .iter()
            .map(|alert| (alert.row, alert.drift))
            .collect();
        let expected: Vec<_> = self
            .alert
            .iter()
            .map(|(_, drift)| (decided, *drift))
            .collect();
        assert_eq!(told, expected, "{what}: {plan:?}");
        for (alert, (message, _)) in plan.alerts.iter().zip(self.alert) {
            assert!(alert.message.contains(message), "{what}: {}", alert.message);
        }
        let rest = Plan {
            rows: Vec::new(),
            holds: Vec::new(),
            alerts: Vec::new(),
            ..plan
        };
        let expected = Plan {
            steps: self.steps.clone(),
            life: self.life,
            ..Plan::default()
        };
        assert_eq!(rest, expected, "{what}");
    }
}

pub(super) fn all(cases: Vec<(&str, Scene, Answer)>) {
    for (what, scene, answer) in cases {
        answer.of(what, &scene);
    }
}
