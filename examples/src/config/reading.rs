//! From TOML to settings, without stopping at the first fault.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{Config, Fault, Faults};

/// Most faults that are reported for one section: a file that is something else altogether should
/// not fill the screen.
const MOST: usize = 50;

/// Where each key stands, for messages.
#[derive(Debug, Clone, Default)]
pub struct Places {
    file: String,
    lines: BTreeMap<String, usize>,
    named: BTreeMap<String, String>,
    broken: BTreeSet<String>,
}

impl Places {
    /// The place of a key such as `documents[0].path`; the place of the section where the key is
    /// not written.
    #[must_use]
    pub fn of(&self, key: &str) -> String {
        if let Some(name) = self.named.get(key) {
            return name.clone();
        }
        let mut at = key;
        loop {
            if let Some(line) = self.lines.get(at) {
                return format!("{}:{line}: {key}", self.file);
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break,
            }
        }
        if self.file.is_empty() {
            key.to_owned()
        } else {
            format!("{}: {key}", self.file)
        }
    }

    /// Whether a key, or a section around it, could not be read: what is missing then is no second
    /// fault.
    pub(super) fn is_broken(&self, key: &str) -> bool {
        self.broken.iter().any(|broken| {
            key.strip_prefix(broken.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Gives a key another place than the file.
    pub(super) fn name(&mut self, key: &str, place: String) {
        self.named.insert(key.to_owned(), place);
    }
}

struct Reader<'t> {
    text: &'t str,
    places: Places,
    faults: Faults,
}

/// Reads what can be read.
pub(super) fn read(text: &str, file: &str) -> (Config, Places, Faults) {
    let mut reader = Reader {
        text,
        places: Places {
            file: file.to_owned(),
            ..Places::default()
        },
        faults: Faults::default(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MOST) {
        reader.fault(error);
    }
    let config = reader.config(table.into_inner());
    (config, reader.places, reader.faults)
}

impl<'t> Reader<'t> {
    fn config(&mut self, table: DeTable<'t>) -> Config {
        let mut config = Config::default();
        for (key, value) in table {
            let line = self.line(key.span().start);
            let name = key.into_inner().into_owned();
            self.places.lines.insert(name.clone(), line);
            match name.as_str() {
                "notion" => config.notion = self.section(&name, value),
                "github" => config.github = self.section(&name, value),
                "store" => config.store = self.section(&name, value),
                "bounds" => config.bounds = self.section(&name, value),
                "guard" => config.guard = self.section(&name, value),
                "schedule" => config.schedule = self.section(&name, value),
                "audit" => config.audit = self.section(&name, value),
                "receiver" => config.receiver = self.section(&name, value),
                "people" => config.people = self.section(&name, value),
                "documents" => config.documents = self.sections(&name, value),
                "tasks" => config.tasks = self.sections(&name, value),
                _ => {
                    let place = format!("{}:{line}", self.places.file);
                    self.faults.push(
                        Fault::new(place, format!("there is no section `{name}`")).remedy(
                            "sections are notion, github, store, bounds, guard, schedule, \
                             audit, receiver, documents, tasks, people",
                        ),
                    );
                }
            }
        }
        config
    }

    fn sections<T: DeserializeOwned + Default>(
        &mut self,
        name: &str,
        value: Spanned<DeValue<'t>>,
    ) -> Vec<T> {
        let line = self.line(value.span().start);
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.section(&format!("{name}[{index}]"), item))
                .collect(),
            _ => {
                self.faults.push(
                    Fault::new(
                        format!("{}:{line}: {name}", self.places.file),
                        "it is no list of mappings",
                    )
                    .remedy(format!("write [[{name}]] with two brackets")),
                );
                self.places.broken.insert(name.to_owned());
                Vec::new()
            }
        }
    }

    /// Reads a section; a key that does not fit is reported and left out, until the rest fits.
    fn section<T: DeserializeOwned + Default>(
        &mut self,
        name: &str,
        value: Spanned<DeValue<'t>>,
    ) -> T {
        self.remember(name, &value, 0);
        let mut value = value;
        for _ in 0..MOST {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(section) => return section,
                Err(error) => error,
            };
            self.fault(&error);
            let (Some(at), DeValue::Table(table)) = (error.span(), value.get_mut()) else {
                break;
            };
            let (bad, good): (Vec<_>, Vec<_>) = std::mem::take(table)
                .into_iter()
                .partition(|(key, value)| holds(&key.span(), &at) || holds(&value.span(), &at));
            *table = good.into_iter().collect();
            if bad.is_empty() {
                break;
            }
            for (key, _) in bad {
                self.places
                    .broken
                    .insert(format!("{name}.{}", key.get_ref()));
            }
        }
        self.places.broken.insert(name.to_owned());
        T::default()
    }

    /// Keeps the lines of keys, a few levels deep: no setting lies deeper.
    fn remember(&mut self, name: &str, value: &Spanned<DeValue<'t>>, depth: usize) {
        let line = self.line(value.span().start);
        self.places.lines.entry(name.to_owned()).or_insert(line);
        if depth > 4 {
            return;
        }
        match value.get_ref() {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let name = format!("{name}.{}", key.get_ref());
                    let line = self.line(key.span().start);
                    self.places.lines.insert(name.clone(), line);
                    self.remember(&name, value, depth + 1);
                }
            }
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.remember(&format!("{name}[{index}]"), item, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn fault(&mut self, error: &toml::de::Error) {
        let place = match error.span() {
            Some(span) => format!("{}:{}", self.places.file, self.line(span.start)),
            None => self.places.file.clone(),
        };
        // The parser's message may span lines; a fault is one.
        let message = error.message().split_whitespace().collect::<Vec<_>>();
        self.faults
            .push(Fault::new(place, message.join(" ")).remedy("docs/guide.md lists all keys"));
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.start < outer.end.max(outer.start + 1)
}
