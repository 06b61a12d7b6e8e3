//! Commits, comparisons, branches and merges of branches.

use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::change;
use crate::github::exchange::{Answer, Exchange, Outcome};
use crate::github::history;
use crate::github::merging::merge_plan;
use crate::github::object::ObjectId;
use crate::github::refusal::Refusal;
use crate::github::render_issue::lines;

/// Most files of a comparison.
const COMPARE_FILES: usize = 300;
/// Most commits of a comparison that is not asked page by page.
const COMPARE_COMMITS: usize = 250;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["commits"]) => list(exchange, id),
        ("GET", ["commits", sha, "pulls"]) => {
            exchange.need(id, Need::PullsRead)?;
            let target = resolve(exchange, id, sha)?;
            let repo = exchange.repo(id)?;
            let found: Vec<_> = repo
                .issues
                .values()
                .filter_map(|issue| issue.pull.as_deref().map(|pull| (issue, pull)))
                .filter(|(_, pull)| pull.merge_commit == Some(target) || pull.head_sha == target)
                .collect();
            Ok(exchange.listing(found, |(issue, pull)| {
                exchange.render().pull_simple(repo, issue, pull)
            }))
        }
        ("GET", ["commits", name @ ..]) => get(exchange, id, &name.join("/")),
        ("GET", ["compare", range @ ..]) => compare(exchange, id, &range.join("/")),
        ("POST", ["merges"]) => merge(exchange, id),
        ("GET", ["branches"]) => {
            exchange.need(id, Need::ContentsRead)?;
            let repo = exchange.repo(id)?;
            let wanted = exchange
                .parameter("protected")
                .and_then(|text| text.parse::<bool>().ok());
            let found = repo
                .branches()
                .filter(|(name, _)| {
                    wanted.is_none_or(|wanted| wanted == repo.protected.contains_key(*name))
                })
                .collect();
            Ok(exchange.listing(found, |(name, target)| {
                exchange.render().branch_short(repo, name, &target)
            }))
        }
        ("GET", ["branches", name @ ..]) => {
            exchange.need(id, Need::ContentsRead)?;
            let repo = exchange.repo(id)?;
            let name = name.join("/");
            let target = repo
                .branch(&name)
                .ok_or_else(|| Refusal::new(404, "Branch not found"))?;
            Ok(Answer::ok(exchange.render().branch(repo, &name, &target)))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// The commit that a name in a path means.
pub(crate) fn resolve(exchange: &Exchange<'_>, id: u64, name: &str) -> Result<ObjectId, Refusal> {
    let repo = exchange.repo(id)?;
    repo.resolve(name)
        .filter(|found| repo.commit(found).is_some())
        .ok_or_else(|| Refusal::unprocessable(format!("No commit found for SHA: {name}")))
}

fn list(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::ContentsRead)?;
    let repo = exchange.repo(id)?;
    if repo.is_empty() {
        return Err(Refusal::new(409, "Git Repository is empty."));
    }
    let start = exchange
        .parameter("sha")
        .filter(|name| !name.is_empty())
        .unwrap_or(&repo.default_branch);
    let tip = repo
        .resolve(start)
        .filter(|tip| repo.commit(tip).is_some())
        .ok_or_else(Refusal::not_found)?;
    let mut commits = match exchange.parameter("path").filter(|path| !path.is_empty()) {
        Some(path) => history::log_of_path(&repo.objects, tip, path.trim_matches('/')),
        None => history::log(&repo.objects, tip, None),
    };
    let since = exchange.since()?;
    let until = exchange
        .parameter("until")
        .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let author = exchange.parameter("author");
    commits.retain(|(_, commit)| {
        since.is_none_or(|since| commit.committer.when >= since)
            && until.is_none_or(|until| commit.committer.when <= until)
            && author.is_none_or(|author| {
                commit.author.email.eq_ignore_ascii_case(author)
                    || exchange
                        .state
                        .account_of(&commit.author)
                        .is_some_and(|account| account.login.eq_ignore_ascii_case(author))
            })
    });
    Ok(exchange.listing(commits, |(id, commit)| {
        exchange.render().commit(repo, &id, &commit)
    }))
}

fn get(exchange: &Exchange<'_>, id: u64, name: &str) -> Outcome {
    exchange.need(id, Need::ContentsRead)?;
    let repo = exchange.repo(id)?;
    if repo.is_empty() {
        return Err(Refusal::new(409, "Git Repository is empty."));
    }
    let found = resolve(exchange, id, name)?;
    let commit = repo.commit(&found).ok_or_else(Refusal::not_found)?;
    if exchange.accept.contains("application/vnd.github") && exchange.accept.contains("sha") {
        let content = crate::github::exchange::Content::Bytes(
            "application/vnd.github.sha; charset=utf-8",
            found.to_string().into_bytes(),
        );
        return Ok(Answer {
            status: 200,
            content,
            headers: Vec::new(),
        });
    }
    let before = commit
        .parents
        .first()
        .and_then(|parent| repo.objects.tree_of(parent));
    let changes = change::changes(&repo.objects, before, Some(commit.tree));
    let (mut additions, mut deletions) = (0, 0);
    for change in &changes {
        let (plus, minus, _) = lines(repo, change);
        additions += plus;
        deletions += minus;
    }
    let render = exchange.render();
    let mut body = render.commit(repo, &found, &commit);
    body["stats"] =
        json!({"additions": additions, "deletions": deletions, "total": additions + deletions});
    let (page, size) = (
        exchange.page_number(),
        exchange
            .parameter("per_page")
            .map_or(COMPARE_FILES, |_| exchange.per_page()),
    );
    let pages = changes.len().min(3_000).div_ceil(size).max(1);
    let files = changes
        .iter()
        .take(3_000)
        .skip((page - 1).saturating_mul(size))
        .take(size);
    body["files"] = files
        .map(|change| render.changed_file(repo, &found, change))
        .collect();
    let answer = Answer::ok(body);
    Ok(if page < pages {
        let url = format!(
            "{}{}?per_page={size}&page=",
            exchange.bases.api, exchange.canonical
        );
        answer.with(
            "link",
            format!(
                "<{url}{}>; rel=\"next\", <{url}{pages}>; rel=\"last\"",
                page + 1
            ),
        )
    } else {
        answer
    })
}

fn compare(exchange: &Exchange<'_>, id: u64, range: &str) -> Outcome {
    exchange.need(id, Need::ContentsRead)?;
    let repo = exchange.repo(id)?;
    let (base_name, head_name) = range
        .split_once("...")
        .or_else(|| range.split_once(".."))
        .ok_or_else(Refusal::not_found)?;
    let named = |name: &str| {
        let own = name
            .split_once(':')
            .filter(|(owner, _)| owner.eq_ignore_ascii_case(&repo.owner))
            .map_or(name, |(_, rest)| rest);
        repo.resolve(own)
            .filter(|found| repo.commit(found).is_some())
            .ok_or_else(Refusal::not_found)
    };
    let (base, head) = (named(base_name)?, named(head_name)?);
    let merge_base = history::merge_base(&repo.objects, base, head).ok_or_else(|| {
        Refusal::new(
            404,
            format!("No common ancestor between {base_name} and {head_name}."),
        )
    })?;
    let mut ahead = history::log(&repo.objects, head, Some(base));
    ahead.reverse();
    let behind = history::log(&repo.objects, base, Some(head)).len();
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let total = ahead.len();
    let paged = exchange.parameter("page").is_some() || exchange.parameter("per_page").is_some();
    let (page, size) = (exchange.page_number(), exchange.per_page());
    let render = exchange.render();
    let (shown, link) = if paged {
        exchange.page(ahead)
    } else {
        // Unpaged, the newest commits are shown.
        let skip = total.saturating_sub(COMPARE_COMMITS);
        (ahead.into_iter().skip(skip).collect(), None)
    };
    let describe = |found: &ObjectId| {
        repo.commit(found)
            .map_or(Value::Null, |commit| render.commit(repo, found, &commit))
    };
    let (url, web) = (render.repo_url(repo), render.repo_page(repo));
    let compare_page = format!("{web}/compare/{base_name}...{head_name}");
    let mut body = json!({
        "url": format!("{url}/compare/{base_name}...{head_name}"), "html_url": compare_page,
        "permalink_url": format!("{web}/compare/{}:{base}...{}:{head}", repo.owner, repo.owner),
        "diff_url": format!("{compare_page}.diff"), "patch_url": format!("{compare_page}.patch"),
        "base_commit": describe(&base), "merge_base_commit": describe(&merge_base), "status": status,
        "ahead_by": total, "behind_by": behind, "total_commits": total,
        "commits": shown.iter().map(|(id, commit)| render.commit(repo, id, commit)).collect::<Value>(),
    });
    // Files come with the first page only.
    if page == 1 || size == 0 {
        let changes = change::changes(
            &repo.objects,
            repo.objects.tree_of(&merge_base),
            repo.objects.tree_of(&head),
        );
        body["files"] = changes
            .iter()
            .take(COMPARE_FILES)
            .map(|change| render.changed_file(repo, &head, change))
            .collect();
    }
    let answer = Answer::ok(body);
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}

fn merge(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::ContentsWrite)?;
    let fields = exchange.fields()?;
    let (base_name, head_name) = (fields.required("base")?, fields.required("head")?);
    let repo = exchange.repo(id)?;
    let base = repo
        .branch(&base_name)
        .ok_or_else(|| Refusal::new(404, "Base does not exist"))?;
    let head = repo
        .resolve(&head_name)
        .ok_or_else(|| Refusal::new(404, "Head does not exist"))?;
    if history::is_ancestor(&repo.objects, head, base) {
        return Ok(Answer::empty(204));
    }
    merge_plan(repo, base, head).map_err(|_| Refusal::new(409, "Merge conflict"))?;
    let message = fields
        .text("commit_message")?
        .unwrap_or_else(|| format!("Merge {head_name} into {base_name}"));
    let (actor, now) = (exchange.actor()?, exchange.now);
    let commit = exchange
        .state
        .merge_commit(id, base, head, &message, &actor, now)?;
    if let Some(message) = exchange
        .state
        .push_refusal(id, &base_name, Some(commit), &actor)
    {
        return Err(Refusal::new(403, message));
    }
    exchange.state.set_ref(
        id,
        &format!("refs/heads/{base_name}"),
        Some(commit),
        &actor,
        now,
    )?;
    let repo = exchange.repo(id)?;
    let merged = repo.commit(&commit).ok_or_else(Refusal::not_found)?;
    Ok(Answer::created(
        exchange.render().commit(repo, &commit, &merged),
    ))
}
