//! Who may see and change projects, which no role in a repository decides.

use super::account::{AccountKind, Level, Permissions, key};
use super::auth::{Caller, CallerKind};
use super::projects::Project;
use super::refusal::Refusal;
use super::state::State;

/// The permission of apps and fine-grained tokens.
const PERMISSION: &str = "organization_projects";

impl State {
    /// How far somebody's own rights go: the owner's people change, everybody reads what is public.
    fn standing_in_project(&self, project: &Project, login: &str) -> Option<Level> {
        let public = project.public.then_some(Level::Read);
        let given = project.collaborators.get(login).copied();
        let owner = self.accounts.get(&project.owner);
        let own =
            if project.owner == login || owner.is_some_and(|owner| owner.owners.contains(login)) {
                Some(Level::Admin)
            } else if owner.is_some_and(|owner| owner.members.contains(login)) {
                Some(Level::Write)
            } else {
                None
            };
        own.max(given).max(public)
    }

    /// Whether the caller may read a project, or change it. The refusal is the service's: what must
    /// not be seen is not there.
    pub(crate) fn check_project(
        &self,
        caller: &Caller,
        project: &Project,
        level: Level,
    ) -> Result<(), Refusal> {
        let denied = |message: &str| Refusal {
            headers: vec![(
                "x-accepted-github-permissions",
                format!("{PERMISSION}={}", level.as_str()),
            )],
            ..Refusal::new(403, message)
        };
        let granted = |permissions: &Permissions| {
            permissions
                .get(PERMISSION)
                .is_some_and(|granted| *granted >= level)
        };
        match &caller.kind {
            CallerKind::Anonymous if project.public && level == Level::Read => Ok(()),
            CallerKind::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            CallerKind::App(_) => Err(denied("Resource not accessible by integration")),
            CallerKind::Installation(_) if project.public && level == Level::Read => Ok(()),
            CallerKind::Installation(id) => {
                let installation = self
                    .installations
                    .get(id)
                    .filter(|found| found.account == project.owner)
                    .ok_or_else(Refusal::not_found)?;
                // There is no permission for projects of people.
                let of_people = self.accounts.get(&project.owner).map(|owner| owner.kind)
                    != Some(AccountKind::Organization);
                let permissions = caller.permissions.as_ref();
                if !of_people && granted(permissions.unwrap_or(&installation.permissions)) {
                    Ok(())
                } else {
                    Err(denied("Resource not accessible by integration"))
                }
            }
            CallerKind::Person(login) => {
                let standing = self
                    .standing_in_project(project, login)
                    .ok_or_else(Refusal::not_found)?;
                if let Some(permissions) = &caller.permissions
                    && (project.owner == *login || !granted(permissions))
                {
                    return Err(denied("Resource not accessible by personal access token"));
                }
                if let Some(scopes) = &caller.scopes {
                    check_scopes(scopes, level)?;
                }
                if standing >= level {
                    Ok(())
                } else {
                    Err(Refusal::new(
                        403,
                        format!(
                            "{} does not have permission to update this project.",
                            self.spelled(login)
                        ),
                    ))
                }
            }
        }
    }

    /// Projects of an owner that the caller may read, by number.
    pub(crate) fn projects_of(&self, caller: &Caller, owner: &str) -> Vec<&Project> {
        let owner = key(owner);
        let mut found: Vec<&Project> = self
            .projects
            .values()
            .filter(|project| {
                project.owner == owner && self.check_project(caller, project, Level::Read).is_ok()
            })
            .collect();
        found.sort_by_key(|project| project.number);
        found
    }
}

/// Classic tokens have scopes.
fn check_scopes(scopes: &[String], level: Level) -> Result<(), Refusal> {
    let fine = scopes
        .iter()
        .any(|scope| scope == "project" || (scope == "read:project" && level == Level::Read));
    if fine {
        return Ok(());
    }
    let wanted = if level == Level::Read {
        "read:project"
    } else {
        "project"
    };
    let has: Vec<String> = scopes.iter().map(|scope| format!("'{scope}'")).collect();
    let has = has.join(", ");
    Err(Refusal {
        headers: vec![("x-accepted-oauth-scopes", wanted.to_owned())],
        ..Refusal::new(
            403,
            format!(
                "Your token has not been granted the required scopes to execute this query. It requires one of the \
                 following scopes: ['{wanted}'], but your token has only been granted the: [{has}] scopes. Please modify \
                 your token's scopes at: https://github.com/settings/tokens."
            ),
        )
    })
}
