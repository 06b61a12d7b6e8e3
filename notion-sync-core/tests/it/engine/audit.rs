//! The chain of the audit: whole after any run, broken wherever somebody touched it.

use futures::executor::block_on;

use notion_sync_core::audit::{AuditLink, AuditProof};
use notion_sync_core::id::RecordId;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::{State, load};
use notion_sync_core::store::{Change, Expect, Table};

use super::world::{World, documents, rewrite};

/// Two pairs with a few edits and a conflict that a policy decided.
fn world() -> World {
    let world = World::new(documents(Policy::NotionWins));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.repo.put("docs/b.md", Some("# B\n\none\n"));
    world.settle();
    for page in world.pages.live() {
        world.pass(10);
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "one", "two"));
        world.repo.put("docs/a.md", Some("# A\n\nthree\n"));
        world.settle();
    }
    world
}

fn verify(world: &World) -> AuditProof {
    let state = State::new(&*world.store);
    let mappings = [world.mapping.id.clone()];
    block_on(state.verify_audit(&mappings)).unwrap()
}

fn key(record: &RecordId, number: usize) -> String {
    format!("{record}:{number:010}")
}

fn commit(world: &World, change: Change) {
    block_on(world.store.commit(vec![change])).unwrap();
}

#[test]
fn every_row_is_in_the_chain_of_its_record() {
    let world = world();
    let proof = verify(&world);
    let all = block_on(State::new(&*world.store).audit(None)).unwrap();
    assert_eq!(proof.faults, []);
    assert_eq!((proof.rows, proof.records), (all.len(), 2));
    assert!(proof.rows > 6, "{proof:?}");
    // The mappings need not be known for that.
    let without = block_on(State::new(&*world.store).verify_audit(&[])).unwrap();
    assert_eq!(without, proof);
}

#[test]
fn a_row_taken_out_is_missed() {
    let rows = |world: &World| {
        let record = world.records()[0].id.clone();
        let rows = block_on(State::new(&*world.store).audit(Some(&record))).unwrap();
        (record, rows.len())
    };
    let (_, count) = rows(&world());
    for number in 1..=count {
        let world = world();
        let (record, _) = rows(&world);
        commit(
            &world,
            Change::Delete {
                table: Table::Audit,
                key: key(&record, number),
                expect: Expect::Any,
            },
        );
        let faults = verify(&world).faults;
        assert!(!faults.is_empty(), "row {number} of {count}");
        assert!(faults.iter().all(|fault| fault.record == record));
    }
}

#[test]
fn an_edited_row_breaks_the_chain_after_it() {
    let world = world();
    let record = world.records()[0].id.clone();
    let rows = block_on(State::new(&*world.store).audit(Some(&record))).unwrap();
    for number in 1..=rows.len() {
        let key = key(&record, number);
        let link: AuditLink = block_on(load(&*world.store, Table::Audit, &key))
            .unwrap()
            .unwrap()
            .value;
        let put = |link: &AuditLink| {
            // Stored as the typed store does it: one byte that says so, then JSON.
            let mut body = vec![0];
            body.extend(serde_json::to_vec(link).unwrap());
            Change::Put {
                table: Table::Audit,
                key: key.clone(),
                expect: Expect::Any,
                indexes: vec![
                    notion_sync_core::store::IndexEntry {
                        name: "audit-by-record",
                        key: record.to_string(),
                        sort: format!("{number:010}"),
                    },
                    notion_sync_core::store::IndexEntry {
                        name: "audit-all",
                        key: "all".to_owned(),
                        sort: String::new(),
                    },
                ],
                body,
            }
        };
        let mut forged = link.clone();
        forged.row.summary.push('!');
        commit(&world, put(&forged));
        let faults = verify(&world).faults;
        assert_eq!(faults.len(), 1, "row {number}: {faults:?}");
        commit(&world, put(&link));
        assert_eq!(verify(&world).faults, []);
    }
}

#[test]
fn rows_without_their_record_are_found() {
    let world = world();
    let record = world.records()[0].id.clone();
    commit(
        &world,
        Change::Delete {
            table: Table::Record,
            key: record.to_string(),
            expect: Expect::Any,
        },
    );
    let faults = verify(&world).faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].what, "the record of these rows is not there");
}
