//! The program against emulated services on sockets, in real time with small bounds.

#![allow(clippy::unwrap_used)] // A step that fails fails the test.

use std::sync::{MutexGuard, PoisonError};

use notion_sync_examples::emulation::{
    HANDBOOK, Services, Serving, World, bounds_for, small_bounds,
};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::GithubEmulator;
use notion_sync_testkit::notion::{NotionEmulator, NotionId};
use notion_sync_testkit::server::{real_sleep, real_time};
use serde_json::Value;

use crate::scratch::{Ran, Scratch};

/// Both services, a folder with a configuration, and the environment of the program.
pub(crate) struct Stand {
    pub(crate) services: Services,
    _serving: Serving,
    runtime: tokio::runtime::Runtime,
    pub(crate) folder: Scratch,
    env: Vec<(String, String)>,
    pub(crate) handbook: String,
    pub(crate) backlog: String,
}

impl Stand {
    fn new(name: &str) -> Self {
        Self::in_world(name, World::small().unwrap())
    }

    /// Without a configuration, in another world.
    pub(crate) fn in_world(name: &str, world: World) -> Self {
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
        let env = [
            ("NOTION_API_BASE_URL", serving.notion.base_url()),
            ("GITHUB_API_URL", serving.github.base_url()),
            ("NOTION_INTEGRATION_TOKEN", "ntn_sync".to_owned()),
            ("GITHUB_TOKEN", "github_pat_sync".to_owned()),
        ];
        let id = |name: &str| services.notion.lock().unwrap().world().id(name).to_string();
        Self {
            handbook: id("handbook-pages"),
            backlog: id("backlog-tasks"),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            folder: Scratch::new(name),
            _serving: serving,
            runtime,
            services,
        }
    }

    /// With a configuration of documents and tasks.
    pub(crate) fn configured(name: &str, extra: &str) -> Self {
        Self::new(name).configure(extra)
    }

    /// The same in another world.
    pub(crate) fn configured_in(name: &str, world: World) -> Self {
        Self::in_world(name, world).configure("")
    }

    fn configure(self, extra: &str) -> Self {
        let stand = self;
        let bounds = bounds_for(&small_bounds());
        let text = format!(
            "[store]\nsealing = \"off\"\n[github]\nwrite_spacing_ms = 0\nnotify_spacing_ms = 0\n\
             [bounds]\npause = {}\nlate_commit = {}\nvisibility = {}\nsettle = {}\n\
             notion_grain = {}\nnotion_overlap = {}\ngithub_overlap = {}\n{extra}\n\
             [[documents]]\nname = \"handbook\"\ndata_source = \"{}\"\n\
             repository = \"acme/handbook\"\nfront_matter = {{ Owner = \"Owner\" }}\n\
             [[tasks]]\nname = \"backlog\"\ndata_source = \"{}\"\nrepository = \"acme/app\"\n\
             labels = \"Labels\"\nassignees = \"Assignee\"\n\
             status = {{ property = \"Status\", open = [\"To do\", \"Doing\"], \
             closed = [\"Done\", \"Dropped\"] }}\n\
             [people]\nada = \"ada@example.org\"\nbob = \"bob@example.org\"\n",
            bounds.pause,
            bounds.late_commit,
            bounds.visibility,
            bounds.settle,
            bounds.notion_grain,
            bounds.notion_overlap,
            bounds.github_overlap,
            stand.handbook,
            stand.backlog,
        );
        stand.folder.file("notion-sync.toml", &text);
        stand
    }

    /// Further lines at the end of the configuration.
    pub(crate) fn add(&self, lines: &str) {
        let file = self.folder.path().join("notion-sync.toml");
        let text = std::fs::read_to_string(file).unwrap();
        self.folder.file("notion-sync.toml", &(text + lines));
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The environment of the program.
    pub(crate) fn env(&self) -> Vec<(&str, &str)> {
        let own = self.env.iter();
        own.map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ran {
        let mut env: Vec<(&str, &str)> = self
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        env.extend(more);
        self.folder.run(arguments, &env)
    }

    pub(crate) fn notion(&self) -> MutexGuard<'_, NotionEmulator> {
        self.services
            .notion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn github(&self) -> MutexGuard<'_, GithubEmulator> {
        let github = self.services.github.lock();
        github.unwrap_or_else(PoisonError::into_inner)
    }

    /// Pages of the handbook.
    pub(crate) fn rows(&self) -> Vec<NotionId> {
        let notion = self.notion();
        notion.rows(notion.id("handbook-pages"))
    }

    pub(crate) fn page(&self, title: &str) -> NotionId {
        let notion = self.notion();
        let rows = notion.rows(notion.id("handbook-pages"));
        rows.into_iter()
            .find(|id| notion.title(*id).as_deref() == Some(title))
            .unwrap()
    }

    pub(crate) fn file(&self, path: &str) -> String {
        let bytes = self.github().file(HANDBOOK, "main", path).unwrap().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn push(&self, path: &str, text: &str) {
        self.github()
            .commit(
                HANDBOOK,
                "main",
                "bob",
                "Edit",
                &[(path, Some(text))],
                chrono::Utc::now(),
            )
            .unwrap();
    }

    /// Bob rewrites a paragraph of a page.
    pub(crate) fn rewrite(&self, page: NotionId, begins: &str, text: &str) {
        let mut notion = self.notion();
        let block = notion
            .blocks(page)
            .into_iter()
            .find(|block| block.text.starts_with(begins))
            .unwrap()
            .id;
        notion
            .person("bob", chrono::Utc::now())
            .unwrap()
            .edit_text(block, text)
            .unwrap();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // Servers are tasks of the runtime, which outlives them here.
        let _guard = self.runtime.enter();
    }
}

fn summaries(json: &Value) -> Vec<&str> {
    json["applied"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["summary"].as_str().unwrap())
        .collect()
}

#[test]
fn init_writes_what_check_config_accepts() {
    let stand = Stand::new("init");
    let ran = stand.run(&["init"]).ends(2);
    assert!(
        ran.err.contains("--data-source") && ran.err.contains(&stand.handbook),
        "{ran:?}"
    );
    let arguments = [
        "init",
        "--json",
        "--repository",
        "acme/handbook",
        "--data-source",
    ];
    let json = stand
        .run(&[&arguments[..], &[stand.handbook.as_str()]].concat())
        .ends(0)
        .json();
    assert_eq!(json["key_file"], "./notion-sync.key");
    let text = std::fs::read_to_string(stand.folder.path().join("notion-sync.toml")).unwrap();
    assert!(text.contains("[documents.front_matter]\n"), "{text}");
    assert!(
        !text.contains("ntn_sync") && !text.contains("github_pat"),
        "{text}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let key = stand.folder.path().join("notion-sync.key");
        let mode = std::fs::metadata(key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = stand.run(&[&arguments[..], &[stand.handbook.as_str()]].concat());
    assert!(again.ends(2).err.contains("--force"));
    let arguments = [
        "init",
        "--force",
        "--repository",
        "acme/handbook",
        "--data-source",
        stand.handbook.as_str(),
    ];
    let said = stand.run(&arguments).ends(0).out;
    assert!(said.contains("is kept") && !said.contains("made"), "{said}");
    stand.run(&["check-config"]).ends(0);
    let plan = stand.run(&["plan", "--json"]).ends(0).json();
    let records = plan["plan"]["mappings"][0]["records"].as_array().unwrap();
    assert_eq!(records.len(), 3, "{plan}");
    assert!(
        records
            .iter()
            .all(|one| !one["operations"][0]["rows"].as_array().unwrap().is_empty())
    );
}

#[test]
fn init_adds_properties_and_writes_tasks() {
    let stand = Stand::new("init-tasks");
    let ran = stand.run(&[
        "init",
        "--tasks",
        "--create-properties",
        "--json",
        "--data-source",
        &stand.backlog,
        "--repository",
        "acme/app",
    ]);
    // The emulated data source has them all.
    assert_eq!(
        ran.ends(0).json()["created_properties"],
        serde_json::json!([])
    );
    let text = std::fs::read_to_string(stand.folder.path().join("notion-sync.toml")).unwrap();
    assert!(
        text.contains("property = \"Status\"") || text.contains("labels = \"Labels\""),
        "{text}"
    );
}

#[test]
fn work_that_goes_on_later_is_no_clean_end() {
    let stand = Stand::configured("goes-on", "");
    let ran = stand.run(&["sync", "--wait"]).ends(0);
    assert!(!ran.out.contains("work goes on at"), "{ran:?}");
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let slow = text.replace("\nsettle = 1\n", "\nsettle = 600\n");
    assert_ne!(slow, text);
    stand.folder.file("notion-sync.toml", &slow);
    let page = stand.page("Releases");
    stand.rewrite(page, "Nothing is released", "Nothing is released at night.");
    let ran = stand.run(&["sync"]).ends(1);
    assert!(ran.out.contains("work goes on at"), "{ran:?}");
}

#[test]
fn check_config_tells_what_the_services_lack() {
    let stand = Stand::configured("lacks", "");
    stand.run(&["check-config"]).ends(0);
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let wrong = text
        .replace("Owner = \"Owner\"", "Ownr = \"Owner\"")
        .replace("\"Dropped\"", "\"Lost\"")
        .replace("acme/app", "acme/missing");
    std::fs::write(&file, wrong).unwrap();
    let json = stand.run(&["check-config", "--json"]).ends(2).json();
    let all = json["findings"].to_string();
    for word in ["Ownr", "Lost", "acme/missing"] {
        assert!(all.contains(word), "{word} in {all}");
    }
    std::fs::write(&file, text).unwrap();
    let wrong = [("NOTION_INTEGRATION_TOKEN", "ntn_wrong")];
    let ran = stand.run_with(&["check-config"], &wrong).ends(6);
    assert_eq!(
        ran.out.matches("fault: Notion: token").count(),
        1,
        "{ran:?}"
    );
    stand.run_with(&["sync"], &wrong).ends(6);
    stand
        .run_with(&["sync"], &[("GITHUB_TOKEN", "github_pat_wrong")])
        .ends(6);
}

#[test]
fn a_plan_is_shown_applied_once_and_then_stale() {
    let stand = Stand::configured("plan", "");
    let shown = stand.run(&["plan", "--out", "plan.json"]).ends(0).out;
    assert!(
        shown.contains("create a page for docs/releases.md"),
        "{shown}"
    );
    assert!(shown.contains("[02 new on GitHub]"), "{shown}");
    let dry = stand.run(&["sync", "--dry-run", "--json"]).ends(0).json();
    assert!(dry["plan"]["calls"]["github"].as_u64().unwrap() > 0);
    assert_eq!(stand.rows().len(), 2);

    let applied = stand.run(&["apply", "plan.json", "--json"]);
    let json = applied.json();
    assert!(
        summaries(&json).contains(&"Releases: create a page for docs/releases.md"),
        "{json}"
    );
    let ran = stand.run(&["apply", "plan.json"]).ends(1);
    assert!(ran.err.contains("nothing was written"), "{ran:?}");
    stand.folder.file("bad.json", "{}");
    stand.run(&["apply", "bad.json"]).ends(2);
    stand.run(&["sync", "--wait"]).ends(0);
    let quiet = stand.run(&["sync", "--json"]).ends(0).json();
    assert_eq!(summaries(&quiet), Vec::<&str>::new());
    let status = stand.run(&["status", "--json"]).ends(0).json();
    assert_eq!(status["mappings"][0]["live"], 1);
    assert_eq!(status["mappings"][0]["proposals"], 2);
    assert_eq!(status["mappings"][1]["live"], 2);
    stand.run(&["check", "--full"]).ends(0);
}

#[test]
fn a_conflict_is_listed_shown_and_settled_by_hand() {
    let stand = Stand::configured("conflict", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases");
    // A paragraph is one line, and what differs may be at its end.
    let begins = format!("Nothing is released{}", ", nothing at all".repeat(20));
    let monday = format!("{begins} on Mondays.");
    stand.rewrite(page, "Nothing is released", &monday);
    let file = stand.file("docs/releases.md");
    let sunday = file.replace(
        "Nothing is released on Fridays",
        &format!("{begins} on Sundays"),
    );
    stand.push("docs/releases.md", &sunday);
    stand.run(&["sync", "--wait"]).ends(3);
    stand.run(&["status"]).ends(3);
    let json = stand.run(&["conflicts", "--json"]).ends(3).json();
    let record = json["conflicts"][0]["record"].as_str().unwrap().to_owned();
    let shown = stand.run(&["conflicts", "show", &record]).ends(3).out;
    for whole in [monday, format!("{begins} on Sundays.")] {
        assert!(shown.contains(&format!("| {whole}\n")), "{shown}");
    }
    stand
        .run(&["conflicts", "resolve", &record, "--take", "notion"])
        .ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    assert!(stand.file("docs/releases.md").contains("on Mondays."));
    stand.run(&["conflicts"]).ends(0);
    stand
        .run(&["conflicts", "resolve", &record, "--take", "notion"])
        .ends(2);
    let id = page.to_string();
    let audit = stand
        .run(&["audit", "--json", "show", "--page", &id])
        .ends(0)
        .out;
    let rows: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(rows.iter().any(|row| row["event"] == "decision"));
    assert!(rows.iter().any(|row| {
        row["event"] == "loser"
            && row["details"]["value"]
                .as_str()
                .unwrap()
                .contains("Sundays")
    }));
}

#[test]
fn a_pair_is_broken_and_joined_by_hand() {
    let stand = Stand::configured("link", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases");
    let id = page.to_string();
    stand.run(&["link", "--page", &id, "--remove"]).ends(0);
    stand.rewrite(page, "Nothing is released", "Alone.");
    stand.run(&["sync", "--wait"]).ends(0);
    assert!(stand.file("docs/releases.md").contains("on Fridays"));
    stand
        .run(&["link", "--page", &id, "--path", "docs/none.md"])
        .ends(2);
    let other = stand.page("Welcome").to_string();
    stand
        .run(&[
            "link",
            "--page",
            &id,
            "--path",
            "docs/releases.md",
            "--mapping",
            "nope",
        ])
        .ends(2);
    stand
        .run(&["link", "--page", &id, "--path", "docs/releases.md"])
        .ends(0);
    let ran = stand
        .run(&["link", "--page", &other, "--path", "docs/releases.md"])
        .ends(2);
    assert!(ran.err.contains("--remove"), "{ran:?}");
    stand.run(&["dead-letter", "retry", "r-none"]).ends(2);
    // They differ, and nobody knows which one is right.
    stand.run(&["sync", "--wait"]).ends(3);
    assert!(stand.file("docs/releases.md").contains("on Fridays"));
}

#[test]
fn a_file_is_stamped_by_hand() {
    let stand = Stand::configured("stamp", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let id = stand.page("Releases").to_string();
    let arguments = [
        "link",
        "--json",
        "--stamp",
        "--page",
        &id,
        "--path",
        "docs/releases.md",
    ];
    assert_eq!(stand.run(&arguments).ends(0).json()["stamped"], true);
    assert!(stand.file("docs/releases.md").contains(&id));
    assert_eq!(stand.run(&arguments).ends(0).json()["stamped"], false);
    stand.run(&["sync", "--wait"]).ends(0);
    let quiet = stand.run(&["sync", "--full", "--json"]).ends(0).json();
    assert!(
        !summaries(&quiet).iter().any(|one| one.contains("Releases")),
        "{quiet}"
    );
}

#[test]
fn the_guard_stops_a_run_until_it_is_approved() {
    let stand = Stand::configured("guard", "[guard]\nremovals = 0\nremoval_percent = 0\n");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases");
    {
        let mut notion = stand.notion();
        let mut bob = notion.person("bob", chrono::Utc::now()).unwrap();
        bob.trash(page).unwrap();
    }
    let said = stand.run(&["plan", "--full"]).ends(0).out;
    assert!(
        said.contains("the guard will stop a run: 1 removals, 0"),
        "{said}"
    );
    let ran = stand.run(&["sync", "--full", "--wait"]).ends(5);
    let hash = ran
        .out
        .split("--approve ")
        .nth(1)
        .unwrap()
        .split(['`', '\n'])
        .next()
        .unwrap()
        .to_owned();
    assert!(stand.run(&["status"]).ends(5).out.contains(&hash));
    let ran = stand.run(&["apply", "--approve", "00000000"]).ends(2);
    assert!(ran.err.contains("no run waits"), "{ran:?}");
    let ran = stand.run(&["apply", "--approve", &hash]);
    assert!(matches!(ran.code, 0 | 1), "{ran:?}");
    let status = stand.run(&["status", "--json"]).json();
    assert_eq!(status["mappings"][0]["guarded"], Value::Null);
    assert_eq!(status["mappings"][0]["deleting"], 1, "{status}");
}

#[test]
fn status_tells_when_both_sides_were_looked_at_without_an_error() {
    let stand = Stand::configured("success", "");
    let at = |stand: &Stand| -> chrono::DateTime<chrono::Utc> {
        let status = stand.run(&["status", "--json"]).json();
        let at = &status["mappings"][0]["last_success"];
        at.as_str()
            .unwrap_or_else(|| panic!("{status}"))
            .parse()
            .unwrap()
    };
    stand.run(&["sync", "--wait"]).ends(0);
    let first = at(&stand);
    stand.run(&["sync"]).ends(0);
    let second = at(&stand);
    assert!(second > first, "{second} after {first}");
    let down = FaultRule {
        method: String::new(),
        path_contains: "/".to_owned(),
        skip: 0,
        times: 1_000,
        fault: Fault::Refuse {
            status: 503,
            retry_after: None,
        },
    };
    stand.notion().faults().push(down);
    stand.run(&["sync"]).ends(1);
    assert_eq!(at(&stand), second);
    assert!(stand.run(&["status"]).out.contains("succeeded last"));
}

#[cfg(unix)]
#[test]
fn serve_syncs_until_it_is_told_to_stop() {
    let stand = Stand::configured("serve", "[schedule]\npoll = 1\n");
    let env: Vec<(&str, &str)> = stand
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let child = stand
        .folder
        .program(&["serve", "--json"], &env)
        .spawn()
        .unwrap();
    // Waits for the effect, however long it takes; the suite's own limit ends it.
    while stand.rows().len() < 3 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // A second one on the same store is refused while this one runs.
    let busy = stand.run(&["sync"]).ends(1);
    assert!(busy.err.contains("has it open"), "{busy:?}");
    stand.run(&["status"]);
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .arg(&pid)
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let json: Value = serde_json::from_str(line).unwrap();
        assert!(json["tick"]["mappings"].is_array());
    }
}
