//! Urls, and keys that do or do not fit.

use notion_sync_core::ErrorKind;
use notion_sync_core::store::Table;
use notion_sync_store::open;

use crate::directory::Scratch;
use crate::scratch::{body, put, ring, run, secret};

#[test]
fn refuses_urls_it_does_not_know_and_names_what_it_does() {
    for url in [
        "",
        "memory",
        "memory:x",
        "store.db",
        "postgres://user:hunter2@host/db",
        "SQLITE:store.db",
        "sqlite:",
        "sqlite://",
    ] {
        let error = run(open(url, None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}: {error}");
        assert!(
            error
                .remedy_text()
                .is_some_and(|text| text.contains("sqlite:"))
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn opens_what_it_knows() {
    let scratch = Scratch::new();
    let file = scratch.path("slashes.db").display().to_string();
    for url in [
        "memory:",
        "sqlite::memory:",
        &scratch.url("plain.db"),
        &format!("sqlite://{file}"),
    ] {
        run(async {
            let store = open(url, None).await.unwrap();
            store
                .commit(vec![put(Table::Plan, "a", b"x")])
                .await
                .unwrap();
            assert_eq!(body(&*store, Table::Plan, "a").await, Some(b"x".to_vec()));
        });
    }
    for name in ["plain.db", "slashes.db"] {
        assert!(scratch.path(name).exists(), "{name}");
    }
}

#[test]
fn a_missing_directory_is_named() {
    let scratch = Scratch::new();
    let error = run(open(&scratch.url("nowhere/store.db"), None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("nowhere"), "{error}");
}

/// Every way to open a file that was written with or without a key.
#[test]
fn a_file_opens_only_with_what_it_was_written_with() {
    let (own, other) = (secret(), secret());
    for written in [None, Some(&own)] {
        let scratch = Scratch::new();
        let url = scratch.url("store.db");
        run(async {
            let store = open(&url, written.map(ring)).await.unwrap();
            let change = put(Table::Record, "a", b"Salary of Ada");
            store.commit(vec![change]).await.unwrap();
        });
        for used in [None, Some(&own), Some(&other)] {
            let fits = match (written, used) {
                (None, None) => true,
                (Some(_), Some(key)) => std::ptr::eq(key, &own),
                _ => false,
            };
            run(async {
                match open(&url, used.map(ring)).await {
                    Ok(store) => {
                        assert!(fits, "opened {written:?} with {used:?}");
                        let found = body(&*store, Table::Record, "a").await;
                        assert_eq!(found, Some(b"Salary of Ada".to_vec()));
                    }
                    Err(error) => {
                        assert!(!fits, "{error}");
                        assert_eq!(error.kind(), ErrorKind::Sealed, "{error}");
                        assert!(error.remedy_text().is_some(), "{error}");
                    }
                }
            });
        }
    }
}
