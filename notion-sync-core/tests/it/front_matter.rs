//! Front matter: reading, editing, and errors.

use notion_sync_core::document::front_matter::{
    Edit, FrontMatter, FrontMatterError, Kind, MAX_BYTES, Value, edit,
};

use crate::fixtures;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| text(item)).collect())
}

#[test]
fn values() {
    let source = "---\r\n# c\r\na: 012\r\n\"b c\": 'it''s' # x\r\nd:\r\n- x\r\n- 1e3\r\ne: [y, yes, 2026-01-01]\r\nf: true\r\ng: yes\r\nh:\r\ni: ~\r\nj:\r\n  k: v\r\nl: |\r\n  one\r\n  # two\r\nm: 1234567890123456789012\r\nn: \"a: b\"\r\no: a: b\r\n---\r\nbody".replace("\r\no: a: b", "");
    let found = FrontMatter::read(&source).unwrap().unwrap();
    assert_eq!(found.kind(), Kind::Yaml);
    for (key, value) in [
        ("a", text("012")),
        ("b c", text("it's")),
        ("d", list(&["x", "1e3"])),
        ("e", list(&["y", "yes", "2026-01-01"])),
        ("f", Value::Bool(true)),
        ("g", text("yes")),
        ("h", Value::Null),
        ("i", Value::Null),
        ("l", text("one\n# two\n")),
        ("m", text("1234567890123456789012")),
        ("n", text("a: b")),
    ] {
        assert_eq!(found.get(key), Some(value), "{key}");
    }
    assert!(matches!(found.get("j"), Some(Value::Nested(_))));
    assert_eq!(found.get("z"), None);
    assert_eq!(&source[found.span().end..], "body");

    let source = "+++\na = 1 # x\nb = \"t\"\nc = [\"x\", 'y']\nd = 2026-01-02\ne = false\n[f]\ng = 1\n[[h]]\ni = 1\n+++\n";
    let found = FrontMatter::read(source).unwrap().unwrap();
    assert_eq!(found.kind(), Kind::Toml);
    for (key, value) in [
        ("a", text("1")),
        ("b", text("t")),
        ("c", list(&["x", "y"])),
        ("d", text("2026-01-02")),
        ("e", Value::Bool(false)),
    ] {
        assert_eq!(found.get(key), Some(value), "{key}");
    }
    assert!(matches!(found.get("f"), Some(Value::Nested(_))));
}

#[test]
fn what_is_no_front_matter() {
    for source in [
        "",
        "text",
        "---\ntext\n",
        "---\n\ntext\n\n---\n",
        " ---\na: b\n---\n",
        "---\n- a\n---\n",
        "----\na: b\n----\n",
    ] {
        assert_eq!(FrontMatter::read(source), Ok(None), "{source:?}");
    }
    for source in [
        "---\n---\n",
        "\u{feff}---\na: b\n---",
        "---\na: b\n...\n",
        "+++\n+++\n",
    ] {
        assert!(FrontMatter::read(source).unwrap().is_some(), "{source:?}");
    }
}

#[test]
fn edits() {
    let set = |value: Value| Edit::Set(value);
    for (source, key, change, expected) in [
        // Values in place.
        ("---\na: b\n---\n", "a", set(text("c")), "---\na: c\n---\n"),
        (
            "---\na:   'b'   # x\nz: 1\n---\n",
            "a",
            set(text("c")),
            "---\na:   c   # x\nz: 1\n---\n",
        ),
        ("---\na:\n---\n", "a", set(text("c")), "---\na: c\n---\n"),
        (
            "---\na: # x\n---\n",
            "a",
            set(text("c")),
            "---\na: c # x\n---\n",
        ),
        ("---\na: 3\n---\n", "a", set(text("4")), "---\na: 4\n---\n"),
        (
            "---\na: x\n---\n",
            "a",
            set(text("4")),
            "---\na: \"4\"\n---\n",
        ),
        (
            "---\na: x\n---\n",
            "a",
            set(Value::Literal("4".into())),
            "---\na: 4\n---\n",
        ),
        (
            "---\na: x\n---\n",
            "a",
            set(Value::Null),
            "---\na: null\n---\n",
        ),
        (
            "---\na: x\n---\n",
            "a",
            set(Value::Bool(true)),
            "---\na: true\n---\n",
        ),
        (
            "---\na: [x, y] # c\n---\n",
            "a",
            set(list(&["z", "no"])),
            "---\na: [z, \"no\"] # c\n---\n",
        ),
        (
            "---\na:\n  - x\n  - y\nb: 1\n---\n",
            "a",
            set(list(&["z"])),
            "---\na:\n  - z\nb: 1\n---\n",
        ),
        (
            "---\na:\n- x\n\n# c\nb: 1\n---\n",
            "a",
            set(list(&["z", "w"])),
            "---\na:\n- z\n- w\n\n# c\nb: 1\n---\n",
        ),
        // Lines of a list that did not change, and comments, stay as they are.
        (
            "---\na: # c\n  - x\n  # d\n  - 'y' # e\nb: 1\n---\n",
            "a",
            set(list(&["x", "y", "z"])),
            "---\na: # c\n  - x\n  # d\n  - 'y' # e\n  - z\nb: 1\n---\n",
        ),
        (
            "---\r\na:   # c\r\n- x\r\n\r\n# d\r\n-   y\r\n- z\r\n---\r\n",
            "a",
            set(list(&["w", "z"])),
            "---\r\na:   # c\r\n- w\r\n# d\r\n- z\r\n---\r\n",
        ),
        (
            "---\na:\n  # c\n  - x\n  # d\n  - y\n---\n",
            "a",
            set(list(&["z", "x"])),
            "---\na:\n  - z\n  # c\n  - x\n  # d\n---\n",
        ),
        (
            "---\na: # c\n  - >\n    x\n    # d\n  - v\n---\n",
            "a",
            set(list(&["v", "z"])),
            "---\na: # c\n  - v\n  - z\n---\n",
        ),
        (
            "---\na: # c\n  - x\n---\n",
            "a",
            set(list(&[])),
            "---\na: [] # c\n---\n",
        ),
        (
            "---\na: |\n  x\n  y\nb: 1\n---\n",
            "a",
            set(text("l1\nl2")),
            "---\na: \"l1\\nl2\"\nb: 1\n---\n",
        ),
        (
            "---\r\na: b\r\n---\r\nx",
            "c",
            set(text("d")),
            "---\r\na: b\r\nc: d\r\n---\r\nx",
        ),
        // Nothing to do.
        (
            "---\na:   'b'\n---\n",
            "a",
            set(text("b")),
            "---\na:   'b'\n---\n",
        ),
        ("---\na: b\n---\n", "x", Edit::Remove, "---\na: b\n---\n"),
        // New and removed keys.
        (
            "---\na: b\n# end\n---\n",
            "c",
            set(list(&["d"])),
            "---\na: b\n# end\nc: [d]\n---\n",
        ),
        (
            "---\na: b\nc: d\n---\n",
            "a",
            Edit::Remove,
            "---\nc: d\n---\n",
        ),
        (
            "---\na:\n  - b\n# x\nc: d\n---\n",
            "a",
            Edit::Remove,
            "---\n# x\nc: d\n---\n",
        ),
        ("text\n", "a", set(text("b")), "---\na: b\n---\n\ntext\n"),
        (
            "\u{feff}text",
            "a",
            set(text("b")),
            "\u{feff}---\na: b\n---\n\ntext",
        ),
        ("", "a", set(text("b")), "---\na: b\n---\n"),
        ("text", "a", Edit::Remove, "text"),
        // TOML.
        (
            "+++\na = 'b' # x\n+++\n",
            "a",
            set(text("c")),
            "+++\na = \"c\" # x\n+++\n",
        ),
        (
            "+++\na = 1\n+++\n",
            "a",
            set(text("2")),
            "+++\na = 2\n+++\n",
        ),
        (
            "+++\na = \"1\"\n+++\n",
            "a",
            set(text("2")),
            "+++\na = \"2\"\n+++\n",
        ),
        (
            "+++\na = [\n  \"b\",\n] # x\n+++\n",
            "a",
            set(list(&["c"])),
            "+++\na = [\"c\"] # x\n+++\n",
        ),
        (
            "+++\na = 1\n\n[t]\nb = 2\n+++\n",
            "c",
            set(text("d")),
            "+++\na = 1\nc = \"d\"\n\n[t]\nb = 2\n+++\n",
        ),
        (
            "+++\n[t]\nb = 2\n+++\n",
            "c",
            set(text("d")),
            "+++\nc = \"d\"\n[t]\nb = 2\n+++\n",
        ),
        (
            "+++\na = 1\nb = 2\n+++\n",
            "a",
            Edit::Remove,
            "+++\nb = 2\n+++\n",
        ),
    ] {
        assert_eq!(
            edit(source, &[(key, change)]).as_deref(),
            Ok(expected),
            "{source:?} {key}"
        );
    }
}

#[test]
fn errors_name_line_and_reason() {
    for (source, line) in [
        ("---\na: 1\nb: 2\na: 3\n---\n", 4),
        ("+++\na = 1\na = 2\n+++\n", 3),
    ] {
        let error = FrontMatter::read(source).unwrap_err();
        assert!(
            matches!(&error, FrontMatterError::DuplicateKey { line: at, key } if *at == line && key == "a"),
            "{error:?}"
        );
    }
    for source in [
        "---\na: [b\n---\n",
        "---\na: \"b\n---\n",
        "---\na: b: c\n---\n",
        "+++\na =\n+++\n",
    ] {
        let error = FrontMatter::read(source).unwrap_err();
        assert!(
            matches!(error, FrontMatterError::Broken { line: 2.., .. }),
            "{source:?} {error:?}"
        );
        println!("{error}");
    }
    assert_eq!(
        FrontMatter::read("---\n[a, b]\n---\n"),
        Err(FrontMatterError::NotAMapping { line: 2 })
    );
    assert!(matches!(
        FrontMatter::read("---\n{a: b}\n---\n"),
        Err(FrontMatterError::Layout { .. })
    ));
    let large = format!("---\na: {}\n---\n", "x".repeat(MAX_BYTES));
    assert!(matches!(
        FrontMatter::read(&large),
        Err(FrontMatterError::TooLarge {
            limit: MAX_BYTES,
            ..
        })
    ));
    for (source, value) in [
        ("+++\na = 1\n+++\n", Value::Null),
        ("---\na: 1\n---\n", Value::Literal("not a number".into())),
        ("---\na: 1\n---\n", Value::Nested("b: c".into())),
    ] {
        assert!(matches!(
            edit(source, &[("a", Edit::Set(value))]),
            Err(FrontMatterError::Unwritable { .. })
        ));
    }
}

/// In every recorded document, each key can be set and removed without a change of any other byte.
#[test]
fn recorded_front_matter() {
    let mut files = 0;
    let mut keys = 0;
    for (name, source) in fixtures::documents() {
        let Some(found) =
            FrontMatter::read(&source).unwrap_or_else(|error| panic!("{name}: {error}"))
        else {
            continue;
        };
        files += 1;
        for entry in found.entries() {
            if matches!(entry.value, Value::Nested(_)) {
                continue;
            }
            keys += 1;
            let same = edit(&source, &[(&entry.key, Edit::Set(entry.value.clone()))]).unwrap();
            assert_eq!(same, source, "{name} {}", entry.key);
            let value = text("changed: \"yes\"");
            let changed = edit(&source, &[(&entry.key, Edit::Set(value.clone()))])
                .unwrap_or_else(|error| panic!("{name} {}: {error}", entry.key));
            assert!(
                changed.starts_with(&source[..entry.value_span.start]),
                "{name}"
            );
            assert!(changed.ends_with(&source[entry.value_span.end..]), "{name}");
            let again = FrontMatter::read(&changed).unwrap().unwrap();
            assert_eq!(again.get(&entry.key), Some(value), "{name}");
            let removed = edit(&source, &[(&entry.key, Edit::Remove)]).unwrap();
            assert!(removed.starts_with(&source[..entry.span.start]), "{name}");
            assert!(source.len() > removed.len());
        }
        let added = edit(&source, &[("notion_page_id", Edit::Set(text("1234")))]).unwrap();
        let at = added.find("notion_page_id").unwrap();
        let end = at + added[at..].find('\n').unwrap() + 1;
        assert_eq!(
            format!("{}{}", &added[..at], &added[end..]),
            source,
            "{name}"
        );
    }
    println!("{files} files with front matter, {keys} keys edited");
}
