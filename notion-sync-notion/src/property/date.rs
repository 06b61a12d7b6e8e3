//! Dates: `2026-09-15`, `2026-09-15T09:00:00Z`, `start/end`, and with a named time zone
//! `2026-09-15T09:00:00[Europe/Berlin]`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use crate::wire::Object;

/// The text of a date value as Notion shows it. `None` where it cannot be understood.
///
/// Instants are in UTC. A time that Notion gives without offset, next to a time zone, keeps both:
/// what instant it is takes a time zone database to know.
#[must_use]
pub fn from_notion(date: &Object) -> Option<String> {
    let zone = date.get::<String>("time_zone").filter(|zone| is_zone(zone));
    let start = one(&date.get::<String>("start")?, zone.as_deref())?;
    match date.get::<String>("end") {
        Some(end) => Some(format!("{start}/{}", one(&end, zone.as_deref())?)),
        None => Some(start),
    }
}

/// A date value for Notion. `None` where the text is none of the forms above.
#[must_use]
pub fn to_notion(text: &str) -> Option<Json> {
    // A zone's name has slashes too, but only inside brackets.
    let mut inside = false;
    let split = text.char_indices().find(|(_, c)| {
        inside = (inside || *c == '[') && *c != ']';
        *c == '/' && !inside
    });
    let (start, end) = match split {
        Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (start, zone) = part(start)?;
    let end = match end {
        Some(end) => {
            let (end, end_zone) = part(end)?;
            if end_zone != zone {
                return None;
            }
            Some(end)
        }
        None => None,
    };
    Some(json!({"start": start, "end": end, "time_zone": zone}))
}

fn is_zone(zone: &str) -> bool {
    !zone.is_empty()
        && zone.len() <= 64
        && zone
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+'))
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn local(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

fn one(text: &str, zone: Option<&str>) -> Option<String> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.format("%Y-%m-%d").to_string());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(instant(time.to_utc()));
    }
    let time = naive(text)?;
    match zone {
        Some(zone) => Some(format!("{}[{zone}]", local(time))),
        None => Some(instant(time.and_utc())),
    }
}

/// One end of a range: what Notion is sent, and its time zone.
fn part(text: &str) -> Option<(String, Option<String>)> {
    match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((time, zone)) if is_zone(zone) => Some((local(naive(time)?), Some(zone.to_owned()))),
        Some(_) => None,
        None => Some((one(text, None)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<String> {
        from_notion(&Object::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn dates_have_one_spelling() {
        for (given, wanted) in [
            (
                r#"{"start":"2026-09-15","end":null,"time_zone":null}"#,
                Some("2026-09-15"),
            ),
            (r#"{"start":"2026-09-15"}"#, Some("2026-09-15")),
            (
                r#"{"start":"2026-09-15T09:00:00.000+02:00","end":null}"#,
                Some("2026-09-15T07:00:00Z"),
            ),
            (
                r#"{"start":"2026-09-15T09:00:00.250Z"}"#,
                Some("2026-09-15T09:00:00.250Z"),
            ),
            (
                r#"{"start":"2026-09-15","end":"2026-09-16"}"#,
                Some("2026-09-15/2026-09-16"),
            ),
            (
                r#"{"start":"2026-09-15T09:00:00","time_zone":"Europe/Berlin"}"#,
                Some("2026-09-15T09:00:00[Europe/Berlin]"),
            ),
            (r#"{"start":null}"#, None),
            (r#"{"start":"soon"}"#, None),
            (r#"{"start":"2026-09-15","end":"x"}"#, None),
        ] {
            assert_eq!(read(given).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn what_is_sent_reads_the_same() {
        for text in [
            "2026-09-15",
            "2026-09-15T07:00:00Z",
            "2026-09-15/2026-09-16",
            "2026-09-15T07:00:00Z/2026-09-16T07:00:00Z",
            "2026-09-15T09:00:00[Europe/Berlin]",
            "2026-09-15T09:00:00[Europe/Berlin]/2026-09-15T10:00:00[Europe/Berlin]",
        ] {
            let sent = to_notion(text).unwrap().to_string();
            assert_eq!(read(&sent).as_deref(), Some(text));
        }
        for text in [
            "",
            "/",
            "2026-09-15/",
            "2026-13-01",
            "2026-09-15T09:00:00[a b]",
            "2026-09-15T09:00:00[Europe/Berlin]/2026-09-16",
            "15.9.2026",
        ] {
            assert!(to_notion(text).is_none(), "{text}");
        }
    }
}
