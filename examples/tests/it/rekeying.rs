//! A key is changed, and the old one is thrown away.

use notion_sync_store::KeyRing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::services::Stand;
use crate::serving::{NO_POLL, Served, until};

/// A stand with a sealed store, synchronised with the first of two keys.
fn sealed(name: &str) -> (Stand, SecretString, SecretString) {
    let stand = Stand::configured(name, NO_POLL);
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("sealing = \"off\"\n", "");
    stand.folder.file("notion-sync.toml", &text);
    let (old, new) = (KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    let key = [("ENCRYPTION_KEY", old.expose_secret())];
    stand.run_with(&["sync", "--wait"], &key).ends(0);
    (stand, old, new)
}

fn rotating<'k>(old: &'k SecretString, new: &'k SecretString) -> [(&'k str, &'k str); 2] {
    [
        ("ENCRYPTION_KEY", new.expose_secret()),
        ("ENCRYPTION_KEY_PREVIOUS", old.expose_secret()),
    ]
}

/// Everything that is kept opens with this key alone, and nothing with the other one.
fn needs_only(stand: &Stand, key: &SecretString, other: &SecretString) {
    let key = [("ENCRYPTION_KEY", key.expose_secret())];
    let status = stand.run_with(&["status", "--json"], &key).ends(0).json();
    assert_eq!(status["mappings"][0]["live"], 1, "{status}");
    assert_eq!(status["old_keys"], serde_json::json!([]), "{status}");
    let audit = stand.run_with(&["audit", "verify"], &key).ends(0);
    let replay = stand.run_with(&["audit", "replay"], &key).ends(0);
    assert!(!audit.out.is_empty() && !replay.out.is_empty());
    stand.run_with(&["sync", "--full"], &key).ends(0);
    let other = [("ENCRYPTION_KEY", other.expose_secret())];
    stand.run_with(&["status"], &other).ends(2);
}

#[test]
fn the_command_makes_the_old_key_needless() {
    let (stand, old, new) = sealed("rekey");
    let both = rotating(&old, &new);
    // What a new key alone does before, and what is said about it.
    let alone = [both[0]];
    let refused = stand.run_with(&["status"], &alone).ends(2);
    assert!(
        refused.err.contains("ENCRYPTION_KEY_PREVIOUS"),
        "{refused:?}"
    );
    let status = stand.run_with(&["status", "--json"], &both).ends(0).json();
    assert_eq!(status["old_keys"].as_array().unwrap().len(), 1, "{status}");
    let said = stand.run_with(&["status"], &both).ends(0).out;
    assert!(said.contains("notion-sync rekey"), "{said}");

    let done = stand.run_with(&["rekey", "--json"], &both).ends(0).json();
    assert!(done["resealed"].as_u64().unwrap() > 10, "{done}");
    assert_eq!(done["retired"], status["old_keys"], "{done}");
    needs_only(&stand, &new, &old);
    // Again it has nothing to do.
    let again = stand.run_with(&["rekey"], &alone).ends(0).out;
    assert!(
        again.contains("nothing was sealed with another key"),
        "{again}"
    );
}

#[test]
fn a_store_that_is_not_sealed_has_no_key_to_change() {
    let stand = Stand::configured("rekey-off", "");
    let refused = stand.run(&["rekey"]).ends(2);
    assert!(refused.err.contains("sealing"), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn a_process_that_serves_makes_the_old_key_needless_by_itself() {
    let (stand, old, new) = sealed("rekey-serve");
    let both = rotating(&old, &new);
    let served = Served::start(&stand, &both);
    served.rests();
    until(|| served.status()["old_keys"] == serde_json::json!([]));
    // The command beside it finds nothing left.
    let done = stand.run_with(&["rekey", "--json"], &both).ends(0).json();
    assert_eq!(done["resealed"], 0, "{done}");
    served.end();
    needs_only(&stand, &new, &old);
}
