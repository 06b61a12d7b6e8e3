//! What kinds of operation there are. A new variant of an action, an effect, a step of a discussion
//! or a proposal does not compile here until it has a row of its own in the matrix.

use std::fmt;

use notion_sync_core::comment::DiscussStep;
use notion_sync_core::effect::Effect;
use notion_sync_core::id::Side;
use notion_sync_core::operation::Operation;
use notion_sync_core::remote::{Action, ProposalKind};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A page.
    Page,
    /// A file of a branch.
    File,
    /// An issue.
    Issue,
}

impl Place {
    const ALL: [Self; 3] = [Self::Page, Self::File, Self::Issue];

    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::File => "file",
            Self::Issue => "issue",
        }
    }
}

/// The deeds with their names: every one of them is in [`Deed::ALL`].
macro_rules! deeds {
    ($($deed:ident $name:literal,)*) => {
        /// What is done to it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Deed {
            $(#[doc = $name] $deed,)*
        }

        impl Deed {
            const ALL: &[Self] = &[$(Self::$deed,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$deed => $name,)*
                }
            }
        }
    };
}

deeds! {
    Create "create",
    Fields "fields",
    Body "body",
    Move "move",
    Remove "remove",
    Restore "restore",
    ProposeCreate "propose-create",
    ProposeEdit "propose-edit",
    ProposeDelete "propose-delete",
    ProposeConflict "propose-conflict",
    Withdraw "withdraw",
    Comment "comment",
    Post "post",
    EditPost "edit-post",
    DeletePost "delete-post",
    NewCard "new-card",
    Card "card",
    Flag "flag",
    Bookkeep "bookkeep",
    OpenPull "open-pull",
    MarkReady "mark-ready",
    ConvertToDraft "convert-to-draft",
    Merge "merge",
    Close "close",
    Reopen "reopen",
    Note "note",
    Summary "summary",
    AddLabels "add-labels",
    RemoveLabels "remove-labels",
    SetMilestone "set-milestone",
    SetAssignees "set-assignees",
    SetType "set-type",
    SetProjectField "set-project-field",
    Dispatch "dispatch",
}

/// A kind of operation: a row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// What is written.
    pub(crate) place: Place,
    /// What is done to it.
    pub(crate) deed: Deed,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place.name(), self.deed.name())
    }
}

impl Kind {
    /// Every kind, those that never occur too.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Place::ALL.into_iter().flat_map(|place| {
            let deeds = Deed::ALL.iter().copied();
            deeds.map(move |deed| Self { place, deed })
        })
    }

    /// Whether nobody can tell what became of it once its answer is lost: a workflow that is started
    /// leaves nothing that the emulated service shows. Then it is not done again, and people are told.
    pub(crate) fn is_blind(self) -> bool {
        self.deed == Deed::Dispatch
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.to_string() == name)
    }

    /// The kind of an operation.
    pub(crate) fn of(operation: &Operation) -> Self {
        let place = match (operation.side, operation.mapping.as_str()) {
            (Side::Notion, _) => Place::Page,
            (Side::Github, "handbook") => Place::File,
            (Side::Github, _) => Place::Issue,
        };
        let deed = deed(&operation.write.action);
        Self { place, deed }
    }

    /// Whether one request does it all. The matrix fails where more are seen after all.
    pub(crate) fn is_single(self) -> bool {
        match (self.place, self.deed) {
            (Place::Page, Deed::Create | Deed::Body)
            | (
                Place::File,
                Deed::Create
                | Deed::Body
                | Deed::Move
                | Deed::Remove
                | Deed::ProposeCreate
                | Deed::ProposeEdit
                | Deed::ProposeDelete
                | Deed::ProposeConflict
                | Deed::Withdraw,
            )
            | (Place::Issue, Deed::OpenPull | Deed::Merge | Deed::SetProjectField) => false,
            (Place::Page | Place::File | Place::Issue, _) => true,
        }
    }

    /// Why there never is an operation of this kind, where that is so. The matrix fails where one is
    /// seen after all.
    pub(crate) fn never(self) -> Option<&'static str> {
        let Self { place, deed } = self;
        match (deed, place) {
            (Deed::Create | Deed::Body | Deed::Remove, _)
            | (Deed::Fields | Deed::Bookkeep, Place::Page | Place::Issue)
            | (Deed::Restore, Place::Page | Place::Issue)
            | (Deed::Move, Place::File) => None,
            (Deed::Move, _) => Some("only files have a path"),
            (Deed::Fields, Place::File) => Some("the fields of a file are part of its text"),
            (Deed::Restore, Place::File) => Some("a deleted file is created again"),
            (Deed::Bookkeep, Place::File) => Some("marks of a file are part of its text"),
            (
                Deed::ProposeCreate
                | Deed::ProposeEdit
                | Deed::ProposeDelete
                | Deed::ProposeConflict
                | Deed::Withdraw,
                _,
            ) => (place != Place::File).then_some("only changes of files are proposed"),
            (Deed::Comment, _) => {
                (place == Place::Page).then_some("conflicts are told on GitHub alone")
            }
            (Deed::Post | Deed::EditPost | Deed::DeletePost, _) => {
                (place == Place::File).then_some("comments follow tasks alone")
            }
            (Deed::NewCard | Deed::Card, _) => {
                (place != Place::Issue).then_some("the comment with the state stands on the issue")
            }
            (Deed::Flag, _) => {
                (place != Place::Issue).then_some("heads of pull requests of tasks are told")
            }
            (
                Deed::OpenPull
                | Deed::MarkReady
                | Deed::ConvertToDraft
                | Deed::Merge
                | Deed::Close
                | Deed::Reopen
                | Deed::Note
                | Deed::Summary
                | Deed::AddLabels
                | Deed::RemoveLabels
                | Deed::SetMilestone
                | Deed::SetAssignees
                | Deed::SetType
                | Deed::SetProjectField
                | Deed::Dispatch,
                _,
            ) => (place != Place::Issue).then_some("rules act on issues"),
        }
    }
}

fn deed(action: &Action) -> Deed {
    match action {
        Action::Create(_) => Deed::Create,
        Action::Update(update) if update.place.is_some() => Deed::Move,
        Action::Update(update) if update.content.is_some() => Deed::Body,
        Action::Update(_) => Deed::Fields,
        Action::Remove { .. } => Deed::Remove,
        Action::Restore { .. } => Deed::Restore,
        Action::Propose(propose) => match propose.kind {
            ProposalKind::Create => Deed::ProposeCreate,
            ProposalKind::Edit => Deed::ProposeEdit,
            ProposalKind::Delete => Deed::ProposeDelete,
            ProposalKind::Conflict => Deed::ProposeConflict,
        },
        Action::Withdraw { .. } => Deed::Withdraw,
        Action::Comment { .. } => Deed::Comment,
        Action::Discuss(discuss) => match &discuss.step {
            DiscussStep::Post(_) => Deed::Post,
            DiscussStep::Edit { .. } => Deed::EditPost,
            DiscussStep::Card { known: None, .. } => Deed::NewCard,
            DiscussStep::Card { known: Some(_), .. } => Deed::Card,
            DiscussStep::Delete { .. } => Deed::DeletePost,
        },
        Action::Effect(effect) => match &effect.request.effect {
            Effect::OpenPull(_) => Deed::OpenPull,
            Effect::MarkReady => Deed::MarkReady,
            Effect::ConvertToDraft => Deed::ConvertToDraft,
            Effect::Merge(_) => Deed::Merge,
            Effect::Close(_) => Deed::Close,
            Effect::Reopen => Deed::Reopen,
            Effect::Comment(_) => Deed::Note,
            Effect::Summary => Deed::Summary,
            Effect::AddLabels(_) => Deed::AddLabels,
            Effect::RemoveLabels(_) => Deed::RemoveLabels,
            Effect::SetMilestone(_) => Deed::SetMilestone,
            Effect::SetAssignees(_) => Deed::SetAssignees,
            Effect::SetType(_) => Deed::SetType,
            Effect::SetProjectField(_) => Deed::SetProjectField,
            Effect::Dispatch(_) => Deed::Dispatch,
        },
        Action::Flag { .. } => Deed::Flag,
        Action::Bookkeep { .. } => Deed::Bookkeep,
    }
}
