//! Node ids: opaque names that carry the kind and the number of what they name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a node id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    User,
    Organization,
    Bot,
    App,
    Repository,
    Issue,
    PullRequest,
    Comment,
    Label,
    Milestone,
    Review,
    ReviewComment,
    Event,
    Team,
    Status,
    CheckRun,
    CheckSuite,
    Ruleset,
    QueueEntry,
    Workflow,
    Project,
    ProjectItem,
    ProjectField,
    SingleSelectField,
    IterationField,
    DraftIssue,
    IssueType,
}

impl NodeKind {
    const ALL: [(Self, &'static str); 27] = [
        (Self::User, "U"),
        (Self::Organization, "O"),
        (Self::Bot, "BOT"),
        (Self::App, "A"),
        (Self::Repository, "R"),
        (Self::Issue, "I"),
        (Self::PullRequest, "PR"),
        (Self::Comment, "IC"),
        (Self::Label, "LA"),
        (Self::Milestone, "MI"),
        (Self::Review, "PRR"),
        (Self::ReviewComment, "PRRC"),
        (Self::Event, "EV"),
        (Self::Team, "T"),
        (Self::Status, "SC"),
        (Self::CheckRun, "CR"),
        (Self::CheckSuite, "CS"),
        (Self::Ruleset, "RRS"),
        (Self::QueueEntry, "MQE"),
        (Self::Workflow, "W"),
        (Self::Project, "PVT"),
        (Self::ProjectItem, "PVTI"),
        (Self::ProjectField, "PVTF"),
        (Self::SingleSelectField, "PVTSSF"),
        (Self::IterationField, "PVTIF"),
        (Self::DraftIssue, "DI"),
        (Self::IssueType, "IT"),
    ];

    fn prefix(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("N", |(_, prefix)| prefix)
    }
}

/// The node id of something with a database id.
pub(crate) fn node_id(kind: NodeKind, id: u64) -> String {
    format!(
        "{}_{}",
        kind.prefix(),
        URL_SAFE_NO_PAD.encode(id.to_be_bytes())
    )
}

/// What a node id names.
pub(crate) fn parse_node_id(text: &str) -> Option<(NodeKind, u64)> {
    let (prefix, rest) = text.split_once('_')?;
    let (kind, _) = NodeKind::ALL.iter().find(|(_, known)| *known == prefix)?;
    let bytes: [u8; 8] = URL_SAFE_NO_PAD.decode(rest).ok()?.try_into().ok()?;
    Some((*kind, u64::from_be_bytes(bytes)))
}

/// The node id of something named by text (refs, commits): readable back only by comparison.
pub(crate) fn text_node_id(prefix: &str, repository: u64, text: &str) -> String {
    format!(
        "{prefix}_{}",
        URL_SAFE_NO_PAD.encode(format!("{repository}:{text}"))
    )
}
