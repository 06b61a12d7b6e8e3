//! What settings must hold beyond their types.

mod services;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::comment::CommentSync;
use notion_sync_core::mapping::PathTemplate;
use notion_sync_github::FileScope;
use notion_sync_notion::identifier;

pub use self::services::is_loopback;
use super::{Config, DocumentsSection, Fault, Faults, Places, SentinelSection};

/// Keys of the front matter that belong to the engine.
const OWN_KEYS: [&str; 3] = ["title", "notion_page_id", "notion_revision"];
/// Longest name of a mapping.
const MAX_NAME: usize = 64;
/// Most tasks that one poll looks through for comments.
const MAX_PAGES_PER_POLL: u32 = 500;

struct Check<'c> {
    places: &'c Places,
    faults: Faults,
    /// Names of the properties in which the sync keeps its own notes.
    own: BTreeSet<String>,
}

impl Check<'_> {
    fn fault(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        if self.places.is_broken(key) {
            return;
        }
        self.faults
            .push(Fault::new(self.places.of(key), message).remedy(remedy));
    }

    fn repository(&mut self, key: &str, name: &str) {
        let fits = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        match name.split_once('/') {
            Some((owner, name)) if fits(owner) && fits(name) => {}
            _ if name.is_empty() => {
                self.fault(key, "the repository is missing", "write \"owner/name\"");
            }
            _ => self.fault(
                key,
                format!("{name:?} does not name a repository"),
                "write \"owner/name\"",
            ),
        }
    }

    fn property(&mut self, key: &str, name: &str) {
        if name.trim().is_empty() {
            self.fault(
                key,
                "the name of the property is empty",
                "write its name as Notion shows it, or remove the key",
            );
        }
    }

    /// A property that holds what people and GitHub say: none of the sync's own, which it would
    /// write over.
    fn mapped(&mut self, key: &str, name: &str) {
        self.property(key, name);
        if self.own.contains(name) {
            self.fault(
                key,
                format!("the sync keeps notes of its own in the property {name:?}"),
                "map another property, or give that one another name in [notion.properties]",
            );
        }
    }
}

impl<'c> Check<'c> {
    fn new(config: &Config, places: &'c Places) -> Self {
        Self {
            places,
            faults: Faults::default(),
            own: (config.notion.properties.roles().into_iter())
                .map(|(_, name, _)| name.to_owned())
                .collect(),
        }
    }
}

impl Config {
    /// Everything that is wrong.
    pub(super) fn check(&self, places: &Places) -> Faults {
        let mut check = Check::new(self, places);
        check.services(self);
        check.store(self);
        check.times(self);
        check.mappings(self);
        for (index, section) in self.documents.iter().enumerate() {
            check.documents(&format!("documents[{index}]"), section);
        }
        for (index, section) in self.tasks.iter().enumerate() {
            check.tasks(&format!("tasks[{index}]"), section);
        }
        check.folders(self);
        check.people(&self.people);
        check.faults
    }
}

impl Check<'_> {
    fn store(&mut self, config: &Config) {
        let url = config.store.url.as_str();
        let known = matches!(url, "memory:" | "sqlite::memory:")
            || url
                .strip_prefix("sqlite:")
                .is_some_and(|file| !file.trim_start_matches("//").is_empty());
        if !known {
            // Nothing after the scheme is repeated: it may hold a password.
            let scheme: String = url
                .split(':')
                .next()
                .unwrap_or("")
                .chars()
                .take(20)
                .collect();
            self.fault(
                "store.url",
                format!("no store understands `{scheme}:…`"),
                "write sqlite:FILE, sqlite::memory: or memory:",
            );
        }
        if config.store.shared && url.ends_with("memory:") {
            self.fault(
                "store.shared",
                "a store in memory is seen by one process only",
                "write sqlite:FILE, or remove the key",
            );
        }
    }

    fn times(&mut self, config: &Config) {
        if !config.is_local() {
            for (name, value, safe) in config.bounds.unsafe_values() {
                self.fault(
                    &format!("bounds.{name}"),
                    format!("{value} is below the safe {safe} seconds"),
                    "remove the key; less is accepted only where both services are on loopback",
                );
            }
        }
        let bounds = &config.bounds;
        if bounds.request_deadline == 0 {
            self.fault(
                "bounds.request_deadline",
                "every request would fail at once",
                "write at least 1",
            );
        }
        if bounds.heartbeat >= bounds.lease {
            self.fault(
                "bounds.heartbeat",
                format!(
                    "a heartbeat every {} s cannot keep a lease of {} s",
                    bounds.heartbeat, bounds.lease
                ),
                "write less than a third of the lease",
            );
        }
        if bounds.poison_after == 0 {
            self.fault(
                "bounds.poison_after",
                "every operation would be set aside",
                "write at least 1",
            );
        }
        if config.audit.decisions > 100 {
            self.fault(
                "audit.decisions",
                "the store would hold every page many times",
                "write 0 to 100",
            );
        }
        let schedule = &config.schedule;
        if schedule.poll == 0 {
            self.fault("schedule.poll", "polls need a pause", "write at least 1");
        }
        if schedule.sweep < schedule.poll {
            self.fault(
                "schedule.sweep",
                "full listings would come more often than polls",
                "write at least as much as schedule.poll",
            );
        }
        if schedule.contents < schedule.sweep {
            self.fault(
                "schedule.contents",
                "everything would be read with each full listing",
                "write at least as much as schedule.sweep",
            );
        }
        let receiver = &config.receiver;
        if receiver.gather_ms > 60_000 {
            self.fault(
                "receiver.gather_ms",
                "events would wait for longer than a poll",
                "write at most 60000",
            );
        }
        if receiver.github_max_bytes < 65_536 {
            self.fault(
                "receiver.github_max_bytes",
                "ordinary deliveries would be refused",
                "write at least 65536",
            );
        }
        for (key, value) in [
            ("guard.removal_percent", config.guard.removal_percent),
            ("guard.edit_percent", config.guard.edit_percent),
        ] {
            if value > 100 {
                self.fault(key, format!("{value} percent"), "write 0 to 100");
            }
        }
    }

    fn mappings(&mut self, config: &Config) {
        if config.documents.is_empty() && config.tasks.is_empty() {
            self.fault(
                "documents",
                "nothing is mapped",
                "add [[documents]] or [[tasks]], or let `notion-sync init` write them",
            );
        }
        let documents = config.documents.iter().enumerate().map(|(index, one)| {
            let key = format!("documents[{index}]");
            (key, one.name.as_str(), one.data_source.as_str())
        });
        let tasks = config.tasks.iter().enumerate().map(|(index, one)| {
            let key = format!("tasks[{index}]");
            (key, one.name.as_str(), one.data_source.as_str())
        });
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut sources: BTreeMap<String, &str> = BTreeMap::new();
        for (key, name, source) in documents.chain(tasks) {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
                self.fault(
                    &format!("{key}.name"),
                    if name.is_empty() {
                        "the mapping has no name".to_owned()
                    } else {
                        format!("{name:?} is no name of a mapping")
                    },
                    "use lower-case letters, digits, `-` and `_`, at most 64",
                );
            } else if !names.insert(name) {
                self.fault(
                    &format!("{key}.name"),
                    format!("another mapping is called {name:?}"),
                    "give it another name",
                );
            }
            match identifier::canonical(source) {
                Some(id) => {
                    if let Some(other) = sources.insert(id, name) {
                        self.fault(
                            &format!("{key}.data_source"),
                            format!("the mapping {other:?} has the same data source"),
                            "a data source belongs to one mapping",
                        );
                    }
                }
                None => self.fault(
                    &format!("{key}.data_source"),
                    if source.is_empty() {
                        "the data source is missing".to_owned()
                    } else {
                        format!("{source:?} is no id")
                    },
                    "copy the data source id from the database's menu in Notion",
                ),
            }
        }
    }

    /// What must be readable: named, saying something, and of the mapping's own sort.
    fn sentinel(&mut self, key: &str, section: &SentinelSection, tasks: bool) {
        let canaries = [
            ("page", &section.page, true),
            ("file", &section.file, !tasks),
            ("issue", &section.issue, tasks),
        ];
        for (name, canary, fits) in canaries {
            let Some(canary) = canary else { continue };
            let key = format!("{key}.sentinel.{name}");
            if !fits {
                let remedy = if tasks {
                    "a mapping of tasks has issues: write `issue`"
                } else {
                    "a mapping of documents has files: write `file`"
                };
                self.fault(&key, format!("there is no {name} in this mapping"), remedy);
            }
            if canary.contains.trim().is_empty() {
                self.fault(
                    &key,
                    "anything would do: an emptied object could not be told from a whole one",
                    "write in `contains` what its title or text holds",
                );
            }
            let known = match name {
                "page" => {
                    identifier::canonical(&canary.at).is_some()
                        || identifier::from_url(&canary.at).is_some()
                }
                "issue" => (canary.at.rsplit('#').next()).is_some_and(|n| n.parse::<u64>().is_ok()),
                _ => !canary.at.trim().is_empty(),
            };
            if !known {
                self.fault(
                    &key,
                    format!("{:?} names no {name}", canary.at),
                    "write in `at` the id or address of a page, the path of a file, or owner/name#number",
                );
            }
        }
    }

    fn documents(&mut self, key: &str, section: &DocumentsSection) {
        self.sentinel(key, &section.sentinel, false);
        self.repository(&format!("{key}.repository"), &section.repository);
        let branch = &section.branch;
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if branch.is_empty()
            || branch.contains(odd)
            || branch.contains("..")
            || branch.contains("//")
            || branch.starts_with('/')
            || branch.ends_with('/')
        {
            self.fault(
                &format!("{key}.branch"),
                format!("{branch:?} is no branch"),
                "write its name without refs/heads/",
            );
        }
        let path = format!("{key}.path");
        match PathTemplate::new(section.path.as_str()) {
            Err(why) => self.fault(&path, why, "write for example \"docs/{slug}.md\""),
            Ok(template) => {
                let extension = template.extension().trim_start_matches('.');
                if extension.is_empty() || extension.contains(['{', '}']) {
                    self.fault(
                        &path,
                        "the path needs an extension, which says which files belong to the mapping",
                        "write for example \"docs/{slug}.md\"",
                    );
                } else if let Err(error) = FileScope::new(template.folder(), &[extension]) {
                    self.fault(&path, error.to_string(), "write a plain folder");
                }
            }
        }
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for (property, field) in &section.front_matter {
            let place = format!("{key}.front_matter.{property}");
            self.mapped(&place, property);
            let name = field.key();
            if OWN_KEYS.contains(&name) {
                self.fault(
                    &place,
                    format!("the key `{name}` belongs to the synchronisation"),
                    "choose another key; the title needs no entry",
                );
            } else if name.trim().is_empty() || name.contains(char::is_control) {
                self.fault(
                    &place,
                    "the key is empty or not plain",
                    "choose another key",
                );
            } else if !keys.insert(name) {
                self.fault(
                    &place,
                    format!("another property has the key `{name}`"),
                    "give each property its own key",
                );
            }
        }
        for (index, reviewer) in section.reviewers.iter().enumerate() {
            let plain = reviewer
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
            if reviewer.is_empty() || !plain || reviewer.matches('/').count() > 1 {
                self.fault(
                    &format!("{key}.reviewers[{index}]"),
                    format!("{reviewer:?} is neither a login nor a team"),
                    "write a login without @, or org/team",
                );
            }
        }
        self.limits(key, section.limits.bytes, section.limits.blocks);
    }

    fn limits(&mut self, key: &str, bytes: usize, blocks: usize) {
        for (name, value) in [("bytes", bytes), ("blocks", blocks)] {
            if value == 0 {
                self.fault(
                    &format!("{key}.limits.{name}"),
                    "no document fits into nothing",
                    "remove the key",
                );
            }
        }
    }

    fn comments(&mut self, key: &str, comments: &CommentSync) {
        if let Some(prefix) = &comments.ignore_prefix
            && (prefix.trim() != prefix || prefix.is_empty() || prefix.contains(char::is_control))
        {
            self.fault(
                &format!("{key}.ignore_prefix"),
                format!("{prefix:?} cannot begin a comment"),
                "write for example \"//\", without spaces around it, or remove the key",
            );
        }
        if comments.pages_per_poll > MAX_PAGES_PER_POLL {
            self.fault(
                &format!("{key}.pages_per_poll"),
                "polls would use up what Notion allows in a minute",
                format!("write at most {MAX_PAGES_PER_POLL}"),
            );
        }
    }

    /// Two mappings must not claim the same files.
    fn folders(&mut self, config: &Config) {
        let scopes: Vec<(usize, &DocumentsSection, String, String)> = config
            .documents
            .iter()
            .enumerate()
            .filter_map(|(index, one)| {
                let template = PathTemplate::new(one.path.as_str()).ok()?;
                let folder = format!("{}/", template.folder());
                Some((
                    index,
                    one,
                    folder,
                    template.extension().to_ascii_lowercase(),
                ))
            })
            .collect();
        for (at, (index, one, folder, extension)) in scopes.iter().enumerate() {
            for (_, other, folder_2, extension_2) in scopes.iter().take(at) {
                let same_place = one.repository.eq_ignore_ascii_case(&other.repository)
                    && one.branch == other.branch
                    && extension == extension_2;
                let root = folder == "/" || folder_2 == "/";
                if same_place
                    && (root || folder.starts_with(folder_2) || folder_2.starts_with(folder))
                {
                    self.fault(
                        &format!("documents[{index}].path"),
                        format!(
                            "the mapping {:?} holds files of the same folder",
                            other.name
                        ),
                        "give each mapping a folder of its own",
                    );
                }
            }
        }
    }

    fn people(&mut self, people: &BTreeMap<String, String>) {
        let mut known: BTreeMap<String, &str> = BTreeMap::new();
        let mut logins: BTreeSet<String> = BTreeSet::new();
        for (login, user) in people {
            let key = format!("people.{login}");
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            let stem = login.strip_suffix("[bot]").unwrap_or(login);
            if stem.is_empty() || !stem.chars().all(plain) {
                self.fault(
                    &key,
                    format!("{login:?} is no login of GitHub"),
                    "write the login without @",
                );
            } else if !logins.insert(login.to_lowercase()) {
                self.fault(
                    &key,
                    "the login stands there twice",
                    "logins do not differ by case; remove one",
                );
            }
            let id = identifier::canonical(user);
            if id.is_none() && !is_address(user) {
                self.fault(
                    &key,
                    format!("{user:?} is neither an id nor an e-mail address of a Notion user"),
                    "write the address the person uses in Notion",
                );
                continue;
            }
            let user = id.unwrap_or_else(|| user.to_lowercase());
            if let Some(other) = known.insert(user, login) {
                self.fault(
                    &key,
                    format!("{other} is the same person in Notion"),
                    "one login for each person",
                );
            }
        }
    }
}

fn is_address(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    matches!(text.split_once('@'), Some((name, host)) if plain && !name.is_empty()
        && !host.is_empty() && !host.contains('@'))
}
