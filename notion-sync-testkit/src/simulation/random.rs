//! Streams of numbers that all come from one seed and do not disturb each other.

/// SplitMix64: small, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Stream(u64);

impl Stream {
    /// The stream of this name under this seed.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        let hash = blake3::hash(format!("{seed}/{name}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The next number, any that 64 bits hold.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// Whether something happens that has `percent` chances in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number up to `limit`, small ones more often than large ones.
    pub fn mostly_small(&mut self, limit: u64) -> u64 {
        let bound = 1 + self.below(limit);
        self.below(bound)
    }

    /// One of the items.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let at = self.below(items.len() as u64);
        &items[usize::try_from(at).unwrap_or(0)]
    }
}
