//! The process is killed at random moments and started again: nothing is made twice, nothing is
//! lost.

use std::time::Duration;

use crate::scene::{Dice, Scene};
use crate::shown_support::full;

#[test]
fn killed_at_random_moments_nothing_is_lost_or_made_twice() {
    let rounds = std::env::var("NOTION_SYNC_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(if full() { 200 } else { 10 });
    let seed = std::env::var("NOTION_SYNC_CRASH_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_260_901);
    println!("seed {seed}: NOTION_SYNC_CRASH_SEED repeats what people do");
    let mut dice = Dice(seed);
    let mut scene = Scene::new("", "");
    scene.calm();
    let (mut killed, mut finished) = (0, 0);
    for round in 0..rounds {
        scene.people(round, &mut dice);
        if round % 5 == 4 {
            scene.merge_drafts();
        }
        let mut child = scene.start(&["sync", "--wait"]);
        // Some die while they start, some while they look, most while they write.
        std::thread::sleep(Duration::from_millis(30 + dice.below(1_500)));
        match child.try_wait().unwrap() {
            Some(_) => finished += 1,
            None => {
                child.kill().unwrap();
                killed += 1;
            }
        }
        child.wait().unwrap();
    }
    scene.calm();
    scene.merge_drafts();
    scene.calm();

    let outcome = scene.judge();
    println!("{rounds} rounds: killed {killed} times, {finished} runs ended before; {outcome}");
    assert!(
        killed * 2 > rounds,
        "only {killed} of {rounds} runs were killed"
    );
}
