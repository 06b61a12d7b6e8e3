//! Words that both sides have: none of them goes from GitHub, not even for a while, unless a person took it out.

use std::collections::BTreeSet;

use notion_sync_core::id::Side;
use notion_sync_testkit::simulation::{Failure, word};

use super::check::Checked;
use super::people::{People, lock};

/// Words that were on both sides when they were looked at last.
#[derive(Debug, Default)]
pub(crate) struct Carried(BTreeSet<u32>);

impl Carried {
    /// P24: what the sync writes to GitHub, in one request each time, takes out no word that its page still has and
    /// that nobody replaced. It may come back by itself later; people saw it go.
    pub(super) fn watch(&mut self, people: &People) -> Checked {
        let (pages, github) = (people.words_on(Side::Notion), people.words_on(Side::Github));
        let ledger = lock(&people.ledger);
        for (token, known) in ledger.all() {
            let owed = known.alive && !known.in_window && pages.contains(&token);
            if owed && self.0.contains(&token) && !github.contains(&token) {
                let message = format!("{} was on both sides, and went from GitHub", word(token));
                return Err(Failure::new("P24", message));
            }
        }
        // What a person took out may be put back by another, and has to be carried once more.
        self.0 = pages.intersection(&github).copied().collect();
        Ok(())
    }
}
