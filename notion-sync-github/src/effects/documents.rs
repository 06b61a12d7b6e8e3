//! Every document that is sent is checked against the service's own schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::graphql::{CONVERT_TO_DRAFT, ENQUEUE, JUDGED, MARK_READY, QUEUED};
use super::linked::linked_document;
use crate::project::{
    ADD_ITEM, CLEAR_FIELD, FIND_PROJECT, SET_FIELD, items_of_issue, items_of_project,
};

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Mark(char),
    /// `...`
    Spread,
    /// A number or string, which nothing here looks into.
    Literal,
}

/// Takes a text apart; descriptions and commas are left out.
fn tokens(source: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if let Some(tail) = rest.strip_prefix("\"\"\"") {
            let end = tail.find("\"\"\"").unwrap();
            rest = &tail[end + 3..];
        } else if let Some(tail) = rest.strip_prefix("...") {
            out.push(Token::Spread);
            rest = tail;
        } else if c == '"' {
            let end = rest[1..].find('"').unwrap();
            out.push(Token::Literal);
            rest = &rest[end + 2..];
        } else if c == '#' {
            rest = rest.split_once('\n').map_or("", |(_, tail)| tail);
        } else if c.is_ascii_alphabetic() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            out.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if c.is_ascii_digit() || c == '-' {
            let end = rest[1..]
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .map_or(rest.len(), |at| at + 1);
            out.push(Token::Literal);
            rest = &rest[end..];
        } else {
            if !c.is_whitespace() && c != ',' {
                out.push(Token::Mark(c));
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// A walk over tokens.
struct Walk {
    tokens: Vec<Token>,
    at: usize,
}

impl Walk {
    fn of(source: &str) -> Self {
        Self {
            tokens: tokens(source),
            at: 0,
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        self.at += 1;
        token
    }

    fn is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> String {
        match self.next() {
            Token::Name(name) => name,
            other => panic!("{other:?} at {}", self.at),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(name)) if name == word)
    }

    /// A type: its name, and whether it must not be null.
    fn kind(&mut self) -> (String, bool) {
        let name = if self.take('[') {
            let (name, _) = self.kind();
            assert!(self.take(']'));
            name
        } else {
            self.word()
        };
        (name, self.take('!'))
    }

    /// Skips a value of the schema.
    fn value(&mut self) {
        match self.next() {
            Token::Mark('[') => {
                while !self.take(']') {
                    self.value();
                }
            }
            Token::Mark('{') => {
                while !self.take('}') {
                    self.word();
                    assert!(self.take(':'));
                    self.value();
                }
            }
            _ => {}
        }
    }

    fn directives(&mut self) {
        while self.take('@') {
            self.word();
            if self.take('(') {
                while !self.take(')') {
                    self.word();
                    assert!(self.take(':'));
                    self.value();
                }
            }
        }
    }

    /// Arguments or input fields up to a closing mark: type and whether they must be given.
    fn inputs(&mut self, close: char) -> Inputs {
        let mut found = BTreeMap::new();
        while !self.take(close) {
            let name = self.word();
            assert!(self.take(':'));
            let (kind, required) = self.kind();
            let default = self.take('=');
            if default {
                self.value();
            }
            self.directives();
            found.insert(name, (kind, required && !default));
        }
        found
    }
}

type Inputs = BTreeMap<String, (String, bool)>;

struct Field {
    kind: String,
    arguments: Inputs,
}

#[derive(Default)]
struct Schema {
    fields: BTreeMap<String, BTreeMap<String, Field>>,
    inputs: BTreeMap<String, Inputs>,
    /// What an interface or union can be.
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Schema {
    fn read(source: &str) -> Self {
        let mut schema = Self::default();
        let mut walk = Walk::of(source);
        while walk.peek().is_some() {
            match walk.word().as_str() {
                kind @ ("type" | "interface") => {
                    let object = kind == "type";
                    let name = walk.word();
                    if walk.is_word("implements") {
                        walk.word();
                        walk.take('&');
                        while !walk.is('{') && !walk.is('@') {
                            let interface = walk.word();
                            walk.take('&');
                            if object {
                                schema
                                    .members
                                    .entry(interface)
                                    .or_default()
                                    .insert(name.clone());
                            }
                        }
                    }
                    walk.directives();
                    assert!(walk.take('{'));
                    let mut fields = BTreeMap::new();
                    while !walk.take('}') {
                        let field = walk.word();
                        let arguments = if walk.take('(') {
                            walk.inputs(')')
                        } else {
                            Inputs::new()
                        };
                        assert!(walk.take(':'));
                        let (kind, _) = walk.kind();
                        walk.directives();
                        fields.insert(field, Field { kind, arguments });
                    }
                    schema.fields.insert(name, fields);
                }
                "input" => {
                    let name = walk.word();
                    walk.directives();
                    assert!(walk.take('{'));
                    let inputs = walk.inputs('}');
                    schema.inputs.insert(name, inputs);
                }
                "union" => {
                    let name = walk.word();
                    walk.directives();
                    assert!(walk.take('='));
                    walk.take('|');
                    let members = schema.members.entry(name.clone()).or_default();
                    members.insert(walk.word());
                    while walk.take('|') {
                        members.insert(walk.word());
                    }
                    schema.fields.insert(name, BTreeMap::new());
                }
                "enum" => {
                    walk.word();
                    walk.directives();
                    assert!(walk.take('{'));
                    while !walk.take('}') {
                        walk.word();
                        walk.directives();
                    }
                }
                "scalar" => {
                    walk.word();
                    walk.directives();
                }
                "directive" => {
                    assert!(walk.take('@'));
                    walk.word();
                    if walk.take('(') {
                        walk.inputs(')');
                    }
                    if walk.is_word("repeatable") {
                        walk.word();
                    }
                    assert_eq!(walk.word(), "on");
                    walk.take('|');
                    walk.word();
                    while walk.take('|') {
                        walk.word();
                    }
                }
                other => panic!("{other}"),
            }
        }
        schema
    }

    fn is_composite(&self, kind: &str) -> bool {
        self.fields.contains_key(kind)
    }

    fn can_be(&self, kind: &str) -> BTreeSet<String> {
        let members = self.members.get(kind).cloned();
        members.unwrap_or_else(|| BTreeSet::from([kind.to_owned()]))
    }
}

/// A check of one document.
struct Check<'a> {
    schema: &'a Schema,
    walk: Walk,
    variables: BTreeMap<String, (String, bool)>,
    used: BTreeSet<String>,
    fragments: BTreeMap<String, String>,
    spread: BTreeSet<(String, String)>,
}

impl Check<'_> {
    fn document(schema: &Schema, source: &str) {
        let mut check = Check {
            schema,
            walk: Walk::of(source),
            variables: BTreeMap::new(),
            used: BTreeSet::new(),
            fragments: BTreeMap::new(),
            spread: BTreeSet::new(),
        };
        while check.walk.peek().is_some() {
            let word = check.walk.word();
            let root = match word.as_str() {
                "query" => "Query".to_owned(),
                "mutation" => "Mutation".to_owned(),
                "fragment" => {
                    let name = check.walk.word();
                    assert_eq!(check.walk.word(), "on");
                    let on = check.walk.word();
                    check.fragments.insert(name, on.clone());
                    on
                }
                other => panic!("{other}"),
            };
            if check.walk.take('(') {
                while !check.walk.take(')') {
                    assert!(check.walk.take('$'));
                    let name = check.walk.word();
                    assert!(check.walk.take(':'));
                    let kind = check.walk.kind();
                    check.variables.insert(name, kind);
                }
            }
            check.selections(&root);
        }
        for (name, kind) in &check.spread {
            let on = &check.fragments[name];
            assert!(
                !schema.can_be(kind).is_disjoint(&schema.can_be(on)),
                "{name}"
            );
        }
        let declared: BTreeSet<String> = check.variables.keys().cloned().collect();
        assert_eq!(declared, check.used, "{source}");
    }

    fn selections(&mut self, kind: &str) {
        assert!(self.walk.take('{'), "{kind} needs a selection");
        let mut any = false;
        while !self.walk.take('}') {
            any = true;
            if self.walk.peek() == Some(&Token::Spread) {
                self.walk.next();
                let word = self.walk.word();
                if word == "on" {
                    let on = self.walk.word();
                    assert!(self.schema.is_composite(&on), "{on}");
                    let (here, there) = (self.schema.can_be(kind), self.schema.can_be(&on));
                    assert!(!here.is_disjoint(&there), "{kind} is never {on}");
                    self.selections(&on);
                } else {
                    self.spread.insert((word, kind.to_owned()));
                }
                continue;
            }
            let mut name = self.walk.word();
            if self.walk.take(':') {
                name = self.walk.word();
            }
            if name == "__typename" {
                continue;
            }
            let schema = self.schema;
            let field = schema.fields[kind].get(&name);
            let field = field.unwrap_or_else(|| panic!("{kind} has no {name}"));
            let place = format!("{kind}.{name}");
            if self.walk.take('(') {
                self.arguments(&place, &field.arguments, ')');
            } else {
                let missing = field.arguments.iter().find(|(_, (_, required))| *required);
                assert!(missing.is_none(), "{place} needs {missing:?}");
            }
            if schema.is_composite(&field.kind) {
                self.selections(&field.kind);
            } else {
                assert!(!self.walk.is('{'), "{place} has no parts");
            }
        }
        assert!(any, "{kind}");
    }

    fn arguments(&mut self, place: &str, known: &Inputs, close: char) {
        let mut given = BTreeSet::new();
        while !self.walk.take(close) {
            let name = self.walk.word();
            assert!(self.walk.take(':'));
            let found = known.get(&name);
            let (kind, required) = found.unwrap_or_else(|| panic!("{place} takes no {name}"));
            self.argument(place, kind, *required);
            given.insert(name);
        }
        for (name, (_, required)) in known {
            assert!(!required || given.contains(name), "{place} needs {name}");
        }
    }

    fn argument(&mut self, place: &str, kind: &str, required: bool) {
        match self.walk.next() {
            Token::Mark('$') => {
                let name = self.walk.word();
                let (declared, never_null) = self.variables[&name].clone();
                assert_eq!(declared, kind, "{place} ${name}");
                assert!(never_null || !required, "{place} ${name} may be null");
                self.used.insert(name);
            }
            Token::Mark('{') => {
                let inputs = self.schema.inputs.get(kind);
                let inputs = inputs.unwrap_or_else(|| panic!("{place}: {kind} has no parts"));
                self.arguments(kind, inputs, '}');
            }
            Token::Literal => assert!(["Int", "Float", "String", "ID"].contains(&kind)),
            Token::Name(word) => {
                assert!(kind == "Boolean" && ["true", "false"].contains(&word.as_str()))
            }
            other => panic!("{place}: {other:?}"),
        }
    }
}

fn schema() -> Option<Schema> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let path = folder.join("github/graphql/schema.graphql");
    if let Ok(source) = std::fs::read_to_string(&path) {
        return Some(Schema::read(&source));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing",
        path.display()
    );
    println!("skipped: {} is missing", path.display());
    None
}

#[test]
fn every_document_fits_the_schema_of_the_service() {
    let Some(schema) = schema() else { return };
    let linked = linked_document(&BTreeSet::from([1, 2]), &BTreeSet::from([7]));
    for document in [
        JUDGED,
        QUEUED,
        MARK_READY,
        CONVERT_TO_DRAFT,
        ENQUEUE,
        FIND_PROJECT,
        ADD_ITEM,
        SET_FIELD,
        CLEAR_FIELD,
        &linked,
        &items_of_issue(1),
        &items_of_issue(3),
        &items_of_project(1),
        &items_of_project(3),
    ] {
        Check::document(&schema, document);
    }
}

/// The check itself finds what is wrong.
#[test]
fn documents_that_do_not_fit_are_found() {
    let Some(schema) = schema() else { return };
    for document in [
        "query{viewer{nonsense}}",
        "query{viewer}",
        "query{viewer{login{x}}}",
        "query($n:String!){repository(owner:$n){id}}",
        "query($n:Int!){repository(owner:$n,name:$n){id}}",
        "query($n:String){repository(owner:$n,name:$n){id}}",
        "query($n:ID!){node(id:$n){...on Nonsense{id}}}",
        "query($n:ID!){viewer{login}}",
        "mutation($i:ID!){enqueuePullRequest(input:{pullRequest:$i}){mergeQueueEntry{id}}}",
    ] {
        let schema = &schema;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Check::document(schema, document);
        }));
        assert!(found.is_err(), "{document}");
    }
}
