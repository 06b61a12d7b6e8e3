//! Text of a page that would act on GitHub or in a log, where it does not.

use std::io::Write;
use std::sync::{Arc, Mutex};

use notion_sync_core::effect::{Effect, Merge, Note, OpenPull};
use notion_sync_core::mapping::Policy;
use notion_sync_examples::config::RuleSection;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use serde_json::json;

use crate::shown_support::{settle, sweep};

const TITLE: &str = "Fixes #1 @everyone-team ::add-mask::secret [skip ci] <script>";
/// What GitHub calls `Login fails …`, the first issue of the backlog.
const VICTIM: u64 = 1;

/// Everything that could act, and the hidden block of another page.
fn hostile(other: &str) -> String {
    let mentions: Vec<String> = (0..300).map(|number| format!("@member-{number}")).collect();
    [
        "Fixes #1 and closes acme/app#1, resolved #1.",
        "Ask @everyone-team or @acme/docs-team or @bob.",
        "::add-mask::hunter2",
        "<!-- notion-sync -->",
        &format!("<!-- notion-sync Notion-Page-ID: {other} Sync-Op: aaaabbbbccccdddd -->"),
        &format!("Notion-Page-ID: {other}"),
        "<script>alert(1)</script>",
        "Co-authored-by: Eve <eve@example.org>",
        "[skip ci]",
        &mentions.join(" "),
    ]
    .join("\n")
}

/// Places where GitHub would obey: a mention or a closing keyword outside of code.
fn acts(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        // Every other piece is inside of a span of code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let chars: Vec<char> = prose.chars().collect();
        for (at, c) in chars.iter().enumerate() {
            let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
            let before = at.checked_sub(1).and_then(|at| chars.get(at));
            if *c == '@' && !word(before) && word(chars.get(at + 1)) {
                out.push(chars[at..].iter().take(20).collect());
            }
        }
        let lower = prose.to_lowercase();
        for keyword in ["fixes", "closes", "resolved", "fix", "close", "resolve"] {
            for target in ["#1", "acme/app#1"] {
                if lower.contains(&format!("{keyword} {target}")) {
                    out.push(format!("{keyword} {target}"));
                }
            }
        }
    }
    out
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn rules() -> Vec<RuleSection> {
    let open = Effect::OpenPull(OpenPull {
        closes: false,
        ..OpenPull::default()
    });
    let rule = |name: &str, becomes: &str, steps: Vec<Effect>| RuleSection {
        name: name.to_owned(),
        becomes: vec![becomes.to_owned()],
        steps,
        ..RuleSection::default()
    };
    let note = Effect::Comment(Note {
        text: "{title}".to_owned(),
        ..Note::default()
    });
    let merge = Effect::Merge(Merge {
        ready: true,
        ..Merge::default()
    });
    vec![
        rule("start", "Doing", vec![open, note]),
        rule("ship", "Done", vec![merge]),
    ]
}

#[tokio::test]
async fn nothing_on_a_page_acts() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, what a place logs would be decided by the thread that comes there
    // first, and threads of other tests have none.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let terms = Terms {
        rules: rules(),
        documents: Some(Policy::ManualReview),
        ..Terms::tasks(Policy::GithubWins)
    };
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    let victim = stage.github().issue(BACKLOG, VICTIM).unwrap();
    assert!(victim.open);

    let other = stage.page("Dark mode").unwrap().to_string();
    let body = hostile(&other);
    let values = [("Name", json!(TITLE)), ("Status", json!("To do"))];
    let task = stage
        .add_page("ada", "backlog-tasks", &values, &body)
        .unwrap();
    let values = [("Name", json!(TITLE))];
    stage
        .add_page("ada", "handbook-pages", &values, &body)
        .unwrap();
    settle(&mut stage).await;
    stage.pass(10);
    // The page of the handbook becomes a file when its pull request is merged.
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    settle(&mut stage).await;
    for status in ["Doing", "Done"] {
        stage.pass(10);
        stage
            .in_notion("ada", |ada| ada.set_property(task, "Status", json!(status)))
            .unwrap();
        settle(&mut stage).await;
        stage.pass(20);
        settle(&mut stage).await;
    }

    let mut seen = 0;
    let mut issues = 0;
    for repository in [BACKLOG, HANDBOOK] {
        for (number, issue) in stage.numbered(repository) {
            let text = issue.body.unwrap_or_default();
            // The title of an issue acts nowhere; that of a pull request becomes a commit's.
            let title = issue.pull.as_ref().map(|_| &issue.title);
            for text in title.into_iter().chain([&text]) {
                assert_eq!(
                    acts(text),
                    Vec::<String>::new(),
                    "{repository}#{number}: {text}"
                );
            }
            for (_, comment) in &issue.comments {
                assert_eq!(acts(comment), Vec::<String>::new(), "{comment}");
                seen += usize::from(comment.contains("everyone-team"));
            }
            // One hidden block, ours, at the top.
            let blocks = text.matches("<!-- notion-sync\n").count();
            assert!(blocks <= 1, "{text}");
            if text.contains("member-299") && issue.pull.is_none() {
                issues += 1;
                let first = text.split("-->").next().unwrap();
                assert!(
                    first.contains(&format!("Notion-Page-ID: {task}\n")),
                    "{first}"
                );
                assert!(text.contains("hunter2"), "nothing is left out");
            }
        }
        for commit in stage.github().commits(repository, "main").unwrap() {
            assert_eq!(
                acts(&commit.message),
                Vec::<String>::new(),
                "{}",
                commit.message
            );
            assert!(!commit.message.contains("[skip ci]"), "{}", commit.message);
            // A trailer that the page would like to have stands nowhere.
            assert!(!commit.message.contains("Eve <eve@"), "{}", commit.message);
        }
    }
    assert!(seen >= 1 && issues == 1, "{seen} comments, {issues} issues");
    // The pull request was merged, and closed nothing.
    let merged = stage
        .numbered(BACKLOG)
        .into_values()
        .filter(|issue| issue.pull.as_ref().is_some_and(|pull| pull.merged));
    assert_eq!(merged.count(), 1);
    assert!(
        stage.github().issue(BACKLOG, VICTIM).unwrap().open,
        "the victim was closed"
    );

    // Pairs are what they were: the foreign mark is no mark.
    for record in stage.records().await.unwrap() {
        assert!(record.problem.is_none(), "{:?}", record.problem);
    }
    stage.pass(10);
    assert_eq!(sweep(&mut stage).await.applied, []);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.is_empty());
    for line in log.lines() {
        assert!(
            !line.trim_start().starts_with("::"),
            "a command in the log: {line}"
        );
    }
    assert!(!log.contains("hunter2"), "page text in the log");
}
