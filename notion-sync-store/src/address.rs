//! From a url to a store.

use std::sync::Arc;

use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind, Result};

use crate::backing::Backing;
use crate::memory::MemoryStore;
use crate::sealing::{KeyRing, Sealed, refuse_sealed};

/// Who else may use a store file at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Nobody who writes: a lock of the operating system is held as long as the store is open, and
    /// a second store that asks for it is refused. It ends with the process. For engines.
    #[default]
    Exclusive,
    /// Others that ask for the same, and nobody who is [exclusive](Self::Exclusive): for engines that
    /// share the work on one store under leases (`notion_sync_core::worker`). Held like an exclusive
    /// lock, by any number.
    Together,
    /// Everybody, and writing is allowed. Commits stay atomic and conditional; that only one
    /// engine runs is up to the caller. For repairs by hand beside a running engine.
    Shared,
    /// Everybody, nothing is written. For commands that only look.
    ReadOnly,
}

/// A store, and the sealing that it has.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The same store where it is sealed, for changing its keys.
    pub sealed: Option<Arc<Sealed<dyn Backing>>>,
}

/// Opens the store at `url`, for this process alone; see [`open_with`].
///
/// # Errors
///
/// As [`open_with`].
pub async fn open(url: &str, keys: Option<KeyRing>) -> Result<Arc<dyn Store>> {
    open_with(url, keys, Access::Exclusive).await
}

/// Opens the store at `url`: `memory:`, `sqlite:<file>` (also `sqlite://<file>`) or
/// `sqlite::memory:`. Without `keys` nothing is sealed, which is for the caller to decide.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] for a url that no store understands, [`ErrorKind::Sealed`] when
/// `keys` do not fit what is stored, [`ErrorKind::Store`] when the store cannot be opened.
pub async fn open_with(url: &str, keys: Option<KeyRing>, access: Access) -> Result<Arc<dyn Store>> {
    Ok(open_layers(url, keys, access).await?.store)
}

/// As [`open_with`], with the sealing for itself.
///
/// # Errors
///
/// As [`open_with`].
pub async fn open_layers(url: &str, keys: Option<KeyRing>, access: Access) -> Result<Opened> {
    match url.split_once(':') {
        Some(("memory", "")) => layered(MemoryStore::new(), keys).await,
        Some(("sqlite", rest)) => sqlite(rest, keys, access).await,
        _ => Err(unknown(url)),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(rest: &str, keys: Option<KeyRing>, access: Access) -> Result<Opened> {
    use crate::sqlite::SqliteStore;
    if rest == ":memory:" {
        return layered(SqliteStore::open_in_memory().await?, keys).await;
    }
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(Error::new(ErrorKind::Configuration, "open the store")
            .message("the url sqlite: names no file")
            .remedy("write sqlite:<file>, for example sqlite:notion-sync.db"));
    }
    layered(SqliteStore::open(path, access).await?, keys).await
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str, _: Option<KeyRing>, _: Access) -> Result<Opened> {
    Err(Error::new(ErrorKind::Configuration, "open the store")
        .message("this build has no SQLite store")
        .remedy("build notion-sync-store with the feature `sqlite`"))
}

async fn layered(store: impl Backing + 'static, keys: Option<KeyRing>) -> Result<Opened> {
    match keys {
        Some(keys) => {
            let below: Arc<dyn Backing> = Arc::new(store);
            let sealed = Arc::new(Sealed::open(below, keys).await?);
            Ok(Opened {
                store: Arc::clone(&sealed) as _,
                sealed: Some(sealed),
            })
        }
        None => {
            refuse_sealed(&store).await?;
            Ok(Opened {
                store: Arc::new(store),
                sealed: None,
            })
        }
    }
}

fn unknown(url: &str) -> Error {
    // Only the scheme is repeated: the rest of a url of another kind may hold a password.
    let scheme = url.split(':').next().unwrap_or_default();
    let shown: String = scheme.chars().take(20).collect();
    let message = if url.contains(':') {
        format!("no store understands urls that begin with `{shown}:`")
    } else {
        "the url has no scheme".to_owned()
    };
    let supported = if cfg!(feature = "sqlite") {
        "supported are memory:, sqlite:<file> and sqlite::memory:"
    } else {
        "supported is memory: (this build has no SQLite store)"
    };
    Error::new(ErrorKind::Configuration, "open the store")
        .message(message)
        .remedy(supported)
}
