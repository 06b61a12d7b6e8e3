//! Events about items of projects, as webhooks of organizations carry them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::AccountKind;
use super::events::Event;
use super::exchange::{ApiVersion, Bases, stamp};
use super::names::{NodeKind, node_id};
use super::projects::{ItemContent, Project, ProjectItem};
use super::render::{Render, merge};
use super::render_project::told_value;
use super::service::GithubEmulator;

const EVENT: &str = "projects_v2_item";

/// The items of all projects of organizations when they were looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProjectItems(BTreeMap<u64, BTreeMap<u64, ProjectItem>>);

impl GithubEmulator {
    /// The items as they are now. Projects of people have no events.
    pub(crate) fn project_items(&self) -> ProjectItems {
        let told = self.state.projects.values().filter(|project| {
            let owner = self.state.accounts.get(&project.owner);
            owner.is_some_and(|owner| owner.kind == AccountKind::Organization)
        });
        ProjectItems(
            told.map(|project| (project.id, project.items.clone()))
                .collect(),
        )
    }

    /// The events between two looks.
    pub(crate) fn project_events(&self, before: &ProjectItems, after: &ProjectItems) -> Vec<Event> {
        let bases = Bases {
            api: "https://api.github.com".to_owned(),
            web: self.state.web_base.clone(),
            git: self.state.web_base.clone(),
        };
        let render = Render {
            state: &self.state,
            bases: &bases,
            version: ApiVersion::V2022,
        };
        let none = BTreeMap::new();
        let mut out = Vec::new();
        for (id, items) in &after.0 {
            let Some(project) = self.state.projects.get(id) else {
                continue;
            };
            let teller = Teller { render, project };
            let known = before.0.get(id).unwrap_or(&none);
            for (id, item) in items {
                match known.get(id) {
                    None => {
                        out.push(teller.told("created", item, &item.creator, None));
                        // What was filled in since is told after it, and not lost.
                        let fresh = ProjectItem {
                            values: BTreeMap::new(),
                            archived_at: None,
                            ..item.clone()
                        };
                        teller.changes(&fresh, item, &mut out);
                    }
                    Some(known) => teller.changes(known, item, &mut out),
                }
            }
            for (id, item) in known.iter().filter(|(id, _)| !items.contains_key(id)) {
                // Items of deleted issues go by themselves.
                let login = project.removed.get(id).unwrap_or(&item.editor);
                out.push(teller.told("deleted", item, login, None));
            }
        }
        out
    }
}

/// Writes events about one project.
struct Teller<'a> {
    render: Render<'a>,
    project: &'a Project,
}

impl Teller<'_> {
    fn changes(&self, known: &ProjectItem, item: &ProjectItem, out: &mut Vec<Event>) {
        for field in &self.project.fields {
            let (from, to) = (known.values.get(&field.id), item.values.get(&field.id));
            if from == to {
                continue;
            }
            let change = json!({"field_value": {
                "field_node_id": super::graphql::field_node_id(field), "field_type": field.kind.word(),
                "field_name": field.name, "project_number": self.project.number,
                "from": told_value(from, &field.kind), "to": told_value(to, &field.kind),
            }});
            out.push(self.told("edited", item, &item.editor, Some(change)));
        }
        if known.archived_at != item.archived_at {
            let action = if item.archived_at.is_some() {
                "archived"
            } else {
                "restored"
            };
            let change = json!({"archived_at": {
                "from": known.archived_at.map(stamp), "to": item.archived_at.map(stamp),
            }});
            out.push(self.told(action, item, &item.editor, Some(change)));
        }
    }

    fn told(
        &self,
        action: &str,
        item: &ProjectItem,
        sender: &str,
        changes: Option<Value>,
    ) -> Event {
        let mut told = self.render.project_item_bare(item);
        let content = match &item.content {
            ItemContent::Draft { id, .. } => Some(node_id(NodeKind::DraftIssue, *id)),
            ItemContent::Issue(id) => self.render.state.issue_with_id(*id).and_then(|place| {
                let issue = self.render.state.issue(place.0, place.1).ok()?;
                Some(match &issue.pull {
                    Some(pull) => node_id(NodeKind::PullRequest, pull.id),
                    None => node_id(NodeKind::Issue, *id),
                })
            }),
        };
        merge(
            &mut told,
            json!({
                "project_node_id": node_id(NodeKind::Project, self.project.id), "content_node_id": content,
                "creator": self.render.login(&item.creator),
            }),
        );
        let mut body = json!({
            "action": action, EVENT: told, "organization": self.render.login(&self.project.owner),
            "sender": self.render.login(sender),
        });
        if let Some(changes) = changes {
            body["changes"] = changes;
        }
        (EVENT, body)
    }
}
