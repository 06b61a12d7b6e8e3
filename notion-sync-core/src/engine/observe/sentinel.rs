//! Whether absence on a side means anything now.

use std::collections::BTreeMap;

use crate::document::{Document, markdown};
use crate::engine::observe::survey::Prepared;
use crate::engine::{Binding, Engine};
use crate::id::{MappingId, Side};
use crate::mapping::Canary;
use crate::reconcile::Doubts;
use crate::snapshot::{Content, Presence, Snapshot};
use crate::state::Doubt;

impl Engine {
    /// Why absence proves nothing, by side. What must be readable is read only where something else
    /// is missing, where it was not readable before, or `always`: it costs a request.
    pub(in crate::engine) async fn doubts(
        &self,
        binding: &Binding,
        prepared: &[Prepared],
        known: &BTreeMap<Side, Doubt>,
        always: bool,
    ) -> BTreeMap<Side, String> {
        let mut out = BTreeMap::new();
        for side in Side::BOTH {
            let Some(canary) = binding.mapping.sentinel.on(side) else {
                continue;
            };
            let absent = || prepared.iter().any(|one| is_absent(one, side));
            if !always && !known.contains_key(&side) && !absent() {
                continue;
            }
            if let Some(why) = unreadable(binding, side, canary).await {
                out.insert(side, why);
            }
        }
        out
    }

    /// What is wrong with the sentinels of each mapping now, in the words in which a run says it. All are
    /// read; nothing is stored.
    pub async fn unreadable_sentinels(&self) -> Vec<(MappingId, Side, String)> {
        let mut out = Vec::new();
        for binding in self.bindings() {
            let why = self.doubts(binding, &[], &BTreeMap::new(), true).await;
            let id = &binding.mapping.id;
            out.extend(why.into_iter().map(|(side, why)| (id.clone(), side, why)));
        }
        out
    }

    /// The same with the moment since when, as far as it was so before.
    pub(in crate::engine) fn doubted(
        &self,
        why: &BTreeMap<Side, String>,
        known: &BTreeMap<Side, Doubt>,
    ) -> BTreeMap<Side, Doubt> {
        let now = self.now();
        let since = |side| known.get(side).map_or(now, |doubt: &Doubt| doubt.since);
        (why.iter())
            .map(|(side, why)| {
                let doubt = Doubt {
                    why: why.clone(),
                    since: since(side),
                };
                (*side, doubt)
            })
            .collect()
    }
}

/// As the decision about one record takes it.
pub(in crate::engine) fn sides(why: &BTreeMap<Side, String>) -> Doubts {
    Doubts {
        notion: why.contains_key(&Side::Notion),
        github: why.contains_key(&Side::Github),
    }
}

fn is_absent(prepared: &Prepared, side: Side) -> bool {
    prepared.view(side).is_some_and(|view| {
        matches!(
            view.presence,
            Presence::Gone(_) | Presence::Missing | Presence::MovedOut(_)
        )
    })
}

/// What is wrong with the object that must be readable. Whatever it is, also a service that does not
/// answer: then nothing is known about absence either.
async fn unreadable(binding: &Binding, side: Side, canary: &Canary) -> Option<String> {
    let remote = binding.remote(side);
    let read = async {
        let object = remote.named(&canary.at).await?;
        remote.read(&object, true).await
    };
    let what = match read.await {
        Err(error) => format!("cannot be read: {error}"),
        Ok(snapshot) => match &snapshot.presence {
            Presence::Present if says(&snapshot, &canary.contains) => return None,
            Presence::Present => format!("does not contain {:?}", canary.contains),
            Presence::Gone(_) => "was removed".to_owned(),
            Presence::Missing => "is not there, or not shared with the connection".to_owned(),
            Presence::MovedOut(to) => format!("lies elsewhere: {to:?}"),
            Presence::Unread(why) => format!("cannot be read: {why}"),
        },
    };
    Some(format!(
        "the sentinel {:?} on {side} {what}: nothing is taken for deleted there until it is back",
        canary.at
    ))
}

/// Whether an object says something: in a field, its title among them, or in its text.
fn says(snapshot: &Snapshot, wanted: &str) -> bool {
    let in_field = (snapshot.fields.values())
        .filter_map(|field| field.value())
        .flat_map(|value| value.elements())
        .any(|text| text.contains(wanted));
    in_field
        || match &snapshot.content {
            Content::Text(text) => text.contains(wanted),
            Content::Blocks(document) => written(document).contains(wanted),
            Content::NotRead | Content::Unusable(_) => false,
        }
}

fn written(document: &Document) -> String {
    markdown::write(document, &markdown::Style::default())
}
