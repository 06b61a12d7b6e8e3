//! What both emulators share: the request and reply types, faults, the request log, bounds.

mod bounds;
mod fault;
mod in_process;
mod log;

pub use bounds::EmulatorBounds;
pub use fault::{Fault, FaultPlan, FaultRule};
pub use in_process::InProcess;
pub use log::{LogEntry, RequestLog};

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// A request as it arrived: method, path with query, headers, body.
pub type Request = http::Request<Bytes>;
/// An answer: status, headers, body.
pub type Response = http::Response<Bytes>;

/// What happens to a request.
#[derive(Debug)]
pub enum Reply {
    /// The answer is sent after `delay` (of the shared clock, so zero real time in tests).
    Answer {
        /// The answer.
        response: Response,
        /// How long the service takes before the answer leaves it.
        delay: Duration,
    },
    /// The connection is closed without an answer. Whether the request had an effect is exactly
    /// what the client cannot know.
    Dropped,
}

impl Reply {
    /// An answer without delay.
    #[must_use]
    pub fn now(response: Response) -> Self {
        Self::Answer {
            response,
            delay: Duration::ZERO,
        }
    }
}

/// A service as a state machine.
pub trait Emulator: std::fmt::Debug + Send {
    /// Handles one request at `now`. Must not read any other clock.
    fn handle(&mut self, request: Request, now: DateTime<Utc>) -> Reply;

    /// Handles a request below `/_emulator/` that only this service has (worlds, people's gestures
    /// that have no API). `None` when the path is not one of them.
    fn control(&mut self, request: &Request, now: DateTime<Utc>) -> Option<Response>;

    /// Puts the service back to the world it started with, and clears log and faults.
    fn reset(&mut self);

    /// The bounds it keeps to.
    fn bounds(&self) -> &EmulatorBounds;

    /// The log of everything that was asked so far.
    fn log(&self) -> &RequestLog;

    /// The switches for faults.
    fn faults(&mut self) -> &mut FaultPlan;
}
