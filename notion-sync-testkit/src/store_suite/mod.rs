//! What every store must do, as tests: the contract of [`Store`] sentence by sentence.
//!
//! Each case is a public function over `&dyn Store` that panics when the store does something
//! else. The macro [`store_suite!`](crate::store_suite!) owns the list and makes one test of each
//! case, so that a new case reaches every store, also yours:
//!
//! ```
//! use std::sync::Arc;
//!
//! use notion_sync_testkit::store_suite::Fixture;
//! # use notion_sync_core::store::Store;
//! # fn my_store() -> Arc<dyn Store> { panic!("your store here") }
//!
//! mod my_store_keeps_the_contract {
//!     # use super::*;
//!     // A store that needs no runtime. Otherwise put `#[tokio::test]` in front of the closure.
//!     notion_sync_testkit::store_suite! {
//!         || async { Fixture::new(my_store()) }
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Every case gets a store of its own that must be empty. Cases wait for an index that lags, up to
//! about three seconds, and never for anything else.

mod commits;
mod conditions;
mod indexes;
mod items;
mod limits;
mod model;
mod races;
mod sample;

pub use commits::*;
pub use conditions::*;
pub use indexes::*;
pub use items::*;
pub use limits::*;
pub use model::{INDEX_NAMES, Model, Step, agrees_with_the_model, replay, steps};
pub use races::*;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use notion_sync_core::store::Store;

/// An empty store for one case, and what must live as long as it (a directory, a server).
pub struct Fixture {
    store: Arc<dyn Store>,
    kept: Vec<Box<dyn Any + Send>>,
}

impl Fixture {
    /// A store that needs nothing else.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            kept: Vec::new(),
        }
    }

    /// Keeps `guard` until the store was dropped.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send) -> Self {
        self.kept.push(Box::new(guard));
        self
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("store", &self.store)
            .field("kept", &self.kept.len())
            .finish()
    }
}

/// Runs a case without a runtime.
pub fn block_on<F: Future>(case: F) -> F::Output {
    futures::executor::block_on(case)
}

/// Makes one test per case of the [store suite](mod@crate::store_suite).
///
/// Takes a closure without arguments that returns a future of a [`Fixture`]. Attributes in front
/// of it, such as `#[tokio::test]`, are put on every test, which is an `async fn` then; without
/// any, tests are plain and need no runtime.
#[macro_export]
macro_rules! store_suite {
    ($($token:tt)+) => {
        $crate::__store_suite_cases! {
            ($($token)+)
            // Items
            finds_nothing_in_an_empty_store,
            returns_what_was_put,
            keeps_any_bytes,
            keeps_an_empty_body,
            tells_keys_apart_exactly,
            tells_tables_apart,
            sees_every_commit_that_returned,
            creates_with_version_one,
            counts_every_put,
            never_repeats_a_version,
            retires_versions_per_item,
            returns_many_in_the_order_asked,
            leaves_absent_items_out,
            returns_a_repeated_key_each_time,
            returns_a_hundred_at_once,
            shows_no_bodies_in_debug,
            // Conditions
            judges_conditions_of_puts,
            judges_conditions_of_deletes,
            judges_conditions_of_checks,
            // Commits
            accepts_an_empty_commit,
            applies_all_changes,
            applies_a_hundred_changes,
            applies_nothing_when_one_condition_fails,
            counts_no_version_for_a_failed_commit,
            keeps_indexes_when_a_commit_fails,
            checks_without_changing,
            guards_a_change_by_another_item,
            moves_between_tables_at_once,
            // Limits
            refuses_more_than_a_hundred_changes,
            refuses_an_empty_key,
            takes_the_longest_key_and_no_longer_one,
            takes_the_largest_body_and_no_larger_one,
            refuses_two_changes_of_one_item,
            takes_one_key_in_two_tables,
            refuses_bad_changes_whatever_is_stored,
            refuses_more_than_a_hundred_keys,
            refuses_a_query_without_or_beyond_limit,
            // Indexes
            finds_by_index,
            finds_nothing_under_other_names_keys_and_tables,
            orders_by_sort_then_key_byte_wise,
            replaces_index_entries_with_every_put,
            forgets_index_entries_of_deleted_items,
            finds_an_item_under_many_entries,
            counts_a_repeated_entry_once,
            lets_checks_leave_indexes_alone,
            pages_without_gaps_or_repeats,
            continues_after_a_place_that_is_gone,
            returns_a_thousand_hits,
            takes_index_texts_literally,
            // Races
            lets_one_of_many_creators_win,
            lets_one_of_many_updaters_win,
            loses_no_increment,
            lets_one_record_claim_a_remote,
            finishes_commits_in_opposite_order,
            never_shows_half_a_commit_afterwards,
            // All of it
            agrees_with_the_model,
        }
    };
}

/// Internal: the loop over the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_suite_cases {
    ($fresh:tt $($case:ident),+ $(,)?) => {
        $( $crate::__store_suite_case! { $case $fresh } )+
    };
}

/// Internal: one case.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_suite_case {
    ($case:ident ($(#[$attribute:meta])+ $fresh:expr)) => {
        $(#[$attribute])+
        async fn $case() {
            let fixture: $crate::store_suite::Fixture = ($fresh)().await;
            $crate::store_suite::$case(fixture.store()).await;
        }
    };
    ($case:ident ($fresh:expr)) => {
        #[test]
        fn $case() {
            $crate::store_suite::block_on(async {
                let fixture: $crate::store_suite::Fixture = ($fresh)().await;
                $crate::store_suite::$case(fixture.store()).await;
            });
        }
    };
}
