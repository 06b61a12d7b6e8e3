//! Several processes work on one store and are killed at random: nothing is made twice, nothing is lost,
//! and somebody else takes over.

use std::process::Child;
use std::time::{Duration, Instant};

use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};

use crate::scene::{Dice, Scene};
use crate::shown_support::full;

/// Processes that work at the same time.
const WORKERS: usize = 3;

/// A lease so short that it is taken over many times in a test.
const BOUNDS: &str = "lease = 3\nheartbeat = 1";

/// Something that goes wrong once, with the next request of a service.
fn mishap(dice: &mut Dice) -> FaultRule {
    let fault = match dice.below(5) {
        0 => Fault::DropBefore,
        1 => Fault::DropAfter,
        2 => Fault::Refuse {
            status: 502,
            retry_after: None,
        },
        3 => Fault::Refuse {
            status: 429,
            retry_after: Some(1),
        },
        _ => Fault::FailAfter { status: 503 },
    };
    FaultRule {
        method: String::new(),
        path_contains: "/".to_owned(),
        skip: 0,
        times: 1,
        fault,
    }
}

#[test]
fn workers_that_are_killed_share_the_work_and_take_over() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let edits = number("NOTION_SYNC_WORKER_EDITS").unwrap_or(if full() { 300 } else { 90 });
    let seed = number("NOTION_SYNC_CRASH_SEED").unwrap_or(20_260_901);
    println!("seed {seed}: NOTION_SYNC_CRASH_SEED repeats what people do");
    let mut dice = Dice(seed);
    let mut scene = Scene::new("shared = true", BOUNDS);
    scene.calm();
    let mut workers: Vec<Child> = (0..WORKERS).map(|_| scene.start(&["serve"])).collect();
    let mut killed = 0;
    let mut next_kill = Instant::now() + Duration::from_secs(1);
    let mut round = 0;
    while (scene.edits() as u64) < edits {
        scene.people(round, &mut dice);
        round += 1;
        if round % 10 == 9 {
            scene.merge_drafts();
        }
        if dice.below(4) == 0 {
            let rule = mishap(&mut dice);
            if dice.below(2) == 0 {
                scene
                    .services
                    .notion
                    .lock()
                    .unwrap()
                    .faults()
                    .push_front(rule);
            } else {
                scene
                    .services
                    .github
                    .lock()
                    .unwrap()
                    .faults()
                    .push_front(rule);
            }
        }
        std::thread::sleep(Duration::from_millis(60 + dice.below(200)));
        if Instant::now() >= next_kill {
            let at = usize::try_from(dice.below(WORKERS as u64)).unwrap();
            workers[at].kill().unwrap();
            workers[at].wait().unwrap();
            workers[at] = scene.start(&["serve"]);
            killed += 1;
            next_kill = Instant::now() + Duration::from_millis(400 + dice.below(1_200));
        }
    }
    // Whoever is left finishes, beside runs by hand that take their turn.
    scene.calm();
    scene.merge_drafts();
    scene.calm();
    for worker in &mut workers {
        let alive = worker.try_wait().unwrap().is_none();
        assert!(alive, "a worker ended by itself");
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    scene.calm();
    let outcome = scene.judge();
    println!("{WORKERS} workers, killed {killed} times in {round} rounds; {outcome}");
    assert!(killed >= 3, "only {killed} were killed");
}
