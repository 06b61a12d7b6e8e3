//! Waiting where a service asks to wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use notion_sync_core::{Error, Retry};

use super::output::{Output, time};
use crate::exit::Failure;

/// How long a run that waits goes on while nothing gets on and a service does not answer. One that asks
/// to wait answers.
const UNANSWERED: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// How long a run that waits goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Not beyond this, whatever is under way.
    ends: Option<DateTime<Utc>>,
    /// Since when nothing gets on.
    failing: Option<DateTime<Utc>>,
}

impl Patience {
    /// From `now`, as long as somebody said, or as long as something gets on.
    pub(super) fn new(at_most: Option<Duration>, now: DateTime<Utc>) -> Self {
        let ends = at_most.map(|span| {
            let span = chrono::TimeDelta::from_std(span).ok();
            span.and_then(|span| now.checked_add_signed(span))
                .unwrap_or(DateTime::<Utc>::MAX_UTC)
        });
        Self {
            ends,
            failing: None,
        }
    }

    /// A round ended; `failed` where it did nothing because something could not be reached.
    pub(super) fn round(&mut self, failed: bool, now: DateTime<Utc>) {
        self.failing = failed.then(|| self.failing.unwrap_or(now));
    }

    /// Whether what is due at a moment is still waited for.
    pub(super) fn lasts_until(&self, due: DateTime<Utc>) -> bool {
        let unanswered = self.failing.map(|since| since + UNANSWERED);
        let ends = [self.ends, unanswered].into_iter().flatten().min();
        ends.is_none_or(|ends| due <= ends)
    }
}

/// A time as people write it: a whole number of seconds, minutes or hours.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write for example 90s, 30m or 2h");
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let count: u64 = (digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
        .ok_or_else(wrong)?;
    count
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

/// Waits as long as an error asks to, and otherwise ends with it; without `wait` it says how to go on.
pub(super) async fn pause(
    output: Output,
    wait: bool,
    command: &str,
    error: Error,
) -> Result<(), Failure> {
    let Retry::NotBefore(until) = error.retry() else {
        return Err(error.into());
    };
    if wait {
        rest_until(output, until).await;
        return Ok(());
    }
    let remedy = remedy(command, until);
    Err(error.remedy(remedy).into())
}

/// What a person does about a command that did not get to its end.
pub(super) fn remedy(command: &str, until: DateTime<Utc>) -> String {
    format!(
        "run `notion-sync {command}` again after {}, or with --wait",
        time(until)
    )
}

/// Rests until a moment, and says so.
pub(super) async fn rest_until(output: Output, until: DateTime<Utc>) {
    output.line(format!("waits until {}", time(until)));
    // At least a little, so that a clock that is behind makes nothing spin.
    let pause = (until - Utc::now()).to_std().unwrap_or_default();
    tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + chrono::TimeDelta::minutes(minutes)
    }

    #[test]
    fn a_run_that_gets_on_is_waited_for_unless_somebody_said_how_long() {
        let mut free = Patience::new(None, at(0));
        free.round(false, at(600));
        assert!(free.lasts_until(at(100_000)));
        let mut bound = Patience::new(Some(Duration::from_secs(600)), at(0));
        bound.round(false, at(9));
        assert!(bound.lasts_until(at(10)) && !bound.lasts_until(at(11)));
        let ever = Patience::new(Some(Duration::MAX), at(0));
        assert!(ever.lasts_until(at(100_000)));
    }

    #[test]
    fn a_service_that_does_not_answer_is_waited_for_an_hour() {
        let mut patience = Patience::new(None, at(0));
        patience.round(true, at(5));
        patience.round(true, at(50));
        assert!(patience.lasts_until(at(65)) && !patience.lasts_until(at(66)));
        // It answered: whatever fails later fails anew.
        patience.round(false, at(60));
        assert!(patience.lasts_until(at(1_000)));
        patience.round(true, at(70));
        assert!(patience.lasts_until(at(130)) && !patience.lasts_until(at(131)));
        // What somebody said is not exceeded.
        let mut bound = Patience::new(Some(Duration::from_secs(600)), at(0));
        bound.round(true, at(5));
        assert!(!bound.lasts_until(at(11)));
    }

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("30m", 1_800), ("2h", 7_200)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for text in [
            "",
            "5",
            "m",
            "+1m",
            "1.5h",
            "5 m",
            "5é",
            "99999999999999999999h",
        ] {
            assert!(span(text).unwrap_err().contains("30m"), "{text}");
        }
    }
}
