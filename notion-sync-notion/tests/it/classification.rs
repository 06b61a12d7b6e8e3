//! What every answer means, for every kind of call.

use std::sync::Arc;

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::http::SendError;
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_notion::Endpoint;
use notion_sync_notion::client::Effect;
use serde_json::json;

use crate::scripted::{ID, Kept, TOKEN, client, noon, response};

fn calls() -> Vec<Endpoint> {
    vec![
        Endpoint::page(ID).unwrap(),
        Endpoint::query(ID, &[], json!({})).unwrap(),
        Endpoint::update_page(ID, json!({"properties": {}})).unwrap(),
        Endpoint::delete_block(ID).unwrap(),
        Endpoint::create_page(json!({})),
        Endpoint::append(ID, json!({"children": []})).unwrap(),
        Endpoint::create_comment(ID, "x").unwrap(),
    ]
}

fn error(status: u16, code: &str, data: &str) -> String {
    format!(
        r#"{{"object":"error","status":{status},"code":"{code}","message":"m \"page text\" {TOKEN}","additional_data":{data},"request_id":"r-1"}}"#
    )
}

/// What an answer becomes: for reads, for writes.
type Row<'a> = (
    u16,
    &'a [(&'a str, &'a str)],
    String,
    Option<ErrorKind>,
    Option<ErrorKind>,
);

#[test]
fn every_answer_has_one_meaning() {
    use ErrorKind::{
        Blocked, Configuration, Forbidden, Gone, Invalid, NotApplied, NotFound, RateLimited,
        Unauthorized, Unavailable,
    };
    const HTML: &str = "<html><body>403 Forbidden</body></html>";
    let committed = format!(r#"{{"committed_resource_id":"{ID}"}}"#);
    let rows: Vec<Row<'_>> = vec![
        (200, &[], "{}".to_owned(), None, None),
        (
            202,
            &[],
            "{}".to_owned(),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            302,
            &[("location", "https://evil.example")],
            String::new(),
            Some(Configuration),
            Some(Configuration),
        ),
        (
            400,
            &[],
            error(400, "validation_error", "{}"),
            Some(Invalid),
            Some(Invalid),
        ),
        (
            400,
            &[],
            error(400, "missing_version", "{}"),
            Some(Invalid),
            Some(Invalid),
        ),
        (
            401,
            &[],
            error(401, "unauthorized", "{}"),
            Some(Unauthorized),
            Some(Unauthorized),
        ),
        (
            403,
            &[],
            error(403, "restricted_resource", "{}"),
            Some(Forbidden),
            Some(Forbidden),
        ),
        (
            403,
            &[],
            error(
                403,
                "restricted_resource",
                r#"{"block_limit":"block_creation"}"#,
            ),
            Some(Blocked),
            Some(Blocked),
        ),
        (
            403,
            &[("cf-ray", "1")],
            HTML.to_owned(),
            Some(Unavailable),
            Some(NotApplied),
        ),
        (
            404,
            &[],
            error(404, "object_not_found", "{}"),
            Some(NotFound),
            Some(NotFound),
        ),
        (
            404,
            &[("cf-ray", "1")],
            HTML.to_owned(),
            Some(Unavailable),
            Some(NotApplied),
        ),
        (
            409,
            &[],
            error(409, "conflict_error", "{}"),
            Some(Unavailable),
            Some(NotApplied),
        ),
        (
            409,
            &[],
            error(409, "row_limit_exceeded", "{}"),
            Some(Blocked),
            Some(Blocked),
        ),
        (410, &[], error(410, "gone", "{}"), Some(Gone), Some(Gone)),
        (413, &[], HTML.to_owned(), Some(Invalid), Some(Invalid)),
        (
            422,
            &[],
            error(422, "x", "{}"),
            Some(Invalid),
            Some(Invalid),
        ),
        (
            429,
            &[("retry-after", "17")],
            error(429, "rate_limited", "{}"),
            Some(RateLimited),
            Some(RateLimited),
        ),
        (
            429,
            &[],
            error(
                429,
                "rate_limited",
                r#"{"rate_limit_reason":"public_api_request_blocked"}"#,
            ),
            Some(Blocked),
            Some(Blocked),
        ),
        (
            429,
            &[],
            HTML.to_owned(),
            Some(RateLimited),
            Some(RateLimited),
        ),
        (
            529,
            &[("retry-after", "3")],
            error(529, "service_overload", "{}"),
            Some(RateLimited),
            Some(RateLimited),
        ),
        (
            500,
            &[],
            error(500, "internal_server_error", "{}"),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            502,
            &[],
            HTML.to_owned(),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            503,
            &[],
            error(503, "service_unavailable", "{}"),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            503,
            &[],
            error(503, "service_unavailable", &committed),
            Some(Unavailable),
            None,
        ),
        (
            503,
            &[],
            error(
                503,
                "service_unavailable",
                r#"{"committed_resource_id":"../x"}"#,
            ),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            504,
            &[],
            String::new(),
            Some(Unavailable),
            Some(Unavailable),
        ),
        (
            408,
            &[],
            String::new(),
            Some(Unavailable),
            Some(Unavailable),
        ),
    ];
    let mut checked = 0;
    for (status, headers, body, read, write) in &rows {
        for call in calls() {
            let (client, send, _) = client();
            send.push(Ok(response(*status, headers, body.clone())));
            let got = block_on(client.call(&call));
            let wanted = if call.effect == Effect::Read {
                read
            } else {
                write
            };
            assert_eq!(
                got.as_ref().err().map(notion_sync_core::Error::kind),
                *wanted,
                "{status} {body} for {call:?}"
            );
            if let Err(error) = got {
                let text = format!("{error} {error:?}");
                assert!(
                    !text.contains(TOKEN) && !text.contains("page text"),
                    "{text}"
                );
                if *status == 403 && error.kind() == Forbidden {
                    let remedy = error.remedy_text().unwrap().to_owned();
                    assert!(remedy.contains(call.capability), "{remedy}");
                }
            } else if *status == 503 {
                assert_eq!(got.unwrap().committed.unwrap().resource, ID);
            }
            checked += 1;
        }
    }
    println!("{checked} pairs of answer and call");
}

#[test]
fn no_answer_is_unknown_and_unsent_is_not_applied() {
    for call in calls() {
        let (client, send, _) = client();
        send.push(Err(SendError::NotSent(format!("refused {TOKEN}"))));
        send.push(Err(SendError::NoAnswer("reset".to_owned())));
        let unsent = block_on(client.call(&call)).unwrap_err();
        let unknown = block_on(client.call(&call)).unwrap_err();
        let wanted = if call.effect == Effect::Read {
            ErrorKind::Unavailable
        } else {
            ErrorKind::NotApplied
        };
        assert_eq!(unsent.kind(), wanted, "{call:?}");
        assert_eq!(unknown.kind(), ErrorKind::Unavailable);
        assert!(!format!("{unsent} {unsent:?}").contains(TOKEN));
    }
}

/// Whoever may not send any more says nothing about the service.
#[test]
fn what_is_held_back_is_no_failure_of_the_service() {
    let (client, send, _) = client();
    let call = calls().remove(0);
    for _ in 0..20 {
        send.push(Err(SendError::HeldBack("the lease is lost".to_owned())));
        assert_ne!(
            block_on(client.call(&call)).unwrap_err().kind(),
            ErrorKind::RateLimited
        );
    }
    assert_eq!(client.gate().blocked_until(), None);
    for _ in 0..20 {
        send.push(Err(SendError::NotSent("refused".to_owned())));
        block_on(client.call(&call)).unwrap_err();
    }
    assert!(client.gate().blocked_until().is_some());
}

#[test]
fn a_wait_is_told_and_kept_without_sending() {
    for (headers, body, seconds) in [
        (&[("retry-after", "17")][..], "{}".to_owned(), 17),
        (
            &[][..],
            error(429, "rate_limited", r#"{"retry_after":"23"}"#),
            23,
        ),
        (&[][..], error(429, "rate_limited", "{}"), 60),
    ] {
        let (client, send, clock) = client();
        send.push(Ok(response(429, headers, body)));
        send.push(Ok(response(200, &[], "{}")));
        let until = noon() + Duration::seconds(seconds);
        let call = Endpoint::page(ID).unwrap();
        let first = block_on(client.call(&call)).unwrap_err();
        assert_eq!(first.retry(), Retry::NotBefore(until));
        clock.advance(Duration::seconds(seconds - 1));
        let second = block_on(client.call(&call)).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::RateLimited);
        assert_eq!(second.retry(), Retry::NotBefore(until));
        assert_eq!(send.requests().len(), 1, "nothing is sent while waiting");
        clock.advance(Duration::seconds(1));
        assert!(block_on(client.call(&call)).is_ok());
    }
}

#[test]
fn requests_carry_what_the_service_wants() {
    let (client, send, _) = client();
    let kept = Arc::new(Kept::default());
    let client = client.observed_by(Arc::clone(&kept) as _);
    send.push(Ok(response(
        200,
        &[("x-notion-request-id", "r-7")],
        r#"{"results":[]}"#,
    )));
    let call = Endpoint::query(
        &ID.to_uppercase().replace('-', ""),
        &["title".to_owned(), "f\\:p".to_owned()],
        json!({"page_size": 1}),
    )
    .unwrap();
    block_on(client.call(&call)).unwrap();
    let request = send.requests().remove(0);
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri().to_string(),
        format!(
            "https://api.notion.com/v1/data_sources/{ID}/query?filter_properties=title&filter_properties=f%5C%3Ap"
        )
    );
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("notion-version"), "2026-03-11");
    assert_eq!(header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(header("content-type"), "application/json");
    assert!(header("user-agent").starts_with("notion-sync/"));
    assert!(request.headers()["authorization"].is_sensitive());
    assert!(!format!("{request:?} {client:?}").contains(TOKEN));

    let records = kept.0.lock().unwrap();
    let record = &records[0];
    assert_eq!(record.endpoint, "/v1/data_sources/{id}/query");
    assert_eq!(record.status, Some(200));
    assert_eq!(record.request_id.as_deref(), Some("r-7"));
    let text = format!("{record:?}");
    assert!(!text.contains(ID) && !text.contains(TOKEN), "{text}");
}

#[test]
fn ids_cannot_leave_their_place_in_a_path() {
    for id in [
        "../users",
        "a/b",
        "",
        "0123abcd-4567-89ef-0123-456789abcde?",
        "%2e%2e",
    ] {
        assert!(Endpoint::page(id).is_err(), "{id}");
        assert!(Endpoint::comments(id, None).is_err(), "{id}");
        assert!(Endpoint::create_comment(id, "x").is_err(), "{id}");
    }
    let call = Endpoint::property_item(ID, "../../x?y#z", None).unwrap();
    assert!(
        call.target()
            .starts_with(&format!("/v1/pages/{ID}/properties/..%2F..%2Fx%3Fy%23z?"))
    );
}

#[test]
fn a_repeated_cursor_ends_a_list() {
    let (client, send, _) = client();
    for _ in 0..3 {
        let body = r#"{"results":[],"has_more":true,"next_cursor":"again"}"#;
        send.push(Ok(response(200, &[], body)));
    }
    let error = block_on(client.all_of(|cursor| Endpoint::children(ID, cursor))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(send.requests().len(), 2);
}
