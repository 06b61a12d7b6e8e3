//! Ticks until nothing is under way.

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::engine::Tick;

use super::seam::Seam;
use super::season::Failure;

/// Most ticks in which everything must come to rest.
const MOST_TICKS: usize = 400;

/// Writes down what a tick did.
pub fn note_tick(seam: &Seam, tick: &Tick) {
    for error in tick.errors() {
        seam.note(&format!("error: {error}"));
    }
    for report in &tick.mappings {
        for applied in &report.applied {
            seam.note(&format!(
                "applied {} on {:?}: {}",
                applied.op, applied.side, applied.summary
            ));
        }
        for incident in &report.incidents {
            seam.note(&format!(
                "incident {}: {}",
                incident.subject, incident.message
            ));
        }
        if let Some(guard) = &report.guard {
            seam.note(&format!("guard: {guard}"));
        }
    }
}

/// Ticks until nothing is under way, with the time that passes between; the first tick lists everything
/// where `full` says so. Whether that was reached before `until` and in 400 ticks.
///
/// # Errors
///
/// What a tick answers, and `engine` where one does not end although nothing fails.
pub async fn rest(
    seam: &Seam,
    until: DateTime<Utc>,
    mut full: bool,
    mut tick: impl AsyncFnMut(bool) -> Result<Option<Tick>, Failure>,
) -> Result<bool, Failure> {
    for _ in 0..MOST_TICKS {
        let ended = tick(full).await?;
        full = false;
        let Some(ended) = ended else {
            return Err(Failure::new("engine", "a quiet tick did not end"));
        };
        match ended.settle_due {
            Some(due) => {
                if let Some(clock) = seam.clock() {
                    clock.advance_to(due);
                    clock.advance(Duration::milliseconds(250));
                }
            }
            None if ended.writes() == 0 => return Ok(true),
            None => {}
        }
        if seam.now() > until {
            break;
        }
    }
    Ok(false)
}
