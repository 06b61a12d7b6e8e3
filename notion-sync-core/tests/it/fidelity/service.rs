//! A stand-in for the block endpoints: carries out append requests and answers with the form that
//! the API returns.

use std::collections::BTreeMap;

use notion_sync_core::document::blocks::{BlockRead, Stages, assemble, read_full};
use notion_sync_core::document::limits::{Violation, validate};
use notion_sync_core::document::{Block, Document};
use notion_sync_core::id::BlockId;
use serde_json::{Map, Value, json};

/// Blocks as the service holds them.
#[derive(Debug, Default)]
pub(crate) struct Service {
    root: Node,
    count: u64,
}

#[derive(Debug, Default)]
struct Node {
    object: Value,
    children: Vec<Node>,
}

impl Service {
    /// Carries out the requests of a plan from the stage `from` on, up to `until`. Answers with
    /// every limit that a request breaks.
    pub(crate) fn carry_out(&mut self, plan: &Stages, from: usize, until: usize) -> Vec<Violation> {
        let mut violations = Vec::new();
        for stage in &plan.stages[from..until] {
            violations.extend(validate(&json!({"children": stage.children})));
            let nodes: Vec<Node> = stage
                .children
                .iter()
                .map(|object| self.node(object))
                .collect();
            let parent = down(&mut self.root, &stage.parent);
            assert_eq!(parent.children.len(), stage.first, "starts where it says");
            parent.children.extend(nodes);
        }
        violations
    }

    /// Trashes the placeholders of a plan.
    pub(crate) fn clean_up(&mut self, plan: &Stages) {
        for path in plan.placeholders.iter().rev() {
            if let Some((last, parent)) = path.split_last() {
                let removed = down(&mut self.root, parent).children.remove(*last);
                assert_eq!(removed.object["type"], "paragraph");
            }
        }
    }

    /// How many blocks the service holds under a parent: what a caller that stopped asks for.
    pub(crate) fn children_of(&mut self, parent: &[usize]) -> usize {
        down(&mut self.root, parent).children.len()
    }

    /// Whether a parent exists yet.
    pub(crate) fn knows(&self, parent: &[usize]) -> bool {
        let mut node = &self.root;
        for at in parent {
            match node.children.get(*at) {
                Some(child) => node = child,
                None => return false,
            }
        }
        true
    }

    /// Reads everything back: one list of children for each parent, as the API answers.
    pub(crate) fn body(&self) -> Document {
        let mut lists = BTreeMap::new();
        let top = collect(&self.root, &mut lists);
        Document {
            blocks: assemble(top, &mut lists),
        }
    }

    fn node(&mut self, object: &Value) -> Node {
        let kind = object["type"].as_str().unwrap().to_owned();
        let mut payload = object[&kind].as_object().unwrap().clone();
        let children: Vec<Node> = match payload.remove("children") {
            Some(Value::Array(children)) => children.iter().map(|child| self.node(child)).collect(),
            _ => Vec::new(),
        };
        self.count += 1;
        Node {
            object: returned(
                &kind,
                payload,
                &format!("00000000-0000-4000-8000-{:012x}", self.count),
                !children.is_empty(),
            ),
            children,
        }
    }
}

/// The whole way of a body onto a page and back.
pub(crate) fn store(plan: &Stages) -> (Document, Vec<Violation>) {
    let mut service = Service::default();
    let violations = service.carry_out(plan, 0, plan.stages.len());
    service.clean_up(plan);
    (service.body(), violations)
}

fn down<'n>(root: &'n mut Node, path: &[usize]) -> &'n mut Node {
    path.iter().fold(root, |node, at| &mut node.children[*at])
}

fn collect(node: &Node, lists: &mut BTreeMap<BlockId, Vec<Block>>) -> Vec<Block> {
    node.children
        .iter()
        .map(|child| {
            let BlockRead { block, .. } = read_full(&child.object.to_string()).unwrap();
            let inside = collect(child, lists);
            if !inside.is_empty() {
                lists.insert(block.id.clone().unwrap(), inside);
            }
            block
        })
        .collect()
}

/// The object with everything that only answers have.
fn returned(kind: &str, mut payload: Map<String, Value>, id: &str, has_children: bool) -> Value {
    for key in ["rich_text", "caption"] {
        if let Some(Value::Array(items)) = payload.get_mut(key) {
            items.iter_mut().for_each(returned_text);
        }
    }
    if let Some(Value::Array(cells)) = payload.get_mut("cells") {
        for cell in cells {
            if let Value::Array(items) = cell {
                items.iter_mut().for_each(returned_text);
            }
        }
    }
    if payload.contains_key("rich_text") && kind != "code" {
        payload.entry("color").or_insert_with(|| json!("default"));
    }
    json!({
        "object": "block",
        "id": id,
        "parent": {"type": "page_id", "page_id": "00000000-0000-4000-8000-000000000000"},
        "created_time": "2026-11-21T09:00:00.000Z",
        "last_edited_time": "2026-11-21T09:00:00.000Z",
        "created_by": {"object": "user", "id": "00000000-0000-4000-9000-000000000000"},
        "last_edited_by": {"object": "user", "id": "00000000-0000-4000-9000-000000000000"},
        "has_children": has_children,
        "in_trash": false,
        "type": kind,
        kind: payload,
    })
}

fn returned_text(item: &mut Value) {
    let Value::Object(fields) = item else { return };
    let given = fields.remove("annotations").unwrap_or_else(|| json!({}));
    let mut annotations = json!({
        "bold": false, "italic": false, "strikethrough": false,
        "underline": false, "code": false, "color": "default",
    });
    if let (Value::Object(all), Value::Object(given)) = (&mut annotations, given) {
        all.extend(given);
    }
    fields.insert("annotations".to_owned(), annotations);
    let said = |object: &str, key: &str| {
        let text = fields.get(object)?.get(key)?.as_str()?;
        Some(text.to_owned())
    };
    let plain = said("text", "content")
        .or_else(|| said("equation", "expression"))
        .unwrap_or_else(|| "Untitled".to_owned());
    let href = fields
        .get("text")
        .and_then(|text| text.get("link"))
        .and_then(|link| link.get("url"))
        .cloned()
        .unwrap_or(Value::Null);
    fields.insert("plain_text".to_owned(), json!(plain));
    fields.insert("href".to_owned(), href);
}
