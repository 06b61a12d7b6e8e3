//! The way between a service and a receiver.

use super::Delivery;

/// What goes wrong on the way. All of it may at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Of 1,000 deliveries so many never arrive.
    pub lost: u32,
    /// Of 1,000 deliveries so many arrive twice.
    pub doubled: u32,
    /// Whether they arrive in another order, also those that were sent earlier.
    pub reordered: bool,
    /// Of 1,000 deliveries so many arrive only in a later round.
    pub late: u32,
}

impl Trouble {
    /// Everything is lost.
    pub const ALL_LOST: Self = Self {
        lost: 1_000,
        doubled: 0,
        reordered: false,
        late: 0,
    };
    /// Everything arrives twice.
    pub const ALL_DOUBLED: Self = Self {
        lost: 0,
        doubled: 1_000,
        reordered: false,
        late: 0,
    };
    /// Everything arrives in another order, half of it late.
    pub const ALL_REORDERED: Self = Self {
        lost: 0,
        doubled: 0,
        reordered: true,
        late: 500,
    };
}

/// Carries deliveries, with troubles that follow from a seed alone.
#[derive(Debug, Clone)]
pub struct Channel {
    trouble: Trouble,
    state: u64,
    held: Vec<Delivery>,
}

impl Channel {
    /// A channel with these troubles.
    #[must_use]
    pub fn new(trouble: Trouble, seed: u64) -> Self {
        Self {
            trouble,
            state: seed ^ 0x9e37_79b9_7f4a_7c15,
            held: Vec::new(),
        }
    }

    /// What arrives when these are sent.
    pub fn carry(&mut self, sent: Vec<Delivery>) -> Vec<Delivery> {
        let mut arrives = std::mem::take(&mut self.held);
        for delivery in sent {
            if self.happens(self.trouble.lost) {
                continue;
            }
            if self.happens(self.trouble.doubled) {
                arrives.push(delivery.clone());
            }
            if self.happens(self.trouble.late) {
                self.held.push(delivery);
            } else {
                arrives.push(delivery);
            }
        }
        if self.trouble.reordered {
            arrives.reverse();
            for place in (1..arrives.len()).rev() {
                let other = usize::try_from(self.next()).unwrap_or_default() % (place + 1);
                arrives.swap(place, other);
            }
        }
        arrives
    }

    /// How many were sent and arrive later.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn happens(&mut self, of_thousand: u32) -> bool {
        self.next() % 1_000 < u64::from(of_thousand)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 1
    }
}
