//! The fuzz targets over their seeds and over mutations of them, without a fuzzer.

// The fuzzer is another crate, to which the targets are public.
#[allow(unreachable_pub)]
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

use notion_sync_testkit::corpus::{CONSTRUCTS, Corpus};

/// A generator of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }
}

/// What mutations put in.
const WORDS: [&str; 40] = [
    "\n",
    "\n\n",
    " ",
    "  ",
    "    ",
    "\t",
    "> ",
    "- ",
    "* ",
    "1. ",
    "7) ",
    "# ",
    "```",
    "~~~",
    "---",
    "===",
    "|",
    "| - |",
    "*",
    "**",
    "_",
    "~~",
    "`",
    "[",
    "](",
    ")",
    "![",
    "[^1]",
    "<div>",
    "<!-- ",
    " -->",
    "<u>",
    "</u>",
    "$",
    "\\",
    "&amp;",
    "é",
    "😀",
    "<br>",
    "<!-- notion-sync:nested -->",
];

fn mutated(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(out.len() + 1);
        let end = (at + numbers.below(12)).min(out.len());
        match numbers.below(5) {
            0 => drop(out.drain(at..end)),
            1 => {
                let copy = out[at..end].to_vec();
                let to = numbers.below(out.len() + 1);
                out.splice(to..to, copy);
            }
            2 => {
                let from = numbers.below(other.len() + 1);
                let until = (from + numbers.below(40)).min(other.len());
                out.splice(at..end, other[from..until].iter().copied());
            }
            3 if at < out.len() => out[at] ^= 1 << numbers.below(7),
            _ => {
                let word = WORDS[numbers.below(WORDS.len())];
                out.splice(at..at, word.bytes());
            }
        }
    }
    // Most mutations tear a character; what is left is still worth reading.
    String::from_utf8_lossy(&out).into_owned().into_bytes()
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    paths.sort();
    let mut out: Vec<Vec<u8>> = paths
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    for case in Corpus::read(CONSTRUCTS).unwrap().cases {
        match name {
            "markdown" | "page" => out.push(case.markdown.into_bytes()),
            "enhanced" => out.extend(case.enhanced.map(String::into_bytes)),
            "blocks" => out.push(serde_json::to_vec(&case.blocks).unwrap()),
            _ => {}
        }
    }
    assert!(!out.is_empty(), "{name} has no seeds");
    out
}

fn run(name: &str) {
    let target = targets::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap()
        .1;
    let seeds = seeds(name);
    let factor: usize = std::env::var("NOTION_SYNC_CASES")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        target(seed);
    }
    let count = 1_500 * factor;
    for _ in 0..count {
        let seed = &seeds[numbers.below(seeds.len())];
        let other = &seeds[numbers.below(seeds.len())];
        let input = mutated(seed, other, &mut numbers);
        let failed = std::panic::catch_unwind(|| target(&input)).is_err();
        assert!(
            !failed,
            "{name} fails for {:?}",
            String::from_utf8_lossy(&input)
        );
    }
}

#[test]
fn fuzz_markdown() {
    run("markdown");
}

#[test]
fn fuzz_page() {
    run("page");
}

#[test]
fn fuzz_enhanced() {
    run("enhanced");
}

#[test]
fn fuzz_blocks() {
    run("blocks");
}

#[test]
fn fuzz_front_matter() {
    run("front_matter");
}

#[test]
fn fuzz_patch() {
    run("patch");
}
