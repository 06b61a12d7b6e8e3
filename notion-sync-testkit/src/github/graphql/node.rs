//! What fields lead to.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::github::account::AccountKind;
use crate::github::exchange::Exchange;
use crate::github::object::ObjectId;

use super::project_field::{kind_of_field, kind_of_value};
use super::{Arguments, Failure};

/// Something that fields can be asked of, or a value.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Query,
    Mutation,
    Null,
    Leaf(Value),
    List(Vec<Node>),
    /// An object made on the spot.
    Record(&'static str, BTreeMap<&'static str, Node>),
    /// By key of the login.
    Account(String),
    Repository(u64),
    Issue(u64, u64),
    Pull(u64, u64),
    Comment(u64, u64),
    /// By key of the name.
    Label(u64, String),
    Milestone(u64, u64),
    Ref(u64, String),
    Commit(u64, ObjectId),
    Blob(u64, ObjectId),
    Tree(u64, ObjectId),
    /// Repository, number and id.
    Review(u64, u64, u64),
    /// Everything reported on a commit.
    Rollup(u64, ObjectId),
    /// Repository and id.
    CheckRun(u64, u64),
    /// Repository and id.
    StatusContext(u64, u64),
    Project(u64),
    /// Project and id.
    ProjectItem(u64, u64),
    /// Project and id.
    ProjectField(u64, u64),
    /// Project, item and field.
    ProjectValue(u64, u64, u64),
    Connection(Box<Connection>),
    PageInfo {
        next: bool,
        previous: bool,
        first: Option<usize>,
        last: Option<usize>,
    },
}

/// A listing that is read in pages.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) kind: &'static str,
    pub(crate) field: String,
    pub(crate) items: Vec<Node>,
    pub(crate) arguments: Arguments,
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Leaf(text.into())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Leaf(text.into())
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Leaf(flag.into())
    }
}

impl From<u64> for Node {
    fn from(number: u64) -> Self {
        Self::Leaf(number.into())
    }
}

impl From<usize> for Node {
    fn from(number: usize) -> Self {
        Self::Leaf(number.into())
    }
}

impl<T: Into<Node>> From<Option<T>> for Node {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Node {
    /// An object with these fields.
    pub(crate) fn record<const N: usize>(
        kind: &'static str,
        fields: [(&'static str, Node); N],
    ) -> Self {
        Self::Record(kind, fields.into_iter().collect())
    }

    /// The name of its type.
    pub(crate) fn kind(&self, exchange: &Exchange<'_>) -> String {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Null | Self::Leaf(_) | Self::List(_) => "",
            Self::Record(kind, _) => kind,
            Self::Account(login) => match exchange
                .state
                .accounts
                .get(login)
                .map(|account| account.kind)
            {
                Some(AccountKind::Organization) => "Organization",
                Some(AccountKind::Bot) => "Bot",
                _ => "User",
            },
            Self::Repository(_) => "Repository",
            Self::Issue(..) => "Issue",
            Self::Pull(..) => "PullRequest",
            Self::Comment(..) => "IssueComment",
            Self::Label(..) => "Label",
            Self::Milestone(..) => "Milestone",
            Self::Ref(..) => "Ref",
            Self::Commit(..) => "Commit",
            Self::Blob(..) => "Blob",
            Self::Tree(..) => "Tree",
            Self::Review(..) => "PullRequestReview",
            Self::Rollup(..) => "StatusCheckRollup",
            Self::CheckRun(..) => "CheckRun",
            Self::StatusContext(..) => "StatusContext",
            Self::Project(..) => "ProjectV2",
            Self::ProjectItem(..) => "ProjectV2Item",
            Self::ProjectField(project, field) => kind_of_field(exchange, *project, *field),
            Self::ProjectValue(project, _, field) => kind_of_value(exchange, *project, *field),
            Self::Connection(connection) => connection.kind,
            Self::PageInfo { .. } => "PageInfo",
        }
        .to_owned()
    }
}

fn cursor(position: usize) -> String {
    STANDARD.encode(format!("cursor:{position}"))
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("cursor:")?.parse().ok()
}

impl Connection {
    pub(crate) fn node(
        kind: &'static str,
        field: &str,
        items: Vec<Node>,
        arguments: &Arguments,
    ) -> Node {
        Node::Connection(Box::new(Self {
            kind,
            field: field.to_owned(),
            items,
            arguments: arguments.clone(),
        }))
    }

    /// The positions that were asked for.
    fn window(&self) -> Result<(usize, usize), Failure> {
        let bad = |message: String| Failure::new("INVALID_CURSOR_ARGUMENTS", message);
        let parse = |name: &str| match self.arguments.text(name) {
            None | Some("") => Ok(None),
            Some(text) => position(text)
                .map(Some)
                .ok_or_else(|| bad(format!("`{text}` does not appear to be a valid cursor."))),
        };
        let (after, before) = (parse("after")?, parse("before")?);
        let from = after.map_or(0, |after| after.min(self.items.len()));
        let to = before
            .map_or(self.items.len(), |before| {
                before.saturating_sub(1).min(self.items.len())
            })
            .max(from);
        let size = |name: &str| match self.arguments.number(name) {
            None => Ok(None),
            Some(size @ 0..=100) => Ok(Some(usize::try_from(size).unwrap_or(0))),
            Some(size) if size < 0 => Err(Failure::new(
                "INVALID_PAGINATION_BOUNDARIES",
                format!(
                    "`{name}` on the `{}` connection cannot be less than zero.",
                    self.field
                ),
            )),
            Some(size) => Err(Failure::new(
                "EXCESSIVE_PAGINATION",
                format!(
                    "Requesting {size} records on the `{}` connection exceeds the `{name}` limit of 100 records.",
                    self.field
                ),
            )),
        };
        match (size("first")?, size("last")?) {
            (Some(first), _) => Ok((from, to.min(from + first))),
            (None, Some(last)) => Ok((from.max(to.saturating_sub(last)), to)),
            (None, None) => Err(Failure::new(
                "MISSING_PAGINATION_BOUNDARIES",
                format!(
                    "You must provide a `first` or `last` value to properly paginate the `{}` connection.",
                    self.field
                ),
            )),
        }
    }

    pub(crate) fn resolve(&self, name: &str) -> Result<Node, Failure> {
        match name {
            "totalCount" | "issueCount" | "repositoryCount" => Ok(self.items.len().into()),
            "nodes" => {
                let (from, to) = self.window()?;
                Ok(Node::List(self.items[from..to].to_vec()))
            }
            "edges" => {
                let (from, to) = self.window()?;
                let edges = self.items[from..to]
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        Node::record(
                            "Edge",
                            [
                                ("node", item.clone()),
                                ("cursor", cursor(from + index + 1).into()),
                            ],
                        )
                    });
                Ok(Node::List(edges.collect()))
            }
            "pageInfo" => {
                let (from, to) = self.window()?;
                let filled = to > from;
                Ok(Node::PageInfo {
                    next: to < self.items.len(),
                    previous: from > 0,
                    first: filled.then_some(from + 1),
                    last: filled.then_some(to),
                })
            }
            _ => Ok(Node::List(Vec::new())),
        }
    }
}

/// A field of a page description.
pub(crate) fn page_info(
    name: &str,
    next: bool,
    previous: bool,
    first: Option<usize>,
    last: Option<usize>,
) -> Node {
    match name {
        "hasNextPage" => next.into(),
        "hasPreviousPage" => previous.into(),
        "startCursor" => first.map(cursor).into(),
        _ => last.map(cursor).into(),
    }
}
