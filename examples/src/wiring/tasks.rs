//! A mapping of tasks from its settings.

use notion_sync_core::effect::Effect;
use notion_sync_core::id::{FieldId, MappingId};
use notion_sync_core::mapping::{
    CreateWhen, Deliver, Direction, FieldKind, FieldMap, FileMarker, IssueNotes, LabelFamily,
    Labels, Links, Mapping, MappingKind, PathPolicy, PathTemplate,
};
use notion_sync_core::rule::{Rule, When};

use crate::config::{IssueFact, LabelsChoice, LabelsSection, StatusSection, TasksSection};

/// The rule that comments on changes of the status. No rule of the settings can have such a name.
const CHANGE_COMMENT: &str = "change comment";

/// The mapping of a section.
pub(super) fn mapping(section: &TasksSection) -> Mapping {
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
        fields: fields(section),
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
