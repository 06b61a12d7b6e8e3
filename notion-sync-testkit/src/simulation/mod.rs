//! Seeded simulations: whole worlds in which everything goes wrong that can, and what must hold in the end.
//!
//! A seed decides everything that happens: what people do on both sides and when, which calls fail and how,
//! which commit of the store is lost or only seems to be, and at which call the process dies and another one
//! goes on. The engine is the real one; time is a [`VirtualClock`](notion_sync_core::clock::VirtualClock). The
//! same seed goes the same way each time, to the last byte of what was noted and of what is there in the end.
//!
//! Whoever embeds the engine gives a [`World`]: his own mappings and adapters over the store, the clock and
//! the ways that he is handed, what people do, and what both sides say. [`Simulation`] plays seeds of it,
//! [`play_all`] many on several threads, [`tell`] says of one that failed the smallest form that still does,
//! with everything that happens in it.
//!
//! # What is judged
//!
//! No knowledge of a mapping is needed, because each word that people write is unique and the [`Ledger`] knows
//! it ([`properties`]):
//!
//! | Property | Holds where |
//! | --- | --- |
//! | P01 | each word is on both sides or on neither, but where the record waits for a person |
//! | P02 | no word is lost, but as a loser in the audit, or where it was written between a read and the write that it made sure of |
//! | P03, P04 | after everything came to rest, a further run writes nothing, nor do those after it |
//! | P10 | the same seed goes the same way: one of a hundred is played twice, and so is each that fails |
//! | P11 | nothing is made twice |
//! | P14, P18 | each write has one row in the audit, in order; its chains verify, and decisions made again come out the same |
//! | P15 | nothing is stored or sent under a lost lease, where several processes work at one seam |
//! | P19 | no service is asked before it wanted to be, on a [`Way`] |
//! | P16 | what belongs to a page goes only if somebody moved the page to the trash |
//! | P20 | everything comes to rest in time |
//! | P21 | each object belongs to one record |
//!
//! `panic`, `engine` and `harness` are what they say. A season in which something never happened shows less
//! than it seems to: [`Tally::missing`] names those of the [`MARKERS`] that were never reached. With
//! [`Season::canary`] every seed must fail, which checks the checks.
//!
//! # An own world
//!
//! Pages and issues of the [model sides](crate::model), with a mapping between them. Sides of one's own take
//! their place; adapters that ask over HTTP are given [`Parts::way`] instead of being put through
//! [`Parts::remote`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use notion_sync_core::Result;
//! use notion_sync_core::clock::VirtualClock;
//! use notion_sync_core::document::Document;
//! use notion_sync_core::engine::{Binding, Engine};
//! use notion_sync_core::id::{RemoteRef, Side};
//! use notion_sync_core::mapping::{Mapping, People};
//! # use notion_sync_core::mapping::{MappingKind, Policy};
//! use notion_sync_core::store::Store;
//! use notion_sync_core::value::Value;
//! use notion_sync_store::MemoryStore;
//! use notion_sync_testkit::model::{ModelPages, ModelRepository};
//! use notion_sync_testkit::simulation::properties::Text;
//! use notion_sync_testkit::simulation::{
//!     Act, Ledger, Parts, Season, Simulation, World, play_all, tell,
//! };
//!
//! # fn mapping() -> Mapping {
//! #     Mapping {
//! #         id: "orders".into(),
//! #         kind: MappingKind::Tasks,
//! #         policy: Policy::NotionWins,
//! #         deliver: Default::default(),
//! #         delete_by_proposal: true,
//! #         delete_beats_edit: false,
//! #         adopt_by_key: false,
//! #         file_marker: Default::default(),
//! #         path_policy: Default::default(),
//! #         path: Default::default(),
//! #         reviewers: Vec::new(),
//! #         fields: Vec::new(),
//! #         links: Default::default(),
//! #         rules: Vec::new(),
//! #         create_when: None,
//! #         keep_below: Default::default(),
//! #         drift_status: false,
//! #         notes: Default::default(),
//! #         comments: None,
//! #         sentinel: Default::default(),
//! #         limits: Default::default(),
//! #     }
//! # }
//! #[derive(Debug)]
//! struct Orders {
//!     pages: ModelPages,
//!     issues: ModelRepository,
//!     store: Arc<MemoryStore>,
//! }
//!
//! impl Orders {
//!     fn open(_seed: u64, clock: Arc<VirtualClock>) -> Self {
//!         Self {
//!             pages: ModelPages::new(clock.clone(), &[]),
//!             issues: ModelRepository::issues(clock),
//!             store: Arc::new(MemoryStore::new()),
//!         }
//!     }
//! }
//!
//! impl World for Orders {
//!     fn store(&self) -> Arc<dyn Store> {
//!         self.store.clone()
//!     }
//!
//!     fn engine(&self, parts: &Parts) -> Result<Engine> {
//!         let engine = Engine::new(parts.store(), parts.clock());
//!         Ok(engine.with_mapping(Binding {
//!             mapping: mapping(),
//!             notion: parts.remote(Arc::new(self.pages.clone())),
//!             github: parts.remote(Arc::new(self.issues.clone())),
//!             people: People::default(),
//!         }))
//!     }
//!
//!     /// Somebody names a page, or makes one where there is none.
//!     fn act(&self, act: &Act, ledger: &mut Ledger) -> Option<String> {
//!         let name = format!("Order {}", act.word());
//!         let pages = self.pages.live();
//!         let id = if pages.is_empty() {
//!             self.pages.create(&name, Document::default())
//!         } else {
//!             let id = act.random().of(&pages).clone();
//!             let old = self.pages.field(&id, "title");
//!             ledger.replaced(old.as_text().unwrap_or_default(), &name);
//!             self.pages.set(&id, "title", Value::text(&name));
//!             id
//!         };
//!         let object = RemoteRef::new("notion", "page", id);
//!         ledger.born(act.token, &object.to_string());
//!         Some(format!("{object} is named {name}"))
//!     }
//!
//!     fn texts(&self) -> Vec<Text> {
//!         let text = |side, object, title: Value| Text {
//!             side,
//!             object,
//!             text: title.as_text().unwrap_or_default().to_owned(),
//!         };
//!         let pages = self.pages.live().into_iter().map(|id| {
//!             let title = self.pages.field(&id, "title");
//!             text(Side::Notion, RemoteRef::new("notion", "page", id), title)
//!         });
//!         let issues = self.issues.numbers().into_iter().map(|number| {
//!             let object = RemoteRef::new("github", "issue", number.to_string());
//!             text(Side::Github, object, self.issues.issue(number, "title"))
//!         });
//!         pages.chain(issues).collect()
//!     }
//! }
//!
//! let worlds = Simulation::new(Orders::open);
//! let tally = play_all(&worlds, &Season::of(1..9), &mut |_, _| {});
//! for (seed, failure) in &tally.failures {
//!     panic!("{}", tell(&worlds, *seed, failure));
//! }
//! assert_eq!(tally.seeds, 8);
//! ```
//!
//! # Parts
//!
//! Who needs more than [`Simulation`] has builds on its parts: [`Play`] for scripts of another kind, [`Seam`]
//! for what was counted and noted, [`Fragile`] around a store, [`Way`] around an HTTP seam with [`Traffic`] for
//! what a world knows of requests, [`Unsteady`] and [`Overheard`] around a side, [`Stream`] for numbers that do
//! not disturb each other. Several processes can work at one seam ([`Seam::keep_company`]).

mod checks;
mod fragile;
mod leases;
mod overheard;
mod random;
mod rest;
mod script;
mod seam;
mod season;
mod traffic;
mod turns;
mod unsteady;
mod weather;
mod words;
mod world;

pub use fragile::Fragile;
pub use overheard::{OnWrite, Overheard};
pub use random::Stream;
pub use rest::{note_tick, rest};
pub use script::{Act, Hook, Script, Step, shorter};
pub use seam::Seam;
pub use season::{
    Failure, How, More, Play, Run, Season, Tally, missing, play_all, play_on, shrink, tell,
};
pub use traffic::{Traffic, Way};
pub use turns::Stop;
pub use unsteady::{Bystander, Unsteady};
pub use weather::{Broken, Counted, Crash, Harm, Strike, Weather};
pub use words::{Ledger, Word, moment, origin, origins, word, words};
pub use world::{MARKERS, Parts, Simulation, World};

pub mod properties {
    //! What must hold once everything has come to rest, each by itself.

    pub use super::checks::{
        Text, audited, count_audit, is_parked, kept, made_once, never_repaired, on_both_sides,
        proven, registered, replays, restless, words_in_conflict,
    };
}
