//! Puts the crates together: settings and secrets in, an engine out.

mod assembly;
mod counted;
mod tasks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::engine::{Binding, Engine, Jitter, Schedule};
use notion_sync_core::http::HttpSend;
use notion_sync_core::id::{FieldId, MappingId};
use notion_sync_core::mapping::{
    Direction, FieldKind, FieldMap, Links, Mapping, MappingKind, PathTemplate, People,
};
use notion_sync_core::remote::{Remote, Schema};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::worker::{Company, Worker};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_github::{
    API_URL, FileScope, FilesSettings, GithubClient, GithubFiles, GithubIssues, GithubSettings,
    InstallationTokens, OctocrabSend, PersonalToken, RateLimits, TokenSource,
};
use notion_sync_notion::client::RateBudget;
use notion_sync_notion::{
    Client, ClientSettings, NotionPages, PageSettings, RateGate, ReqwestSend, access, identifier,
};
use notion_sync_store::{Access, Opened};

pub use self::assembly::Assembly;
pub use self::counted::Counted;
use crate::config::{
    Config, Delete, DocumentsSection, FrontMatterField, PropertyKind, RepositoryChoice,
    TasksSection, is_loopback,
};
use crate::secrets::{GithubSecret, Secrets};

/// What the world outside is made of: real in the program, emulated in `demo` and in tests.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Sends to Notion.
    pub notion_http: Arc<dyn HttpSend>,
    /// Sends to GitHub.
    pub github_http: Arc<dyn HttpSend>,
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The network and the clock of the machine.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when the HTTP clients cannot be set up.
pub fn network_parts(config: &Config) -> Result<Parts> {
    Ok(Parts {
        clock: Arc::new(SystemClock),
        notion_http: Arc::new(ReqwestSend::new(&config.bounds)?),
        github_http: Arc::new(OctocrabSend::new(&github_settings(config))?),
    })
}

/// Jitter from the fraction of the present second: different from moment to moment on a real clock,
/// the same in every run on a virtual one.
#[derive(Debug)]
struct ClockJitter(Arc<dyn Clock>);

impl Jitter for ClockJitter {
    fn next(&self) -> u32 {
        (self.0.now().timestamp_subsec_micros() / 7) % 1_001
    }
}

/// The engine over everything that is configured.
///
/// Asks Notion for people where `[people]` holds addresses, and for a data source's properties
/// where their kinds are not written down and not known yet.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] for settings or secrets that do not do, and what the requests and
/// the store end with.
pub async fn engine(
    config: &Config,
    secrets: &Secrets,
    parts: &Parts,
    store: Arc<dyn Store>,
) -> Result<Engine> {
    Ok(assemble(config, secrets, parts, store).await?.engine)
}

/// The worker that a process is: its name is its own, also beside one that had its number before.
fn worker(config: &Config, parts: &Parts, store: &Arc<dyn Store>) -> Arc<Worker> {
    let company = if config.store.shared {
        Company::Others
    } else {
        Company::Alone
    };
    let started = parts.clock.now().timestamp_micros();
    let name = format!("process {}/{started:x}", std::process::id());
    let clock = Arc::clone(&parts.clock);
    Arc::new(Worker::new(Arc::clone(store), clock, name, company))
}

/// As [`engine`], with what several workers on one store share.
///
/// # Errors
///
/// As [`engine`].
pub async fn assemble(
    config: &Config,
    secrets: &Secrets,
    parts: &Parts,
    store: Arc<dyn Store>,
) -> Result<Assembly> {
    config.validate().map_err(|faults| {
        Error::new(ErrorKind::Configuration, "use the configuration").message(faults.to_string())
    })?;
    let worker = worker(config, parts, &store);
    let parts = &Parts {
        clock: Arc::clone(&parts.clock),
        notion_http: worker.guard(Arc::clone(&parts.notion_http)),
        github_http: worker.guard(Arc::clone(&parts.github_http)),
    };
    let notion = notion_client(config, secrets, parts)?;
    let github = github_client(config, secrets, parts)?;
    let people = people(config, &notion).await?;
    let mut engine = Engine::new(Arc::clone(&store), Arc::clone(&parts.clock))
        .with_worker(Arc::clone(&worker))
        .with_bounds(config.bounds.clone())
        .with_guard(config.guard.clone())
        .with_decisions(config.audit.decisions as usize)
        .with_jitter(Arc::new(ClockJitter(Arc::clone(&parts.clock))))
        .with_schedule(Schedule {
            poll: Duration::seconds(i64::from(config.schedule.poll)),
            sweep: Duration::seconds(i64::from(config.schedule.sweep)),
            contents: Duration::seconds(i64::from(config.schedule.contents)),
        });
    for section in &config.documents {
        let pages = pages(config, &notion, &section.data_source, None)?;
        let fields = document_fields(section, &pages, &*store).await?;
        engine = engine.with_mapping(Binding {
            mapping: documents(config, section, fields)?,
            notion: Arc::new(pages),
            github: Arc::new(files(&github, section)?),
            people: people.clone(),
        });
    }
    for section in &config.tasks {
        let property = match &section.repository {
            RepositoryChoice::Property { property, .. } => Some(property.as_str()),
            RepositoryChoice::Fixed(_) => None,
        };
        let pages = pages(config, &notion, &section.data_source, property)?;
        let repositories: Vec<(&str, Option<u64>)> = section
            .repository
            .names()
            .into_iter()
            .map(|name| (name, None))
            .collect();
        let of_project = tasks::project_fields(section, &pages, &*store).await?;
        let mut issues = GithubIssues::new(github.clone(), &repositories)?;
        if let Some(settings) = tasks::project_settings(section) {
            issues = issues.with_project(settings)?;
        }
        engine = engine.with_mapping(Binding {
            mapping: tasks::mapping(section, of_project),
            notion: Arc::new(pages),
            github: Arc::new(issues),
            people: people.clone(),
        });
    }
    Ok(Assembly {
        engine,
        store,
        worker,
        notion,
        github,
    })
}

/// Opens the configured store; `folder` is where the configuration file lies.
///
/// # Errors
///
/// When there is no key for a sealed store, or as [`notion_sync_store::open_with`].
pub async fn open_store(
    config: &Config,
    secrets: &Secrets,
    folder: &Path,
    access: Access,
) -> Result<Arc<dyn Store>> {
    Ok(open_layers(config, secrets, folder, access).await?.store)
}

/// As [`open_store`], with the sealing of the store for itself.
///
/// # Errors
///
/// As [`open_store`].
pub async fn open_layers(
    config: &Config,
    secrets: &Secrets,
    folder: &Path,
    access: Access,
) -> Result<Opened> {
    let keys = secrets.keys(config, folder)?;
    notion_sync_store::open_layers(&store_url(config, folder), keys, access).await
}

/// The url of the store, with a relative file taken from `folder`.
#[must_use]
pub fn store_url(config: &Config, folder: &Path) -> String {
    let url = &config.store.url;
    match url.strip_prefix("sqlite:") {
        Some(file) if file != ":memory:" => {
            let file = folder.join(file.strip_prefix("//").unwrap_or(file));
            format!("sqlite:{}", file.display())
        }
        _ => url.clone(),
    }
}

/// The file of the store; none where it is kept in memory.
#[must_use]
pub fn store_file(config: &Config, folder: &Path) -> Option<PathBuf> {
    let url = store_url(config, folder);
    let file = url.strip_prefix("sqlite:");
    file.filter(|file| *file != ":memory:").map(PathBuf::from)
}

/// A client for Notion.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when there is no token or a setting does not do.
pub fn notion_client(config: &Config, secrets: &Secrets, parts: &Parts) -> Result<Client> {
    let settings = ClientSettings {
        base_url: config.notion.base_url.clone(),
        version: config.notion.version.clone(),
        ..ClientSettings::default()
    };
    let budget = RateBudget {
        requests: config.notion.requests_per_minute,
        ..RateBudget::default()
    };
    Client::new(
        settings,
        secrets.notion_token()?,
        Arc::clone(&parts.notion_http),
        Arc::clone(&parts.clock),
        Arc::new(RateGate::new(budget)),
    )
}

fn github_settings(config: &Config) -> GithubSettings {
    GithubSettings {
        api_url: config.github.api_url.clone(),
        graphql_url: config.github.graphql_url.clone(),
        api_version: config.github.version.clone(),
        limits: RateLimits {
            write_spacing_ms: config.github.write_spacing_ms,
            notify_spacing_ms: config.github.notify_spacing_ms,
            points_per_minute: config.github.points_per_minute,
            content_per_minute: config.github.content_per_minute,
            content_per_hour: config.github.content_per_hour,
            ..RateLimits::default()
        },
        bounds: config.bounds.clone(),
        ..GithubSettings::default()
    }
}

/// A client for GitHub.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when there is no credential or a setting does not do.
pub fn github_client(config: &Config, secrets: &Secrets, parts: &Parts) -> Result<GithubClient> {
    let settings = github_settings(config);
    let tokens: Arc<dyn TokenSource> = match secrets.github()? {
        GithubSecret::Token(token) => Arc::new(PersonalToken::new(token.clone())?),
        GithubSecret::App(app) => Arc::new(InstallationTokens::new(
            app,
            Arc::clone(&parts.github_http),
            Arc::clone(&parts.clock),
            settings.clone(),
        )?),
    };
    GithubClient::new(
        Arc::clone(&parts.github_http),
        tokens,
        Arc::clone(&parts.clock),
        settings,
    )
}

fn pages(
    config: &Config,
    client: &Client,
    data_source: &str,
    repository: Option<&str>,
) -> Result<NotionPages> {
    let mut settings = PageSettings::new(data_source, &config.bounds);
    settings.names = config.notion.properties.clone();
    if let Some(property) = repository {
        property.clone_into(&mut settings.names.repository);
    }
    settings.create_options = config.notion.create_options;
    NotionPages::new(client.clone(), settings)
}

fn files(client: &GithubClient, section: &DocumentsSection) -> Result<GithubFiles> {
    let template = template(section)?;
    let extension = template.extension().trim_start_matches('.');
    let settings = FilesSettings {
        scope: FileScope::new(template.folder(), &[extension])?,
        signed: section.signed,
        max_file_bytes: u64::try_from(section.limits.bytes)
            .unwrap_or(u64::MAX)
            .min(notion_sync_github::MAX_FILE_BYTES),
        ..FilesSettings::markdown(&section.repository, &section.branch, "")?
    };
    GithubFiles::new(client.clone(), settings)
}

fn template(section: &DocumentsSection) -> Result<PathTemplate> {
    PathTemplate::new(section.path.as_str()).map_err(|why| {
        Error::new(ErrorKind::Configuration, "use the path of a mapping")
            .with("mapping", &section.name)
            .message(why)
    })
}

/// Who is who, with addresses looked up in Notion.
async fn people(config: &Config, client: &Client) -> Result<People> {
    let mut people = People::default();
    let mut addresses = Vec::new();
    for (login, user) in &config.people {
        match identifier::canonical(user) {
            Some(id) => people.add(id, login.as_str()),
            None => addresses.push((login, user)),
        }
    }
    if addresses.is_empty() {
        return Ok(people);
    }
    let directory = access::directory(client).await?;
    let mut unknown = Vec::new();
    for (login, address) in addresses {
        let found = directory.iter().find(|user| {
            user.email
                .as_deref()
                .is_some_and(|email| email.eq_ignore_ascii_case(address))
        });
        match found {
            Some(user) => people.add(user.id.clone(), login.as_str()),
            None => unknown.push(login.as_str()),
        }
    }
    if unknown.is_empty() {
        return Ok(people);
    }
    Err(Error::new(ErrorKind::Configuration, "use [people]")
        .with("logins", unknown.join(", "))
        .message("their addresses belong to nobody that Notion shows")
        .remedy(
            "check the addresses, give the connection the capability to read e-mail addresses, \
             or write user ids",
        ))
}

fn links(config: &Config, section: &DocumentsSection) -> Links {
    let (repository, branch) = (&section.repository, &section.branch);
    let api = config.github.api_url.trim_end_matches('/');
    let public = api == API_URL || is_loopback(api);
    let web = match &config.github.web_url {
        Some(web) => web.trim_end_matches('/').to_owned(),
        None if public => "https://github.com".to_owned(),
        None => api.trim_end_matches("/api/v3").to_owned(),
    };
    let raw_base = if web == "https://github.com" {
        format!("https://raw.githubusercontent.com/{repository}/{branch}/")
    } else {
        format!("{web}/{repository}/raw/{branch}/")
    };
    Links {
        blob_base: format!("{web}/{repository}/blob/{branch}/"),
        raw_base,
    }
}

fn documents(
    config: &Config,
    section: &DocumentsSection,
    fields: Vec<FieldMap>,
) -> Result<Mapping> {
    Ok(Mapping {
        id: MappingId::new(section.name.as_str()),
        kind: MappingKind::Documents,
        policy: section.policy,
        deliver: section.deliver,
        delete_by_proposal: section.delete == Delete::PullRequest,
        delete_beats_edit: section.delete_beats_edit,
        adopt_by_key: section.adopt_by_key,
        file_marker: section.file_marker,
        path_policy: section.path_policy,
        path: template(section)?,
        reviewers: section.reviewers.clone(),
        fields,
        links: links(config, section),
        rules: Vec::new(),
        create_when: None,
        keep_below: Default::default(),
        drift_status: false,
        notes: Default::default(),
        comments: None,
        sentinel: section.sentinel.sentinel(),
        limits: section.limits.clone(),
    })
}

/// The fields of a documents mapping. Kinds that are not written down come from the data source, as
/// the store knows it or else as Notion says it.
async fn document_fields(
    section: &DocumentsSection,
    pages: &NotionPages,
    store: &dyn Store,
) -> Result<Vec<FieldMap>> {
    let unknown = section
        .front_matter
        .values()
        .any(|field| field.kind().is_none());
    let id = MappingId::new(section.name.as_str());
    let known = State::new(store).mapping(&id).await?.value;
    let schema = if unknown {
        if lacks(&known.notion_schema, &known.properties, section) {
            Arc::new(pages.schema().await?)
        } else {
            Arc::clone(&known.notion_schema)
        }
    } else {
        Arc::default()
    };
    Ok(section
        .front_matter
        .iter()
        .map(|(property, field)| {
            let id = known.properties.get(field.key());
            document_field(property, field, id, &schema)
        })
        .collect())
}

/// Whether a schema does not have every property, under the id that it once had or under its name.
fn lacks(schema: &Schema, ids: &BTreeMap<String, String>, section: &DocumentsSection) -> bool {
    section.front_matter.iter().any(|(name, field)| {
        let id = ids.get(field.key());
        !(id.is_some_and(|id| schema.fields.contains_key(id))
            || schema.fields.values().any(|known| known.name == *name))
    })
}

/// The fields of a mapping of documents, in a data source of this schema.
pub(crate) fn fields_of_documents(section: &DocumentsSection, schema: &Schema) -> Vec<FieldMap> {
    let fields = section.front_matter.iter();
    fields
        .map(|(property, field)| document_field(property, field, None, schema))
        .collect()
}

/// The fields of a mapping of tasks, but for those of a project.
pub(crate) fn fields_of_tasks(section: &TasksSection) -> Vec<FieldMap> {
    tasks::mapping(section, Vec::new()).fields
}

fn document_field(
    name: &str,
    field: &FrontMatterField,
    id: Option<&String>,
    schema: &Schema,
) -> FieldMap {
    // A property that was renamed since keeps its id.
    let native = id
        .and_then(|id| schema.fields.get(id))
        .or_else(|| schema.fields.values().find(|known| known.name == name))
        .or_else(|| schema.fields.get(name))
        .map(|known| known.kind.as_str());
    let kind = match (field.kind(), native) {
        (Some(kind), _) => written_kind(kind),
        (None, native) => native_kind(native.unwrap_or_default()),
    };
    // What Notion computes cannot be written there.
    let computed = native.is_some_and(is_computed);
    FieldMap {
        id: FieldId::from(field.key()),
        notion: name.to_owned(),
        github: field.key().to_owned(),
        kind,
        direction: if computed {
            Direction::ToGithub
        } else {
            field.direction()
        },
    }
}

/// Whether Notion itself says what a property of this type holds.
fn is_computed(native: &str) -> bool {
    matches!(
        native,
        "formula"
            | "rollup"
            | "unique_id"
            | "created_time"
            | "last_edited_time"
            | "created_by"
            | "last_edited_by"
    )
}

fn written_kind(kind: PropertyKind) -> FieldKind {
    match kind {
        PropertyKind::Text => FieldKind::Text,
        PropertyKind::Number => FieldKind::Number,
        PropertyKind::Checkbox => FieldKind::Checkbox,
        PropertyKind::Date => FieldKind::Date,
        PropertyKind::Select => FieldKind::Select,
        PropertyKind::Set => FieldKind::Set,
        PropertyKind::People => FieldKind::People,
        PropertyKind::Relation => FieldKind::Relation,
    }
}

fn native_kind(kind: &str) -> FieldKind {
    match kind {
        "number" => FieldKind::Number,
        "checkbox" => FieldKind::Checkbox,
        "date" | "created_time" | "last_edited_time" => FieldKind::Date,
        "select" | "status" => FieldKind::Select,
        "multi_select" => FieldKind::Set,
        "people" | "created_by" | "last_edited_by" => FieldKind::People,
        "relation" => FieldKind::Relation,
        _ => FieldKind::Text,
    }
}
