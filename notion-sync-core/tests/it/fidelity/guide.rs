//! `docs/dialect.md`, made from the cases that the tests run.

use std::fmt::Write as _;

use notion_sync_testkit::corpus::{Case, Origin, Relation};

const INTRODUCTION: &str = "\
# The dialect

How everything that Notion has beyond GitHub's Markdown is written into a file, and how everything
that Markdown has beyond Notion is carried in a page. This page is made from the cases of
[the corpus](../notion-sync-testkit/corpus/README.md), which the tests run
(`NOTION_SYNC_UPDATE=1 cargo test -p notion-sync-core corpus_says` writes it anew).

Three rules decide each form:

1. What renders on GitHub is written so that it renders sensibly there.
2. What has a native form in Notion gets it.
3. What the other side cannot express is kept as it is and comes back untouched; every conversion
   reports it, with place and reason.

**Comments.** `<!-- notion-sync:KIND {JSON} -->` says what Markdown has no sign for: behind a text it
belongs to that text, in front of code or a table to that block, alone it is a block, and
`<!-- notion-sync:KIND -->` … `<!-- /notion-sync:KIND -->` stands around the blocks of a container.
A comment that was damaged is a comment like any other. Text in one paragraph with a link or an image
that has such a comment (in front of it, between the two, or behind the comment, on the next line too) is
a paragraph of its own.

**Data in a text.** `<span data-notion-sync='{JSON}'>shown</span>` is a mention or a text that has no
other form. The data counts; what is shown is for people.

**Carriers on a page.** Source without a block of its own is a block of `markdown` code whose first
line is `<!-- notion-sync:verbatim -->`; one line of HTML and link definitions are a paragraph in
grey code. An element of HTML around blocks is a paragraph that says the opening tag in grey code and
holds the blocks; the closing tag follows from it. Tags that do not match, with nothing between them,
or around something that Notion cannot create again stay beside the blocks, and so do those that stand
beside them on a page already. Source inside a text is grey code: whoever formats `<kbd>Esc</kbd>` as grey code in
Notion writes HTML into the file.

**Titles** of links and images stand behind the address as `#:~:notion-sync-title=…`, which browsers
cut off.

**Images.** An image in a link is an image whose caption is that link. An image in HTML that is alone,
or has nothing but a link, a paragraph or `<picture>` around it, is an image whose HTML stands behind
the address as `#:~:notion-sync-html=…`. Address, caption and link can be changed on the page, and are
changed in the HTML; a caption that HTML cannot say (formatting, another link) makes a Markdown image of
it.

**Layout.** Blank lines in lists, where one list ends and the next begins, the first number, info
strings, alignment and the anchors of headings are no content. A sync leaves them in the file and reports
that the page does not have them (*stays in the file* below). A conversion that has to give the file back
from the page alone (`Carry::Everything`, `notion-sync convert`) writes them as notes in grey code: behind
the first item of a list, behind a heading, in the first cell of a table, in the caption of code.

**Anchors** (`<a id=\"x\"></a>`) in front of a heading, with at most one blank line between them, belong to
it: a heading that is edited or moved on the page keeps them, one that is deleted takes them along. An
anchor that somebody writes on the page as grey code is a block, in the file with two blank lines behind
it.

**Limits.** A text has at most 100 runs of different looks and 200,000 UTF-16 units in Notion; beyond
100 runs the last ones lose their looks, beyond the units the block is not written. Both are reported.
";

/// The page for a list of cases.
pub(crate) fn dialect(cases: &[Case]) -> String {
    let mut out = INTRODUCTION.to_owned();
    for (title, origin) in [
        ("From Notion to a file", Origin::Notion),
        ("From a file to Notion", Origin::Markdown),
    ] {
        write!(out, "\n## {title}\n").unwrap();
        for case in cases.iter().filter(|case| case.origin == origin) {
            section(&mut out, case);
        }
    }
    out
}

fn section(out: &mut String, case: &Case) {
    write!(out, "\n### {}\n", case.title).unwrap();
    let page = match &case.enhanced {
        Some(text) => (
            "On the page, as Notion's Markdown",
            "text",
            text.trim_end().to_owned(),
        ),
        None => {
            let lines: Vec<String> = case
                .blocks
                .iter()
                .map(|block| serde_json::to_string(block).unwrap())
                .collect();
            ("On the page, as blocks", "json", lines.join("\n"))
        }
    };
    let file = (
        "In the file",
        "markdown",
        case.markdown.trim_end().to_owned(),
    );
    let page_first = case.origin == Origin::Notion;
    for (name, language, text) in if page_first {
        [page, file]
    } else {
        [file, page]
    } {
        let longest = text
            .split(|c| c != '`')
            .map(str::len)
            .max()
            .unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        write!(out, "\n{name}:\n\n{fence}{language}\n{text}\n{fence}\n").unwrap();
    }
    let mut notes: Vec<String> = case
        .losses
        .iter()
        .filter_map(|loss| loss.split_once(": "))
        .map(|(_, reason)| format!("In a sync: {reason}."))
        .collect();
    if case.round_trip == Relation::Rendered {
        notes.push("Comes back in another spelling that looks the same.".to_owned());
    }
    notes.extend(
        case.service
            .refused
            .iter()
            .filter_map(|refused| refused.split_once(": "))
            .map(|(_, reason)| format!("Cannot be created: {reason}. It stays where it is.")),
    );
    notes.dedup();
    if !notes.is_empty() {
        write!(out, "\n{}\n", notes.join(" ")).unwrap();
    }
}
