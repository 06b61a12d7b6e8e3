//! How much of one file stands in another, as git measures it to find renames.
//!
//! A file is cut into lines, long ones every 64 bytes. What two files have in common are the bytes of
//! the pieces that stand in both, and how much they resemble is the share of that in the larger file
//! (git's documentation of `--find-renames`; what a piece is, from its `diffcore-delta`).

use std::collections::BTreeMap;

/// Longest piece in bytes.
const PIECE: usize = 64;
/// Share from which a file that appeared is one that vanished, in hundredths: git's default.
const RENAMED: u64 = 50;
/// Share from which the same name decides between several candidates.
const CLEAR: u64 = 75;
/// The score of a whole file.
const WHOLE: u64 = 60_000;

/// The bytes of a file by piece.
#[derive(Debug)]
pub(crate) struct Pieces {
    size: u64,
    bytes: BTreeMap<Vec<u8>, u64>,
}

impl Pieces {
    pub(crate) fn of(content: &[u8]) -> Self {
        let mut bytes: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        // In text the line ends of Windows say the same as others.
        let text = !content.contains(&0);
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let mut line = line.to_vec();
            if text && line.ends_with(b"\r\n") {
                line.truncate(line.len() - 2);
                line.push(b'\n');
            }
            for piece in line.chunks(PIECE) {
                *bytes.entry(piece.to_vec()).or_default() += piece.len() as u64;
            }
        }
        Self {
            size: content.len() as u64,
            bytes,
        }
    }

    /// How much they resemble each other, of [`WHOLE`]; `None` where that is too little for a rename.
    pub(crate) fn score(&self, other: &Self) -> Option<u64> {
        let larger = self.size.max(other.size);
        if self.size == 0 || other.size == 0 {
            return None;
        }
        let common: u64 = self
            .bytes
            .iter()
            .filter_map(|(piece, count)| Some(*count.min(other.bytes.get(piece)?)))
            .sum();
        let score = common * WHOLE / larger;
        (score * 100 >= RENAMED * WHOLE).then_some(score)
    }
}

/// Whether a score is so high that a file which kept its name needs no comparison with others.
pub(crate) fn is_clear(score: u64) -> bool {
    score * 100 >= CLEAR * WHOLE
}
