//! Keys and where they come from.

use std::fmt;

use notion_sync_core::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const READING: &str = "read the encryption key";
const ID_CONTEXT: &str = "notion-sync 2026-11 id of a sealing key";
const REMEDY: &str = "make one with `init`, or with `openssl rand -base64 32`";

/// Length of a key in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// Names a key without saying anything about it: the first eight hexadecimal digits of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; 4]);

impl KeyId {
    fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        let hash = Zeroizing::new(blake3::derive_key(ID_CONTEXT, bytes));
        Self([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// The keys of an installation: one that seals, and any number that may still open.
///
/// Rotation: make a new key, put it into `ENCRYPTION_KEY` and the old one into
/// `ENCRYPTION_KEY_PREVIOUS`, run the sweep ([`Sealed::reseal_all`](crate::Sealed::reseal_all), or
/// [`Sealed::reseal_some`](crate::Sealed::reseal_some) step by step), remove the old key. Key bytes are wiped when the ring is dropped and never printed.
#[derive(Clone)]
pub struct KeyRing {
    active: Key,
    previous: Vec<Key>,
}

impl KeyRing {
    /// Reads the active key, and the previous ones separated by commas or white space.
    ///
    /// A key is 32 bytes in base64, in the standard or the URL-safe alphabet, padded or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when a text is not that, or two keys of the ring have the same
    /// id. The error never contains any part of the text.
    pub fn parse(active: &SecretString, previous: Option<&SecretString>) -> Result<Self> {
        let active = Key::parse(active.expose_secret().trim(), "ENCRYPTION_KEY")?;
        let mut ring = Self {
            active,
            previous: Vec::new(),
        };
        let previous = previous.map_or("", |text| text.expose_secret());
        for text in previous
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|text| !text.is_empty())
        {
            ring.add(Key::parse(text, "ENCRYPTION_KEY_PREVIOUS")?)?;
        }
        Ok(ring)
    }

    /// A new random key in the form [`parse`](Self::parse) reads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`] when the operating system gives no random bytes.
    pub fn generate() -> Result<SecretString> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random(bytes.as_mut_slice(), "make an encryption key")?;
        Ok(SecretString::from(encode(&*bytes)))
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn active(&self) -> KeyId {
        self.active.id
    }

    /// The ids of all keys that open, the active one first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys().map(|key| key.id).collect()
    }

    /// The bytes of a key.
    pub(super) fn key(&self, id: KeyId) -> Option<&[u8; KEY_BYTES]> {
        self.keys().find(|key| key.id == id).map(|key| &*key.bytes)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.previous)
    }

    fn add(&mut self, key: Key) -> Result<()> {
        match self.key(key.id) {
            None => self.previous.push(key),
            Some(known) if *known == *key.bytes => {}
            Some(_) => {
                return Err(wrong(format!("two different keys have the id {}", key.id))
                    .remedy("make another key"));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing(active {}", self.active.id)?;
        for key in &self.previous {
            write!(f, ", previous {}", key.id)?;
        }
        f.write_str(")")
    }
}

impl Key {
    fn parse(text: &str, variable: &'static str) -> Result<Self> {
        let wrong = |message: &str| {
            wrong(message.to_owned())
                .with("variable", variable)
                .remedy(REMEDY)
        };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        let decoded = decode(text).ok_or_else(|| wrong("it is not 32 bytes in base64"))?;
        if decoded.iter().all(|byte| *byte == decoded[0]) {
            return Err(wrong("it is one byte repeated, not a random key"));
        }
        Ok(Self {
            id: KeyId::of(&decoded),
            bytes: decoded,
        })
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Configuration, READING).message(message)
}

/// Fills `bytes` from the operating system.
pub(super) fn random(bytes: &mut [u8], during: &'static str) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, during)
            .message("the operating system gave no random bytes")
            .caused_by(error.to_string())
    })
}

// A key is text in exactly one place. Working on it here keeps every copy in memory that is wiped.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8]) -> String {
    // Exact capacity: a String that grows leaves unwiped copies behind.
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            if digit <= group.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// The bytes of a key in base64; `None` for anything that is not exactly one key: 43 digits, at
/// most one `=`, and the two unused bits zero.
fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let digits = text.strip_suffix('=').unwrap_or(text).as_bytes();
    if digits.len() != 43 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut written = 0;
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (bits >> count).to_be_bytes();
            *bytes.get_mut(written)? = byte;
            written += 1;
            bits &= (1 << count) - 1;
        }
    }
    (written == KEY_BYTES && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    // The bytes 0 to 31, encoded with coreutils' base64.
    const COUNTING: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn reads_what_other_tools_write() {
        let expected: Vec<u8> = (0..32).collect();
        assert_eq!(decode(COUNTING).unwrap().as_slice(), expected);
        assert_eq!(encode(&expected), COUNTING);
        assert_eq!(
            decode(COUNTING.trim_end_matches('=')).unwrap().as_slice(),
            expected
        );
        // The bytes 0xfb 0xff repeated: every digit that differs between the alphabets.
        let standard = "+//7//v/+//7//v/+//7//v/+//7//v/+//7//v/+/8=";
        let url_safe = "-__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8";
        assert_eq!(decode(standard), decode(url_safe));
        assert_eq!(decode(standard).unwrap()[..4], [0xfb, 0xff, 0xfb, 0xff]);
    }

    #[test]
    fn refuses_everything_else_without_repeating_it() {
        let cases = [
            "",
            "AAAA",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh!=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdé8=",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ];
        for text in cases {
            let error = KeyRing::parse(&secret(text), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
            assert!(error.remedy_text().is_some());
            let shown = format!("{error} {error:?}");
            assert!(text.is_empty() || !shown.contains(text), "{shown}");
        }
    }

    #[test]
    fn a_ring_knows_its_keys_once_and_shows_ids_only() {
        let new = KeyRing::generate().unwrap();
        let old = KeyRing::generate().unwrap();
        let listed = secret(&format!(
            " {COUNTING},\n{} {} ",
            old.expose_secret(),
            new.expose_secret()
        ));
        let ring = KeyRing::parse(&new, Some(&listed)).unwrap();
        assert_eq!(ring.ids().len(), 3);
        assert_eq!(ring.ids()[0], ring.active());
        let shown = format!("{ring:?}");
        assert!(shown.contains(&ring.active().to_string()));
        for key in [&new, &old, &secret(COUNTING)] {
            assert!(!shown.contains(key.expose_secret()));
        }
    }

    #[test]
    fn generated_keys_differ() {
        let first = KeyRing::generate().unwrap();
        let second = KeyRing::generate().unwrap();
        assert_ne!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), 44);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: [u8; KEY_BYTES]) {
            let decoded = decode(&encode(&bytes));
            prop_assert_eq!(decoded.as_deref(), Some(&bytes));
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,60}") {
            if let Some(bytes) = decode(&text) {
                // The one canonical spelling, up to alphabet and padding.
                let spelled = text.replace('-', "+").replace('_', "/");
                prop_assert_eq!(encode(&*bytes).trim_end_matches('=').to_owned(),
                    spelled.trim_end_matches('=').to_owned());
            }
        }
    }
}
