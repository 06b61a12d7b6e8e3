//! Filters of queries.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::notion::error::{ApiError, ApiResult};
use crate::notion::id::NotionId;
use crate::notion::input::{Input, one_of_missing};
use crate::notion::model::DataSource;
use crate::notion::moment::{Moment, relative_day, span_of};
use crate::notion::property::{Kind, Property, PropertyValue};
use crate::notion::view::{View, floor};
use crate::notion::view_page::Row;

/// What filters need to know about time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) now: DateTime<Utc>,
    pub(super) grain: i64,
}

/// A filter, checked against the schema.
#[derive(Debug)]
pub(super) enum Filter<'a> {
    All(Vec<Filter<'a>>),
    Any(Vec<Filter<'a>>),
    Created(Test),
    Edited(Test),
    Property(&'a Property, Test),
}

/// A condition on one value.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Empty(bool),
    Text(TextTest, String),
    Number(Order, f64),
    Checkbox(bool),
    /// Any of these option names or ids; negated when the flag is false.
    Options(bool, Vec<String>),
    /// The id must (or must not) be among the ids. `None` matches nobody.
    Holds(bool, Option<NotionId>),
    Time(TimeTest, Moment),
    Within(Moment, Moment),
    Verification(bool, String),
    /// A condition on the result of a formula or rollup, by the type of the result.
    Result(Box<(String, Test)>),
    /// A condition on the values that a rollup gathered.
    Gathered(Gather, Box<(String, Test)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    Equals,
    Differs,
    Contains,
    Lacks,
    Starts,
    Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Differs,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeTest {
    Equals,
    Before,
    After,
    OnOrBefore,
    OnOrAfter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gather {
    Any,
    Every,
    None,
}

impl<'a> Filter<'a> {
    /// Reads a filter. Groups hold at most one further level of groups.
    pub(super) fn read(
        source: &'a DataSource,
        input: &Input<'_>,
        moments: Moments,
    ) -> ApiResult<Self> {
        Self::level(source, input, moments, 0)
    }

    fn level(
        source: &'a DataSource,
        input: &Input<'_>,
        moments: Moments,
        depth: usize,
    ) -> ApiResult<Self> {
        let object = input.object()?;
        for (key, all) in [("and", true), ("or", false)] {
            let group = input.key(key);
            if group.raw().is_none() {
                continue;
            }
            if depth >= 2 {
                return Err(group.wrong("not present"));
            }
            let members = group
                .array(100)?
                .iter()
                .map(|member| Self::level(source, member, moments, depth + 1))
                .collect::<ApiResult<Vec<_>>>()?;
            return Ok(if all {
                Self::All(members)
            } else {
                Self::Any(members)
            });
        }
        if input.key("timestamp").raw().is_some() {
            let name = input
                .key("timestamp")
                .word(&["created_time", "last_edited_time"])?;
            let test = time_test(&input.key(name), moments)?;
            return Ok(if name == "created_time" {
                Self::Created(test)
            } else {
                Self::Edited(test)
            });
        }
        let key = input.key("property").text()?;
        let property = source.property(key).ok_or_else(|| {
            ApiError::validation(format!("Could not find property with name or id: {key}"))
        })?;
        let kind = property.kind.name();
        let condition = input.key(kind);
        if condition.raw().is_none() {
            // Title and rich text answer to each other's name, as they do at the service.
            let other = object
                .keys()
                .find(|key| !matches!(key.as_str(), "property" | "type"));
            let text = |name: &str| matches!(name, "title" | "rich_text");
            return match other {
                Some(name) if text(name) && text(kind) => Ok(Self::Property(
                    property,
                    test(kind, &input.key(name), moments)?,
                )),
                Some(name) => Err(ApiError::validation(format!(
                    "database property {kind} does not match filter {name}"
                ))),
                None => Err(condition.wrong("defined")),
            };
        }
        Ok(Self::Property(property, test(kind, &condition, moments)?))
    }

    /// Whether a row passes.
    pub(super) fn admits(&self, view: &View<'_>, row: Row<'_>) -> bool {
        match self {
            Self::All(members) => members.iter().all(|member| member.admits(view, row)),
            Self::Any(members) => members.iter().any(|member| member.admits(view, row)),
            Self::Created(test) => on_time(test, Some(floor(row.page.created_at, view.grain))),
            Self::Edited(test) => on_time(test, Some(floor(row.state.edited_at, view.grain))),
            Self::Property(property, test) => passes(view, property, test, row),
        }
    }
}

/// The single operator of a condition and its operand.
fn operator<'v>(input: &Input<'v>, known: &[&'static str]) -> ApiResult<(&'static str, Input<'v>)> {
    let object = input.object()?;
    let mut found = known.iter().filter(|name| object.contains_key(**name));
    match (found.next(), found.next()) {
        (Some(name), None) => Ok((name, input.key(name))),
        (Some(_), Some(name)) => Err(input.key(name).wrong("not present")),
        (None, _) => Err(one_of_missing(input.path(), known)),
    }
}

fn emptiness(name: &str, operand: &Input<'_>) -> ApiResult<Option<Test>> {
    let wanted = match name {
        "is_empty" => true,
        "is_not_empty" => false,
        _ => return Ok(None),
    };
    match operand.boolean()? {
        true => Ok(Some(Test::Empty(wanted))),
        false => Err(operand.wrong("`true`")),
    }
}

fn test(kind: &str, input: &Input<'_>, moments: Moments) -> ApiResult<Test> {
    match kind {
        "title" | "rich_text" | "url" | "email" | "phone_number" => {
            let (name, operand) = operator(
                input,
                &[
                    "equals",
                    "does_not_equal",
                    "contains",
                    "does_not_contain",
                    "starts_with",
                    "ends_with",
                    "is_empty",
                    "is_not_empty",
                ],
            )?;
            if let Some(test) = emptiness(name, &operand)? {
                return Ok(test);
            }
            let how = match name {
                "equals" => TextTest::Equals,
                "does_not_equal" => TextTest::Differs,
                "contains" => TextTest::Contains,
                "does_not_contain" => TextTest::Lacks,
                "starts_with" => TextTest::Starts,
                _ => TextTest::Ends,
            };
            Ok(Test::Text(how, operand.text()?.to_lowercase()))
        }
        "number" | "unique_id" => {
            let (name, operand) = operator(
                input,
                &[
                    "equals",
                    "does_not_equal",
                    "greater_than",
                    "less_than",
                    "greater_than_or_equal_to",
                    "less_than_or_equal_to",
                    "is_empty",
                    "is_not_empty",
                ],
            )?;
            if let Some(test) = emptiness(name, &operand)? {
                return Ok(test);
            }
            let order = match name {
                "equals" => Order::Equal,
                "does_not_equal" => Order::Differs,
                "greater_than" => Order::Greater,
                "less_than" => Order::Less,
                "greater_than_or_equal_to" => Order::AtLeast,
                _ => Order::AtMost,
            };
            Ok(Test::Number(order, operand.number()?))
        }
        "checkbox" => {
            let (name, operand) = operator(input, &["equals", "does_not_equal"])?;
            Ok(Test::Checkbox(operand.boolean()? == (name == "equals")))
        }
        "select" | "status" | "multi_select" => {
            let names: &[&'static str] = if kind == "multi_select" {
                &["contains", "does_not_contain", "is_empty", "is_not_empty"]
            } else {
                &["equals", "does_not_equal", "is_empty", "is_not_empty"]
            };
            let (name, operand) = operator(input, names)?;
            if let Some(test) = emptiness(name, &operand)? {
                return Ok(test);
            }
            let wanted = match operand.raw() {
                Some(Value::Array(_)) => operand
                    .array(100)?
                    .iter()
                    .map(|item| item.text().map(str::to_owned))
                    .collect::<ApiResult<Vec<_>>>()?,
                _ => vec![operand.text()?.to_owned()],
            };
            Ok(Test::Options(matches!(name, "equals" | "contains"), wanted))
        }
        "date" | "created_time" | "last_edited_time" => time_test(input, moments),
        "people" | "created_by" | "last_edited_by" | "relation" => {
            let (name, operand) = operator(
                input,
                &["contains", "does_not_contain", "is_empty", "is_not_empty"],
            )?;
            if let Some(test) = emptiness(name, &operand)? {
                return Ok(test);
            }
            // Nobody is "me" for a connection.
            let id = match operand.text()? {
                "me" if kind != "relation" => None,
                _ => Some(operand.id()?),
            };
            Ok(Test::Holds(name == "contains", id))
        }
        "files" => {
            let (name, operand) = operator(input, &["is_empty", "is_not_empty"])?;
            emptiness(name, &operand)?.ok_or_else(|| operand.wrong("`true`"))
        }
        "verification" => {
            let (name, operand) = operator(input, &["status", "does_not_equal"])?;
            Ok(Test::Verification(
                name == "status",
                operand.text()?.to_owned(),
            ))
        }
        "formula" => {
            let (name, operand) = operator(input, &["string", "checkbox", "number", "date"])?;
            Ok(Test::Result(Box::new(result_test(
                name, &operand, moments,
            )?)))
        }
        "rollup" => {
            let (name, operand) = operator(input, &["any", "every", "none", "number", "date"])?;
            let gather = match name {
                "any" => Gather::Any,
                "every" => Gather::Every,
                "none" => Gather::None,
                other => {
                    return Ok(Test::Result(Box::new(result_test(
                        other, &operand, moments,
                    )?)));
                }
            };
            let (inner, condition) = operator(
                &operand,
                &[
                    "title",
                    "rich_text",
                    "number",
                    "checkbox",
                    "select",
                    "status",
                    "multi_select",
                    "date",
                    "people",
                    "relation",
                    "files",
                ],
            )?;
            let inner_test = test(inner, &condition, moments)?;
            Ok(Test::Gathered(
                gather,
                Box::new((inner.to_owned(), inner_test)),
            ))
        }
        _ => Err(ApiError::validation(format!(
            "Filtering by {kind} properties is not supported."
        ))),
    }
}

fn result_test(name: &str, operand: &Input<'_>, moments: Moments) -> ApiResult<(String, Test)> {
    let (kind, as_kind) = match name {
        "string" => ("string", "rich_text"),
        "checkbox" => ("boolean", "checkbox"),
        other => (other, other),
    };
    Ok((kind.to_owned(), test(as_kind, operand, moments)?))
}

fn time_test(input: &Input<'_>, moments: Moments) -> ApiResult<Test> {
    let (name, operand) = operator(
        input,
        &[
            "equals",
            "before",
            "after",
            "on_or_before",
            "on_or_after",
            "is_empty",
            "is_not_empty",
            "this_week",
            "past_week",
            "past_month",
            "past_year",
            "next_week",
            "next_month",
            "next_year",
        ],
    )?;
    if let Some(test) = emptiness(name, &operand)? {
        return Ok(test);
    }
    if let Some((first, last)) = span_of(name, moments.now) {
        operand.object()?;
        return Ok(Test::Within(Moment::Day(first), Moment::Day(last)));
    }
    let text = operand.text()?;
    let moment = match relative_day(text, moments.now) {
        Some(day) => Moment::Day(day),
        None => Moment::parse(text).ok_or_else(|| operand.wrong("a valid ISO 8601 date string"))?,
    };
    let how = match name {
        "equals" => TimeTest::Equals,
        "before" => TimeTest::Before,
        "after" => TimeTest::After,
        "on_or_before" => TimeTest::OnOrBefore,
        _ => TimeTest::OnOrAfter,
    };
    // Minutes are all that times of edits have.
    let moment = match moment {
        Moment::Point(time) if how == TimeTest::Equals => Moment::Point(floor(time, moments.grain)),
        other => other,
    };
    Ok(Test::Time(how, moment))
}

fn on_time(test: &Test, value: Option<DateTime<Utc>>) -> bool {
    match (test, value) {
        (Test::Empty(wanted), value) => value.is_none() == *wanted,
        (_, None) => false,
        (Test::Within(first, last), Some(value)) => value >= first.start() && value < last.end(),
        (Test::Time(how, moment), Some(value)) => match how {
            TimeTest::Equals => value >= moment.start() && value < moment.end(),
            TimeTest::Before => value < moment.start(),
            TimeTest::After => value >= moment.end(),
            TimeTest::OnOrBefore => value < moment.end(),
            TimeTest::OnOrAfter => value >= moment.start(),
        },
        _ => false,
    }
}

fn on_text(test: &Test, value: &str) -> bool {
    let value = value.to_lowercase();
    match test {
        Test::Empty(wanted) => value.is_empty() == *wanted,
        Test::Text(how, text) => match how {
            TextTest::Equals => value == *text,
            TextTest::Differs => value != *text,
            TextTest::Contains => value.contains(text.as_str()),
            TextTest::Lacks => !value.contains(text.as_str()),
            TextTest::Starts => value.starts_with(text.as_str()),
            TextTest::Ends => value.ends_with(text.as_str()),
        },
        _ => false,
    }
}

fn on_number(test: &Test, value: Option<f64>) -> bool {
    match (test, value) {
        (Test::Empty(wanted), value) => value.is_none() == *wanted,
        (Test::Number(Order::Differs, _), None) => true,
        (_, None) => false,
        (Test::Number(order, other), Some(value)) => match order {
            Order::Equal => value == *other,
            Order::Differs => value != *other,
            Order::Greater => value > *other,
            Order::Less => value < *other,
            Order::AtLeast => value >= *other,
            Order::AtMost => value <= *other,
        },
        _ => false,
    }
}

fn on_ids(test: &Test, ids: &[NotionId]) -> bool {
    match test {
        Test::Empty(wanted) => ids.is_empty() == *wanted,
        Test::Holds(wanted, id) => id.is_some_and(|id| ids.contains(&id)) == *wanted,
        _ => false,
    }
}

fn passes(view: &View<'_>, property: &Property, test: &Test, row: Row<'_>) -> bool {
    let stored = row
        .state
        .values
        .get(&property.id)
        .filter(|value| value.fits(&property.kind));
    match &property.kind {
        Kind::Title | Kind::RichText => match stored {
            Some(PropertyValue::Text(rich)) => on_text(test, &view.ws.text_of(rich)),
            _ => on_text(test, ""),
        },
        Kind::Url | Kind::Email | Kind::PhoneNumber => match stored {
            Some(PropertyValue::Word(text)) => on_text(test, text),
            _ => on_text(test, ""),
        },
        Kind::Number { .. } => match stored {
            Some(PropertyValue::Number(number)) => on_number(test, number.as_f64()),
            _ => on_number(test, None),
        },
        Kind::UniqueId { .. } => match stored {
            Some(PropertyValue::UniqueNumber(number)) => on_number(test, Some(*number as f64)),
            _ => on_number(test, None),
        },
        Kind::Checkbox => {
            let on = stored == Some(&PropertyValue::Checkbox(true));
            matches!(test, Test::Checkbox(wanted) if *wanted == on)
        }
        Kind::Select { .. } | Kind::Status { .. } | Kind::MultiSelect { .. } => {
            let chosen: Vec<&str> = match stored {
                Some(PropertyValue::Choice(id)) => vec![id],
                Some(PropertyValue::Choices(ids)) => ids.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            let options = property.kind.options().unwrap_or_default();
            let chosen: Vec<_> = options
                .iter()
                .filter(|option| chosen.contains(&option.id.as_str()))
                .collect();
            match test {
                Test::Empty(wanted) => chosen.is_empty() == *wanted,
                Test::Options(wanted, names) => {
                    let hit = chosen.iter().any(|option| {
                        names
                            .iter()
                            .any(|name| *name == option.name || *name == option.id)
                    });
                    hit == *wanted
                }
                _ => false,
            }
        }
        Kind::Date => match stored {
            Some(PropertyValue::Date(date)) => {
                on_time(test, Moment::parse(&date.start).map(Moment::start))
            }
            _ => on_time(test, None),
        },
        Kind::CreatedTime => on_time(test, Some(floor(row.page.created_at, view.grain))),
        Kind::LastEditedTime => on_time(test, Some(floor(row.state.edited_at, view.grain))),
        Kind::CreatedBy => on_ids(test, &[row.page.created_by]),
        Kind::LastEditedBy => on_ids(test, &[row.state.edited_by]),
        Kind::People => match stored {
            Some(PropertyValue::Ids(ids)) => on_ids(test, ids),
            _ => on_ids(test, &[]),
        },
        Kind::Relation { .. } => on_ids(test, &view.related(stored)),
        Kind::Files => {
            let empty = !matches!(stored, Some(PropertyValue::Files(_)));
            matches!(test, Test::Empty(wanted) if *wanted == empty)
        }
        Kind::Verification => {
            let state = match stored {
                Some(PropertyValue::Object(value)) => value.get("state").and_then(Value::as_str),
                _ => None,
            };
            let state = state
                .filter(|state| *state != "unverified")
                .unwrap_or("none");
            matches!(test, Test::Verification(wanted, name) if (name == state) == *wanted)
        }
        Kind::Formula { .. } | Kind::Rollup { .. } => {
            let value = view.bare(property, stored, row, false);
            match test {
                Test::Result(inner) => on_result(&inner.0, &inner.1, &value),
                Test::Gathered(gather, inner) => {
                    let items = view.rollup_items(&property.kind, row);
                    let mut hits = items
                        .iter()
                        .map(|(_, value)| on_value(&inner.0, &inner.1, value));
                    match gather {
                        Gather::Any => hits.any(|hit| hit),
                        Gather::Every => hits.all(|hit| hit),
                        Gather::None => !hits.any(|hit| hit),
                    }
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// A test on the result object of a formula or rollup.
fn on_result(kind: &str, test: &Test, value: &Value) -> bool {
    if value.get("type").and_then(Value::as_str) != Some(kind) {
        return matches!(test, Test::Empty(true));
    }
    let inner = value.get(kind).unwrap_or(&Value::Null);
    let name = match kind {
        "string" => "rich_text",
        "boolean" => "checkbox",
        other => other,
    };
    on_value(name, test, inner)
}

/// A test on a value in the form in which it is read.
fn on_value(kind: &str, test: &Test, value: &Value) -> bool {
    match kind {
        "title" | "rich_text" => {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Array(spans) => spans
                    .iter()
                    .filter_map(|span| span.get("plain_text")?.as_str())
                    .collect(),
                _ => String::new(),
            };
            on_text(test, &text)
        }
        "number" => on_number(test, value.as_f64()),
        "checkbox" => {
            matches!(test, Test::Checkbox(wanted) if Some(*wanted) == value.as_bool())
        }
        "date" => {
            let start = value
                .get("start")
                .and_then(Value::as_str)
                .and_then(Moment::parse);
            on_time(test, start.map(Moment::start))
        }
        "select" | "status" | "multi_select" => {
            let one = std::slice::from_ref(value);
            let chosen = value.as_array().map_or(one, Vec::as_slice);
            let chosen: Vec<&str> = chosen
                .iter()
                .filter_map(|option| option.get("name")?.as_str())
                .collect();
            match test {
                Test::Empty(wanted) => chosen.is_empty() == *wanted,
                Test::Options(wanted, names) => {
                    names.iter().any(|name| chosen.contains(&name.as_str())) == *wanted
                }
                _ => false,
            }
        }
        "people" | "relation" => {
            let ids: Vec<NotionId> = value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item.get("id")?.as_str()?.parse().ok())
                .collect();
            on_ids(test, &ids)
        }
        "files" => {
            let empty = value.as_array().is_none_or(Vec::is_empty);
            matches!(test, Test::Empty(wanted) if *wanted == empty)
        }
        _ => false,
    }
}
