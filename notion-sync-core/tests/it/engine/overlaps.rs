//! Hints of people who edited what a write replaced while it was under way.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::audit::{AuditEvent, AuditRow};
use notion_sync_core::engine::{Budget, Tick};
use notion_sync_core::event::{Change, ChangeEvent};
use notion_sync_core::id::OpId;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;
use serde_json::json;

use super::world::{World, body, rewrite, tasks};

/// A page whose title came from its issue just now, and when that was.
struct Written {
    world: World,
    page: String,
    at: DateTime<Utc>,
}

fn written(faults: &[ModelFault]) -> Written {
    let world = World::new(tasks(Policy::GithubWins));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    world.pass(10);
    world.pages.fail(faults.iter().copied());
    let number = world.repo.numbers()[0];
    world
        .repo
        .set_issue(number, "title", Value::text("Fix logout"));
    let at = world.engine_time();
    world.poll();
    Written { world, page, at }
}

impl Written {
    fn hint(&self, id: &str, seconds: i64, people: Option<bool>, field: &str) -> ChangeEvent {
        serde_json::from_value(json!({
            "id": id, "side": "notion", "detected": "webhook", "detected_at": self.at,
            "occurred_at": self.at + Duration::seconds(seconds), "people": people,
            "object": {"system": "notion", "kind": "page", "id": self.page},
            "changed": {(field): {}},
        }))
        .unwrap()
    }

    fn look(&self, hint: ChangeEvent) -> Tick {
        block_on(self.world.engine.ingest(hint)).unwrap();
        block_on(self.world.engine.tick(Budget::default())).unwrap()
    }

    fn told(&self) -> Vec<AuditRow> {
        let mut rows = block_on(State::new(&*self.world.store).audit(None)).unwrap();
        rows.retain(|row| row.event == AuditEvent::Overlap);
        rows
    }
}

#[test]
fn an_edit_while_a_write_was_under_way_is_told_of_once() {
    let written = written(&[]);
    let tick = written.look(written.hint("a", 0, Some(true), "title"));
    let told = written.told();
    assert_eq!(told.len(), 1);
    let op: &OpId = told[0].op.as_ref().unwrap();
    let state = State::new(&*written.world.store);
    let op = block_on(state.operation(op)).unwrap().unwrap().value;
    assert_eq!(op.side, notion_sync_core::id::Side::Notion);
    let incidents: Vec<&str> = (tick.mappings.iter().flat_map(|report| &report.incidents))
        .map(|incident| incident.message.as_str())
        .collect();
    assert!(
        incidents.iter().any(|text| text.contains("may be gone")),
        "{incidents:?}"
    );
    // The same delivery again.
    written.look(written.hint("a", 0, Some(true), "title"));
    assert_eq!(written.told().len(), 1);
    assert_eq!(block_on(state.waiting()).unwrap().hints, 0);
}

#[test]
fn edits_at_other_times_of_other_things_and_by_programs_are_not() {
    let written = written(&[]);
    for (id, seconds, people, field) in [
        ("before", -5, Some(true), "title"),
        ("after", 5, Some(true), "title"),
        ("other", 0, Some(true), "labels"),
        ("program", 0, Some(false), "title"),
        ("unsaid", 0, None, "title"),
    ] {
        written.look(written.hint(id, seconds, people, field));
        assert_eq!(written.told(), [], "{id}");
    }
}

#[test]
fn a_hint_that_is_faster_than_the_outcome_is_heard() {
    let written = written(&[ModelFault::LostAfter]);
    let state = State::new(&*written.world.store);
    let open = block_on(state.open_operations(&written.world.mapping.id)).unwrap();
    assert!(open.iter().any(|op| op.value.state.is_unresolved()));
    written.look(written.hint("a", 20, Some(true), "title"));
    assert_eq!(written.told().len(), 1);
}

/// An issue whose title and text came from its page just now.
fn written_issue() -> (Written, u32) {
    let world = World::new(tasks(Policy::NotionWins));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    world.pass(10);
    let number = world.repo.numbers()[0];
    let title = Value::text("Fix logout");
    world.pages.set(&page, "title", title);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Steps", "More steps"));
    let at = world.engine_time();
    world.poll();
    (Written { world, page, at }, number)
}

impl Written {
    fn edited(
        &self,
        id: &str,
        number: u32,
        seconds: i64,
        changed: BTreeMap<&str, Change>,
    ) -> ChangeEvent {
        serde_json::from_value(json!({
            "id": id, "side": "github", "detected": "webhook", "detected_at": self.at,
            "occurred_at": self.at + Duration::seconds(seconds), "event": "issues.edited",
            "object": {"system": "github", "kind": "issue", "id": number.to_string()},
            "changed": changed,
        }))
        .unwrap()
    }
}

/// GitHub says what an edit replaced: our own write tells of whoever came between.
#[test]
fn a_write_that_replaced_another_text_than_it_was_made_for_is_told_of() {
    let text = |text: &str| Some(Value::text(text));
    let title = |before, after| Change::of(text(before), text(after));
    for (what, told, seconds, key, change) in [
        (
            "ours, over somebody's",
            true,
            0,
            "title",
            title("Fix signup", "Fix logout"),
        ),
        (
            "ours, over what was there",
            false,
            0,
            "title",
            title("Fix login", "Fix logout"),
        ),
        (
            "somebody's before ours",
            false,
            0,
            "title",
            title("Fix login", "Fix signup"),
        ),
        (
            "somebody's after ours",
            false,
            0,
            "title",
            title("Fix logout", "Fix signup"),
        ),
        (
            "the same at another time",
            false,
            60,
            "title",
            title("Fix signup", "Fix logout"),
        ),
        (
            "another field",
            false,
            0,
            "milestone",
            title("Fix signup", "Fix logout"),
        ),
        (
            "nobody says what was there",
            false,
            0,
            "title",
            Change::of(None, text("Fix logout")),
        ),
        (
            "our text, over somebody's",
            true,
            0,
            "body",
            Change::of_text("Hers\n", "More steps\r\n"),
        ),
        (
            "our text, over what was there",
            false,
            0,
            "body",
            Change::of_text("Steps\n", "More steps\n"),
        ),
        (
            "a text of which nothing is known",
            false,
            0,
            "body",
            Change::default(),
        ),
    ] {
        let (written, number) = written_issue();
        let hint = written.edited("a", number, seconds, BTreeMap::from([(key, change)]));
        let tick = written.look(hint.clone());
        let rows = written.told();
        assert_eq!(rows.len(), usize::from(told), "{what}: {rows:?}");
        let mut incidents = tick.mappings.iter().flat_map(|report| &report.incidents);
        assert_eq!(
            incidents.any(|one| one.message.contains("history of the issue")),
            told,
            "{what}"
        );
        // The same delivery again.
        written.look(hint);
        assert_eq!(written.told().len(), usize::from(told), "{what}");
        let state = State::new(&*written.world.store);
        assert_eq!(block_on(state.waiting()).unwrap().hints, 0, "{what}");
    }
}
