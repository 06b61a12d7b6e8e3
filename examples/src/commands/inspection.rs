//! `check-config`: everything that is wrong with an installation.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use notion_sync_core::ErrorKind;
use notion_sync_core::mapping::Deliver;
use notion_sync_github::Needs;
use notion_sync_notion::access::{self, Level};
use notion_sync_store::{Access, MemoryStore};
use serde::Serialize;
use serde_json::json;

use super::arguments::Common;
use super::output::{Output, message, plain};
use super::projects;
use super::properties::{self, Section};
use super::session::{Online, Session, environment, folder_of};
use crate::config::{Config, Faults, RepositoryChoice};
use crate::exit::{Exit, Failure, Outcome};
use crate::secrets::Secrets;
use crate::wiring;

/// What `check-config` takes.
#[derive(Debug, Args)]
pub(super) struct CheckConfigArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Look at files and environment only; ask no service.
    #[arg(long)]
    offline: bool,
}

/// One thing that was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// `fault`, `warning` or `note`.
    level: &'static str,
    pub(super) place: String,
    message: String,
    remedy: String,
}

impl Found {
    pub(super) fn new(level: &'static str, place: &str, message: &str, remedy: &str) -> Self {
        Self {
            level,
            place: place.to_owned(),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

pub(super) async fn run(args: CheckConfigArgs) -> Outcome {
    let output = Output::new(args.common.json);
    let mut found: Vec<Found> = Vec::new();
    let mut exit = Exit::Clean;
    let config = taken(Config::load(&args.common.config, &environment), &mut found);
    let secrets = taken(Secrets::read(&environment), &mut found);
    if let (Some(config), Some(secrets)) = (config, secrets) {
        let folder = folder_of(&args.common.config);
        local(&config, &secrets, &folder, &mut found).await;
        let tokens = secrets.notion_token.is_some() && secrets.github.is_some();
        if !args.offline && tokens {
            let session = Session {
                config,
                secrets,
                folder,
                output,
            };
            exit = services(&session, &mut found).await?;
        }
    }
    if found.iter().any(|one| one.level == "fault") && exit == Exit::Clean {
        exit = Exit::Usage;
    }
    output.object(&json!({ "findings": found, "exit": exit.code() }));
    for one in &found {
        let remedy = if one.remedy.is_empty() {
            String::new()
        } else {
            format!(" ({})", message(&one.remedy))
        };
        output.line(format!(
            "{}: {}: {}{remedy}",
            one.level,
            plain(&one.place),
            message(&one.message)
        ));
    }
    if exit == Exit::Clean {
        output.line("nothing is wrong");
    }
    Ok(exit)
}

fn taken<T>(result: Result<T, Faults>, found: &mut Vec<Found>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(faults) => {
            found.extend(faults.iter().map(|fault| Found {
                level: "fault",
                place: fault.place.clone(),
                message: fault.message.clone(),
                remedy: fault.remedy.clone(),
            }));
            None
        }
    }
}

/// What shows without asking anybody.
async fn local(config: &Config, secrets: &Secrets, folder: &Path, found: &mut Vec<Found>) {
    let mut fault = |place: &str, error: &notion_sync_core::Error| {
        let remedy = error.remedy_text().unwrap_or_default().to_owned();
        found.push(Found {
            level: "fault",
            place: place.to_owned(),
            message: without(&error.to_string(), &remedy),
            remedy,
        });
    };
    if let Err(error) = secrets.notion_token() {
        fault("NOTION_INTEGRATION_TOKEN", &error);
    }
    if let Err(error) = secrets.github() {
        fault("GITHUB_TOKEN", &error);
    }
    if let Err(error) = secrets.keys(config, folder) {
        fault("ENCRYPTION_KEY", &error);
        return;
    }
    // A store that is not there yet is made by the first `sync`.
    if !wiring::store_file(config, folder).is_some_and(|file| file.exists()) {
        return;
    }
    if let Err(error) = wiring::open_store(config, secrets, folder, Access::ReadOnly).await {
        let place = match error.kind() {
            ErrorKind::Sealed => "ENCRYPTION_KEY",
            _ => "store.url",
        };
        fault(place, &error);
    }
}

fn without(text: &str, remedy: &str) -> String {
    text.strip_suffix(&format!(" ({remedy})"))
        .unwrap_or(text)
        .to_owned()
}

async fn services(session: &Session, found: &mut Vec<Found>) -> Result<Exit, Failure> {
    let online = session.online()?;
    let progress = online.progress("check-config");
    let notion = ask_notion(session, &online, found).await?;
    let github = ask_github(session, &online, found).await?;
    let exit = notion.or(github);
    // Where a token or a place is wrong everything else would be too, and is said already.
    if exit == Exit::Clean && found.iter().all(|one| one.level != "fault") {
        ask_sentinels(session, &online, found).await?;
    }
    drop(progress);
    Ok(exit)
}

/// What must be readable, and is not.
async fn ask_sentinels(
    session: &Session,
    online: &Online,
    found: &mut Vec<Found>,
) -> Result<(), Failure> {
    let config = &session.config;
    let named = (config.documents.iter().map(|one| &one.sentinel))
        .chain(config.tasks.iter().map(|one| &one.sentinel))
        .any(|sentinel| !sentinel.is_nothing());
    if !named {
        return Ok(());
    }
    let engine = session.engine(online, Arc::new(MemoryStore::new())).await?;
    for (mapping, side, why) in engine.unreadable_sentinels().await {
        let remedy = "put it back, share it with the connection, or name another one in `sentinel`";
        let place = format!("{side}: {mapping}: sentinel");
        found.push(Found::new("fault", &place, &why, remedy));
    }
    Ok(())
}

async fn ask_notion(
    session: &Session,
    online: &Online,
    found: &mut Vec<Found>,
) -> Result<Exit, Failure> {
    let config = &session.config;
    let client = wiring::notion_client(config, &session.secrets, &online.parts)?;
    let documents = config.documents.iter().map(Section::Documents);
    let sections = documents.chain(config.tasks.iter().map(Section::Tasks));
    let mut exit = Exit::Clean;
    let mut said: Vec<Level> = Vec::new();
    for section in sections {
        let name = section.name();
        let mut names = config.notion.properties.clone();
        if let Section::Tasks(tasks) = section
            && let RepositoryChoice::Property { property, .. } = &tasks.repository
        {
            property.clone_into(&mut names.repository);
        }
        let source = section.data_source();
        let findings = match access::check(&client, source, &names, section.kind()).await {
            Ok(findings) => findings,
            Err(error) => return Err(error.into()),
        };
        let refused = findings
            .iter()
            .any(|one| one.subject == "token" && one.level == Level::Fault);
        if refused {
            exit = exit.or(Exit::Refused);
        }
        let told: Vec<Level> = findings
            .iter()
            .filter(|one| one.subject == "token")
            .map(|one| one.level)
            .collect();
        let broken = findings.iter().any(|one| one.level == Level::Fault);
        for finding in findings {
            let about_token = finding.subject == "token";
            // What is wrong with the token is said once, whatever number its request had.
            let about = finding.level;
            if about_token && said.contains(&about) {
                continue;
            }
            let remedy = finding.remedy.unwrap_or_default();
            found.push(Found {
                level: match finding.level {
                    Level::Note => "note",
                    Level::Warning => "warning",
                    Level::Fault => "fault",
                },
                place: if about_token {
                    "Notion: token".to_owned()
                } else {
                    format!("Notion: {name}: {}", finding.subject)
                },
                message: without(&finding.message, &remedy),
                remedy,
            });
        }
        said.extend(told);
        if !broken {
            properties::ask(config, &client, section, found).await?;
        }
    }
    Ok(exit)
}

async fn ask_github(
    session: &Session,
    online: &Online,
    found: &mut Vec<Found>,
) -> Result<Exit, Failure> {
    let config = &session.config;
    let client = wiring::github_client(config, &session.secrets, &online.parts)?;
    let mut needs: Vec<Needs> = Vec::new();
    for one in &config.documents {
        needs.push(Needs {
            repository: one.repository.clone(),
            branch: Some(one.branch.clone()),
            read_contents: true,
            write_contents: true,
            direct_commits: one.deliver == Deliver::Commit,
            write_pulls: true,
            ..Needs::default()
        });
    }
    for one in &config.tasks {
        for name in one.repository.names() {
            needs.push(Needs {
                repository: name.to_owned(),
                read_issues: true,
                write_issues: true,
                ..Needs::default()
            });
        }
    }
    let report = client.check(&needs).await?;
    let mut exit = Exit::Clean;
    if let Some(login) = &report.login {
        found.push(Found {
            level: "note",
            place: "GitHub: credential".to_owned(),
            message: format!("it acts as {login}"),
            remedy: String::new(),
        });
    }
    for finding in &report.findings {
        let permission = finding.problem.contains("permission");
        if finding.fatal && (finding.repository.is_none() || permission) {
            exit = exit.or(Exit::Refused);
        }
        found.push(Found {
            level: if finding.fatal { "fault" } else { "warning" },
            place: match &finding.repository {
                Some(name) => format!("GitHub: {name}"),
                None => "GitHub: credential".to_owned(),
            },
            message: finding.problem.clone(),
            remedy: finding.remedy.clone(),
        });
    }
    let notion = wiring::notion_client(config, &session.secrets, &online.parts)?;
    Ok(exit.or(projects::ask(config, &client, &notion, found).await?))
}
