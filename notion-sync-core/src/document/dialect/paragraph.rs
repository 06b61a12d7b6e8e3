//! Source Markdown that a page shows as a paragraph: link reference definitions as links, one line
//! of HTML as grey code.

use super::encoding::{is_marked, joined, mark, unmark};
use super::link::{LinkContext, Target};
use crate::document::limits::{ARRAY_ITEMS, BLOCK_UNITS};
use crate::document::markdown::tag_end;
use crate::document::model::{Annotations, BlockKind, Color, Inline, InlineKind, RichText};

/// Definitions of one line each, nothing else: label and what stands behind it.
fn split(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix('[')?;
    let end = inner.find(['[', ']', '\\'])?;
    let label = &inner[..end];
    let rest = inner[end..].strip_prefix("]: ")?;
    let sound = !label.trim().is_empty()
        && !label.starts_with('^')
        && !rest.is_empty()
        && rest.trim() == rest
        && !line.contains(['\t', '\r']);
    sound.then(|| (&line[..end + 3], rest))
}

/// The paragraph that carries source, where there is one that reads back.
pub(super) fn of_source(markdown: &str, context: &LinkContext) -> Option<BlockKind> {
    if markdown.starts_with('[') {
        return definitions(markdown, context);
    }
    is_line(markdown).then(|| of_code(markdown))
}

/// The source that a paragraph of a page carries.
pub(super) fn source(text: &RichText) -> Option<String> {
    let first = text.0.first()?;
    // Cheap to tell for nearly every paragraph.
    if !is_marked(&first.annotations) {
        return None;
    }
    match &first.kind {
        InlineKind::Text(start) if start.starts_with('[') => read_definitions(text),
        InlineKind::Text(start) if start.starts_with('<') => {
            code(text).filter(|line| is_line(line))
        }
        _ => None,
    }
}

/// The text of a paragraph that is nothing but grey code.
pub(super) fn code(text: &RichText) -> Option<String> {
    let first = text.0.first()?;
    if !is_marked(&first.annotations) || first.link.is_some() {
        return None;
    }
    let mut runs = joined(text);
    let mut rest = first.annotations.clone();
    unmark(&mut rest);
    match runs.pop()?.kind {
        InlineKind::Text(code) if runs.is_empty() && rest.is_plain() => Some(code),
        _ => None,
    }
}

/// A paragraph that is nothing but grey code.
pub(super) fn of_code(code: &str) -> BlockKind {
    let mut annotations = Annotations::default();
    mark(&mut annotations);
    BlockKind::Paragraph {
        text: RichText(vec![Inline {
            annotations,
            ..Inline::text(code)
        }]),
        color: Color::default(),
    }
}

/// Whether a paragraph of a file that holds nothing but `source` would be read as a block of HTML.
pub(super) fn is_line(source: &str) -> bool {
    if source.contains('\n') || !is_plausible(source) {
        return false;
    }
    let one = match source.strip_prefix("<!--") {
        Some(comment) => comment
            .find("-->")
            .is_some_and(|end| end + 3 == comment.len()),
        None => {
            let end = Some(source.len() - 2);
            source[1..].find(['<', '>']) == end || tag_end(&source[1..]) == end
        }
    };
    one && is_html(source)
}

/// Whether lines that a paragraph of a page says in grey code are one block of HTML in a file.
pub(super) fn are_lines(source: &str) -> bool {
    // White space at the ends of lines counts for nothing in Notion's Markdown.
    let kept = |line: &str| !line.is_empty() && line.trim() == line;
    is_plausible(source) && source.split('\n').all(kept) && is_html(source)
}

fn is_plausible(source: &str) -> bool {
    // Notion's Markdown says `<br>` where a text has a line break, in code as well.
    source.starts_with('<')
        && source.ends_with('>')
        && !source.contains('\r')
        && !source.to_ascii_lowercase().contains("<br")
        && !source.starts_with("<!-- notion-sync:")
        && !source.starts_with("<!-- /notion-sync:")
        && unicode_normalization::is_nfc(source)
        && source.len() <= BLOCK_UNITS
}

/// Whether Markdown reads all of it as one block of HTML.
pub(super) fn is_html(source: &str) -> bool {
    use pulldown_cmark::{Event, Parser, Tag};
    matches!(
        Parser::new(source).into_offset_iter().next(),
        Some((Event::Start(Tag::HtmlBlock), range)) if range == (0..source.len())
    )
}

/// The paragraph that says the definitions, where `markdown` is nothing else: each label as grey
/// code, what stands behind it as a link.
fn definitions(markdown: &str, context: &LinkContext) -> Option<BlockKind> {
    if markdown.len() > BLOCK_UNITS || !unicode_normalization::is_nfc(markdown) {
        return None;
    }
    let lines: Vec<(&str, &str)> = markdown.split('\n').map(split).collect::<Option<_>>()?;
    let mut gray = Annotations::default();
    mark(&mut gray);
    let code = |text: &str| Inline {
        annotations: gray.clone(),
        ..Inline::text(text)
    };
    let mut runs = Vec::with_capacity(lines.len() * 3);
    // Three runs a line, the line end among them; otherwise all in one, without links.
    if lines.len() * 3 > ARRAY_ITEMS || lines.iter().any(|(_, rest)| rest.len() > 1_500) {
        runs.push(code(markdown));
    } else {
        for (at, (label, rest)) in lines.into_iter().enumerate() {
            if at > 0 {
                runs.push(Inline::text("\n"));
            }
            runs.push(code(label));
            runs.push(Inline::text(" "));
            runs.push(Inline {
                link: context.outward(target(rest), Target::Page),
                ..Inline::text(rest)
            });
        }
        runs = joined(&RichText(runs));
        if runs.len() > ARRAY_ITEMS {
            runs = vec![code(markdown)];
        }
    }
    Some(BlockKind::Paragraph {
        text: RichText(runs),
        color: Color::default(),
    })
}

fn target(rest: &str) -> &str {
    if let Some(inner) = rest.strip_prefix('<') {
        return inner.split('>').next().unwrap_or_default();
    }
    rest.split(' ').next().unwrap_or_default()
}

/// The definitions that a paragraph says. Its text counts, not where it leads.
fn read_definitions(text: &RichText) -> Option<String> {
    let mut out = String::new();
    for run in joined(text) {
        let InlineKind::Text(text) = &run.kind else {
            return None;
        };
        let mut rest = run.annotations.clone();
        unmark(&mut rest);
        let marked = is_marked(&run.annotations);
        let fits = if marked {
            rest.is_plain() && run.link.is_none()
        } else {
            // Every line starts with its label.
            run.annotations.is_plain()
                && text.trim_end_matches('\n').lines().count() <= 1
                && !(out.is_empty() || out.ends_with('\n'))
        };
        if !fits {
            return None;
        }
        out.push_str(text);
    }
    let out = out.trim_end();
    out.split('\n')
        .all(|line| split(line).is_some())
        .then(|| out.to_owned())
}
