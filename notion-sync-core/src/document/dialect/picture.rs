//! Images that a file says in HTML, alone or with nothing but a link or a paragraph around them.
//!
//! On a page such an image is an image. What HTML says about it stands in the fragment of its
//! address, which browsers cut off; the address and the text below the image stand where people can
//! change them, and are taken from there.

use std::ops::Range;

use super::encoding::joined;
use super::link::{LinkContext, Target, escape, unescape};
use super::paragraph::is_html;
use crate::document::limits::{TEXT_UNITS, is_web_url};
use crate::document::markdown::{html_escape, html_unescape, tag_end};
use crate::document::model::{
    BlockKind, Color, Inline, InlineKind, MediaKind, MediaSource, RichText,
};

/// Stands between the address of an image and its HTML.
const DIRECTIVE: &str = ":~:notion-sync-html=";

/// What may stand around an image that is the only thing to see.
const AROUND: [&str; 5] = ["a", "p", "div", "center", "picture"];

/// Most attributes of a tag, and most tags.
const MOST: usize = 16;

/// The image that says the source, where there is one that reads back. `block` is whether the source
/// is a block of HTML in the file, or a paragraph of tags.
pub(super) fn of_source(source: &str, block: bool, context: &LinkContext) -> Option<BlockKind> {
    // Cheap to tell for nearly all source.
    if !source.starts_with('<') || !source.contains("src=") || is_html(source) != block {
        return None;
    }
    let html = Html::read(source)?;
    let src = html_unescape(&source[html.src.clone()]);
    let base = context.outward(&src, Target::Bytes)?;
    if src.is_empty() || base.contains(":~:") {
        return None;
    }
    let alt = html.alt.as_ref().map_or_else(String::new, |alt| {
        one_line(&html_unescape(&source[alt.clone()]))
    });
    let link = match &html.href {
        Some(href) => Some(context.outward(&html_unescape(&source[href.clone()]), Target::Page)?),
        None => None,
    };
    if alt.len() > TEXT_UNITS {
        return None;
    }
    let mut caption = RichText::plain(alt.as_str());
    for run in &mut caption.0 {
        run.link.clone_from(&link);
    }
    // What stands on the page anyway is left out, unless it is spelled in another way.
    let mut out = source.to_owned();
    let mut holes: Vec<Range<usize>> = Vec::new();
    if html_escape(&src) == source[html.src.clone()] {
        holes.push(html.src);
    }
    if let Some(range) = html.alt
        && html_escape(&alt) == source[range.clone()]
    {
        holes.push(range);
    }
    holes.sort_by_key(|hole| std::cmp::Reverse(hole.start));
    for hole in holes {
        out.replace_range(hole, "");
    }
    let joint = if base.contains('#') { "" } else { "#" };
    let url = format!("{base}{joint}{DIRECTIVE}{}", escape(&out));
    let reads = is_web_url(&url)
        && matches!(read(&url, &caption.canonical(), context), Some(Read::Source(read)) if read == source);
    reads.then_some(BlockKind::Media {
        media: MediaKind::Image,
        source: MediaSource::External(url),
        caption,
    })
}

/// The source of a paragraph that is nothing but tags.
pub(super) fn tags(text: &RichText) -> Option<String> {
    let tag = |run: &Inline| {
        matches!(&run.kind, InlineKind::Verbatim(_))
            && run.annotations.is_plain()
            && run.link.is_none()
    };
    let starts =
        |run: &Inline| matches!(&run.kind, InlineKind::Verbatim(tag) if tag.starts_with('<'));
    if !text.0.first().is_some_and(starts) || !text.0.iter().all(tag) {
        return None;
    }
    match joined(text).pop()?.kind {
        InlineKind::Verbatim(source) => Some(source),
        _ => None,
    }
}

/// Whether the address of an image on a page carries HTML.
pub(super) fn is_carried(url: &str) -> bool {
    url.contains(DIRECTIVE)
}

/// What an image on a page says about its HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The source, with what was changed on the page.
    Source(String),
    /// The address without HTML: that cannot say what somebody made of the text below the image.
    Plain(String),
}

/// Reads what an image carries; `None` where it is nothing that this module wrote.
pub(super) fn read(url: &str, caption: &RichText, context: &LinkContext) -> Option<Read> {
    let at = url.find(DIRECTIVE)?;
    let base = url[..at].strip_suffix('#').unwrap_or(&url[..at]);
    let mut source = unescape(&url[at + DIRECTIVE.len()..])?;
    let html = Html::read(&source)?;
    let plain = || Some(Read::Plain(base.to_owned()));
    let caption = caption.as_canonical();
    let text = match &caption.0[..] {
        [] => None,
        [
            Inline {
                kind: InlineKind::Text(text),
                annotations,
                link,
            },
        ] if annotations.is_plain() && link.is_some() == html.href.is_some() => {
            Some((text.as_str(), link))
        }
        _ => return plain(),
    };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let src = context.inward(base, Target::Bytes);
    if html_unescape(&source[html.src.clone()]) != src {
        edits.push((html.src, html_escape(&src)));
    }
    if let (Some((_, Some(link))), Some(range)) = (text, html.href) {
        let href = context.inward(link, Target::Page);
        if html_unescape(&source[range.clone()]) != href {
            edits.push((range, html_escape(&href)));
        }
    }
    let alt = one_line(text.map_or("", |(text, _)| text));
    match html.alt {
        Some(range) if one_line(&html_unescape(&source[range.clone()])) != alt => {
            edits.push((range, html_escape(&alt)));
        }
        None if !alt.is_empty() => {
            let behind = html.name..html.name;
            edits.push((behind, format!(" alt=\"{}\"", html_escape(&alt))));
        }
        _ => {}
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    for (range, text) in edits {
        source.replace_range(range, &text);
    }
    Some(Read::Source(source))
}

/// The block of a file that the source is.
pub(super) fn block(source: String) -> BlockKind {
    if is_html(&source) {
        return BlockKind::Verbatim { markdown: source };
    }
    BlockKind::Paragraph {
        text: RichText(vec![Inline {
            kind: InlineKind::Verbatim(source),
            ..Inline::text("")
        }]),
        color: Color::default(),
    }
}

/// Text without line ends and white space that HTML does not show.
fn one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// An image in HTML, and where its values stand in the source.
struct Html {
    src: Range<usize>,
    alt: Option<Range<usize>>,
    href: Option<Range<usize>>,
    /// Behind the name of its tag.
    name: usize,
}

impl Html {
    /// Of a source that shows one image and nothing else.
    fn read(source: &str) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut href = None;
        let mut open: Vec<&str> = Vec::new();
        let mut tags = 0;
        let mut at = 0;
        loop {
            at = source.len() - source[at..].trim_ascii_start().len();
            if at == source.len() {
                break;
            }
            let inner = source[at..].strip_prefix('<')?;
            let end = at + 1 + tag_end(inner)?;
            tags += 1;
            if tags > MOST {
                return None;
            }
            if let Some(name) = source[at + 1..end].strip_prefix('/') {
                if open.pop() != Some(name) {
                    return None;
                }
            } else {
                let name = at + 1 + inner.find(|c: char| !c.is_ascii_alphanumeric())?;
                let tag = &source[at + 1..name];
                let values = Values::read(source, name, end)?;
                match tag {
                    "img" if found.is_none() => {
                        found = Some(Self {
                            src: values.src??,
                            alt: values.alt.map_or(Some(None), |alt| alt.map(Some))?,
                            href: None,
                            name,
                        });
                    }
                    "source" if open.last() == Some(&"picture") && found.is_none() => {}
                    "a" if href.is_none() && found.is_none() => {
                        href = Some(values.href??);
                        open.push(tag);
                    }
                    // What follows the image would be something else to see.
                    _ if AROUND.contains(&tag) && tag != "a" && found.is_none() => open.push(tag),
                    _ => return None,
                }
            }
            at = end + 1;
        }
        let found = open.is_empty().then_some(found)??;
        Some(Self { href, ..found })
    }
}

/// Where the values of a tag stand that are known here. `Some(None)` where one is there and not
/// between quotes.
#[derive(Default)]
struct Values {
    src: Option<Option<Range<usize>>>,
    alt: Option<Option<Range<usize>>>,
    href: Option<Option<Range<usize>>>,
}

impl Values {
    /// Of a tag whose attributes stand from `at` to `end`.
    fn read(source: &str, mut at: usize, end: usize) -> Option<Self> {
        let mut out = Self::default();
        let skip = |at: usize| end - source[at..end].trim_ascii_start().len();
        for _ in 0..MOST {
            at = skip(at);
            if at == end || &source[at..end] == "/" {
                return Some(out);
            }
            let name = at;
            at += source[at..end]
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')))
                .unwrap_or(end - at);
            if at == name {
                return None;
            }
            let name = &source[name..at];
            let mut range = None;
            let equal = skip(at);
            if source[equal..end].starts_with('=') {
                let value = skip(equal + 1);
                match source[value..end].chars().next()? {
                    quote @ ('"' | '\'') => {
                        let close = value + 1 + source[value + 1..end].find(quote)?;
                        // Written values have double quotes escaped only.
                        range = Some(value + 1..close);
                        at = close + 1;
                    }
                    _ => {
                        at = value
                            + source[value..end]
                                .find(|c: char| c.is_ascii_whitespace())
                                .unwrap_or(end - value);
                    }
                }
            }
            for (known, field) in [
                ("src", &mut out.src),
                ("alt", &mut out.alt),
                ("href", &mut out.href),
            ] {
                if name.eq_ignore_ascii_case(known) && field.replace(range.clone()).is_some() {
                    return None;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> LinkContext {
        LinkContext::new(
            "https://github.com/acme/handbook/blob/main",
            "https://raw.githubusercontent.com/acme/handbook/main",
            "docs/index.md",
        )
    }

    /// Address and caption of the image that says a source.
    fn shown(source: &str) -> Option<(String, RichText)> {
        match of_source(source, is_html(source), &context())? {
            BlockKind::Media {
                source: MediaSource::External(url),
                caption,
                ..
            } => Some((url, caption)),
            _ => None,
        }
    }

    #[test]
    fn images_that_are_alone() {
        for source in [
            "<img src=\"a.png\">",
            "<img src='a.png' alt='An image' width=300/>",
            "<img width=\"300\" src=\"https://a.example/b.png?c=d&e=f#g\" />",
            "<p align=\"center\">\n  <img src=\"a.png\" alt=\"x &amp; y\">\n</p>",
            "<p align=\"center\">\n<a href=\"../README.md\">\n<img alt='a & \"b\"' src=\"/a.png\"/></a></p>",
            "<a href=\"x.md\"><img src=\"y.png\" alt=\"z\"></a>",
            "<a href=\"x.md\"><img src=\"y.png\"></a>",
            "<picture>\n<source media=\"(a: b)\" srcset=\"c.png\">\n<img src=\"d.png\" alt=\"\">\n</picture>",
            "<img src=\"a.png\" alt=\"  two\n lines \">",
            "<img src=\"a b.png\" alt=\"&copy;\" hidden>",
        ] {
            let (url, caption) = shown(source).unwrap_or_else(|| panic!("{source}"));
            assert!(is_web_url(&url), "{url}");
            let back = read(&url, &caption.canonical(), &context());
            assert_eq!(back, Some(Read::Source(source.to_owned())));
        }
        let long = format!("<img src=\"a.png\" title=\"{}\">", "x".repeat(2_000));
        for source in [
            "<img>",
            "<img alt=\"a\">",
            "<img src=\"\">",
            "<img src=a.png>",
            "<img src=\"a\" src=\"b\">",
            "<img src=\"a\"><img src=\"b\">",
            "<p><img src=\"a\"> text</p>",
            "<p><img src=\"a\"></div>",
            "<p><img src=\"a\">",
            "<p><img src=\"a\"></p><br>",
            "<h1><img src=\"a\"></h1>",
            "<!-- <img src=\"a\"> -->",
            "<video src=\"a\"></video>",
            "<a><img src=\"a\"></a>",
            &long,
        ] {
            assert_eq!(shown(source), None, "{source}");
        }
    }

    #[test]
    fn what_people_change_on_the_page_is_changed_in_the_source() {
        let (url, caption) =
            shown("<a href=\"x.md\"><img width=\"9\" src=\"y.png\" alt=\"z\"></a>").unwrap();
        let read = |url: &str, caption: &RichText| read(url, caption, &context());
        let source = |text: &str| Some(Read::Source(text.to_owned()));
        let mut other = caption.clone();
        other.0[0].kind = InlineKind::Text("a \"b\"".to_owned());
        assert_eq!(
            read(&url, &other),
            source("<a href=\"x.md\"><img width=\"9\" src=\"y.png\" alt=\"a &quot;b&quot;\"></a>")
        );
        other.0[0].link = Some("https://a.example/?b&c".to_owned());
        assert_eq!(
            read(&url.replace("y.png", "n.png"), &other),
            source(
                "<a href=\"https://a.example/?b&amp;c\"><img width=\"9\" src=\"n.png\" alt=\"a &quot;b&quot;\"></a>"
            )
        );
        assert_eq!(
            read(&url, &RichText::default()),
            source("<a href=\"x.md\"><img width=\"9\" src=\"y.png\" alt=\"\"></a>")
        );
        let plain = Some(Read::Plain(
            "https://raw.githubusercontent.com/acme/handbook/main/docs/y.png".to_owned(),
        ));
        other.0[0].annotations.bold = true;
        assert_eq!(read(&url, &other), plain);
        assert_eq!(read(&url, &RichText::plain("no link")), plain);
        let (url, _) = shown("<img src=\"y.png\">").unwrap();
        assert_eq!(
            read(&url, &RichText::plain("new")),
            source("<img alt=\"new\" src=\"y.png\">")
        );
        assert_eq!(read(&url, &caption), plain);
        assert_eq!(
            read("https://a.example/#:~:notion-sync-html=%3Cp%3E", &caption),
            None
        );
    }
}
