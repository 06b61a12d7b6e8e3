//! The form of a sealed body.
//!
//! ```text
//! marker 01 | key id (4) | nonce (24) | XChaCha20-Poly1305 ciphertext with its tag (16)
//! ```
//!
//! Associated data: the marker, the key id, the length of the table's name in one byte, the name,
//! and the item's key. A frame that is moved to another item does not open there.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use notion_sync_core::store::Table;
use notion_sync_core::{Error, ErrorKind, Result};

use super::key::{KeyId, KeyRing, random};
use crate::backing::{FRAME_ROOM, PLAIN, SEALED, unknown_frame};

const NONCE: usize = 24;
const TAG: usize = 16;
const HEAD: usize = 1 + 4 + NONCE;

// A sealed body of the largest size must fit into a frame.
const _: () = assert!(HEAD + TAG <= FRAME_ROOM);

/// Seals a body with the active key.
pub(super) fn seal(keys: &KeyRing, table: Table, key: &str, body: &[u8]) -> Result<Vec<u8>> {
    seal_with(keys, keys.active(), table, key, body)
}

/// Seals a body with a key of the ring.
pub(super) fn seal_with(
    keys: &KeyRing,
    id: KeyId,
    table: Table,
    key: &str,
    body: &[u8],
) -> Result<Vec<u8>> {
    const DURING: &str = "seal an item";
    let failed = || {
        Error::new(ErrorKind::Internal, DURING)
            .with("table", table.name())
            .with("key", key)
    };
    let mut nonce = [0; NONCE];
    random(&mut nonce, DURING)?;
    let bytes = keys.key(id).ok_or_else(failed)?;
    let sealed = XChaCha20Poly1305::new(bytes.into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: body,
                aad: &associated(id, table, key),
            },
        )
        .map_err(|_| failed())?;
    let mut frame = Vec::with_capacity(HEAD + sealed.len());
    frame.push(SEALED);
    frame.extend_from_slice(&id.0);
    frame.extend_from_slice(&nonce);
    frame.extend_from_slice(&sealed);
    Ok(frame)
}

/// Opens a frame with whichever key of the ring sealed it.
pub(super) fn open(keys: &KeyRing, table: Table, key: &str, frame: &[u8]) -> Result<Vec<u8>> {
    let refused = |message: String| {
        Error::new(ErrorKind::Sealed, "open a sealed item")
            .with("table", table.name())
            .with("key", key)
            .message(message)
    };
    let id = match frame.first() {
        Some(&PLAIN) => {
            return Err(
                refused("the item is not sealed, the store should be".to_owned())
                    .remedy("finish sealing the store with the `adopt` call, or restore a backup"),
            );
        }
        Some(&SEALED) => key_id(frame),
        _ => return Err(unknown_frame(table, key)),
    };
    let (Some(id), Some((nonce, sealed))) = (
        id,
        frame
            .get(5..)
            .and_then(|rest| rest.split_first_chunk::<NONCE>()),
    ) else {
        return Err(refused("the sealed bytes are cut off".to_owned()).remedy("restore a backup"));
    };
    let bytes = keys.key(id).ok_or_else(|| {
        refused(format!(
            "it was sealed with key {id}, the key ring has {}",
            names(keys)
        ))
        .remedy(format!(
            "set ENCRYPTION_KEY or ENCRYPTION_KEY_PREVIOUS to key {id}"
        ))
    })?;
    XChaCha20Poly1305::new(bytes.into())
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: &associated(id, table, key),
            },
        )
        .map_err(|_| {
            refused(format!(
                "the bytes are not what key {id} sealed for this item"
            ))
            .remedy("the store was changed from outside; restore a backup")
        })
}

/// The key that sealed a frame; `None` when it is not a sealed one.
pub(super) fn key_id(frame: &[u8]) -> Option<KeyId> {
    match frame {
        [SEALED, a, b, c, d, ..] => Some(KeyId([*a, *b, *c, *d])),
        _ => None,
    }
}

/// The ids of a ring, for messages.
pub(super) fn names(keys: &KeyRing) -> String {
    let ids: Vec<_> = keys.ids().iter().map(ToString::to_string).collect();
    ids.join(", ")
}

fn associated(id: KeyId, table: Table, key: &str) -> Vec<u8> {
    let name = table.name().as_bytes();
    let mut data = Vec::with_capacity(6 + name.len() + key.len());
    data.push(SEALED);
    data.extend_from_slice(&id.0);
    // Names are a dozen bytes; the length keeps name and key apart.
    data.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    data.extend_from_slice(name);
    data.extend_from_slice(key.as_bytes());
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::parse(&KeyRing::generate().unwrap(), None).unwrap()
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let keys = ring();
        let once = seal(&keys, Table::Record, "a", b"text").unwrap();
        let twice = seal(&keys, Table::Record, "a", b"text").unwrap();
        assert_ne!(once, twice);
        assert_eq!(once.len(), HEAD + 4 + TAG);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let keys = ring();
        let frame = seal(&keys, Table::Record, "a", b"text").unwrap();
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = open(&keys, Table::Record, "a", &changed).unwrap_err();
            // The first byte says what the rest is; its other values belong to no format.
            let expected = match changed[0] {
                PLAIN | SEALED => ErrorKind::Sealed,
                _ => ErrorKind::Store,
            };
            assert_eq!(error.kind(), expected, "bit {bit}: {error}");
        }
        for length in 0..frame.len() {
            assert!(open(&keys, Table::Record, "a", &frame[..length]).is_err());
        }
        assert_eq!(open(&keys, Table::Record, "a", &frame).unwrap(), b"text");
    }

    #[test]
    fn a_frame_opens_only_where_it_belongs() {
        let keys = ring();
        for table in Table::ALL {
            let frame = seal(&keys, table, "a", b"text").unwrap();
            for other in Table::ALL {
                for key in ["a", "b", "", "aa"] {
                    let opened = open(&keys, other, key, &frame);
                    assert_eq!(opened.is_ok(), other == table && key == "a");
                }
            }
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        let (writer, reader) = (ring(), ring());
        let frame = seal(&writer, Table::Record, "a", b"text").unwrap();
        let error = open(&reader, Table::Record, "a", &frame).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Sealed);
        for id in [writer.active(), reader.active()] {
            assert!(error.to_string().contains(&id.to_string()), "{error}");
        }
        assert!(error.remedy_text().unwrap().contains("ENCRYPTION_KEY"));
    }

    // Key bytes 0 to 31, nonce bytes 0x40 to 0x57; sealed by libsodium from the layout in the
    // module's documentation, the key id hashed by BLAKE3's Python binding.
    const FOREIGN: &str = "01296222f3404142434445464748494a4b4c4d4e4f5051525354555657\
        a34b6c04a4851736ea98f4dbd8f400e0f7c9d4950e94c18a25a3ef4ed36301f69c";

    #[test]
    fn opens_what_another_implementation_sealed() {
        let key = SecretString::from("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned());
        let keys = KeyRing::parse(&key, None).unwrap();
        assert_eq!(keys.active().to_string(), "296222f3");
        let frame: Vec<u8> = FOREIGN
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let opened = open(&keys, Table::Record, "page-1", &frame).unwrap();
        assert_eq!(opened, b"written elsewhere");
    }

    proptest! {
        #[test]
        fn opening_undoes_sealing(body: Vec<u8>, key in "\\PC{1,40}") {
            let keys = ring();
            let frame = seal(&keys, Table::Content, &key, &body).unwrap();
            prop_assert_eq!(open(&keys, Table::Content, &key, &frame).unwrap(), body);
        }

        #[test]
        fn no_bytes_make_it_panic(frame: Vec<u8>) {
            prop_assert!(open(&ring(), Table::Content, "a", &frame).is_err());
        }
    }
}
