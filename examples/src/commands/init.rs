//! `init`: writes a configuration by asking both services.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use notion_sync_core::mapping::MappingKind;
use notion_sync_core::remote::{Remote as _, Schema};
use notion_sync_notion::{Client, NotionPages, PageSettings, access, identifier};
use notion_sync_store::KeyRing;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::arguments::Common;
use super::output::Output;
use super::session::{Session, environment, folder_of};
use crate::config::{
    Config, DocumentsSection, FrontMatterField, LabelsChoice, RepositoryChoice, StatusSection,
    TasksSection,
};
use crate::exit::{Exit, Failure, Outcome};
use crate::secrets::Secrets;
use crate::wiring;

/// The file that a new key is written to.
const KEY_FILE: &str = "notion-sync.key";

/// What `init` takes.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The data source: id or address. Asked for, or taken from a search, where it is missing.
    #[arg(long, value_name = "ID")]
    data_source: Option<String>,
    /// The repository, as owner/name.
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// Keep issues the same instead of files.
    #[arg(long)]
    tasks: bool,
    /// Folder of the files.
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "docs",
        conflicts_with = "tasks"
    )]
    folder: String,
    /// Name of the mapping; from the data source's title where it is missing.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Add the properties that the synchronisation keeps on pages.
    #[arg(long)]
    create_properties: bool,
    /// Write over a configuration that exists.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: InitArgs) -> Outcome {
    let file = &args.common.config;
    if file.exists() && !args.force {
        return Err(Failure::usage(format!(
            "{} exists already (use --force to write over it, or --config for another file)",
            file.display()
        )));
    }
    let output = Output::new(args.common.json);
    let secrets = Secrets::read(&environment)?;
    let config = Config::of_environment(&environment)?;
    let session = Session {
        config,
        secrets,
        folder: folder_of(file),
        output,
    };
    let online = session.online()?;
    let notion = wiring::notion_client(&session.config, &session.secrets, &online.parts)?;
    let github = wiring::github_client(&session.config, &session.secrets, &online.parts)?;
    let (source, title) = data_source(&notion, args.data_source.as_deref()).await?;
    let repository = match &args.repository {
        Some(name) => name.clone(),
        None => ask("repository (owner/name)")?.ok_or_else(|| {
            Failure::usage("no repository is named (give --repository owner/name)")
        })?,
    };
    let found = github.repository(&repository).await?;
    let settings = PageSettings::new(source.as_str(), &session.config.bounds);
    let schema = NotionPages::new(notion.clone(), settings)?.schema().await?;
    let kind = if args.tasks {
        MappingKind::Tasks
    } else {
        MappingKind::Documents
    };
    let data_source = source.clone();
    let name = args.name.clone().unwrap_or_else(|| mapping_name(&title));
    let mut written = session.config.clone();
    if args.tasks {
        written
            .tasks
            .push(tasks(name, source, found.full_name, &schema));
    } else {
        let branch = if found.default_branch.is_empty() {
            "main".to_owned()
        } else {
            found.default_branch
        };
        let folder = args.folder.trim_matches('/');
        let path = if folder.is_empty() {
            "{slug}.md".to_owned()
        } else {
            format!("{folder}/{{slug}}.md")
        };
        written.documents.push(DocumentsSection {
            name,
            data_source: source,
            repository: found.full_name,
            branch,
            path,
            front_matter: front_matter(&schema, &session.config),
            ..DocumentsSection::default()
        });
    }
    if session.secrets.encryption_key.is_none() {
        written.store.key_file = Some(PathBuf::from(KEY_FILE));
    }
    // Before anything is changed anywhere.
    written.validate()?;
    let added = if args.create_properties {
        let properties = &session.config.notion.properties;
        access::create_properties(&notion, &data_source, properties, kind).await?
    } else {
        Vec::new()
    };
    let key = key_file(&session)?;
    let text = file_text(&written)?;
    private(file, &text, args.force)?;
    output.object(&json!({
        "config": file, "key_file": key.as_ref().map(KeyFile::path), "created_properties": added,
        "exit": 0,
    }));
    output.line(format!("wrote {}", file.display()));
    if let Some(key) = &key {
        let what = match key {
            KeyFile::Made(_) => "made an encryption key in",
            KeyFile::Kept(_) => "the encryption key that was there is kept:",
        };
        output.line(format!(
            "{what} {}: keep it safe and out of the repository, without it the store cannot be read",
            key.path().display()
        ));
    }
    for property in &added {
        output.line(format!("added the property {property:?}"));
    }
    output.line("next: `notion-sync check-config`, then `notion-sync plan`");
    Ok(Exit::Clean)
}

/// Asks a person; `None` where nobody sits there.
fn ask(what: &str) -> Result<Option<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{what}: ");
    let _ = err.flush();
    drop(err);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim().to_owned();
    Ok((!line.is_empty()).then_some(line))
}

/// Id and title of the data source that is meant.
async fn data_source(client: &Client, wanted: Option<&str>) -> Result<(String, String), Failure> {
    let found: Vec<(String, String)> = access::search(client, "")
        .await?
        .into_iter()
        .filter(|one| one.kind == "data_source")
        .map(|one| (one.id, one.title))
        .collect();
    let title_of = |id: &str| {
        found
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, title)| title.clone())
            .unwrap_or_default()
    };
    if let Some(wanted) = wanted {
        let id = identifier::canonical(wanted)
            .or_else(|| identifier::from_url(wanted))
            .ok_or_else(|| {
                Failure::usage(format!(
                    "{wanted:?} is no id of a data source (copy it from the database's menu)"
                ))
            })?;
        // People paste the database's id.
        if title_of(&id).is_empty()
            && let Ok(database) = access::database(client, &id).await
            && let [(only, title)] = database.data_sources.as_slice()
        {
            return Ok((only.clone(), title.clone()));
        }
        let title = title_of(&id);
        return Ok((id, title));
    }
    let list: Vec<String> = found
        .iter()
        .map(|(id, title)| format!("  {id} {title:?}"))
        .collect();
    match found.as_slice() {
        [] => Err(Failure::new(
            Exit::Refused,
            "no data source is shared with the connection (open the database in Notion and add \
             the connection to it)",
        )),
        [only] => Ok(only.clone()),
        _ => {
            let question = format!("data sources:\n{}\nid of one of them", list.join("\n"));
            match ask(&question)?.and_then(|id| identifier::canonical(&id)) {
                Some(id) => {
                    let title = title_of(&id);
                    Ok((id, title))
                }
                None => Err(Failure::usage(format!(
                    "several data sources are shared (give --data-source):\n{}",
                    list.join("\n")
                ))),
            }
        }
    }
}

/// A name from a title.
fn mapping_name(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 40 {
            break;
        }
    }
    let name = out.trim_end_matches('-');
    if name.is_empty() {
        "default".to_owned()
    } else {
        name.to_owned()
    }
}

/// Properties of people, by name: everything that is not ours and that a file can hold.
fn front_matter(
    schema: &Schema,
    config: &Config,
) -> std::collections::BTreeMap<String, FrontMatterField> {
    let own: Vec<&str> = config
        .notion
        .properties
        .roles()
        .into_iter()
        .map(|(_, name, _)| name)
        .collect();
    let mut out = std::collections::BTreeMap::new();
    let mut keys: Vec<String> = Vec::new();
    for property in schema.fields.values() {
        let fits = matches!(
            property.kind.as_str(),
            "rich_text"
                | "number"
                | "checkbox"
                | "date"
                | "select"
                | "status"
                | "multi_select"
                | "url"
                | "email"
                | "phone_number"
        );
        let key = mapping_name(&property.name).replace('-', "_");
        let taken = keys.contains(&key) || key == "title" || key == "default";
        if fits && !taken && !own.contains(&property.name.as_str()) {
            keys.push(key.clone());
            out.insert(property.name.clone(), FrontMatterField::Key(key));
        }
    }
    out
}

/// A mapping of tasks from what the data source has. Options of the group that Notion calls
/// complete are closed.
fn tasks(name: String, source: String, repository: String, schema: &Schema) -> TasksSection {
    let of_kind = |kind: &str| {
        let mut names: Vec<&String> = schema
            .fields
            .values()
            .filter(|property| property.kind == kind)
            .map(|property| &property.name)
            .collect();
        names.sort();
        names.first().map(|name| (*name).clone())
    };
    let status = schema
        .fields
        .values()
        .filter(|property| property.kind == "status")
        .min_by(|a, b| a.name.cmp(&b.name))
        .map(|property| {
            let closed = |group: &Option<String>| {
                group
                    .as_deref()
                    .is_some_and(|group| group.eq_ignore_ascii_case("complete"))
            };
            let pick = |wanted: bool| {
                property
                    .options
                    .iter()
                    .filter(|(_, group)| closed(group) == wanted)
                    .map(|(option, _)| option.clone())
                    .collect()
            };
            StatusSection {
                property: property.name.clone(),
                open: pick(false),
                closed: pick(true),
                ..StatusSection::default()
            }
        })
        .filter(|status| !status.open.is_empty() && !status.closed.is_empty());
    TasksSection {
        name,
        data_source: source,
        repository: RepositoryChoice::Fixed(repository),
        status,
        labels: of_kind("multi_select").map(LabelsChoice::All),
        assignees: of_kind("people"),
        ..TasksSection::default()
    }
}

/// Where the key is.
#[derive(Debug)]
enum KeyFile {
    /// A new one.
    Made(PathBuf),
    /// One that was there.
    Kept(PathBuf),
}

impl KeyFile {
    fn path(&self) -> &Path {
        let (Self::Made(path) | Self::Kept(path)) = self;
        path
    }
}

/// Makes a key where there is none; answers where it is, unless the environment has it.
fn key_file(session: &Session) -> Result<Option<KeyFile>, Failure> {
    if session.secrets.encryption_key.is_some() {
        return Ok(None);
    }
    let path = session.folder.join(KEY_FILE);
    if path.exists() {
        return Ok(Some(KeyFile::Kept(path)));
    }
    let key = KeyRing::generate()?;
    private(&path, &format!("{}\n", key.expose_secret()), false)?;
    Ok(Some(KeyFile::Made(path)))
}

/// Writes a file that only its owner can read.
pub(crate) fn private(path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!(
            "{} cannot be written: {error} (check the folder and its permissions)",
            path.display()
        ))
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// The configuration as a person would write it: what has its default is left out.
pub(crate) fn file_text(config: &Config) -> Result<String, Failure> {
    let made = |error: toml::ser::Error| {
        Failure::usage(format!("the configuration cannot be written: {error}"))
    };
    let mut all = toml::Table::try_from(config).map_err(made)?;
    let plain = toml::Table::try_from(Config::default()).map_err(made)?;
    drop_defaults(&mut all, &plain);
    let mut section = toml::Table::try_from(DocumentsSection::default()).map_err(made)?;
    section.remove("policy");
    section.remove("path");
    section.remove("branch");
    let mut task = toml::Table::try_from(TasksSection::default()).map_err(made)?;
    task.remove("policy");
    for (name, defaults) in [("documents", section), ("tasks", task)] {
        if let Some(toml::Value::Array(list)) = all.get_mut(name) {
            for one in list {
                if let toml::Value::Table(table) = one {
                    drop_defaults(table, &defaults);
                }
            }
        }
    }
    let text = toml::to_string_pretty(&all).map_err(made)?;
    Ok(format!(
        "# Settings of notion-sync; docs/guide.md explains every key. Secrets stand in the\n\
         # environment, never here.\n\n{text}"
    ))
}

fn drop_defaults(table: &mut toml::Table, defaults: &toml::Table) {
    table.retain(|key, value| {
        let default = defaults.get(key);
        if let (toml::Value::Table(inner), Some(toml::Value::Table(default))) =
            (&mut *value, default)
        {
            drop_defaults(inner, default);
            return !inner.is_empty();
        }
        default != Some(value)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_writes_is_read_back() {
        let mut config = Config::default();
        config.notion.base_url = "http://127.0.0.1:1".to_owned();
        config.documents.push(DocumentsSection {
            name: mapping_name("Engineering Handbook!"),
            data_source: "1c3f5a7b-0000-4000-8000-000000000001".to_owned(),
            repository: "acme/handbook".to_owned(),
            front_matter: [(
                "Owner".to_owned(),
                FrontMatterField::Key("owner".to_owned()),
            )]
            .into(),
            ..DocumentsSection::default()
        });
        config.tasks.push(tasks(
            "backlog".to_owned(),
            "1c3f5a7b-0000-4000-8000-000000000002".to_owned(),
            "acme/app".to_owned(),
            &Schema::default(),
        ));
        let text = file_text(&config).unwrap();
        assert!(!text.contains("late_commit"), "{text}");
        assert!(text.contains("name = \"engineering-handbook\""), "{text}");
        assert_eq!(Config::parse(&text, "x").unwrap(), config, "{text}");
    }
}
