//! Comments that say what a change of a property did.

use std::fmt::Write as _;

use notion_sync_core::effect::{EffectRequest, EffectWrite, Gate, Summary};
use notion_sync_core::remote::{Ack, Write};
use notion_sync_core::{Error, ErrorKind, Result};

use super::rights::Rights;
use super::text::inert;
use super::{open, unapplied};
use crate::comments;
use crate::files::comment_notes;
use crate::issues::GithubIssues;
use crate::issues::discussion::plain;

impl GithubIssues {
    pub(super) async fn gate_summary(
        &self,
        request: &EffectRequest,
        rights: &Rights,
    ) -> Result<Gate> {
        let (_, number, issue) = self.issue_of(request).await?;
        if issue.locked == Some(true) && rights.push == Some(false) {
            return Ok(Gate::Refused(format!(
                "the conversation of #{number} is locked; unlock it, or give the credential write \
                 access"
            )));
        }
        Ok(Gate::Open(open(request)))
    }

    pub(super) async fn summarise(&self, write: &Write, effect: &EffectWrite) -> Result<Ack> {
        let request = &effect.request;
        let Some(summary) = &request.summary else {
            return Err(Error::new(ErrorKind::Invalid, "write a comment")
                .message("nobody says what the change did"));
        };
        let (repository, number) = self.own(&request.object).await.map_err(unapplied)?;
        self.client.begin("write a comment", 1, 1)?;
        let (id, text) = (repository.id.to_string(), text(summary, &request.value));
        let comment = comments::say(&self.client, &id, number, &write.op, &text).await?;
        Ok(Ack {
            notes: comment_notes(&comment),
            ..Ack::default()
        })
    }
}

/// One line. Only the numbers in it, which are ours, name anything.
fn text(summary: &Summary, value: &str) -> String {
    let mut out = format!(
        "**{}**: {} → {} (",
        harmless(&summary.property),
        said(&summary.from),
        said(value)
    );
    if let Some(by) = &summary.by {
        // Writing to a string cannot fail.
        let _ = write!(out, "by {}, ", harmless(by));
    }
    out.push_str("from the page)");
    for (at, one) in summary.did.iter().enumerate() {
        out.push_str(if at == 0 { ": " } else { ", " });
        match &one.failed {
            Some(why) => {
                let (what, why) = (harmless(&one.what), harmless(why));
                let _ = write!(out, "did not {what} ({why})");
            }
            None => out.push_str(&harmless(&one.what)),
        }
        if let Some(number) = one.pull {
            let _ = write!(out, " #{number}");
        } else if one.failed.is_none() && names_pull(&one.what) {
            out.push_str(" the pull request");
        }
    }
    out
}

/// Whether what was done needs to be told to what.
fn names_pull(what: &str) -> bool {
    matches!(what, "merged" | "opened")
}

fn said(value: &str) -> String {
    if value.trim().is_empty() {
        "_empty_".to_owned()
    } else {
        harmless(value)
    }
}

/// Text of a page that neither acts nor formats.
fn harmless(text: &str) -> String {
    plain(&inert(text))
}

#[cfg(test)]
mod tests {
    use notion_sync_core::effect::Consequence;

    use super::*;

    fn did(what: &str, pull: Option<u64>, failed: Option<&str>) -> Consequence {
        Consequence {
            what: what.to_owned(),
            pull,
            failed: failed.map(str::to_owned),
        }
    }

    #[test]
    fn one_line_says_what_changed_and_what_came_of_it() {
        let mut summary = Summary {
            property: "Status".to_owned(),
            from: "In progress".to_owned(),
            by: Some("ada".to_owned()),
            did: vec![
                did("closed the issue", None, None),
                did("merged", Some(12), None),
            ],
        };
        assert_eq!(
            text(&summary, "Done"),
            "**Status**: In progress → Done (by ada, from the page): closed the issue, merged #12"
        );
        summary.by = None;
        summary.did = vec![did("merge the pull request", None, Some("#3 waits"))];
        summary.from = String::new();
        assert_eq!(
            text(&summary, "Done"),
            "**Status**: _empty_ → Done (from the page): did not merge the pull request \
             (\\#\u{200B}3 waits)"
        );
        summary.did = vec![did("merged", None, None)];
        assert!(text(&summary, "x").ends_with(": merged the pull request"));
    }

    #[test]
    fn words_of_a_page_neither_act_nor_format() {
        let summary = Summary {
            property: "**S** @all".to_owned(),
            from: "fixes #1 <!-- x".to_owned(),
            by: Some("[a](https://x)".to_owned()),
            did: Vec::new(),
        };
        let text = text(&summary, "line\n@bob `code` closes a/b#2");
        let bare = text.replace('\\', "");
        for acts in ["@all", "@bob", "#1", "#2", "<!--", "\n"] {
            assert!(!bare.contains(acts), "{acts}: {text}");
        }
        // Whatever could format has a backslash before it, but for the two marks of the name.
        let inside = text.replacen("**", "", 1).replacen("**:", ":", 1);
        for (at, c) in inside.char_indices() {
            let escaped = inside[..at].ends_with('\\');
            assert!(escaped || !"[]`*_<".contains(c), "{c} at {at}: {inside}");
        }
    }
}
