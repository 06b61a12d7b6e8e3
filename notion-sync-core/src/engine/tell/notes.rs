//! What the sync keeps on an issue: the hidden block that names its page, and the comment that shows
//! what both agreed on last.
//!
//! Neither is a unit: they are outside every hash, so that writing them changes nothing that could be
//! carried over. The block is written once, as soon as there is a pair. The comment is written when a
//! look finds both sides at rest, and again when such a look would say something else.

use std::collections::{BTreeMap, BTreeSet};

use crate::comment::{Card, CardPull, Discuss, DiscussStep};
use crate::engine::observe::bind::Bound;
use crate::engine::pairs::marks::{named_by_page, names_of};
use crate::engine::plan::render::Draft;
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::{FieldId, RemoteRef, Side};
use crate::mapping::field::FieldLens;
use crate::mapping::{FieldKind, IssueMarks, Lens as _, MappingKind, View};
use crate::operation::{Operation, Settlement};
use crate::reconcile::Plan;
use crate::record::{Life, Record};
use crate::remote::{Ack, Action};
use crate::snapshot::Presence;
use crate::state::{Batch, RecordState, Stored};
use crate::value::Value;

/// Bookkeeping of an issue: the page's id.
pub(in crate::engine) const MARK_PAGE: &str = "notion_page_id";
/// Bookkeeping of an issue: the revision of the page.
pub(in crate::engine) const MARK_REVISION: &str = "notion_revision";
/// Bookkeeping of an issue: the visible link.
pub(in crate::engine) const MARK_URL: &str = "notion_url";

/// Most pull requests that the comment names: the newest.
const PULLS: usize = 20;
/// Most characters of one value that the comment shows.
const MAX_VALUE: usize = 500;

/// What a look saw of a record, for what is kept on its issue.
pub(in crate::engine) struct Rest<'a> {
    pub(in crate::engine) plan: &'a Plan,
    pub(in crate::engine) operations: &'a [Operation],
    pub(in crate::engine) open: &'a [Stored<Operation>],
    pub(in crate::engine) notion: Option<&'a View>,
    pub(in crate::engine) github: Option<&'a View>,
}

impl Engine {
    /// T6 of a page that was made for an issue: now the issue can name it.
    pub(in crate::engine) async fn mark_new_pair(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        op: &Operation,
        batch: &mut Batch,
    ) -> Result<()> {
        if op.settlement.creates && op.side == Side::Notion {
            self.mark_issue(binding, state, &[], batch).await?;
        }
        Ok(())
    }

    /// Plans the hidden block of an issue that a look showed without one, once.
    pub(in crate::engine) async fn mark_seen_issue(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        rest: &Rest<'_>,
        batch: &mut Batch,
    ) -> Result<()> {
        let Some(issue) = rest.github.filter(|view| is_there(view)) else {
            return Ok(());
        };
        if binding.mapping.kind != MappingKind::Tasks {
            return Ok(());
        }
        if issue.marker.counterpart.is_some() && !issue.marker.aside {
            state.record.marked = true;
            return Ok(());
        }
        let drifts = rest.plan.alerts.iter().any(|alert| alert.drift);
        // It goes out with the text.
        let along = (rest.operations.iter()).any(|op| {
            op.side == Side::Github
                && matches!(&op.write.action, Action::Update(update) if update.content.is_some())
        });
        if !rest.notion.is_some_and(is_there)
            || issue.marker.newer_format.is_some()
            || drifts
            || along
        {
            return Ok(());
        }
        self.mark_issue(binding, state, rest.open, batch).await
    }

    async fn mark_issue(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        open: &[Stored<Operation>],
        batch: &mut Batch,
    ) -> Result<()> {
        let record = &state.record;
        let wanted = binding.mapping.kind == MappingKind::Tasks
            && binding.mapping.notes.marks == IssueMarks::All
            && record.life == Life::Live
            && !record.marked
            && !record.copy;
        let (Some(page), Some(issue)) = (&record.notion, &record.github) else {
            return Ok(());
        };
        if !wanted {
            return Ok(());
        }
        let mut fields = BTreeMap::from([(MARK_PAGE.to_owned(), page.id.clone())]);
        fields.extend((record.urls.0.clone()).map(|url| (MARK_URL.to_owned(), url)));
        let about = ContentHash::of("nsync/mark/v2", &(page, issue));
        let draft = Draft {
            side: Side::Github,
            name: "mark",
            action: Action::Bookkeep {
                object: issue.clone(),
                fields,
            },
            settlement: Settlement::default(),
            label: "name the page on the issue".to_owned(),
            rows: Vec::new(),
            content: Some((about, about)),
            epoch: 0,
        };
        self.note(binding, state, draft, open, batch).await
    }

    /// Plans the comment that shows what both sides agree on, where they are at rest and it says
    /// something else.
    pub(in crate::engine) async fn show_state(
        &self,
        binding: &Binding,
        bound: &Bound,
        state: &mut RecordState,
        rest: &Rest<'_>,
        batch: &mut Batch,
    ) -> Result<()> {
        if !binding.mapping.notes.automation_comment || binding.mapping.kind != MappingKind::Tasks {
            return Ok(());
        }
        let Some(card) = card(bound, &state.record, rest) else {
            return Ok(());
        };
        let wanted = card.state();
        let known = state.record.card.clone().unwrap_or_default();
        if known.gone || known.written == Some(wanted) {
            return Ok(());
        }
        if rest.open.iter().any(|op| is_card(&op.value.write.action)) {
            state.record.card.get_or_insert_default().again = true;
            return Ok(());
        }
        let Some(issue) = state.record.github.clone() else {
            return Ok(());
        };
        let discuss = Discuss {
            place: issue,
            step: DiscussStep::Card {
                known: known.comment,
                card: Box::new(card),
            },
        };
        let before = ContentHash::of("nsync/card/v1", &known.written);
        let draft = Draft {
            side: Side::Github,
            name: "card",
            label: discuss.label().to_owned(),
            action: Action::Discuss(Box::new(discuss)),
            settlement: Settlement::default(),
            rows: Vec::new(),
            content: Some((before, wanted)),
            epoch: 0,
        };
        self.note(binding, state, draft, rest.open, batch).await
    }

    async fn note(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        draft: Draft,
        open: &[Stored<Operation>],
        batch: &mut Batch,
    ) -> Result<()> {
        let prepared = bare(state);
        let planned = (self.operation(binding, &prepared, draft, None, open)).await?;
        if let Some(mut op) = planned
            && !open.iter().any(|known| known.value.id == op.id)
        {
            op.sequence = state.record.next_sequence;
            state.record.next_sequence += 1;
            batch.operation(&op, None)?;
        }
        Ok(())
    }

    /// T6 of both.
    pub(in crate::engine) fn note_done(&self, op: &Operation, ack: &Ack, record: &mut Record) {
        let now = self.now();
        match &op.write.action {
            Action::Create(_) if op.side == Side::Github => record.marked = true,
            Action::Update(update) if op.side == Side::Github => {
                record.marked |= update.content.is_some() && op.write.page.is_some();
            }
            Action::Bookkeep { fields, .. } if op.side == Side::Github => {
                if let Some(page) = fields.get(MARK_PAGE) {
                    record.marked = !page.is_empty();
                }
            }
            Action::Discuss(discuss) => {
                let DiscussStep::Card { card, .. } = &discuss.step else {
                    return;
                };
                let known = record.card.get_or_insert_default();
                known.gone = ack.notes.contains_key("gone");
                known.comment = ack.links.get("comment").cloned().filter(|_| !known.gone);
                known.written = Some(card.state());
                if std::mem::take(&mut known.again) {
                    record.look_at = Some(record.look_at.map_or(now, |at| at.min(now)));
                }
            }
            _ => {}
        }
    }

    /// Lets issues that nothing else pairs say what the sync's own comment on them says.
    pub(in crate::engine) async fn read_cards(
        &self,
        binding: &Binding,
        pages: &[&View],
        others: &mut [&mut View],
    ) -> Result<()> {
        let kind = binding.mapping.kind;
        if kind != MappingKind::Tasks || !binding.mapping.notes.automation_comment {
            return Ok(());
        }
        let named: BTreeSet<_> = (pages.iter())
            .flat_map(|page| named_by_page(kind, page))
            .collect();
        let asked: Vec<RemoteRef> = (others.iter())
            .filter(|view| view.marker.counterpart.is_none())
            .filter(|view| names_of(kind, view).is_disjoint(&named))
            .map(|view| view.object.clone())
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        for found in binding.github.cards(&asked).await? {
            if let Some(view) = others.iter_mut().find(|view| view.object == found.object) {
                view.marker.counterpart = Some(found.page);
                view.marker.aside = true;
                view.marker.record = found.record;
            }
        }
        Ok(())
    }
}

fn is_there(view: &View) -> bool {
    view.presence == Presence::Present
}

fn is_card(action: &Action) -> bool {
    matches!(action, Action::Discuss(discuss) if matches!(discuss.step, DiscussStep::Card { .. }))
}

/// Whether a write keeps something on an issue that its pair does not wait for.
pub(in crate::engine) fn is_note(op: &Operation) -> bool {
    match &op.write.action {
        Action::Discuss(_) => true,
        Action::Bookkeep { .. } => op.side == Side::Github,
        _ => false,
    }
}

/// Whether the hidden block that is on its way is still to be written.
pub(in crate::engine) fn marks(op: &Operation, record: &Record) -> bool {
    op.side == Side::Github
        && record.life == Life::Live
        && !record.marked
        && matches!(&op.write.action, Action::Bookkeep { fields, .. }
            if fields.get(MARK_PAGE).is_some_and(|page| !page.is_empty()))
}

/// What the comment says; `None` while anything moves.
fn card(bound: &Bound, record: &Record, rest: &Rest<'_>) -> Option<Card> {
    let (notion, github) = (rest.notion?, rest.github?);
    let plan = rest.plan;
    let still = plan.steps.is_empty()
        && plan.holds.is_empty()
        && plan.parks.is_empty()
        && plan.alerts.is_empty()
        && record.life == Life::Live
        && !record.copy
        && record.conflicts.is_empty()
        && record.base.is_some();
    let seen = [notion, github]
        .iter()
        .all(|view| is_there(view) && view.settled);
    let moves = |op: &Operation| !is_note(op) && !matches!(op.write.action, Action::Flag { .. });
    let busy = rest.operations.iter().any(moves) || rest.open.iter().any(|op| moves(&op.value));
    if !still || !seen || busy {
        return None;
    }
    let mut fields = BTreeMap::new();
    for field in &bound.fields {
        let lens = FieldLens {
            field,
            people: &bound.people,
            resolver: &bound.resolver,
        };
        let said = |view: &View| view.field(&field.id).ok().flatten().cloned();
        let Some(value) = said(github) else { continue };
        let shared = lens.project(Side::Github, &value);
        fields.insert(field.id.to_string(), short(shared));
        // Many options mean the same to an issue.
        if matches!(field.kind, FieldKind::Class { .. })
            && let Some(option) = said(notion)
            && !bound
                .fields
                .iter()
                .any(|one| one.id == FieldId::from(STATUS))
        {
            fields.insert(STATUS.to_owned(), short(option));
        }
    }
    let mut pulls: Vec<CardPull> = (record.pulls.iter())
        .map(|pull| CardPull {
            number: pull.number,
            state: pull.state.clone(),
            url: pull.url.clone(),
        })
        .collect();
    pulls.sort();
    let surplus = pulls.len().saturating_sub(PULLS);
    pulls.drain(..surplus);
    Some(Card {
        page: notion.object.id.clone(),
        page_url: notion.url.clone(),
        record: record.id.clone(),
        revision: Some(notion.revision.token.clone()),
        fields,
        pulls,
    })
}

/// What the option of a page is called on the comment.
const STATUS: &str = "status";

fn short(value: Value) -> Value {
    let cut = |text: String| match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    match value {
        Value::Text(text) => Value::Text(cut(text)),
        Value::Set(set) => Value::Set(set.into_iter().map(cut).collect()),
        other => other,
    }
}
