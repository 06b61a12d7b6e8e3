//! A working day on both sides, played against the emulators in virtual time.

mod assembly;
mod clone;
mod day;
mod equality;
mod folder;
mod library;
mod seam;
mod stage;
mod story;
mod terms;

pub use clone::Clone as GitClone;
pub use day::{Evening, play};
pub use equality::{Comparison, Pair, words};
pub use library::{EditReport, Library, LibraryReport};
pub use seam::{Between, Blow, Fuse};
pub use stage::{Calls, Outcome, Stage};
pub use story::{CommitNote, Scene, Story, line_changes};
pub use terms::Terms;

use std::path::Path;

use notion_sync_core::Result;
use serde_json::json;

use crate::commands::{DemoArgs, Output};
use crate::emulation::{HANDBOOK, World};
use crate::exit::{Exit, Failure};
use crate::signals;
use folder::Folder;

/// The command `demo`. Clean only if both sides were found equal at the end.
///
/// # Errors
///
/// When the folder cannot be used, or something is not as it should be.
pub async fn run(args: DemoArgs) -> crate::exit::Outcome {
    let folder = Folder::new(args.keep.as_deref())?;
    let stop = signals::stop()?;
    let play = async {
        match &args.documents {
            Some(documents) => library(documents, &folder, &args).await,
            None => working_day(&folder, &args).await,
        }
    };
    let faults = tokio::select! {
        faults = play => faults?,
        () = stop => {
            return Err(Failure::new(
                Exit::Retry,
                "stopped by a signal before the end of the demo (run it again)",
            ));
        }
    };
    if faults.is_empty() {
        return Ok(Exit::Clean);
    }
    Err(Failure::new(
        Exit::Drift,
        format!("the demo found something wrong:\n  {}", faults.join("\n  ")),
    ))
}

async fn working_day(folder: &Folder, args: &DemoArgs) -> Result<Vec<String>> {
    let mut world = World::small()?;
    if let Some(seed) = args.seed {
        world.notion.seed = seed;
    }
    let mut stage = Stage::in_file(world, Terms::default(), folder.store())?;
    stage
        .services
        .bind_git(&folder.path().join("repositories"))?;
    let mut story = Story::new(args.json);
    story
        .say("A working day between Notion and GitHub. Both are emulated, the clock is virtual,")?;
    story
        .say("the store is a sealed SQLite file; engine and adapters are those of the program.")?;
    let evening = play(&mut stage, &mut story).await?;
    story.scene(&stage, "The evening")?;
    repository(&stage, &story)?;
    side_by_side(&stage, &story, &evening)?;
    story.say("       Requests of the whole day:")?;
    story.calls(evening.calls)?;
    let equal = evening.faults.is_empty();
    if equal {
        story.say("       Both sides are equal; nothing was lost and nothing was made twice.")?;
    }
    folder.hand_over(&stage, &story)?;
    if args.json {
        print_json(&stage, &story, &evening);
    }
    Ok(evening.faults)
}

async fn library(documents: &Path, folder: &Folder, args: &DemoArgs) -> Result<Vec<String>> {
    let story = Story::new(args.json);
    let mut library = Library::load(documents, usize::MAX, Some(folder.store())).await?;
    let report = library.report();
    story.say(&format!(
        "{} Markdown files, {} KiB, in the emulated repository {HANDBOOK}; no page yet.",
        report.files,
        report.bytes / 1024
    ))?;
    library.first_sync().await?;
    let report = library.report();
    story.say("The first synchronisation:")?;
    story.say(&format!(
        "  pages made                        {:>6}",
        report.pages
    ))?;
    story.say(&format!(
        "  files skipped                     {:>6}",
        report.skipped.len()
    ))?;
    for (path, why) in &report.skipped {
        story.say(&format!("    {path}: {why}"))?;
    }
    story.calls(report.first)?;
    story.say("A further synchronisation after everything had settled:")?;
    story.say(&format!(
        "  writes                            {:>6}",
        report.further_writes.len()
    ))?;
    story.say(&format!(
        "  files changed by a byte           {:>6}",
        report.changed.len()
    ))?;
    story.calls(report.further)?;
    if args.edits > 0 {
        library.edit_in_notion(args.edits).await?;
        if let Some(edits) = &library.report().in_notion {
            story.say("Somebody edits one paragraph of plain text in Notion, in many pages:")?;
            story.say(&format!(
                "  pages edited                      {:>6}",
                edits.documents
            ))?;
            story.say(&format!(
                "  files that show just that edit    {:>6}",
                edits.exact
            ))?;
            story.say(&format!(
                "  commits                           {:>6}",
                edits.commits
            ))?;
            story.say(&format!(
                "  trailers Notion-Page-Id           {:>6}",
                edits.trailers
            ))?;
            story.say(&format!(
                "  writes of the next sync           {:>6}",
                edits.further_writes
            ))?;
            story.calls(edits.calls)?;
        }
        library.edit_on_github(args.edits, folder.path()).await?;
        if let Some(edits) = &library.report().on_github {
            story.say(
                "Somebody edits one paragraph in many files of a clone and pushes, with git:",
            )?;
            story.say(&format!(
                "  files edited                      {:>6}",
                edits.documents
            ))?;
            story.say(&format!(
                "  pages that show just that edit    {:>6}",
                edits.exact
            ))?;
            story.say(&format!(
                "  block writes to Notion            {:>6}",
                edits.block_writes
            ))?;
            story.say(&format!(
                "  blocks that kept their ids        {:>6} of {}",
                edits.blocks_kept, edits.blocks
            ))?;
            story.say(&format!(
                "  writes of the next sync           {:>6}",
                edits.further_writes
            ))?;
            story.calls(edits.calls)?;
        }
    }
    if args.json {
        Output::new(true).object(library.report());
    }
    folder.hand_over(library.stage(), &story)?;
    Ok(library.report().faults.clone())
}

fn repository(stage: &Stage, story: &Story) -> Result<()> {
    story.say(&format!("       The repository {HANDBOOK}:"))?;
    let files = stage.github().files(HANDBOOK, "main").unwrap_or_default();
    for (path, text) in &files {
        story.say(&format!(
            "         {path:<28} {:>4} lines",
            text.lines().count()
        ))?;
    }
    story.say("       Its history, newest first:")?;
    for commit in stage.commits() {
        let subject = commit.message.lines().next().unwrap_or_default();
        story.say(&format!(
            "         {} {}  {subject}",
            commit.sha.to_string().chars().take(8).collect::<String>(),
            commit.committed_at.format("%H:%M")
        ))?;
    }
    Ok(())
}

fn side_by_side(stage: &Stage, story: &Story, evening: &Evening) -> Result<()> {
    story.say("       Both sides:")?;
    for pair in &evening.comparison.pairs {
        let verdict = if pair.differences.is_empty() {
            "equal"
        } else {
            "DIFFERENT"
        };
        story.say(&format!(
            "         page {:<36} {:<20} {verdict}",
            format!("{:?}", pair.title),
            pair.counterpart
        ))?;
    }
    for complaint in evening.comparison.complaints() {
        story.say(&format!("         ! {complaint}"))?;
    }
    // One pair in full, so that it can be read.
    let Some(text) = stage.file("docs/welcome.md") else {
        return Ok(());
    };
    let page = stage.page("Welcome")?;
    let markdown = stage.notion().markdown(page);
    story.say("       docs/welcome.md on GitHub:")?;
    for line in text.lines() {
        story.say(&format!("         | {line}"))?;
    }
    story.say("       The page \"Welcome\" in Notion, in Notion's own Markdown:")?;
    for line in markdown.lines() {
        story.say(&format!("         | {line}"))?;
    }
    Ok(())
}

fn print_json(stage: &Stage, story: &Story, evening: &Evening) {
    let pages: serde_json::Map<String, serde_json::Value> = {
        let (pages, tasks) = (stage.pages(), stage.tasks());
        let notion = stage.notion();
        pages
            .into_iter()
            .chain(tasks)
            .map(|(title, id)| (title, json!(notion.markdown(id))))
            .collect()
    };
    let issues: Vec<serde_json::Value> = stage
        .issues()
        .into_iter()
        .map(|(number, issue)| {
            json!({"number": number, "title": issue.title, "open": issue.open,
                "labels": issue.labels, "assignees": issue.assignees})
        })
        .collect();
    let log: Vec<serde_json::Value> = stage
        .commits()
        .into_iter()
        .map(|commit| json!({"id": commit.sha.to_string(), "author": commit.author_email, "message": commit.message}))
        .collect();
    let object = json!({
        "equal": evening.comparison.is_equal(),
        "faults": evening.faults,
        "scenes": story.scenes(),
        "repository": stage.github().files(HANDBOOK, "main").unwrap_or_default(),
        "commits": log,
        "pages": pages,
        "issues": issues,
        "pairs": evening.comparison.pairs,
        "crashed": evening.crashed,
        "calls": evening.calls,
        "quiet_cycle": {"calls": evening.quiet, "writes": evening.quiet_writes},
    });
    Output::new(true).object(&object);
}
