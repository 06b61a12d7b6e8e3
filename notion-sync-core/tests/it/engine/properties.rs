//! Properties over random scripts of people's edits.

use proptest::prelude::*;

use notion_sync_core::mapping::{MappingKind, Policy};
use notion_sync_core::value::Value;

use super::world::{World, documents, plain, rewrite, tasks};

/// One thing a person does.
#[derive(Debug, Clone)]
enum Act {
    EditPage { line: usize, word: u8 },
    EditFile { line: usize, word: u8 },
    Title { on_page: bool, word: u8 },
    Tag { on_page: bool, tag: u8, add: bool },
    Wait(u8),
    Poll,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..3_usize, 0..3_u8).prop_map(|(line, word)| Act::EditPage { line, word }),
        (0..3_usize, 0..3_u8).prop_map(|(line, word)| Act::EditFile { line, word }),
        (any::<bool>(), 0..3_u8).prop_map(|(on_page, word)| Act::Title { on_page, word }),
        (any::<bool>(), 0..3_u8, any::<bool>()).prop_map(|(on_page, tag, add)| Act::Tag {
            on_page,
            tag,
            add
        }),
        (0..6_u8).prop_map(Act::Wait),
        Just(Act::Poll),
    ];
    proptest::collection::vec(act, 1..12)
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::NotionWins),
        Just(Policy::GithubWins),
        Just(Policy::ManualReview)
    ]
}

/// A pair whose body is three short paragraphs.
struct Pair {
    world: World,
    page: String,
    number: u32,
}

const PATH: &str = "docs/a.md";

impl Pair {
    fn new(kind: MappingKind, policy: Policy) -> Self {
        match kind {
            MappingKind::Documents => {
                let world = World::new(documents(policy));
                world.repo.put(PATH, Some("# T0\n\nw0\n\nw0\n\nw0\n"));
                world.settle();
                let page = world.pages.live()[0].clone();
                world.pass(10);
                Self {
                    world,
                    page,
                    number: 0,
                }
            }
            MappingKind::Tasks => {
                let world = World::new(tasks(policy));
                let number = world.repo.open_issue("T0", "w0\n\nw0\n\nw0\n");
                world.settle();
                let page = world.pages.live()[0].clone();
                world.pass(10);
                Self {
                    world,
                    page,
                    number,
                }
            }
        }
    }

    fn text(&self) -> String {
        if self.number == 0 {
            self.world.repo.file(PATH).unwrap_or_default()
        } else {
            self.world.repo.issue_text(self.number)
        }
    }

    fn set_text(&self, text: &str) {
        if self.number == 0 {
            self.world.repo.put(PATH, Some(text));
        } else {
            self.world.repo.set_issue_text(self.number, text);
        }
    }

    fn act(&self, act: &Act) {
        let world = &self.world;
        match act {
            Act::EditPage { line, word } => world.pages.edit_body(&self.page, |body| {
                if let Some(block) = body.blocks.get_mut(*line)
                    && let Some(text) = block.kind.text_mut()
                {
                    *text = notion_sync_core::document::RichText::plain(format!("w{word}"));
                }
            }),
            Act::EditFile { line, word } => {
                let mut seen = 0;
                let text: Vec<String> = self
                    .text()
                    .lines()
                    .map(|held| {
                        if held.starts_with('w') {
                            seen += 1;
                            if seen == line + 1 {
                                return format!("w{word}");
                            }
                        }
                        held.to_owned()
                    })
                    .collect();
                self.set_text(&format!("{}\n", text.join("\n")));
            }
            Act::Title {
                on_page: true,
                word,
            } => {
                world
                    .pages
                    .set(&self.page, "title", Value::text(format!("T{word}")));
            }
            Act::Title { word, .. } if self.number == 0 => {
                let text: Vec<String> = self
                    .text()
                    .lines()
                    .map(|held| {
                        if held.starts_with("# ") {
                            format!("# T{word}")
                        } else {
                            held.to_owned()
                        }
                    })
                    .collect();
                self.set_text(&format!("{}\n", text.join("\n")));
            }
            Act::Title { word, .. } => {
                world
                    .repo
                    .set_issue(self.number, "title", Value::text(format!("T{word}")));
            }
            Act::Tag { on_page, tag, add } if self.number != 0 => {
                let held = if *on_page {
                    world.pages.field(&self.page, "labels")
                } else {
                    world.repo.issue(self.number, "labels")
                };
                let mut set = held.elements();
                if *add {
                    set.insert(format!("l{tag}"));
                } else {
                    set.remove(&format!("l{tag}"));
                }
                if *on_page {
                    world.pages.set(&self.page, "labels", Value::Set(set));
                } else {
                    world.repo.set_issue(self.number, "labels", Value::Set(set));
                }
            }
            Act::Tag { .. } => {}
            Act::Wait(minutes) => world.pass(i64::from(*minutes)),
            Act::Poll => {
                world.poll();
            }
        }
    }

    /// What both sides say: title, lines, labels.
    fn says(&self) -> [(Value, Vec<String>, Value); 2] {
        let world = &self.world;
        let page = (
            world.pages.field(&self.page, "title"),
            plain(&world.pages.body(&self.page)),
            Value::Set(world.pages.field(&self.page, "labels").elements()),
        );
        let text = self.text();
        let lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with('w'))
            .map(str::to_owned)
            .collect();
        let title = if self.number == 0 {
            text.lines()
                .find_map(|line| line.strip_prefix("# "))
                .map(Value::text)
                .unwrap_or_default()
        } else {
            world.repo.issue(self.number, "title")
        };
        let labels = if self.number == 0 {
            page.2.clone()
        } else {
            Value::Set(world.repo.issue(self.number, "labels").elements())
        };
        [page, (title, lines, labels)]
    }
}

/// Whole worlds are played in greater number with the real adapters, by the package `simulation`.
fn cases() -> u32 {
    let factor: u32 = std::env::var("NOTION_SYNC_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    factor.saturating_mul(150)
}

fn check(kind: MappingKind, policy: Policy, acts: &[Act]) {
    let pair = Pair::new(kind, policy);
    for act in acts {
        pair.act(act);
    }
    pair.world.pass(5);
    pair.world.settle();
    let [page, file] = pair.says();
    // P01: whatever is not parked is the same on both sides.
    if pair.world.conflicts() == 0 {
        assert_eq!(page, file, "both sides agree");
    }
    assert!(
        policy == Policy::ManualReview || pair.world.conflicts() == 0,
        "a wins policy parks nothing here: {:#?}",
        pair.world.records()
    );
    // P03 and P04: fifty further cycles write nothing and read no content once all is settled.
    pair.world.pass(60);
    pair.world.settle();
    let (writes, reads) = (
        (
            pair.world.pages.writes().len(),
            pair.world.repo.writes().len(),
        ),
        pair.world.pages.reads(),
    );
    for _ in 0..50 {
        pair.world.pass(3);
        pair.world.poll();
    }
    assert_eq!(
        writes,
        (
            pair.world.pages.writes().len(),
            pair.world.repo.writes().len()
        ),
        "echo"
    );
    assert_eq!(
        reads.contents,
        pair.world.pages.reads().contents,
        "content is read again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_converge_and_rest(policy in policy(), acts in acts()) {
        check(MappingKind::Documents, policy, &acts);
    }

    #[test]
    fn tasks_converge_and_rest(policy in policy(), acts in acts()) {
        check(MappingKind::Tasks, policy, &acts);
    }

    /// P05: hints and the moments of polls change nothing in the end, for edits of one side.
    #[test]
    fn the_moments_of_polls_do_not_matter(acts in acts(), polls in any::<u16>()) {
        let one_sided: Vec<Act> = acts
            .into_iter()
            .filter(|act| matches!(act, Act::EditPage { .. } | Act::Title { on_page: true, .. }))
            .collect();
        let mut ends = Vec::new();
        for mask in [0, polls] {
            let pair = Pair::new(MappingKind::Documents, Policy::ManualReview);
            for (index, act) in one_sided.iter().enumerate() {
                pair.act(act);
                if mask & (1 << (index % 16)) != 0 {
                    pair.world.poll();
                    pair.world.pass(1);
                }
            }
            pair.world.pass(5);
            pair.world.settle();
            prop_assert_eq!(pair.world.conflicts(), 0, "an edit of one side never conflicts");
            ends.push(pair.says());
        }
        prop_assert_eq!(&ends[0], &ends[1]);
    }

    /// P24: a value driven A, B, A, B by people ends with B on both sides.
    #[test]
    fn a_return_to_an_old_value_is_kept(
        on_page in any::<bool>(),
        waits in proptest::collection::vec(0..8_i64, 4),
    ) {
        let pair = Pair::new(MappingKind::Documents, Policy::ManualReview);
        for (index, wait) in waits.iter().enumerate() {
            let word = if index % 2 == 0 { 1 } else { 0 };
            if on_page {
                pair.world.pages.edit_body(&pair.page, |body| {
                    let from = if word == 1 { "w0" } else { "w1" };
                    if plain(body).iter().any(|line| line == from) {
                        rewrite(body, from, &format!("w{word}"));
                    }
                });
            } else {
                pair.act(&Act::EditFile { line: 0, word });
            }
            pair.world.poll();
            pair.world.pass(*wait);
        }
        pair.world.pass(5);
        pair.world.settle();
        let [page, file] = pair.says();
        prop_assert_eq!(&page, &file);
        prop_assert_eq!(page.1, vec!["w0".to_owned(); 3]);
    }
}

/// A pull request falls behind, and what would refresh it waits for the end of the minute.
#[test]
fn a_late_refresh_of_a_held_record_is_no_busy_loop() {
    let acts = [
        Act::EditFile { line: 0, word: 1 },
        Act::EditPage { line: 0, word: 2 },
        Act::Poll,
        Act::Wait(4),
        Act::EditFile { line: 0, word: 2 },
        Act::EditFile { line: 2, word: 2 },
    ];
    check(MappingKind::Documents, Policy::ManualReview, &acts);
}

/// The same where a person has to act first: one side is gone.
#[test]
fn a_late_refresh_of_a_contradiction_is_no_busy_loop() {
    let pair = Pair::new(MappingKind::Documents, Policy::ManualReview);
    for act in [
        Act::EditFile { line: 0, word: 1 },
        Act::EditPage { line: 0, word: 2 },
        Act::Poll,
        Act::Wait(3),
        Act::EditPage { line: 0, word: 3 },
        Act::Poll,
    ] {
        pair.act(&act);
    }
    pair.world.repo.put(PATH, None);
    pair.world.pass(60);
    pair.world.settle();
    assert_eq!(pair.world.conflicts(), 1);
}
