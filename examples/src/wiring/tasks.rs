//! A mapping of tasks from its settings.

use std::sync::Arc;

use notion_sync_core::Result;
use notion_sync_core::effect::Effect;
use notion_sync_core::id::{FieldId, MappingId};
use notion_sync_core::mapping::{
    CreateWhen, Deliver, Direction, FieldKind, FieldMap, FileMarker, IssueNotes, LabelFamily,
    Labels, Links, Mapping, MappingKind, PathPolicy, PathTemplate,
};
use notion_sync_core::remote::{Remote as _, Schema};
use notion_sync_core::rule::{Rule, When};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_github::{ProjectSettings, project_attribute};
use notion_sync_notion::NotionPages;

use crate::config::{IssueFact, LabelsChoice, LabelsSection, StatusSection, TasksSection};

/// The rule that comments on changes of the status. No rule of the settings can have such a name.
const CHANGE_COMMENT: &str = "change comment";

/// The mapping of a section.
pub(super) fn mapping(section: &TasksSection, of_project: Vec<FieldMap>) -> Mapping {
    let mut fields = fields(section);
    fields.extend(of_project);
    Mapping {
        id: MappingId::new(section.name.as_str()),
        kind: MappingKind::Tasks,
        policy: section.policy,
        deliver: Deliver::Commit,
        delete_by_proposal: true,
        delete_beats_edit: section.delete_beats_edit,
        adopt_by_key: section.adopt_by_key,
        file_marker: FileMarker::None,
        path_policy: PathPolicy::Stable,
        path: PathTemplate::default(),
        reviewers: Vec::new(),
        fields,
        links: Links::default(),
        rules: rules(section),
        drift_status: section.drift_status,
        notes: IssueNotes {
            marks: section.mark_issues,
            automation_comment: section.automation_comment,
        },
        comments: section.comments.clone(),
        keep_below: section.keep_below.clone(),
        create_when: section.status.as_ref().and_then(|status| {
            (!section.create_when.is_empty()).then(|| CreateWhen {
                on: status.property.clone(),
                values: crate::config::values(&section.create_when),
            })
        }),
        sentinel: section.sentinel.sentinel(),
        limits: section.limits.clone(),
    }
}

/// The fields, those that several properties share on GitHub included.
fn fields(section: &TasksSection) -> Vec<FieldMap> {
    let both = |id: &str, property: &str, github: &str, kind: FieldKind| FieldMap {
        id: FieldId::from(id),
        notion: property.to_owned(),
        github: github.to_owned(),
        kind,
        direction: Direction::Both,
    };
    let mut fields = Vec::new();
    if let Some(status) = &section.status {
        fields.push(both("state", &status.property, "state", class(status)));
    }
    if let Some(choice) = &section.labels {
        let kind = labels(section, choice);
        fields.push(both("labels", choice.property(), "labels", kind));
    }
    for (name, family) in &section.label_fields {
        let kind = FieldKind::Label(LabelFamily {
            prefix: family.prefix.clone(),
            ..LabelFamily::default()
        });
        fields.push(both(name, &family.property, "labels", kind));
    }
    let named = [
        ("assignees", &section.assignees, FieldKind::People),
        ("milestone", &section.milestone, FieldKind::Text),
        ("type", &section.issue_type, FieldKind::Text),
        ("parent", &section.parent, FieldKind::Parent),
    ];
    for (id, property, kind) in named {
        if let Some(property) = property {
            fields.push(both(id, property, id, kind));
        }
    }
    fields.extend(section.fields.iter().map(|(property, fact)| FieldMap {
        direction: Direction::ToNotion,
        ..both(fact.name(), property, fact.name(), fact_kind(*fact))
    }));
    fields
}

/// The fields of the project. What they hold comes from the data source, as the store knows it or else
/// as Notion says it.
pub(super) async fn project_fields(
    section: &TasksSection,
    pages: &NotionPages,
    store: &dyn Store,
) -> Result<Vec<FieldMap>> {
    let Some(project) = &section.project else {
        return Ok(Vec::new());
    };
    let id = MappingId::new(section.name.as_str());
    let known = State::new(store).mapping(&id).await?.value;
    let find = |schema: &Schema, property: &str, attribute: &str| {
        // A property that was renamed since keeps its id.
        let by_id = known.properties.get(attribute);
        (by_id.and_then(|id| schema.fields.get(id)))
            .or_else(|| schema.fields.values().find(|one| one.name == property))
            .or_else(|| schema.fields.get(property))
            .map(|found| found.kind.clone())
    };
    let each = || {
        let fields = project.fields.iter();
        fields.map(|(property, choice)| (property, choice, project_attribute(choice.field())))
    };
    let lacks = each()
        .any(|(property, _, attribute)| find(&known.notion_schema, property, &attribute).is_none());
    let schema = match lacks {
        true => Arc::new(pages.schema().await?),
        false => Arc::clone(&known.notion_schema),
    };
    let fields = each().map(|(property, choice, attribute)| {
        let native = find(&schema, property, &attribute).unwrap_or_default();
        let kind = match super::native_kind(&native) {
            kind @ (FieldKind::Text | FieldKind::Number | FieldKind::Date | FieldKind::Select) => {
                kind
            }
            // A field of a project holds one value: what holds more is refused by its type.
            _ => FieldKind::Select,
        };
        FieldMap {
            id: FieldId::new(attribute.clone()),
            notion: property.clone(),
            github: attribute,
            kind,
            direction: match super::is_computed(&native) {
                true => Direction::ToGithub,
                false => choice.direction(),
            },
        }
    });
    Ok(fields.collect())
}

/// What the adapter is told of the project.
pub(super) fn project_settings(section: &TasksSection) -> Option<ProjectSettings> {
    let project = section.project.as_ref()?;
    let fields = project
        .fields
        .values()
        .map(|choice| choice.field().to_owned());
    Some(ProjectSettings {
        project: project.project.clone(),
        fields: fields.collect(),
        add: project.add,
        page_id: project.page_id.clone(),
    })
}

fn fact_kind(fact: IssueFact) -> FieldKind {
    match fact {
        IssueFact::CreatedAt | IssueFact::ClosedAt => FieldKind::Date,
        IssueFact::Author => FieldKind::Text,
    }
}

/// All labels as they are, or those that travel. A label that says the value of another property is
/// said there.
fn labels(section: &TasksSection, choice: &LabelsChoice) -> FieldKind {
    let families = section.label_fields.values();
    let families: Vec<String> = families.map(|family| family.prefix.clone()).collect();
    let (include, exclude, strip) = match choice {
        LabelsChoice::All(_) if families.is_empty() => return FieldKind::Set,
        LabelsChoice::All(_) => (Vec::new(), families, false),
        LabelsChoice::Some(LabelsSection {
            include,
            exclude,
            strip,
            ..
        }) => {
            let exclude = exclude.iter().cloned().chain(families).collect();
            (include.clone(), exclude, *strip)
        }
    };
    FieldKind::Labels(Labels {
        include,
        exclude,
        strip,
        ..Labels::default()
    })
}

/// The rules of a mapping, the common ones first.
fn rules(section: &TasksSection) -> Vec<Rule> {
    let status = section.status.as_ref();
    let common = status.filter(|_| section.common_rules);
    let common = common.map(crate::config::common).unwrap_or_default();
    let own = section.rules.iter().map(|rule| rule.rule(status));
    let told = status.filter(|_| section.change_comments);
    let told = told.map(|status| Rule {
        when: When::Changes,
        steps: vec![Effect::Summary],
        ..Rule::new(CHANGE_COMMENT, &status.property)
    });
    common.into_iter().chain(own).chain(told).collect()
}

fn class(status: &StatusSection) -> FieldKind {
    let open = status.open.iter().map(|option| (option.clone(), "open"));
    let closed = status.closed.iter().map(|one| (one.clone(), "closed"));
    let first = |default: &Option<String>, options: &[String]| {
        default.clone().or_else(|| options.first().cloned())
    };
    let preferred = [
        ("open", first(&status.open_default, &status.open)),
        ("closed", first(&status.closed_default, &status.closed)),
    ];
    FieldKind::Class {
        classes: open
            .chain(closed)
            .map(|(option, class)| (option, class.to_owned()))
            .collect(),
        preferred: preferred
            .into_iter()
            .filter_map(|(class, option)| Some((class.to_owned(), option?)))
            .collect(),
    }
}
