//! What people do in a seed.

use notion_sync_core::id::Side;
use notion_sync_testkit::simulation::Stream;

/// What a person does. What it is done to is found when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Another text for a block of a page.
    EditBlock,
    /// More text in a block of a page.
    ExtendBlock,
    /// A new block on a page.
    AddBlock,
    /// A block goes.
    RemoveBlock,
    /// A block gets the text it had before.
    RevertBlock,
    /// A page gets another title.
    RenamePage,
    /// A property with text.
    SetOwner,
    /// A set of a page: tags or labels.
    SetTags,
    /// One more element in a set of a page, which nobody else has.
    AddTag,
    /// Status of a task.
    SetStatus,
    /// People of a task.
    SetAssignee,
    /// A new page.
    NewPage,
    /// A page goes to the trash.
    TrashPage,
    /// A page comes back from the trash.
    RestorePage,
    /// A page is copied.
    CopyPage,
    /// Another text for a line of a file or issue.
    EditLine,
    /// More text in a line of a file or issue.
    ExtendLine,
    /// A new paragraph in a file or issue.
    AddLine,
    /// A line goes.
    RemoveLine,
    /// A file or issue gets the text it had before.
    RevertText,
    /// A heading or an issue's title.
    Retitle,
    /// The owner in front matter.
    FrontOwner,
    /// A moment in front matter, to the microsecond.
    FrontReviewed,
    /// Labels of an issue.
    Label,
    /// One more label of an issue, which nothing else has.
    AddLabel,
    /// People of an issue.
    Assign,
    /// An issue is closed.
    CloseIssue,
    /// An issue is opened again.
    ReopenIssue,
    /// A new file or issue.
    NewObject,
    /// A new issue with the title of a page that has no counterpart.
    NewTwin,
    /// A file goes.
    DeleteFile,
    /// A file comes back.
    RestoreFile,
    /// A file moves.
    MoveFile,
    /// A comment on an issue.
    Comment,
    /// A comment on a page.
    CommentPage,
    /// An open pull request is merged.
    MergePull,
    /// An open pull request is closed without merging.
    ClosePull,
}

const NOTION: [(Deed, u64); 14] = [
    (Deed::EditBlock, 14),
    (Deed::ExtendBlock, 8),
    (Deed::AddBlock, 5),
    (Deed::RemoveBlock, 3),
    (Deed::RevertBlock, 4),
    (Deed::RenamePage, 6),
    (Deed::SetOwner, 4),
    (Deed::SetTags, 5),
    (Deed::SetStatus, 6),
    (Deed::SetAssignee, 3),
    (Deed::NewPage, 6),
    (Deed::TrashPage, 3),
    (Deed::RestorePage, 2),
    (Deed::CopyPage, 1),
];

const GITHUB: [(Deed, u64); 18] = [
    (Deed::EditLine, 14),
    (Deed::ExtendLine, 8),
    (Deed::AddLine, 5),
    (Deed::RemoveLine, 3),
    (Deed::RevertText, 4),
    (Deed::Retitle, 6),
    (Deed::FrontOwner, 3),
    (Deed::Label, 5),
    (Deed::Assign, 3),
    (Deed::CloseIssue, 4),
    (Deed::ReopenIssue, 3),
    (Deed::NewObject, 6),
    (Deed::DeleteFile, 2),
    (Deed::RestoreFile, 2),
    (Deed::MoveFile, 3),
    (Deed::Comment, 2),
    (Deed::MergePull, 12),
    (Deed::ClosePull, 3),
];

/// What people do to a page that all of them work on.
const NOTION_NEAR: [(Deed, u64); 13] = [
    (Deed::EditBlock, 14),
    (Deed::ExtendBlock, 8),
    (Deed::AddBlock, 3),
    (Deed::RemoveBlock, 3),
    (Deed::RevertBlock, 6),
    (Deed::RenamePage, 5),
    (Deed::SetOwner, 6),
    (Deed::SetTags, 4),
    (Deed::AddTag, 6),
    (Deed::SetStatus, 8),
    (Deed::SetAssignee, 5),
    (Deed::TrashPage, 1),
    (Deed::RestorePage, 1),
];

/// And to its file or issue.
const GITHUB_NEAR: [(Deed, u64); 17] = [
    (Deed::EditLine, 14),
    (Deed::ExtendLine, 8),
    (Deed::AddLine, 3),
    (Deed::RemoveLine, 3),
    (Deed::RevertText, 6),
    (Deed::Retitle, 5),
    (Deed::FrontOwner, 6),
    (Deed::Label, 4),
    (Deed::AddLabel, 6),
    (Deed::Assign, 5),
    (Deed::CloseIssue, 4),
    (Deed::ReopenIssue, 3),
    (Deed::DeleteFile, 1),
    (Deed::RestoreFile, 1),
    (Deed::MoveFile, 1),
    (Deed::MergePull, 10),
    (Deed::ClosePull, 5),
];

/// Picks of people who work on the same page: the first few blocks, and all values.
const NEAR_PICKS: u64 = 56;

/// A deed with everything that decides how it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Act {
    /// On which side.
    pub(crate) side: Side,
    /// What.
    pub(crate) deed: Deed,
    /// Which object, place and value: taken modulo what there is.
    pub(crate) pick: u64,
    /// The number of the unique word it writes.
    pub(crate) token: u32,
}

fn weighted(random: &mut Stream, deeds: &[(Deed, u64)]) -> Deed {
    let sum = deeds.iter().map(|(_, weight)| weight).sum();
    let mut at = random.below(sum);
    for (deed, weight) in deeds {
        if at < *weight {
            return *deed;
        }
        at -= weight;
    }
    Deed::EditBlock
}

/// Writes down what people do, every time with another word.
pub(super) struct Writer {
    workload: Stream,
    next_token: u32,
}

impl Writer {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            workload: Stream::new(seed, "workload"),
            next_token: 0,
        }
    }

    /// Fewer deeds than this.
    pub(super) fn how_many(&mut self, below: u64) -> u64 {
        self.workload.below(below)
    }

    pub(super) fn act(&mut self) -> Act {
        let (side, deed) = self.drawn(&NOTION, &GITHUB);
        let pick = self.workload.number();
        self.act_of(side, deed, pick)
    }

    /// As [`Self::act`], to a page that all work on, or to its file or issue.
    pub(super) fn act_near(&mut self) -> Act {
        let (side, deed) = self.drawn(&NOTION_NEAR, &GITHUB_NEAR);
        let pick = self.workload.below(NEAR_PICKS);
        self.act_of(side, deed, pick)
    }

    /// What is done on which side.
    fn drawn(&mut self, notion: &[(Deed, u64)], github: &[(Deed, u64)]) -> (Side, Deed) {
        let random = &mut self.workload;
        if random.chance(50) {
            (Side::Notion, weighted(random, notion))
        } else {
            (Side::Github, weighted(random, github))
        }
    }

    /// What is done is given, and to what.
    pub(super) fn act_of(&mut self, side: Side, deed: Deed, pick: u64) -> Act {
        self.next_token += 1;
        Act {
            side,
            deed,
            pick,
            token: self.next_token,
        }
    }
}
