//! The update hook of bare repositories: protection and rules as git's own pushes meet them.
//!
//! The hook itself only knows classic protection. What rulesets forbid depends on who pushes and on
//! the results of checks, so it is made as a script whenever somebody opens the repository for a
//! push, and comes to the hook through the environment.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::account::Actor;
use super::checks::Standing;
use super::object::ObjectId;
use super::repository::Repository;
use super::rules::Demands;
use super::state::State;

/// The variable that brings the rules to the hook.
pub(crate) const RULES: &str = "EMULATED_RULES";
/// What a ref that is not there points at.
const ZERO: &str = "0000000000000000000000000000000000000000";
/// Most commits a script lists as green, the newest.
const GREEN: usize = 1_000;

/// Writes the hook: it refuses pushes to protected branches, and runs the rules it is given.
pub(crate) fn write_hook<'a>(
    directory: &Path,
    branches: impl Iterator<Item = &'a String>,
) -> std::io::Result<()> {
    let mut script = "#!/bin/sh\ncase \"$1\" in\n".to_owned();
    for branch in branches {
        let name = quoted(&format!("refs/heads/{branch}"));
        let message = quoted(&format!(
            "GH006: Protected branch update failed for refs/heads/{branch}."
        ));
        // Making the branch is not forbidden.
        let _ = writeln!(
            script,
            "{name}) [ \"$2\" = {ZERO} ] || {{ echo {message} >&2; exit 1; }};;"
        );
    }
    let _ = write!(
        script,
        "esac\n[ -z \"${RULES}\" ] || eval \"${RULES}\"\nexit 0\n"
    );
    let path = directory.join("hooks/update");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
}

/// A text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A pattern of a ruleset as one of `case`. The shell's `*` takes slashes too, so the number of
/// slashes must be looked at as well, unless the pattern has `**`.
fn shell_pattern(pattern: &str) -> (String, Option<usize>) {
    let pattern = pattern.strip_prefix("refs/heads/").unwrap_or(pattern);
    let parts: Vec<String> = pattern.split('*').map(quoted).collect();
    let slashes = (!pattern.contains("**")).then(|| 2 + pattern.matches('/').count());
    (format!("'refs/heads/'{}", parts.join("*")), slashes)
}

impl State {
    /// The script that refuses what rulesets forbid to somebody. Without active rulesets it is empty.
    /// In it `$1` is the ref, `$2` and `$3` are the old and the new commit.
    pub(crate) fn push_rules(&self, repo: &Repository, actor: &Actor) -> String {
        let mut script = String::new();
        for ruleset in repo.rulesets.iter().filter(|found| found.is_active()) {
            if self.is_spared(repo, ruleset, actor) {
                continue;
            }
            let mut demands = Demands::default();
            for rule in &ruleset.seed.rules {
                demands.add(rule);
            }
            script.push_str("in=; out=; s=$(printf %s \"$1\" | tr -cd / | wc -c)\n");
            for (patterns, variable) in [
                (&ruleset.seed.include, "in"),
                (&ruleset.seed.exclude, "out"),
            ] {
                for pattern in patterns {
                    let (pattern, slashes) = match pattern.as_str() {
                        "~ALL" => ("'refs/heads/'*".to_owned(), None),
                        "~DEFAULT_BRANCH" => {
                            (quoted(&format!("refs/heads/{}", repo.default_branch)), None)
                        }
                        other => shell_pattern(other),
                    };
                    let count = slashes
                        .map(|slashes| format!("[ \"$s\" -eq {slashes} ] && "))
                        .unwrap_or_default();
                    let _ = writeln!(
                        script,
                        "case \"$1\" in {pattern}) {count}{variable}=1;; esac"
                    );
                }
            }
            script.push_str("if [ -n \"$in\" ] && [ -z \"$out\" ]; then\n");
            script.push_str(&forbidden(repo, &demands));
            script.push_str("fi\n");
        }
        if !script.is_empty() {
            let page = format!("{}/{}/rules?ref=", self.web_base, repo.full_name());
            script.insert_str(0, &format!("found=\nbad=\nzero={ZERO}\n"));
            let _ = write!(
                script,
                "if [ -n \"$found\" ]; then\n\
                 at=$(printf %s \"$1\" | sed 's|/|%2F|g')\n\
                 printf 'error: GH013: Repository rule violations found for %s.\\nReview all repository rules at %s%s\\n%s\\n\\n' \"$1\" {} \"$at\" \"$found\" >&2\n\
                 exit 1\nfi\n",
                quoted(&page)
            );
        }
        script
    }
}

fn refuse(message: &str) -> String {
    format!("found=\"$found\n\n- {message}\"")
}

/// The lines that collect violations of one ruleset. Deleting a branch is none here.
fn forbidden(repo: &Repository, demands: &Demands) -> String {
    let mut script = "if [ \"$3\" != $zero ]; then\n".to_owned();
    if demands.fast_forward {
        let _ = writeln!(
            script,
            "[ \"$2\" = $zero ] || git merge-base --is-ancestor \"$2\" \"$3\" || {}",
            refuse("Cannot force-push to this branch")
        );
    }
    if demands.queue.is_some() {
        let _ = writeln!(
            script,
            "{}",
            refuse("Changes must be made through the merge queue")
        );
    }
    if demands.pull_ruleset {
        let _ = writeln!(
            script,
            "{}",
            refuse("Changes must be made through a pull request.")
        );
    }
    if !demands.checks.is_empty() {
        let reported: BTreeSet<(u64, ObjectId)> = repo
            .checks
            .statuses
            .iter()
            .map(|status| (status.id, status.commit))
            .chain(repo.checks.runs.values().map(|run| (run.id, run.commit)))
            .collect();
        let mut green: Vec<String> = Vec::new();
        for (_, commit) in reported.into_iter().rev() {
            let passed = demands.checks.iter().all(|check| {
                repo.checks.standing(commit, &check.context, check.app) == Standing::Passed
            });
            let name = commit.to_string();
            if passed && !green.contains(&name) && green.len() < GREEN {
                green.push(name);
            }
        }
        // A commit that something failed on cannot be told from one without results here.
        let message = match demands.checks.as_slice() {
            [check] => format!(
                "Required status check \\\"{}\\\" is expected.",
                check.context.replace(['\\', '"', '`', '$'], "_")
            ),
            all => format!(
                "{} of {} required status checks are expected.",
                all.len(),
                all.len()
            ),
        };
        let _ = writeln!(
            script,
            "case \" {} \" in *\" $3 \"*) ;; *) {};; esac",
            green.join(" "),
            refuse(&message)
        );
    }
    if demands.signatures {
        let _ = writeln!(
            script,
            "for c in $(git rev-list \"$3\" --not --branches); do git cat-file commit \"$c\" | sed '/^$/q' | grep -q '^gpgsig ' || bad=1; done\n\
             [ -z \"$bad\" ] || {}",
            refuse("Commits must have verified signatures.")
        );
    }
    script.push_str("fi\n");
    script
}
