//! The canonical form of characters: NFC with `\n` line ends.

use unicode_normalization::UnicodeNormalization as _;

/// Whether text is NFC with `\n` line ends.
pub(super) fn is_canonical_text(text: &str) -> bool {
    let scan = Scan::of(text.as_bytes());
    !scan.returns && (scan.ascii || is_nfc(text))
}

/// What one look at each byte of a text says.
struct Scan {
    /// Whether a carriage return stands in it.
    returns: bool,
    /// Whether it is ASCII.
    ascii: bool,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        // Lanes side by side, so that the compiler takes a chunk in one step; whole chunks only,
        // because the last one may overlap with the one before.
        const LANES: usize = 16;
        let (chunks, rest) = bytes.as_chunks::<LANES>();
        let (mut all, mut returns) = ([0_u8; LANES], [0_u8; LANES]);
        let last = bytes.last_chunk::<LANES>().filter(|_| !rest.is_empty());
        for chunk in chunks.iter().chain(last) {
            for lane in 0..LANES {
                all[lane] |= chunk[lane];
                returns[lane] |= u8::from(chunk[lane] == b'\r');
            }
        }
        let short = if chunks.is_empty() { rest } else { &[] };
        Self {
            returns: u128::from_ne_bytes(returns) != 0 || short.contains(&b'\r'),
            ascii: u128::from_ne_bytes(all) & u128::from_ne_bytes([0x80; LANES]) == 0
                && short.is_ascii(),
        }
    }
}

/// The number of ASCII characters that bytes start with.
fn ascii_len(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut len = 0;
    for chunk in chunks {
        let high = u64::from_le_bytes(*chunk) & u64::from_le_bytes([0x80; 8]);
        if high != 0 {
            return len + high.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    len + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// Whether text is NFC, without asking the tables of Unicode where the first bytes of its
/// characters say so: Latin letters, Greek, Cyrillic below U+0480, CJK ideographs, kana, Hangul
/// syllables, typographic signs, symbols, emoji.
fn is_nfc(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = |offset: usize| bytes.get(at + offset).copied().unwrap_or_default();
        at += match byte {
            // Most of a text with some other letters is ASCII all the same.
            0..=0x7f => ascii_len(&bytes[at..]),
            0xc2..=0xcb | 0xcf..=0xd1 => 2,
            // Without U+0387, another middle dot.
            0xce if next(1) != 0x87 => 2,
            0xe4..=0xe9 | 0xeb | 0xec => 3,
            0xe2 | 0xe3 | 0xea | 0xed | 0xef if is_settled([byte, next(1), next(2)]) => 3,
            // Emoji and pictographs, U+1F000 to U+1FFFF.
            0xf0 if next(1) == 0x9f => 4,
            _ => return unicode_normalization::is_nfc(text),
        };
    }
    true
}

/// Whether a character of these three bytes is known to stay as it is in NFC, whatever follows.
fn is_settled(bytes: [u8; 3]) -> bool {
    match bytes {
        // Spaces, dashes, quotation marks, bullets; arrows and operators; boxes, shapes, dingbats.
        [0xe2, 0x80, last] => last > 0x81,
        [0xe2, 0x86..=0x8b | 0x94..=0x9f, _] => true,
        // CJK punctuation and kana, without the marks that join them.
        [0xe3, 0x80, last] => last < 0xaa,
        [0xe3, 0x82, last] => !matches!(last, 0x99 | 0x9a),
        [0xe3, 0x81 | 0x83, _] => true,
        // Hangul syllables from U+AC00 to U+D7A3, of which most start with 0xEB or 0xEC.
        [0xea, 0xb0..=0xbf, _] | [0xed, 0x80..=0x9d, _] => true,
        [0xed, 0x9e, last] => last <= 0xa3,
        // Variation selectors and full-width forms.
        [0xef, 0xb8, last] => last < 0x90,
        [0xef, 0xbc | 0xbd, _] => true,
        _ => false,
    }
}

/// A text as a heading of a file says it.
pub(crate) fn canonical_heading(text: &str) -> String {
    canonical_text(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// NFC with `\n` line ends.
pub(super) fn canonical_text(text: &str) -> String {
    if is_canonical_text(text) {
        return text.to_owned();
    }
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    if is_nfc(&unix) {
        unix
    } else {
        unix.nfc().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{is_canonical_text, is_nfc};

    /// A text is looked at in pieces: what stands in any of them must be seen.
    #[test]
    fn no_place_is_overlooked() {
        for len in 1..70 {
            for at in 0..len {
                let with = |other: &str| {
                    let (before, after) = ("x".repeat(at), "y".repeat(len - at - 1));
                    format!("{before}{other}{after}")
                };
                for settled in ["z", "\n", "\u{e9}", "\u{4e2d}", "\u{1f600}"] {
                    assert!(is_canonical_text(&with(settled)), "{:?}", with(settled));
                }
                for other in ["\r", "\r\n", "e\u{301}", "\u{212a}", "\u{e9}\r", "\u{387}"] {
                    assert!(!is_canonical_text(&with(other)), "{:?}", with(other));
                }
            }
        }
    }

    /// What is told by its first bytes must be true beside every other character: a character that
    /// could join its neighbour is none of those.
    #[test]
    fn first_bytes_tell_only_what_the_tables_say() {
        let marks = [
            '\u{300}', '\u{301}', '\u{327}', '\u{3099}', '\u{1161}', 'a', '가',
        ];
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let alone = c.to_string();
            assert_eq!(
                is_nfc(&alone),
                unicode_normalization::is_nfc(&alone),
                "{c:?}"
            );
            if u32::from(c) < 0x1_0000 {
                for mark in marks {
                    for text in [format!("{c}{mark}"), format!("{mark}{c}")] {
                        let wanted = unicode_normalization::is_nfc(&text);
                        assert_eq!(is_nfc(&text), wanted, "{text:?}");
                    }
                }
            }
        }
    }
}
