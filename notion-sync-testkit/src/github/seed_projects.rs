//! From the projects of a world to those of the state.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::account::{AccountKind, Actor, key};
use super::projects::{FieldKind, Iteration, Project, ProjectField};
use super::seed::invalid;
use super::state::State;
use super::world::WorldError;
use super::world_projects::{ProjectFieldKind, ProjectFieldSeed, ProjectSeed};

/// The fields that every project has, in their order.
const BUILT_IN: [(&str, &str); 10] = [
    ("Title", "title"),
    ("Assignees", "assignees"),
    (STATUS, ""),
    ("Labels", "labels"),
    ("Linked pull requests", "linked_pull_requests"),
    ("Milestone", "milestone"),
    ("Repository", "repository"),
    ("Reviewers", "reviewers"),
    ("Parent issue", "parent_issue"),
    ("Sub-issues progress", "sub_issues_progress"),
];
const STATUS: &str = "Status";

/// Adds a project with everything in it.
pub(crate) fn add_project(
    state: &mut State,
    seed: &ProjectSeed,
    now: DateTime<Utc>,
) -> Result<(), WorldError> {
    let place = format!("project {} of {}", seed.title, seed.owner);
    if seed.owner.is_empty() {
        return Err(invalid(place, "needs an owner"));
    }
    let owner = state.ensure_account(&seed.owner, AccountKind::User, now);
    for login in seed.collaborators.keys() {
        state.ensure_account(login, AccountKind::User, now);
    }
    let number = seed.number.unwrap_or_else(|| {
        let mine = state.projects.values().filter(|known| known.owner == owner);
        mine.map(|known| known.number).max().unwrap_or(0) + 1
    });
    if state.project_numbered(&owner, number).is_some() {
        return Err(invalid(place, format!("the number {number} is taken")));
    }
    let status = seed
        .fields
        .iter()
        .find(|field| key(&field.name) == key(STATUS));
    let mut fields = Vec::new();
    for (name, word) in BUILT_IN {
        let kind = match status {
            _ if !word.is_empty() => FieldKind::BuiltIn(word),
            Some(seed) => kind_of(state, seed),
            None => FieldKind::SingleSelect(
                ["Todo", "In Progress", "Done"]
                    .iter()
                    .map(|name| state.choice(name))
                    .collect(),
            ),
        };
        fields.push(field(state, name, kind, now));
    }
    for seed in &seed.fields {
        if status == Some(seed) {
            continue;
        }
        if fields
            .iter()
            .any(|known| key(&known.name) == key(&seed.name))
        {
            return Err(invalid(
                place,
                format!("there are two fields {}", seed.name),
            ));
        }
        let kind = kind_of(state, seed);
        fields.push(field(state, &seed.name, kind, now));
    }
    let creator = super::seed::first_author(state, &seed.owner);
    let id = state.next_id();
    state.projects.insert(
        id,
        Project {
            id,
            number,
            owner,
            title: seed.title.clone(),
            public: seed.public,
            creator: creator.clone(),
            collaborators: seed
                .collaborators
                .iter()
                .map(|(login, level)| (key(login), *level))
                .collect(),
            closed_at: None,
            created_at: now,
            updated_at: now,
            fields,
            items: BTreeMap::new(),
            removed: BTreeMap::new(),
        },
    );
    let actor = Actor::person(&creator);
    for item in &seed.items {
        let issue = state
            .find_repository(&item.repository)
            .and_then(|repo| repo.issues.get(&item.number))
            .map(|issue| issue.id)
            .ok_or_else(|| {
                let name = format!("{}#{}", item.repository, item.number);
                invalid(place.clone(), format!("there is no issue {name}"))
            })?;
        let refused = |refusal| invalid(place.clone(), refusal);
        let added = state
            .add_project_item(id, issue, &actor, now)
            .map_err(refused)?;
        state
            .archive_project_item(id, added, item.archived, &actor, now)
            .map_err(refused)?;
    }
    // Last, since nothing can be added to a closed project.
    if seed.closed
        && let Some(project) = state.projects.get_mut(&id)
    {
        project.closed_at = Some(now);
    }
    Ok(())
}

fn field(state: &mut State, name: &str, kind: FieldKind, now: DateTime<Utc>) -> ProjectField {
    ProjectField {
        id: state.next_id(),
        name: name.to_owned(),
        kind,
        created_at: now,
        updated_at: now,
    }
}

fn kind_of(state: &mut State, seed: &ProjectFieldSeed) -> FieldKind {
    match seed.kind {
        ProjectFieldKind::Text => FieldKind::Text,
        ProjectFieldKind::Number => FieldKind::Number,
        ProjectFieldKind::Date => FieldKind::Date,
        ProjectFieldKind::SingleSelect => {
            FieldKind::SingleSelect(seed.options.iter().map(|name| state.choice(name)).collect())
        }
        ProjectFieldKind::Iteration => FieldKind::Iteration(
            seed.iterations
                .iter()
                .map(|seed| Iteration {
                    id: state.short_id(),
                    title: seed.title.clone(),
                    start: seed.start,
                    days: seed.days,
                })
                .collect(),
        ),
    }
}
