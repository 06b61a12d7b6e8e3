//! A client in the same process that checks every answer against the OpenAPI description.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use notion_sync_testkit::emulator::{Emulator, Reply, Response};
use notion_sync_testkit::github::{GithubEmulator, GithubWorld};
use serde_json::{Value, json};

use crate::github_openapi::{answer_schema, violations};

pub(crate) const OLD: &str = "2022-11-28";
pub(crate) const NEW: &str = "2026-03-10";

/// When worlds of tests begin.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a valid time")
}

/// An organization with a handbook and a private notes repository, four people, an app.
pub(crate) fn world() -> GithubWorld {
    serde_json::from_value(json!({
        "accounts": [
            {"login": "Ada", "name": "Ada Lovelace", "email": "ada@example.com"},
            {"login": "bob"}, {"login": "carol"}, {"login": "mallory"},
            {"login": "acme", "kind": "organization", "owners": ["ada"], "members": ["carol"],
             "teams": [{"slug": "docs-team", "members": ["carol"], "repositories": {"handbook": "write"}}]},
        ],
        "apps": [{
            "id": 7, "slug": "notion-sync",
            "permissions": {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"},
            "events": ["issues", "push"],
            "installations": [{"id": 70, "account": "acme"}],
        }],
        "tokens": [
            {"token": "ghp_ada", "login": "ada"}, {"token": "ghp_bob", "login": "bob"}, {"token": "ghp_carol", "login": "carol"},
            {"token": "ghp_mallory", "login": "mallory"},
            {"token": "ghs_bot", "installation": 70},
            {"token": "ghs_reader", "installation": 70, "permissions": {"issues": "read", "contents": "read"}},
            {"token": "github_pat_narrow", "login": "ada", "permissions": {"issues": "write"}, "repositories": ["acme/handbook"]},
        ],
        "repositories": [
            {"full_name": "acme/handbook", "id": 100,
             "files": {"README.md": "# Handbook\n", "docs/a.md": "alpha\n", "docs/b.md": "beta\n", "docs/deep/c.md": "gamma\n"},
             "branches": {"topic": {"docs/new.md": "new\n"}},
             "labels": [{"name": "bug", "color": "d73a4a", "description": "broken"}],
             "milestones": ["v1"],
             "collaborators": {"bob": "write"}},
            {"full_name": "acme/notes", "id": 101, "private": true, "files": {"n.md": "n\n"}},
            {"full_name": "acme/empty", "id": 102},
        ],
    }))
    .expect("a valid world")
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) response: Response,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// A client of one emulator.
pub(crate) struct Client {
    pub(crate) emulator: GithubEmulator,
    pub(crate) now: DateTime<Utc>,
    pub(crate) token: String,
    pub(crate) version: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// How many answers were compared with the description.
    pub(crate) checked: usize,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::of(world())
    }

    pub(crate) fn of(world: GithubWorld) -> Self {
        Self {
            emulator: GithubEmulator::new(world, start()).expect("a consistent world"),
            now: start(),
            token: "ghp_ada".to_owned(),
            version: OLD,
            headers: Vec::new(),
            checked: 0,
        }
    }

    pub(crate) fn with_settings(settings: Value) -> Self {
        let mut world = world();
        let mut merged = serde_json::to_value(&world.settings).expect("settings");
        for (name, value) in settings.as_object().expect("an object") {
            merged[name] = value.clone();
        }
        world.settings = serde_json::from_value(merged).expect("settings");
        Self::of(world)
    }

    pub(crate) fn tick(&mut self, seconds: i64) {
        self.now += Duration::seconds(seconds);
    }

    pub(crate) fn as_user(&mut self, token: &str) -> &mut Self {
        token.clone_into(&mut self.token);
        self
    }

    pub(crate) fn reply(&mut self, method: &str, path: &str, body: &[u8]) -> Reply {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", "test");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if !self.version.is_empty() {
            request = request.header("x-github-api-version", self.version);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body))
            .expect("a valid request");
        self.emulator.handle(request, self.now)
    }

    /// Sends raw bytes.
    #[track_caller]
    pub(crate) fn raw(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        let Reply::Answer { response, .. } = self.reply(method, path, body) else {
            panic!("{method} {path}: dropped")
        };
        let status = response.status().as_u16();
        let json = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let body = if json {
            serde_json::from_slice(response.body()).expect("JSON")
        } else {
            Value::Null
        };
        for name in [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-used",
            "x-ratelimit-reset",
            "x-ratelimit-resource",
        ] {
            assert!(
                response.headers().contains_key(name),
                "{method} {path}: {name}"
            );
        }
        if let Some(schema) = answer_schema(method, path, status).filter(|_| json) {
            let found = violations(&body, schema, self.version == NEW);
            assert!(
                found.is_empty(),
                "{method} {path} {status}:\n{}\n{body}",
                found.join("\n")
            );
            self.checked += 1;
        }
        Answer {
            status,
            response,
            body,
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, method: &str, path: &str, body: Value) -> Answer {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.raw(method, path, &bytes)
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.raw("GET", path, b"")
    }

    /// Follows `next` links from a path and returns all items.
    #[track_caller]
    pub(crate) fn all(&mut self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let answer = self.get(&path);
            assert_eq!(answer.status, 200, "{}", answer.body);
            next = answer
                .header("link")
                .and_then(|link| relation(link, "next"));
            items.extend(answer.body.as_array().expect("a list").clone());
        }
        items
    }

    #[track_caller]
    pub(crate) fn graphql(&mut self, query: &str, variables: Value) -> Value {
        let answer = self
            .send(
                "POST",
                "/graphql",
                json!({"query": query, "variables": variables}),
            )
            .expect(200);
        let found = crate::github_schema::violations(query, &answer);
        assert!(found.is_empty(), "{query}:\n{}\n{answer}", found.join("\n"));
        answer
    }
}

/// The path of a relation in a `Link` header.
pub(crate) fn relation(link: &str, name: &str) -> Option<String> {
    link.split(", ").find_map(|part| {
        let (url, rel) = part.split_once(">; rel=\"")?;
        (rel.trim_end_matches('"') == name).then(|| {
            url.trim_start_matches('<')
                .replacen("https://api.github.com", "", 1)
        })
    })
}
