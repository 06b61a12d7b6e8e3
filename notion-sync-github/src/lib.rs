//! GitHub for notion-sync: files of a branch, pull requests, issues, credentials, limits.
//!
//! [`GithubFiles`] and [`GithubIssues`] are [`Remote`](notion_sync_core::remote::Remote)s; both
//! send through one [`GithubClient`], which asks the [`RateGate`], adds a credential from a
//! [`TokenSource`], pins the API version and tells what an answer means. In production the client
//! sends with [`OctocrabSend`]; anything else that implements
//! [`HttpSend`](notion_sync_core::http::HttpSend) will do, for example an emulator.
//!
//! Nothing here sleeps or retries.

mod access;
mod card;
mod client;
mod comments;
mod credentials;
mod effects;
mod endpoint;
mod etags;
mod failure;
mod files;
mod gate;
mod graphql;
mod issues;
mod marker;
mod message;
mod neutral;
mod project;
mod pull;
#[cfg(test)]
mod recorded;
pub mod reference;
mod repository;
mod settings;
mod transport;
pub mod webhook;
mod wire;

pub use access::{AccessReport, Finding, Needs, Person};
pub use client::{Exchange, GithubClient, Observer};
pub use comments::MAX_BODY_BYTES;
pub use credentials::{
    AppInstallation, AppTokens, Credential, CredentialKind, InstallationTokens, PersonalToken,
    TokenSource,
};
pub use failure::{classify, limit_of};
pub use files::{FileScope, FilesSettings, GithubFiles, MAX_FILE_BYTES};
pub use gate::{Admission, Limit, RateGate, RateLimits, Weight};
pub use issues::{
    BOOKKEEPING_PAGE, BOOKKEEPING_REVISION, BOOKKEEPING_URL, DRIFT_CONTEXT, GithubIssues,
    ProjectSettings, project_attribute,
};
pub use marker::{HiddenBlock, comment_marker, is_comment_of};
pub use neutral::{neutralise, one_line, restore};
pub use project::{ProjectField, ProjectInfo};
pub use repository::RepositoryInfo;
pub use settings::{API_URL, API_VERSION, GithubSettings, MAX_ANSWER_BYTES};
pub use transport::OctocrabSend;
