//! Fields of the issue's item in a project. Projects are reached by GraphQL only; ids of options
//! change when people edit them, so everything is found by name, each time.

use std::collections::BTreeMap;

use notion_sync_core::effect::{EffectRequest, EffectWrite, Gate, ProjectField};
use notion_sync_core::remote::Ack;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::graphql::is;
use super::{decided, open, stale, unapplied};
use crate::issues::GithubIssues;
use crate::project::Wanted;

const DURING: &str = "set a field of a project";

const PROJECT: &str = "project";
const FIELD: &str = "field";
const NAME: &str = "name";
const CONTENT: &str = "content";
const KIND: &str = "kind";
const VALUE: &str = "value";

impl GithubIssues {
    pub(super) async fn gate_project(
        &self,
        request: &EffectRequest,
        wanted: &ProjectField,
    ) -> Result<Gate> {
        let (_, number, issue) = self.issue_of(request).await?;
        let Some(content) = issue.node_id else {
            return Err(Error::new(ErrorKind::Unavailable, DURING)
                .with("number", number)
                .message("the answer has no node id"));
        };
        let project = match self.client.find_project(DURING, &wanted.project).await? {
            Ok(project) if project.closed => {
                let reason = format!("the project {} is closed; reopen it", wanted.project);
                return Ok(Gate::Refused(reason));
            }
            Ok(project) => project,
            Err(reason) => return Ok(Gate::Refused(reason)),
        };
        let asked = project.known(&wanted.field);
        let (field, value) = match asked.and_then(|f| Ok((f, Wanted::of(f, &wanted.value)?))) {
            Ok(found) => found,
            Err(reason) => return Ok(Gate::Refused(reason)),
        };
        // An issue without an item has no value, but is not in the project either.
        let names = [field.name.as_str()];
        let item = (self.client).item_of_issue(DURING, &content, &project.id, &names);
        if let (Some(item), _) = item.await? {
            if value.holds(item.get("f0").unwrap_or(&Value::Null)) {
                return Ok(super::holds());
            }
            // GitHub takes no values for it, and whoever archived it meant it to rest.
            if is(&item, "/isArchived") {
                return Ok(Gate::Refused(format!(
                    "the issue is archived in the project {}; restore it there",
                    wanted.project
                )));
            }
        }
        let (kind, said) = value.parts();
        let mut write = open(request);
        write.decided = [
            (PROJECT, project.id.as_str()),
            (FIELD, field.id.as_str()),
            (NAME, field.name.as_str()),
            (CONTENT, content.as_str()),
            (KIND, kind),
            (VALUE, said.as_str()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        Ok(Gate::Open(write))
    }

    /// Adds the item, which is the one that is there where there is one, and sets the field.
    pub(super) async fn set_project_field(&self, effect: &EffectWrite) -> Result<Ack> {
        let (_, number) = self.own(&effect.request.object).await.map_err(unapplied)?;
        self.client.begin(DURING, 2, 0)?;
        let (project, field) = (decided(effect, PROJECT)?, decided(effect, FIELD)?);
        let (kind, value) = (decided(effect, KIND)?, decided(effect, VALUE)?);
        let gone = |error: Error| match error.kind() {
            // An id that was found a moment ago is not one any more.
            ErrorKind::NotFound | ErrorKind::Invalid => stale(DURING, number, error.to_string()),
            _ => error,
        };
        let content = decided(effect, CONTENT)?;
        let added = self.client.add_item(DURING, project, content).await;
        // The item alone changes no field: sending it again finds it.
        let item = added.map_err(|error| gone(unapplied(error)))?;
        // A write from before names were kept with it shows no value: nobody asks for it here.
        let name = effect.decided.get(NAME).map_or("", String::as_str);
        let place = (project, item.as_str());
        let outcome = self
            .client
            .set_item_field(DURING, place, (field, name), (kind, value));
        outcome.await.map_err(gone)?;
        Ok(Ack {
            notes: BTreeMap::from([("item".to_owned(), item)]),
            ..Ack::default()
        })
    }
}
