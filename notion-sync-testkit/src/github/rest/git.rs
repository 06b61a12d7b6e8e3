//! The git data routes: refs, commits, trees, blobs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::exchange::{Answer, Exchange, Fields, Outcome};
use crate::github::history;
use crate::github::names::text_node_id;
use crate::github::object::{Commit, Entry, Mode, Object, ObjectId, ObjectKind, Signature};
use crate::github::refs::{WEB_SIGNATURE, is_valid_path, is_valid_ref};
use crate::github::refusal::Refusal;

/// Most bytes of inline content in one tree request; beyond, the service gives up.
const TREE_BYTES: usize = 8 << 20;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    exchange.need(
        id,
        if method == "GET" {
            Need::ContentsRead
        } else {
            Need::ContentsWrite
        },
    )?;
    if exchange.repo(id)?.is_empty() {
        return Err(Refusal::new(409, "Git Repository is empty."));
    }
    match (method, rest) {
        ("GET", ["git", "ref", name @ ..]) if !name.is_empty() => {
            let name = format!("refs/{}", name.join("/"));
            let repo = exchange.repo(id)?;
            let target = repo.refs.get(&name).ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(exchange.render().git_ref(repo, &name, target)))
        }
        ("GET", ["git", "matching-refs", name @ ..]) => {
            let prefix = format!("refs/{}", name.join("/"));
            let repo = exchange.repo(id)?;
            // All of them in one answer: this listing has no pages.
            let found = repo
                .refs
                .iter()
                .filter(|(name, _)| name.starts_with(&prefix))
                .map(|(name, target)| exchange.render().git_ref(repo, name, target));
            Ok(Answer::ok(found.collect()))
        }
        ("POST", ["git", "refs"]) => create_ref(exchange, id),
        ("PATCH" | "POST", ["git", "refs", name @ ..]) => {
            update_ref(exchange, id, &format!("refs/{}", name.join("/")))
        }
        ("DELETE", ["git", "refs", name @ ..]) => {
            delete_ref(exchange, id, &format!("refs/{}", name.join("/")))
        }
        ("POST", ["git", "commits"]) => create_commit(exchange, id),
        ("GET", ["git", "commits", sha]) => {
            let repo = exchange.repo(id)?;
            let commit_id: ObjectId = sha.parse().map_err(|_| Refusal::not_found())?;
            let commit = repo.commit(&commit_id).ok_or_else(Refusal::not_found)?;
            Ok(Answer::ok(
                exchange.render().git_commit(repo, &commit_id, &commit),
            ))
        }
        ("POST", ["git", "trees"]) => create_tree(exchange, id),
        ("GET", ["git", "trees", name @ ..]) if !name.is_empty() => {
            get_tree(exchange, id, &name.join("/"))
        }
        ("POST", ["git", "blobs"]) => create_blob(exchange, id),
        ("GET", ["git", "blobs", sha]) => get_blob(exchange, id, sha),
        _ => Err(Refusal::not_found()),
    }
}

fn shown_ref(exchange: &Exchange<'_>, id: u64, name: &str) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let target = repo.refs.get(name).ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().git_ref(repo, name, target))
}

fn object_exists(exchange: &Exchange<'_>, id: u64, sha: &str) -> Result<ObjectId, Refusal> {
    let invalid = || Refusal::unprocessable("Object does not exist");
    let target: ObjectId = sha
        .parse()
        .map_err(|_| Refusal::schema("sha", "exactly 40 hexadecimal digits"))?;
    if exchange.repo(id)?.objects.contains(&target) {
        Ok(target)
    } else {
        Err(invalid())
    }
}

/// Refuses what protection and rules of a branch forbid.
fn check_rules(
    exchange: &Exchange<'_>,
    id: u64,
    name: &str,
    target: Option<ObjectId>,
) -> Result<(), Refusal> {
    let Some(branch) = name.strip_prefix("refs/heads/") else {
        return Ok(());
    };
    let actor = exchange.actor()?;
    match exchange.state.push_refusal(id, branch, target, &actor) {
        Some(message) => Err(Refusal::unprocessable(message)),
        None => Ok(()),
    }
}

fn create_ref(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let (name, sha) = (fields.required("ref")?, fields.required("sha")?);
    if !is_valid_ref(&name) {
        return Err(Refusal::unprocessable(
            "Reference name is not valid. It must start with 'refs/' and have at least two slashes.",
        ));
    }
    let target = object_exists(exchange, id, &sha)?;
    let repo = exchange.repo(id)?;
    if repo.refs.contains_key(&name) {
        return Err(Refusal::unprocessable("Reference already exists"));
    }
    if name.starts_with("refs/heads/") && repo.objects.kind(&target) != Some(ObjectKind::Commit) {
        return Err(Refusal::unprocessable("Object is not a commit"));
    }
    let below = format!("{name}/");
    let clash = repo
        .refs
        .range(below.clone()..)
        .next()
        .is_some_and(|(other, _)| other.starts_with(&below))
        || name
            .match_indices('/')
            .any(|(at, _)| repo.refs.contains_key(&name[..at]));
    if clash {
        return Err(Refusal::unprocessable("Reference update failed"));
    }
    check_rules(exchange, id, &name, Some(target))?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    exchange
        .state
        .set_ref(id, &name, Some(target), &actor, now)?;
    Ok(Answer::created(shown_ref(exchange, id, &name)?))
}

fn update_ref(exchange: &mut Exchange<'_>, id: u64, name: &str) -> Outcome {
    let fields = exchange.fields()?;
    let (sha, force) = (
        fields.required("sha")?,
        fields.flag("force")?.unwrap_or(false),
    );
    let old = exchange
        .repo(id)?
        .refs
        .get(name)
        .copied()
        .ok_or_else(|| Refusal::unprocessable("Reference does not exist"))?;
    let target = object_exists(exchange, id, &sha)?;
    check_rules(exchange, id, name, Some(target))?;
    let objects = &exchange.repo(id)?.objects;
    if name.starts_with("refs/heads/") && objects.kind(&target) != Some(ObjectKind::Commit) {
        return Err(Refusal::unprocessable("Object is not a commit"));
    }
    if !force && !history::is_ancestor(objects, old, target) {
        return Err(Refusal::unprocessable("Update is not a fast forward"));
    }
    let (actor, now) = (exchange.actor()?, exchange.now);
    exchange
        .state
        .set_ref(id, name, Some(target), &actor, now)?;
    Ok(Answer::ok(shown_ref(exchange, id, name)?))
}

fn delete_ref(exchange: &mut Exchange<'_>, id: u64, name: &str) -> Outcome {
    let repo = exchange.repo(id)?;
    if !repo.refs.contains_key(name) {
        return Err(Refusal::unprocessable("Reference does not exist"));
    }
    if name == format!("refs/heads/{}", repo.default_branch) {
        return Err(Refusal::unprocessable("Cannot delete the default branch"));
    }
    check_rules(exchange, id, name, None)?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    exchange.state.set_ref(id, name, None, &actor, now)?;
    Ok(Answer::empty(204))
}

/// A person in a request body: `name`, `email` and perhaps `date`.
pub(crate) fn person(
    exchange: &Exchange<'_>,
    fields: &Fields,
    member: &str,
) -> Result<Option<Signature>, Refusal> {
    let Some(Value::Object(map)) = fields.get(member) else {
        return Ok(None);
    };
    let inner = Fields(map.clone());
    let (name, email) = (inner.required("name")?, inner.required("email")?);
    let mut signature = Signature::new(&name, &email, exchange.now);
    if let Some(date) = inner.text("date")? {
        signature.when = DateTime::parse_from_rfc3339(&date)
            .map_err(|_| Refusal::schema("date", "a valid date-time"))?;
    }
    Ok(Some(signature))
}

fn create_commit(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let message = fields.required("message")?;
    let tree: ObjectId = fields
        .required("tree")?
        .parse()
        .map_err(|_| Refusal::schema("tree", "exactly 40 hexadecimal digits"))?;
    if exchange.repo(id)?.objects.kind(&tree) != Some(ObjectKind::Tree) {
        return Err(Refusal::unprocessable("Tree SHA does not exist"));
    }
    let mut parents = Vec::new();
    for parent in fields.names("parents")?.unwrap_or_default() {
        let parent: ObjectId = parent
            .parse()
            .map_err(|_| Refusal::schema("parents", "exactly 40 hexadecimal digits"))?;
        if exchange.repo(id)?.objects.kind(&parent) != Some(ObjectKind::Commit) {
            return Err(Refusal::unprocessable(
                "Parent SHA does not exist or is not a commit object",
            ));
        }
        parents.push(parent);
    }
    let (actor, now) = (exchange.actor()?, exchange.now);
    let (author, committer) = (
        person(exchange, &fields, "author")?,
        person(exchange, &fields, "committer")?,
    );
    let signature = fields.text("signature")?;
    // The service signs for apps that name nobody else.
    let own = actor.app.is_some() && author.is_none() && committer.is_none() && signature.is_none();
    let author = author.unwrap_or_else(|| exchange.state.signature(&actor, now));
    let commit = Commit {
        tree,
        parents,
        committer: committer.unwrap_or_else(|| {
            if own {
                crate::github::state::State::web_flow(now)
            } else {
                author.clone()
            }
        }),
        author,
        signature: if own {
            Some(WEB_SIGNATURE.to_owned())
        } else {
            signature
        },
        message,
    };
    let commit_id = exchange
        .state
        .repository_mut(id)?
        .objects
        .insert(commit.object());
    exchange.state.changed();
    let repo = exchange.repo(id)?;
    Ok(Answer::created(
        exchange.render().git_commit(repo, &commit_id, &commit),
    ))
}

fn create_tree(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let Some(Value::Array(items)) = fields.get("tree") else {
        return Err(Refusal::missing("tree"));
    };
    let base = match fields.text("base_tree")? {
        None => None,
        Some(name) => {
            let repo = exchange.repo(id)?;
            let found: Option<ObjectId> = name.parse().ok();
            let tree = found.and_then(|found| match repo.objects.kind(&found) {
                Some(ObjectKind::Tree) => Some(found),
                Some(ObjectKind::Commit) => repo.objects.tree_of(&found),
                _ => None,
            });
            Some(tree.ok_or_else(|| Refusal::unprocessable("base_tree is not a valid tree oid"))?)
        }
    };
    let mut entries: BTreeMap<String, Option<Entry>> = BTreeMap::new();
    let mut fresh: Vec<Object> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let Value::Object(map) = item else {
            return Err(Refusal::schema("tree", "an array of objects"));
        };
        let item = Fields(map.clone());
        let path = item.text("path")?.unwrap_or_default();
        if !is_valid_path(&path) {
            return Err(Refusal::unprocessable(
                "tree.path contains a malformed path component",
            ));
        }
        let mode = item.text("mode")?.unwrap_or_else(|| "100644".to_owned());
        let mode = Mode::parse(&mode).ok_or_else(|| {
            Refusal::unprocessable(format!("Must supply a valid tree.mode: {mode} is not one"))
        })?;
        if item
            .text("type")?
            .is_some_and(|kind| kind != mode.kind().as_str())
        {
            return Err(Refusal::unprocessable("Must supply a valid tree.type"));
        }
        let repo = exchange.repo(id)?;
        let entry = match (item.get("sha"), item.get("content")) {
            (Some(Value::String(_)), Some(Value::String(_))) => {
                return Err(Refusal::unprocessable(
                    "Must supply either tree.sha or tree.content",
                ));
            }
            (Some(Value::Null), None) => {
                let exists = base.is_some_and(|base| repo.objects.at(&base, &path).is_some());
                if !exists {
                    return Err(Refusal::unprocessable("GitRPC::BadObjectState"));
                }
                None
            }
            (Some(Value::String(sha)), _) => {
                let target: ObjectId = sha
                    .parse()
                    .map_err(|_| Refusal::schema("sha", "exactly 40 hexadecimal digits"))?;
                let known =
                    mode == Mode::Submodule || repo.objects.kind(&target) == Some(mode.kind());
                if !known {
                    return Err(Refusal::unprocessable(format!(
                        "tree.sha {sha} is not a valid {}",
                        mode.kind().as_str()
                    )));
                }
                Some(Entry { mode, id: target })
            }
            (_, Some(Value::String(content))) => {
                bytes += content.len();
                let object = Object::blob(content.as_bytes());
                let target = object.id();
                fresh.push(object);
                Some(Entry { mode, id: target })
            }
            _ => {
                return Err(Refusal::unprocessable(
                    "Must supply either tree.sha or tree.content",
                ));
            }
        };
        entries.insert(path, entry);
    }
    if bytes > TREE_BYTES {
        return Err(Refusal::unprocessable(
            "Sorry, your request timed out. It's likely that your input was too large to process. Consider building the tree incrementally, or building the commits you need in a local clone of the repository and then pushing them to GitHub.",
        ));
    }
    let store = &mut exchange.state.repository_mut(id)?.objects;
    for object in fresh {
        store.insert(object);
    }
    let tree = store.edit(&base.unwrap_or_else(ObjectId::empty_tree), &entries);
    exchange.state.changed();
    let repo = exchange.repo(id)?;
    let url = exchange.render().repo_url(repo);
    let listed: Vec<Value> = repo
        .objects
        .tree(&tree)
        .unwrap_or_default()
        .entries
        .into_iter()
        .map(|(name, entry)| tree_entry(exchange, id, &url, &name, entry))
        .collect();
    Ok(Answer::created(json!({
        "sha": tree.to_string(), "url": format!("{url}/git/trees/{tree}"), "tree": listed, "truncated": false,
    })))
}

fn tree_entry(exchange: &Exchange<'_>, id: u64, url: &str, path: &str, entry: Entry) -> Value {
    let kind = entry.mode.kind();
    let mut body = json!({
        "path": path, "mode": entry.mode.as_api(), "type": kind.as_str(), "sha": entry.id.to_string(),
    });
    if kind != ObjectKind::Commit {
        body["url"] = format!("{url}/git/{}s/{}", kind.as_str(), entry.id).into();
    }
    if kind == ObjectKind::Blob
        && let Ok(repo) = exchange.repo(id)
    {
        body["size"] = repo.objects.blob(&entry.id).map_or(0, <[u8]>::len).into();
    }
    body
}

fn get_tree(exchange: &Exchange<'_>, id: u64, name: &str) -> Outcome {
    let repo = exchange.repo(id)?;
    let found = repo.resolve(name).ok_or_else(Refusal::not_found)?;
    let tree = match repo.objects.kind(&found) {
        Some(ObjectKind::Tree) => found,
        _ => repo
            .objects
            .tree_of(&found)
            .ok_or_else(Refusal::not_found)?,
    };
    // Any value of `recursive` switches it on, even 0.
    let entries: Vec<(String, Entry)> = if exchange.parameter("recursive").is_some() {
        repo.objects.walk(&tree)
    } else {
        repo.objects
            .tree(&tree)
            .unwrap_or_default()
            .entries
            .into_iter()
            .collect()
    };
    let limit = exchange.state.settings.tree_entries;
    let truncated = entries.len() > limit;
    let url = exchange.render().repo_url(repo);
    let listed: Vec<Value> = entries
        .into_iter()
        .take(limit)
        .map(|(path, entry)| tree_entry(exchange, id, &url, &path, entry))
        .collect();
    Ok(Answer::ok(json!({
        "sha": tree.to_string(), "url": format!("{url}/git/trees/{tree}"), "tree": listed, "truncated": truncated,
    })))
}

fn create_blob(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    let fields = exchange.fields()?;
    let content = fields.required("content")?;
    let data = match fields.text("encoding")?.as_deref() {
        None | Some("utf-8") => content.into_bytes(),
        Some("base64") => {
            let compact: String = content
                .chars()
                .filter(|c| !c.is_ascii_whitespace())
                .collect();
            STANDARD
                .decode(compact)
                .map_err(|_| Refusal::unprocessable("Base64 encoded content is malformed"))?
        }
        Some(_) => return Err(Refusal::schema("encoding", "a possible value")),
    };
    let blob = exchange
        .state
        .repository_mut(id)?
        .objects
        .insert(Object::blob(data));
    exchange.state.changed();
    let url = format!(
        "{}/git/blobs/{blob}",
        exchange.render().repo_url(exchange.repo(id)?)
    );
    Ok(Answer::created(
        json!({"sha": blob.to_string(), "url": url}),
    ))
}

fn get_blob(exchange: &Exchange<'_>, id: u64, sha: &str) -> Outcome {
    let repo = exchange.repo(id)?;
    let blob: ObjectId = sha.parse().map_err(|_| {
        Refusal::unprocessable(
            "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
        )
    })?;
    let data = repo.objects.blob(&blob).ok_or_else(Refusal::not_found)?;
    if super::content::wants_raw(exchange) {
        return Ok(super::content::raw(data));
    }
    Ok(Answer::ok(json!({
        "sha": sha, "node_id": text_node_id("B", id, sha), "size": data.len(),
        "url": format!("{}/git/blobs/{sha}", exchange.render().repo_url(repo)),
        "content": super::content::encoded(data), "encoding": "base64",
    })))
}
