//! Cases about commits at the same time.

use futures::future::join_all;
use notion_sync_core::store::{Expect, Store, Table};
use notion_sync_core::{ErrorKind, Result};

use super::sample::{body, check, commit, delete, get, ok, put, version};

/// How many commits run at once.
const RIVALS: usize = 16;

/// The one that succeeded; all others must have lost by [`ErrorKind::Stale`].
#[track_caller]
fn winner(results: &[Result<()>]) -> usize {
    let winners: Vec<_> = (0..results.len())
        .filter(|rival| results[*rival].is_ok())
        .collect();
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    }
    assert_eq!(winners.len(), 1, "winners: {winners:?}");
    winners[0]
}

/// Of many who create one item, one succeeds and its body is stored.
pub async fn lets_one_of_many_creators_win(store: &dyn Store) {
    let attempts = (0..RIVALS).map(|rival| {
        let text = rival.to_string();
        store.commit(vec![put(
            Table::Lease,
            "a",
            Expect::Absent,
            text.as_bytes(),
        )])
    });
    let winner = winner(&join_all(attempts).await);
    let stored = body(store, Table::Lease, "a").await;
    assert_eq!(stored, Some(winner.to_string().into_bytes()));
    assert_eq!(version(store, Table::Lease, "a").await, Some(1));
}

/// Of many who change one version, one succeeds.
pub async fn lets_one_of_many_updaters_win(store: &dyn Store) {
    commit(store, vec![put(Table::Lease, "a", Expect::Absent, b"x")]).await;
    for round in 1..=5 {
        let attempts = (0..RIVALS).map(|rival| {
            let text = rival.to_string();
            let expect = Expect::Version(round);
            store.commit(vec![put(Table::Lease, "a", expect, text.as_bytes())])
        });
        let winner = winner(&join_all(attempts).await);
        let stored = body(store, Table::Lease, "a").await;
        assert_eq!(stored, Some(winner.to_string().into_bytes()));
        assert_eq!(version(store, Table::Lease, "a").await, Some(round + 1));
    }
}

/// Many who read, add one and write if nobody else did lose no addition.
pub async fn loses_no_increment(store: &dyn Store) {
    const WORKERS: u64 = 6;
    const EACH: u64 = 8;
    let worker = || async {
        let mut done = 0;
        while done < EACH {
            let item = get(store, Table::Setting, "counter").await;
            let (expect, value) = match item {
                None => (Expect::Absent, 0),
                Some(item) => {
                    let text = String::from_utf8_lossy(&item.body).into_owned();
                    (Expect::Version(item.version), text.parse().unwrap_or(0))
                }
            };
            let next = (value + 1_u64).to_string();
            let change = put(Table::Setting, "counter", expect, next.as_bytes());
            match store.commit(vec![change]).await {
                Ok(()) => done += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
            }
        }
    };
    join_all((0..WORKERS).map(|_| worker())).await;
    let total = WORKERS * EACH;
    let stored = body(store, Table::Setting, "counter").await;
    assert_eq!(stored, Some(total.to_string().into_bytes()));
    assert_eq!(version(store, Table::Setting, "counter").await, Some(total));
}

/// Two records never own one remote object: the losers leave no record behind.
pub async fn lets_one_record_claim_a_remote(store: &dyn Store) {
    let attempts = (0..RIVALS).map(|rival| {
        let record = format!("record-{rival}");
        store.commit(vec![
            put(Table::Record, &record, Expect::Absent, b"x"),
            put(Table::Claim, "issue-7", Expect::Absent, record.as_bytes()),
        ])
    });
    let winner = winner(&join_all(attempts).await);
    for rival in 0..RIVALS {
        let record = get(store, Table::Record, &format!("record-{rival}")).await;
        assert_eq!(record.is_some(), rival == winner);
    }
    let owner = body(store, Table::Claim, "issue-7").await;
    assert_eq!(owner, Some(format!("record-{winner}").into_bytes()));
}

/// Commits that name the same items in opposite order all end, and all have an effect.
pub async fn finishes_commits_in_opposite_order(store: &dyn Store) {
    let attempts = (0..RIVALS).map(|rival| async move {
        for _ in 0..3 {
            let mut changes = vec![
                put(Table::Record, "a", Expect::Any, b"x"),
                put(Table::Record, "b", Expect::Any, b"x"),
            ];
            if rival % 2 == 1 {
                changes.reverse();
            }
            // A database may choose one of two that wait for each other and refuse it.
            loop {
                match store.commit(changes.clone()).await {
                    Ok(()) => break,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
                }
            }
        }
    });
    join_all(attempts).await;
    for key in ["a", "b"] {
        let expected = Some(3 * RIVALS as u64);
        assert_eq!(version(store, Table::Record, key).await, expected);
    }
}

/// Commits that change a pair always leave a pair, whoever deletes and creates meanwhile.
pub async fn never_shows_half_a_commit_afterwards(store: &dyn Store) {
    let attempts = (0..RIVALS).map(|rival| async move {
        for round in 0..6 {
            let text = format!("{rival}.{round}");
            let changes = if (rival + round) % 3 == 0 {
                vec![
                    delete(Table::Record, "left", Expect::Any),
                    delete(Table::Claim, "right", Expect::Any),
                ]
            } else {
                vec![
                    put(Table::Claim, "right", Expect::Any, text.as_bytes()),
                    put(Table::Record, "left", Expect::Any, text.as_bytes()),
                    check(Table::Lease, "nobody", Expect::Absent),
                ]
            };
            loop {
                match store.commit(changes.clone()).await {
                    Ok(()) => break,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
                }
            }
        }
    });
    join_all(attempts).await;
    let left = ok(store.get(Table::Record, "left").await);
    let right = ok(store.get(Table::Claim, "right").await);
    let content = |item: Option<notion_sync_core::store::Item>| item.map(|item| item.body);
    assert_eq!(content(left), content(right));
}
