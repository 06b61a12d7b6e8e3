//! People who stay on one side, because nobody says who they are on the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{AuditEvent, AuditRow};
use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::plan::decide::title;
use crate::engine::report::Incident;
use crate::engine::{Binding, Engine};
use crate::id::{RecordId, Side};
use crate::mapping::{Direction, FieldKind};
use crate::state::MappingState;

/// Most people of one mapping that are remembered. Nobody is told of more: whoever has so many to
/// add has been told enough.
const MOST: usize = 1_000;

/// Where a person without a partner was seen first.
#[derive(Debug)]
pub(in crate::engine) struct Stranger {
    side: Side,
    person: String,
    record: RecordId,
    title: String,
}

impl Stranger {
    /// The name under which it is remembered that people were told.
    fn key(&self) -> String {
        key(self.side, &self.person)
    }

    fn message(&self) -> String {
        let person = &self.person;
        match self.side {
            Side::Notion => format!(
                "nobody says who the Notion user {person} is on GitHub, where they are left out: \
                 add LOGIN = \"{person}\" to [people]"
            ),
            Side::Github => format!(
                "nobody says who {person} is in Notion, where they are left out: add {person} = \
                 \"ADDRESS OR USER ID\" to [people]"
            ),
        }
    }
}

fn key(side: Side, person: &str) -> String {
    match side {
        Side::Notion => format!("{side} {person}"),
        Side::Github => format!("{side} {}", person.to_lowercase()),
    }
}

impl Bound {
    /// Everybody in what was just read who would go to the other side and has no partner there.
    pub(in crate::engine) fn strangers(&self, prepared: &[Prepared]) -> Vec<Stranger> {
        let people = self.fields.iter().filter(|field| {
            field.kind == FieldKind::People && !self.blocked.contains_key(&field.id)
        });
        let mut found: BTreeMap<String, Stranger> = BTreeMap::new();
        for field in people {
            for side in Side::BOTH {
                if !goes_from(field.direction, side) {
                    continue;
                }
                for one in prepared {
                    let value = one.view(side).map(|view| view.field(&field.id));
                    let Some(Ok(Some(value))) = value else {
                        continue;
                    };
                    for person in value.elements() {
                        if self.has_partner(side, &person) {
                            continue;
                        }
                        let stranger = Stranger {
                            side,
                            person,
                            record: one.state.record.id.clone(),
                            title: title(one),
                        };
                        found.entry(stranger.key()).or_insert(stranger);
                    }
                }
            }
        }
        found.into_values().collect()
    }

    fn has_partner(&self, side: Side, person: &str) -> bool {
        match side {
            Side::Notion => self.people.login(person).is_some(),
            Side::Github => self.people.notion_user(person).is_some(),
        }
    }

    /// Forgets who has a partner by now: should they lose it, people are told again.
    fn forget_known(&self, told: &mut BTreeSet<String>) {
        told.retain(|known| {
            Side::BOTH.into_iter().all(|side| {
                let person = known.strip_prefix(&key(side, ""));
                person.is_none_or(|person| !self.has_partner(side, person))
            })
        });
    }
}

fn goes_from(direction: Direction, side: Side) -> bool {
    match direction {
        Direction::Both => true,
        Direction::ToGithub => side == Side::Notion,
        Direction::ToNotion => side == Side::Github,
    }
}

impl Engine {
    /// Tells of people without a partner, each once for each mapping, and remembers whom it told of.
    pub(in crate::engine) fn tell_strangers(
        &self,
        binding: &Binding,
        bound: &Bound,
        strangers: Vec<Stranger>,
        state: &mut MappingState,
        incidents: &mut Vec<Incident>,
    ) -> Vec<AuditRow> {
        bound.forget_known(&mut state.strangers);
        let mut rows = Vec::new();
        for stranger in strangers {
            if state.strangers.len() >= MOST || !state.strangers.insert(stranger.key()) {
                continue;
            }
            let message = stranger.message();
            incidents.push(Incident {
                subject: stranger.title.clone(),
                message: message.clone(),
                drift: false,
            });
            rows.push(AuditRow {
                at: self.now(),
                mapping: binding.mapping.id.clone(),
                record: stranger.record,
                title: stranger.title,
                event: AuditEvent::Problem,
                op: None,
                run: None,
                side: Some(stranger.side),
                rows: Vec::new(),
                summary: message,
                details: BTreeMap::new(),
            });
        }
        rows
    }
}
