//! Settings: `notion-sync.toml` and the addresses that the environment overrides.
//!
//! ```
//! use notion_sync_examples::config::Config;
//!
//! let text = r#"
//! [[documents]]
//! name = "handbook"
//! data_source = "1c3f5a7b-0000-4000-8000-000000000001"
//! repository = "acme/handbook"
//! front_matter = { Owner = "owner", Tags = { key = "tags", kind = "set" } }
//!
//! [people]
//! ada = "ada@example.com"
//! "#;
//! let config = Config::parse(text, "notion-sync.toml")?;
//! assert_eq!(config.documents[0].path, "docs/{slug}.md");
//! # Ok::<(), notion_sync_examples::config::Faults>(())
//! ```

mod choice;
mod fault;
mod reading;
mod rules;
mod section;
mod validation;

use std::collections::BTreeMap;
use std::path::Path;

use notion_sync_core::bounds::Bounds;
use notion_sync_core::mapping::Guard;
use serde::{Deserialize, Serialize};

pub use choice::{
    FrontMatterField, LabelsChoice, ProjectFieldChoice, PropertyKind, RepositoryChoice,
};
pub use fault::{Fault, Faults};
pub use reading::Places;
pub use rules::RuleSection;
pub(crate) use rules::{common, values};
pub use section::{
    AuditSection, Delete, DocumentsSection, GithubSection, IssueFact, LabelField, LabelsSection,
    NotionSection, ProjectSection, ReceiverSection, ScheduleSection, Sealing, SentinelSection,
    StatusSection, StoreSection, TasksSection,
};
pub use validation::is_loopback;

/// The file that is read when no other is named.
pub const FILE: &str = "notion-sync.toml";

/// Everything that `notion-sync.toml` says. Missing sections and keys have their defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where Notion is, and the names of the engine's properties.
    pub notion: NotionSection,
    /// Where GitHub is.
    pub github: GithubSection,
    /// Where state lives.
    pub store: StoreSection,
    /// Bounds of time, in seconds.
    pub bounds: Bounds,
    /// Safety rails of a run.
    pub guard: Guard,
    /// How often the engine looks by itself.
    pub schedule: ScheduleSection,
    /// What is kept for the audit.
    pub audit: AuditSection,
    /// Webhooks and events over HTTP.
    pub receiver: ReceiverSection,
    /// Pages and Markdown files.
    pub documents: Vec<DocumentsSection>,
    /// Pages and issues.
    pub tasks: Vec<TasksSection>,
    /// GitHub login = id or e-mail address of a Notion user.
    pub people: BTreeMap<String, String>,
}

impl Config {
    /// Reads and checks settings. `file` only names the place of faults.
    ///
    /// # Errors
    ///
    /// All faults at once, each with its line and what to do about it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Faults> {
        let (config, places, mut faults) = reading::read(text, file);
        faults.extend(config.check(&places));
        faults.into_result(config)
    }

    /// Reads a file and lays the addresses of the environment over it.
    ///
    /// `env` looks up a variable: `NOTION_API_BASE_URL`, `GITHUB_API_URL`, `GITHUB_GRAPHQL_URL`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and when the file cannot be read.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let text = match std::fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(_) => {
                    return Err(Fault::new(&file, "it is not UTF-8 text")
                        .remedy("save it as UTF-8")
                        .into());
                }
            },
            Err(error) => {
                let remedy = if error.kind() == std::io::ErrorKind::NotFound {
                    "run `notion-sync init`, or name another file with --config"
                } else {
                    "check the file's permissions"
                };
                let text = format!("it cannot be read: {error}");
                return Err(Fault::new(&file, text).remedy(remedy).into());
            }
        };
        let (mut config, mut places, mut faults) = reading::read(&text, &file);
        config.override_addresses(env, &mut places);
        faults.extend(config.check(&places));
        faults.into_result(config)
    }

    /// The defaults with the addresses of the environment, for whoever has no file yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the addresses.
    pub fn of_environment(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let (mut config, mut places) = (Self::default(), Places::default());
        config.override_addresses(env, &mut places);
        config.check_services(&places).into_result(config)
    }

    /// Says everything that is wrong with settings that were made in code.
    ///
    /// # Errors
    ///
    /// All faults at once.
    pub fn validate(&self) -> Result<(), Faults> {
        self.check(&Places::default()).into_result(())
    }

    fn override_addresses(&mut self, env: &dyn Fn(&str) -> Option<String>, places: &mut Places) {
        let mut take = |name: &str, key: &str| {
            let value = env(name).filter(|value| !value.is_empty())?;
            places.name(key, format!("environment variable {name}"));
            Some(value)
        };
        if let Some(url) = take("NOTION_API_BASE_URL", "notion.base_url") {
            self.notion.base_url = url;
        }
        if let Some(url) = take("GITHUB_API_URL", "github.api_url") {
            self.github.api_url = url;
        }
        if let Some(url) = take("GITHUB_GRAPHQL_URL", "github.graphql_url") {
            self.github.graphql_url = Some(url);
        }
    }

    /// Names of all mappings, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let documents = self.documents.iter().map(|one| one.name.as_str());
        documents.chain(self.tasks.iter().map(|one| one.name.as_str()))
    }

    /// Whether both services are on this machine: then bounds may be small.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_loopback(&self.notion.base_url)
            && is_loopback(&self.github.api_url)
            && self.github.graphql_url.as_deref().is_none_or(is_loopback)
    }
}
