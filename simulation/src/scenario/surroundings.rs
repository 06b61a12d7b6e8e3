//! What happens where more than the services fails: see [`Upset`].

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::audit::AuditRow;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::Clock;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::simulation::{Failure, Harm};
use serde_json::{Value, json};

use super::people::{lock, table};
use super::play::{Theatre, broken};
use super::post::Post;
use super::seam::Seam;
use super::standing::Bases;
use super::upset::Upset;

/// A mapped property of both tables, and the name that somebody gives it.
const RENAMED: [(bool, &str, &str); 2] = [(false, "Owner", "Holder"), (true, "Labels", "Tags")];
/// A mapped property of both tables, its type, and the one that somebody gives it.
const RETYPED: [(&str, &str, &str); 2] = [
    ("Owner", "rich_text", "number"),
    ("Assignee", "people", "rich_text"),
];
/// The databases of both tables.
const DATABASES: [&str; 2] = ["handbook", "backlog"];
/// Minutes after which schemas are read again.
const SCHEMA: i64 = 60;
/// A property that is not mapped.
const SPARE: &str = "Spare";

/// The clock of a process: that of the world, and what it is off by.
#[derive(Debug)]
pub(super) struct Off {
    pub(super) world: Arc<dyn Clock>,
    pub(super) seam: Arc<Seam>,
}

impl Clock for Off {
    fn now(&self) -> DateTime<Utc> {
        self.world.now() + Duration::seconds(i64::from(self.seam.off()))
    }
}

/// What is kept of the surroundings while a seed is played.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// What carries webhooks, where there are any.
    pub(super) post: Option<Post>,
    backup: Option<MemoryStore>,
    /// Whether a backup was put back.
    pub(super) restored: bool,
    /// Rows of the audit that a backup which was put back did not hold.
    pub(super) forgotten: Vec<AuditRow>,
    /// Whether somebody changed a schema.
    schema: bool,
    /// Whether the properties have their other names.
    renamed: bool,
    spare: bool,
    /// Whether the tables are taken away from the connection.
    unshared: bool,
    /// Whether a mapped property has another type.
    retyped: bool,
}

impl Surroundings {
    /// Surroundings with these webhooks.
    pub(super) fn with(post: Option<Post>) -> Self {
        Self {
            post,
            ..Self::default()
        }
    }
}

impl Theatre {
    /// Something else than a service fails.
    pub(super) async fn upset(&mut self, upset: Upset) -> Result<(), Failure> {
        self.seam.note(&format!("{upset:?}"));
        match upset {
            Upset::Clock(seconds) => {
                self.seam.set_off(seconds);
                self.seam.count("the clock of the process jumped");
            }
            // The weather of the next tick says it.
            Upset::FullDisk(_) => {}
            Upset::BackUp => self.surroundings.backup = Some(self.kept.copy()),
            Upset::Restore => self.restore().await?,
            Upset::Rename => self.rename(),
            Upset::Spare => {
                let now = !self.surroundings.spare;
                let column = if now {
                    json!({"rich_text": {}})
                } else {
                    Value::Null
                };
                self.change_schema(|_| json!({SPARE: column}));
                self.surroundings.spare = now;
                self.seam.count("a property came or went");
            }
            Upset::Forged(number) => {
                let now = self.stage.now();
                for hint in super::post::forged(number, now) {
                    self.ingest(hint).await?;
                }
                self.seam.count("a hint named what does not exist");
            }
            Upset::Locked(side) => {
                self.seam.shut(side, Harm::Unauthorized);
                self.seam.count("a token had expired");
            }
            Upset::Hidden(side) => {
                self.seam.shut(side, Harm::NotFound);
                self.seam.count("a side showed nothing");
            }
            Upset::Unshare => self.unshare(),
            Upset::Retype => self.retype(),
            Upset::Policy(policy) => self.write_down(policy),
        }
        Ok(())
    }

    fn mapped(&self) -> impl Iterator<Item = bool> + use<> {
        let terms = &self.stage.terms;
        let mapped = [terms.documents.is_some(), terms.tasks.is_some()];
        [false, true]
            .into_iter()
            .filter(move |tasks| mapped[usize::from(*tasks)])
    }

    fn unshare(&mut self) {
        let shared = self.surroundings.unshared;
        for tasks in self.mapped() {
            let database = self.stage.notion().id(DATABASES[usize::from(tasks)]);
            let done = self
                .stage
                .in_notion("ada", |ada| ada.share(database, shared));
            if let Err(error) = done {
                self.seam.violate("harness", error.to_string());
            }
        }
        self.surroundings.unshared = !shared;
        self.seam.count("the tables were taken away or given back");
    }

    fn retype(&mut self) {
        let back = self.surroundings.retyped;
        let renamed = self.surroundings.renamed;
        let named = |tasks: bool| {
            let (name, names) = (RETYPED[usize::from(tasks)].0, RENAMED[usize::from(tasks)]);
            if renamed && names.1 == name {
                names.2
            } else {
                name
            }
        };
        if !back {
            // Whoever does that sees what the new type does not hold.
            let pages = self.stage.pages();
            let notion = self.stage.notion();
            for page in pages.values() {
                if let Some(value) = notion.properties(*page).get(named(false)) {
                    lock(&self.people.ledger).replaced(&value.to_string(), "");
                }
            }
        }
        self.change_schema(|tasks| {
            let (_, old, new) = RETYPED[usize::from(tasks)];
            json!({named(tasks): {if back { old } else { new }: {}}})
        });
        self.surroundings.retyped = !back;
        self.seam.count("a property had another type");
    }

    /// Another policy of each mapping is written down; the next process reads it.
    fn write_down(&mut self, policy: Policy) {
        let terms = &mut self.stage.terms;
        for mapped in [&mut terms.documents, &mut terms.tasks] {
            *mapped = mapped.map(|_| policy);
        }
        self.stage.stop();
        self.seam.restarted();
        self.seam.count("another policy was written down");
    }

    /// The process ends, and the store is as it was when it was backed up, once the services show what
    /// they were sent last: what is hidden would be made again.
    async fn restore(&mut self) -> Result<(), Failure> {
        let Some(backup) = &self.surroundings.backup else {
            return Ok(());
        };
        self.stage.stop();
        self.seam.restarted();
        self.stage
            .clock
            .advance(Bounds::default().quiet_after_create());
        let audit = State::new(&*self.kept).audit(None).await;
        self.kept.restore(backup);
        let known = State::new(&*self.kept).audit(None).await;
        let known = known.map_err(|error| broken(&error))?;
        let mut lost = audit.map_err(|error| broken(&error))?;
        lost.retain(|row| !known.contains(row));
        self.surroundings.forgotten.extend(lost);
        self.surroundings.restored = true;
        // What was agreed since is forgotten.
        self.bases = self.bases.take().map(|_| Bases::default());
        self.seam.count("a backup was put back");
        Ok(())
    }

    fn rename(&mut self) {
        let back = self.surroundings.renamed;
        self.change_schema(|tasks| {
            let (_, old, new) = RENAMED[usize::from(tasks)];
            let (from, to) = if back { (new, old) } else { (old, new) };
            json!({from: {"name": to}})
        });
        self.surroundings.renamed = !back;
        self.seam.count("a property was renamed");
    }

    /// Somebody changes the schema of each table that is mapped.
    fn change_schema(&mut self, change: impl Fn(bool) -> Value) {
        self.surroundings.schema = true;
        for tasks in self.mapped() {
            let source = self.stage.notion().id(table(tasks));
            let changed = self
                .stage
                .in_notion("ada", |ada| ada.change_schema(source, &change(tasks)));
            if let Err(error) = changed {
                self.seam.violate("harness", error.to_string());
            }
        }
    }

    /// Webhooks arrive, as far as they do.
    pub(super) async fn deliver(&mut self) -> Result<(), Failure> {
        let Some(mut post) = self.surroundings.post.take() else {
            return Ok(());
        };
        let hints = post.collect(&self.stage);
        self.surroundings.post = Some(post);
        for hint in hints? {
            self.seam.count(match hint.side {
                Side::Notion => "heard from Notion",
                Side::Github => "heard from GitHub",
            });
            self.ingest(hint).await?;
        }
        Ok(())
    }

    /// Everything is as it should be again, but for what was put back.
    pub(super) fn appease(&mut self) {
        self.seam.set_off(0);
        self.surroundings.post = None;
        if self.surroundings.unshared {
            self.unshare();
        }
        if self.surroundings.retyped {
            self.retype();
        }
        if self.surroundings.renamed {
            self.rename();
        }
        if self.surroundings.schema {
            self.stage.pass(SCHEMA + 1);
        }
    }

    async fn ingest(&self, hint: notion_sync_core::event::ChangeEvent) -> Result<(), Failure> {
        let taken = State::new(&*self.kept).ingest(&[hint]).await;
        taken.map(|_| ()).map_err(|error| broken(&error))
    }
}
