//! Where registry, pages and objects on GitHub do not name each other.

use serde::{Deserialize, Serialize};

use crate::id::{MappingId, RecordId, RemoteRef, Side};

/// What is wrong about an identity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// One side of a pair does not say any more what it belongs to.
    MissingBackLink,
    /// One side of a pair, or of two objects that could be one, names another counterpart.
    WrongBackLink,
    /// Two objects claim one counterpart, and neither is known to be the right one.
    DuplicateClaim,
    /// An object names a counterpart that is not there.
    DanglingId,
    /// Marks that the registry does not know: of a pair, or of an object that the sync made and
    /// whose counterpart is missing.
    OrphanMarker,
    /// An object carries the marks of another one.
    Copy,
    /// The page of a pair is not listed.
    MissingOnNotion,
    /// The file or issue of a pair is not listed.
    MissingOnGithub,
    /// A newer version wrote the mark.
    UnknownMarker,
}

impl FindingKind {
    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingBackLink => "missing-back-link",
            Self::WrongBackLink => "wrong-back-link",
            Self::DuplicateClaim => "duplicate-claim",
            Self::DanglingId => "dangling-id",
            Self::OrphanMarker => "orphan-marker",
            Self::Copy => "copy",
            Self::MissingOnNotion => "missing-on-notion",
            Self::MissingOnGithub => "missing-on-github",
            Self::UnknownMarker => "unknown-marker",
        }
    }
}

/// Who puts a finding right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "by", content = "what", rename_all = "kebab-case")]
pub enum Remedy {
    /// [`Engine::repair`](crate::engine::Engine::repair): it is unambiguous. What would be written.
    Repair(String),
    /// The next ordinary run. What it does.
    Sync(String),
    /// A person: why nobody else can, and how.
    Person(String),
}

/// One finding of [`Engine::findings`](crate::engine::Engine::findings).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// The mapping.
    pub mapping: MappingId,
    /// What is wrong.
    pub kind: FindingKind,
    /// The side that lacks something or says something wrong.
    pub side: Side,
    /// The record, where there is one.
    pub record: Option<RecordId>,
    /// The page's title, or what stands for it.
    pub title: String,
    /// The page, as far as the finding is about one.
    pub page: Option<RemoteRef>,
    /// The object on GitHub, as far as the finding is about one.
    pub object: Option<RemoteRef>,
    /// Address of the page for people.
    pub page_url: Option<String>,
    /// Address of the object for people.
    pub object_url: Option<String>,
    /// What it is, in a sentence.
    pub message: String,
    /// Who puts it right, and how.
    pub remedy: Remedy,
}
