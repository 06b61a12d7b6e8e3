//! What `check-config` says about the properties that a mapping names.

use notion_sync_core::mapping::{FieldKind, FieldMap, MappingKind};
use notion_sync_core::remote::{FieldSchema, Remote as _, Schema};
use notion_sync_core::rule::Values;
use notion_sync_notion::{Client, NotionPages, PageSettings};

use super::inspection::Found;
use crate::config::{
    Config, DocumentsSection, RepositoryChoice, StatusSection, TasksSection, values,
};
use crate::exit::Failure;
use crate::wiring;

/// One mapping of the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section<'c> {
    Documents(&'c DocumentsSection),
    Tasks(&'c TasksSection),
}

impl Section<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Documents(one) => &one.name,
            Self::Tasks(one) => &one.name,
        }
    }

    pub(super) fn data_source(&self) -> &str {
        match self {
            Self::Documents(one) => &one.data_source,
            Self::Tasks(one) => &one.data_source,
        }
    }

    pub(super) fn kind(&self) -> MappingKind {
        match self {
            Self::Documents(_) => MappingKind::Documents,
            Self::Tasks(_) => MappingKind::Tasks,
        }
    }
}

/// Compares what a mapping names with the data source.
pub(super) async fn ask(
    config: &Config,
    client: &Client,
    section: Section<'_>,
    found: &mut Vec<Found>,
) -> Result<(), Failure> {
    let settings = PageSettings::new(section.data_source(), &config.bounds);
    let schema = NotionPages::new(client.clone(), settings)?.schema().await?;
    let mut comparison = Comparison {
        mapping: section.name(),
        schema: &schema,
        found,
    };
    match section {
        Section::Documents(documents) => {
            for field in wiring::fields_of_documents(documents, &schema) {
                comparison.field(&field);
            }
        }
        Section::Tasks(tasks) => comparison.tasks(tasks),
    }
    Ok(())
}

/// One mapping beside the schema of its data source.
struct Comparison<'a> {
    mapping: &'a str,
    schema: &'a Schema,
    found: &'a mut Vec<Found>,
}

impl Comparison<'_> {
    fn tasks(&mut self, section: &TasksSection) {
        for field in wiring::fields_of_tasks(section) {
            self.field(&field);
        }
        if let RepositoryChoice::Property { property, .. } = &section.repository {
            self.property(property);
        }
        // Whether their types fit is told with the project.
        let project = section.project.iter();
        for property in project.flat_map(|project| project.fields.keys()) {
            self.property(property);
        }
        if let Some(status) = &section.status {
            self.status(status);
            self.values("create_when", &status.property, &section.create_when);
        }
        for rule in &section.rules {
            let on = rule.rule(section.status.as_ref()).on;
            if self.property(&on).is_none() {
                continue;
            }
            for (key, words) in [
                ("becomes", &rule.becomes),
                ("leaves", &rule.leaves),
                ("is", &rule.is),
                ("from", &rule.from),
            ] {
                self.values(&format!("rule {}: {key}", rule.name), &on, words);
            }
        }
    }

    /// The property of an id or name; that it is missing is said once.
    fn property(&mut self, name: &str) -> Option<FieldSchema> {
        let known = self.known(name);
        if known.is_none() {
            let mut names: Vec<&str> = (self.schema.fields.values())
                .map(|property| property.name.as_str())
                .collect();
            names.sort_unstable();
            let remedy = format!("it has {}", names.join(", "));
            let what = format!("property {name:?}");
            self.fault(&what, "the data source has no such property", &remedy);
        }
        known
    }

    /// A field whose property is there and of a type that can hold it.
    fn field(&mut self, field: &FieldMap) {
        let Some(property) = self.property(&field.notion) else {
            return;
        };
        let what = format!("property {:?}", field.notion);
        if property.kind == "title" {
            let message = format!(
                "it is the title, which follows without being mapped as {}",
                field.id
            );
            self.fault(&what, &message, "name another property, or remove the key");
            return;
        }
        if field.kind == FieldKind::Parent && !property.inward {
            let message = format!(
                "it is of type {}, and no relation of the data source to itself",
                property.kind
            );
            let remedy = "switch on sub-items in the database, and name the property that it makes for \
                 the parent: parent = \"Parent item\"";
            self.fault(&what, &message, remedy);
        } else if let Some(fits) = field.kind.property_types()
            && !fits.contains(&property.kind.as_str())
        {
            let message = format!(
                "it is of type {} and cannot hold {}",
                property.kind, field.id
            );
            let remedy = format!("name a property of type {}", fits.join(" or "));
            self.fault(&what, &message, &remedy);
        }
    }

    /// Options of a status that are named and not there, or there and not named.
    fn status(&mut self, status: &StatusSection) {
        let Some(property) = self.known(&status.property) else {
            return;
        };
        if !has_options(&property) {
            return;
        }
        for option in status.open.iter().chain(&status.closed) {
            if !property.options.iter().any(|(known, _)| known == option) {
                self.lacks(
                    &format!("status option {option:?}"),
                    &status.property,
                    &property,
                );
            }
        }
        for (option, _) in &property.options {
            if !status.open.contains(option) && !status.closed.contains(option) {
                let place = format!("Notion: {}: status option {option:?}", self.mapping);
                self.found.push(Found::new(
                    "warning",
                    &place,
                    "it is neither open nor closed: issues of such pages are not changed",
                    "add it to `open` or `closed` in the configuration",
                ));
            }
        }
    }

    /// Options and groups that a condition waits for and that no page can say.
    fn values(&mut self, what: &str, property: &str, words: &[String]) {
        let Some(known) = self.known(property).filter(has_options) else {
            return;
        };
        let Values { options, groups } = values(words);
        let has = |option: &String| known.options.iter().any(|(name, _)| name == option);
        let has_group =
            |group: &String| (known.options.iter()).any(|(_, one)| one.as_ref() == Some(group));
        // The empty text is no value.
        for option in options.iter().filter(|one| !one.is_empty() && !has(one)) {
            self.lacks(&format!("{what}: option {option:?}"), property, &known);
        }
        for group in groups.iter().filter(|one| !has_group(one)) {
            self.lacks(&format!("{what}: group {group:?}"), property, &known);
        }
    }

    fn known(&self, name: &str) -> Option<FieldSchema> {
        let mut fields = self.schema.fields.iter();
        fields
            .find(|(id, property)| *id == name || property.name == name)
            .map(|(_, property)| property.clone())
    }

    /// What a property does not offer.
    fn lacks(&mut self, what: &str, name: &str, property: &FieldSchema) {
        let options: Vec<&str> = (property.options.iter())
            .map(|(option, _)| option.as_str())
            .collect();
        let message = format!("the property {name:?} has no such option");
        self.fault(what, &message, &format!("it has {}", options.join(", ")));
    }

    fn fault(&mut self, what: &str, message: &str, remedy: &str) {
        let place = format!("Notion: {}: {what}", self.mapping);
        if !self.found.iter().any(|known| known.place == place) {
            self.found
                .push(Found::new("fault", &place, message, remedy));
        }
    }
}

fn has_options(property: &FieldSchema) -> bool {
    matches!(property.kind.as_str(), "select" | "status" | "multi_select")
}
