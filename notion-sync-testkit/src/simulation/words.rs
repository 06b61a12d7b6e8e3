//! What people wrote: every word they write is unique, so that a loss needs no oracle.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

/// The word of a number.
#[must_use]
pub fn word(token: u32) -> String {
    format!("tk{token}q")
}

/// The word that marks where an object comes from. Nobody edits it.
#[must_use]
pub fn origin(token: u32) -> String {
    format!("og{token}q")
}

/// The numbers of all words of a kind in a text.
fn numbers(text: &str, prefix: &str) -> BTreeSet<u32> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_prefix(prefix)?.strip_suffix('q')?.parse().ok())
        .collect()
}

/// The second in which every moment lies that stands for a word.
const MOMENT: &str = "2031-01-01T00:00:00.000";

/// The number of a word as a moment, to the microsecond.
#[must_use]
pub fn moment(token: u32) -> String {
    format!("{MOMENT}{token:03}Z")
}

/// The words in a text, and the moments that stand for words.
#[must_use]
pub fn words(text: &str) -> BTreeSet<u32> {
    let mut out = numbers(text, "tk");
    for part in text.split(MOMENT).skip(1) {
        let digits = part.split_once('Z').map(|(digits, _)| digits);
        out.extend(
            digits
                .filter(|digits| digits.len() == 3)
                .and_then(|one| one.parse::<u32>().ok()),
        );
    }
    out
}

/// The origins in a text.
#[must_use]
pub fn origins(text: &str) -> BTreeSet<u32> {
    numbers(text, "og")
}

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it was written, for people.
    pub place: String,
    /// Whether nobody who saw it replaced it.
    pub alive: bool,
    /// Whether it was written in the moment in which the engine may overwrite it: between the read
    /// that a write was checked with and the write, where the service has no conditional writes.
    pub in_window: bool,
    /// Whether it is an element of a set. Sets are merged element by element: no policy decides against it.
    pub element: bool,
}

/// Something that matters for that moment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    /// The engine read or wrote an object.
    Engine { object: String, writes: bool },
    /// A person wrote a word.
    Person { object: String, token: u32 },
}

/// Every word.
#[derive(Debug, Default)]
pub struct Ledger {
    words: BTreeMap<u32, Word>,
    /// Origins that people copied.
    copied: BTreeSet<u32>,
    copies: bool,
    events: Vec<Event>,
    /// Writes that may still be committed, and until when.
    unknown: Vec<(String, DateTime<Utc>)>,
}

impl Ledger {
    /// A person wrote a word.
    pub fn born(&mut self, token: u32, place: &str) {
        self.words.insert(
            token,
            Word {
                place: place.to_owned(),
                alive: true,
                in_window: self.unknown.iter().any(|(object, _)| object == place),
                element: false,
            },
        );
        self.events.push(Event::Person {
            object: place.to_owned(),
            token,
        });
    }

    /// A person added a word to a set.
    pub fn added(&mut self, token: u32, place: &str) {
        self.born(token, place);
        if let Some(word) = self.words.get_mut(&token) {
            word.element = true;
        }
    }

    /// A person who saw `old` put `new` there.
    pub fn replaced(&mut self, old: &str, new: &str) {
        let kept = words(new);
        for token in words(old).difference(&kept) {
            if let Some(word) = self.words.get_mut(token) {
                word.alive = false;
            }
        }
    }

    /// A person put words back that had been replaced, where both sides already said what stood there since: that is
    /// an edit like any other.
    pub fn put_back(&mut self, tokens: &BTreeSet<u32>, place: &str) {
        for token in tokens {
            if self.words.contains_key(token) {
                self.born(*token, place);
            }
        }
    }

    /// People copied what carries these origins.
    pub fn copied(&mut self, text: &str) {
        self.copied.extend(origins(text));
        self.copies = true;
    }

    /// Whether people copied anything.
    #[must_use]
    pub fn any_copied(&self) -> bool {
        self.copies
    }

    /// Whether people copied it.
    #[must_use]
    pub fn is_copied(&self, origin: u32) -> bool {
        self.copied.contains(&origin)
    }

    /// Another tick begins.
    pub fn tick(&mut self) {
        self.events.clear();
    }

    /// The engine read or wrote an object. A write right after what a person wrote, without a read
    /// in between, may overwrite that.
    pub fn engine(&mut self, object: &str, writes: bool) {
        if writes {
            for event in self.events.iter().rev() {
                match event {
                    Event::Engine {
                        object: other,
                        writes: false,
                    } if other == object => break,
                    Event::Person {
                        object: other,
                        token,
                    } if other == object => {
                        if let Some(word) = self.words.get_mut(token) {
                            word.in_window = true;
                        }
                    }
                    _ => {}
                }
            }
        }
        self.events.push(Event::Engine {
            object: object.to_owned(),
            writes,
        });
    }

    /// A write to an object was begun whose end nobody knows: until then the service may commit it on
    /// top of what people write.
    pub fn unknown(&mut self, object: &str, until: DateTime<Utc>) {
        self.unknown.push((object.to_owned(), until));
    }

    /// It is so late.
    pub fn now(&mut self, now: DateTime<Utc>) {
        self.unknown.retain(|(_, until)| *until >= now);
    }

    /// Every word.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Word)> {
        self.words.iter().map(|(token, word)| (*token, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_stands_for_a_word() {
        let text = format!("reviewed: {}\n{MOMENT}Z", moment(42));
        assert_eq!(words(&text), BTreeSet::from([42]));
    }

    #[test]
    fn words_are_found_and_replaced() {
        let mut ledger = Ledger::default();
        ledger.born(3, "page a");
        ledger.born(4, "page a");
        ledger.replaced("a tk3q, tk4q.", "tk4q");
        let alive: Vec<_> = ledger
            .all()
            .filter(|(_, word)| word.alive)
            .map(|(token, _)| token)
            .collect();
        assert_eq!(alive, [4]);
    }

    #[test]
    fn what_is_put_back_is_alive_again() {
        let mut ledger = Ledger::default();
        ledger.born(3, "page a");
        ledger.replaced("tk3q", "");
        ledger.put_back(&BTreeSet::from([3, 9]), "file a");
        let all: Vec<_> = ledger
            .all()
            .map(|(token, word)| (token, word.alive))
            .collect();
        assert_eq!(all, [(3, true)]);
    }

    #[test]
    fn what_is_added_to_a_set_is_an_element() {
        let mut ledger = Ledger::default();
        ledger.born(3, "page a");
        ledger.added(4, "page a");
        ledger.replaced("bug tk4q", "bug");
        let all: Vec<_> = ledger
            .all()
            .map(|(token, word)| (token, word.element, word.alive))
            .collect();
        assert_eq!(all, [(3, false, true), (4, true, false)]);
    }

    #[test]
    fn only_a_write_without_a_read_in_between_is_in_the_window() {
        let mut ledger = Ledger::default();
        ledger.engine("page a", false);
        ledger.born(1, "page a");
        ledger.engine("page a", false);
        ledger.engine("page a", true);
        ledger.born(2, "page a");
        ledger.engine("page a", true);
        let window: Vec<_> = ledger.all().map(|(_, word)| word.in_window).collect();
        assert_eq!(window, [false, true]);
    }
}
