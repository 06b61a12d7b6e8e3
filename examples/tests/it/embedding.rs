//! The embedding examples do what they say, without a network.

#[path = "../../examples/documents.rs"]
mod documents;
#[path = "../../examples/own_store.rs"]
mod own_store;

#[test]
fn documents_in_forty_lines() {
    documents::main().unwrap();
}

#[test]
fn a_store_of_ones_own() {
    own_store::main().unwrap();
}

/// The own store keeps the contract.
mod suite {
    use std::sync::Arc;

    use notion_sync_testkit::store_suite::Fixture;

    notion_sync_testkit::store_suite! {
        || async { Fixture::new(Arc::new(super::own_store::OwnStore::default())) }
    }
}
