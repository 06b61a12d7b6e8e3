//! Leases while several things go on at once.

use std::collections::HashMap;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::{join_all, poll_fn};
use futures::task::noop_waker;

use super::*;
use crate::clock::VirtualClock;

/// A store that carries out what it is asked for at once and answers later, as one with a thread of its
/// own does.
#[derive(Debug, Default)]
struct Late(Mutex<HashMap<(Table, String), Item>>);

impl Late {
    fn items(&self) -> MutexGuard<'_, HashMap<(Table, String), Item>> {
        self.0.lock().unwrap()
    }

    async fn answer<T>(&self, answer: T) -> T {
        let mut asked = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut asked, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        answer
    }

    fn put(&self, changes: Vec<Change>) -> Result<()> {
        let mut items = self.items();
        for change in &changes {
            let (Change::Put {
                table, key, expect, ..
            }
            | Change::Check { table, key, expect }) = change
            else {
                panic!("{change:?}")
            };
            let stored = items.get(&(*table, key.clone())).map(|item| item.version);
            let holds = match expect {
                Expect::Absent => stored.is_none(),
                Expect::Version(version) => stored == Some(*version),
                Expect::Any => true,
            };
            if !holds {
                return Err(Error::new(ErrorKind::Stale, "commit changes"));
            }
        }
        for change in changes {
            if let Change::Put {
                table, key, body, ..
            } = change
            {
                let version = items
                    .get(&(table, key.clone()))
                    .map_or(1, |item| item.version + 1);
                let item = Item {
                    key: key.clone(),
                    version,
                    body,
                };
                items.insert((table, key), item);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Late {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        let found = self.items().get(&(table, key.to_owned())).cloned();
        Ok(self.answer(found).await)
    }

    async fn get_many(&self, _: Table, _: &[String]) -> Result<Vec<Item>> {
        Ok(Vec::new())
    }

    async fn query(&self, _: Query<'_>) -> Result<Vec<Hit>> {
        Ok(Vec::new())
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let done = self.put(changes);
        self.answer(done).await
    }
}

/// A network that answers everything.
#[derive(Debug)]
struct Willing;

#[async_trait]
impl HttpSend for Willing {
    async fn send(&self, _: Request) -> std::result::Result<Response, SendError> {
        Ok(Response::new(Bytes::new()))
    }
}

/// A store, a clock and a worker that has the lease of its only mapping, with a heartbeat due.
fn due() -> (Arc<Late>, Arc<VirtualClock>, Arc<Worker>) {
    let store = Arc::new(Late::default());
    let clock = Arc::new(VirtualClock::new(DateTime::UNIX_EPOCH));
    let worker = worker(&store, &clock, "one");
    assert!(matches!(
        block_on(worker.acquire(&mapping())).unwrap(),
        Asked::Granted(_)
    ));
    let (_, heartbeat) = worker.times();
    clock.advance(heartbeat);
    (store, clock, worker)
}

fn worker(store: &Arc<Late>, clock: &Arc<VirtualClock>, name: &str) -> Arc<Worker> {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    Arc::new(Worker::new(store, clock, name, Company::Others))
}

fn mapping() -> MappingId {
    MappingId::from("backlog")
}

#[test]
fn requests_at_the_same_time_renew_the_lease_once_and_keep_it() {
    for requests in [1, 2, 4, 20] {
        let (store, _, worker) = due();
        let http = worker.guard(Arc::new(Willing));
        let key = (Table::Lease, lease_key(mapping().as_str()));
        let before = store.items()[&key].version;
        let sent = block_on(join_all(
            (0..requests).map(|_| http.send(Request::default())),
        ));
        assert!(
            sent.iter().all(std::result::Result::is_ok),
            "{requests}: {sent:?}"
        );
        assert_eq!(store.items()[&key].version, before + 1, "{requests}");
        assert!(
            !block_on(worker.release()).unwrap(),
            "{requests}: it was lost"
        );
    }
}

#[test]
fn a_renewal_that_nobody_waited_for_is_ours() {
    for more in [0, 2] {
        let (_, clock, worker) = due();
        let http = worker.guard(Arc::new(Willing));
        {
            let mut given_up = pin!(http.send(Request::default()));
            let waker = noop_waker();
            let mut context = Context::from_waker(&waker);
            assert!(given_up.as_mut().poll(&mut context).is_pending());
        }
        for _ in 0..more {
            assert!(block_on(http.send(Request::default())).is_ok());
            let (_, heartbeat) = worker.times();
            clock.advance(heartbeat);
        }
        assert!(!block_on(worker.release()).unwrap(), "{more}: it was lost");
    }
}

#[test]
fn a_lease_that_another_one_took_is_lost_for_all_requests() {
    let (store, clock, one) = due();
    let (ttl, _) = one.times();
    clock.advance(ttl);
    let two = worker(&store, &clock, "two");
    assert!(matches!(
        block_on(two.acquire(&mapping())).unwrap(),
        Asked::Granted(_)
    ));
    let http = one.guard(Arc::new(Willing));
    let sent = block_on(join_all((0..4).map(|_| http.send(Request::default()))));
    assert!(sent.iter().all(std::result::Result::is_err), "{sent:?}");
    assert!(block_on(one.release()).unwrap());
    assert!(
        !block_on(two.release()).unwrap(),
        "the other one has it still"
    );
}
