//! `convert`: the converter on standard input and output.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use clap::{Args, ValueEnum};
use notion_sync_core::document::dialect::{self, Carry, Effect, LinkContext};
use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Block, Document, blocks, markdown, notion_markdown};
use serde_json::Value;

use crate::exit::{Exit, Failure, Outcome};

/// Most bytes of standard input.
const MAX_INPUT: u64 = 64 << 20;
/// Levels of children.
const MAX_DEPTH: usize = 64;

/// What `convert` takes.
#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// What comes in.
    #[arg(long, value_enum)]
    from: Format,
    /// What goes out.
    #[arg(long, value_enum)]
    to: Format,
    /// Address that relative links of the Markdown file stand for.
    #[arg(long, value_name = "URL", default_value = "")]
    blob_base: String,
    /// The same for images.
    #[arg(long, value_name = "URL", default_value = "")]
    raw_base: String,
    /// How much of what only a file says (blank lines in lists, info strings, alignment) a page
    /// carries: `everything`, so that the page alone gives the file back, or `content`, as a sync
    /// does. Blocks carry everything unless told otherwise, Notion's Markdown content.
    #[arg(long, value_enum)]
    carry: Option<Carried>,
    /// Shows on standard error everything that was approximated, left behind or kept opaque, with
    /// its place, and the totals.
    #[arg(long)]
    report: bool,
    /// Path of the Markdown file, for its relative links.
    #[arg(long, value_name = "PATH", default_value = "")]
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A JSON array of Notion's block objects (or a list answer), with children inside.
    Blocks,
    /// Notion's enhanced Markdown.
    NotionMarkdown,
    /// The Markdown of a repository; front matter is left out.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Carried {
    /// Content only.
    Content,
    /// Content and layout.
    Everything,
}

impl ConvertArgs {
    fn carry(&self) -> Carry {
        match (self.carry, self.to) {
            (Some(Carried::Content), _) | (None, Format::NotionMarkdown) => Carry::Content,
            _ => Carry::Everything,
        }
    }
}

pub(super) fn run(args: ConvertArgs) -> Outcome {
    let mut input = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_INPUT + 1)
        .read_to_end(&mut input)?;
    if input.len() as u64 > MAX_INPUT {
        return Err(Failure::usage(format!(
            "standard input has more than {MAX_INPUT} bytes (convert one document at a time)"
        )));
    }
    let text = String::from_utf8(input).map_err(|error| {
        Failure::usage(format!(
            "standard input is not UTF-8 at byte {} (save it as UTF-8)",
            error.utf8_error().valid_up_to()
        ))
    })?;
    let document = read(args.from, &text)?;
    let carry = args.carry();
    let links = LinkContext::new(args.blob_base, args.raw_base, args.path);
    let outward = args.from == Format::Markdown && args.to != Format::Markdown;
    let inward = args.from != Format::Markdown && args.to == Format::Markdown;
    let document = if outward || inward {
        let converted = if outward {
            dialect::to_notion_with(&document, &links, carry)
        } else {
            dialect::from_notion(&document, &links)
        };
        let mut totals: BTreeMap<Effect, usize> = BTreeMap::new();
        for entry in &converted.report.entries {
            let effect = entry.reason.effect();
            *totals.entry(effect).or_default() += 1;
            if args.report {
                note(&entry.place, &format!("{effect}: {}", entry.reason));
            } else if effect != Effect::KeptOpaque {
                // What comes back as it was needs no warning.
                note(&entry.place, &entry.reason.to_string());
            }
        }
        if args.report {
            summary(&totals);
        }
        converted.document
    } else {
        document
    };
    let out = write(args.to, &document)?;
    let mut stdout = std::io::stdout().lock();
    // A reader that went away is no error.
    let _ = stdout.write_all(out.as_bytes());
    Ok(Exit::Clean)
}

/// Says on standard error how much of what a conversion reported.
fn summary(totals: &BTreeMap<Effect, usize>) {
    let parts: Vec<String> = totals
        .iter()
        .map(|(effect, count)| format!("{count} {effect}"))
        .collect();
    let said = if parts.is_empty() {
        "nothing was lost".to_owned()
    } else {
        parts.join(", ")
    };
    let _ = writeln!(std::io::stderr().lock(), "notion-sync: {said}");
}

/// Says on standard error what a conversion could not keep.
fn note(place: &[usize], reason: &str) {
    let place: Vec<String> = place.iter().map(|index| (index + 1).to_string()).collect();
    let _ = writeln!(
        std::io::stderr().lock(),
        "notion-sync: block {}: {reason}",
        place.join(".")
    );
}

fn read(from: Format, text: &str) -> Result<Document, Failure> {
    match from {
        Format::Blocks => {
            let json: Value = serde_json::from_str(text).map_err(|error| {
                Failure::usage(format!(
                    "standard input is no JSON: {error} (give an array of block objects)"
                ))
            })?;
            let list = match json {
                Value::Array(list) => list,
                Value::Object(mut object) => match object.remove("results") {
                    Some(Value::Array(list)) => list,
                    _ => vec![Value::Object(object)],
                },
                _ => {
                    return Err(Failure::usage(
                        "standard input is neither an array nor an object (give block objects)",
                    ));
                }
            };
            let blocks = list
                .into_iter()
                .enumerate()
                .map(|(index, block)| read_block(block, &(index + 1).to_string(), 0))
                .collect::<Result<_, _>>()?;
            Ok(Document { blocks })
        }
        Format::NotionMarkdown => Ok(notion_markdown::parse(text, &Limits::default())?),
        Format::Markdown => markdown::parse(text, &markdown::Limits::default())
            .map(|parsed| parsed.document)
            .map_err(|error| Failure::usage(format!("standard input: {error}"))),
    }
}

/// A block with its children, wherever they stand: beside the type or inside it.
fn read_block(mut json: Value, place: &str, depth: usize) -> Result<Block, Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::usage(format!(
            "block {place}: blocks are nested more than {MAX_DEPTH} levels deep"
        )));
    }
    let mut children = Vec::new();
    if let Value::Object(object) = &mut json {
        if let Some(Value::Array(list)) = object.remove("children") {
            children.extend(list);
        }
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(Value::Object(inner)) = kind.and_then(|kind| object.get_mut(&kind))
            && let Some(Value::Array(list)) = inner.remove("children")
        {
            children.extend(list);
        }
    }
    let mut block = blocks::read(&json.to_string())
        .map_err(|error| Failure::usage(format!("block {place}: {error}")))?;
    for (index, child) in children.into_iter().enumerate() {
        let place = format!("{place}.{}", index + 1);
        block.children.push(read_block(child, &place, depth + 1)?);
    }
    Ok(block)
}

fn write(to: Format, document: &Document) -> Result<String, Failure> {
    match to {
        Format::Markdown => Ok(markdown::write(document, &markdown::Style::default())),
        Format::NotionMarkdown => notion_markdown::write(document)
            .map(|text| format!("{text}\n"))
            .map_err(|error| {
                Failure::usage(format!(
                    "the document cannot be said in Notion's Markdown: {error} (use --to blocks)"
                ))
            }),
        Format::Blocks => {
            let mut list = Vec::new();
            for (index, block) in document.blocks.iter().enumerate() {
                list.extend(write_block(block, &mut vec![index], 0)?);
            }
            serde_json::to_string_pretty(&list)
                .map(|text| format!("{text}\n"))
                .map_err(|error| Failure::usage(error.to_string()))
        }
    }
}

/// A block object with its children inside; `None` for one that the API cannot create, which is
/// said on standard error.
fn write_block(
    block: &Block,
    place: &mut Vec<usize>,
    depth: usize,
) -> Result<Option<Value>, Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::usage(format!(
            "blocks are nested more than {MAX_DEPTH} levels deep"
        )));
    }
    let mut json = match blocks::write(block) {
        Ok(json) => json,
        Err(reason) => {
            note(place, &reason.to_string());
            return Ok(None);
        }
    };
    let mut children = Vec::new();
    for (index, child) in block.children.iter().enumerate() {
        place.push(index);
        children.extend(write_block(child, place, depth + 1)?);
        place.pop();
    }
    if !children.is_empty() {
        let kind = json.get("type").and_then(Value::as_str).map(str::to_owned);
        if let Some(Value::Object(inner)) = kind.and_then(|kind| json.get_mut(&kind)) {
            inner.insert("children".to_owned(), Value::Array(children));
        }
    }
    Ok(Some(json))
}
