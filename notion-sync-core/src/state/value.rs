//! Values of any size in items of limited size.

use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::store::{Change, Expect, IndexEntry, MAX_BODY, Store, Table};

/// A value and the version it was loaded at.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// The item's version; 0 when it is not stored.
    pub version: u64,
    /// How many further items hold the rest of it.
    pub chunks: usize,
}

/// First byte of a body: how it is kept.
const INLINE: u8 = 0;
const CHUNKED: u8 = 1;

/// Room for the first byte.
const ROOM: usize = MAX_BODY - 16;

/// Keys that a store is asked for at once, the most that it takes.
const PAGE: usize = 100;
/// Pages that are asked for at the same time.
const AHEAD: usize = 2;

fn chunk_key(table: Table, key: &str, index: usize) -> String {
    format!("chunk:{}:{key}:{index}", table.name())
}

/// Adds the changes that write `value`.
pub(super) fn put<T: Serialize>(
    changes: &mut Vec<Change>,
    table: Table,
    key: &str,
    expect: Expect,
    indexes: Vec<IndexEntry>,
    value: &T,
    old_chunks: usize,
) -> Result<()> {
    let mut body = Vec::with_capacity(256);
    body.push(INLINE);
    serde_json::to_writer(&mut body, value)
        .map_err(|error| Error::new(ErrorKind::Internal, "encode a value").caused_by(error))?;
    let mut chunks = 0;
    if body.len() > ROOM {
        for (index, chunk) in body[1..].chunks(ROOM).enumerate() {
            changes.push(Change::Put {
                table: Table::Content,
                key: chunk_key(table, key, index),
                expect: Expect::Any,
                indexes: Vec::new(),
                body: chunk.to_vec(),
            });
            chunks += 1;
        }
        body.clear();
        body.push(CHUNKED);
        body.extend_from_slice(chunks.to_string().as_bytes());
    }
    for index in chunks..old_chunks {
        changes.push(Change::Delete {
            table: Table::Content,
            key: chunk_key(table, key, index),
            expect: Expect::Any,
        });
    }
    changes.push(Change::Put {
        table,
        key: key.to_owned(),
        expect,
        indexes,
        body,
    });
    Ok(())
}

/// Adds the changes that remove a value.
pub(super) fn delete(changes: &mut Vec<Change>, table: Table, key: &str, chunks: usize) {
    for index in 0..chunks {
        changes.push(Change::Delete {
            table: Table::Content,
            key: chunk_key(table, key, index),
            expect: Expect::Any,
        });
    }
    changes.push(Change::Delete {
        table,
        key: key.to_owned(),
        expect: Expect::Any,
    });
}

/// Reads JSON. What is known to be text is read without looking at every string once more.
fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Decodes a value that was kept in one item.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let bytes = match body.split_first() {
        Some((&INLINE, rest)) => rest,
        _ => return Err(Error::new(ErrorKind::Store, "decode a value").message("unknown form")),
    };
    read(bytes).map_err(|error| Error::new(ErrorKind::Store, "decode a value").message(error))
}

/// The bytes of a value, and the version they were loaded at.
#[derive(Debug)]
pub(super) struct Raw {
    body: Vec<u8>,
    /// Where the value begins.
    from: usize,
    pub(super) version: u64,
    pub(super) chunks: usize,
}

impl Raw {
    /// Bytes that are stored nowhere.
    #[cfg(test)]
    pub(super) fn new(body: Vec<u8>) -> Self {
        Self {
            body,
            from: 0,
            version: 0,
            chunks: 0,
        }
    }

    /// The encoded value.
    pub(super) fn bytes(&self) -> &[u8] {
        self.body.get(self.from..).unwrap_or_default()
    }

    /// The value. It may borrow from the bytes.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&'a self, key: &str) -> Result<T> {
        read(self.bytes()).map_err(|error| {
            Error::new(ErrorKind::Store, "decode a value")
                .with("key", key)
                .message(error)
        })
    }
}

/// Loads a value.
///
/// # Errors
///
/// When the store fails or holds something else.
pub async fn load<T: DeserializeOwned>(
    store: &dyn Store,
    table: Table,
    key: &str,
) -> Result<Option<Stored<T>>> {
    let Some(raw) = load_raw(store, table, key).await? else {
        return Ok(None);
    };
    Ok(Some(Stored {
        value: raw.decode(key)?,
        version: raw.version,
        chunks: raw.chunks,
    }))
}

/// Loads a value without decoding it.
pub(super) async fn load_raw(store: &dyn Store, table: Table, key: &str) -> Result<Option<Raw>> {
    // A value in several items may be replaced between the reads: then its first item has another
    // version afterwards, and it is read again.
    for _ in 0..5 {
        let Some(item) = store.get(table, key).await? else {
            return Ok(None);
        };
        let Some((&form, rest)) = item.body.split_first() else {
            return Err(Error::new(ErrorKind::Store, "load a value").with("key", key));
        };
        if form == INLINE {
            return Ok(Some(Raw {
                from: 1,
                version: item.version,
                chunks: 0,
                body: item.body,
            }));
        }
        let count: usize = std::str::from_utf8(rest)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::Store, "load a value").with("key", key))?;
        let keys: Vec<String> = (0..count)
            .map(|index| chunk_key(table, key, index))
            .collect();
        let mut body = Vec::new();
        for keys in keys.chunks(PAGE) {
            for chunk in store.get_many(Table::Content, keys).await? {
                body.extend_from_slice(&chunk.body);
            }
        }
        let same = store
            .get(table, key)
            .await?
            .is_some_and(|again| again.version == item.version);
        if !same {
            continue;
        }
        return Ok(Some(Raw {
            body,
            from: 0,
            version: item.version,
            chunks: count,
        }));
    }
    Err(Error::new(ErrorKind::Stale, "load a value").with("key", key))
}

/// Loads many values, absent ones left out.
///
/// # Errors
///
/// When the store fails or holds something else.
pub async fn load_many<T: DeserializeOwned>(
    store: &dyn Store,
    table: Table,
    keys: &[String],
) -> Result<Vec<T>> {
    let stored = load_many_stored(store, table, keys).await?;
    Ok(stored.into_iter().map(|stored| stored.value).collect())
}

/// Loads many values with their versions, absent ones left out.
///
/// # Errors
///
/// When the store fails or holds something else.
pub(super) async fn load_many_stored<T: DeserializeOwned>(
    store: &dyn Store,
    table: Table,
    keys: &[String],
) -> Result<Vec<Stored<T>>> {
    let mut out = Vec::with_capacity(keys.len());
    let mut pages = pages(store, table, keys);
    while let Some(page) = pages.try_next().await? {
        for (key, raw) in page {
            out.push(Stored {
                value: raw.decode(&key)?,
                version: raw.version,
                chunks: raw.chunks,
            });
        }
    }
    Ok(out)
}

/// The values under `keys` in that order, not decoded, absent ones left out. While the caller works on
/// one page a store with a thread of its own reads the next.
pub(super) fn pages<'a>(
    store: &'a dyn Store,
    table: Table,
    keys: &'a [String],
) -> BoxStream<'a, Result<Vec<(String, Raw)>>> {
    stream::iter(keys.chunks(PAGE))
        .map(move |keys| page(store, table, keys))
        .buffered(AHEAD)
        .boxed()
}

async fn page(store: &dyn Store, table: Table, keys: &[String]) -> Result<Vec<(String, Raw)>> {
    let mut out = Vec::with_capacity(keys.len());
    for item in store.get_many(table, keys).await? {
        if item.body.first() == Some(&INLINE) {
            let raw = Raw {
                from: 1,
                version: item.version,
                chunks: 0,
                body: item.body,
            };
            out.push((item.key, raw));
        } else if let Some(raw) = load_raw(store, table, &item.key).await? {
            out.push((item.key, raw));
        }
    }
    Ok(out)
}
