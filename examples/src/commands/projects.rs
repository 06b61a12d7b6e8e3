//! What `check-config` says about the projects of tasks.

use notion_sync_core::ErrorKind;
use notion_sync_core::mapping::Direction;
use notion_sync_core::remote::{FieldSchema, Remote as _, Schema};
use notion_sync_github::{GithubClient, ProjectField, ProjectInfo};

use super::inspection::Found;
use crate::config::{Config, ProjectSection};
use crate::exit::{Exit, Failure};

/// Types of properties that can say what a field of a project says.
fn fits(kind: &str) -> &'static [&'static str] {
    match kind {
        "SINGLE_SELECT" | "ITERATION" => &["select", "status", "rich_text"],
        "DATE" => &["date"],
        "NUMBER" => &["number"],
        _ => &[
            "rich_text",
            "url",
            "email",
            "phone_number",
            "select",
            "status",
        ],
    }
}

/// Types of properties that Notion itself fills in: they flow to GitHub only.
const COMPUTED: [&str; 5] = [
    "formula",
    "rollup",
    "unique_id",
    "created_time",
    "last_edited_time",
];

/// Asks for every project that a mapping names, and compares its fields with the properties.
pub(super) async fn ask(
    config: &Config,
    github: &GithubClient,
    notion: &notion_sync_notion::Client,
    found: &mut Vec<Found>,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Clean;
    for section in &config.tasks {
        let Some(project) = &section.project else {
            continue;
        };
        let place = format!("GitHub: {}: project {}", section.name, project.project);
        let info = match github.project(&project.project).await {
            Ok(info) => info,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Configuration
                ) =>
            {
                if error.kind() == ErrorKind::Forbidden {
                    exit = exit.or(Exit::Refused);
                }
                let remedy = error.remedy_text().unwrap_or_default().to_owned();
                let message = error.to_string();
                let message = message
                    .strip_suffix(&format!(" ({remedy})"))
                    .unwrap_or(&message);
                found.push(fault(&place, message, &remedy));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if info.can_update == Some(false) {
            exit = exit.or(Exit::Refused);
            found.push(fault(
                &place,
                "the credential may not change it",
                "let it write projects of the owner, or make its holder a collaborator",
            ));
        }
        if info.closed {
            let remedy = "reopen it, or remove it from the configuration";
            found.push(warning(
                &place,
                "it is closed: nothing in it can be changed",
                remedy,
            ));
        }
        let settings = notion_sync_notion::PageSettings::new(&section.data_source, &config.bounds);
        let pages = notion_sync_notion::NotionPages::new(notion.clone(), settings)?;
        // What is wrong with the data source is said elsewhere.
        let schema = pages.schema().await.unwrap_or_default();
        compare(&place, project, &info, &schema, found);
    }
    Ok(exit)
}

fn compare(
    place: &str,
    section: &ProjectSection,
    info: &ProjectInfo,
    schema: &Schema,
    found: &mut Vec<Found>,
) {
    let names: Vec<&str> = info
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let missing = format!("it has {}", names.join(", "));
    for (property, choice) in &section.fields {
        let place = format!("{place}: field {:?}", choice.field());
        let Some(field) = info.field(choice.field()) else {
            found.push(fault(&place, "the project has no such field", &missing));
            continue;
        };
        if !field.is_writable() {
            let message = "GitHub itself keeps this field";
            found.push(fault(
                &place,
                message,
                "map what it shows on the issue itself",
            ));
            continue;
        }
        let known = schema.fields.values().find(|known| known.name == *property);
        let Some(known) = known.or_else(|| schema.fields.get(property)) else {
            continue;
        };
        let fit = fits(&field.kind);
        let computed = COMPUTED.contains(&known.kind.as_str());
        if !computed && !fit.contains(&known.kind.as_str()) {
            found.push(fault(
                &place,
                &format!(
                    "it is a field of type {}, the property {property:?} is {}",
                    word(&field.kind),
                    known.kind
                ),
                &format!("use a property of type {}", fit.join(" or ")),
            ));
        } else if choice.direction() != Direction::ToNotion {
            options(&place, field, property, known, found);
        }
    }
    if let Some(name) = &section.page_id {
        let place = format!("{place}: field {name:?}");
        match info.field(name) {
            None => found.push(fault(&place, "the project has no such field", &missing)),
            Some(field) if field.kind != "TEXT" => {
                let message = format!("it is a field of type {}", word(&field.kind));
                found.push(fault(
                    &place,
                    &message,
                    "name a text field for the page's id",
                ));
            }
            Some(_) => {}
        }
    }
}

/// Options of the property that the field does not have.
fn options(
    place: &str,
    field: &ProjectField,
    property: &str,
    known: &FieldSchema,
    found: &mut Vec<Found>,
) {
    if !matches!(field.kind.as_str(), "SINGLE_SELECT" | "ITERATION") {
        return;
    }
    let lacks: Vec<&str> = (known.options.iter())
        .map(|(option, _)| option.as_str())
        .filter(|option| !field.options().any(|name| name == *option))
        .collect();
    if !lacks.is_empty() {
        let there: Vec<&str> = field.options().collect();
        found.push(warning(
            place,
            &format!(
                "it lacks options of the property {property:?}: {}",
                lacks.join(", ")
            ),
            &format!("add them on GitHub; it has {}", there.join(", ")),
        ));
    }
}

fn word(kind: &str) -> String {
    kind.to_lowercase().replace('_', " ")
}

fn fault(place: &str, message: &str, remedy: &str) -> Found {
    Found::new("fault", place, message, remedy)
}

fn warning(place: &str, message: &str, remedy: &str) -> Found {
    Found::new("warning", place, message, remedy)
}
