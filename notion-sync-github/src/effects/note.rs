//! Comments.

use notion_sync_core::effect::{EffectRequest, EffectWrite, Gate, Note, NotePlace};
use notion_sync_core::remote::{Ack, Write};
use notion_sync_core::{Error, ErrorKind, Result};

use super::linked::Found;
use super::rights::Rights;
use super::text::{Words, inert};
use super::{open, unapplied};
use crate::comments;
use crate::files::comment_notes;
use crate::issues::GithubIssues;

impl GithubIssues {
    pub(super) async fn gate_note(
        &self,
        request: &EffectRequest,
        note: &Note,
        rights: &Rights,
    ) -> Result<Gate> {
        let (_, number, issue) = self.issue_of(request).await?;
        if Words::of(request, number, inert)
            .fill(&note.text)
            .trim()
            .is_empty()
        {
            return Ok(Gate::Refused(
                "the comment has no text; give the rule one".to_owned(),
            ));
        }
        let mut write = open(request);
        let (number, locked) = match note.on {
            NotePlace::Issue => (number, issue.locked),
            NotePlace::Pull => match self.pull_of_record(request).await? {
                Found::One(target) => {
                    write.pull = Some(target.object());
                    // A pull request is an issue to the route that knows about locks.
                    let (seen, _) = self.issue(target.repository, target.number).await?;
                    (target.number, seen.locked)
                }
                Found::None => return Ok(self.no_pull()),
                Found::Several(numbers) => return Ok(self.several(&numbers)),
            },
        };
        if locked == Some(true) && rights.push == Some(false) {
            return Ok(Gate::Refused(format!(
                "the conversation of #{number} is locked; unlock it, or give the credential write \
                 access"
            )));
        }
        Ok(Gate::Open(write))
    }

    pub(super) async fn say(
        &self,
        write: &Write,
        effect: &EffectWrite,
        note: &Note,
    ) -> Result<Ack> {
        let (_, number) = self.own(&effect.request.object).await.map_err(unapplied)?;
        let object = match note.on {
            NotePlace::Issue => &effect.request.object,
            NotePlace::Pull => super::judged_pull(effect)?,
        };
        let text = Words::of(&effect.request, number, inert).fill(&note.text);
        if text.trim().is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "write a comment").message("it has no text"));
        }
        let (repository, number) = self.own(object).await.map_err(unapplied)?;
        self.client.begin("write a comment", 1, 1)?;
        let id = repository.id.to_string();
        let comment = comments::say(&self.client, &id, number, &write.op, &text).await?;
        Ok(Ack {
            notes: comment_notes(&comment),
            ..Ack::default()
        })
    }
}
