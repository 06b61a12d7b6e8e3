//! Other converters on the same input, where they are installed.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::input::Input;
use crate::measure::Row;
use crate::returned::Returned;

#[derive(Deserialize)]
struct Line {
    name: String,
    skipped: Option<String>,
    #[serde(default)]
    min_us: f64,
    #[serde(default)]
    median_us: f64,
    #[serde(default)]
    max_us: f64,
    #[serde(default)]
    rounds: usize,
}

/// Runs the peers that `folder` holds and returns what they took. Says which ones were skipped.
pub(crate) fn run(folder: &Path, input: &Input) -> Result<Vec<Row>, String> {
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
    };
    write("input.md", input.markdown.clone())?;
    write("blocks.json", nested(&input.returned).to_string())?;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let mut rows = Vec::new();
    for (program, script, rounds) in [
        (Path::new("node").to_path_buf(), "run.mjs", "5"),
        (folder.join("python/bin/python"), "run.py", "3"),
    ] {
        let output = Command::new(&program)
            .arg(scripts.join(script))
            .arg(folder)
            .arg(rounds)
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped: {}: {error}", program.display());
                continue;
            }
        };
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else {
                continue;
            };
            if let Some(why) = line.skipped {
                eprintln!("skipped: {}: {why}", line.name);
                continue;
            }
            let ours = match line.name.ends_with("/to-blocks") {
                true => "markdown-to-blocks",
                false => "blocks-to-markdown",
            };
            rows.push(Row::of_peer(
                line.name,
                [line.min_us, line.median_us, line.max_us],
                line.rounds,
                input.markdown.len(),
                ours,
            ));
        }
    }
    Ok(rows)
}

/// The blocks with their children inside, which is what the peers take.
fn nested(returned: &Returned) -> Value {
    let mut lists: Map<String, Value> = Map::new();
    // Children were listed behind their parents.
    for (parent, list) in returned.lists.iter().rev() {
        let mut list: Value = serde_json::from_str(list).unwrap_or_default();
        let mut blocks = match list["results"].take() {
            Value::Array(blocks) => blocks,
            _ => Vec::new(),
        };
        for block in &mut blocks {
            let id = block["id"].as_str().unwrap_or_default();
            if let Some(children) = lists.remove(id) {
                block["children"] = children;
            }
        }
        let own = lists.entry(parent.clone().unwrap_or_default());
        if let Value::Array(later) = own.or_insert_with(|| Value::Array(Vec::new())) {
            blocks.append(later);
            *later = blocks;
        }
    }
    lists.remove("").unwrap_or(Value::Array(Vec::new()))
}
