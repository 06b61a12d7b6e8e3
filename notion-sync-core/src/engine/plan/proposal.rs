//! Pull requests: what they contain, and how they end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::document::Document;
use crate::document::merge::{Choice, regions};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::fields::inject_all;
use crate::engine::observe::paths::Paths;
use crate::engine::observe::survey::Prepared;
use crate::engine::observe::text::{self, Stamp};
use crate::engine::plan::render::{Draft, desired_file, new_place, proposal_word};
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::ContentHash;
use crate::id::Side;
use crate::mapping::{MappingKind, View};
use crate::operation::{Operation, Settlement};
use crate::reconcile::{Plan, Step, WriteStep, page_hash, write_hash};
use crate::record::{Proposal, ProposalState, Record, UnitId};
use crate::remote::{Action, ProposalKind, Propose};
use crate::snapshot::Field;
use crate::state::Stored;

/// How often a conflict's pull request is refreshed at most.
pub(in crate::engine) fn refresh_pause() -> chrono::Duration {
    chrono::Duration::minutes(10)
}

impl Engine {
    #[allow(clippy::too_many_arguments)]
    pub(in crate::engine) fn draft_proposal(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &Prepared,
        plan: &Plan,
        kind: ProposalKind,
        write: Option<&WriteStep>,
        taken: &mut Paths,
    ) -> Result<Vec<Draft>> {
        let record = &prepared.state.record;
        let rows: Vec<u8> = plan.rows.iter().map(|(_, row)| row.0).collect();
        let (file, value) = match kind {
            ProposalKind::Create => file_of_new_page(binding, bound, prepared, taken)?,
            ProposalKind::Edit => file_of_edit(binding, bound, prepared, write)?,
            ProposalKind::Delete => {
                let path = record
                    .path
                    .clone()
                    .ok_or_else(|| lost("the file's path is unknown"))?;
                (
                    (path.clone(), None),
                    ContentHash::of_bytes("nsync/delete/v1", path.as_bytes()),
                )
            }
            ProposalKind::Conflict => file_of_conflict(binding, bound, prepared)?,
        };
        let known = record.proposal.as_ref().filter(|known| {
            known.kind == kind
                && matches!(known.state, ProposalState::Open | ProposalState::Planned)
        });
        if let Some(known) = known
            && kind == ProposalKind::Conflict
            && self.now() < known.refreshed_at + refresh_pause()
            && known.state == ProposalState::Open
        {
            return Ok(Vec::new());
        }
        let title = plan_title(prepared);
        let branch = match known {
            Some(known) => known.branch.clone(),
            None => branch_name(record, kind, &value),
        };
        let path = file.0.clone();
        let mut files = vec![file];
        if let Some(place) = write.and_then(|write| new_place(binding, prepared, write, taken)) {
            let text = files[0].1.take();
            files.push((place, text));
        }
        let page_url = prepared.notion.as_ref().and_then(|view| view.url.clone());
        let propose = Propose {
            kind,
            title: pull_title(kind, &title),
            body: pull_body(
                kind,
                &path,
                page_url.as_deref(),
                &record.id.to_string(),
                plan,
            ),
            branch,
            files,
            draft: kind == ProposalKind::Create,
            reviewers: binding.mapping.reviewers.clone(),
            head: known.and_then(|known| known.head.clone()),
            pull: known.and_then(|known| known.pull.clone()),
            page: record.notion.as_ref().map(|page| page.id.clone()),
        };
        let seen = prepared
            .github
            .as_ref()
            .or(prepared.notion.as_ref())
            .map_or_else(|| ContentHash::of_bytes("nsync/none", b""), page_hash);
        Ok(vec![Draft {
            side: Side::Github,
            name: match kind {
                ProposalKind::Create => "propose-create",
                ProposalKind::Edit => "propose-edit",
                ProposalKind::Delete => "propose-delete",
                ProposalKind::Conflict => "propose-conflict",
            },
            action: Action::Propose(propose),
            settlement: Settlement {
                proposal: true,
                published: published(record, plan),
                fields: write.map(|w| w.settles.fields.clone()).unwrap_or_default(),
                body: write.and_then(|w| w.settles.body.clone()),
                ..Settlement::default()
            },
            label: match kind {
                ProposalKind::Conflict => {
                    format!("open a pull request to decide about {path}")
                }
                _ => format!(
                    "propose to {} {path} in a pull request",
                    proposal_word(kind)
                ),
            },
            rows,
            content: Some((seen, value)),
            epoch: record.create_epoch + record.base_epoch,
        }])
    }

    pub(in crate::engine) fn draft_withdraw(
        &self,
        prepared: &Prepared,
        reason: &str,
        rows: Vec<u8>,
    ) -> Vec<Draft> {
        let record = &prepared.state.record;
        let Some(pull) = record
            .proposal
            .as_ref()
            .and_then(|proposal| proposal.pull.clone())
        else {
            return Vec::new();
        };
        vec![Draft {
            side: Side::Github,
            name: "withdraw",
            content: Some((
                ContentHash::of_bytes("nsync/pull", pull.to_string().as_bytes()),
                ContentHash::of_bytes("nsync/wanted", reason.as_bytes()),
            )),
            action: Action::Withdraw {
                proposal: pull,
                reason: reason.to_owned(),
            },
            settlement: Settlement::default(),
            label: format!("close the pull request: {reason}"),
            rows,
            epoch: record.base_epoch,
        }]
    }

    /// Remembers proposals that were just planned.
    pub(in crate::engine) fn take_edit_proposals(
        &self,
        operations: &[Operation],
        open: &[Stored<Operation>],
        record: &mut Record,
        now: DateTime<Utc>,
    ) {
        for op in operations {
            let Action::Propose(propose) = &op.write.action else {
                continue;
            };
            if open.iter().any(|known| known.value.id == op.id) {
                continue;
            }
            let refreshes = record.proposal.as_ref().is_some_and(|known| {
                known.branch == propose.branch && known.state == ProposalState::Open
            });
            // What a refresh publishes counts once it is done: people may merge before that.
            let before = record.proposal.take();
            let kept = before.as_ref().filter(|_| refreshes);
            let published = kept
                .map(|known| known.published.clone())
                .unwrap_or_default();
            let value = kept.map_or(op.desired, |known| known.value);
            record.proposal = Some(Proposal {
                kind: propose.kind,
                branch: propose.branch.clone(),
                pull: before
                    .as_ref()
                    .filter(|_| refreshes)
                    .and_then(|known| known.pull.clone()),
                url: before
                    .as_ref()
                    .filter(|_| refreshes)
                    .and_then(|known| known.url.clone()),
                head: before
                    .as_ref()
                    .filter(|_| refreshes)
                    .and_then(|known| known.head.clone()),
                published,
                path: path_of(propose),
                state: if refreshes {
                    ProposalState::Open
                } else {
                    ProposalState::Planned
                },
                value,
                refreshed_at: now,
            });
        }
    }
}

/// Where the file of a proposal is once it is merged; of one that deletes it, where it was.
fn path_of(propose: &Propose) -> Option<String> {
    let written = propose.files.iter().rfind(|(_, text)| text.is_some());
    let (path, _) = written.or_else(|| propose.files.first())?;
    Some(path.clone())
}

/// What a conflict's pull request publishes: both versions of every open unit.
fn published(record: &Record, plan: &Plan) -> BTreeMap<UnitId, (ContentHash, ContentHash)> {
    let mut out: BTreeMap<UnitId, (ContentHash, ContentHash)> = record
        .conflicts
        .iter()
        .filter(|(unit, _)| !plan.closes.contains(unit))
        .map(|(unit, conflict)| (unit.clone(), (conflict.notion, conflict.github)))
        .collect();
    for park in &plan.parks {
        out.insert(park.unit.clone(), (park.notion.0, park.github.0));
    }
    out
}

fn lost(what: &str) -> Error {
    Error::new(ErrorKind::Internal, "plan a pull request").message(what.to_owned())
}

type File = ((String, Option<String>), ContentHash);

fn file_of_new_page(
    binding: &Binding,
    bound: &Bound,
    prepared: &Prepared,
    taken: &mut Paths,
) -> Result<File> {
    let record = &prepared.state.record;
    let view = prepared
        .notion
        .as_ref()
        .ok_or_else(|| lost("the page was not read"))?;
    let title = text::title_of(view);
    let taken_by_others = |path: &str| taken.is_taken(path, &record.id);
    // Where it was proposed before it stays, unless that was refused and is another file's by now.
    let known = record.proposal.as_ref().and_then(|known| {
        let refused = known.state == ProposalState::Refused;
        let path = known.path.clone()?;
        (!refused || !taken_by_others(&path)).then_some(path)
    });
    let path = known
        .unwrap_or_else(|| (binding.mapping.path).path(&title, &view.object.id, taken_by_others));
    taken.want(&path, &record.id);
    let fields = inject_all(bound, Side::Github, view);
    let empty = Document::default();
    let body = view.document().unwrap_or(&empty);
    let stamp = Stamp {
        page: Some(view.object.id.clone()),
        revision: Some(view.revision.token.clone()),
    };
    let text = text::new_file(binding, bound, &title, &fields, body, &stamp)?;
    Ok(((path, Some(text)), page_hash(view)))
}

fn file_of_edit(
    binding: &Binding,
    bound: &Bound,
    prepared: &Prepared,
    write: Option<&WriteStep>,
) -> Result<File> {
    let view = prepared
        .view(Side::Github)
        .ok_or_else(|| lost("the file was not read"))?;
    let source = view
        .source
        .as_ref()
        .ok_or_else(|| lost("the file was not read"))?;
    let write = write.ok_or_else(|| lost("there is nothing to propose"))?;
    let path = view
        .place
        .clone()
        .ok_or_else(|| lost("the file's path is unknown"))?;
    let text = desired_file(binding, bound, prepared, source, write)?;
    Ok(((path, Some(text)), write_hash(write)))
}

/// The file as it would be with Notion's version of everything that is in conflict: merging takes
/// it, the diff shows both.
fn file_of_conflict(binding: &Binding, bound: &Bound, prepared: &Prepared) -> Result<File> {
    let (Some(notion), Some(github)) = (&prepared.notion, &prepared.github) else {
        return Err(lost("a side was not read"));
    };
    let source = github
        .source
        .as_ref()
        .ok_or_else(|| lost("the file was not read"))?;
    let path = github
        .place
        .clone()
        .ok_or_else(|| lost("the file's path is unknown"))?;
    let body = match (&prepared.state.body, notion.document(), github.document()) {
        (Some(base), Some(n), Some(g)) => {
            let composed = regions(base, n, g).compose(|region| {
                if region.is_diverged() {
                    Choice::TakeNotion
                } else {
                    region.default_choice()
                }
            });
            Some(composed.github)
        }
        (None, Some(n), Some(_)) => Some(n.clone()),
        _ => None,
    };
    let mut fields = BTreeMap::new();
    let conflicts: BTreeSet<&UnitId> = prepared.state.record.conflicts.keys().collect();
    for (id, unit) in bound.units() {
        let read = |view: &View| match view.fields.get(&id) {
            Some(Field::Value(value)) => Some(value.clone()),
            _ => None,
        };
        let base = prepared
            .state
            .record
            .base
            .as_ref()
            .and_then(|base| base.fields.get(&id));
        if let (Some(n), Some(g)) = (read(notion), read(github)) {
            let said = unit.lens.project(Side::Notion, &n);
            let differs = said != unit.lens.project(Side::Github, &g);
            let both = base.is_some_and(|base| base.notion != n && base.github != g);
            if differs
                && (both || conflicts.contains(&UnitId::Field(id.clone())))
                && let Ok(value) = unit.lens.inject(Side::Github, &said, &g)
            {
                fields.insert(id, value);
            }
        }
    }
    let text = text::edit_file(
        binding,
        bound,
        source,
        &fields,
        body.as_ref(),
        &Stamp::default(),
    )?;
    let value = ContentHash::of_bytes("nsync/conflict/v1", text.as_bytes());
    Ok(((path, Some(text)), value))
}

/// One name for each proposal, the same while it is planned again, so that a repeat finds the first.
/// A proposal of the same after an earlier one was closed has another.
fn branch_name(record: &Record, kind: ProposalKind, value: &ContentHash) -> String {
    let mark = ContentHash::of(
        "nsync/branch/v1",
        &(
            &record.id,
            kind,
            value,
            record.conflict_epoch,
            record.next_sequence,
        ),
    );
    format!("nsync/{}-{}", proposal_word(kind), mark.short(12))
}

fn plan_title(prepared: &Prepared) -> String {
    prepared
        .notion
        .as_ref()
        .or(prepared.github.as_ref())
        .map(text::title_of)
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| prepared.state.record.title.clone())
}

fn pull_title(kind: ProposalKind, title: &str) -> String {
    let title: String = title
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(120)
        .collect();
    match kind {
        ProposalKind::Create => format!("Add \"{title}\" from Notion"),
        ProposalKind::Edit => format!("Update \"{title}\" from Notion"),
        ProposalKind::Delete => format!("Delete \"{title}\", which was deleted in Notion"),
        ProposalKind::Conflict => format!("Decide: \"{title}\" was edited in Notion and here"),
    }
}

fn pull_body(
    kind: ProposalKind,
    path: &str,
    page: Option<&str>,
    record: &str,
    plan: &Plan,
) -> String {
    let page = page.map_or_else(String::new, |url| format!("Page: {url}\n"));
    let what = match kind {
        ProposalKind::Create => {
            "A page in Notion has no file yet. Move or edit the file on this branch as you like; \
             merging pairs it with the page wherever it is then. Closing without merging leaves the \
             page alone."
        }
        ProposalKind::Edit => "The page was edited in Notion. Merging takes the edit over.",
        ProposalKind::Delete => {
            "The page was deleted in Notion. Merging deletes the file; closing without merging \
             brings the page back."
        }
        ProposalKind::Conflict => {
            "The page and the file were edited at the same place. The branch holds Notion's \
             version; the diff shows both.\n\n\
             - **Merge** to take Notion's version.\n\
             - **Edit this branch**, then merge, to combine both.\n\
             - **Make page and file equal** by hand: this pull request closes itself.\n\
             - **Close** without merging to decide later: the place stays as it is on both sides."
        }
    };
    let mut out = format!("{what}\n\n{page}File: `{path}`\n");
    for park in &plan.parks {
        out.push_str(&format!("\n### {}\n\n", heading_of(&park.unit)));
        out.push_str(&fenced("Notion", &park.notion.1));
        out.push_str(&fenced("GitHub", &park.github.1));
    }
    out.push_str(&format!("\n<sub>Record {record}</sub>\n"));
    out
}

fn heading_of(unit: &UnitId) -> String {
    match unit {
        UnitId::Block(_) | UnitId::Body => "Text".to_owned(),
        other => format!("Field `{other}`"),
    }
}

fn fenced(side: &str, text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!(
        "{side}:\n\n{fence}markdown\n{}\n{fence}\n\n",
        text.trim_end()
    )
}

/// The comment on a conflict's pull request or issue: both versions as one diff.
pub(in crate::engine) fn diff_comment(record: &Record) -> String {
    let mut out = String::from(
        "Both sides changed the same place. Lines with `-` stand on GitHub, lines with `+` in Notion.\n\n",
    );
    for (unit, conflict) in &record.conflicts {
        let diff = similar::TextDiff::from_lines(
            conflict.github_text.as_str(),
            conflict.notion_text.as_str(),
        );
        let unified = diff.unified_diff().context_radius(3).to_string();
        let mut fence = "```".to_owned();
        while unified.contains(&fence) {
            fence.push('`');
        }
        out.push_str(&format!(
            "**{}**\n\n{fence}diff\n{}\n{fence}\n\n",
            heading_of(unit),
            unified.trim_end()
        ));
    }
    out
}

/// Whether a record's conflicts are told by a comment (an issue has no file).
pub(in crate::engine) fn tells_by_comment(binding: &Binding) -> bool {
    binding.mapping.kind == MappingKind::Tasks
}

/// Whether the plan opens or moves a conflict.
pub(in crate::engine) fn opens_conflict(plan: &Plan) -> bool {
    !plan.parks.is_empty()
        && !plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::Propose(ProposalKind::Conflict, _)))
}
