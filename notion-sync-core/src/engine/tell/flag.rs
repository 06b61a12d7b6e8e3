//! The commit status that tells GitHub whether a record is sound.

use crate::engine::plan::render::Draft;
use crate::engine::write::outcome::bare;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::hash::ContentHash;
use crate::id::Side;
use crate::operation::{Operation, Settlement};
use crate::record::{Life, Record};
use crate::remote::Action;
use crate::state::{Batch, RecordState, Stored};

impl Engine {
    /// Plans the status of every open pull request whose head was told something else, or nothing.
    pub(in crate::engine) async fn flag(
        &self,
        binding: &Binding,
        state: &mut RecordState,
        open: &[Stored<Operation>],
        batch: &mut Batch,
    ) -> Result<()> {
        if !binding.mapping.drift_status || state.record.life != Life::Live {
            return Ok(());
        }
        let (red, text) = standing(&state.record);
        let pulls: Vec<_> = (state.record.pulls.iter())
            .filter(|pull| matches!(pull.state.as_str(), "open" | "draft"))
            .map(|pull| (pull.object.clone(), pull.head.clone()))
            .collect();
        // What was told about a pull request that is not open any more is of no use.
        (state.record.flagged)
            .retain(|object, _| pulls.iter().any(|(pull, _)| pull.to_string() == *object));
        for (object, head) in pulls {
            let wanted = (head.clone(), red);
            let told = state.record.flagged.get(&object.to_string());
            if told == Some(&wanted) {
                continue;
            }
            let before = ContentHash::of("nsync/flag/v1", &told);
            let after = ContentHash::of("nsync/flag/v1", &(&object, &head, red));
            let draft = Draft {
                side: Side::Github,
                name: "flag",
                action: Action::Flag {
                    object,
                    head,
                    red,
                    text: text.clone(),
                },
                settlement: Settlement::default(),
                label: "tell GitHub whether both sides agree".to_owned(),
                rows: Vec::new(),
                content: Some((before, after)),
                epoch: state.record.conflict_epoch,
            };
            let prepared = bare(state);
            let planned = self
                .operation(binding, &prepared, draft, None, open)
                .await?;
            if let Some(mut op) = planned
                && !open.iter().any(|known| known.value.id == op.id)
            {
                op.sequence = state.record.next_sequence;
                state.record.next_sequence += 1;
                batch.operation(&op, None)?;
            }
        }
        Ok(())
    }
}

/// Whether something is open, and what.
fn standing(record: &Record) -> (bool, String) {
    if let Some(problem) = record.problem.as_ref().filter(|problem| problem.drift) {
        let text = problem.message.lines().next().unwrap_or_default();
        return (true, text.chars().take(140).collect());
    }
    if !record.conflicts.is_empty() {
        let contested: String = record.contested().chars().take(100).collect();
        return (
            true,
            format!("both sides changed {contested}: decide first"),
        );
    }
    (false, "page and issue agree".to_owned())
}
