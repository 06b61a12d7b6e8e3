//! What removes an object softly.

use crate::engine::observe::survey::Prepared;
use crate::engine::plan::render::{Draft, hashes};
use crate::hash::ContentHash;
use crate::id::{RemoteRef, Side};
use crate::mapping::MappingKind;
use crate::operation::Settlement;
use crate::record::{Duplicate, Life};
use crate::remote::Action;

/// The removal of the object of one side. On an issue that was made twice a comment follows it, which names the one
/// that stays: after it, since a comment moves the issue, and what moved is not removed.
pub(super) fn drafts(
    kind: MappingKind,
    prepared: &Prepared,
    side: Side,
    rows: &[u8],
) -> Vec<Draft> {
    let record = &prepared.state.record;
    let Some(object) = record.object(side) else {
        return Vec::new();
    };
    let view = prepared.view(side);
    let expected = view.map_or_else(String::new, |view| view.revision.token.clone());
    let what = match (side, kind) {
        (Side::Notion, _) => "move the page to the trash",
        (Side::Github, MappingKind::Documents) => "delete the file",
        (Side::Github, MappingKind::Tasks) => "close the issue",
    };
    let label = match &record.duplicate {
        Some(known) => format!("{what}: one creation made it besides {}", known.of),
        None => what.to_owned(),
    };
    let removal = Draft {
        side,
        name: "remove",
        action: Action::Remove {
            object: object.clone(),
            expected,
        },
        settlement: Settlement {
            life: Some(Life::Deleting),
            ..Settlement::default()
        },
        label,
        rows: rows.to_vec(),
        content: Some(hashes(view, "removed")),
        epoch: record.base_epoch,
    };
    let pointer = match (&record.duplicate, side) {
        (Some(known), Side::Github) => Some(pointer(object, known, rows)),
        _ => None,
    };
    [removal].into_iter().chain(pointer).collect()
}

/// The comment that names the issue which stays.
fn pointer(object: &RemoteRef, known: &Duplicate, rows: &[u8]) -> Draft {
    let other = known.url.clone().unwrap_or_else(|| known.of.to_string());
    let text = format!(
        "Duplicate of {other}\n\nBoth were made by one creation ({}) whose answer was lost. Nobody had worked on \
         this one, so it is closed; the other one is kept the same with its page.\n",
        known.op
    );
    let about = ContentHash::of("nsync/duplicate/v1", &(object, &known.of));
    Draft {
        side: Side::Github,
        name: "comment",
        action: Action::Comment {
            object: object.clone(),
            text,
        },
        settlement: Settlement::default(),
        label: format!("say that it is a duplicate of {}", known.of),
        rows: rows.to_vec(),
        content: Some((about, about)),
        epoch: 0,
    }
}
