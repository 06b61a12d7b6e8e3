//! Commit messages and their trailers.

use std::fmt::Write as _;

use notion_sync_core::remote::Write;

use crate::neutral::one_line;

/// Most paths that are listed in a message.
const MAX_LISTED: usize = 50;

/// The message of the commit for a group of writes; `paths` names what each did, in order.
///
/// The last paragraph holds the trailers: for every page a group of its own lines, and once the
/// operation, by which [`names_op`] finds the commit again.
pub(crate) fn commit_message(members: &[(&Write, String)], headline: Option<&str>) -> String {
    let subject = match (headline, members) {
        (Some(headline), _) => headline.to_owned(),
        (None, [(_, path)]) => format!("Sync {path}"),
        (None, many) => format!("Sync {} pages", many.len()),
    };
    let mut out = one_line(&subject, 72);
    out.push_str("\n\n");
    if members.len() > 1 {
        for (_, path) in members.iter().take(MAX_LISTED) {
            let _ = writeln!(out, "* {}", one_line(path, 200));
        }
        if let Some(more) = members
            .len()
            .checked_sub(MAX_LISTED)
            .filter(|more| *more > 0)
        {
            let _ = writeln!(out, "* and {more} more");
        }
        out.push('\n');
    }
    for (write, _) in members {
        trailers(&mut out, write);
    }
    if let Some((first, _)) = members.first() {
        trailer(&mut out, "Sync-Op", Some(first.group.as_str()));
    }
    out
}

fn trailers(out: &mut String, write: &Write) {
    trailer(out, "Notion-Page-Id", write.page.as_deref());
    trailer(out, "Notion-Editor", write.editor.as_deref());
    trailer(out, "Notion-Revision", write.revision.as_deref());
    trailer(out, "Sync-Run-Id", Some(write.run.as_str()));
}

fn trailer(out: &mut String, name: &str, value: Option<&str>) {
    let value = value
        .map(|value| one_line(value, 200))
        .filter(|value| !value.is_empty());
    if let Some(value) = value {
        let _ = writeln!(out, "{name}: {value}");
    }
}

/// Values of a trailer in the last paragraph of a message.
pub(crate) fn trailer_values<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let trimmed = message.trim_end();
    let last = trimmed
        .rfind("\n\n")
        .map_or(trimmed, |at| &trimmed[at + 2..]);
    last.lines().filter_map(move |line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Whether a commit was made by an operation.
pub(crate) fn names_op(message: &str, op: &str) -> bool {
    let wanted = one_line(op, 200);
    trailer_values(message, "Sync-Op").any(|value| value == wanted)
}

/// Whether a commit carries a run, which is how a member of a group is found in it.
pub(crate) fn names_run(message: &str, run: &str) -> bool {
    let wanted = one_line(run, 200);
    trailer_values(message, "Sync-Run-Id").any(|value| value == wanted)
}

/// Whether a commit is ours at all.
pub(crate) fn is_ours(message: &str) -> bool {
    trailer_values(message, "Sync-Op").next().is_some()
}
