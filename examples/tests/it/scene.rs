//! People at work on both sides over an emulated team, while the program comes and goes; and what must
//! hold in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Write as _};
use std::process::Child;

use notion_sync_examples::emulation::{
    BACKLOG, HANDBOOK, Services, Serving, World, bounds_for, small_bounds,
};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::GithubEmulator;
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::server::{real_sleep, real_time};
use serde_json::{Value, json};

use crate::scratch::Scratch;

/// Documents that both sides edit, one paragraph each.
const DOCUMENTS: usize = 5;
/// Seals the store: 32 bytes in base 64.
const KEY: &str = "c2VhbHMgd2hhdCB0aGUgcGVvcGxlIHdyaXRlIGhlcmU=";
/// Where the processes log.
const LOG: &str = "log";
/// Runs without a kill until everything must be at rest.
const CALM: usize = 12;

/// Numbers that repeat: what people do and when the process dies depends on the seed alone.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

pub(crate) struct Scene {
    pub(crate) services: Services,
    _serving: Serving,
    _runtime: tokio::runtime::Runtime,
    folder: Scratch,
    env: Vec<(&'static str, String)>,
    /// Words that people wrote, with the document or task where they wrote them.
    words: Vec<(String, String)>,
    /// Rounds in which somebody made a page for which a file is proposed.
    pages: Vec<usize>,
}

/// What nobody else writes, in this round or another: long enough that no bytes look so by chance.
fn word(who: &str, round: usize) -> String {
    format!("{who}{round:06}")
}

impl Scene {
    /// `store` and `bounds` are further lines of those sections.
    pub(crate) fn new(store: &str, bounds: &str) -> Self {
        let mut world = World::team().unwrap();
        // What happens here in a few minutes is more than the hours of one credential allow.
        world.github.settings.requests_per_hour = 1_000_000;
        for number in 0..DOCUMENTS {
            let text = format!(
                "# Document {number}\n\nFor Notion {number}.\n\n## Middle\n\nFor GitHub {number}.\n"
            );
            let files = &mut world.github.repositories[0].files;
            files.insert(format!("docs/document-{number}.md"), text);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let services = Services::start(world, small_bounds(), chrono::Utc::now()).unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        let serving = runtime
            .block_on(services.serve(free, free, None, real_time(), real_sleep()))
            .unwrap();
        // Answers take a moment, so that many kills come between an effect and its answer.
        let slow = || FaultRule {
            method: String::new(),
            path_contains: "/".to_owned(),
            skip: 0,
            times: u32::MAX,
            fault: Fault::Delay { milliseconds: 12 },
        };
        services.notion.lock().unwrap().faults().push(slow());
        services.github.lock().unwrap().faults().push(slow());
        let env = vec![
            ("NOTION_API_BASE_URL", serving.notion.base_url()),
            ("GITHUB_API_URL", serving.github.base_url()),
            ("NOTION_INTEGRATION_TOKEN", "ntn_sync".to_owned()),
            ("GITHUB_TOKEN", "github_pat_sync".to_owned()),
            ("ENCRYPTION_KEY", KEY.to_owned()),
            ("NOTION_SYNC_LOG", "debug".to_owned()),
        ];
        let folder = Scratch::new("crash");
        let more = bounds;
        let bounds = bounds_for(&small_bounds());
        let id = |name: &str| services.notion.lock().unwrap().id(name).to_string();
        let text = format!(
            "[store]\n{store}\n\
             [notion]\nrequests_per_minute = 100000\ncreate_options = true\n\
             [github]\nwrite_spacing_ms = 0\nnotify_spacing_ms = 0\n\
             points_per_minute = 1000000\ncontent_per_minute = 100000\ncontent_per_hour = 1000000\n\
             [bounds]\npause = {}\nlate_commit = {}\nvisibility = {}\nsettle = {}\n\
             notion_grain = {}\nnotion_overlap = {}\ngithub_overlap = {}\n{more}\n\
             [schedule]\npoll = 1\n\
             [[documents]]\nname = \"handbook\"\ndata_source = \"{}\"\n\
             repository = \"{HANDBOOK}\"\npolicy = \"notion-wins\"\n\
             [[tasks]]\nname = \"backlog\"\ndata_source = \"{}\"\nrepository = \"{BACKLOG}\"\n\
             policy = \"github-wins\"\nlabels = \"Labels\"\nassignees = \"Assignee\"\n\
             status = {{ property = \"Status\", open = [\"To do\", \"Doing\"], \
             closed = [\"Done\", \"Dropped\"] }}\n",
            bounds.pause,
            bounds.late_commit,
            bounds.visibility,
            bounds.settle,
            bounds.notion_grain,
            bounds.notion_overlap,
            bounds.github_overlap,
            id("handbook-pages"),
            id("backlog-tasks"),
        );
        folder.file("notion-sync.toml", &text);
        Self {
            services,
            _serving: serving,
            _runtime: runtime,
            folder,
            env,
            words: Vec::new(),
            pages: Vec::new(),
        }
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let env: Vec<(&str, &str)> = self
            .env
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.folder
            .program(arguments, &env)
            .stdout(std::process::Stdio::null())
            .stderr(self.log())
            .spawn()
            .unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let env: Vec<(&str, &str)> = self
            .env
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let output = self.folder.program(arguments, &env).output().unwrap();
        self.log().write_all(&output.stderr).unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn log(&self) -> std::fs::File {
        let log = self.folder.path().join(LOG);
        let options = std::fs::File::options().create(true).append(true).open(log);
        options.unwrap()
    }

    /// Neither what the processes logged nor what is on the disk holds a token or what people wrote.
    fn keeps_secrets(&self) {
        let said: BTreeSet<String> = (self.words.iter().map(|(_, word)| word.clone()))
            .chain(self.pages.iter().map(|round| word("page", *round)))
            .collect();
        let secrets = ["ntn_sync", "github_pat_sync", KEY];
        let mut looked = 0;
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name == "notion-sync.toml" {
                continue;
            }
            looked += entry.metadata().unwrap().len();
            let file = std::io::BufReader::new(std::fs::File::open(entry.path()).unwrap());
            for line in file.split(b'\n') {
                let line = line.unwrap();
                let text = String::from_utf8_lossy(&line);
                for secret in secrets {
                    assert!(!text.contains(secret), "{name}: {text}");
                }
                let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
                let told = words.find(|one| said.contains(*one));
                assert_eq!(told, None, "{name}: {text}");
            }
        }
        println!("{looked} bytes of log and store hold no token and nothing that people wrote");
    }

    fn rows(&self, table: &str) -> Vec<(String, NotionId)> {
        let notion = self.services.notion.lock().unwrap();
        notion
            .rows(notion.id(table))
            .into_iter()
            .map(|id| (notion.title(id).unwrap_or_default(), id))
            .collect()
    }

    /// People do something on each side.
    pub(crate) fn people(&mut self, round: usize, dice: &mut Dice) {
        let now = chrono::Utc::now();
        let pages: BTreeMap<String, NotionId> = self.rows("handbook-pages").into_iter().collect();
        let title = format!("Document {}", dice.below(DOCUMENTS as u64));
        if let Some(page) = pages.get(&title) {
            let mut notion = self.services.notion.lock().unwrap();
            let block = notion
                .blocks(*page)
                .into_iter()
                .find(|block| block.text.starts_with("For Notion"));
            if let Some(block) = block {
                let word = word("ada", round);
                let text = format!("{} {word}", block.text);
                notion
                    .person("ada", now)
                    .unwrap()
                    .edit_text(block.id, &text)
                    .unwrap();
                self.words.push((title, word));
            }
        }
        let number = dice.below(DOCUMENTS as u64);
        {
            let path = format!("docs/document-{number}.md");
            let mut github = self.services.github.lock().unwrap();
            let bytes = github.file(HANDBOOK, "main", &path).unwrap().unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let word = word("bob", round);
            let at = text.find("For GitHub").unwrap();
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
            let text = format!("{} {word}{}", &text[..end], &text[end..]);
            github
                .commit(
                    HANDBOOK,
                    "main",
                    "bob",
                    "Edit",
                    &[(&path, Some(&text))],
                    now,
                )
                .unwrap();
            self.words.push((format!("Document {number}"), word));
        }
        let kind = dice.below(3);
        if kind == 0 {
            let title = format!("Task from Notion {round}");
            let word = word("task", round);
            let mut notion = self.services.notion.lock().unwrap();
            let source = notion.id("backlog-tasks");
            let values = [
                ("Name".to_owned(), json!(title)),
                ("Status".to_owned(), json!("To do")),
            ];
            notion
                .person("ada", now)
                .unwrap()
                .create_page(source, &values.into(), &format!("Word {word}."))
                .unwrap();
            self.words.push((title, word));
        } else if kind == 1 {
            let title = format!("Task from GitHub {round}");
            let word = word("task", round);
            let body = format!("Word {word}.");
            let mut github = self.services.github.lock().unwrap();
            github
                .open_issue(BACKLOG, "bob", &title, Some(&body), now)
                .unwrap();
            self.words.push((title, word));
        } else {
            let title = format!("Page from Notion {round}");
            let mut notion = self.services.notion.lock().unwrap();
            let source = notion.id("handbook-pages");
            let values = [("Name".to_owned(), json!(title))];
            let text = format!("Word {}.", word("page", round));
            notion
                .person("ada", now)
                .unwrap()
                .create_page(source, &values.into(), &text)
                .unwrap();
            self.pages.push(round);
        }
    }

    /// Edits so far, each of which left a word of its own that is looked for in the end.
    pub(crate) fn edits(&self) -> usize {
        self.words.len() + self.pages.len()
    }

    /// Drafts for new pages are merged, as somebody would.
    pub(crate) fn merge_drafts(&self) {
        let now = chrono::Utc::now();
        let mut github = self.services.github.lock().unwrap();
        for number in github.issue_numbers(HANDBOOK).unwrap() {
            let Some(issue) = github.issue(HANDBOOK, number) else {
                continue;
            };
            // Who merges a decision takes Notion's text over what was written here since.
            if issue.open && issue.pull.is_some() && !issue.title.starts_with("Decide: ") {
                github
                    .set_draft(HANDBOOK, number, "ada", false, now)
                    .unwrap();
                let method = notion_sync_testkit::github::MergeMethod::Merge;
                let merged = github.merge(HANDBOOK, number, "ada", method, now);
                merged.unwrap_or_else(|refusal| {
                    panic!("#{number} \"{}\": {refusal:?}", issue.title);
                });
            }
        }
    }

    /// What happened to a page and the document of a number, for a person who looks for the fault.
    fn story(&self, github: &GithubEmulator, page: NotionId, number: &str) -> String {
        let path = format!("docs/document-{number}.md");
        let mut story = self.run(&["audit", "show", "--page", &page.to_string()]).1;
        let mut commits = github.commits(HANDBOOK, "main").unwrap();
        commits.reverse();
        let mut last = None;
        for commit in commits {
            let at = commit.sha.to_string();
            let file = github.file(HANDBOOK, &at, &path).unwrap_or_default();
            if file != last {
                let text = String::from_utf8_lossy(file.as_deref().unwrap_or_default());
                let (when, message) = (commit.committed_at, &commit.message);
                story += &format!("{at} {when}\n{message}\n{text}\n");
                last = file;
            }
        }
        story
    }

    /// Runs without a kill until nothing is under way.
    pub(crate) fn calm(&self) {
        let mut last = (None, String::new(), String::new());
        for _ in 0..CALM {
            last = self.run(&["sync", "--wait", "--json"]);
            // A place whose last write nobody can vouch for is parked for a person: that is rest too.
            let parked = last.0 == Some(3)
                && !last.1.contains("\"blocked\":1")
                && last.1.contains("\"settle_due\":null,\"ticks\"");
            if last.0 == Some(0) || parked {
                return;
            }
        }
        let status = self.run(&["status", "--json"]);
        panic!("no rest: {last:?}\n{}", status.1);
    }

    /// What must hold when nothing is under way any more.
    pub(crate) fn judge(&self) -> Outcome {
        // Nothing is there twice.
        let pages = self.rows("handbook-pages");
        let tasks = self.rows("backlog-tasks");
        once(
            "the page",
            pages.iter().chain(&tasks).map(|(title, _)| title),
        );
        let github = self.services.github.lock().unwrap();
        let issues: Vec<_> = github
            .issue_numbers(BACKLOG)
            .unwrap()
            .into_iter()
            .filter_map(|number| github.issue(BACKLOG, number))
            .collect();
        once("the issue", issues.iter().map(|issue| &issue.title));
        let pulls: Vec<_> = github
            .issue_numbers(HANDBOOK)
            .unwrap()
            .into_iter()
            .filter_map(|number| github.issue(HANDBOOK, number))
            .collect();
        once("the pull request", pulls.iter().map(|issue| &issue.title));
        let comments: Vec<String> = issues
            .iter()
            .chain(&pulls)
            .flat_map(|issue| issue.comments.iter().map(|(_, text)| text.clone()))
            .collect();
        once("the comment", comments.iter());
        let commits = github.commits(HANDBOOK, "main").unwrap();
        let ops: Vec<String> = commits
            .iter()
            .flat_map(|commit| commit.message.lines())
            .filter(|line| line.starts_with("Sync-Op: "))
            .map(str::to_owned)
            .collect();
        once("the commit", ops.iter());

        // Every word is on both sides, once, unless its document is parked.
        let (code, out, said) = self.run(&["status", "--json"]);
        assert!(matches!(code, Some(0 | 3)), "{out}{said}");
        let parked = usize::from(code == Some(3));
        let files = github.files(HANDBOOK, "main").unwrap();
        let notion = self.services.notion.lock().unwrap();
        for (title, word) in &self.words {
            let number = title.rsplit(' ').next().unwrap();
            let other = if title.starts_with("Document") {
                files[&format!("docs/document-{number}.md")].clone()
            } else {
                let issue = issues.iter().find(|issue| issue.title == *title);
                issue
                    .unwrap_or_else(|| panic!("no issue {title:?}"))
                    .body
                    .clone()
                    .unwrap()
            };
            let page = pages.iter().chain(&tasks).find(|(own, _)| own == title);
            let (_, id) = page.unwrap_or_else(|| panic!("no page {title:?}"));
            let page = notion.markdown(*id);
            let times = |text: &str| {
                text.split(|c: char| !c.is_alphanumeric())
                    .filter(|one| one == word)
                    .count()
            };
            // Only a parked document may hold a word on one side alone; nowhere is it lost or doubled.
            let there = (times(&page), times(&other));
            let kept = there == (1, 1) || (parked > 0 && (there == (1, 0) || there == (0, 1)));
            assert!(
                kept,
                "{title}, {word} {there:?}:\n{page}\n---\n{other}\n---\n{}",
                self.story(&github, *id, number)
            );
        }
        for round in &self.pages {
            let word = word("page", *round);
            let there = (files.values())
                .filter(|text| text.contains(&format!("{word}.")))
                .count();
            assert_eq!(there, 1, "{word}");
        }
        assert_eq!(tasks.len(), issues.len());
        drop((github, notion));

        // No healthy operation was set aside, and the program itself finds no contradiction.
        let (code, out, said) = self.run(&["check", "--full", "--json"]);
        assert!(
            code == Some(0) || (parked > 0 && code == Some(3)),
            "{out}{said}"
        );
        let _: Value = serde_json::from_str(out.lines().next().unwrap_or("{}")).unwrap();
        for proof in ["verify", "replay"] {
            let (code, out, said) = self.run(&["audit", proof]);
            assert_eq!(code, Some(0), "{out}{said}");
        }
        self.keeps_secrets();
        let audit = self.run(&["audit", "show"]).1;
        let decisions = audit.lines().filter(|line| line.contains("conflict"));
        decisions.for_each(|line| println!("{line}"));
        Outcome {
            edits: self.edits(),
            pages: pages.len() + tasks.len(),
            issues: issues.len(),
            commits: commits.len(),
            pulls: pulls.len(),
            parked: parked > 0,
        }
    }
}

/// How much there was in the end.
#[derive(Debug)]
pub(crate) struct Outcome {
    edits: usize,
    pages: usize,
    issues: usize,
    commits: usize,
    pulls: usize,
    parked: bool,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            edits,
            pages,
            issues,
            commits,
            pulls,
            parked,
        } = self;
        let parked = if *parked { "some places" } else { "nothing" };
        write!(
            f,
            "{edits} edits, {pages} pages, {issues} issues, {commits} commits, {pulls} pull requests, \
             {parked} parked"
        )
    }
}

fn once<'t>(what: &str, names: impl Iterator<Item = &'t String>) {
    let mut count: BTreeMap<&String, usize> = BTreeMap::new();
    for name in names {
        *count.entry(name).or_default() += 1;
    }
    for (name, times) in count {
        assert_eq!(times, 1, "{what} {name:?} is there {times} times");
    }
}
