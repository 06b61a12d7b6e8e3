//! The JSON of accounts, repositories and what both carry along.

use serde_json::{Map, Value, json};

use super::account::{Account, AccountKind, App, Installation, Permissions, Role};
use super::exchange::{ApiVersion, Bases, encode, encode_path, stamp};
use super::names::{NodeKind, node_id, text_node_id};
use super::object::{Commit, ObjectId, Signature};
use super::repository::{Label, Milestone, Repository};
use super::state::State;

/// Everything a rendering depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Render<'a> {
    pub(crate) state: &'a State,
    pub(crate) bases: &'a Bases,
    pub(crate) version: ApiVersion,
}

impl Render<'_> {
    pub(crate) fn is_2022(&self) -> bool {
        self.version == ApiVersion::V2022
    }

    pub(crate) fn repo_url(&self, repo: &Repository) -> String {
        format!("{}/repos/{}", self.bases.api, repo.full_name())
    }

    pub(crate) fn repo_page(&self, repo: &Repository) -> String {
        format!("{}/{}", self.bases.web, repo.full_name())
    }

    /// An account by login, or `null` when there is none.
    pub(crate) fn login(&self, login: &str) -> Value {
        self.state
            .account(login)
            .map_or(Value::Null, |account| self.account(account))
    }

    pub(crate) fn account(&self, account: &Account) -> Value {
        let url = format!("{}/users/{}", self.bases.api, encode(&account.login));
        let page = match (account.kind, account.login.strip_suffix("[bot]")) {
            (AccountKind::Bot, Some(slug)) => format!("{}/apps/{slug}", self.bases.web),
            _ => format!("{}/{}", self.bases.web, account.login),
        };
        json!({
            "login": account.login,
            "id": account.id,
            "node_id": account_node_id(account),
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", account.id),
            "gravatar_id": "",
            "url": url,
            "html_url": page,
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": account.kind.as_str(),
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// An account with what its profile page shows.
    pub(crate) fn profile(&self, account: &Account, private: bool) -> Value {
        let mut body = self.account(account);
        let owned = self
            .state
            .repositories
            .values()
            .filter(|repo| repo.owner.eq_ignore_ascii_case(&account.login));
        let (hidden, public) = owned.fold((0, 0), |(hidden, public), repo| {
            if repo.private {
                (hidden + 1, public)
            } else {
                (hidden, public + 1)
            }
        });
        let mut more = json!({
            "name": account.name, "company": null, "blog": "", "location": null, "email": account.email,
            "hireable": null, "bio": null, "twitter_username": null, "public_repos": public, "public_gists": 0,
            "followers": 0, "following": 0, "created_at": stamp(account.created_at), "updated_at": stamp(account.created_at),
        });
        if private {
            merge(
                &mut more,
                json!({
                    "private_gists": 0, "total_private_repos": hidden, "owned_private_repos": hidden, "disk_usage": 0,
                    "collaborators": 0, "two_factor_authentication": true,
                }),
            );
        }
        merge(&mut body, more);
        body
    }

    /// A repository as lists and other objects carry it.
    pub(crate) fn minimal_repository(&self, repo: &Repository) -> Value {
        let url = self.repo_url(repo);
        let mut body = Map::new();
        body.insert("id".into(), repo.id.into());
        body.insert(
            "node_id".into(),
            node_id(NodeKind::Repository, repo.id).into(),
        );
        body.insert("name".into(), repo.name.clone().into());
        body.insert("full_name".into(), repo.full_name().into());
        body.insert("private".into(), repo.private.into());
        body.insert("owner".into(), self.login(&repo.owner));
        body.insert("html_url".into(), self.repo_page(repo).into());
        body.insert("description".into(), repo.description.clone().into());
        body.insert("fork".into(), false.into());
        body.insert("url".into(), url.clone().into());
        const PARTS: [(&str, &str); 36] = [
            ("archive_url", "/{archive_format}{/ref}"),
            ("assignees_url", "/assignees{/user}"),
            ("blobs_url", "/git/blobs{/sha}"),
            ("branches_url", "/branches{/branch}"),
            ("collaborators_url", "/collaborators{/collaborator}"),
            ("comments_url", "/comments{/number}"),
            ("commits_url", "/commits{/sha}"),
            ("compare_url", "/compare/{base}...{head}"),
            ("contents_url", "/contents/{+path}"),
            ("contributors_url", "/contributors"),
            ("deployments_url", "/deployments"),
            ("downloads_url", "/downloads"),
            ("events_url", "/events"),
            ("forks_url", "/forks"),
            ("git_commits_url", "/git/commits{/sha}"),
            ("git_refs_url", "/git/refs{/sha}"),
            ("git_tags_url", "/git/tags{/sha}"),
            ("hooks_url", "/hooks"),
            ("issue_comment_url", "/issues/comments{/number}"),
            ("issue_events_url", "/issues/events{/number}"),
            ("issues_url", "/issues{/number}"),
            ("keys_url", "/keys{/key_id}"),
            ("labels_url", "/labels{/name}"),
            ("languages_url", "/languages"),
            ("merges_url", "/merges"),
            ("milestones_url", "/milestones{/number}"),
            (
                "notifications_url",
                "/notifications{?since,all,participating}",
            ),
            ("pulls_url", "/pulls{/number}"),
            ("releases_url", "/releases{/id}"),
            ("stargazers_url", "/stargazers"),
            ("statuses_url", "/statuses/{sha}"),
            ("subscribers_url", "/subscribers"),
            ("subscription_url", "/subscription"),
            ("tags_url", "/tags"),
            ("teams_url", "/teams"),
            ("trees_url", "/git/trees{/sha}"),
        ];
        for (name, rest) in PARTS {
            body.insert(name.into(), format!("{url}{rest}").into());
        }
        Value::Object(body)
    }

    /// A repository with everything, and what the caller may do in it.
    pub(crate) fn repository(&self, repo: &Repository, role: Option<Role>) -> Value {
        let mut body = self.minimal_repository(repo);
        let open = repo.issues.values().filter(|issue| issue.open).count();
        let allows = |method: &str| repo.merge_methods.contains(method);
        merge(
            &mut body,
            json!({
                "git_url": format!("git://github.com/{}.git", repo.full_name()),
                "ssh_url": format!("git@github.com:{}.git", repo.full_name()),
                "clone_url": format!("{}/{}.git", self.bases.git, repo.full_name()),
                "svn_url": self.repo_page(repo),
                "mirror_url": null, "homepage": null, "language": null, "license": null,
                "forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0,
                "size": 0, "default_branch": repo.default_branch, "open_issues_count": open, "open_issues": open,
                "is_template": false, "topics": [], "has_issues": repo.has_issues, "has_projects": true, "has_wiki": true,
                "has_pages": false, "has_discussions": false, "archived": repo.archived, "disabled": false,
                "visibility": if repo.private { "private" } else { "public" },
                "pushed_at": stamp(repo.pushed_at), "created_at": stamp(repo.created_at), "updated_at": stamp(repo.updated_at),
                "allow_forking": true, "web_commit_signoff_required": false,
                "allow_merge_commit": allows("merge"), "allow_squash_merge": allows("squash"), "allow_rebase_merge": allows("rebase"),
                "allow_auto_merge": repo.allow_auto_merge, "allow_update_branch": false, "delete_branch_on_merge": repo.delete_branch_on_merge,
                "squash_merge_commit_title": "COMMIT_OR_PR_TITLE", "squash_merge_commit_message": "COMMIT_MESSAGES",
                "merge_commit_title": "MERGE_MESSAGE", "merge_commit_message": "PR_TITLE",
                "network_count": 0, "subscribers_count": 0,
            }),
        );
        if let Some(role) = role {
            body["permissions"] = json!({
                "admin": role >= Role::Admin, "maintain": role >= Role::Maintain, "push": role >= Role::Write,
                "triage": role >= Role::Triage, "pull": true,
            });
        }
        if self
            .state
            .account(&repo.owner)
            .is_some_and(|owner| owner.kind == AccountKind::Organization)
        {
            body["organization"] = self.login(&repo.owner);
        }
        if self.is_2022() {
            body["has_downloads"] = true.into();
            body["use_squash_pr_title_as_default"] = false.into();
        }
        body
    }

    pub(crate) fn label(&self, repo: &Repository, label: &Label) -> Value {
        const DEFAULTS: [&str; 9] = [
            "bug",
            "documentation",
            "duplicate",
            "enhancement",
            "good first issue",
            "help wanted",
            "invalid",
            "question",
            "wontfix",
        ];
        json!({
            "id": label.id,
            "node_id": node_id(NodeKind::Label, label.id),
            "url": format!("{}/labels/{}", self.repo_url(repo), encode(&label.name)),
            "name": label.name,
            "color": label.color,
            "default": DEFAULTS.contains(&label.name.as_str()),
            "description": label.description,
        })
    }

    pub(crate) fn milestone(&self, repo: &Repository, milestone: &Milestone) -> Value {
        let url = format!("{}/milestones/{}", self.repo_url(repo), milestone.number);
        let count = |open: bool| {
            repo.issues
                .values()
                .filter(|issue| issue.milestone == Some(milestone.number) && issue.open == open)
                .count()
        };
        json!({
            "url": url, "html_url": format!("{}/milestone/{}", self.repo_page(repo), milestone.number),
            "labels_url": format!("{url}/labels"), "id": milestone.id,
            "node_id": node_id(NodeKind::Milestone, milestone.id), "number": milestone.number, "title": milestone.title,
            "description": milestone.description, "creator": self.login(&milestone.creator),
            "open_issues": count(true), "closed_issues": count(false),
            "state": if milestone.open { "open" } else { "closed" },
            "created_at": stamp(milestone.created_at), "updated_at": stamp(milestone.updated_at),
            "due_on": milestone.due_on, "closed_at": (!milestone.open).then(|| stamp(milestone.updated_at)),
        })
    }

    fn git_user(&self, signature: &Signature) -> Value {
        json!({"name": signature.name, "email": signature.email, "date": signature.date()})
    }

    pub(crate) fn verification(&self, commit: &Commit) -> Value {
        match &commit.signature {
            Some(signature) => json!({
                "verified": true, "reason": "valid", "signature": signature, "payload": commit.payload(),
                "verified_at": commit.committer.date(),
            }),
            None => json!({
                "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null,
            }),
        }
    }

    /// A commit of the git routes.
    pub(crate) fn git_commit(&self, repo: &Repository, id: &ObjectId, commit: &Commit) -> Value {
        let url = self.repo_url(repo);
        let page = self.repo_page(repo);
        json!({
            "sha": id.to_string(), "node_id": text_node_id("C", repo.id, &id.to_string()),
            "url": format!("{url}/git/commits/{id}"), "html_url": format!("{page}/commit/{id}"),
            "author": self.git_user(&commit.author), "committer": self.git_user(&commit.committer),
            "tree": {"sha": commit.tree.to_string(), "url": format!("{url}/git/trees/{}", commit.tree)},
            "message": commit.message,
            "parents": commit.parents.iter().map(|parent| json!({
                "sha": parent.to_string(), "url": format!("{url}/git/commits/{parent}"),
                "html_url": format!("{page}/commit/{parent}"),
            })).collect::<Value>(),
            "verification": self.verification(commit),
        })
    }

    /// A commit of the commit routes, without files.
    pub(crate) fn commit(&self, repo: &Repository, id: &ObjectId, commit: &Commit) -> Value {
        let url = self.repo_url(repo);
        let page = self.repo_page(repo);
        let who = |signature: &Signature| {
            self.state
                .account_of(signature)
                .map_or(Value::Null, |account| self.account(account))
        };
        json!({
            "sha": id.to_string(), "node_id": text_node_id("C", repo.id, &id.to_string()),
            "url": format!("{url}/commits/{id}"), "html_url": format!("{page}/commit/{id}"),
            "comments_url": format!("{url}/commits/{id}/comments"),
            "commit": {
                "author": self.git_user(&commit.author), "committer": self.git_user(&commit.committer),
                "message": commit.message,
                "tree": {"sha": commit.tree.to_string(), "url": format!("{url}/git/trees/{}", commit.tree)},
                "url": format!("{url}/git/commits/{id}"), "comment_count": 0,
                "verification": self.verification(commit),
            },
            "author": who(&commit.author), "committer": who(&commit.committer),
            "parents": commit.parents.iter().map(|parent| json!({
                "sha": parent.to_string(), "url": format!("{url}/commits/{parent}"),
                "html_url": format!("{page}/commit/{parent}"),
            })).collect::<Value>(),
        })
    }

    pub(crate) fn git_ref(&self, repo: &Repository, name: &str, id: &ObjectId) -> Value {
        let url = self.repo_url(repo);
        let kind = repo.objects.kind(id).map_or("commit", |kind| kind.as_str());
        json!({
            "ref": name, "node_id": text_node_id("REF", repo.id, name),
            "url": format!("{url}/git/{}", encode_path(name)),
            "object": {"sha": id.to_string(), "type": kind, "url": format!("{url}/git/{kind}s/{id}")},
        })
    }

    pub(crate) fn app(&self, app: &App) -> Value {
        json!({
            "id": app.id, "slug": app.slug, "client_id": app.client_id, "node_id": node_id(NodeKind::App, app.id),
            "owner": self.login(&app.owner), "name": app.slug, "description": "",
            "external_url": format!("https://{}.example", app.slug),
            "html_url": format!("{}/apps/{}", self.bases.web, app.slug),
            "created_at": stamp(app.created_at), "updated_at": stamp(app.created_at),
            "permissions": permissions(&app.permissions), "events": app.events,
        })
    }

    /// The app something was done through, or `null`.
    pub(crate) fn via(&self, app: Option<u64>) -> Value {
        app.and_then(|id| self.state.apps.get(&id))
            .map_or(Value::Null, |app| self.app(app))
    }

    pub(crate) fn installation(&self, installation: &Installation) -> Value {
        let url = format!("{}/app/installations/{}", self.bases.api, installation.id);
        let account = self.state.accounts.get(&installation.account);
        let app = self.state.apps.get(&installation.app);
        json!({
            "id": installation.id, "account": account.map_or(Value::Null, |account| self.account(account)),
            "repository_selection": if installation.repositories.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{url}/access_tokens"),
            "repositories_url": format!("{}/installation/repositories", self.bases.api),
            "html_url": format!("{}/settings/installations/{}", self.bases.web, installation.id),
            "app_id": installation.app, "app_slug": app.map(|app| app.slug.clone()),
            "client_id": app.map(|app| app.client_id.clone()),
            "target_id": account.map_or(0, |account| account.id),
            "target_type": account.map_or("User", |account| account.kind.as_str()),
            "permissions": permissions(&installation.permissions),
            "events": app.map(|app| app.events.clone()).unwrap_or_default(),
            "created_at": stamp(installation.created_at), "updated_at": stamp(installation.created_at),
            "single_file_name": null, "has_multiple_single_files": false, "single_file_paths": [],
            "suspended_by": null, "suspended_at": installation.suspended_at.map(stamp),
        })
    }

    pub(crate) fn team(&self, organization: &str, slug: &str) -> Value {
        let Some(team) = self
            .state
            .account(organization)
            .and_then(|owner| owner.teams.get(slug))
        else {
            return Value::Null;
        };
        let url = format!(
            "{}/organizations/{organization}/team/{}",
            self.bases.api, team.id
        );
        json!({
            "id": team.id, "node_id": node_id(NodeKind::Team, team.id), "name": team.slug, "slug": team.slug,
            "description": null, "privacy": "closed", "notification_setting": "notifications_enabled",
            "permission": "pull", "url": url, "type": "organization",
            "html_url": format!("{}/orgs/{organization}/teams/{}", self.bases.web, team.slug),
            "members_url": format!("{url}/members{{/member}}"), "repositories_url": format!("{url}/repos"), "parent": null,
        })
    }
}

/// The node id of an account.
pub(crate) fn account_node_id(account: &Account) -> String {
    let kind = match account.kind {
        AccountKind::User => NodeKind::User,
        AccountKind::Organization => NodeKind::Organization,
        AccountKind::Bot => NodeKind::Bot,
    };
    node_id(kind, account.id)
}

pub(crate) fn permissions(permissions: &Permissions) -> Value {
    permissions
        .iter()
        .map(|(name, level)| (name.clone(), Value::from(level.as_str())))
        .collect::<Map<_, _>>()
        .into()
}

/// Adds the members of `more` to `body`.
pub(crate) fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}
