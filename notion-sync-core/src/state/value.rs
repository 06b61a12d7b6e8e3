//! Values of any size in items of limited size.

use serde::Serialize;
use serde::de::DeserializeOwned;

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
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "encode a value").caused_by(error))?;
    let mut body = Vec::with_capacity(bytes.len().min(ROOM) + 1);
    let chunks: Vec<&[u8]> = if bytes.len() < ROOM {
        body.push(INLINE);
        body.extend_from_slice(&bytes);
        Vec::new()
    } else {
        let chunks: Vec<&[u8]> = bytes.chunks(ROOM).collect();
        body.push(CHUNKED);
        body.extend_from_slice(chunks.len().to_string().as_bytes());
        chunks
    };
    for (index, chunk) in chunks.iter().enumerate() {
        changes.push(Change::Put {
            table: Table::Content,
            key: chunk_key(table, key, index),
            expect: Expect::Any,
            indexes: Vec::new(),
            body: chunk.to_vec(),
        });
    }
    for index in chunks.len()..old_chunks {
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

/// Decodes a value that was kept in one item.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let bytes = match body.split_first() {
        Some((&INLINE, rest)) => rest,
        _ => return Err(Error::new(ErrorKind::Store, "decode a value").message("unknown form")),
    };
    serde_json::from_slice(bytes)
        .map_err(|error| Error::new(ErrorKind::Store, "decode a value").message(error.to_string()))
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
            let value = serde_json::from_slice(rest).map_err(|error| {
                Error::new(ErrorKind::Store, "decode a value")
                    .with("key", key)
                    .message(error.to_string())
            })?;
            return Ok(Some(Stored {
                value,
                version: item.version,
                chunks: 0,
            }));
        }
        let count: usize = std::str::from_utf8(rest)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::Store, "load a value").with("key", key))?;
        let keys: Vec<String> = (0..count)
            .map(|index| chunk_key(table, key, index))
            .collect();
        let mut bytes = Vec::new();
        for keys in keys.chunks(100) {
            for chunk in store.get_many(Table::Content, keys).await? {
                bytes.extend_from_slice(&chunk.body);
            }
        }
        let same = store
            .get(table, key)
            .await?
            .is_some_and(|again| again.version == item.version);
        if !same {
            continue;
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Store, "decode a value")
                .with("key", key)
                .message(error.to_string())
        })?;
        return Ok(Some(Stored {
            value,
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
    let mut out = Vec::with_capacity(keys.len());
    for keys in keys.chunks(100) {
        for item in store.get_many(table, keys).await? {
            if item.body.first() == Some(&INLINE) {
                out.push(decode(&item.body)?);
            } else if let Some(stored) = load(store, table, &item.key).await? {
                out.push(stored.value);
            }
        }
    }
    Ok(out)
}
