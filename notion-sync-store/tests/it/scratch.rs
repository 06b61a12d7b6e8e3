//! Keys and items for tests.

use notion_sync_core::store::{Change, Expect, IndexEntry, Store, Table};
use notion_sync_store::KeyRing;
use secrecy::SecretString;

pub(crate) fn run<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

pub(crate) fn secret() -> SecretString {
    KeyRing::generate().unwrap()
}

pub(crate) fn ring(active: &SecretString) -> KeyRing {
    KeyRing::parse(active, None).unwrap()
}

pub(crate) fn put(table: Table, key: &str, body: &[u8]) -> Change {
    Change::Put {
        table,
        key: key.to_owned(),
        expect: Expect::Any,
        indexes: vec![IndexEntry {
            name: "by-state",
            key: "open".to_owned(),
            sort: key.to_owned(),
        }],
        body: body.to_vec(),
    }
}

pub(crate) async fn body(store: &dyn Store, table: Table, key: &str) -> Option<Vec<u8>> {
    store.get(table, key).await.unwrap().map(|item| item.body)
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
