//! Moving refs: by the API, by people and by pushes, with everything that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::account::{Account, Actor};
use super::history;
use super::hook::write_hook;
use super::object::{Commit, Entry, Mode, Object, ObjectId, ObjectKind, Signature};
use super::refusal::Refusal;
use super::state::State;

/// Stands where the service's own signature would stand: verified commits are told by it.
pub(crate) const WEB_SIGNATURE: &str =
    "-----BEGIN PGP SIGNATURE-----\n\nZW11bGF0ZWQ=\n-----END PGP SIGNATURE-----";

/// The content a file is given, or its removal.
pub(crate) type FileEdits = BTreeMap<String, Option<Vec<u8>>>;

/// Whether git would accept a ref name (after `git check-ref-format`).
pub(crate) fn is_valid_ref(name: &str) -> bool {
    let forbidden = |c: char| {
        c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    name.starts_with("refs/")
        && name.matches('/').count() >= 2
        && name.len() < 1_000
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.chars().any(forbidden)
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// Whether git would accept a path in a tree.
pub(crate) fn is_valid_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() < 4_096
        && !path.contains('\0')
        && path.matches('/').count() < super::objects::DEEPEST
        && path.split('/').all(|part| {
            !part.is_empty() && part != "." && part != ".." && !part.eq_ignore_ascii_case(".git")
        })
}

impl State {
    /// How an actor signs commits.
    pub(crate) fn signature(&self, actor: &Actor, now: DateTime<Utc>) -> Signature {
        match self.account(&actor.login) {
            Some(account) => Signature::new(&account.commit_name(), &account.commit_email(), now),
            None => Signature::new(
                &actor.login,
                &format!("{}@users.noreply.github.com", actor.login),
                now,
            ),
        }
    }

    /// The committer of commits the service makes itself.
    pub(crate) fn web_flow(now: DateTime<Utc>) -> Signature {
        Signature::new("GitHub", "noreply@github.com", now)
    }

    /// Points a ref somewhere, or removes it, in memory and on disk. Pull requests follow, and
    /// commits that reach the default branch close the issues they name.
    pub(crate) fn set_ref(
        &mut self,
        repository: u64,
        name: &str,
        target: Option<ObjectId>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository_mut(repository)?;
        let old = repo.refs.get(name).copied();
        if old == target {
            return Ok(());
        }
        match target {
            Some(id) => repo.refs.insert(name.to_owned(), id),
            None => repo.refs.remove(name),
        };
        if let Some(directory) = repo.objects.directory()
            && let Err(error) = write_ref(directory, name, target)
        {
            tracing::warn!(name, %error, "ref not written to the bare repository");
        }
        repo.pushed_at = now;
        repo.updated_at = now;
        self.changed();
        self.after_ref(repository, name, old, target, actor, now)
    }

    fn after_ref(
        &mut self,
        repository: u64,
        name: &str,
        old: Option<ObjectId>,
        target: Option<ObjectId>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(branch) = name.strip_prefix("refs/heads/").map(str::to_owned) else {
            return Ok(());
        };
        self.follow_branch(repository, &branch, target, actor, now)?;
        let repo = self.repository(repository)?;
        if let Some(target) = target
            && branch == repo.default_branch
            && old.is_none_or(|old| repo.objects.contains(&old))
        {
            let fresh = history::log(&repo.objects, target, old);
            for (id, commit) in fresh.into_iter().rev().take(1_000) {
                self.close_mentioned(repository, &commit.message, Some(id), actor, now)?;
            }
        }
        self.settle(repository, now)
    }

    /// Closes the issues of a text's closing keywords, as the service does for commits on the
    /// default branch and bodies of merged pull requests.
    pub(crate) fn close_mentioned(
        &mut self,
        repository: u64,
        text: &str,
        commit: Option<ObjectId>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let full_name = self.repository(repository)?.full_name();
        for (named, number) in closing_references(text) {
            let target = match named {
                None => Some(repository),
                Some(name) if name.eq_ignore_ascii_case(&full_name) => Some(repository),
                Some(name) => self.find_repository(&name).map(|repo| repo.id),
            };
            let Some(target) = target else { continue };
            let open = self
                .issue(target, number)
                .is_ok_and(|issue| issue.open && issue.pull.is_none());
            if open {
                self.close_issue(target, number, "completed", commit, actor, now)?;
            }
        }
        Ok(())
    }

    /// Makes a commit object from file edits on top of a tree.
    pub(crate) fn make_tree(
        &mut self,
        repository: u64,
        base: Option<ObjectId>,
        edits: &FileEdits,
    ) -> Result<ObjectId, Refusal> {
        let repo = self.repository_mut(repository)?;
        let base = base.unwrap_or_else(ObjectId::empty_tree);
        let mut entries: BTreeMap<String, Option<Entry>> = BTreeMap::new();
        for (path, content) in edits {
            if !is_valid_path(path) {
                return Err(Refusal::unprocessable(
                    "tree.path contains a malformed path component",
                ));
            }
            let entry = match content {
                Some(content) => {
                    let mode = repo
                        .objects
                        .at(&base, path)
                        .map(|entry| entry.mode)
                        .filter(|mode| mode.kind() == ObjectKind::Blob)
                        .unwrap_or(Mode::File);
                    Some(Entry {
                        mode,
                        id: repo.objects.insert(Object::blob(content.clone())),
                    })
                }
                None => None,
            };
            entries.insert(path.clone(), entry);
        }
        Ok(repo.objects.edit(&base, &entries))
    }

    /// Commits file edits on a branch as an actor and moves the branch. The branch is made when the
    /// repository has none of that name and `parent` is given or the repository is empty.
    pub(crate) fn commit_files(
        &mut self,
        repository: u64,
        branch: &str,
        message: &str,
        edits: &FileEdits,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let name = format!("refs/heads/{branch}");
        if !is_valid_ref(&name) {
            return Err(Refusal::unprocessable("Reference name is not valid"));
        }
        let repo = self.repository(repository)?;
        let parent = repo.branch(branch);
        if parent.is_none() && !repo.is_empty() {
            return Err(Refusal::new(404, format!("Branch {branch} not found")));
        }
        let base = parent.and_then(|id| repo.objects.tree_of(&id));
        let tree = self.make_tree(repository, base, edits)?;
        let signature = self.signature(actor, now);
        let commit = Commit {
            tree,
            parents: parent.into_iter().collect(),
            author: signature.clone(),
            committer: signature,
            signature: None,
            message: message.to_owned(),
        };
        let id = self
            .repository_mut(repository)?
            .objects
            .insert(commit.object());
        self.set_ref(repository, &name, Some(id), actor, now)?;
        Ok(id)
    }

    /// Takes over what a push left in the bare repository. Returns the refs that moved.
    pub(crate) fn read_disk(
        &mut self,
        repository: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Refusal> {
        let broken = |error: std::io::Error| Refusal::new(500, format!("bare repository: {error}"));
        let repo = self.repository_mut(repository)?;
        let Some(directory) = repo.objects.directory().map(Path::to_owned) else {
            return Ok(Vec::new());
        };
        let on_disk = read_refs(&directory).map_err(broken)?;
        let tips: BTreeSet<ObjectId> = on_disk.values().copied().collect();
        repo.objects.import(&tips).map_err(broken)?;
        let names: BTreeSet<String> = repo.refs.keys().chain(on_disk.keys()).cloned().collect();
        let mut moved = Vec::new();
        for name in names {
            let target = on_disk.get(&name).copied();
            if self.repository(repository)?.refs.get(&name).copied() != target {
                self.set_ref(repository, &name, target, actor, now)?;
                moved.push(name);
            }
        }
        Ok(moved)
    }

    /// Writes objects, refs and `HEAD` of a repository into a bare repository.
    pub(crate) fn bind(&mut self, repository: u64, directory: &Path) -> std::io::Result<()> {
        let Some(repo) = self.repositories.get_mut(&repository) else {
            return Ok(());
        };
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        repo.objects.bind(directory.to_owned())?;
        std::fs::write(
            directory.join("HEAD"),
            format!("ref: refs/heads/{}\n", repo.default_branch),
        )?;
        for (name, id) in &repo.refs {
            write_ref(directory, name, Some(*id))?;
        }
        write_hook(directory, repo.protected.keys())
    }

    /// The account a commit's author or committer belongs to.
    pub(crate) fn account_of(&self, signature: &Signature) -> Option<&Account> {
        self.account_of_email(&signature.email)
    }
}

fn write_ref(directory: &Path, name: &str, target: Option<ObjectId>) -> std::io::Result<()> {
    if !is_valid_ref(name) {
        return Err(std::io::Error::other("not a ref name"));
    }
    let path = directory.join(name);
    match target {
        Some(id) => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let beside = path.with_extension("new-ref");
            std::fs::write(&beside, format!("{id}\n"))?;
            std::fs::rename(beside, path)
        }
        None => {
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            // Empty directories would stand in the way of a ref with their name.
            let mut parent = path.parent();
            while let Some(directory_above) = parent {
                let kept = ["heads", "tags", "refs"]
                    .iter()
                    .any(|kept| directory_above.ends_with(kept));
                if kept || std::fs::remove_dir(directory_above).is_err() {
                    break;
                }
                parent = directory_above.parent();
            }
            Ok(())
        }
    }
}

fn read_refs(directory: &Path) -> std::io::Result<BTreeMap<String, ObjectId>> {
    let mut found = BTreeMap::new();
    if let Ok(packed) = std::fs::read_to_string(directory.join("packed-refs")) {
        for line in packed.lines() {
            if let Some((id, name)) = line.split_once(' ')
                && let Ok(id) = id.parse()
            {
                found.insert(name.to_owned(), id);
            }
        }
    }
    let mut open = vec![("refs".to_owned(), 0)];
    while let Some((name, depth)) = open.pop() {
        for entry in std::fs::read_dir(directory.join(&name))? {
            let entry = entry?;
            let Some(part) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let full = format!("{name}/{part}");
            if entry.file_type()?.is_dir() {
                if depth < 32 {
                    open.push((full, depth + 1));
                }
            } else if let Ok(id) = std::fs::read_to_string(entry.path())?.trim().parse()
                && is_valid_ref(&full)
            {
                found.insert(full, id);
            }
        }
    }
    Ok(found)
}

/// `closes #1`, `Fixes: owner/name#2`: what the service's closing keywords name. Source: the
/// documentation's list of keywords (close, fix, resolve and their forms).
pub(crate) fn closing_references(text: &str) -> Vec<(Option<String>, u64)> {
    const WORDS: [&str; 9] = [
        "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    for pair in words.windows(2) {
        let keyword = pair[0]
            .trim_start_matches(|c: char| !c.is_alphanumeric())
            .trim_end_matches(':')
            .to_ascii_lowercase();
        if !WORDS.contains(&keyword.as_str()) {
            continue;
        }
        let Some((before, after)) = pair[1].split_once('#') else {
            continue;
        };
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { continue };
        let named = match before {
            "" => None,
            name if name.matches('/').count() == 1 => Some(name.to_owned()),
            _ => continue,
        };
        found.push((named, number));
    }
    found
}

/// The issues a text mentions by number, at most twenty: `#1`, `owner/name#2`. Code is not left out,
/// unlike in the service, so a text that mentions nothing here mentions nothing there.
pub(crate) fn references(text: &str) -> Vec<(Option<String>, u64)> {
    let mut found = Vec::new();
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '[' | ']'))
    {
        let Some((before, after)) = word.split_once('#') else {
            continue;
        };
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse::<u64>() else {
            continue;
        };
        if after[digits.len()..].starts_with(char::is_alphanumeric) {
            continue;
        }
        let named = match before {
            "" => None,
            name if name.matches('/').count() == 1 && !name.contains(':') => Some(name.to_owned()),
            _ => continue,
        };
        if !found.contains(&(named.clone(), number)) && found.len() < 20 {
            found.push((named, number));
        }
    }
    found
}

/// An actor for changes without one, for example pushes without a name.
pub(crate) fn nobody() -> Actor {
    Actor::person("ghost")
}

#[cfg(test)]
mod tests {
    use super::{closing_references, is_valid_ref};

    #[test]
    fn closing_keywords() {
        assert_eq!(
            closing_references("Tidy up (fixes #12, Closes: a/b#3) and resolve it. close 4"),
            [(None, 12), (Some("a/b".to_owned()), 3)]
        );
        assert_eq!(
            closing_references("prefixes #1, closes\u{200b} #2, fix&#35;3"),
            []
        );
    }

    #[test]
    fn ref_names() {
        for good in ["refs/heads/main", "refs/heads/notion/x-1", "refs/tags/v1.0"] {
            assert!(is_valid_ref(good), "{good}");
        }
        for bad in [
            "main",
            "refs/main",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a b",
        ] {
            assert!(!is_valid_ref(bad), "{bad}");
        }
    }
}
