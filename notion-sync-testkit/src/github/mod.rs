//! GitHub, emulated: REST, the part of GraphQL that clients need, and real git objects.
//!
//! [`GithubEmulator`] is a state machine ([`Emulator`](crate::emulator::Emulator)): a request and
//! the time go in, a reply comes out. It starts with a [`GithubWorld`], and besides requests it takes
//! the gestures of people as plain calls (commit, label, merge, delete, transfer, …). With
//! [`GithubEmulator::bind_git`] every repository also is a bare repository on disk that git itself
//! clones from and pushes to.
//!
//! Facts are from GitHub's documentation and its OpenAPI description; where the service is not
//! documented, [`GithubSettings`] has a switch.

mod account;
mod actions;
mod auth;
mod background;
mod change;
mod checks;
mod control;
mod conversation;
mod events;
mod events_projects;
mod exchange;
mod graphql;
mod history;
mod hook;
mod issues;
mod labelling;
mod late;
mod limit;
mod merging;
mod names;
mod object;
mod objects;
mod patch;
mod people;
mod people_checks;
mod people_issues;
mod people_projects;
mod project_access;
mod projects;
mod pulls;
mod push;
mod queue;
mod refs;
mod refusal;
mod render;
mod render_check;
mod render_issue;
mod render_project;
mod repository;
mod resemblance;
mod rest;
mod reviews;
mod rules;
mod seed;
mod seed_projects;
mod service;
mod state;
mod sub_issues;
mod world;
mod world_projects;
mod world_rules;

pub(crate) use events::Results;
pub(crate) use events_projects::ProjectItems;

pub use account::{AccountKind, Level, Permissions, Role};
pub use actions::Dispatch;
pub use checks::{CheckStatus, Conclusion, StatusState};
pub use merging::MergeMethod;
pub use object::{
    Commit, Entry, InvalidObjectId, Mode, Object, ObjectId, ObjectKind, Signature, Tree,
};
pub use people::CommitView;
pub use people_checks::CheckForm;
pub use people_issues::{IssueView, PullForm, PullView};
pub use people_projects::{ProjectItemView, ProjectPlace};
pub use push::{GitAccess, GitService};
pub use queue::QueueOutcome;
pub use refusal::Refusal;
pub use service::GithubEmulator;
pub use world::{
    AccountSeed, AppSeed, CommentSeed, GithubSettings, GithubWorld, InstallationSeed, IssueSeed,
    LabelSeed, RepositorySeed, TeamSeed, TokenSeed, WorldError,
};
pub use world_projects::{
    IterationSeed, ProjectFieldKind, ProjectFieldSeed, ProjectItemSeed, ProjectSeed,
};
pub use world_rules::{
    BypassSeed, Enforcement, ProtectionCheckSeed, ProtectionSeed, RequiredCheckSeed, RuleSeed,
    RulesetSeed,
};
