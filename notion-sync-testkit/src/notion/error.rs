//! The service's refusals.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::id::NotionId;
use crate::emulator::Response;

/// What an operation gives.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// A refusal as it is sent: status, code, message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) additional: Option<Value>,
    pub(crate) retry_after: Option<u32>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            additional: None,
            retry_after: None,
        }
    }

    /// 400 with a free text.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "validation_error", message)
    }

    /// 400 about one place of the body.
    pub(crate) fn body(what: impl std::fmt::Display) -> Self {
        Self::validation(format!("body failed validation: {what}"))
    }

    /// 404 for an object that is not there, or is not shared: nobody can tell which.
    pub(crate) fn not_found(kind: &str, id: NotionId, connection: &str) -> Self {
        Self::new(
            404,
            "object_not_found",
            format!(
                "Could not find {kind} with ID: {id}. Make sure the relevant pages and databases are \
                 shared with your connection \"{connection}\"."
            ),
        )
    }

    /// 403 for a capability that the connection does not have.
    pub(crate) fn restricted() -> Self {
        Self::new(
            403,
            "restricted_resource",
            "Insufficient permissions for this endpoint.",
        )
    }

    pub(crate) fn invalid_url() -> Self {
        Self::new(400, "invalid_request_url", "Invalid request URL.")
    }

    pub(crate) fn rate_limited(seconds: u32) -> Self {
        Self {
            additional: Some(json!({
                "rate_limit_reason": "public_api_request_rate_limit",
                "retry_after": seconds.to_string(),
            })),
            retry_after: Some(seconds),
            ..Self::new(
                429,
                "rate_limited",
                "You have been rate limited. Please try again in a few minutes.",
            )
        }
    }

    /// What a tired service says for a status.
    pub(crate) fn refusal(status: u16, retry_after: Option<u32>) -> Self {
        match status {
            401 => Self::new(401, "unauthorized", "API token is invalid."),
            403 => Self::restricted(),
            404 => Self::new(
                404,
                "object_not_found",
                "Could not find the object. Make sure the relevant pages and databases are shared with \
                 your connection.",
            ),
            409 => Self::new(
                409,
                "conflict_error",
                "Conflict occurred while saving. Please try again.",
            ),
            429 => Self::rate_limited(retry_after.unwrap_or(1)),
            500 => Self::new(500, "internal_server_error", "Unexpected error occurred."),
            502 => Self::new(502, "bad_gateway", "Bad Gateway"),
            503 => Self {
                retry_after,
                ..Self::new(
                    503,
                    "service_unavailable",
                    "Notion is unavailable, please try again later.",
                )
            },
            504 => Self::new(504, "gateway_timeout", "Gateway timeout."),
            529 => Self {
                additional: retry_after.map(|seconds| json!({"retry_after": seconds.to_string()})),
                retry_after,
                ..Self::new(
                    529,
                    "service_overload",
                    "The service is temporarily overloaded. Please try again later.",
                )
            },
            other => Self {
                retry_after,
                ..Self::new(other, "internal_server_error", "Unexpected error occurred.")
            },
        }
    }

    /// The JSON body.
    pub(crate) fn to_value(&self, request_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("object".into(), "error".into());
        body.insert("status".into(), self.status.into());
        body.insert("code".into(), self.code.into());
        body.insert("message".into(), self.message.clone().into());
        if let Some(additional) = &self.additional {
            body.insert("additional_data".into(), additional.clone());
        }
        body.insert("request_id".into(), request_id.into());
        Value::Object(body)
    }

    /// The whole answer.
    pub(crate) fn to_response(&self, request_id: &str) -> Response {
        let mut response = json_response(self.status, &self.to_value(request_id), request_id);
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer with a JSON body.
pub(crate) fn json_response(status: u16, body: &Value, request_id: &str) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    if let Ok(value) = http::HeaderValue::from_str(request_id) {
        headers.insert("x-notion-request-id", value);
    }
    response
}

/// The page an edge server sends for a 502: HTML, and no request id of the service.
pub(crate) fn edge_response(status: u16) -> Response {
    let mut response = Response::new(Bytes::from(format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         </body>\r\n</html>\r\n"
    )));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/html; charset=UTF-8"),
    );
    response.headers_mut().insert(
        "cf-ray",
        http::HeaderValue::from_static("0000000000000000-FRA"),
    );
    response
}
