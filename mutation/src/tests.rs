//! What becomes of small sources.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use crate::mutate::Source;

fn source(text: &str) -> Source {
    Source::parse(text.to_owned(), 0).unwrap()
}

fn whats(text: &str) -> Vec<String> {
    source(text)
        .mutants()
        .map(|mutant| mutant.what.clone())
        .collect()
}

/// The source with all mutants, on one line, with `on` for the switch.
fn written(text: &str, without: &[u32]) -> String {
    let without: BTreeSet<u32> = without.iter().copied().collect();
    let text = source(text)
        .write(&without)
        .text
        .replace("crate::mutation_switch::", "");
    syn::parse_file(&text).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_mutant_is_a_branch() {
    assert_eq!(
        written("fn f() { g(a == b); }", &[]),
        "fn f() {if on(0) { return (); } g((if on(1) { (a) != (b) } else { a == b })); }",
    );
    assert_eq!(
        written("fn f() { g(a == b); }", &[0, 1]),
        "fn f() { g(a == b); }"
    );
}

#[test]
fn operands_are_mutated_in_the_last_branch_only() {
    assert_eq!(
        written("fn f() { g(!a && b); }", &[0]),
        "fn f() { g((if on(1) { (!a) || (b) } else { (if on(2) { a } else { !a }) && b })); }",
    );
    let text = format!("fn f() {{ g({}); }}", vec!["a == b"; 30].join(" && "));
    assert!(written(&text, &[]).len() < 30 * text.len());
}

#[test]
fn chains_with_let_are_left_alone_but_not_their_operands() {
    assert_eq!(
        written(
            "fn f() { if a && let Some(b) = c && b == d { g(); } }",
            &[0]
        ),
        "fn f() { if a && let Some(b) = c && (if on(1) { (b) != (d) } else { b == d }) { g(); } }",
    );
}

#[test]
fn arms_before_a_wildcard_and_guards() {
    assert_eq!(
        written(
            "fn f() { match a { B => c(), D if e => g(), _ => h() } }",
            &[0]
        ),
        "fn f() { match a { B if !on(1) => c(), \
         D if (if on(2) { true } else if on(3) { false } else { e }) => g(), _ => h() } }",
    );
    assert_eq!(
        whats("fn f() { match a { B => c(), D => h() } }"),
        ["body to `()`"]
    );
}

#[test]
fn a_guard_and_the_operator_that_it_is() {
    assert_eq!(
        whats("fn f() { match a { B if c == d => e(), _ => g() } }")[1..],
        [
            "guard `c == d` to true",
            "guard `c == d` to false",
            "`==` to `!=`"
        ],
    );
}

#[test]
fn fields_of_a_literal_with_a_base() {
    assert_eq!(
        written("fn f() { g(S { a: b, c, ..d }); g(S { a }); }", &[0, 2]),
        "fn f() { g((if on(1) { S { c, ..d } } else { S { a: b, c, ..d } })); g(S { a }); }",
    );
}

#[test]
fn operators_that_assign_and_their_neighbours() {
    assert_eq!(
        written("fn f() { a.b += c; }", &[0]),
        "fn f() { (if on(1) { a.b -= (c) } else if on(2) { a.b *= (c) } else { a.b += c }); }",
    );
    assert_eq!(
        whats("fn f() { g(a < -b); }")[1..],
        ["`<` to `==`", "`<` to `>`", "`<` to `<=`", "`-` deleted"]
    );
}

#[test]
fn bodies_by_the_type_they_return() {
    let bodies = |ty: &str| {
        let values = whats(&format!("fn f() -> {ty} {{ g() }}")).into_iter();
        values
            .map(|what| {
                what.trim_start_matches("body to ")
                    .trim_matches('`')
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies("bool"), ["true", "false"]);
    assert_eq!(
        bodies("Option<&'a str>"),
        ["None", "Some(\"\")", "Some(\"xyzzy\")"]
    );
    assert_eq!(bodies("Result<(), Error>"), ["Ok(())"]);
    assert_eq!(bodies("(bool, u32)").len(), 4);
    assert_eq!(
        bodies("&[T]"),
        ["Vec::leak(vec![])", "Vec::leak(vec![Default::default()])"]
    );
    assert_eq!(bodies("BTreeMap<String, T>")[0], "BTreeMap::new()");
    assert_eq!(bodies("impl Iterator<Item = u32>"), [""; 0]);
    assert_eq!(whats("fn f() -> bool { true }"), ["body to `false`"]);
    assert_eq!(whats("fn f() {}"), [""; 0]);
}

#[test]
fn what_is_constant_or_only_for_tests_is_left_alone() {
    for text in [
        "const fn f() -> bool { a == b }",
        "const A: bool = 1 == 2; static B: bool = !true; enum C { D = 1 + 1 }",
        "#[cfg(test)] mod tests { fn f() -> bool { a == b } }",
        "#[tokio::test] async fn f() { a(b == c); }",
        "fn f() -> [u8; 1 + 1] where { assert!(a == b) }",
    ] {
        let found = whats(text);
        assert!(
            found.iter().all(|what| what.contains("default()")),
            "{text}: {found:?}"
        );
    }
    assert_eq!(whats("fn f() { let [-1, _] = [a; 1 + 1]; }").len(), 1);
}

#[test]
fn names_places_and_numbers() {
    let source = source("impl A for B {\n    fn f() -> bool {\n        !g()\n    }\n}");
    let told: Vec<_> = (source.mutants())
        .map(|mutant| {
            (
                mutant.id,
                mutant.line,
                mutant.column,
                mutant.function.as_str(),
            )
        })
        .collect();
    let name = "<impl A for B>::f";
    assert_eq!(told, [(0, 2, 8, name), (1, 2, 8, name), (2, 3, 9, name)]);
}

#[test]
fn the_code_of_a_mutant_is_found_again() {
    let written = source("fn f() -> bool { a == b }").write(&BTreeSet::new());
    let code: Vec<_> = written
        .branches
        .iter()
        .map(|(range, ids)| (&written.text[range.clone()], ids[0]))
        .collect();
    assert_eq!(code, [("true", 0), ("false", 1), ("(a) != (b)", 2)]);
}
