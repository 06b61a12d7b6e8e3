//! Checking an installation, and reading what is around the pages: people, comments, search.

use std::fmt;

use notion_sync_core::mapping::MappingKind;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use crate::client::{Client, Endpoint, unreadable};
use crate::pages::{BookkeepingNames, is_extra, is_written};
use crate::wire::{Comment, DataSource, Database, Object, Page, Parent, User};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For information.
    Note,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work.
    Fault,
}

/// One thing found out about an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about: `token`, `data source …`, `property …`.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What a person can do about it.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(level: Level, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            subject: subject.into(),
            message: message.into(),
            remedy: None,
        }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    fn of(subject: &str, error: &Error) -> Self {
        Self {
            level: Level::Fault,
            subject: subject.to_owned(),
            message: error.to_string(),
            remedy: error.remedy_text().map(str::to_owned),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Fault => "fault",
        };
        write!(f, "{level}: {}: {}", self.subject, self.message)?;
        if let Some(remedy) = &self.remedy {
            write!(f, " ({remedy})")?;
        }
        Ok(())
    }
}

/// Whether an error says something about the installation rather than about the moment.
fn is_finding(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::Gone
            | ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::Invalid
            | ErrorKind::Blocked
            | ErrorKind::Configuration
    )
}

/// Looks at everything that a data source needs: the token, its capabilities as far as reading
/// shows them, whether the data source is shared, and its schema, of whose bookkeeping only what a
/// mapping of this kind writes is looked at. Reads only. All findings at once, notes included; no
/// finding above [`Level::Note`] means that all is well.
///
/// What the connection may write is known only once it writes.
///
/// # Errors
///
/// Errors of the moment only ([`Unavailable`](ErrorKind::Unavailable),
/// [`RateLimited`](ErrorKind::RateLimited)); everything else is a finding.
pub async fn check(
    client: &Client,
    data_source: &str,
    names: &BookkeepingNames,
    kind: MappingKind,
) -> Result<Vec<Finding>> {
    let mut out = Vec::new();
    match bot(client).await {
        Ok(user) => {
            let name = user.name.as_deref().unwrap_or("without a name");
            let workspace = user.workspace.as_deref().unwrap_or("unknown");
            let message = format!(
                "it acts as {} `{name}` in workspace `{workspace}`",
                user.kind
            );
            out.push(Finding::new(Level::Note, "token", message));
        }
        Err(error) if error.kind() == ErrorKind::Unauthorized => {
            out.push(Finding::of("token", &error));
            return Ok(out);
        }
        Err(error) if is_finding(&error) => out.push(Finding::of("token", &error)),
        Err(error) => return Err(error),
    }
    match client.page_of(&Endpoint::users(None)).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Forbidden => out.push(
            Finding::new(
                Level::Warning,
                "token",
                "people cannot be listed, so nobody can be matched by address",
            )
            .remedy("give the connection the capability `read user information`"),
        ),
        Err(error) if is_finding(&error) => out.push(Finding::of("users", &error)),
        Err(error) => return Err(error),
    }
    let subject = format!("data source {data_source}");
    let endpoint = match Endpoint::data_source(data_source) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            out.push(Finding::of(&subject, &error));
            return Ok(out);
        }
    };
    let schema = match client.call(&endpoint).await {
        Ok(answer) => DataSource::parse(&answer.body)
            .map_err(|error| unreadable(&endpoint, &answer, error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            out.push(not_shared(client, data_source, subject).await?);
            return Ok(out);
        }
        Err(error) if is_finding(&error) => {
            out.push(Finding::of(&subject, &error));
            return Ok(out);
        }
        Err(error) => return Err(error),
    };
    check_schema(&schema, names, kind, &subject, &mut out);
    probe_comments(client, data_source, &mut out).await?;
    Ok(out)
}

/// Says what is wrong with a data source that is not found: people paste the database's id.
async fn not_shared(client: &Client, id: &str, subject: String) -> Result<Finding> {
    let database = match database(client, id).await {
        Ok(database) => Some(database),
        Err(error) if is_finding(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(match database {
        Some(database) => {
            let sources: Vec<String> = database
                .data_sources
                .iter()
                .map(|(id, name)| format!("{id} (`{name}`)"))
                .collect();
            Finding::new(Level::Fault, subject, "this is the id of a database")
                .remedy(format!("use its data source: {}", sources.join(", ")))
        }
        None => Finding::new(
            Level::Fault,
            subject,
            "not found, or not shared with this connection",
        )
        .remedy("open the database in Notion and add the connection to it, or check the id"),
    })
}

fn check_schema(
    schema: &DataSource,
    names: &BookkeepingNames,
    kind: MappingKind,
    subject: &str,
    out: &mut Vec<Finding>,
) {
    if schema.in_trash {
        out.push(Finding::new(Level::Fault, subject, "it is in the trash"));
    }
    if !schema
        .properties
        .iter()
        .any(|property| property.kind == "title")
    {
        out.push(Finding::new(
            Level::Fault,
            subject,
            "it has no title property",
        ));
    }
    let written = |role: &&str| is_written(role, kind);
    for (role, name, kinds) in (names.roles().into_iter()).filter(|(role, ..)| written(role)) {
        let found = schema
            .properties
            .iter()
            .find(|property| property.name == name);
        let subject = format!("property `{name}`");
        match found {
            Some(property) if kinds.contains(&property.kind.as_str()) => {}
            Some(property) => out.push(
                Finding::new(
                    Level::Fault,
                    subject,
                    format!(
                        "it is of type `{}`, and the sync needs {}",
                        property.kind,
                        kinds.join(" or ")
                    ),
                )
                .remedy("rename it in Notion, or give another name in the configuration"),
            ),
            None if is_extra(role) => {}
            None => {
                let message = if matches!(role, "op" | "last_op") {
                    "missing: a write whose answer is lost may have to be settled by a person"
                } else {
                    "missing: people will not see it on the page"
                };
                out.push(
                    Finding::new(Level::Warning, subject, message).remedy(format!(
                        "add it as {}, or let `init` add it",
                        kinds.first().copied().unwrap_or("rich_text")
                    )),
                );
            }
        }
    }
}

/// Whether comments can be read, tried on one row.
async fn probe_comments(client: &Client, data_source: &str, out: &mut Vec<Finding>) -> Result<()> {
    let query = Endpoint::query(data_source, &["title".to_owned()], json!({"page_size": 1}))?;
    let rows = client.page_of(&query).await?;
    let Some(page) = rows.results.first().and_then(|raw| Page::of_raw(raw).ok()) else {
        return Ok(());
    };
    match client.page_of(&Endpoint::comments(&page.id, None)?).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Forbidden => out.push(
            Finding::new(Level::Warning, "token", "comments cannot be read")
                .remedy("give the connection `read comments` and `insert comments`"),
        ),
        Err(error) if is_finding(&error) => out.push(Finding::of("comments", &error)),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Adds the bookkeeping properties that a data source lacks and that a mapping of this kind writes;
/// gives their names. Existing ones are never touched, whatever their type.
///
/// # Errors
///
/// As [`Client::call`]; adding needs the capability to update content.
pub async fn create_properties(
    client: &Client,
    data_source: &str,
    names: &BookkeepingNames,
    kind: MappingKind,
) -> Result<Vec<String>> {
    let endpoint = Endpoint::data_source(data_source)?;
    let answer = client.call(&endpoint).await?;
    let schema =
        DataSource::parse(&answer.body).map_err(|error| unreadable(&endpoint, &answer, error))?;
    let mut missing = Map::new();
    for (role, name, kinds) in names.roles() {
        if !is_written(role, kind) {
            continue;
        }
        let exists = schema
            .properties
            .iter()
            .any(|property| property.name == name);
        if let (false, Some(kind)) = (exists, kinds.first()) {
            let config = if *kind == "number" {
                json!({"format": "number"})
            } else {
                json!({})
            };
            missing.insert(name.to_owned(), json!({ *kind: config }));
        }
    }
    let added: Vec<String> = missing.keys().cloned().collect();
    if !added.is_empty() {
        let body = json!({"properties": Json::Object(missing)});
        client
            .call(&Endpoint::change_data_source(data_source, body)?)
            .await?;
    }
    Ok(added)
}

/// The user that the token acts as.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn bot(client: &Client) -> Result<User> {
    let endpoint = Endpoint::me();
    let answer = client.call(&endpoint).await?;
    User::parse(&answer.body).map_err(|error| unreadable(&endpoint, &answer, error))
}

/// A database with its data sources.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn database(client: &Client, id: &str) -> Result<Database> {
    let endpoint = Endpoint::database(id)?;
    let answer = client.call(&endpoint).await?;
    Database::parse(&answer.body).map_err(|error| unreadable(&endpoint, &answer, error))
}

/// People and bots of the workspace. Guests are not among them; addresses only with the capability
/// to see them.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn directory(client: &Client) -> Result<Vec<User>> {
    let list = client.all_of(|cursor| Ok(Endpoint::users(cursor))).await?;
    Ok(list
        .results
        .iter()
        .filter_map(|raw| User::of_raw(raw).ok())
        .collect())
}

/// Open comments of a page, oldest first. Those on its blocks are not among them.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn comments(client: &Client, page: &str) -> Result<Vec<Comment>> {
    let list = client
        .all_of(|cursor| Endpoint::comments(page, cursor))
        .await?;
    Ok(list
        .results
        .iter()
        .filter_map(|raw| Comment::of_raw(raw).ok())
        .collect())
}

/// Something that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `page` or `data_source`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its title without formatting.
    pub title: String,
    /// Address for people.
    pub url: Option<String>,
}

/// The first page of a search by title, newest edits first: for people who set something up. The
/// service's search is neither complete nor up to date.
///
/// # Errors
///
/// As [`Client::call`].
pub async fn search(client: &Client, query: &str) -> Result<Vec<Found>> {
    let list = client.page_of(&Endpoint::search(query, None)).await?;
    Ok(list
        .results
        .iter()
        .filter_map(|raw| {
            let kind = Object::of(raw).ok()?.get::<String>("object")?;
            if kind == "data_source" {
                let source = DataSource::parse(raw.get().as_bytes()).ok()?;
                return Some(Found {
                    kind,
                    id: source.id,
                    title: source.title,
                    url: source.url,
                });
            }
            let page = Page::of_raw(raw).ok()?;
            let title = page
                .properties
                .iter()
                .find(|property| property.kind == "title")
                .and_then(|property| property.get::<Vec<Box<serde_json::value::RawValue>>>())
                .map(|items| crate::wire::plain_text(&items).0)
                .unwrap_or_default();
            Some(Found {
                kind,
                id: page.id,
                title,
                url: page.url,
            })
        })
        .collect())
}

/// Where a page is now: its parent, and whether it is in the trash. `None` when it is not found or
/// not shared. Moves show only here: neither queries nor times tell of them.
///
/// # Errors
///
/// As [`Client::call`], except that not being found is an answer.
pub async fn locate(client: &Client, page: &str) -> Result<Option<(Parent, bool)>> {
    let endpoint = Endpoint::page(page)?;
    match client.call(&endpoint).await {
        Ok(answer) => {
            let page =
                Page::parse(&answer.body).map_err(|error| unreadable(&endpoint, &answer, error))?;
            Ok(Some((page.parent, page.in_trash)))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}
