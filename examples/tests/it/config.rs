//! Settings: what is read, and what is said about what is wrong.

#![allow(clippy::unwrap_used)] // A step that fails fails the test.

use notion_sync_core::mapping::{Direction, IssueMarks};
use notion_sync_examples::config::{Config, Faults, RepositoryChoice, Sealing};

const SOURCE: &str = "1c3f5a7b-0000-4000-8000-000000000001";

fn documents(extra: &str) -> String {
    format!(
        "[[documents]]\nname = \"handbook\"\ndata_source = \"{SOURCE}\"\n\
         repository = \"acme/handbook\"\n{extra}"
    )
}

fn faults(text: &str) -> Faults {
    Config::parse(text, "n.toml").expect_err(text)
}

#[test]
fn the_smallest_configuration_has_the_documented_defaults() {
    let config = Config::parse(&documents(""), "n.toml").unwrap();
    let one = &config.documents[0];
    assert_eq!(one.branch, "main");
    assert_eq!(one.path, "docs/{slug}.md");
    assert_eq!(config.store.url, "sqlite:notion-sync.db");
    assert_eq!(config.store.sealing, Sealing::On);
    assert_eq!(config.schedule.poll, 60);
    assert_eq!(config.notion.base_url, "https://api.notion.com");
    assert!(!config.is_local());
}

/// Whoever shares a credential with others may leave it little; Enterprise servers may allow more.
#[test]
fn limits_of_github_may_be_lower_and_elsewhere_higher() {
    for extra in [
        "[github]\ncontent_per_minute = 1\ncontent_per_hour = 1\npoints_per_minute = 5\n",
        "[github]\napi_url = \"https://git.example.com/api/v3\"\ncontent_per_minute = 81\n",
    ] {
        Config::parse(&documents(extra), "n.toml").unwrap();
    }
}

#[test]
fn everything_that_is_documented_is_read() {
    let text = format!(
        r#"
[notion]
requests_per_minute = 600
[notion.properties]
path = "Path"
[github]
web_url = "https://git.example.com"
[store]
url = "sqlite:state/x.db"
sealing = "off"
[bounds]
late_commit = 120
[guard]
removals = 3
[schedule]
poll = 30
sweep = 3600
[people]
ada = "ada@example.com"
bob = "{SOURCE}"
[[documents]]
name = "handbook"
data_source = "{SOURCE}"
repository = "acme/handbook"
branch = "trunk"
path = "handbook/{{slug}}.mdx"
policy = "notion-wins"
deliver = "pull-request"
delete = "commit"
reviewers = ["acme/docs-team", "ada"]
front_matter = {{ Owner = "owner", Tags = {{ key = "tags", kind = "set", direction = "to-github" }} }}
file_marker = "none"
path_policy = "follow-title"
[[tasks]]
name = "backlog"
data_source = "1c3f5a7b000040008000000000000002"
repository = {{ property = "GitHub Repository", of = ["acme/app", "acme/web"] }}
policy = "github-wins"
status = {{ property = "Status", open = ["To do"], closed = ["Done"], closed_default = "Done" }}
labels = "Labels"
assignees = "Assignee"
type = "Type"
[tasks.comments]
direction = "to-github"
ignore_prefix = "//"
backfill = true
pages_per_poll = 5
"#
    );
    let config = Config::parse(&text, "n.toml").unwrap();
    assert_eq!(config.documents[0].front_matter["Tags"].key(), "tags");
    let comments = config.tasks[0].comments.as_ref().unwrap();
    assert_eq!(comments.direction, Direction::ToGithub);
    assert!(comments.ignores("// between us") && comments.backfill);
    assert_eq!(comments.pages_per_poll, 5);
    assert_eq!(config.notion.properties.path, "Path");
    assert!(matches!(
        &config.tasks[0].repository,
        RepositoryChoice::Property { of, .. } if of.len() == 2
    ));
}

fn tasks(extra: &str) -> String {
    format!(
        "[[tasks]]\nname = \"backlog\"\ndata_source = \"{SOURCE}\"\n\
         repository = \"acme/app\"\n{extra}"
    )
}

#[test]
fn comments_follow_only_where_that_is_written() {
    let of = |extra: &str| {
        Config::parse(&tasks(extra), "n.toml")
            .unwrap()
            .tasks
            .remove(0)
    };
    assert_eq!(of("").comments, None);
    let plain = of("[tasks.comments]\n").comments.unwrap();
    assert_eq!(
        (plain.direction, plain.pages_per_poll),
        (Direction::Both, 20)
    );
    assert!(!plain.backfill && plain.ignore_prefix.is_none());
}

/// Each text has exactly one fault, at this line, about this.
#[test]
fn one_mistake_is_one_fault_with_its_line() {
    let cases: &[(String, usize, &str)] = &[
        (documents("brnch = \"main\"\n"), 5, "brnch"),
        (documents("policy = \"both-win\"\n"), 5, "both-win"),
        (documents("path = \"docs/guide.md\"\n"), 5, "{slug}"),
        (documents("path = \"../{slug}.md\"\n"), 5, ".."),
        (documents("path = \"docs/{slug}\"\n"), 5, "extension"),
        (documents("branch = \"a b\"\n"), 5, "branch"),
        (documents("branch = 7\n"), 5, "string"),
        (documents("reviewers = [\"@ada\"]\n"), 5, "@ada"),
        (documents("front_matter = { A = \"title\" }\n"), 5, "title"),
        (
            documents("front_matter = { A = \"x\", B = \"x\" }\n"),
            5,
            "`x`",
        ),
        (
            documents("front_matter = { A = { key = \"a\", directon = \"to-github\" } }\n"),
            5,
            "`directon`",
        ),
        (
            documents(
                "[documents.front_matter]\nA = \"a\"\nB = { key = \"b\", kinds = \"set\" }\n",
            ),
            7,
            "`kinds`",
        ),
        (
            documents("front_matter = { A = { kind = \"set\" } }\n"),
            5,
            "`key`",
        ),
        (
            tasks("labels = { property = \"Tags\", excluded = [\"x\"] }\n"),
            5,
            "`excluded`",
        ),
        (
            tasks(
                "project = { project = \"acme/3\", fields = { A = { field = \"a\", way = \"both\" } } }\n",
            ),
            5,
            "`way`",
        ),
        (
            tasks("").replace(
                "\"acme/app\"",
                "{ property = \"R\", of = [\"acme/app\"], off = [] }",
            ),
            4,
            "`off`",
        ),
        (documents("[bounds]\npause = 1\n"), 6, "pause"),
        (documents("[bounds]\nheartbeat = 60\n"), 6, "lease"),
        (documents("[schedule]\nsweep = 5\n"), 6, "polls"),
        (documents("[guard]\nedit_percent = 101\n"), 6, "101"),
        (documents("[store]\nurl = \"mysql:x\"\n"), 6, "mysql"),
        (
            documents("[github]\napi_url = \"http://example.com\"\n"),
            6,
            "plain http",
        ),
        (documents("[github]\nwrite_spacing_ms = 0\n"), 6, "1000"),
        (
            documents("[notion]\nbase_url = \"https://ada:hunter2@proxy.example.com\"\n"),
            6,
            "\"proxy.example.com\" cannot be used",
        ),
        (documents("[github]\ncontent_per_hour = 501\n"), 6, "500"),
        (documents("[github]\ncontent_per_minute = 81\n"), 6, "80"),
        (documents("[github]\npoints_per_minute = 901\n"), 6, "900"),
        (documents("[github]\npoints_per_minute = 4\n"), 6, "900"),
        (documents("[github]\ncontent_per_minute = 0\n"), 6, "80"),
        (documents("[github]\ncontent_per_hour = 0\n"), 6, "500"),
        (documents("[notion]\nversion = \"new\"\n"), 6, "version"),
        (documents("[people]\nada = \"nobody\"\n"), 6, "nobody"),
        (documents("[people]\n\"@ada\" = \"a@b.c\"\n"), 6, "@ada"),
        (
            tasks("[tasks.comments]\nignore_prefix = \" \"\n"),
            6,
            "begin",
        ),
        (tasks("[tasks.comments]\npages_per_poll = 501\n"), 6, "500"),
        (tasks("[tasks.comments]\ndirection = \"up\"\n"), 6, "up"),
        (tasks("[tasks.comments]\nprefix = \"x\"\n"), 6, "prefix"),
        (documents("[issues]\nx = 1\n"), 5, "issues"),
        (documents("x = = 1\n"), 5, ""),
        (documents(&documents("")), 6, "another mapping"),
    ];
    for (text, line, about) in cases {
        let faults = faults(text);
        let first = faults.iter().next().unwrap();
        assert!(
            first.place.starts_with(&format!("n.toml:{line}")),
            "{text}\n{faults}"
        );
        assert!(faults.to_string().contains(about), "{text}\n{faults}");
        assert!(
            faults.iter().all(|fault| !fault.remedy.is_empty()),
            "{faults}"
        );
    }
    for (text, _, about) in cases.iter().filter(|(_, _, about)| !about.is_empty()) {
        if *about != "another mapping" {
            assert_eq!(faults(text).iter().count(), 1, "{}", faults(text));
        }
    }
}

/// What is written before the host may be a password, wherever the fault is.
#[test]
fn a_password_in_an_address_is_not_repeated() {
    for address in [
        "https://ada:hunter2@proxy.example.com",
        "https://hunter2@proxy.example.com:99999",
        "http://ada:hunter2@proxy.example.com/api/v3?q=1#2",
        "ada:hunter2@proxy.example.com",
        "https://ada:hunter2@",
        "https://ada:hun@ter2@proxy.example.com",
    ] {
        for key in ["api_url", "graphql_url", "web_url"] {
            let text = documents(&format!("[github]\n{key} = \"{address}\"\n"));
            let said = faults(&text).to_string();
            assert!(!said.contains("hun") && !said.contains("ter2"), "{said}");
        }
    }
}

fn ruled(rest: &str) -> String {
    format!(
        "[[tasks]]\nname = \"backlog\"\ndata_source = \"1c3f5a7b000040008000000000000002\"\n\
         repository = \"acme/app\"\n\
         status = {{ property = \"Status\", open = [\"To do\"], closed = [\"Done\", \"Dropped\"] }}\n{rest}"
    )
}

#[test]
fn rules_are_read_with_every_step() {
    let text = ruled(
        r#"common_rules = true
create_when = ["Ready", "group:In progress"]
[[tasks.rules]]
name = "review"
becomes = ["Ready for Review"]
from = ["Doing"]
do = [
  { open-pull = { branch = "feature/{number}-{slug}", reviewers = ["acme/devs"] } },
  { add-labels = ["review"] },
  { comment = { text = "{value}: {page}" } },
]
[[tasks.rules]]
name = "ship"
property = "Stage"
leaves = ["group:In progress", ""]
fire_on_create = true
expires_hours = 24
do = [
  "mark-ready",
  { merge = { method = "squash" } },
  { close = { reason = "completed", after_merge = true } },
  { set-project-field = { project = "acme/3", field = "Status", value = "Done" } },
  { dispatch = { workflow = "deploy.yml", inputs = { task = "{number}" } } },
  { set-milestone = "" },
  "convert-to-draft",
  "reopen",
]
"#,
    );
    let config = Config::parse(&text, "n.toml").unwrap();
    let rules = &config.tasks[0].rules;
    assert_eq!(rules[0].steps.len(), 3);
    assert_eq!(rules[1].steps.len(), 8);
    // What `init` would write reads back as the same.
    let again = toml::to_string(&config).unwrap();
    assert_eq!(Config::parse(&again, "n.toml").unwrap(), config);
}

#[test]
fn a_mistake_in_a_rule_is_told_with_its_line() {
    let rule = |rest: &str| ruled(&format!("[[tasks.rules]]\nname = \"r\"\n{rest}"));
    let go = "becomes = [\"Done\"]\n";
    let cases = [
        (rule("do = [\"mark-ready\"]\n"), 6, "no condition"),
        (
            rule(&format!("{go}is = [\"x\"]\ndo = [\"reopen\"]\n")),
            6,
            "several",
        ),
        (rule(go), 6, "does nothing"),
        (rule(&format!("{go}do = [\"mrege\"]\n")), 9, "mrege"),
        (
            rule(&format!(
                "{go}do = [{{ merge = {{ method = \"fast\" }} }}]\n"
            )),
            9,
            "fast",
        ),
        (
            rule(&format!(
                "{go}do = [{{ open-pull = {{ branch = \"x\" }} }}]\n"
            )),
            9,
            "{number}",
        ),
        (
            rule(&format!("{go}do = [{{ add-labels = [] }}]\n")),
            9,
            "name",
        ),
        (
            rule(&format!(
                "{go}do = [{{ set-project-field = {{ project = \"x\", field = \"f\", value = \"\" }} }}]\n"
            )),
            9,
            "owner/number",
        ),
        (
            rule(&format!("{go}expires_hours = 0\ndo = [\"reopen\"]\n")),
            9,
            "at once",
        ),
        (
            ruled("[[tasks.rules]]\nname = \"A b\"\nis = [\"x\"]\ndo = [\"reopen\"]\n"),
            7,
            "A b",
        ),
    ];
    for (text, line, about) in &cases {
        let faults = faults(text);
        assert_eq!(faults.iter().count(), 1, "{text}\n{faults}");
        let place = &faults.iter().next().unwrap().place;
        assert!(
            place.starts_with(&format!("n.toml:{line}")),
            "{text}\n{faults}"
        );
        assert!(faults.to_string().contains(about), "{text}\n{faults}");
    }
    let no_status = ruled("create_when = [\"Ready\"]\n").replace("status = ", "# status = ");
    assert!(faults(&no_status).to_string().contains("create_when"));
}

#[test]
fn what_is_kept_on_issues_has_settings() {
    let plain = Config::parse(&tasks(""), "n.toml").unwrap();
    let plain = &plain.tasks[0];
    assert_eq!(plain.mark_issues, IssueMarks::All);
    assert!(!plain.automation_comment && !plain.change_comments);
    let text = ruled("mark_issues = \"own\"\nautomation_comment = true\nchange_comments = true\n");
    let config = Config::parse(&text, "n.toml").unwrap();
    let section = &config.tasks[0];
    assert_eq!(section.mark_issues, IssueMarks::Own);
    assert!(section.automation_comment && section.change_comments);
    let no_status = text.replace("status = ", "# status = ");
    assert!(faults(&no_status).to_string().contains("change_comments"));
    let odd = tasks("mark_issues = \"some\"\n");
    assert!(Config::parse(&odd, "n.toml").is_err());
}

#[test]
fn labels_and_facts_of_issues_have_settings() {
    let config = Config::parse(
        &tasks(
            "labels = { property = \"Areas\", include = [\"area/\"], exclude = [\"area/x\"], \
             strip = true }\n\
             label_fields = { Priority = { property = \"Priority\", prefix = \"priority/\" } }\n\
             fields = { \"Opened at\" = \"created_at\", By = \"author\" }\n",
        ),
        "n.toml",
    )
    .unwrap();
    let section = &config.tasks[0];
    assert_eq!(section.labels.as_ref().unwrap().property(), "Areas");
    assert_eq!(section.label_fields["Priority"].prefix, "priority/");
    assert_eq!(section.fields.len(), 2);

    let family = |name: &str, property: &str, prefix: &str| {
        format!("{name} = {{ property = \"{property}\", prefix = \"{prefix}\" }}")
    };
    let families = |all: &[String]| format!("label_fields = {{ {} }}\n", all.join(", "));
    let cases = [
        ("labels = { property = \"\" }\n".to_owned(), "empty"),
        (
            "labels = { property = \"L\", include = [\" \"] }\n".to_owned(),
            "no prefix",
        ),
        (
            "labels = { property = \"L\", strip = true }\n".to_owned(),
            "exactly one prefix",
        ),
        (
            "labels = { property = \"L\", include = [\"a/\", \"b/\"], strip = true }\n".to_owned(),
            "2 prefixes",
        ),
        (families(&[family("State", "S", "s/")]), "no name"),
        (families(&[family("\"rule a\"", "S", "s/")]), "no name"),
        (families(&[family("A", "S", "")]), "no prefix"),
        (
            families(&[family("A", "S", "s/"), family("B", "S", "t/")]),
            "already",
        ),
        (
            families(&[family("A", "S", "size/"), family("B", "T", "Size/x")]),
            "\"A\" too",
        ),
        (
            "fields = { A = \"created_at\", B = \"created_at\" }\n".to_owned(),
            "another property",
        ),
        ("fields = { A = \"title\" }\n".to_owned(), "created_at"),
        (
            "keep_below = { github = \"## a\", notion = \" \" }\n".to_owned(),
            "one line",
        ),
    ];
    for (text, about) in cases {
        let faults = faults(&tasks(&text));
        assert_eq!(faults.iter().count(), 1, "{text}\n{faults}");
        assert!(faults.to_string().contains(about), "{text}\n{faults}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "[notion]\nbase = 1\ncolour = 2\n[store]\nurl = \"redis:x\"\n[[documents]]\n\
                name = \"A B\"\nrepository = \"acme\"\npolicy = 3\nbranch = \"..\"\n\
                [[tasks]]\nname = \"t\"\nlabels = \"\"\n";
    let faults = faults(text);
    let lines: Vec<&str> = faults
        .iter()
        .map(|fault| fault.place.split(": ").next().unwrap())
        .collect();
    for line in [2, 3, 5, 7, 8, 9, 10, 13] {
        let place = format!("n.toml:{line}");
        assert!(lines.contains(&place.as_str()), "{place} in\n{faults}");
    }
    assert!(faults.to_string().contains("data source is missing"));
}

#[test]
fn small_bounds_are_for_loopback_only() {
    let small = "[bounds]\npause = 1\nlate_commit = 1\nvisibility = 1\n";
    let local = "[notion]\nbase_url = \"http://127.0.0.1:1\"\n[github]\n\
                 api_url = \"http://localhost:2\"\nwrite_spacing_ms = 0\n";
    let config = Config::parse(&documents(&format!("{small}{local}")), "n.toml").unwrap();
    assert!(config.is_local());
    let half = local.replace("http://localhost:2", "https://api.github.com");
    let faults = faults(&documents(&format!("{small}{half}")));
    assert_eq!(faults.iter().count(), 4, "{faults}");
}

#[test]
fn addresses_of_the_environment_win_and_are_named() {
    let folder = crate::scratch::Scratch::new("config-env");
    let file = folder.file("n.toml", &documents(""));
    let env = |name: &str| {
        (name == "GITHUB_API_URL").then(|| "https://git.example.com/api/v3".to_owned())
    };
    assert_eq!(
        Config::load(&file, &env).unwrap().github.api_url,
        "https://git.example.com/api/v3"
    );
    let env = |name: &str| (name == "GITHUB_API_URL").then(|| "gopher://x".to_owned());
    let faults = Config::load(&file, &env).unwrap_err();
    assert!(
        faults
            .to_string()
            .contains("environment variable GITHUB_API_URL"),
        "{faults}"
    );
}

#[test]
fn nothing_that_is_no_configuration_panics() {
    for text in [
        "",
        "\u{0}",
        "[",
        "[[documents]]",
        "documents = 1",
        "people = []",
        "[[people]]\na=1",
    ] {
        assert!(Config::parse(text, "n.toml").is_err(), "{text:?}");
    }
    let deep = format!("x = {}1{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(Config::parse(&deep, "n.toml").is_err());
}
