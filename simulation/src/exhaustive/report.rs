//! What was seen, as a table for people and as lines for machines.

use std::fmt::Write;

use super::search::Outcome;
use super::variants::{Expect, Variant};

/// What a variant showed.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    name: String,
    expect: Expect,
    /// What the search saw.
    pub(crate) outcome: Outcome,
    seconds: f64,
}

impl Report {
    pub(crate) fn new(variant: &Variant, outcome: Outcome, seconds: f64) -> Self {
        Self {
            name: variant.name.clone(),
            expect: variant.expect,
            outcome,
            seconds,
        }
    }

    /// Whether a violation was found exactly where one was expected.
    pub(crate) fn as_expected(&self) -> bool {
        self.outcome.violation.is_some() == (self.expect == Expect::Violation)
    }

    fn verdict(&self) -> String {
        let found = match &self.outcome.violation {
            Some(violation) => {
                format!(
                    "{} after {} steps",
                    violation.property,
                    violation.trace.len()
                )
            }
            None if self.outcome.complete => "holds in every state".to_owned(),
            None => format!("holds to depth {}, then the limit", self.outcome.depth),
        };
        if self.as_expected() {
            found
        } else {
            format!("UNEXPECTED: {found}")
        }
    }
}

/// One line for each variant, then the traces and the sum.
pub(crate) fn table(reports: &[Report], traces: bool, seconds: f64) -> String {
    let mut text = String::new();
    let width = reports
        .iter()
        .map(|report| report.name.len())
        .max()
        .unwrap_or(0);
    let _ = writeln!(
        text,
        "{:width$}  {:>9}  {:>10}  {:>5}  {:>4}  {:>7}  verdict",
        "variant", "states", "steps", "depth", "rest", "seconds"
    );
    for report in reports {
        let outcome = &report.outcome;
        let _ = writeln!(
            text,
            "{:width$}  {:>9}  {:>10}  {:>5}  {:>4}  {:>7.2}  {}",
            report.name,
            outcome.states,
            outcome.transitions,
            outcome.depth,
            outcome.to_rest,
            report.seconds,
            report.verdict()
        );
    }
    for report in reports {
        if let Some(violation) = &report.outcome.violation
            && (traces || !report.as_expected())
        {
            let _ = writeln!(text, "\n{}: {}", report.name, violation.property);
            for (number, line) in violation.trace.iter().enumerate() {
                let _ = writeln!(text, "{:>4}. {line}", number + 1);
            }
        }
    }
    let states: usize = reports.iter().map(|report| report.outcome.states).sum();
    let wrong = reports
        .iter()
        .filter(|report| !report.as_expected())
        .count();
    let _ = writeln!(
        text,
        "\n{} variants, {states} states in {seconds:.1} s; {wrong} ended otherwise than expected",
        reports.len()
    );
    text
}

/// One JSON object for each variant and line.
pub(crate) fn lines(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports {
        let outcome = &report.outcome;
        let violation = outcome.violation.as_ref();
        let property =
            violation.map_or_else(|| "null".to_owned(), |violation| quoted(violation.property));
        let trace: Vec<String> = violation
            .map(|violation| violation.trace.iter().map(|line| quoted(line)).collect())
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{{\"variant\":{},\"states\":{},\"transitions\":{},\"depth\":{},\"steps_to_rest\":{},\
             \"complete\":{},\"seconds\":{:.3},\"violation\":{property},\"trace\":[{}],\
             \"as_expected\":{}}}",
            quoted(&report.name),
            outcome.states,
            outcome.transitions,
            outcome.depth,
            outcome.to_rest,
            outcome.complete,
            report.seconds,
            trace.join(","),
            report.as_expected()
        );
    }
    text
}

/// A JSON string; names, properties and actions hold no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
