//! What every emulator offers below `/_emulator/`, whatever it emulates.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::emulator::{FaultRule, LogEntry, Request, Response};

use super::{Shared, lock};

/// Answers a control request. `None` when neither the server nor the emulator knows the path.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Option<Response> {
    let mut emulator = lock(&shared.emulator);
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/_emulator/bounds") => Some(body(StatusCode::OK, emulator.bounds())),
        ("GET", "/_emulator/log") => {
            let mark = request
                .uri()
                .query()
                .into_iter()
                .flat_map(|query| query.split('&'))
                .find_map(|pair| pair.strip_prefix("since="))
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let entries: Vec<&LogEntry> = emulator.log().since(mark).collect();
            Some(body(
                StatusCode::OK,
                &json!({"mark": emulator.log().mark(), "entries": entries}),
            ))
        }
        ("GET", "/_emulator/faults") => Some(body(StatusCode::OK, emulator.faults().rules())),
        ("POST", "/_emulator/faults") => {
            Some(match serde_json::from_slice::<FaultRule>(request.body()) {
                Ok(rule) => {
                    emulator.faults().push(rule);
                    body(StatusCode::CREATED, &json!({}))
                }
                Err(error) => body(
                    StatusCode::BAD_REQUEST,
                    &json!({"message": error.to_string()}),
                ),
            })
        }
        ("DELETE", "/_emulator/faults") => {
            emulator.faults().clear();
            Some(body(StatusCode::OK, &json!({})))
        }
        ("POST", "/_emulator/reset") => {
            emulator.reset();
            Some(body(StatusCode::OK, &json!({})))
        }
        _ => emulator.control(request, (shared.time)()),
    }
}

fn body<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Response {
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string().into_bytes(),
        ),
    };
    let mut response = Response::new(Bytes::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
