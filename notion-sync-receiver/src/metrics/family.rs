//! Families of figures, and their text in the format of Prometheus.

use std::fmt::Write as _;

use chrono::{DateTime, Duration, Utc};

/// What a number may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only grows, until the process starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Figures of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, Value)>,
}

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number of something.
    Count(u64),
    /// Any number.
    Number(f64),
    /// How long ago that was when it is shown, in seconds; zero where it never was.
    Age(Option<DateTime<Utc>>),
    /// When it was, in seconds since 1970.
    Time(DateTime<Utc>),
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for Value {
    /// One and zero.
    fn from(holds: bool) -> Self {
        Self::Count(u64::from(holds))
    }
}

impl Family {
    /// A family of numbers that only grow. Its name is of ASCII letters, digits and underscores, stands
    /// once in a page, and ends with `_total` by convention; the help is one line.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self::of(Kind::Counter, name, help)
    }

    /// As [`counter`](Self::counter), of numbers that go up and down; its name ends with their unit.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::of(Kind::Gauge, name, help)
    }

    fn of(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            kind,
            help,
            samples: Vec::new(),
        }
    }

    /// With one more figure. No two have the same labels. Values of labels are shown as they are.
    #[must_use]
    pub fn with(mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) -> Self {
        self.add(labels, value);
        self
    }

    /// As [`with`](Self::with), in place.
    pub fn add(&mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) {
        let labels = labels.iter().map(|(name, label)| (*name, escaped(label)));
        self.samples.push((labels.collect(), value.into()));
    }

    /// Appends its lines, as they are `now`.
    pub(super) fn write(&self, out: &mut String, now: DateTime<Utc>) {
        let (name, help) = (self.name, self.help);
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in &self.samples {
            out.push_str(name);
            for (index, (name, label)) in labels.iter().enumerate() {
                let before = if index == 0 { '{' } else { ',' };
                let _ = write!(out, "{before}{name}=\"{label}\"");
            }
            let end = if labels.is_empty() { "" } else { "}" };
            let _ = match value {
                Value::Count(count) => writeln!(out, "{end} {count}"),
                Value::Number(number) => writeln!(out, "{end} {number}"),
                Value::Age(at) => {
                    let age = at.map_or(0.0, |at| seconds(now - at));
                    writeln!(out, "{end} {age}")
                }
                Value::Time(at) => writeln!(out, "{end} {}", at.timestamp()),
            };
        }
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn seconds(span: Duration) -> f64 {
    // A double holds the milliseconds of 285,000 years.
    #[allow(clippy::cast_precision_loss)]
    let millis = span.num_milliseconds() as f64;
    millis / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_holds_ends_no_line() {
        let family =
            Family::gauge("a_b", "What it is.").with(&[("c", "\\ \" \n d"), ("e", "")], 7_u64);
        let mut out = String::new();
        family.write(&mut out, DateTime::UNIX_EPOCH);
        let wanted =
            "# HELP a_b What it is.\n# TYPE a_b gauge\na_b{c=\"\\\\ \\\" \\n d\",e=\"\"} 7\n";
        assert_eq!(out, wanted);
    }

    #[test]
    fn ages_and_times_are_in_seconds() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap_or_default();
        let family = Family::counter("a", "b")
            .with(&[], Value::Age(Some(at(1_500))))
            .with(&[], Value::Age(None))
            .with(&[], Value::Time(at(1_500)))
            .with(&[], Value::Number(0.25))
            .with(&[], true);
        let mut out = String::new();
        family.write(&mut out, at(4_000));
        let lines: Vec<&str> = out.lines().skip(2).collect();
        assert_eq!(lines, ["a 2.5", "a 0", "a 1", "a 0.25", "a 1"]);
    }
}
