//! Random pairs: a base, and two copies that people perturbed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::document::merge::BodyBase;
use notion_sync_core::document::{Block, Document};
use notion_sync_core::id::{FieldId, RemoteRef, Side};
use notion_sync_core::mapping::field::FieldLens;
use notion_sync_core::mapping::{
    BodyView, Deliver, Direction, FieldKind, FieldMap, Mapping, MappingKind, People, Policy,
    Resolver, View,
};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case, Plan, UnitField, reconcile};
use notion_sync_core::record::{Agreed, Base, Life, Record};
use notion_sync_core::snapshot::{Field, Marker, Presence, Proof, Revision};
use notion_sync_core::value::Value;
use proptest::prelude::*;

/// Options of the state field; the last has no class.
const OPTIONS: [&str; 5] = ["To do", "Doing", "Done", "Shipped", "Odd"];

/// One side of a pair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Half {
    pub(super) fields: BTreeMap<FieldId, Value>,
    pub(super) body: Document,
    pub(super) presence: Presence,
    /// Minutes since the pair was made; an edit moves it.
    pub(super) minute: i64,
    pub(super) settled: bool,
}

/// A pair with what is remembered of it.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) mapping: Mapping,
    pub(super) people: People,
    pub(super) record: Record,
    pub(super) body: Option<BodyBase>,
    pub(super) notion: Half,
    pub(super) github: Half,
    pub(super) now: i64,
}

pub(super) fn at(minute: i64) -> DateTime<Utc> {
    // Millions of times: the text is read once.
    static START: LazyLock<DateTime<Utc>> =
        LazyLock::new(|| "2026-11-21T09:00:00Z".parse().unwrap());
    *START + Duration::minutes(minute)
}

pub(super) fn object(side: Side) -> RemoteRef {
    match side {
        Side::Notion => RemoteRef::new("notion", "page", "0123"),
        Side::Github => RemoteRef::new("github", "issue", "1"),
    }
}

pub(super) fn document(words: &[&str]) -> Document {
    Document {
        blocks: words.iter().map(|word| Block::paragraph(*word)).collect(),
    }
}

fn status() -> FieldKind {
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    FieldKind::Class {
        classes: pairs(&[
            ("To do", "open"),
            ("Doing", "open"),
            ("Done", "closed"),
            ("Shipped", "closed"),
        ]),
        preferred: pairs(&[("open", "To do"), ("closed", "Done")]),
    }
}

pub(super) fn mapping(kind: MappingKind, policy: Policy, note: Direction) -> Mapping {
    let field = |id: &str, kind, direction| FieldMap {
        id: id.into(),
        notion: id.to_owned(),
        github: id.to_owned(),
        kind,
        direction,
    };
    Mapping {
        id: "m".into(),
        kind,
        policy,
        deliver: Deliver::Commit,
        delete_by_proposal: false,
        delete_beats_edit: false,
        adopt_by_key: false,
        file_marker: Default::default(),
        path_policy: Default::default(),
        path: Default::default(),
        reviewers: Vec::new(),
        fields: vec![
            field("title", FieldKind::Text, Direction::Both),
            field("state", status(), Direction::Both),
            field("labels", FieldKind::Set, Direction::Both),
            field("people", FieldKind::People, Direction::Both),
            field("note", FieldKind::Text, note),
        ],
        links: Default::default(),
        rules: Vec::new(),
        create_when: None,
        keep_below: Default::default(),
        drift_status: false,
        notes: Default::default(),
        comments: None,
        sentinel: Default::default(),
        limits: Default::default(),
    }
}

impl Half {
    fn view(&self, side: Side, now: i64) -> View {
        let there = self.presence == Presence::Present;
        View {
            object: object(side),
            presence: self.presence.clone(),
            revision: Revision {
                at: at(self.minute),
                grain_seconds: 60,
                token: self.minute.to_string(),
            },
            settled: self.settled,
            observed_at: at(now),
            fields: self
                .fields
                .iter()
                .filter(|_| there)
                .map(|(id, value)| (id.clone(), Field::Value(value.clone())))
                .collect(),
            watched: BTreeMap::new(),
            outdated: false,
            body: if there {
                BodyView::Read(self.body.clone())
            } else {
                BodyView::None
            },
            source: None,
            native: None,
            place: None,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }
}

impl Pair {
    /// A pair at rest that holds the same on both sides.
    pub(super) fn agreed(
        mapping: Mapping,
        (notion, github): (BTreeMap<FieldId, Value>, BTreeMap<FieldId, Value>),
        body: &Document,
    ) -> Self {
        let mut people = People::default();
        people.add("u1", "ann");
        people.add("u2", "bob");
        let mut record = Record::new("r1".into(), mapping.id.clone());
        record.notion = Some(object(Side::Notion));
        record.github = Some(object(Side::Github));
        record.life = Life::Live;
        record.base_epoch = 1;
        let revision = |minute| Revision {
            at: at(minute),
            grain_seconds: 60,
            token: format!("{minute}"),
        };
        record.base = Some(Base {
            fields: notion
                .iter()
                .map(|(id, value)| {
                    let agreed = Agreed {
                        notion: value.clone(),
                        github: github.get(id).cloned().unwrap_or_default(),
                    };
                    (id.clone(), agreed)
                })
                .collect(),
            notion: Some(revision(0)),
            github: Some(revision(0)),
            path: None,
        });
        let half = |fields: BTreeMap<FieldId, Value>| Half {
            fields,
            body: body.clone(),
            presence: Presence::Present,
            minute: 0,
            settled: true,
        };
        Self {
            mapping,
            people,
            record,
            body: Some(BodyBase::agree(body, body)),
            notion: half(notion),
            github: half(github),
            now: 10,
        }
    }

    pub(super) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Notion => &mut self.notion,
            Side::Github => &mut self.github,
        }
    }

    pub(super) fn views(&self) -> (View, View) {
        (
            self.notion.view(Side::Notion, self.now),
            self.github.view(Side::Github, self.now),
        )
    }

    /// What the planner decides.
    pub(super) fn plan(&self) -> Plan {
        self.plan_with(reconcile)
    }

    pub(super) fn plan_with<T>(&self, decide: impl FnOnce(&Case<'_>) -> T) -> T {
        let resolver = Resolver::default();
        let fields = self.units(&resolver);
        let (notion, github) = self.views();
        decide(&Case {
            mapping: &self.mapping,
            record: &self.record,
            body_base: self.body.as_ref(),
            notion: Some(&notion),
            github: Some(&github),
            fields: &fields,
            identity: Identity::Clean,
            unresolved: false,
            doubts: Default::default(),
        })
    }

    pub(super) fn units<'a>(&'a self, resolver: &'a Resolver) -> BTreeMap<FieldId, UnitField<'a>> {
        self.mapping
            .fields
            .iter()
            .map(|field| {
                let lens = FieldLens {
                    field,
                    people: &self.people,
                    resolver,
                };
                let unit = UnitField {
                    lens: Box::new(lens),
                    direction: field.direction,
                    blocked: None,
                    later: false,
                };
                (field.id.clone(), unit)
            })
            .collect()
    }

    /// Whether both sides say the same, unit by unit.
    pub(super) fn says_same(&self) -> bool {
        let resolver = Resolver::default();
        let fields = self.units(&resolver);
        fields.iter().all(|(id, unit)| {
            let value = |half: &Half| half.fields.get(id).cloned().unwrap_or_default();
            unit.lens.project(Side::Notion, &value(&self.notion))
                == unit.lens.project(Side::Github, &value(&self.github))
        }) && self.notion.body.canon_eq(&self.github.body)
    }
}

/// What a person does to one side.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Title(u8),
    Note(u8),
    State(u8),
    Label(u8),
    Person(u8),
    Replace(u8, u8),
    Insert(u8, u8),
    Delete(u8),
    Append(u8, u8),
    Trash,
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (0..3_u8).prop_map(Edit::Title),
        2 => (0..3_u8).prop_map(Edit::Note),
        3 => (0..5_u8).prop_map(Edit::State),
        3 => (0..4_u8).prop_map(Edit::Label),
        2 => (0..3_u8).prop_map(Edit::Person),
        3 => (0..4_u8, 0..4_u8).prop_map(|(at, word)| Edit::Replace(at, word)),
        2 => (0..5_u8, 0..4_u8).prop_map(|(at, word)| Edit::Insert(at, word)),
        2 => (0..4_u8).prop_map(Edit::Delete),
        2 => (0..4_u8, 0..4_u8).prop_map(|(at, word)| Edit::Append(at, word)),
        1 => Just(Edit::Trash),
    ]
}

impl Pair {
    /// A person edits one side. Elements of sets are toggled.
    pub(super) fn edit(&mut self, side: Side, edit: &Edit) {
        self.now += 10;
        let now = self.now;
        let half = self.half(side);
        if half.presence != Presence::Present {
            return;
        }
        half.minute = now;
        let mut toggle = |field: &str, element: String| {
            let value = half.fields.entry(field.into()).or_default();
            let mut set = value.elements();
            if !set.remove(&element) {
                set.insert(element);
            }
            *value = Value::Set(set);
        };
        let blocks = &mut half.body.blocks;
        match edit {
            Edit::Label(label) => toggle("labels", format!("l{label}")),
            Edit::Person(person) => {
                let names = match side {
                    Side::Notion => ["u1", "u2", "guest"],
                    Side::Github => ["ann", "bob", "mona"],
                };
                toggle("people", names[usize::from(*person)].to_owned());
            }
            Edit::Title(word) => {
                half.fields
                    .insert("title".into(), Value::text(format!("t{word}")));
            }
            Edit::Note(word) => {
                let text = if *word == 0 {
                    String::new()
                } else {
                    format!("n{word}")
                };
                half.fields.insert("note".into(), Value::text(text));
            }
            Edit::State(option) => {
                let value = match side {
                    Side::Notion => OPTIONS[usize::from(*option)],
                    Side::Github => ["open", "closed"][usize::from(*option) % 2],
                };
                half.fields.insert("state".into(), Value::text(value));
            }
            Edit::Replace(at, word) => {
                if let Some(block) = blocks.get_mut(usize::from(*at)) {
                    *block = Block::paragraph(format!("w{word}"));
                }
            }
            Edit::Insert(at, word) => {
                let at = usize::from(*at).min(blocks.len());
                blocks.insert(at, Block::paragraph(format!("w{word}")));
            }
            Edit::Delete(at) => {
                if usize::from(*at) < blocks.len() {
                    blocks.remove(usize::from(*at));
                }
            }
            Edit::Append(at, word) => {
                if let Some(block) = blocks.get_mut(usize::from(*at)) {
                    let text = block
                        .kind
                        .text()
                        .map(notion_sync_core::document::RichText::to_plain)
                        .unwrap_or_default();
                    *block = Block::paragraph(format!("{text} w{word}"));
                }
            }
            Edit::Trash => {
                half.presence = Presence::Gone(match side {
                    Side::Notion => Proof::InTrash,
                    Side::Github => Proof::Deleted,
                });
            }
        }
    }
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::NotionWins),
        Just(Policy::GithubWins),
        Just(Policy::ManualReview)
    ]
}

pub(crate) fn kind() -> impl Strategy<Value = MappingKind> {
    prop_oneof![Just(MappingKind::Documents), Just(MappingKind::Tasks)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        4 => Just(Direction::Both),
        1 => Just(Direction::ToGithub),
        1 => Just(Direction::ToNotion)
    ]
}

/// A pair at rest.
pub(super) fn agreed() -> impl Strategy<Value = Pair> {
    let words = proptest::collection::vec(0..3_u8, 0..5);
    let labels = proptest::collection::btree_set(0..3_u8, 0..3);
    (
        kind(),
        policy(),
        direction(),
        words,
        labels,
        0..4_usize,
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(kind, policy, note, words, labels, option, (guest, beats))| {
                let mut mapping = mapping(kind, policy, note);
                mapping.delete_beats_edit = beats;
                let texts: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let labels = Value::set(labels.iter().map(|label| format!("l{label}")));
                let class = ["open", "open", "closed", "closed"][option];
                let mut notion: BTreeMap<FieldId, Value> = BTreeMap::new();
                let mut github = BTreeMap::new();
                for (id, n, g) in [
                    ("title", Value::text("t0"), Value::text("t0")),
                    ("note", Value::Null, Value::Null),
                    ("state", Value::text(OPTIONS[option]), Value::text(class)),
                    ("labels", labels.clone(), labels),
                    (
                        "people",
                        Value::set(if guest {
                            vec!["u1", "guest"]
                        } else {
                            vec!["u1"]
                        }),
                        Value::set(["ann"]),
                    ),
                ] {
                    notion.insert(id.into(), n);
                    github.insert(id.into(), g);
                }
                Pair::agreed(mapping, (notion, github), &document(&texts))
            },
        )
}

/// A pair whose two sides people edited.
pub(super) fn edited() -> impl Strategy<Value = Pair> {
    let edits = || proptest::collection::vec(edit(), 0..5);
    (agreed(), edits(), edits()).prop_map(|(mut pair, notion, github)| {
        for edit in &notion {
            pair.edit(Side::Notion, edit);
        }
        for edit in &github {
            pair.edit(Side::Github, edit);
        }
        pair
    })
}
