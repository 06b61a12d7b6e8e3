//! From steps to operations: what exactly is sent.

use std::collections::BTreeMap;

use crate::document::Document;
use crate::document::merge::BodyBase;
use crate::engine::observe::bind::Bound;
use crate::engine::observe::fields::{agreed_all, by_native_key, inject_all};
use crate::engine::observe::paths::Paths;
use crate::engine::observe::place::place_of;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text::{self, Stamp};
use crate::engine::plan::removal;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{FieldId, OpId, Side};
use crate::mapping::view::Source;
use crate::mapping::{Direction, FieldKind, MappingKind, View};
use crate::operation::{OpKey, OpState, Operation, Settlement, nothing_desired, sync_run_id};
use crate::reconcile::table::Row;
use crate::reconcile::{Hold, Plan, Step, WriteStep, page_hash, write_hash};
use crate::record::{Life, UnitId};
use crate::remote::{
    Action, ContentChange, Create, NewContent, ProposalKind, SeenVersion, Update, Write,
};
use crate::snapshot::Presence;
use crate::state::Stored;
use crate::value::Value;

/// An operation before it has an id.
pub(in crate::engine) struct Draft {
    pub(in crate::engine) side: Side,
    pub(in crate::engine) name: &'static str,
    pub(in crate::engine) action: Action,
    pub(in crate::engine) settlement: Settlement,
    pub(in crate::engine) label: String,
    pub(in crate::engine) rows: Vec<u8>,
    /// What is expected and wanted; `None` for creates.
    pub(in crate::engine) content: Option<(ContentHash, ContentHash)>,
    pub(in crate::engine) epoch: u64,
}

impl Engine {
    /// Turns the steps of a plan into operations, in order. A step that cannot be rendered becomes
    /// a hold with the reason.
    pub(in crate::engine) async fn operations(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        mut plan: Plan,
        taken: &mut Paths,
        open: &[Stored<Operation>],
    ) -> Result<(Plan, Vec<Operation>)> {
        let mut out: Vec<Operation> = Vec::new();
        for step in plan.steps.clone() {
            let drafts = match self.draft(binding, bound, prepared, &plan, &step, taken) {
                Ok(drafts) => drafts,
                Err(error) => {
                    plan.holds.push(Hold {
                        unit: UnitId::Record,
                        row: Row(49),
                        reason: error.to_string(),
                    });
                    continue;
                }
            };
            for draft in drafts {
                // A proposal does not depend on how the end of an older one went, nor does that end on anything: the
                // record says already that the one is on its way, and that the other is over.
                let proposes = matches!(draft.action, Action::Propose(_));
                let withdraws = matches!(draft.action, Action::Withdraw { .. });
                let needed = |op: &&Operation| {
                    let ended = matches!(op.write.action, Action::Withdraw { .. });
                    !(withdraws || proposes && ended)
                };
                let after = out.last().filter(needed).map(|op| op.id.clone());
                let label = draft.label.clone();
                let record = &prepared.state.record;
                let why = match self.given_up(record, &draft) {
                    Some(known) => format!(
                        "{label}: {} gave it up ({}): make both sides equal or change one, or ask \
                         for it again with `notion-sync dead-letter retry {}`",
                        known.by, known.why, record.id
                    ),
                    None => {
                        format!("{label}: the same was set aside: see `notion-sync dead-letter`")
                    }
                };
                match self
                    .operation(binding, prepared, draft, after, open)
                    .await?
                {
                    Some(op) => out.push(op),
                    None => plan.holds.push(Hold {
                        unit: UnitId::Record,
                        row: Row(58),
                        reason: why,
                    }),
                }
            }
        }
        Ok((plan, out))
    }

    /// Gives a draft its deterministic id. `None` when the same was set aside before, or given up.
    pub(in crate::engine) async fn operation(
        &self,
        binding: &Binding,
        prepared: &Prepared,
        draft: Draft,
        after: Option<OpId>,
        open: &[Stored<Operation>],
    ) -> Result<Option<Operation>> {
        let record = &prepared.state.record;
        if self.given_up(record, &draft).is_some() {
            return Ok(None);
        }
        let target = record.object(draft.side).cloned();
        let mut generation = 0;
        let id = loop {
            let id = OpKey {
                record: &record.id,
                action: draft.name,
                side: draft.side,
                target: target.as_ref(),
                epoch: draft.epoch,
                content: draft.content,
                generation,
            }
            .id();
            if let Some(known) = open.iter().find(|op| op.value.id == id) {
                return Ok(Some(known.value.clone()));
            }
            match self.state().operation(&id).await? {
                None => break id,
                Some(known) if known.value.state == OpState::Dead => return Ok(None),
                // Voided or done before, and asked for again from a fresher look.
                Some(_) => generation += 1,
            }
        };
        Ok(Some(self.named(binding, prepared, draft, after, id)))
    }

    /// The operation of a draft under an id.
    pub(in crate::engine) fn named(
        &self,
        binding: &Binding,
        prepared: &Prepared,
        draft: Draft,
        after: Option<OpId>,
        id: OpId,
    ) -> Operation {
        let record = &prepared.state.record;
        let observed = prepared.notion.as_ref().or(prepared.github.as_ref());
        let page = record.notion.as_ref().map(|page| page.id.clone());
        let source = match draft.side {
            Side::Notion => prepared.github.as_ref(),
            Side::Github => prepared.notion.as_ref(),
        };
        let run = sync_run_id(
            page.as_deref().unwrap_or(record.id.as_str()),
            observed.map(|view| view.revision.at),
            &id,
        );
        let mut settlement = draft.settlement;
        settlement.source = source.map(|view| (draft.side.other(), view.revision.clone()));
        Operation {
            write: Write {
                op: id.clone(),
                group: id.clone(),
                run,
                record: record.id.clone(),
                page,
                editor: source.and_then(|view| view.actor.clone()),
                revision: source.map(|view| view.revision.token.clone()),
                action: draft.action.clone(),
            },
            kind: binding.remote(draft.side).kind(&draft.action),
            id,
            record: record.id.clone(),
            mapping: record.mapping.clone(),
            side: draft.side,
            label: draft.label,
            rows: draft.rows,
            sequence: 0,
            after,
            state: OpState::Planned,
            settlement,
            desired: draft
                .content
                .map_or_else(nothing_desired, |(_, desired)| desired),
            attempts: 0,
            lost: 0,
            lost_since: None,
            may_land_until: None,
            overtaken: false,
            not_before: None,
            intent_at: None,
            group: Vec::new(),
            error: None,
            created_at: self.now(),
        }
    }

    fn draft(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        plan: &Plan,
        step: &Step,
        taken: &mut Paths,
    ) -> Result<Vec<Draft>> {
        let record = &prepared.state.record;
        let rows: Vec<u8> = plan.rows.iter().map(|(_, row)| row.0).collect();
        Ok(match step {
            Step::Write(write) => {
                vec![self.draft_write(binding, bound, prepared, write, taken)?]
            }
            Step::Create(Side::Notion) => {
                vec![self.draft_page(binding, bound, prepared, rows)?]
            }
            Step::Create(Side::Github) => vec![self.draft_issue(bound, prepared, rows)?],
            Step::Remove(side) => removal::drafts(binding.mapping.kind, prepared, *side, &rows),
            Step::Restore(side) => vec![self.draft_restore(binding, bound, prepared, *side, rows)?],
            Step::Unmark(side) => {
                let Some(view) = prepared.view(*side) else {
                    return Ok(Vec::new());
                };
                let fields = cleared(view);
                vec![Draft {
                    side: *side,
                    name: "unmark",
                    action: Action::Bookkeep {
                        object: view.object.clone(),
                        fields,
                    },
                    settlement: Settlement::default(),
                    label: "clear the marks that were copied from another page".to_owned(),
                    rows,
                    content: Some(hashes(Some(view), "unmarked")),
                    epoch: record.base_epoch,
                }]
            }
            Step::Adopt => Vec::new(),
            Step::Propose(kind, write) => self.draft_proposal(
                binding,
                bound,
                prepared,
                plan,
                *kind,
                write.as_deref(),
                taken,
            )?,
            Step::Withdraw(reason) => self.draft_withdraw(prepared, reason, rows),
        })
    }

    fn draft_write(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        write: &WriteStep,
        taken: &mut Paths,
    ) -> Result<Draft> {
        let record = &prepared.state.record;
        let missing =
            || Error::new(ErrorKind::Internal, "plan a write").message("the object was not read");
        let view = prepared.view(write.side).ok_or_else(missing)?;
        let mut update = Update {
            object: view.object.clone(),
            seen: Some(SeenVersion {
                at: view.revision.at,
                settled: view.settled,
            }),
            fields: BTreeMap::new(),
            content: None,
            place: None,
            bookkeeping: BTreeMap::new(),
        };
        match (write.side, binding.mapping.kind) {
            (Side::Github, MappingKind::Documents) => {
                let source = view.source.as_ref().ok_or_else(missing)?;
                // A file that only moves keeps every byte.
                if !write.fields.is_empty() || write.body.is_some() {
                    let desired = desired_file(binding, bound, prepared, source, write)?;
                    update.content = Some(ContentChange::Text {
                        expected: view.revision.token.clone(),
                        desired,
                    });
                }
                update.place = new_place(binding, prepared, write, taken);
            }
            _ => {
                update.fields = by_native_key(bound, write.side, &write.fields);
                if let Some((_, desired)) = &write.body {
                    update.content = Some(match write.side {
                        Side::Notion => {
                            let native = view.native.clone().ok_or_else(missing)?;
                            let path = record.path.as_deref();
                            let desired = text::to_notion(bound, path, desired, Some(&native))?;
                            ContentChange::Blocks {
                                expected: native,
                                desired,
                            }
                        }
                        Side::Github => {
                            let source = view.source.as_ref().ok_or_else(missing)?;
                            ContentChange::Text {
                                expected: source.text.clone(),
                                desired: text::edit_issue(bound, source, desired)?,
                            }
                        }
                    });
                }
                if write.side == Side::Notion {
                    update.bookkeeping = self.page_bookkeeping(binding, bound, prepared, true);
                }
            }
        }
        let place = update.place.clone();
        let units: Vec<String> = write
            .fields
            .keys()
            .map(ToString::to_string)
            .chain(write.body.as_ref().map(|_| "body".to_owned()))
            .chain(place.as_ref().map(|_| "path".to_owned()))
            .collect();
        Ok(Draft {
            side: write.side,
            name: "update",
            action: Action::Update(update),
            settlement: Settlement {
                fields: write.settles.fields.clone(),
                body: write.settles.body.clone(),
                path: place.or_else(|| write.settles.path.clone()),
                partial: write.settles.partial.clone(),
                sent: write.body.as_ref().map(|(_, desired)| desired.hash()),
                ..Settlement::default()
            },
            label: format!("write {} to {}", units.join(", "), write.side),
            rows: write.rows.iter().map(|row| row.0).collect(),
            content: Some((page_hash(view), write_hash(write))),
            epoch: record.base_epoch,
        })
    }

    /// A page for a file or issue.
    fn draft_page(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        rows: Vec<u8>,
    ) -> Result<Draft> {
        let record = &prepared.state.record;
        let view = prepared.github.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "plan a page").message("the other side was not read")
        })?;
        let title = text::title_of(view);
        let mut fields: BTreeMap<FieldId, Value> = inject_all(bound, Side::Notion, view);
        fields.insert(text::title_field(), Value::text(title));
        let empty = Document::default();
        let body = view.document().unwrap_or(&empty);
        let native = text::to_notion(bound, view.place.as_deref(), body, None)?;
        let held = text::from_notion(bound, view.place.as_deref(), &native);
        let mut bookkeeping = self.page_bookkeeping(binding, bound, prepared, true);
        bookkeeping.retain(|key, _| bound.notion.bookkeeping.contains(key));
        let place = view.place.clone().unwrap_or_default();
        Ok(Draft {
            side: Side::Notion,
            name: "create",
            action: Action::Create(Create {
                fields: by_native_key(bound, Side::Notion, &fields),
                content: NewContent::Blocks(native),
                place: None,
                counterpart: view.url.clone(),
                counterpart_url: view.url.clone(),
                bookkeeping,
            }),
            settlement: Settlement {
                fields: agreed_all(bound, &fields, view, Side::Github),
                // What Notion will hold is what can be said there, not what the file says.
                body: view.document().map(|body| BodyBase::agree(&held, body)),
                path: view.place.clone(),
                creates: true,
                life: Some(Life::Live),
                ..Settlement::default()
            },
            label: format!("create a page for {place}"),
            rows,
            content: None,
            epoch: record.create_epoch,
        })
    }

    /// An issue for a page.
    fn draft_issue(&self, bound: &Bound, prepared: &Prepared, rows: Vec<u8>) -> Result<Draft> {
        let record = &prepared.state.record;
        let view = prepared.notion.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "plan an issue").message("the page was not read")
        })?;
        let mut fields = inject_all(bound, Side::Github, view);
        // What only the issue itself says is not asked of it, and what it says is still to be written.
        let is_fact = |id: &FieldId| bound.direction(id) == Some(Direction::ToNotion);
        // A parent is set by a request of its own, once the issue is there to be named in it.
        let follows = |id: &FieldId| bound.kind(id) == Some(&FieldKind::Parent);
        fields.retain(|id, _| !is_fact(id) && !follows(id));
        let mut agreed = agreed_all(bound, &fields, view, Side::Notion);
        agreed.retain(|id, _| !follows(id));
        let empty = Document::default();
        let body = view.document().unwrap_or(&empty);
        let text = text::new_issue(bound, body)?;
        let place = place_of(bound, view)?;
        Ok(Draft {
            side: Side::Github,
            name: "create",
            action: Action::Create(Create {
                fields: by_native_key(bound, Side::Github, &fields),
                content: NewContent::Text(text),
                place,
                counterpart: Some(view.object.id.clone()),
                counterpart_url: view.url.clone(),
                bookkeeping: BTreeMap::new(),
            }),
            settlement: Settlement {
                fields: agreed,
                body: Some(BodyBase::agree(body, body)),
                path: None,
                partial: (view.fields.keys().filter(|id| is_fact(id)).cloned()).collect(),
                creates: true,
                life: Some(Life::Live),
                ..Settlement::default()
            },
            label: format!("create an issue {:?}", text::title_of(view)),
            rows,
            content: None,
            epoch: record.create_epoch,
        })
    }

    fn draft_restore(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        side: Side,
        rows: Vec<u8>,
    ) -> Result<Draft> {
        let record = &prepared.state.record;
        let lost =
            || Error::new(ErrorKind::Internal, "plan a restore").message("the object is unknown");
        let object = record.object(side).cloned().ok_or_else(lost)?;
        let gone = |view: &View| matches!(view.presence, Presence::Gone(_));
        if side == Side::Github
            && binding.mapping.kind == MappingKind::Tasks
            && prepared.github.as_ref().is_some_and(gone)
        {
            // Closing is what removes an issue softly. A deleted one never comes back: its page gets
            // another one.
            return self.draft_issue(bound, prepared, rows);
        }
        if side == Side::Github && binding.mapping.kind == MappingKind::Documents {
            // A deleted file is written again where it was.
            let view = prepared.notion.as_ref().ok_or_else(lost)?;
            let fields = inject_all(bound, Side::Github, view);
            let empty = Document::default();
            let body = view.document().unwrap_or(&empty);
            let stamp = Stamp {
                page: Some(view.object.id.clone()),
                revision: Some(view.revision.token.clone()),
            };
            let text =
                text::new_file(binding, bound, &text::title_of(view), &fields, body, &stamp)?;
            return Ok(Draft {
                side,
                name: "create",
                action: Action::Create(Create {
                    fields: BTreeMap::new(),
                    content: NewContent::Text(text),
                    place: record.path.clone(),
                    counterpart: Some(view.object.id.clone()),
                    counterpart_url: view.url.clone(),
                    bookkeeping: BTreeMap::new(),
                }),
                settlement: Settlement {
                    fields: agreed_all(bound, &fields, view, Side::Notion),
                    body: Some(BodyBase::agree(body, body)),
                    path: record.path.clone(),
                    creates: true,
                    life: Some(Life::Live),
                    ..Settlement::default()
                },
                label: "write the deleted file again".to_owned(),
                rows,
                content: None,
                epoch: record.create_epoch + record.base_epoch,
            });
        }
        let label = match side {
            Side::Notion => "restore the page",
            Side::Github => "reopen the issue",
        };
        Ok(Draft {
            side,
            name: "restore",
            action: Action::Restore { object },
            settlement: Settlement {
                life: Some(Life::Live),
                ..Settlement::default()
            },
            label: label.to_owned(),
            rows,
            content: Some(hashes(prepared.view(side.other()), "restored")),
            epoch: record.base_epoch,
        })
    }
}

/// Where the file of a page moves, if it follows the title.
pub(in crate::engine) fn new_place(
    binding: &Binding,
    prepared: &Prepared,
    write: &WriteStep,
    taken: &mut Paths,
) -> Option<String> {
    if !write.follow_title {
        return None;
    }
    let page = prepared.notion.as_ref()?;
    let now = prepared.github.as_ref()?.place.as_deref()?;
    let record = &prepared.state.record.id;
    let is_taken = |path: &str| path != now && taken.is_taken(path, record);
    let place = binding
        .mapping
        .path
        .path(&text::title_of(page), &page.object.id, is_taken);
    (place != now).then(|| {
        taken.want(&place, record);
        place
    })
}

/// A file with a write carried into it.
pub(in crate::engine) fn desired_file(
    binding: &Binding,
    bound: &Bound,
    prepared: &Prepared,
    source: &Source,
    write: &WriteStep,
) -> Result<String> {
    let values: BTreeMap<FieldId, Value> = write
        .fields
        .iter()
        .map(|(id, change)| (id.clone(), change.desired.clone()))
        .collect();
    let stamp = Stamp {
        page: prepared
            .state
            .record
            .notion
            .as_ref()
            .map(|page| page.id.clone()),
        revision: prepared
            .notion
            .as_ref()
            .map(|view| view.revision.token.clone()),
    };
    let body = write.body.as_ref().map(|(_, desired)| desired);
    text::edit_file(binding, bound, source, &values, body, &stamp)
}

/// The engine's fields of a page, each to be cleared. Which repository a task belongs to is what
/// people say, and no mark by itself.
pub(in crate::engine) fn cleared(view: &View) -> BTreeMap<String, String> {
    (view.bookkeeping.keys())
        .filter(|key| *key != "repository")
        .map(|key| (key.clone(), String::new()))
        .collect()
}

pub(in crate::engine) fn hashes(view: Option<&View>, wanted: &str) -> (ContentHash, ContentHash) {
    let seen = view.map_or_else(|| ContentHash::of_bytes("nsync/none", b""), page_hash);
    (
        seen,
        ContentHash::of_bytes("nsync/wanted", wanted.as_bytes()),
    )
}

/// The kind of proposal in a label.
pub(in crate::engine) fn proposal_word(kind: ProposalKind) -> &'static str {
    match kind {
        ProposalKind::Create => "create",
        ProposalKind::Edit => "edit",
        ProposalKind::Delete => "delete",
        ProposalKind::Conflict => "conflict",
    }
}
