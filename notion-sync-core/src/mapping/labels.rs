//! Labels of an issue: which of them travel, and those of which one stands for a value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::snapshot::Field;
use crate::value::Value;

/// Which labels travel between an issue and a multi-select property, and under which names.
///
/// Prefixes are compared without case, as the service compares labels. Labels that do not travel
/// are no part of the field: they stay where they are, and what people do to them is no edit of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Only labels that begin with one of these; all where there is none.
    #[serde(default)]
    pub include: Vec<String>,
    /// Never labels that begin with one of these.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether the page shows what comes after the prefix in `include`, of which there must be one:
    /// with several, options for the second and later ones cannot be written to the issue.
    #[serde(default)]
    pub strip: bool,
    /// Options that the property has: a label that differs from one of them by case alone is it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<String>,
}

/// One label of a family (`priority/high`) for the value of a select property (`high`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFamily {
    /// What the labels of the family begin with, compared without case.
    pub prefix: String,
    /// Options that the property has: a label that differs from one of them by case alone is it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<String>,
}

impl Labels {
    /// What the page calls a label; `None` for one that does not travel.
    pub(super) fn option(&self, label: &str) -> Option<String> {
        if (self.exclude.iter()).any(|prefix| after(label, prefix).is_some()) {
            return None;
        }
        let rest = if self.include.is_empty() {
            label
        } else {
            self.include
                .iter()
                .find_map(|prefix| after(label, prefix))?
        };
        let shown = if self.strip { rest } else { label };
        (!shown.is_empty()).then(|| spelled(&self.options, shown))
    }

    /// The label behind an option; `None` for an option that is none of a label that travels.
    pub(super) fn label(&self, option: &str) -> Option<String> {
        let label = match self.include.first() {
            Some(prefix) if self.strip => format!("{prefix}{option}"),
            _ => option.to_owned(),
        };
        let back = self.option(&label)?;
        (back == spelled(&self.options, option)).then_some(label)
    }

    /// An option under the name that both sides share; `None` for one that does not travel.
    pub(super) fn shared(&self, option: &str) -> Option<String> {
        self.label(option).map(|_| spelled(&self.options, option))
    }

    fn part(&self, labels: &Value) -> Field {
        let travels = |label: &String| self.option(label).is_some();
        Field::Value(Value::Set(
            labels.elements().into_iter().filter(travels).collect(),
        ))
    }
}

impl LabelFamily {
    /// The value that a label of the family stands for.
    pub(super) fn option(&self, label: &str) -> Option<String> {
        let rest = after(label, &self.prefix).filter(|rest| !rest.is_empty())?;
        Some(spelled(&self.options, rest))
    }

    /// The label that stands for a value.
    pub(super) fn label(&self, option: &str) -> String {
        format!("{}{option}", self.prefix)
    }

    /// An option under the name that both sides share.
    pub(super) fn shared(&self, option: &str) -> String {
        spelled(&self.options, option)
    }

    fn part(&self, labels: &Value) -> Field {
        let mut family = labels.elements();
        family.retain(|label| self.option(label).is_some());
        if family.len() > 1 {
            let names: Vec<String> = family.into_iter().collect();
            return Field::Unread(format!(
                "the issue has several labels for one value ({}): remove all but one",
                names.join(", ")
            ));
        }
        Field::Value(family.pop_first().map_or(Value::Null, Value::Text))
    }
}

/// The part of an issue's labels that is a field, as read from the whole set.
pub(crate) fn part(kind: &super::FieldKind, labels: &Field) -> Option<Field> {
    let Field::Value(all) = labels else {
        return None;
    };
    match kind {
        super::FieldKind::Labels(labels) => Some(labels.part(all)),
        super::FieldKind::Label(family) => Some(family.part(all)),
        _ => None,
    }
}

/// What comes after a prefix, whatever its case.
fn after<'l>(label: &'l str, prefix: &str) -> Option<&'l str> {
    let mut rest = label.chars();
    for want in prefix.chars() {
        let got = rest.next()?;
        if got != want && !got.to_lowercase().eq(want.to_lowercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// The option that a name is, or the name itself.
fn spelled(options: &BTreeSet<String>, name: &str) -> String {
    if options.contains(name) {
        return name.to_owned();
    }
    let folded = name.to_lowercase();
    options
        .iter()
        .find(|option| option.to_lowercase() == folded)
        .map_or_else(|| name.to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::super::field::FieldLens;
    use super::super::{Direction, FieldKind, FieldMap, Lens, People, Resolver};
    use super::*;
    use crate::id::Side;

    fn labels(include: &[&str], exclude: &[&str], strip: bool) -> Labels {
        let own = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Labels {
            include: own(include),
            exclude: own(exclude),
            strip,
            options: BTreeSet::from(["UI".to_owned(), "High".to_owned()]),
        }
    }

    fn family() -> LabelFamily {
        LabelFamily {
            prefix: "priority/".to_owned(),
            options: BTreeSet::from(["High".to_owned(), "Low".to_owned()]),
        }
    }

    fn with_lens(kind: FieldKind, check: impl FnOnce(&dyn Lens)) {
        let field = FieldMap {
            id: "f".into(),
            notion: "p".into(),
            github: "labels".into(),
            kind,
            direction: Direction::Both,
        };
        check(&FieldLens {
            field: &field,
            people: &People::default(),
            resolver: &Resolver::default(),
        });
    }

    /// Every subset of some names.
    fn subsets(names: &[&str]) -> Vec<Value> {
        (0..1_u32 << names.len())
            .map(|bits| {
                let picked = names.iter().enumerate();
                Value::set(picked.filter_map(|(at, name)| (bits >> at & 1 == 1).then_some(*name)))
            })
            .collect()
    }

    fn laws(lens: &dyn Lens, values: &[(Side, Vec<Value>)]) {
        let said: Vec<Value> = values
            .iter()
            .flat_map(|(side, held)| held.iter().map(|value| lens.project(*side, value)))
            .collect();
        for (side, held) in values {
            for value in held {
                let seen = lens.project(*side, value);
                assert_eq!(lens.inject(*side, &seen, value).unwrap(), *value);
                for canonical in &said {
                    let put = lens.inject(*side, canonical, value).unwrap();
                    assert_eq!(
                        lens.project(*side, &put),
                        *canonical,
                        "{side} {value:?} <- {canonical:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn put_get_and_get_put_hold_for_labels() {
        let issue = subsets(&[
            "area/ui",
            "Area/Core",
            "internal/x",
            "bug",
            "area/internal/y",
        ]);
        let page = subsets(&["UI", "ui", "core", "area/ui", "internal/x"]);
        for (include, exclude, strip) in [
            (&[][..], &[][..], false),
            (&["area/"], &["internal/"], false),
            (&["area/"], &["internal/", "AREA/internal"], true),
            (&[], &["area/"], false),
        ] {
            with_lens(FieldKind::Labels(labels(include, exclude, strip)), |lens| {
                assert!(lens.is_set());
                laws(
                    lens,
                    &[(Side::Notion, page.clone()), (Side::Github, issue.clone())],
                );
            });
        }
    }

    #[test]
    fn put_get_and_get_put_hold_for_a_family() {
        let text = |names: &[&str]| -> Vec<Value> {
            names.iter().map(|name| Value::text(*name)).collect()
        };
        with_lens(FieldKind::Label(family()), |lens| {
            assert!(!lens.is_set());
            laws(
                lens,
                &[
                    (Side::Notion, text(&["", "High", "low", "p1"])),
                    (
                        Side::Github,
                        text(&["", "priority/high", "Priority/Low", "priority/p1"]),
                    ),
                ],
            );
        });
    }

    #[test]
    fn what_does_not_travel_stays_on_its_side() {
        with_lens(
            FieldKind::Labels(labels(&["area/"], &["area/internal"], true)),
            |lens| {
                let issue = Value::set(["Area/UI", "bug", "area/internal-1"]);
                assert_eq!(lens.project(Side::Github, &issue), Value::set(["UI"]));
                assert_eq!(
                    lens.inject(Side::Github, &Value::set(["core"]), &issue)
                        .unwrap(),
                    Value::set(["area/core", "bug", "area/internal-1"])
                );
                let page = Value::set(["ui", "internal-9"]);
                assert_eq!(lens.project(Side::Notion, &page), Value::set(["UI"]));
                assert!(
                    lens.inject(Side::Github, &Value::set(["internal-9"]), &issue)
                        .is_err()
                );
            },
        );
    }

    #[test]
    fn several_labels_of_a_family_are_not_read() {
        let kind = FieldKind::Label(family());
        let read =
            |names: &[&str]| part(&kind, &Field::Value(Value::set(names.iter().copied()))).unwrap();
        assert_eq!(
            read(&["bug", "PRIORITY/high"]),
            Field::Value(Value::text("PRIORITY/high"))
        );
        assert_eq!(read(&["bug", "priority/"]), Field::Value(Value::Null));
        let Field::Unread(why) = read(&["priority/high", "priority/low"]) else {
            panic!("one of two was chosen");
        };
        assert!(why.contains("priority/high, priority/low"), "{why}");
    }

    #[test]
    fn prefixes_end_at_characters() {
        assert_eq!(after("ÄREA/x", "äre"), Some("A/x"));
        assert_eq!(after("a", "area/"), None);
        assert_eq!(after("area/", "AREA/"), Some(""));
    }
}
