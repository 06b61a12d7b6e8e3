//! What the settings of tasks must hold.

use std::collections::BTreeSet;

use notion_sync_core::effect::Effect;

use super::super::rules::MOST_RULES;
use super::super::{
    IssueFact, LabelsChoice, ProjectSection, RepositoryChoice, StatusSection, TasksSection,
};
use super::{Check, MAX_NAME};

/// Names of fields that are there already, in lower case.
const TAKEN: [&str; 10] = [
    "title",
    "state",
    "labels",
    "assignees",
    "milestone",
    "type",
    "created_at",
    "closed_at",
    "author",
    "parent",
];
/// Most fields of a project.
const MOST_FIELDS: usize = 29;
/// Longest name of a label, in characters.
const MAX_LABEL: usize = 50;

impl Check<'_> {
    pub(super) fn tasks(&mut self, key: &str, section: &TasksSection) {
        self.sentinel(key, &section.sentinel, true);
        let place = format!("{key}.repository");
        match &section.repository {
            RepositoryChoice::Fixed(name) => self.repository(&place, name),
            RepositoryChoice::Property { property, of } => {
                self.property(&format!("{place}.property"), property);
                if of.is_empty() {
                    self.fault(
                        &format!("{place}.of"),
                        "no repository is named, so no issue could be listed",
                        "name every repository that the property may hold: of = [\"owner/name\"]",
                    );
                }
                for (index, name) in of.iter().enumerate() {
                    self.repository(&format!("{place}.of[{index}]"), name);
                }
            }
        }
        if let Some(status) = &section.status {
            self.status(&format!("{key}.status"), status);
        }
        if !section.create_when.is_empty() && section.status.is_none() {
            self.fault(
                &format!("{key}.create_when"),
                "no status is mapped that could say it",
                "add status = { property, open, closed }, or remove the key",
            );
        }
        if section.change_comments && section.status.is_none() {
            self.fault(
                &format!("{key}.change_comments"),
                "no status is mapped whose changes could be told",
                "add status = { property, open, closed }, or remove the key",
            );
        }
        if section.common_rules && section.status.is_none() {
            self.fault(
                &format!("{key}.common_rules"),
                "no status is mapped that they could look at",
                "add status = { property, open, closed }, or remove the key",
            );
        }
        self.rules(&format!("{key}.rules"), section);
        for (name, property) in [
            ("assignees", &section.assignees),
            ("milestone", &section.milestone),
            ("type", &section.issue_type),
            ("parent", &section.parent),
        ] {
            if let Some(property) = property {
                self.mapped(&format!("{key}.{name}"), property);
            }
        }
        if let Some(comments) = &section.comments {
            self.comments(&format!("{key}.comments"), comments);
        }
        self.labels(key, section);
        let below = &section.keep_below;
        for (name, marker) in [("github", &below.github), ("notion", &below.notion)] {
            let fits =
                |marker: &String| !marker.trim().is_empty() && marker.trim().lines().count() == 1;
            if let Some(marker) = marker.as_ref().filter(|marker| !fits(marker)) {
                self.fault(
                    &format!("{key}.keep_below.{name}"),
                    format!("{marker:?} is not one line"),
                    "write one line, for example \"## GitHub only\"",
                );
            }
        }
        self.facts(&format!("{key}.fields"), section);
        if let Some(project) = &section.project {
            self.project(&format!("{key}.project"), project);
        }
        self.limits(key, section.limits.bytes, section.limits.blocks);
    }

    fn labels(&mut self, key: &str, section: &TasksSection) {
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        match &section.labels {
            None => {}
            Some(LabelsChoice::All(property)) => {
                self.mapped(&format!("{key}.labels"), property);
                taken.insert(property);
            }
            Some(LabelsChoice::Some(labels)) => {
                let key = format!("{key}.labels");
                self.mapped(&format!("{key}.property"), &labels.property);
                taken.insert(&labels.property);
                for (name, prefixes) in [("include", &labels.include), ("exclude", &labels.exclude)]
                {
                    for (index, prefix) in prefixes.iter().enumerate() {
                        self.prefix(&format!("{key}.{name}[{index}]"), prefix);
                    }
                }
                if labels.strip && labels.include.len() != 1 {
                    self.fault(
                        &format!("{key}.strip"),
                        format!(
                            "with {} prefixes in `include` an option would not say its label",
                            labels.include.len()
                        ),
                        "name exactly one prefix in `include`, or remove `strip`",
                    );
                }
            }
        }
        let mut before: Vec<(&str, String)> = Vec::new();
        for (name, field) in &section.label_fields {
            let key = format!("{key}.label_fields.{name}");
            if name.trim().is_empty()
                || name.len() > MAX_NAME
                || name.contains(char::is_control)
                || name.starts_with("rule ")
                || name.starts_with("project:")
                || TAKEN.contains(&name.to_lowercase().as_str())
            {
                self.fault(
                    &key,
                    format!("{name:?} is no name of a field of its own"),
                    "choose another one: what is agreed is remembered under it",
                );
            }
            self.mapped(&format!("{key}.property"), &field.property);
            if !taken.insert(&field.property) {
                self.fault(
                    &format!("{key}.property"),
                    format!("labels go to {:?} already", field.property),
                    "give each its own property",
                );
            }
            self.prefix(&format!("{key}.prefix"), &field.prefix);
            let prefix = field.prefix.to_lowercase();
            let other = (before.iter())
                .find(|(_, one)| one.starts_with(&prefix) || prefix.starts_with(one.as_str()));
            if let Some((other, _)) = other {
                self.fault(
                    &format!("{key}.prefix"),
                    format!("a label could begin with it and belong to {other:?} too"),
                    "choose prefixes of which none begins another",
                );
            }
            before.push((name, prefix));
        }
    }

    fn prefix(&mut self, key: &str, prefix: &str) {
        if prefix.trim().is_empty() || prefix.chars().count() >= MAX_LABEL {
            self.fault(
                key,
                format!("{prefix:?} is no prefix of a label"),
                "write what the labels begin with, for example \"area/\"",
            );
        }
    }

    fn facts(&mut self, key: &str, section: &TasksSection) {
        let mut shown: BTreeSet<IssueFact> = BTreeSet::new();
        for (property, fact) in &section.fields {
            let key = format!("{key}.{property}");
            self.mapped(&key, property);
            if !shown.insert(*fact) {
                self.fault(
                    &key,
                    format!("another property shows `{}`", fact.name()),
                    "remove one of them",
                );
            }
        }
    }

    fn project(&mut self, key: &str, section: &ProjectSection) {
        if !is_project(&section.project) {
            self.fault(
                &format!("{key}.project"),
                format!("{:?} names no project", section.project),
                "write owner/number, as in the project's address",
            );
        }
        if section.fields.is_empty() || section.fields.len() > MOST_FIELDS {
            self.fault(
                &format!("{key}.fields"),
                format!("{} fields", section.fields.len()),
                format!("name 1 to {MOST_FIELDS}: fields = {{ Property = \"Field\" }}"),
            );
        }
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (property, choice) in &section.fields {
            let key = format!("{key}.fields.{property}");
            self.mapped(&key, property);
            let field = choice.field();
            if field.trim().is_empty() || field.contains(char::is_control) {
                self.fault(
                    &key,
                    format!("{field:?} is no name of a field"),
                    "write its name as the project shows it",
                );
            } else if !taken.insert(field.to_lowercase()) {
                self.fault(
                    &key,
                    format!("another property goes to the field {field:?}"),
                    "remove one of them",
                );
            }
        }
        if let Some(field) = &section.page_id
            && (field.trim().is_empty() || taken.contains(&field.to_lowercase()))
        {
            self.fault(
                &format!("{key}.page_id"),
                format!("{field:?} is no field of its own"),
                "name a text field that no property goes to",
            );
        }
    }

    fn rules(&mut self, key: &str, section: &TasksSection) {
        if section.rules.len() > MOST_RULES {
            let many = format!(
                "{} rules, at most {MOST_RULES} are allowed",
                section.rules.len()
            );
            self.fault(key, many, "split the mapping, or join rules");
        }
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (index, rule) in section.rules.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let name = format!("{key}.name");
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            let taken = section.common_rules && rule.name.starts_with("common-");
            if rule.name.is_empty() || rule.name.len() > MAX_NAME || !rule.name.chars().all(fits) {
                let text = format!("{:?} is no name of a rule", rule.name);
                self.fault(
                    &name,
                    text,
                    "use lower-case letters, digits, `-` and `_`, at most 64",
                );
            } else if taken || !names.insert(&rule.name) {
                let text = format!("another rule is called {:?}", rule.name);
                self.fault(&name, text, "give it another name");
            }
            if rule.property.is_empty() && section.status.is_none() {
                self.fault(
                    &format!("{key}.property"),
                    "the rule looks at no property",
                    "write property = \"…\", or map a status",
                );
            }
            let conditions = [&rule.becomes, &rule.leaves, &rule.is];
            match conditions.iter().filter(|list| !list.is_empty()).count() {
                1 => {}
                0 => self.fault(
                    &key,
                    "the rule has no condition",
                    "write becomes = [\"…\"], leaves = [\"…\"] or is = [\"…\"]",
                ),
                _ => self.fault(
                    &key,
                    "the rule has several conditions",
                    "write one of becomes, leaves and is; make a rule of each",
                ),
            }
            if rule.steps.is_empty() {
                self.fault(
                    &format!("{key}.do"),
                    "the rule does nothing",
                    "write for example do = [\"mark-ready\"]",
                );
            }
            if rule.expires_hours == 0 {
                self.fault(
                    &format!("{key}.expires_hours"),
                    "every step would be given up at once",
                    "write at least 1",
                );
            }
            for (step, effect) in rule.steps.iter().enumerate() {
                if let Err((what, remedy)) = step_fault(effect) {
                    self.fault(&format!("{key}.do[{step}]"), what, remedy);
                }
            }
        }
    }

    fn status(&mut self, key: &str, status: &StatusSection) {
        self.mapped(&format!("{key}.property"), &status.property);
        for (name, options, default) in [
            ("open", &status.open, &status.open_default),
            ("closed", &status.closed, &status.closed_default),
        ] {
            if options.is_empty() {
                self.fault(
                    &format!("{key}.{name}"),
                    format!("no option means that an issue is {name}"),
                    "name at least one option of the property",
                );
            }
            if let Some(default) = default
                && !options.contains(default)
            {
                self.fault(
                    &format!("{key}.{name}_default"),
                    format!("{default:?} is not among the options of `{name}`"),
                    format!("add it to `{name}`, or choose one that is there"),
                );
            }
        }
        for option in &status.open {
            if status.closed.contains(option) {
                self.fault(
                    &format!("{key}.closed"),
                    format!("the option {option:?} is both open and closed"),
                    "remove it from one of the lists",
                );
            }
        }
    }
}

/// Whether a text is written `owner/number`.
fn is_project(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(owner, number)| !owner.is_empty() && number.parse::<u32>().is_ok())
}

/// What is wrong with a step, and what to do.
fn step_fault(effect: &Effect) -> Result<(), (String, &'static str)> {
    let filled = |text: &str, what: &str, remedy: &'static str| {
        if text.trim().is_empty() {
            Err((format!("{what} is empty"), remedy))
        } else {
            Ok(())
        }
    };
    let names = |set: &BTreeSet<String>| {
        if set.is_empty() || set.iter().any(|name| name.trim().is_empty()) {
            Err(("a name is missing".to_owned(), "name at least one"))
        } else {
            Ok(())
        }
    };
    match effect {
        Effect::OpenPull(open) => {
            let branch = &open.branch;
            let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
            if !branch.contains("{number}") {
                return Err((
                    format!("the branch {branch:?} would be the same for every task"),
                    "write {number} into it",
                ));
            }
            if branch.contains(odd) || branch.contains("..") || branch.ends_with('/') {
                return Err((
                    format!("{branch:?} is no branch"),
                    "write for example task/{number}",
                ));
            }
            if let Some(file) = &open.file {
                let path = &file.path;
                if path.is_empty() || path.starts_with('/') || path.split('/').any(|p| p == "..") {
                    return Err((
                        format!("{path:?} is no path in a repository"),
                        "write a path from the root of the repository",
                    ));
                }
            }
            filled(&open.title, "the title", "write for example {title}")
        }
        Effect::Comment(note) => filled(&note.text, "the text", "write text = \"…\""),
        Effect::AddLabels(set) | Effect::RemoveLabels(set) => names(set),
        Effect::SetProjectField(field) => {
            if !is_project(&field.project) {
                return Err((
                    format!("{:?} names no project", field.project),
                    "write owner/number, as in the project's address",
                ));
            }
            filled(
                &field.field,
                "the field",
                "write the name of a field of the project",
            )
        }
        Effect::Dispatch(dispatch) => filled(
            &dispatch.workflow,
            "the workflow",
            "write its file name, for example ci.yml",
        ),
        Effect::MarkReady
        | Effect::ConvertToDraft
        | Effect::Merge(_)
        | Effect::Close(_)
        | Effect::Reopen
        | Effect::Summary
        | Effect::SetMilestone(_)
        | Effect::SetAssignees(_)
        | Effect::SetType(_) => Ok(()),
    }
}
