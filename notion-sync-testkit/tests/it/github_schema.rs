//! A checker of GraphQL answers against GitHub's published schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

/// What a field or a list leads to.
#[derive(Debug, Clone)]
enum Kind {
    Named(String),
    List(Box<Kind>),
    Required(Box<Kind>),
}

#[derive(Debug)]
struct Member {
    kind: Kind,
    arguments: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Schema {
    fields: BTreeMap<String, BTreeMap<String, Member>>,
    /// Types that can stand where an interface or union is asked for.
    members: BTreeMap<String, BTreeSet<String>>,
    words: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
enum Selection {
    Field {
        alias: String,
        name: String,
        arguments: BTreeSet<String>,
        optional: bool,
        inner: Vec<Selection>,
    },
    Fragment {
        on: Option<String>,
        inner: Vec<Selection>,
    },
    Spread(String),
}

/// The schema, `None` when the recorded data is not here.
pub(crate) fn schema() -> Option<&'static Schema> {
    static SCHEMA: OnceLock<Option<Schema>> = OnceLock::new();
    SCHEMA
        .get_or_init(|| {
            let root = std::env::var("NOTION_SYNC_FIXTURES").map_or_else(
                |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
                PathBuf::from,
            );
            let path = root.join("github/graphql/schema.graphql");
            match std::fs::read_to_string(&path) {
                Ok(text) => Some(Schema::read(&text)),
                Err(error) if std::env::var_os("CI").is_some() => {
                    panic!("{}: {error}", path.display())
                }
                Err(_) => {
                    eprintln!("skipped: no GraphQL schema at {}", path.display());
                    None
                }
            }
        })
        .as_ref()
}

/// Names and punctuation. A text becomes one empty word in quotes.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            '"' if rest.starts_with("\"\"\"") => {
                let end = rest[3..].find("\"\"\"").map_or(rest.len(), |end| end + 6);
                rest = &rest[end..];
                found.push("\"\"".to_owned());
                continue;
            }
            '"' => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                rest = &rest[end.map_or(rest.len(), |end| end + 2)..];
                found.push("\"\"".to_owned());
                continue;
            }
            c if c.is_whitespace() || c == ',' => {
                rest = &rest[c.len_utf8()..];
                continue;
            }
            '.' if rest.starts_with("...") => 3,
            c if c.is_alphanumeric() || c == '_' || c == '-' => rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '.'))
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        found.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    found
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self {
            tokens: tokens(text),
            at: 0,
        }
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.peek() == word;
        self.at += usize::from(there);
        there
    }

    /// Skips what stands in brackets, the brackets too.
    fn skip(&mut self, open: &str, close: &str) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            let token = self.next();
            depth += i32::from(token == open) - i32::from(token == close);
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_directives(&mut self) -> bool {
        let mut any = false;
        while self.take("@") {
            any = true;
            self.next();
            if self.peek() == "(" {
                self.skip("(", ")");
            }
        }
        any
    }

    fn kind(&mut self) -> Kind {
        let kind = if self.take("[") {
            let inner = self.kind();
            self.take("]");
            Kind::List(Box::new(inner))
        } else {
            Kind::Named(self.next())
        };
        if self.take("!") {
            Kind::Required(Box::new(kind))
        } else {
            kind
        }
    }

    /// Names before a colon on the first level of brackets.
    fn arguments(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        if self.peek() != "(" {
            return names;
        }
        let mut depth = 0;
        loop {
            let token = self.next();
            match token.as_str() {
                "(" | "{" | "[" => depth += 1,
                ")" | "}" | "]" => depth -= 1,
                name if depth == 1 && self.peek() == ":" => {
                    names.insert(name.to_owned());
                }
                _ => {}
            }
            if depth == 0 || token.is_empty() {
                return names;
            }
        }
    }

    fn selections(&mut self) -> Vec<Selection> {
        let mut found = Vec::new();
        if !self.take("{") {
            return found;
        }
        while !self.take("}") && self.at < self.tokens.len() {
            if self.take("...") {
                if self.peek() != "on" && self.peek() != "{" && self.peek() != "@" {
                    found.push(Selection::Spread(self.next()));
                    self.skip_directives();
                    continue;
                }
                let on = self.take("on").then(|| self.next());
                self.skip_directives();
                let inner = self.selections();
                found.push(Selection::Fragment { on, inner });
                continue;
            }
            let alias = self.next();
            let name = if self.take(":") {
                self.next()
            } else {
                alias.clone()
            };
            let arguments = self.arguments();
            let optional = self.skip_directives();
            let inner = self.selections();
            found.push(Selection::Field {
                alias,
                name,
                arguments,
                optional,
                inner,
            });
        }
        found
    }
}

impl Schema {
    fn read(text: &str) -> Self {
        let mut schema = Self::default();
        let mut reader = Reader::new(text);
        while reader.at < reader.tokens.len() {
            match reader.next().as_str() {
                "type" | "interface" => {
                    let name = reader.next();
                    if reader.take("implements") {
                        while reader.peek() != "{" && reader.peek() != "@" {
                            let parent = reader.next();
                            if parent != "&" {
                                schema
                                    .members
                                    .entry(parent)
                                    .or_default()
                                    .insert(name.clone());
                            }
                        }
                    }
                    reader.skip_directives();
                    reader.take("{");
                    let fields = schema.fields.entry(name).or_default();
                    while !reader.take("}") && reader.at < reader.tokens.len() {
                        let field = reader.next();
                        if field == "\"\"" {
                            continue;
                        }
                        let arguments = reader.arguments();
                        reader.take(":");
                        let kind = reader.kind();
                        reader.skip_directives();
                        fields.insert(field, Member { kind, arguments });
                    }
                }
                "union" => {
                    let name = reader.next();
                    reader.skip_directives();
                    reader.take("=");
                    let members = schema.members.entry(name).or_default();
                    loop {
                        reader.take("|");
                        members.insert(reader.next());
                        if reader.peek() != "|" {
                            break;
                        }
                    }
                }
                "enum" => {
                    let name = reader.next();
                    reader.skip_directives();
                    reader.take("{");
                    let words = schema.words.entry(name).or_default();
                    while !reader.take("}") && reader.at < reader.tokens.len() {
                        words.insert(reader.next());
                        reader.skip_directives();
                    }
                }
                "input" => {
                    reader.next();
                    reader.skip_directives();
                    reader.skip("{", "}");
                }
                _ => {}
            }
        }
        schema
    }

    fn fits(&self, kind: &str, condition: &str) -> bool {
        kind == condition
            || self
                .members
                .get(condition)
                .is_some_and(|members| members.contains(kind))
    }
}

/// What is wrong with an answer, with the place. Empty when nothing is.
pub(crate) fn violations(query: &str, answer: &Value) -> Vec<String> {
    let Some(schema) = schema().filter(|_| answer["data"].is_object()) else {
        return Vec::new();
    };
    let mut reader = Reader::new(query);
    let mut fragments = BTreeMap::new();
    let mut root = None;
    while reader.at < reader.tokens.len() {
        match reader.peek() {
            "fragment" => {
                reader.next();
                let name = reader.next();
                reader.take("on");
                let on = reader.next();
                fragments.insert(name, (on, reader.selections()));
            }
            "{" => root = Some(("Query", reader.selections())),
            "query" | "mutation" => {
                let kind = if reader.next() == "query" {
                    "Query"
                } else {
                    "Mutation"
                };
                if reader.peek() != "{" && reader.peek() != "(" {
                    reader.next();
                }
                if reader.peek() == "(" {
                    reader.skip("(", ")");
                }
                root = Some((kind, reader.selections()));
            }
            _ => {
                reader.next();
            }
        }
    }
    let Some((kind, selections)) = root else {
        return Vec::new();
    };
    let mut checker = Checker {
        schema,
        fragments,
        // A field that failed is null, whatever its type.
        failed: answer.get("errors").is_some(),
        found: Vec::new(),
    };
    checker.object(&answer["data"], kind, &selections, "$");
    checker.found
}

struct Checker<'a> {
    schema: &'a Schema,
    fragments: BTreeMap<String, (String, Vec<Selection>)>,
    failed: bool,
    found: Vec<String>,
}

impl Checker<'_> {
    fn value(&mut self, value: &Value, kind: &Kind, inner: &[Selection], at: &str) {
        match kind {
            Kind::Required(_) if value.is_null() => {
                if !self.failed {
                    self.found.push(format!("{at}: null is not allowed"));
                }
            }
            Kind::Required(kind) => self.value(value, kind, inner, at),
            _ if value.is_null() => {}
            Kind::List(kind) => match value.as_array() {
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.value(item, kind, inner, &format!("{at}[{index}]"));
                    }
                }
                None => self.found.push(format!("{at}: {value} is not a list")),
            },
            Kind::Named(name) => self.named(value, name, inner, at),
        }
    }

    fn named(&mut self, value: &Value, name: &str, inner: &[Selection], at: &str) {
        if let Some(words) = self.schema.words.get(name) {
            if !value.as_str().is_some_and(|word| words.contains(word)) {
                self.found.push(format!("{at}: {value} is no {name}"));
            }
            return;
        }
        if self.schema.fields.contains_key(name) || self.schema.members.contains_key(name) {
            self.object(value, name, inner, at);
            return;
        }
        let right = match name {
            "Int" => value.is_i64() || value.is_u64(),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            "DateTime" => value
                .as_str()
                .is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
            "URI" => value
                .as_str()
                .is_some_and(|text| text.contains("://") || text.starts_with('/')),
            "GitObjectID" => value.as_str().is_some_and(|text| text.len() == 40),
            _ => value.is_string(),
        };
        if !right {
            self.found.push(format!("{at}: {value} is no {name}"));
        }
    }

    fn object(&mut self, value: &Value, kind: &str, selections: &[Selection], at: &str) {
        if !value.is_object() {
            self.found.push(format!("{at}: {value} is no {kind}"));
            return;
        }
        // What stands for an interface or union says what it is only if it was asked.
        let shown = value["__typename"].as_str();
        if let Some(shown) = shown
            && !self.schema.fits(shown, kind)
        {
            self.found.push(format!("{at}: {shown} is no {kind}"));
        }
        let concrete = shown.or((!self.schema.members.contains_key(kind)).then_some(kind));
        for selection in selections {
            match selection {
                Selection::Field {
                    alias,
                    name,
                    arguments,
                    optional,
                    inner,
                } => {
                    if name.starts_with("__") {
                        continue;
                    }
                    let place = format!("{at}.{alias}");
                    let Some(member) = self
                        .schema
                        .fields
                        .get(kind)
                        .and_then(|fields| fields.get(name))
                    else {
                        self.found.push(format!("{place}: {kind} has no {name}"));
                        continue;
                    };
                    for argument in arguments.difference(&member.arguments) {
                        self.found.push(format!("{place}: no argument {argument}"));
                    }
                    match value.get(alias) {
                        Some(value) => self.value(value, &member.kind, inner, &place),
                        None if *optional => {}
                        None => self.found.push(format!("{place}: missing")),
                    }
                }
                Selection::Fragment { on, inner } => {
                    let on = on.as_deref().unwrap_or(kind);
                    self.fragment(value, (kind, concrete), on, inner, at);
                }
                Selection::Spread(name) => {
                    if let Some((on, inner)) = self.fragments.get(name).cloned() {
                        self.fragment(value, (kind, concrete), &on, &inner, at);
                    }
                }
            }
        }
    }

    fn fragment(
        &mut self,
        value: &Value,
        (kind, concrete): (&str, Option<&str>),
        on: &str,
        inner: &[Selection],
        at: &str,
    ) {
        match concrete {
            Some(concrete) if self.schema.fits(concrete, on) => {
                self.object(value, on, inner, at);
            }
            Some(_) => {}
            // Unknown what it is: only what is said for all can be compared.
            None if on == kind => self.object(value, on, inner, at),
            None => {}
        }
    }
}

#[test]
fn the_checker_of_graphql_finds_what_is_wrong() {
    if schema().is_none() {
        return;
    }
    let query = "query($n:Int!){repository(owner:\"a\",name:\"b\"){pullRequest(number:$n){...f mergeable}}} fragment f on PullRequest{number state title author{__typename login ... on User{id}}}";
    let good = serde_json::json!({"data": {"repository": {"pullRequest": {
        "number": 1, "state": "OPEN", "title": "t", "mergeable": "UNKNOWN",
        "author": {"__typename": "User", "login": "a", "id": "x"},
    }}}});
    assert_eq!(violations(query, &good), Vec::<String>::new());
    let mut bad = good.clone();
    let pull = &mut bad["data"]["repository"]["pullRequest"];
    pull["number"] = "1".into();
    pull["state"] = "open".into();
    pull["title"] = Value::Null;
    pull["author"] = serde_json::json!({"__typename": "User", "login": "a"});
    assert_eq!(violations(query, &bad).len(), 4);
    let unknown = violations(
        "{viewer{nothing(x:1)} rateLimit(y:1){cost}}",
        &serde_json::json!({"data": {"viewer": {}, "rateLimit": {"cost": 1}}}),
    );
    assert_eq!(unknown.len(), 2, "{unknown:?}");
}
