//! Carries an edited document into an existing file without touching the lines of other blocks.
//!
//! People's style (underlined headings, `*` bullets, hard-wrapped lines, reference links, `\r\n`,
//! tabs, a missing final line end) stays, because nothing is written that did not change: the old
//! and the new blocks are compared, and only the bytes of changed blocks are replaced, of changed
//! text only the words. What was written is read back; where it does not say what it should, the
//! smallest region that does is written anew.

mod align;
mod anchors;
mod plan;
mod words;

use super::markdown::{self, Limits, LineEnding, MarkdownError, Settled, Source, Style};
use super::model::{Block, Document};
use plan::{Grain, Planner};

/// How much of the file was written anew, from the smallest to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Nothing: both documents say the same.
    Nothing,
    /// Words inside texts, and whole blocks that were added, removed or changed their kind.
    Words,
    /// Whole texts of changed blocks.
    Text,
    /// Whole changed blocks.
    Block,
    /// The top-level blocks around changed blocks.
    Section,
    /// Everything from the first to the last change.
    Run,
    /// The whole body.
    Body,
}

/// An edited file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    /// The file.
    pub text: String,
    /// How much was written anew.
    pub rewritten: Scope,
}

/// Why a file was not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The file cannot be read.
    #[error(transparent)]
    Markdown(#[from] MarkdownError),
    /// The old document is not what the file says: it was read from another version.
    #[error("the file is not the one that the old document was read from")]
    Stale,
    /// The new document cannot be said in Markdown so that it reads back.
    #[error("the document does not read back from Markdown; nothing was changed")]
    Unwritable,
}

/// Rounds in which regions grow: each of the five steps once for blocks that influence each other.
const ROUNDS: usize = 8;

/// Changes `source`, which says `old`, so that it says `new`.
///
/// Blocks of `new` that say the same as blocks of `old` keep their bytes. The result was read back
/// and says `new`.
///
/// # Errors
///
/// [`PatchError`] where the file cannot be read, does not say `old`, or `new` cannot be written.
/// Limits apply to the source as in [`markdown::parse`].
///
/// # Examples
///
/// ```
/// use notion_sync_core::document::markdown::{self, Limits};
/// use notion_sync_core::document::{Block, RichText, patch};
///
/// let source = "Title\n=====\n\n* one\n* two\n";
/// let old = markdown::parse(source, &Limits::default())?.document;
/// let mut new = old.clone();
/// if let Some(text) = new.blocks[2].kind.text_mut() {
///     *text = RichText::plain("three");
/// }
/// let patched = patch::apply(source, &old, &new)?;
/// assert_eq!(patched.text, "Title\n=====\n\n* one\n* three\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn apply(source: &str, old: &Document, new: &Document) -> Result<Patched, PatchError> {
    apply_read(source, old, new, markdown::read_source)
}

/// The same for a text that has no front matter: see [`markdown::parse_body`].
///
/// # Errors
///
/// As [`apply`].
pub fn apply_body(source: &str, old: &Document, new: &Document) -> Result<Patched, PatchError> {
    apply_read(source, old, new, markdown::read_body)
}

/// Changes a source that `reader` reads.
fn apply_read(
    source: &str,
    old: &Document,
    new: &Document,
    reader: impl Fn(&str, &Limits) -> Result<Source, MarkdownError>,
) -> Result<Patched, PatchError> {
    let read = reader(source, &Limits::default())?;
    let said = markdown::node::document(&read.nodes).canonical();
    if said != old.canonical() {
        return Err(PatchError::Stale);
    }
    let wanted = new.canonical();
    if said == wanted {
        return Ok(Patched {
            text: source.to_owned(),
            rewritten: Scope::Nothing,
        });
    }
    let new = anchors::kept(&read.nodes, new);
    let style = Style::default();
    let settled = Settled::of(&new, &style);
    let mut planner = Planner::new(source, &read, &new, &settled, LineEnding::of(source));
    // The result may be longer than what may be read from people.
    let limits = Limits {
        bytes: usize::MAX,
        blocks: usize::MAX,
        depth: 512,
    };
    for _ in 0..ROUNDS {
        let text = planner.text();
        let found = match reader(&text, &limits) {
            Ok(found) if text[..found.body] == source[..read.body] => {
                Some(markdown::node::document(&found.nodes).canonical())
            }
            _ => None,
        };
        if let Some(found) = &found
            && *found == wanted
        {
            return Ok(Patched {
                text,
                rewritten: planner.scope(),
            });
        }
        if planner.grain() == Grain::Body {
            break;
        }
        planner.widen(&wanted.blocks, found.map(|found| found.blocks).as_deref());
    }
    planner.widest();
    let text = planner.text();
    let found = reader(&text, &limits)?;
    if markdown::node::document(&found.nodes).canonical() == wanted {
        return Ok(Patched {
            text,
            rewritten: Scope::Body,
        });
    }
    Err(PatchError::Unwritable)
}

/// Whether two blocks are of one kind.
fn same_kind(a: &Block, b: &Block) -> bool {
    std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind)
}
