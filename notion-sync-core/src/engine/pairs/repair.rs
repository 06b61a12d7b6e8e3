//! Puts right what the reconciliation job found unambiguous, through ordinary operations.

use std::collections::BTreeMap;

use crate::document::front_matter::{self, Edit};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::text::{KEY_PAGE, KEY_REVISION};
use crate::engine::pairs::finding::{Finding, FindingKind, Remedy};
use crate::engine::pairs::inventory::{Inventory, Stocktaking};
use crate::engine::plan::render::{Draft, cleared};
use crate::engine::report::{MappingReport, Tick};
use crate::engine::tell::bookkeeping::SHOWN_ON_PAGE;
use crate::engine::tell::notes::{MARK_PAGE, MARK_REVISION, MARK_URL};
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::{MappingId, RecordId, Side};
use crate::mapping::{MappingKind, View};
use crate::operation::Settlement;
use crate::remote::{Action, ContentChange, Update};
use crate::snapshot::{Content, Presence};
use crate::state::{Batch, RecordState, SaveBody};

const DURING: &str = "repair a mark";
const COMPARING: &str = "compare all marks";

impl Engine {
    /// Looks for [`findings`](Self::findings) and puts right those that are unambiguous
    /// ([`Remedy::Repair`]): marks that were removed are written again, copied ones taken off. Each
    /// is an operation like any other: in the audit, tried again, set aside when it cannot be.
    ///
    /// # Errors
    ///
    /// As [`findings`](Self::findings). What single writes end with is in the answer.
    pub async fn repair(&self, mapping: &MappingId) -> Result<Tick> {
        self.repair_from(mapping, &mut Stocktaking::default()).await
    }

    /// As [`repair`](Self::repair), going on where an earlier call ended with an error, as
    /// [`findings_from`](Self::findings_from) does.
    ///
    /// # Errors
    ///
    /// As [`repair`](Self::repair).
    pub async fn repair_from(&self, mapping: &MappingId, stock: &mut Stocktaking) -> Result<Tick> {
        self.binding_of(mapping, COMPARING)?;
        let repair = async |_| self.repair_marks(mapping, stock).await;
        self.at_hand(mapping, DURING, repair).await
    }

    async fn repair_marks(&self, mapping: &MappingId, stock: &mut Stocktaking) -> Result<Tick> {
        let binding = self.binding_of(mapping, COMPARING)?;
        let stored = self.state().mapping(mapping).await?;
        let bound = self.bind(binding, &stored.value).await?;
        let (inventory, findings) = self.look_for_findings(binding, &bound, stock).await?;
        let mut report = MappingReport::new(mapping.clone());
        let mut stamps: Vec<RecordId> = Vec::new();
        // GitHub first: what the page shows follows a write there, and is then written once.
        for side in [Side::Github, Side::Notion] {
            for finding in findings.iter().filter(|one| one.side == side) {
                if !matches!(finding.remedy, Remedy::Repair(_)) {
                    continue;
                }
                let planned = match finding.kind {
                    FindingKind::Copy => self.unmark(binding, &inventory, finding).await,
                    FindingKind::MissingBackLink | FindingKind::DanglingId => {
                        self.mark(binding, &bound, &inventory, finding, &mut stamps)
                            .await
                    }
                    _ => Ok(()),
                };
                match planned {
                    Ok(()) => report.planned += 1,
                    // Somebody else moved the record on: the next run looks at it afresh.
                    Err(error) if error.kind() == ErrorKind::Stale => report.retry = true,
                    Err(error) if error.kind() == ErrorKind::Store => return Err(error),
                    Err(error) => report.fail(&error),
                }
            }
            self.execute(binding, usize::MAX, &mut report).await?;
        }
        let mut tick = Tick::default();
        for record in stamps {
            match self.stamp_file(&record).await {
                Ok(done) => {
                    for one in done.mappings {
                        report.applied.extend(one.applied);
                        report.errors.extend(one.errors);
                        report.retry |= one.retry;
                        report.refused |= one.refused;
                    }
                }
                Err(error) => report.fail(&error),
            }
        }
        self.finish(binding, &mut report).await?;
        tick.add(report);
        Ok(tick)
    }

    /// Writes the mark of one side of a pair again.
    async fn mark(
        &self,
        binding: &Binding,
        bound: &Bound,
        inventory: &Inventory,
        finding: &Finding,
        stamps: &mut Vec<RecordId>,
    ) -> Result<()> {
        let (Some(id), Some(page), Some(object)) =
            (&finding.record, &finding.page, &finding.object)
        else {
            return Ok(());
        };
        let state = self.known_record(id, DURING).await?;
        self.refuse_while_sending(&state.record, DURING).await?;
        let page = inventory.view(Side::Notion, page);
        let object = inventory.view(Side::Github, object);
        let (Some(page), Some(object)) = (page, object) else {
            return Ok(());
        };
        if finding.side == Side::Github {
            if binding.mapping.kind == MappingKind::Documents {
                stamps.push(id.clone());
                return Ok(());
            }
            let mut fields = BTreeMap::from([(MARK_PAGE.to_owned(), page.object.id.clone())]);
            fields.extend(page.url.clone().map(|url| (MARK_URL.to_owned(), url)));
            let action = Action::Bookkeep {
                object: object.object.clone(),
                fields,
            };
            let draft = draft(
                Side::Github,
                "mark",
                action,
                object,
                "name the page again",
                &state,
            );
            return self.plan_alone(binding, state, draft).await;
        }
        let mut state = state;
        // What stands there now, whatever was written once: then what lacks is written.
        state.record.bookkept.clone_from(&page.bookkeeping);
        for key in SHOWN_ON_PAGE {
            if let Some(value) = object.bookkeeping.get(key) {
                state.record.outcome.insert(key.to_owned(), value.clone());
            }
        }
        let open = self.state().open_operations(&binding.mapping.id).await?;
        let open: Vec<_> = open
            .into_iter()
            .filter(|op| op.value.record == *id)
            .collect();
        let mut batch = Batch::default();
        self.plan_bookkeeping(binding, bound, &mut state, &open, &mut batch)
            .await?;
        batch.record(&state, SaveBody::No)?;
        self.state().commit(batch).await
    }

    /// Takes the marks off a copy.
    async fn unmark(
        &self,
        binding: &Binding,
        inventory: &Inventory,
        finding: &Finding,
    ) -> Result<()> {
        let (side, object) = match (&finding.page, &finding.object) {
            (_, Some(object)) => (Side::Github, object),
            (Some(page), None) => (Side::Notion, page),
            (None, None) => return Ok(()),
        };
        let Some(view) = inventory.view(side, object) else {
            return Ok(());
        };
        let state = match self.state().owner(object).await? {
            Some(owner) => self.known_record(&owner, DURING).await?,
            None => match side {
                Side::Notion => self.start_copy(binding, Some(view.clone()), None).state,
                Side::Github => self.start_copy(binding, None, Some(view.clone())).state,
            },
        };
        self.refuse_while_sending(&state.record, DURING).await?;
        let mut state = state;
        state.record.copy = true;
        state.record.problem = None;
        state.record.look_at = Some(self.now());
        let name = "unmark";
        let label = "clear the marks that were copied from another object";
        let action = match (side, binding.mapping.kind) {
            (Side::Notion, _) => Action::Bookkeep {
                object: object.clone(),
                fields: cleared(view),
            },
            (Side::Github, MappingKind::Tasks) => Action::Bookkeep {
                object: object.clone(),
                fields: [MARK_PAGE, MARK_REVISION, MARK_URL]
                    .map(|key| (key.to_owned(), String::new()))
                    .into(),
            },
            (Side::Github, MappingKind::Documents) => {
                let read = binding.github.read(object, true).await?;
                let (Presence::Present, Content::Text(text)) = (&read.presence, &read.content)
                else {
                    return Err(Error::new(ErrorKind::Stale, DURING)
                        .with("object", object)
                        .message("the file cannot be read"));
                };
                let edits = [(KEY_PAGE, Edit::Remove), (KEY_REVISION, Edit::Remove)];
                let desired = front_matter::edit(text, &edits).map_err(|error| {
                    Error::new(ErrorKind::Invalid, DURING)
                        .with("object", object)
                        .message(error.to_string())
                })?;
                Action::Update(Update {
                    object: object.clone(),
                    seen: None,
                    fields: BTreeMap::new(),
                    content: Some(ContentChange::Text {
                        expected: read.revision.token,
                        desired,
                    }),
                    place: None,
                    bookkeeping: BTreeMap::new(),
                })
            }
        };
        let draft = draft(side, name, action, view, label, &state);
        self.plan_alone(binding, state, draft).await
    }

    /// Plans one operation of a record, with the record.
    async fn plan_alone(&self, binding: &Binding, state: RecordState, draft: Draft) -> Result<()> {
        let mut prepared = bare(&state);
        let Some(mut op) = self.operation(binding, &prepared, draft, None, &[]).await? else {
            return Err(Error::new(ErrorKind::Invalid, DURING)
                .with("record", &prepared.state.record.id)
                .message("the same write was set aside")
                .remedy("run `notion-sync dead-letter retry` for the record"));
        };
        let record = &mut prepared.state.record;
        op.sequence = record.next_sequence;
        record.next_sequence += 1;
        let mut batch = Batch::default();
        batch.operation(&op, None)?;
        batch.record(&prepared.state, SaveBody::No)?;
        self.state().commit(batch).await
    }
}

fn draft(
    side: Side,
    name: &'static str,
    action: Action,
    view: &View,
    label: &str,
    state: &RecordState,
) -> Draft {
    let seen = ContentHash::of("nsync/mark/v1", &(&view.object, &view.revision.token));
    let wanted = ContentHash::of_bytes("nsync/wanted", name.as_bytes());
    Draft {
        side,
        name,
        action,
        settlement: Settlement::default(),
        label: label.to_owned(),
        rows: Vec::new(),
        content: Some((seen, wanted)),
        epoch: state.record.base_epoch,
    }
}
