//! `link`: pairs made or broken by hand.

use clap::Args;
use notion_sync_core::engine::Engine;
use notion_sync_core::id::{MappingId, RecordId, RemoteRef};
use notion_sync_github::reference;
use notion_sync_notion::pages::page_ref;
use notion_sync_store::Access;
use serde_json::json;

use super::arguments::Common;
use super::audit::{owner, page_id};
use super::check;
use super::freeze;
use super::output::plain;
use super::session::{Online, Session};
use super::sync::Run;
use crate::config::{Config, RepositoryChoice};
use crate::exit::{Exit, Failure, Outcome};
use crate::wiring;

/// What `link` takes.
#[derive(Debug, Args)]
pub(super) struct LinkArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The page: id or address.
    #[arg(long, value_name = "PAGE", required_unless_present = "rebuild")]
    page: Option<String>,
    /// The file, as a path from the root of the repository.
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with = "issue",
        required_unless_present_any = ["issue", "remove", "rebuild"]
    )]
    path: Option<String>,
    /// The issue.
    #[arg(long, value_name = "N")]
    issue: Option<u64>,
    /// The mapping, where there are several that could be meant.
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
    /// The repository of the issue, where the mapping has several.
    #[arg(long, value_name = "OWNER/NAME", requires = "issue")]
    repository: Option<String>,
    /// Also write the page's id into the front matter of the file, in a commit of its own.
    #[arg(long, conflicts_with_all = ["issue", "remove"])]
    stamp: bool,
    /// Break the page's pair instead; nothing is deleted on either side.
    #[arg(long, conflicts_with_all = ["path", "issue"])]
    remove: bool,
    /// Make the records of all pairs again from the marks on both sides, after the store was lost.
    /// Writes to neither side.
    #[arg(long, conflicts_with_all = ["page", "path", "issue", "remove", "stamp"])]
    rebuild: bool,
    /// Keep the records that are there and add only what is missing.
    #[arg(long, requires = "rebuild")]
    force: bool,
    /// Only say which records would be made.
    #[arg(long, requires = "rebuild")]
    dry_run: bool,
}

pub(super) async fn run(args: LinkArgs) -> Outcome {
    if args.rebuild {
        return rebuild(&args).await;
    }
    let id = page_id(args.page.as_deref().unwrap_or_default())?;
    let session = Session::open(&args.common)?;
    let store = session.store(Access::Exclusive).await?;
    let online = session.online()?;
    if args.remove {
        let record = owner(&*store, &id).await?;
        let engine = session.engine(&online, store).await?;
        engine.unlink(&record).await?;
        session
            .output
            .object(&json!({ "record": record, "removed": true, "exit": 0 }));
        session
            .output
            .line(format!("the pair {record} is broken; nothing was deleted"));
        return Ok(Exit::Clean);
    }
    let (mapping, object) = target(&session, &online, &args).await?;
    if args.stamp {
        freeze::refuse(&session, &*store, [&mapping]).await?;
    }
    let engine = session.engine(&online, store).await?;
    let record = engine.link(&mapping, &page_ref(&id), &object).await?;
    let marked = match args.stamp {
        true => stamp(&engine, &record).await,
        false => Ok((false, Exit::Clean)),
    };
    // The pair is joined even where the file cannot be marked.
    let (stamped, exit) = match &marked {
        Ok(marked) => *marked,
        Err(failure) => (false, failure.exit()),
    };
    session.output.object(&json!({
        "record": record, "mapping": mapping, "object": object, "stamped": stamped,
        "exit": exit.code(),
    }));
    if stamped {
        session
            .output
            .line("the file carries the id of its page now");
    }
    session.output.line(format!(
        "joined as {record}; the next `notion-sync sync` compares both"
    ));
    marked.map(|(_, exit)| exit)
}

/// Writes the page's id into the file. Answers whether it was not there, and how that ended.
async fn stamp(engine: &Engine, record: &RecordId) -> Result<(bool, Exit), Failure> {
    let tick = engine.stamp(record).await?;
    let stamped = tick.writes() > 0;
    let mut run = Run::default();
    run.add(tick);
    Ok((stamped, run.exit(true)))
}

/// Prints every pair as soon as its mapping is done, then what is left for people.
async fn rebuild(args: &LinkArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let output = session.output;
    if let Some(name) = &args.mapping
        && !session.config.names().any(|known| known == name)
    {
        return Err(Failure::usage(format!(
            "there is no mapping {name:?} (see the configuration)"
        )));
    }
    let store = if args.dry_run {
        session.look().await?
    } else {
        session.store(Access::Exclusive).await?
    };
    let online = session.online()?;
    let progress = online.progress("link --rebuild");
    let engine = session.engine(&online, store).await?;
    let mut exit = Exit::Clean;
    let (mut made, mut kept, mut left) = (0, 0, 0);
    for mapping in check::mappings(&engine) {
        if (args.mapping.as_deref()).is_some_and(|wanted| wanted != mapping.as_str()) {
            continue;
        }
        let rebuilt = engine.rebuild(&mapping, args.force, args.dry_run).await?;
        for pair in &rebuilt.pairs {
            output.object(&json!({ "mapping": mapping, "pair": pair }));
            let marks = match (pair.page_names, pair.object_names) {
                (true, true) => "they name each other",
                (true, false) => "the page names it",
                (false, _) => "it names the page",
            };
            output.line(format!(
                "{mapping}: {} {:?} = {} ({marks})",
                pair.record,
                plain(&pair.title),
                plain(pair.object_url.as_deref().unwrap_or(&pair.object.id)),
            ));
        }
        for finding in &rebuilt.findings {
            exit = exit.or(Exit::Drift);
            check::show(output, finding);
        }
        made += rebuilt.pairs.len();
        kept += rebuilt.kept;
        left += rebuilt.findings.len();
    }
    drop(progress);
    output.object(&json!({
        "pairs": made, "kept": kept, "marks": left, "dry_run": args.dry_run, "exit": exit.code(),
    }));
    let would = if args.dry_run {
        "would be made"
    } else {
        "made"
    };
    output.line(format!(
        "{made} records {would}, {kept} were there, {left} findings; the next `notion-sync sync` \
         compares both sides, and what differs is a conflict"
    ));
    Ok(exit)
}

/// The one mapping that is meant.
fn chosen<'c, T>(
    all: &'c [T],
    name: impl Fn(&T) -> &str,
    wanted: Option<&str>,
    what: &str,
) -> Result<&'c T, Failure> {
    match (wanted, all) {
        (Some(wanted), all) => all.iter().find(|one| name(one) == wanted).ok_or_else(|| {
            Failure::usage(format!(
                "there is no mapping {wanted:?} of {what} (see the configuration)"
            ))
        }),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::usage(format!(
            "no mapping of {what} is configured (add one to the configuration)"
        ))),
        (None, _) => Err(Failure::usage(format!(
            "several mappings of {what} are configured (name one with --mapping)"
        ))),
    }
}

async fn target(
    session: &Session,
    online: &Online,
    args: &LinkArgs,
) -> Result<(MappingId, RemoteRef), Failure> {
    let config: &Config = &session.config;
    let wanted = args.mapping.as_deref();
    let client = wiring::github_client(config, &session.secrets, &online.parts)?;
    if let Some(number) = args.issue {
        let section = chosen(&config.tasks, |one| one.name.as_str(), wanted, "tasks")?;
        let name = match (&args.repository, &section.repository) {
            (Some(name), _) => name.as_str(),
            (None, RepositoryChoice::Fixed(name)) => name.as_str(),
            (None, RepositoryChoice::Property { of, .. }) => match of.as_slice() {
                [only] => only.as_str(),
                _ => {
                    return Err(Failure::usage(
                        "the mapping has several repositories (name one with --repository)",
                    ));
                }
            },
        };
        if !section
            .repository
            .names()
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(Failure::usage(format!(
                "the mapping {:?} does not have the repository {name:?} (see the configuration)",
                section.name
            )));
        }
        let found = client.repository(name).await?;
        let mapping = MappingId::new(section.name.as_str());
        return Ok((mapping, reference::issue(found.id, number)));
    }
    let section = chosen(
        &config.documents,
        |one| one.name.as_str(),
        wanted,
        "documents",
    )?;
    let path = args.path.as_deref().unwrap_or_default();
    let found = client.repository(&section.repository).await?;
    let mapping = MappingId::new(section.name.as_str());
    Ok((mapping, reference::file(found.id, &section.branch, path)))
}
