//! Waiting where a service asks to wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use notion_sync_core::{Error, Retry};

use super::output::{Output, time};
use crate::exit::Failure;

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
