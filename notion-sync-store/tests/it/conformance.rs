//! The suite of the testkit for every store and layer of this crate.

use std::sync::Arc;

use notion_sync_store::{MemoryStore, Sealed, open};
use notion_sync_testkit::store_suite::Fixture;

use crate::scratch::{ring, secret};

mod memory {
    use super::*;
    notion_sync_testkit::store_suite! {
        || async { Fixture::new(Arc::new(MemoryStore::new())) }
    }
}

mod sealed_memory {
    use super::*;
    notion_sync_testkit::store_suite! {
        || async {
            let sealed = Sealed::open(Arc::new(MemoryStore::new()), ring(&secret())).await;
            Fixture::new(Arc::new(sealed.unwrap()))
        }
    }
}

/// Through the door that programs use, where only `Arc<dyn Store>` is known.
mod opened_memory {
    use super::*;
    notion_sync_testkit::store_suite! {
        #[tokio::test]
        || async { Fixture::new(open("memory:", None).await.unwrap()) }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use notion_sync_store::{Access, SqliteStore};

    use super::*;
    use crate::directory::Scratch;

    async fn file(access: Access) -> (SqliteStore, Scratch) {
        let scratch = Scratch::new();
        let store = SqliteStore::open(scratch.path("store.db"), access).await;
        (store.unwrap(), scratch)
    }

    mod file {
        use super::*;
        notion_sync_testkit::store_suite! {
            || async {
                let (store, scratch) = super::file(Access::Exclusive).await;
                Fixture::new(Arc::new(store)).keeping(scratch)
            }
        }
    }

    mod shared_file_in_one_threaded_tokio {
        use super::*;
        notion_sync_testkit::store_suite! {
            #[tokio::test(flavor = "current_thread")]
            || async {
                let (store, scratch) = super::file(Access::Shared).await;
                Fixture::new(Arc::new(store)).keeping(scratch)
            }
        }
    }

    mod memory {
        use super::*;
        notion_sync_testkit::store_suite! {
            || async { Fixture::new(Arc::new(SqliteStore::open_in_memory().await.unwrap())) }
        }
    }

    mod sealed_file {
        use super::*;
        notion_sync_testkit::store_suite! {
            || async {
                let (store, scratch) = super::file(Access::Exclusive).await;
                let sealed = Sealed::open(Arc::new(store), ring(&secret())).await;
                Fixture::new(Arc::new(sealed.unwrap())).keeping(scratch)
            }
        }
    }

    mod opened_sealed_file_in_many_threaded_tokio {
        use super::*;
        notion_sync_testkit::store_suite! {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            || async {
                let scratch = Scratch::new();
                let store = open(&scratch.url("store.db"), Some(ring(&secret()))).await;
                Fixture::new(store.unwrap()).keeping(scratch)
            }
        }
    }
}
