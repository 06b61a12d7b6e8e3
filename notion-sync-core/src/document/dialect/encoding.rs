//! The forms in which a page carries what Notion has no form for.

use crate::document::limits::{BLOCK_UNITS, EQUATION_UNITS, units};
use crate::document::model::{Annotations, Block, BlockKind, Color, Inline, InlineKind, RichText};

/// First line of code that is source Markdown.
pub(super) const VERBATIM: &str = "<!-- notion-sync:verbatim -->";
/// First line of code that is a block as JSON.
pub(super) const BLOCK: &str = "<!-- notion-sync:block -->";
/// First line of code in `latex` that is an expression.
pub(super) const EQUATION: &str = "% notion-sync:equation";

const RUN_START: &str = "<!-- notion-sync:run ";
const RUN_END: &str = " -->";

/// What the first line of code with a marker starts with, by language.
fn marker_start(language: &str) -> Option<&'static str> {
    match language {
        "markdown" => Some("<!-- notion-sync:"),
        "latex" => Some("% notion-sync:"),
        _ => None,
    }
}

fn literal_marker(language: &str) -> &'static str {
    if language == "latex" {
        "% notion-sync:literal"
    } else {
        "<!-- notion-sync:literal -->"
    }
}

/// Code that carries `content` below a marker.
pub(super) fn marked_code(language: &str, marker: &str, content: &str) -> BlockKind {
    BlockKind::Code {
        code: format!("{marker}\n{content}"),
        language: language.into(),
        info: None,
        caption: RichText::default(),
    }
}

/// Shields literal code that would be taken for a carrier.
pub(super) fn shield_code(language: &str, code: &mut String, has_caption: bool) {
    if !matches!(read_code(language, code, has_caption), Carried::Nothing) {
        *code = format!("{}\n{code}", literal_marker(language));
    }
}

/// What code on a page carries.
pub(super) enum Carried {
    /// A block of the file.
    Kind(BlockKind),
    /// Literal code, shielded.
    Literal(String),
    /// Nothing but itself.
    Nothing,
}

/// Reads what code of a page carries.
pub(super) fn read_code(language: &str, code: &str, has_caption: bool) -> Carried {
    if marker_start(language).is_none_or(|start| !code.starts_with(start)) {
        return Carried::Nothing;
    }
    // Below any number of shields.
    let mut inner = code;
    while let Some((marker, rest)) = inner.split_once('\n')
        && marker.trim_end() == literal_marker(language)
    {
        inner = rest;
    }
    let carried = carried_kind(language, inner, has_caption);
    if inner.len() == code.len() {
        carried.map_or(Carried::Nothing, Carried::Kind)
    } else if carried.is_some() {
        // One shield goes; the others belong to the literal code.
        let (_, rest) = code.split_once('\n').unwrap_or((code, ""));
        Carried::Literal(rest.to_owned())
    } else {
        Carried::Nothing
    }
}

fn carried_kind(language: &str, code: &str, has_caption: bool) -> Option<BlockKind> {
    // A person added a caption: that is code now, and says so.
    if has_caption {
        return None;
    }
    let (marker, content) = code.split_once('\n').unwrap_or((code, ""));
    match (language, marker.trim_end()) {
        ("markdown", VERBATIM) => Some(BlockKind::Verbatim {
            markdown: content.to_owned(),
        }),
        ("latex", EQUATION) if units(content) > EQUATION_UNITS => Some(BlockKind::Equation {
            expression: content.to_owned(),
        }),
        ("markdown", BLOCK) => match serde_json::from_str::<Block>(content) {
            Ok(block) if is_carried(&block) => Some(block.kind),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a block may travel as JSON: leaves with a URL only.
fn is_carried(block: &Block) -> bool {
    block.children.is_empty()
        && matches!(
            block.kind,
            BlockKind::Media { .. } | BlockKind::Bookmark { .. } | BlockKind::Embed { .. }
        )
}

/// Code that carries a leaf block as JSON.
pub(super) fn block_code(kind: &BlockKind) -> Option<BlockKind> {
    let block = Block::new(kind.clone());
    if !is_carried(&block) {
        return None;
    }
    let json = serde_json::to_string_pretty(&block).ok()?;
    Some(marked_code("markdown", BLOCK, &json))
}

/// Whether code of a file is too long for a block of Notion.
pub(super) fn is_too_large(code: &str) -> bool {
    code.len() > BLOCK_UNITS && units(code) > BLOCK_UNITS
}

/// The level that the marker at the start of a heading says.
pub(super) fn deep_level(text: &RichText) -> Option<u8> {
    // Cheap to tell for nearly every heading.
    if !text.0.iter().any(|run| is_marked(&run.annotations)) {
        return None;
    }
    let first = joined(text).into_iter().next()?;
    let InlineKind::Text(marker) = &first.kind else {
        return None;
    };
    let mut plain = first.annotations.clone();
    unmark(&mut plain);
    if !is_marked(&first.annotations) || !plain.is_plain() || first.link.is_some() {
        return None;
    }
    match marker.as_str() {
        "#####" => Some(5),
        "######" => Some(6),
        _ => None,
    }
}

/// The looks that mark carried text.
pub(super) fn is_marked(annotations: &Annotations) -> bool {
    annotations.code && annotations.color.name() == "gray"
}

pub(super) fn mark(annotations: &mut Annotations) {
    annotations.code = true;
    annotations.color = Color::new("gray");
}

/// The same looks without the mark.
pub(super) fn unmark(annotations: &mut Annotations) {
    annotations.code = false;
    annotations.color = Color::default();
}

/// Whether text has the shape of what files hold as inline source: tags, comments, footnote
/// references, images.
pub(super) fn is_source(text: &str) -> bool {
    ["<", "[^", "!["]
        .iter()
        .any(|start| text.starts_with(start))
        && text.ends_with(['>', ']', ')'])
        && text.len() > 2
}

/// Whether [`joined`] would change nothing.
pub(super) fn is_joined(text: &RichText) -> bool {
    let empty = |run: &Inline| matches!(&run.kind, InlineKind::Text(text) if text.is_empty());
    let joins = |pair: &[Inline]| match pair {
        [one, other] => {
            matches!(
                (&one.kind, &other.kind),
                (InlineKind::Text(_), InlineKind::Text(_))
                    | (InlineKind::Verbatim(_), InlineKind::Verbatim(_))
            ) && one.annotations == other.annotations
                && one.link == other.link
        }
        _ => false,
    };
    !text.0.iter().any(empty) && !text.0.windows(2).any(joins)
}

/// Runs with equal neighbours joined and empty ones dropped, text as it is.
///
/// Unlike the canonical form this changes no character: carried source is kept byte for byte.
pub(super) fn joined(text: &RichText) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::with_capacity(text.0.len());
    for run in &text.0 {
        if matches!(&run.kind, InlineKind::Text(text) if text.is_empty()) {
            continue;
        }
        if let Some(last) = out.last_mut()
            && last.annotations == run.annotations
            && last.link == run.link
            && let (InlineKind::Text(before), InlineKind::Text(text))
            | (InlineKind::Verbatim(before), InlineKind::Verbatim(text)) =
                (&mut last.kind, &run.kind)
        {
            before.push_str(text);
            continue;
        }
        out.push(run.clone());
    }
    out
}

/// A run that carries any other run, as JSON.
pub(super) fn encode_run(run: &Inline) -> Inline {
    // A run always prints as JSON.
    let json = serde_json::to_string(run).unwrap_or_default();
    let mut annotations = Annotations::default();
    mark(&mut annotations);
    Inline {
        kind: InlineKind::Text(format!("{RUN_START}{json}{RUN_END}")),
        annotations,
        link: None,
    }
}

/// Reads grey code: inline source and carried runs in any order. `None` where it is neither.
pub(super) fn decode_runs(text: &str, annotations: &Annotations) -> Option<Vec<Inline>> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(RUN_START) {
        push_source(&mut runs, &rest[..at], annotations)?;
        rest = &rest[at + RUN_START.len()..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Inline>();
        let run = stream.next()?.ok()?;
        let end = stream.byte_offset();
        rest = rest.get(end..)?.strip_prefix(RUN_END)?;
        runs.push(run);
    }
    push_source(&mut runs, rest, annotations)?;
    Some(runs)
}

fn push_source(runs: &mut Vec<Inline>, source: &str, annotations: &Annotations) -> Option<()> {
    if source.is_empty() {
        return Some(());
    }
    if !is_source(source) {
        return None;
    }
    let mut annotations = annotations.clone();
    unmark(&mut annotations);
    runs.push(Inline {
        kind: InlineKind::Verbatim(source.to_owned()),
        annotations,
        link: None,
    });
    Some(())
}
