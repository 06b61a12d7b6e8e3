//! What the service says when it does not do what was asked.

use serde_json::{Value, json};

/// A refusal in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {message}{}", .errors.first().map(|error| format!(": {error}")).unwrap_or_default())]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The member `message` of the body.
    pub message: String,
    /// The member `errors` of a validation error.
    pub errors: Vec<Value>,
    /// Further headers, for example `X-Accepted-GitHub-Permissions`.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, message)
    }

    /// `Validation Failed` with one entry.
    pub(crate) fn invalid(error: Value) -> Self {
        Self {
            errors: vec![error],
            ..Self::new(422, "Validation Failed")
        }
    }

    /// A field that is missing, invalid or already there.
    pub(crate) fn field(resource: &str, field: &str, code: &str) -> Self {
        Self::invalid(json!({"resource": resource, "field": field, "code": code}))
    }

    /// A validation error with words of its own.
    pub(crate) fn custom(resource: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::invalid(json!({"resource": resource, "code": "custom", "message": message}))
    }

    /// A request body whose member has the wrong type, as the schema check of the service words it.
    pub(crate) fn schema(member: &str, wanted: &str) -> Self {
        Self::new(
            422,
            format!("Invalid request.\n\nFor 'properties/{member}', the value is not {wanted}."),
        )
    }

    /// A request body without a required member.
    pub(crate) fn missing(member: &str) -> Self {
        Self::new(
            422,
            format!("Invalid request.\n\n\"{member}\" wasn't supplied."),
        )
    }

    /// The body that is sent.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        body
    }
}
