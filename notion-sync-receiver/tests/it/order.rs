//! In which order a receiver works: the size, the signature, the inbox, the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use futures::{StreamExt as _, stream};
use http::{Method, Request};
use notion_sync_core::clock::VirtualClock;
use notion_sync_core::state::State;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_receiver::{Receiver, Settings, SigningSecrets, Source};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use tokio::sync::Semaphore;

use crate::sent::{EVENTS, GITHUB, NOTION, issue, noon, notion_event, row};
use crate::stand::{LIMITS, secret, settings};

/// A memory store whose writes wait until they are let through, and fail once it is closed.
#[derive(Debug)]
struct Gated {
    inner: MemoryStore,
    asked: Semaphore,
    let_through: Semaphore,
}

#[async_trait]
impl Store for Gated {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.asked.add_permits(1);
        match self.let_through.acquire().await {
            Ok(one) => one.forget(),
            Err(_) => return Err(Error::new(ErrorKind::Store, "write").message("the disk is full")),
        }
        self.inner.commit(changes).await
    }
}

struct Stand {
    store: Arc<Gated>,
    receiver: Receiver,
}

impl Stand {
    async fn new(settings: Settings) -> Self {
        let store = Arc::new(Gated {
            inner: MemoryStore::new(),
            asked: Semaphore::new(0),
            let_through: Semaphore::new(0),
        });
        let clock = Arc::new(VirtualClock::new(noon()));
        let receiver = Receiver::new(settings, store.clone(), clock).await.unwrap();
        Self { store, receiver }
    }

    async fn send(&self, path: &str, delivery: Delivery) -> u16 {
        let mut request = Request::new(Body::from(delivery.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = delivery.headers;
        self.receiver.handle(request).await.status().as_u16()
    }

    async fn hints(&self) -> usize {
        State::new(&*self.store).inbox(100).await.unwrap().len()
    }
}

#[tokio::test]
async fn the_answer_waits_until_the_hint_is_durable() {
    let stand = Stand::new(settings()).await;
    for (number, (path, delivery)) in [
        (
            "/webhooks/notion",
            notion_event("n-1", "page.created", row()),
        ),
        ("/webhooks/github", issue("g-1")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = Box::pin(stand.send(path, delivery));
        tokio::select! {
            biased;
            status = &mut answer => panic!("{path} is answered {status} before anything was written"),
            asked = stand.store.asked.acquire() => asked.unwrap().forget(),
        }
        // The write is under way, and nobody knows yet how it ends.
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert!(futures::poll!(&mut answer).is_pending(), "{path}");
        }
        assert_eq!(stand.hints().await, number);
        stand.store.let_through.add_permits(1);
        assert!((200..300).contains(&answer.await), "{path}");
        assert_eq!(stand.hints().await, number + 1);
    }
}

#[tokio::test]
async fn size_comes_before_the_signature_and_the_signature_before_everything_else() {
    let stand = Stand::new(settings()).await;
    // Whoever comes as far as the store is answered 503.
    stand.store.let_through.close();
    let page = |secret: &str| {
        let body = notion_event("n-1", "page.created", row()).body;
        Delivery::notion(secret, "n-1", body)
    };
    assert_eq!(stand.send("/webhooks/notion", page(NOTION)).await, 503);
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 503);
    let asked = stand.store.asked.available_permits();
    assert_eq!(asked, 2);
    let github =
        |secret: &str, length: usize| Delivery::github(secret, "g-2", "issues", vec![b'{'; length]);
    let notion = |secret: &str, length: usize| Delivery::notion(secret, "n-2", vec![b'{'; length]);
    for (path, delivery, status) in [
        ("/webhooks/notion", page("of somebody else"), 401),
        // Neither is JSON, which nobody finds out about what is not signed.
        ("/webhooks/notion", notion("x", LIMITS.notion), 401),
        ("/webhooks/notion", notion(NOTION, LIMITS.notion), 400),
        ("/webhooks/github", github("x", LIMITS.github), 401),
        ("/webhooks/github", github(GITHUB, LIMITS.github), 400),
        // One byte more, and the signature does not count.
        ("/webhooks/notion", notion("x", LIMITS.notion + 1), 413),
        ("/webhooks/notion", notion(NOTION, LIMITS.notion + 1), 413),
        ("/webhooks/github", github("x", LIMITS.github + 1), 413),
        ("/webhooks/github", github(GITHUB, LIMITS.github + 1), 413),
    ] {
        let length = delivery.body.len();
        assert_eq!(stand.send(path, delivery).await, status, "{path} {length}");
    }
    assert_eq!(stand.store.asked.available_permits(), asked);
    for source in [Source::Notion, Source::Github] {
        let count = |outcome| stand.receiver.metrics().deliveries(source, outcome);
        assert_eq!((count("not_stored"), count("accepted")), (1, 0));
    }
    assert_eq!(stand.hints().await, 0);
}

#[tokio::test]
async fn both_secrets_of_both_services_count_during_a_rotation() {
    let both = Settings {
        notion: SigningSecrets::new(secret(NOTION), secret("secret_before")),
        ..settings()
    };
    let stand = Stand::new(both).await;
    stand.store.let_through.add_permits(100);
    for (number, (secret, taken)) in [(NOTION, true), ("secret_before", true), ("x", false)]
        .into_iter()
        .enumerate()
    {
        let body = notion_event(&format!("n-{number}"), "page.created", row()).body;
        let status = stand
            .send("/webhooks/notion", Delivery::notion(secret, "", body))
            .await;
        assert_eq!(status, if taken { 200 } else { 401 }, "{secret}");
    }
    for (number, (secret, taken)) in [(GITHUB, true), ("the one before", true), (EVENTS, false)]
        .into_iter()
        .enumerate()
    {
        let body = issue("").body;
        let delivery = Delivery::github(secret, &format!("g-{number}"), "issues", body);
        let status = stand.send("/webhooks/github", delivery).await;
        assert_eq!(status, if taken { 202 } else { 401 }, "{secret}");
    }
    assert_eq!(stand.hints().await, 4);
}

/// More than are read at the same time if each may become as large as it likes.
const SLOW: usize = 600;

#[tokio::test]
async fn bodies_that_never_end_keep_nobody_waiting() {
    let stand = Stand::new(settings()).await;
    stand.store.let_through.add_permits(100);
    let ended = AtomicUsize::new(0);
    let slow = |number: usize| {
        let path = ["/webhooks/notion", "/webhooks/github"][number % 2];
        let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(
            b"{\"action\": ",
        ))]);
        let body = Body::from_stream(begin.chain(stream::pending()));
        let request = Request::post(path).body(body).unwrap();
        let (receiver, ended) = (&stand.receiver, &ended);
        async move {
            let status = receiver.handle(request).await.status().as_u16();
            ended.fetch_add(1, Ordering::Relaxed);
            status
        }
    };
    let mut slow: Vec<_> = (0..SLOW).map(|number| Box::pin(slow(number))).collect();
    for one in &mut slow {
        assert!(futures::poll!(one).is_pending());
    }
    let mut all = std::pin::pin!(futures::future::join_all(slow));
    let mut honest = Box::pin(async {
        let large = format!(
            "{{\"action\": \"edited\", \"x\": \"{}\"}}",
            "x".repeat(100_000)
        );
        let large = Delivery::github(GITHUB, "g-2", "star", large);
        [
            stand.send("/webhooks/github", issue("g-1")).await,
            stand.send("/webhooks/github", large).await,
        ]
    });
    tokio::select! {
        biased;
        statuses = &mut honest => assert_eq!(statuses, [202, 202]),
        _ = &mut all => panic!("an honest delivery waited for all the others"),
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "it waited for others");
    let statuses = all.await;
    let given_up = statuses.iter().filter(|status| **status == 408).count();
    assert_eq!(given_up, SLOW, "{statuses:?}");
    assert_eq!(stand.hints().await, 1);
}
