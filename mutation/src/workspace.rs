//! The copy of the repository: written with the mutants, and built until all that are left compile.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;

use crate::mutate::{SWITCH, Source, Written};
use crate::{Options, Result, at};

/// Marks a copy, in which files may be removed.
const MARK: &str = ".notion-sync-mutation";
/// The files of the repository that git knows, as far as they are there.
pub(crate) fn tracked(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z"])
        .output()
        .map_err(at("git ls-files"))?;
    if !output.status.success() {
        return Err(format!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let names = String::from_utf8(output.stdout).map_err(at("git ls-files"))?;
    let there = |name: &&str| !name.is_empty() && root.join(name).is_file();
    Ok(names.split('\0').filter(there).map(str::to_owned).collect())
}

/// Copies the repository, with the switch in its core, and `change` made of the text of each file; none where it
/// says nothing.
pub(crate) fn copy(
    root: &Path,
    work: &Path,
    files: &[String],
    change: impl Fn(&str, Vec<u8>) -> Result<Option<Vec<u8>>>,
) -> Result<()> {
    let mark = work.join(MARK);
    let kept = |entry: &fs::DirEntry| entry.file_name() != "target";
    if !mark.exists()
        && fs::read_dir(work)
            .is_ok_and(|mut all| all.any(|entry| entry.is_ok_and(|entry| kept(&entry))))
    {
        return Err(format!(
            "{}: has files and is no copy made by this program",
            work.display()
        ));
    }
    place(&mark, b"")?;
    sweep(work, work, files)?;
    for file in files {
        let mut text = fs::read(root.join(file)).map_err(at(file))?;
        if file == "notion-sync-core/src/lib.rs" {
            text.splice(..0, *b"#![allow(warnings)]\n");
            text.extend(SWITCH.bytes());
        }
        if let Some(text) = change(file, text)? {
            place(&work.join(file), &text)?;
        }
    }
    Ok(())
}

/// Removes files of the copy that the repository no longer has.
fn sweep(work: &Path, folder: &Path, files: &[String]) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(name) = path.strip_prefix(work) else {
            continue;
        };
        if path.is_dir() && name != "target" {
            sweep(work, &path, files)?;
        } else if path.is_file()
            && name != Path::new(MARK)
            && !files.iter().any(|file| Path::new(file) == name)
        {
            fs::remove_file(&path).map_err(at(path.display()))?;
        }
    }
    Ok(())
}

/// The copy of the repository that is mutated and built.
pub(crate) struct Workspace<'a> {
    pub(crate) options: &'a Options,
    pub(crate) files: &'a [String],
    pub(crate) sources: &'a [(String, Source)],
}

impl Workspace<'_> {
    /// Names a state of the sources under a folder, and of what makes mutants of them.
    pub(crate) fn state(&self, folder: &str) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        include_str!("mutate.rs").hash(&mut hasher);
        for file in self.files.iter().filter(|file| file.starts_with(folder)) {
            (
                file,
                fs::read(self.options.root.join(file)).map_err(at(file))?,
            )
                .hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Builds the tests with every mutant that compiles; returns the binary and the mutants that do not.
    pub(crate) fn build(&self) -> Result<(PathBuf, BTreeSet<u32>)> {
        let work = &self.options.work;
        copy(&self.options.root, work, self.files, |file, text| {
            let mutated = self.sources.iter().any(|(mutated, _)| mutated == file);
            Ok((!mutated).then_some(text))
        })?;
        let known = work.join("target/unviable.json");
        let state = self.state("notion-sync-core/src/")?;
        let (was, mut unviable) = (fs::read(&known).ok())
            .and_then(|text| serde_json::from_slice::<(String, BTreeSet<u32>)>(&text).ok())
            .unwrap_or_default();
        if was != state {
            unviable.clear();
        }
        loop {
            let written: BTreeMap<&str, Written> = self
                .sources
                .iter()
                .map(|(file, source)| (file.as_str(), source.write(&unviable)))
                .collect();
            for (file, written) in &written {
                place(&work.join(file), written.text.as_bytes())?;
            }
            let errors = match self.cargo()? {
                Ok(binary) => {
                    let text =
                        serde_json::to_vec(&(state, &unviable)).map_err(at("unviable mutants"))?;
                    place(&known, &text)?;
                    return Ok((binary, unviable));
                }
                Err(errors) => errors,
            };
            let blamed: BTreeSet<u32> = errors
                .iter()
                .flat_map(|error| blame(error, &written))
                .collect();
            eprintln!("{} errors, {} mutants dropped", errors.len(), blamed.len());
            if blamed.is_empty() {
                let said = errors
                    .iter()
                    .filter_map(|error| error["rendered"].as_str())
                    .collect::<String>();
                return Err(format!(
                    "the copy does not compile, and no mutant is to blame\n{said}"
                ));
            }
            unviable.extend(blamed);
        }
    }

    /// The test binary, or what the compiler said.
    fn cargo(&self) -> Result<std::result::Result<PathBuf, Vec<Value>>> {
        let (work, test) = (&self.options.work, &self.options.test);
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "test",
                "--profile",
                "sim",
                "-p",
                "notion-sync-core",
                "--no-run",
            ])
            .args(if test == "lib" {
                vec!["--lib"]
            } else {
                vec!["--test", test]
            })
            .args(["--message-format", "json", "--target-dir"])
            .arg(work.join("target"))
            .current_dir(work)
            .stderr(Stdio::inherit())
            .output()
            .map_err(at("cargo test --no-run"))?;
        let (mut errors, mut binary) = (Vec::new(), None);
        for line in output
            .stdout
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Ok(mut line) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            if line["message"]["level"] == "error" {
                errors.push(line["message"].take());
            } else if line["profile"]["test"] == true && line["executable"].is_string() {
                binary = line["executable"].as_str().map(PathBuf::from);
            }
        }
        match binary {
            Some(binary) if output.status.success() => Ok(Ok(binary)),
            _ if errors.is_empty() => Err(format!(
                "cargo test --no-run --test {test}: {}",
                output.status
            )),
            _ => Ok(Err(errors)),
        }
    }
}

/// Writes a file unless it says that already: cargo builds what is newer.
fn place(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(at(folder.display()))?;
    fs::write(path, text).map_err(at(path.display()))
}

/// The mutants that an error of the compiler is about: those in whose code the error stands; else those that it
/// points to besides, as when a branch has another type than the rest; else all of the place.
fn blame(error: &Value, written: &BTreeMap<&str, Written>) -> Vec<u32> {
    let none = Vec::new();
    let spans = error["spans"].as_array().unwrap_or(&none);
    let found = |primary: bool, whole: bool| {
        (spans.iter())
            .filter(|span| span["is_primary"] == primary)
            .filter_map(|span| {
                let start = usize::try_from(span["byte_start"].as_u64()?).ok()?;
                let written = written.get(span["file_name"].as_str()?)?;
                let places = if whole {
                    &written.places
                } else {
                    &written.branches
                };
                places
                    .iter()
                    .find(|(range, ids)| range.contains(&start) && !ids.is_empty())
            })
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect::<Vec<u32>>()
    };
    [(true, false), (false, false), (true, true)]
        .into_iter()
        .map(|(primary, whole)| found(primary, whole))
        .find(|ids| !ids.is_empty())
        .unwrap_or_default()
}
