//! Tasks that are looked through for comments in turn.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::{Heard, Listening, Overheard};
use crate::comment::plan;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::id::RecordId;
use crate::state::{MappingState, RecordState};

/// How many tasks are looked through at once.
const LISTENERS: usize = 4;
/// After so many tasks in a row whose comments cannot be read now the rest is left for the next poll.
const FAILURES: usize = 8;

impl Engine {
    /// Looks through further tasks for comments, in turn; answers those with something to do.
    pub(in crate::engine) async fn overhear(
        &self,
        binding: &Binding,
        listening: &Listening,
        mapping: &MappingState,
        due: &BTreeSet<RecordId>,
    ) -> Result<(Vec<(RecordState, Heard)>, Overheard)> {
        let mut found = Vec::new();
        let mut overheard = Overheard::default();
        let Some(settings) = listening.settings.as_ref().filter(|_| listening.reads()) else {
            return Ok((found, overheard));
        };
        let limit = if listening.thorough {
            usize::MAX
        } else {
            usize::try_from(settings.pages_per_poll).unwrap_or(usize::MAX)
        };
        let mut after = if listening.thorough {
            None
        } else {
            mapping.comments_after.clone()
        };
        let (mut looked, mut visited) = (0, 0_usize);
        let mut failures = 0;
        // Whether anything was passed since this turn began.
        let mut moved = false;
        // Records that are over cost no request, but they cost time.
        'turn: while looked < limit && visited < limit.saturating_mul(10) {
            let ids = self
                .state()
                .records_after(&binding.mapping.id, after.as_ref(), LISTENERS)
                .await?;
            let mut states = Vec::new();
            for id in ids.iter().filter(|id| !due.contains(*id)) {
                states.extend(self.state().record(id).await?);
            }
            let heard = join_all(states.iter().map(|state| async {
                if self.is_halted() {
                    return Ok(Heard::Later(self.now()));
                }
                self.listen(binding, &state.record, listening).await
            }))
            .await;
            for (state, heard) in states.into_iter().zip(heard) {
                let id = state.record.id.clone();
                match heard? {
                    Heard::Nothing => {}
                    // The rest comes with the next poll. One that is asked to wait each time does not
                    // keep the others from their turn.
                    Heard::Later(_) => {
                        if !moved {
                            after = Some(id);
                        }
                        break 'turn;
                    }
                    Heard::Failed(_) => {
                        failures += 1;
                        if failures >= FAILURES {
                            after = Some(id);
                            break 'turn;
                        }
                    }
                    Heard::Talk(talk) => {
                        looked += 1;
                        failures = 0;
                        let steps = plan(&talk.next, &talk.seen, settings, listening.since);
                        if !steps.is_empty() || talk.is_news() {
                            found.push((state, Heard::Talk(talk)));
                        }
                    }
                }
                after = Some(id);
                moved = true;
            }
            visited += ids.len();
            if ids.len() < LISTENERS {
                // Once around is enough.
                after = None;
                break;
            }
            after = ids.last().cloned();
        }
        overheard.turn = Some(after);
        Ok((found, overheard))
    }
}
