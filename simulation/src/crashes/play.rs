//! One world, played with deaths at given moments, and judged at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::Duration;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_examples::demo::{Between, Stage};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::emulator::EmulatorBounds;
use notion_sync_testkit::github::ProjectPlace;
use notion_sync_testkit::simulation::{Failure, Fragile};

use super::hands::{Done, Hands, Memory, broken};
use super::watch::{Life, Nth, Target, Watch, Watched, WatchedStore};
use super::worlds::Scene;
use crate::scenario::{Knobs, People, Seam, Surroundings, Theatre, Ways, check_all};

/// How long a request takes, in milliseconds.
const LATENCY: u32 = 30;
/// Virtual minutes within which everything comes to rest after each thing that people do.
const REST: i64 = 240;

/// How many ticks that may take.
const MOST_TICKS: usize = 400;

/// What came of a world.
#[derive(Debug)]
pub(crate) struct Played {
    /// What does not hold, if anything.
    pub(crate) failure: Option<Failure>,
    /// What both services hold at the end, as people see it.
    pub(crate) end: String,
    /// What was seen of every operation.
    pub(crate) lives: BTreeMap<Nth, Life>,
    /// How many of the deaths did not happen.
    pub(crate) left: usize,
    /// Everything that happened, where it was asked for.
    pub(crate) lines: Vec<String>,
}

/// Plays a world with these deaths.
pub(crate) fn play(scene: &Scene, targets: &[Target], told: bool) -> Played {
    let knobs = Knobs {
        latency: LATENCY,
        ..Knobs::default()
    };
    let seam = Seam::new(&knobs, told);
    let watch = Watch::new(seam.clone(), targets);
    let mut end = String::new();
    let played = futures::executor::block_on(async {
        let mut theatre = open(scene, &seam, &watch)?;
        perform(scene, &mut theatre).await?;
        watch.rest();
        end = told_end(&theatre);
        judge(&mut theatre).await
    });
    Played {
        failure: played.err(),
        end,
        lives: watch.lives(),
        left: watch.left(),
        lines: seam.lines(),
    }
}

fn open(scene: &Scene, seam: &Arc<Seam>, watch: &Arc<Watch>) -> Result<Theatre, Failure> {
    let mut world = (scene.world)().map_err(broken)?;
    world.notion.seed = 1;
    let terms = (scene.terms)().unguarded();
    let knobs = Knobs {
        documents: terms.documents,
        tasks: terms.tasks,
        marks: true,
        ..Knobs::default()
    };
    let kept = Arc::new(MemoryStore::new());
    let store: Arc<dyn Store> = Arc::new(WatchedStore {
        inner: Arc::new(Fragile::new(kept.clone(), seam.common())),
        watch: watch.clone(),
    });
    let ways: Arc<dyn Between> = Arc::new(Watched {
        inner: Arc::new(Ways(seam.clone())),
        watch: watch.clone(),
    });
    let stage = Stage::around(world, terms, EmulatorBounds::notion(), store, ways);
    let stage = stage.map_err(broken)?;
    let people = Arc::new(People::new(stage.services.clone(), &knobs));
    seam.tie(stage.clock.clone(), people.clone());
    Ok(Theatre {
        stage,
        seam: seam.clone(),
        people,
        kept,
        company: None,
        surroundings: Surroundings::default(),
        bases: None,
        carried: None,
        rails: None,
        beyond: None,
    })
}

async fn perform(scene: &Scene, theatre: &mut Theatre) -> Done {
    let mut memory = Memory::default();
    rest(theatre, true).await?;
    for (number, act) in scene.acts.iter().enumerate() {
        theatre.seam.note(&format!("act {}", number + 1));
        let mut hands = Hands {
            theatre,
            memory: &mut memory,
        };
        act(&mut hands)?;
        // What goes to the trash is seen by a listing of everything alone.
        rest(theatre, true).await?;
    }
    Ok(())
}

/// Runs until nothing is under way, whatever dies meanwhile; then once more, some minutes later, when
/// no minute is open any more.
async fn rest(theatre: &mut Theatre, full: bool) -> Done {
    let until = theatre.stage.now() + Duration::minutes(REST);
    let (mut full, mut again) = (full, true);
    for _ in 0..MOST_TICKS {
        if theatre.stage.now() > until {
            break;
        }
        // Who asked for everything asks again when nobody answered.
        let Some(tick) = theatre.tick(None, full).await? else {
            continue;
        };
        full = false;
        match tick.settle_due {
            Some(due) => {
                theatre.stage.clock.advance_to(due);
                theatre.stage.clock.advance(Duration::milliseconds(250));
            }
            None if tick.writes() > 0 => {}
            None if again => {
                again = false;
                theatre.stage.clock.advance(Duration::minutes(5));
            }
            None => return Ok(()),
        }
    }
    Err(Failure::new(
        "P20",
        "there is no rest after what people did",
    ))
}

async fn judge(theatre: &mut Theatre) -> Done {
    theatre.quiesce().await?;
    theatre.quiet(0).await?;
    if let Some((property, message)) = theatre.seam.violation() {
        return Err(Failure::new(property, message));
    }
    check_all(theatre).await?;
    let engine = theatre.stage.engine().await.map_err(broken)?;
    let ids: Vec<_> = engine
        .bindings()
        .map(|one| one.mapping.id.clone())
        .collect();
    let store = engine.store().clone();
    let proof = State::new(&*store)
        .verify_audit(&ids)
        .await
        .map_err(broken)?;
    if !proof.faults.is_empty() {
        return Err(Failure::new(
            "P14",
            format!("the audit is broken: {proof:?}"),
        ));
    }
    Ok(())
}

/// What the services hold, without what differs from run to run: times, ids and hashes.
fn told_end(theatre: &Theatre) -> String {
    let stage = &theatre.stage;
    let mut out = String::new();
    let mut say = |line: String| {
        let _ = writeln!(out, "{}", plain(&line));
    };
    for (title, page) in stage.pages().into_iter().chain(stage.tasks()) {
        let notion = stage.notion();
        say(format!("page {title}: {}", notion.markdown(page)));
        for (name, value) in notion.properties(page) {
            if !matches!(
                name.as_str(),
                "Last GitHub Sync At" | "Sync Op" | "Sync Last Op" | "GitHub Commit"
            ) {
                say(format!("  {name}: {value}"));
            }
        }
        // The marks in them would decide the order.
        let said = notion.comments(page).into_iter();
        let mut comments: Vec<String> = said.map(|comment| plain(&comment)).collect();
        comments.sort();
        for comment in comments {
            say(format!("  comment {comment}"));
        }
    }
    let files = stage.github().files(HANDBOOK, "main").unwrap_or_default();
    for (path, text) in files {
        say(format!("file {path}: {text}"));
    }
    for repository in [HANDBOOK, BACKLOG] {
        for (number, issue) in stage.numbered(repository) {
            let pull = issue
                .pull
                .map(|pull| (pull.draft, pull.merged, pull.reviewers));
            say(format!(
                "{repository} {number} {} open {} pull {pull:?} labels {:?} assignees {:?}: {:?}",
                issue.title, issue.open, issue.labels, issue.assignees, issue.body
            ));
            let said = issue.comments.into_iter();
            let mut comments: Vec<String> = said
                .map(|(author, comment)| plain(&format!("  {author} comments {comment}")))
                .collect();
            comments.sort();
            for comment in comments {
                say(comment);
            }
        }
    }
    let plan = ProjectPlace {
        owner: "acme",
        number: 3,
    };
    for item in stage.github().project_view(plan).unwrap_or_default() {
        say(format!("item {:?} {:?}", item.issue, item.values));
    }
    let started = stage.github().dispatches(BACKLOG).unwrap_or_default();
    say(format!("{} workflows started", started.len()));
    out
}

/// A text in which long words with digits stand for nothing.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '_');
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let word = &rest[..end];
        let hidden = word.len() >= 12 && word.contains(|c: char| c.is_ascii_digit());
        out.push_str(if hidden { "*" } else { word });
        rest = &rest[end..];
    }
    // An id that could be read as a number stands in quotes.
    out.replace("\"*\"", "*")
}
