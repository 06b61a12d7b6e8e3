//! What is told about each call, for metrics and audit.

use std::fmt;

use chrono::Duration;
use notion_sync_core::ErrorKind;

use super::endpoint::Effect;

/// One call that ended. Holds no id of a page, no body and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// HTTP method.
    pub method: http::Method,
    /// Path with its variable parts in braces, for example `/v1/pages/{id}`.
    pub endpoint: &'static str,
    /// What the call does to the service.
    pub effect: Effect,
    /// Status of the answer; `None` when there was none or nothing was sent.
    pub status: Option<u16>,
    /// How it ended: `None` is success.
    pub failure: Option<ErrorKind>,
    /// How long it took, by the client's clock.
    pub duration: Duration,
    /// Notion's id of the request, for a support case.
    pub request_id: Option<String>,
    /// Size of the answer in bytes.
    pub bytes: usize,
}

/// Is told about each call after it ended. Must be quick and must not fail.
pub trait CallObserver: fmt::Debug + Send + Sync {
    /// A call ended.
    fn finished(&self, call: &CallRecord);
}
