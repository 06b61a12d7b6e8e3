//! The chain of the audit: whole after any run, broken wherever somebody touched it.

use futures::executor::block_on;

use notion_sync_core::audit::{AuditEvent, AuditLink, AuditProof};
use notion_sync_core::id::RecordId;
use notion_sync_core::mapping::{Guard, Policy};
use notion_sync_core::state::{State, load};
use notion_sync_core::store::{Change, Expect, IndexEntry, Table};

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

/// Stored as the typed store does it: one byte that says so, then JSON.
fn stored(record: &RecordId, number: usize, json: Vec<u8>) -> Change {
    let mut body = vec![0];
    body.extend(json);
    let entry = |name, key: &str, sort| IndexEntry {
        name,
        key: key.to_owned(),
        sort,
    };
    Change::Put {
        table: Table::Audit,
        key: key(record, number),
        expect: Expect::Any,
        indexes: vec![
            entry("audit-by-record", record.as_str(), format!("{number:010}")),
            entry("audit-all", "all", String::new()),
        ],
        body,
    }
}

fn link(world: &World, record: &RecordId, number: usize) -> AuditLink {
    let key = key(record, number);
    let stored = block_on(load(&*world.store, Table::Audit, &key)).unwrap();
    stored.unwrap().value
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
        let link = link(&world, &record, number);
        let put = |link: &AuditLink| stored(&record, number, serde_json::to_vec(link).unwrap());
        let mut forged = link.clone();
        forged.row.summary.push('!');
        commit(&world, put(&forged));
        let faults = verify(&world).faults;
        assert_eq!(faults.len(), 1, "row {number}: {faults:?}");
        commit(&world, put(&link));
        assert_eq!(verify(&world).faults, []);
    }
}

/// One fault for a row that is damaged, and the rows after it are looked at all the same.
#[test]
fn a_row_that_cannot_be_read_is_named() {
    let world = world();
    let record = world.records()[0].id.clone();
    let rows = verify(&world).rows;
    let count = block_on(State::new(&*world.store).audit(Some(&record)))
        .unwrap()
        .len();
    assert!(count > 2, "{count}");
    for number in 1..=count {
        let link = link(&world, &record, number);
        commit(&world, stored(&record, number, b"{\"number\":".to_vec()));
        let proof = verify(&world);
        assert_eq!(proof.rows, rows);
        let named: Vec<_> = proof.faults.iter().map(|fault| fault.number).collect();
        assert_eq!(named, [number as u64], "{:?}", proof.faults);
        assert!(proof.faults[0].what.contains("cannot be read"));
        commit(
            &world,
            stored(&record, number, serde_json::to_vec(&link).unwrap()),
        );
    }
    assert_eq!(verify(&world).faults, []);
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

#[test]
fn rows_that_changed_places_are_found() {
    let world = world();
    let record = world.records()[0].id.clone();
    let (one, two) = (link(&world, &record, 1), link(&world, &record, 2));
    let json = |link: &AuditLink| serde_json::to_vec(link).unwrap();
    commit(&world, stored(&record, 1, json(&two)));
    commit(&world, stored(&record, 2, json(&one)));
    assert!(!verify(&world).faults.is_empty(), "whole rows");
    // Each with the number and the predecessor of the place where it is now.
    let swapped = |at: &AuditLink, row: &AuditLink| AuditLink {
        row: row.row.clone(),
        ..at.clone()
    };
    commit(&world, stored(&record, 1, json(&swapped(&one, &two))));
    commit(&world, stored(&record, 2, json(&swapped(&two, &one))));
    assert!(!verify(&world).faults.is_empty(), "what they say");
    commit(&world, stored(&record, 1, json(&one)));
    commit(&world, stored(&record, 2, json(&two)));
    assert_eq!(verify(&world).faults, []);
}

#[test]
fn a_row_is_found_that_says_the_same_in_other_bytes() {
    let world = world();
    let record = world.records()[0].id.clone();
    let link = link(&world, &record, 1);
    commit(
        &world,
        stored(&record, 1, serde_json::to_vec_pretty(&link).unwrap()),
    );
    assert_eq!(verify(&world).faults.len(), 1);
}

#[test]
fn a_row_beyond_every_number_and_a_copy_under_another_record_are_found() {
    let world = world();
    let (one, other) = (world.records()[0].id.clone(), world.records()[1].id.clone());
    let known = link(&world, &one, 1);
    let beyond = AuditLink {
        number: u64::MAX,
        ..known.clone()
    };
    commit(
        &world,
        stored(&one, 1, serde_json::to_vec(&beyond).unwrap()),
    );
    assert!(!verify(&world).faults.is_empty());
    commit(&world, stored(&one, 1, serde_json::to_vec(&known).unwrap()));
    assert_eq!(verify(&world).faults, []);
    commit(
        &world,
        stored(&other, 1, serde_json::to_vec(&known).unwrap()),
    );
    let faults = verify(&world).faults;
    assert!(faults.iter().all(|fault| fault.record == other));
    assert!(
        faults
            .iter()
            .any(|fault| fault.what == "the row is about another record"),
        "{faults:?}"
    );
}

/// Each write says what was asked and what came back, and none of it is what people wrote.
#[test]
fn a_row_tells_request_and_answer_without_the_text() {
    let world = world();
    let rows = block_on(State::new(&*world.store).audit(None)).unwrap();
    let applied = rows.iter().filter(|row| row.event == AuditEvent::Applied);
    let said: Vec<(&str, &str)> = applied
        .map(|row| {
            let detail = |name: &str| row.details[name].as_str();
            (detail("request"), detail("answer"))
        })
        .collect();
    let creates = said.iter().filter(|(request, answer)| {
        request.starts_with("create ") && answer.starts_with("attempt 1, ")
    });
    assert_eq!(creates.count(), 2, "{said:#?}");
    assert!(
        said.iter()
            .any(|(request, answer)| request.starts_with("update ")
                && request.ends_with(" bytes")
                && answer.contains(" revision ")),
        "{said:#?}"
    );
    let words = ["one", "two", "three"];
    assert!(
        (said.iter()).all(|(request, _)| !words.iter().any(|word| request.contains(word))),
        "{said:#?}"
    );
}

/// What is decided about a whole mapping is in a chain as well, and missed when it is taken out.
#[test]
fn a_stop_of_the_guard_and_its_approval_are_rows() {
    let mut world = world();
    world.guard(Guard {
        removals: 0,
        removal_percent: 0,
        ..Guard::default()
    });
    world.mapping.delete_by_proposal = false;
    world.restart();
    world.pass(10);
    world.repo.put("docs/a.md", None);
    for _ in 0..3 {
        world.pass(10);
        let tick = world.poll();
        assert!(tick.mappings[0].guard.is_some(), "{tick:?}");
    }
    let plans = block_on(world.engine.plan(false)).unwrap();
    block_on(world.engine.approve(&plans[0].hash.to_string())).unwrap();
    world.settle();
    let rows = block_on(State::new(&*world.store).audit(None)).unwrap();
    let chain = RecordId::from("mapping:handbook");
    let told: Vec<AuditEvent> = (rows.iter().filter(|row| row.record == chain))
        .map(|row| row.event)
        .collect();
    assert_eq!(told, [AuditEvent::Guard, AuditEvent::Decision]);
    assert_eq!(verify(&world).faults, []);
    let kept = link(&world, &chain, 2);
    for number in 1..=2 {
        let taken = Change::Delete {
            table: Table::Audit,
            key: key(&chain, number),
            expect: Expect::Any,
        };
        commit(&world, taken);
        let faults = verify(&world).faults;
        assert!(!faults.is_empty(), "row {number}");
        assert!(faults.iter().all(|fault| fault.record == chain));
    }
    assert!(kept.row.summary.ends_with("is approved"), "{kept:?}");
}
