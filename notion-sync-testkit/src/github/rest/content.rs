//! The contents routes: one file at a time.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::exchange::{
    Answer, ApiVersion, Content, Exchange, Outcome, encode, encode_path,
};
use crate::github::object::{Commit, Entry, Mode, Object, ObjectId, ObjectKind};
use crate::github::refs::{WEB_SIGNATURE, is_valid_path};
use crate::github::refusal::Refusal;
use crate::github::repository::Repository;
use crate::github::state::State;

/// Largest file whose content is carried as base64.
const INLINE: usize = 1 << 20;
/// Most entries of a directory.
const DIRECTORY: usize = 1_000;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["contents", path @ ..]) => get(exchange, id, &path.join("/")),
        ("PUT", ["contents", path @ ..]) => write(exchange, id, &path.join("/"), true),
        ("DELETE", ["contents", path @ ..]) => write(exchange, id, &path.join("/"), false),
        ("GET", ["readme"]) => {
            let repo = exchange.repo(id)?;
            let tree = repo
                .branch(&repo.default_branch)
                .and_then(|tip| repo.objects.tree_of(&tip));
            let name = tree.and_then(|tree| {
                repo.objects
                    .tree(&tree)?
                    .entries
                    .keys()
                    .find(|name| name.to_lowercase().starts_with("readme"))
                    .cloned()
            });
            get(exchange, id, &name.ok_or_else(Refusal::not_found)?)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Base64 in lines of 60, as the service breaks it.
pub(crate) fn encoded(data: &[u8]) -> String {
    let text = STANDARD.encode(data);
    let mut lines = String::with_capacity(text.len() + text.len() / 60 + 1);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % 60 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines
}

pub(crate) fn wants_raw(exchange: &Exchange<'_>) -> bool {
    exchange.accept.contains("application/vnd.github") && exchange.accept.contains("raw")
}

pub(crate) fn raw(data: &[u8]) -> Answer {
    Answer {
        status: 200,
        content: Content::Bytes(
            "application/vnd.github.raw+json; charset=utf-8",
            data.to_vec(),
        ),
        headers: Vec::new(),
    }
}

fn entry(exchange: &Exchange<'_>, repo: &Repository, at: &str, path: &str, entry: Entry) -> Value {
    let render = exchange.render();
    let (url, page) = (render.repo_url(repo), render.repo_page(repo));
    let place = encode_path(path);
    let kind = match entry.mode {
        Mode::Directory => "dir",
        Mode::Link => "symlink",
        Mode::Submodule if exchange.version == ApiVersion::V2026 => "submodule",
        Mode::Submodule | Mode::File | Mode::Executable => "file",
    };
    let own = format!("{url}/contents/{place}?ref={}", encode(at));
    let view = if kind == "dir" { "tree" } else { "blob" };
    let git = match entry.mode.kind() {
        ObjectKind::Commit => Value::Null,
        kind => format!("{url}/git/{}s/{}", kind.as_str(), entry.id).into(),
    };
    let html = format!("{page}/{view}/{}/{place}", encode_path(at));
    let download = match kind {
        "file" => Value::from(format!("{page}/raw/{}/{place}", encode_path(at))),
        _ => Value::Null,
    };
    json!({
        "name": path.rsplit('/').next().unwrap_or(path), "path": path, "sha": entry.id.to_string(),
        "size": repo.objects.blob(&entry.id).map_or(0, <[u8]>::len), "url": own, "html_url": html, "git_url": git,
        "download_url": download, "type": kind, "_links": {"self": own, "git": git, "html": html},
    })
}

fn get(exchange: &Exchange<'_>, id: u64, path: &str) -> Outcome {
    exchange.need(id, Need::ContentsRead)?;
    let repo = exchange.repo(id)?;
    if repo.is_empty() {
        return Err(Refusal::new(404, "This repository is empty."));
    }
    let at = exchange
        .parameter("ref")
        .filter(|name| !name.is_empty())
        .unwrap_or(&repo.default_branch)
        .to_owned();
    let tree = repo
        .resolve(&at)
        .and_then(|commit| repo.objects.tree_of(&commit))
        .ok_or_else(|| Refusal::new(404, format!("No commit found for the ref {at}")))?;
    let found = repo
        .objects
        .at(&tree, path)
        .ok_or_else(Refusal::not_found)?;
    if found.mode == Mode::Directory {
        let entries = repo.objects.tree(&found.id).unwrap_or_default().entries;
        let listed: Vec<Value> = entries
            .iter()
            .take(DIRECTORY)
            .map(|(name, inner)| {
                let full = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}/{name}")
                };
                entry(exchange, repo, &at, &full, *inner)
            })
            .collect();
        return Ok(Answer::ok(Value::Array(listed)));
    }
    let mut body = entry(exchange, repo, &at, path, found);
    let data = repo.objects.blob(&found.id).unwrap_or_default();
    if wants_raw(exchange) {
        return Ok(raw(data));
    }
    match found.mode {
        Mode::Submodule => {
            body["type"] = "submodule".into();
            body["submodule_git_url"] = Value::Null;
        }
        Mode::Link => body["target"] = String::from_utf8_lossy(data).into_owned().into(),
        _ if data.len() > INLINE => {
            body["content"] = "".into();
            body["encoding"] = "none".into();
        }
        _ => {
            body["content"] = encoded(data).into();
            body["encoding"] = "base64".into();
        }
    }
    Ok(Answer::ok(body))
}

fn write(exchange: &mut Exchange<'_>, id: u64, path: &str, put: bool) -> Outcome {
    exchange.need(id, Need::ContentsWrite)?;
    if !is_valid_path(path) {
        return Err(Refusal::unprocessable(
            "path contains a malformed path component",
        ));
    }
    let fields = exchange.fields()?;
    let message = fields.required("message")?;
    let sha = fields.text("sha")?.filter(|sha| !sha.is_empty());
    let repo = exchange.repo(id)?;
    let branch = fields
        .text("branch")?
        .unwrap_or_else(|| repo.default_branch.clone());
    let parent = repo.branch(&branch);
    if parent.is_none() && !repo.is_empty() {
        return Err(Refusal::new(404, format!("Branch {branch} not found")));
    }
    let base = parent.and_then(|tip| repo.objects.tree_of(&tip));
    let current = base.and_then(|tree| repo.objects.at(&tree, path));
    if current.is_some_and(|entry| entry.mode == Mode::Directory) {
        return Err(Refusal::unprocessable(format!(
            "path {path} is a directory"
        )));
    }
    match (&sha, current) {
        (None, Some(_)) => return Err(Refusal::missing("sha")),
        (None, None) if !put => return Err(Refusal::not_found()),
        (Some(sha), Some(entry)) if *sha != entry.id.to_string() => {
            return Err(Refusal::new(409, format!("{path} does not match {sha}")));
        }
        (Some(sha), None) if put => {
            return Err(Refusal::new(409, format!("{path} does not match {sha}")));
        }
        (Some(_), None) => return Err(Refusal::not_found()),
        _ => {}
    }
    let data = if put {
        let text = fields.required("content")?;
        let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        Some(
            STANDARD
                .decode(compact)
                .map_err(|_| Refusal::unprocessable("content is not valid Base64"))?,
        )
    } else {
        None
    };
    let (actor, now) = (exchange.actor()?, exchange.now);
    let (author, committer) = (
        super::git::person(exchange, &fields, "author")?,
        super::git::person(exchange, &fields, "committer")?,
    );
    let verified = author.is_none() && committer.is_none();
    let committer = committer.unwrap_or_else(|| {
        if verified {
            State::web_flow(now)
        } else {
            exchange.state.signature(&actor, now)
        }
    });
    let author = author.unwrap_or_else(|| exchange.state.signature(&actor, now));
    let repo = exchange.state.repository_mut(id)?;
    let new = data.map(|data| Entry {
        mode: current.map_or(Mode::File, |entry| entry.mode),
        id: repo.objects.insert(Object::blob(data)),
    });
    let edits: BTreeMap<String, Option<Entry>> = [(path.to_owned(), new)].into_iter().collect();
    let tree = repo
        .objects
        .edit(&base.unwrap_or_else(ObjectId::empty_tree), &edits);
    let commit = Commit {
        tree,
        parents: parent.into_iter().collect(),
        author,
        committer,
        signature: verified.then(|| WEB_SIGNATURE.to_owned()),
        message,
    };
    let commit_id = repo.objects.insert(commit.object());
    if let Some(message) = exchange
        .state
        .push_refusal(id, &branch, Some(commit_id), &actor)
    {
        return Err(Refusal::new(
            409,
            if message.starts_with("Repository rule") {
                message
            } else {
                format!("Could not update file: {message}")
            },
        ));
    }
    exchange.state.set_ref(
        id,
        &format!("refs/heads/{branch}"),
        Some(commit_id),
        &actor,
        now,
    )?;
    let repo = exchange.repo(id)?;
    let body = json!({
        "content": new.map(|new| entry(exchange, repo, &branch, path, new)),
        "commit": exchange.render().git_commit(repo, &commit_id, &commit),
    });
    Ok(Answer::json(
        if put && current.is_none() { 201 } else { 200 },
        body,
    ))
}
