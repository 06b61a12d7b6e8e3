//! No bytes of a service can panic, loop for ever, or make us tell a secret.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::document::{Block, Document};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::{OpId, RecordId, SyncRunId};
use notion_sync_core::mapping::MappingKind;
use notion_sync_core::remote::{
    Action, ContentChange, Create, FieldChange, ListRequest, NewContent, Remote, Update, Write,
};
use notion_sync_core::value::Value;
use notion_sync_notion::pages::page_ref;
use notion_sync_notion::{BookkeepingNames, NotionPages, PageSettings, access};

use crate::fixtures::{files, folder};
use crate::scripted::{ID, TOKEN, client_of, noon, response};

/// A small generator with a fixed seed: every run sees the same bytes.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// Changes bytes the way a broken or hostile service could.
fn mangle(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const PIECES: [&str; 12] = [
        "null",
        "{}",
        "[]",
        "\"\"",
        "-1",
        "1e999",
        "true",
        "\"\\ud800\"",
        "99999999999999999999",
        "\"2026-13-45T99:00:00Z\"",
        "[[[[[[[[",
        "\u{0}",
    ];
    for _ in 0..=dice.roll(4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 => bytes[at] = dice.roll(256) as u8,
            1 => bytes.truncate(at),
            2 => {
                let end = (at + dice.roll(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + dice.roll(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                // Replaces a value by another one, so that the result often still is JSON.
                let Some(colon) = bytes[at..].iter().position(|byte| *byte == b':') else {
                    continue;
                };
                let start = at + colon + 1;
                let end = bytes[start..]
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']'))
                    .map_or(bytes.len(), |end| start + end);
                let piece = PIECES[dice.roll(PIECES.len())];
                bytes.splice(start..end, piece.bytes());
            }
        }
    }
}

/// Recorded answers by the kind of call that gets them.
#[derive(Debug, Default)]
struct Library {
    shelves: BTreeMap<&'static str, Vec<Vec<u8>>>,
}

impl Library {
    fn open() -> Self {
        let mut library = Self::default();
        for (shelf, text) in [
            ("pages", PAGE),
            ("markdown", BODY),
            ("data_sources", SOURCE),
            ("lists", ROWS),
            (
                "lists",
                r#"{"object":"list","results":[],"has_more":true,"next_cursor":"x"}"#,
            ),
            (
                "users",
                r#"{"object":"user","id":"0123abcd-4567-89ef-0123-456789abcdef"}"#,
            ),
            ("errors", "<html>"),
        ] {
            library.add(shelf, text.as_bytes().to_vec());
        }
        if let Some(folder) = folder() {
            for path in files(&folder) {
                let relative = path.strip_prefix(&folder).unwrap();
                let bytes = std::fs::read(&path).unwrap();
                if bytes.len() > 60_000 {
                    continue;
                }
                let is_list = bytes.starts_with(b"{\n \"object\": \"list\"");
                for shelf in ["pages", "markdown", "data_sources", "users", "errors"] {
                    if relative.starts_with(shelf) && !is_list {
                        library.add(shelf, bytes.clone());
                    }
                }
                if is_list {
                    library.add("lists", bytes);
                }
            }
        }
        library
    }

    fn add(&mut self, shelf: &'static str, bytes: Vec<u8>) {
        self.shelves.entry(shelf).or_default().push(bytes);
    }

    fn pick(&self, shelf: &str, dice: &mut Dice) -> Vec<u8> {
        let shelf = &self.shelves[shelf];
        // The first of each shelf fits together with the others, so that talks go on.
        let at = if dice.roll(3) > 0 {
            0
        } else {
            dice.roll(shelf.len())
        };
        shelf[at].clone()
    }
}

const PAGE: &str = r#"{"object":"page","id":"0123abcd-4567-89ef-0123-456789abcdef","created_time":"2026-11-21T11:00:00.000Z","last_edited_time":"2026-11-21T11:00:00.000Z","in_trash":false,"parent":{"type":"data_source_id","data_source_id":"0123abcd-4567-89ef-0123-456789abcdef"},"properties":{"N":{"id":"title","type":"title","title":[]},"R":{"id":"r","type":"relation","relation":[],"has_more":true}}}"#;
const ROWS: &str = r#"{"object":"list","results":[{"object":"page","id":"0123abcd-4567-89ef-0123-456789abcdef","created_time":"2026-11-21T11:00:00.000Z","last_edited_time":"2026-11-21T11:00:00.000Z","parent":{"type":"data_source_id","data_source_id":"0123abcd-4567-89ef-0123-456789abcdef"},"properties":{}}],"has_more":false,"next_cursor":null}"#;
const BODY: &str = r#"{"object":"page_markdown","markdown":"a\n\t- b\n<callout>\n\tx\n</callout>","truncated":false,"unknown_block_ids":[]}"#;
const SOURCE: &str = r#"{"object":"data_source","id":"0123abcd-4567-89ef-0123-456789abcdef","properties":{"N":{"id":"title","name":"N","type":"title","title":{}},"R":{"id":"r","name":"R","type":"relation","relation":{}},"Sync Op":{"id":"o","name":"Sync Op","type":"rich_text","rich_text":{}},"Sync Last Op":{"id":"l","name":"Sync Last Op","type":"rich_text","rich_text":{}}}}"#;

/// A service that gives right, wrong and broken answers.
#[derive(Debug)]
struct Hostile {
    library: Arc<Library>,
    dice: Mutex<Dice>,
    calls: Mutex<usize>,
}

#[async_trait]
impl HttpSend for Hostile {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let mut dice = self.dice.lock().unwrap();
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        if *calls > 200 {
            return Err(SendError::NotSent("the talk is too long".to_owned()));
        }
        let path = request.uri().path();
        let shelf = if path.ends_with("/query")
            || path.ends_with("/children")
            || path.contains("/properties/")
            || path == "/v1/comments"
            || path == "/v1/users"
        {
            "lists"
        } else if path.ends_with("/markdown") {
            "markdown"
        } else if path.starts_with("/v1/users") {
            "users"
        } else if path.starts_with("/v1/data_sources") {
            "data_sources"
        } else {
            "pages"
        };
        let (shelf, status) = match dice.roll(40) {
            0 => ("errors", [400, 401, 403, 404, 409, 410][dice.roll(6)]),
            1 => ("errors", [500, 502, 503, 529, 302, 202][dice.roll(6)]),
            2 => return Err(SendError::NoAnswer("reset".to_owned())),
            _ => (shelf, 200),
        };
        let mut bytes = self.library.pick(shelf, &mut dice);
        if dice.roll(8) == 0 {
            mangle(&mut bytes, &mut dice);
        }
        Ok(response(status, &[], bytes))
    }
}

fn writes(dice: &mut Dice) -> Action {
    let object = page_ref(ID);
    let document = |text: &str| Document {
        blocks: vec![Block::paragraph(text)],
    };
    match dice.roll(6) {
        0 => Action::Remove {
            object,
            expected: "2026-11-21T11:00:00.000Z".to_owned(),
        },
        1 => Action::Restore { object },
        2 => Action::Comment {
            object,
            text: "x".to_owned(),
        },
        3 => Action::Bookkeep {
            object,
            fields: [("path".to_owned(), "x".to_owned())].into(),
        },
        4 => Action::Create(Create {
            fields: [("title".to_owned(), Value::text("x"))].into(),
            content: NewContent::Blocks(Document {
                blocks: (0..250)
                    .map(|n| Block::paragraph(format!("# {n}")))
                    .collect(),
            }),
            place: None,
            counterpart: None,
            counterpart_url: None,
            bookkeeping: BTreeMap::new(),
        }),
        _ => Action::Update(Update {
            object,
            seen: None,
            fields: [(
                "title".to_owned(),
                FieldChange {
                    expected: Value::Null,
                    desired: Value::text("x"),
                },
            )]
            .into(),
            content: Some(ContentChange::Blocks {
                expected: document("a"),
                desired: document("b"),
            }),
            place: None,
            bookkeeping: BTreeMap::new(),
        }),
    }
}

#[test]
fn no_answer_can_panic_and_no_error_tells_a_secret() {
    let library = Arc::new(Library::open());
    let mut dice = Dice::new(7);
    let (mut calls, mut failures) = (0, 0);
    let rounds = 3_000;
    for round in 0..rounds {
        let send = Arc::new(Hostile {
            library: Arc::clone(&library),
            dice: Mutex::new(Dice::new(round)),
            calls: Mutex::new(0),
        });
        let client = client_of(Arc::clone(&send) as Arc<dyn HttpSend>);
        let pages =
            NotionPages::new(client.clone(), PageSettings::new(ID, &Bounds::default())).unwrap();
        let write = Write {
            op: OpId::from("op1"),
            group: OpId::from("op1"),
            run: SyncRunId::from("run"),
            record: RecordId::from("record"),
            page: None,
            editor: None,
            revision: None,
            action: writes(&mut dice),
        };
        let text = match round % 6 {
            0 => block_on(pages.read(&page_ref(ID), true)).map(|read| format!("{read:?}")),
            1 => block_on(pages.list(ListRequest {
                cursor: None,
                full: round % 12 == 1,
            }))
            .map(|listing| format!("{:?}", listing.cursor)),
            2 => block_on(pages.schema()).map(|schema| format!("{schema:?}")),
            3 => block_on(pages.write(std::slice::from_ref(&write)))
                .remove(0)
                .map(|ack| format!("{ack:?}")),
            4 => block_on(pages.trace(std::slice::from_ref(&write), noon()))
                .map(|trace| format!("{trace:?}")),
            _ => block_on(access::check(
                &client,
                ID,
                &BookkeepingNames::default(),
                MappingKind::Tasks,
            ))
            .map(|findings| format!("{findings:?}")),
        };
        failures += usize::from(text.is_err());
        let text = match text {
            Ok(text) => text,
            Err(error) => format!("{error} {error:?}"),
        };
        calls += *send.calls.lock().unwrap();
        for text in [text, format!("{client:?} {pages:?}")] {
            assert!(!text.contains(TOKEN), "{text}");
        }
    }
    println!("{rounds} conversations, {calls} requests, {failures} errors");
    assert!(
        calls > rounds as usize * 2,
        "the talks end too early: {calls}"
    );
}
