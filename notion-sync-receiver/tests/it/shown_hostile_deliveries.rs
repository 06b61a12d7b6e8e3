//! Ten thousand deliveries that nobody should take.

use axum::body::{Body, Bytes};
use futures::stream;
use http::Request;
use notion_sync_receiver::Source;

use crate::recorded::full;
use crate::sent::{Random, hostile, issue, noon};
use crate::stand::{LIMITS, Stand};

#[tokio::test]
async fn hostile_deliveries_are_refused_and_leave_nothing() {
    let stand = Stand::new().await;
    let mut random = Random(2026);
    let count = if full() { 10_000 } else { 1_500 };
    let mut answers = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..count {
        let (path, delivery) = hostile(&mut random, number, LIMITS, noon());
        let shown = format!(
            "{number} {path} {:?} {} bytes",
            delivery.headers,
            delivery.body.len()
        );
        let status = stand.send(path, delivery).await;
        assert!((400..500).contains(&status), "{status} to {shown}");
        *answers.entry(status).or_default() += 1;
    }
    println!("{count} hostile deliveries: {answers:?}");
    for status in [400, 401, 413, 415] {
        assert!(answers.contains_key(&status), "{answers:?}");
    }
    assert_eq!(stand.inbox().await, []);
    for source in Source::ALL {
        assert_eq!(stand.count(source, "accepted"), 0);
    }
    // It still works.
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(stand.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let stand = Stand::new().await;
    let chunk = Bytes::from_static(&[b'x'; 10_000]);
    for path in ["/webhooks/notion", "/webhooks/github"] {
        let endless = stream::repeat_with({
            let chunk = chunk.clone();
            move || Ok::<_, std::io::Error>(chunk.clone())
        });
        let request = Request::post(path)
            .body(Body::from_stream(endless))
            .unwrap();
        assert_eq!(stand.receiver.handle(request).await.status(), 413, "{path}");
    }
    // What says that it is too large is not read at all.
    let broken = Body::from_stream(stream::once(async { Err::<Bytes, _>("read") }));
    let request = Request::post("/webhooks/github").header("content-length", "99999999999");
    let answer = stand.receiver.handle(request.body(broken).unwrap()).await;
    assert_eq!(answer.status(), 413);
    let torn = stream::iter([Ok(chunk), Err("the connection broke")]);
    let request = Request::post("/webhooks/github")
        .body(Body::from_stream(torn))
        .unwrap();
    assert_eq!(stand.receiver.handle(request).await.status(), 400);
    assert_eq!(stand.get("/webhooks/github").await.0, 405);
    assert_eq!(stand.get("/").await.0, 404);
}
