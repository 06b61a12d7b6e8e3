//! People who comment.

use super::{Outcome, Person, PersonError};
use crate::notion::id::NotionId;
use crate::notion::markdown;
use crate::notion::model::Comment;

impl Person<'_> {
    /// Writes a comment on a page or block, in inline Markdown.
    ///
    /// # Errors
    /// When what it is about does not exist.
    pub fn comment(&mut self, about: NotionId, text: &str) -> Outcome<NotionId> {
        self.block(about)?;
        let rich = markdown::read_inline(text, &self.service.ws.objects.emojis);
        let index = self.service.add_comment(self.act, about, None, rich, None);
        let made = self
            .service
            .ws
            .objects
            .comments
            .get(index)
            .map(|(id, _)| *id);
        made.ok_or_else(|| PersonError("the comment is gone".to_owned()))
    }

    /// Changes a comment, in inline Markdown. People may edit what others wrote here, as an
    /// administrator's tool does.
    ///
    /// # Errors
    /// When the comment does not exist.
    pub fn edit_comment(&mut self, comment: NotionId, text: &str) -> Outcome<()> {
        let rich = markdown::read_inline(text, &self.service.ws.objects.emojis);
        let at = self.act.at;
        let held = self.held_comment(comment)?;
        held.rich = rich;
        held.edited_at = at;
        Ok(())
    }

    /// Resolves the discussion of a comment, or opens it again. No listing shows it meanwhile.
    ///
    /// # Errors
    /// When the comment does not exist.
    pub fn resolve_comment(&mut self, comment: NotionId, resolved: bool) -> Outcome<()> {
        let discussion = self.held_comment(comment)?.discussion;
        for (_, held) in &mut self.service.ws.objects.comments {
            if held.discussion == discussion {
                held.resolved = resolved;
            }
        }
        Ok(())
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// When the comment does not exist.
    pub fn delete_comment(&mut self, comment: NotionId) -> Outcome<()> {
        self.held_comment(comment)?;
        (self.service.ws.objects.comments).retain(|(id, _)| *id != comment);
        Ok(())
    }

    fn held_comment(&mut self, comment: NotionId) -> Outcome<&mut Comment> {
        self.service.ws.changes += 1;
        (self.service.ws.objects.comments.iter_mut())
            .find(|(id, _)| *id == comment)
            .map(|(_, held)| held)
            .ok_or_else(|| PersonError(format!("{comment} is not a comment")))
    }
}
