//! The checks behind [`super::limits::validate`].

use serde_json::{Map, Value};

use super::limits::{
    ARRAY_ITEMS, CODE_LANGUAGES, EQUATION_UNITS, NESTED_LEVELS, REQUEST_BLOCKS, REQUEST_BYTES,
    TEXT_UNITS, Violation, is_color, is_text_link, is_web_url, units,
};

/// Block types that can be created through the API, sorted.
pub(crate) const CREATABLE: [&str; 31] = [
    "audio",
    "bookmark",
    "breadcrumb",
    "bulleted_list_item",
    "callout",
    "code",
    "column",
    "column_list",
    "divider",
    "embed",
    "equation",
    "file",
    "heading_1",
    "heading_2",
    "heading_3",
    "heading_4",
    "image",
    "link_to_page",
    "numbered_list_item",
    "paragraph",
    "pdf",
    "quote",
    "synced_block",
    "tab",
    "table",
    "table_of_contents",
    "table_row",
    "template",
    "to_do",
    "toggle",
    "video",
];

/// Types that never hold children, sorted.
const CHILDLESS: [&str; 14] = [
    "audio",
    "bookmark",
    "breadcrumb",
    "code",
    "divider",
    "embed",
    "equation",
    "file",
    "image",
    "link_to_page",
    "pdf",
    "table_of_contents",
    "table_row",
    "video",
];

/// Collects violations over one request.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    violations: Vec<Violation>,
    blocks: usize,
}

impl Checker {
    pub(crate) fn request(&mut self, request: &Value) {
        // A value of JSON always prints; a failure here would be a defect of the printer.
        let bytes = serde_json::to_string(request).map_or(usize::MAX, |text| text.len());
        if bytes > REQUEST_BYTES {
            self.report("", "a request holds at most 500,000 bytes", bytes);
        }
        match request {
            Value::Array(blocks) => self.children("", blocks, 0, None),
            Value::Object(fields) => {
                if fields.contains_key("type") {
                    self.block("", request, 0, None);
                } else if let Some(Value::Array(blocks)) = fields.get("children") {
                    self.children("children", blocks, 0, None);
                } else {
                    self.report("", "a request holds blocks", "none");
                }
            }
            _ => self.report("", "a request is an object or an array", "something else"),
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Violation> {
        if self.blocks > REQUEST_BLOCKS {
            self.report("", "a request holds at most 1,000 blocks", self.blocks);
        }
        self.violations
    }

    fn report(&mut self, place: &str, rule: &'static str, found: impl ToString) {
        self.violations.push(Violation {
            place: place.to_owned(),
            rule,
            found: found.to_string(),
        });
    }

    fn children(&mut self, place: &str, blocks: &[Value], depth: usize, parent: Option<&str>) {
        if blocks.len() > ARRAY_ITEMS {
            self.report(place, "an array holds at most 100 blocks", blocks.len());
        }
        if depth > NESTED_LEVELS {
            if !blocks.is_empty() {
                self.report(place, "children nest at most two levels deep", depth);
            }
            return;
        }
        for (at, block) in blocks.iter().enumerate() {
            self.block(&format!("{place}[{at}]"), block, depth, parent);
        }
    }

    fn block(&mut self, place: &str, block: &Value, depth: usize, parent: Option<&str>) {
        self.blocks += 1;
        let Some(kind) = block.get("type").and_then(Value::as_str) else {
            self.report(place, "a block names its type", "no type");
            return;
        };
        if CREATABLE.binary_search(&kind).is_err() {
            self.report(place, "the type can be created", kind);
            return;
        }
        let Some(payload) = block.get(kind).and_then(Value::as_object) else {
            self.report(place, "a block has an object named like its type", kind);
            return;
        };
        let here = format!("{place}.{kind}");
        match (kind, parent) {
            ("table_row", None | Some("table")) | ("column", None | Some("column_list")) => {}
            ("table_row", _) => self.report(&here, "a row stands in a table", kind),
            ("column", _) => self.report(&here, "a column stands in a column list", kind),
            (_, Some("table")) => self.report(&here, "a table holds rows only", kind),
            (_, Some("column_list")) => {
                self.report(&here, "a column list holds columns only", kind)
            }
            _ => {}
        }
        self.fields(&here, kind, payload);
        let children = match payload.get("children") {
            Some(Value::Array(children)) => children.as_slice(),
            _ => &[],
        };
        if !children.is_empty() {
            if CHILDLESS.binary_search(&kind).is_ok() {
                self.report(&here, "this type holds no children", kind);
            }
            if kind.starts_with("heading_")
                && payload.get("is_toggleable").and_then(Value::as_bool) != Some(true)
            {
                self.report(&here, "only a toggle heading holds children", kind);
            }
            self.children(&format!("{here}.children"), children, depth + 1, Some(kind));
        }
        match kind {
            "table" => self.table(&here, payload, children),
            "column_list" if children.len() < 2 => {
                self.report(
                    &here,
                    "a column list has at least two columns",
                    children.len(),
                );
            }
            "column" if children.is_empty() => {
                self.report(&here, "a column has at least one child", 0);
            }
            _ => {}
        }
    }

    fn fields(&mut self, here: &str, kind: &str, payload: &Map<String, Value>) {
        for key in ["rich_text", "caption"] {
            if let Some(Value::Array(items)) = payload.get(key) {
                self.rich_text(&format!("{here}.{key}"), items);
            }
        }
        if let Some(color) = payload.get("color").and_then(Value::as_str)
            && !is_color(color)
        {
            self.report(here, "the colour exists", color);
        }
        match kind {
            "table_row" => {
                if let Some(Value::Array(cells)) = payload.get("cells") {
                    if cells.len() > ARRAY_ITEMS {
                        self.report(here, "a row holds at most 100 cells", cells.len());
                    }
                    for (at, cell) in cells.iter().enumerate() {
                        if let Value::Array(items) = cell {
                            self.rich_text(&format!("{here}.cells[{at}]"), items);
                        }
                    }
                }
            }
            "code" => {
                let language = payload.get("language").and_then(Value::as_str);
                if language.is_none_or(|name| CODE_LANGUAGES.binary_search(&name).is_err()) {
                    self.report(here, "the code language exists", language.unwrap_or("none"));
                }
            }
            "equation" => self.expression(here, payload.get("expression")),
            "bookmark" | "embed" => self.web_url(here, payload.get("url")),
            "image" | "video" | "audio" | "pdf" | "file" => {
                match payload.get("type").and_then(Value::as_str) {
                    Some("external") => {
                        self.web_url(here, payload.get("external").and_then(|e| e.get("url")));
                    }
                    Some("file_upload") => {}
                    other => self.report(
                        here,
                        "a medium is external or an upload",
                        other.unwrap_or("none"),
                    ),
                }
            }
            "callout" => {
                if let Some(url) = payload
                    .get("icon")
                    .and_then(|icon| icon.get("external"))
                    .and_then(|external| external.get("url"))
                {
                    self.web_url(&format!("{here}.icon"), Some(url));
                }
            }
            _ => {}
        }
    }

    fn table(&mut self, here: &str, payload: &Map<String, Value>, rows: &[Value]) {
        let width = payload
            .get("table_width")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        if width == 0 {
            self.report(here, "a table has at least one column", width);
        }
        if rows.is_empty() {
            self.report(here, "a table has at least one row", 0);
        }
        for (at, row) in rows.iter().enumerate() {
            let cells = row
                .get("table_row")
                .and_then(|row| row.get("cells"))
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            if cells as u64 != width {
                self.report(
                    &format!("{here}.children[{at}]"),
                    "a row has as many cells as its table has columns",
                    cells,
                );
            }
        }
    }

    fn rich_text(&mut self, place: &str, items: &[Value]) {
        if items.len() > ARRAY_ITEMS {
            self.report(place, "an array holds at most 100 rich texts", items.len());
        }
        for (at, item) in items.iter().enumerate() {
            let here = format!("{place}[{at}]");
            if let Some(text) = item.get("text") {
                let length = text.get("content").and_then(Value::as_str).map_or(0, units);
                if length > TEXT_UNITS {
                    self.report(&here, "a text holds at most 2,000 characters", length);
                }
                if let Some(url) = text.get("link").and_then(|link| link.get("url")) {
                    let url = url.as_str().unwrap_or_default();
                    if !is_text_link(url) {
                        self.report(&here, "a link is absolute and not too long", url);
                    }
                }
            }
            if let Some(equation) = item.get("equation") {
                self.expression(&here, equation.get("expression"));
            }
            if let Some(color) = item
                .get("annotations")
                .and_then(|annotations| annotations.get("color"))
                .and_then(Value::as_str)
                && !is_color(color)
            {
                self.report(&here, "the colour exists", color);
            }
        }
    }

    fn expression(&mut self, here: &str, expression: Option<&Value>) {
        let expression = expression.and_then(Value::as_str).unwrap_or_default();
        if units(expression) > EQUATION_UNITS {
            self.report(
                here,
                "an expression holds at most 1,000 characters",
                units(expression),
            );
        }
    }

    fn web_url(&mut self, here: &str, url: Option<&Value>) {
        let url = url.and_then(Value::as_str).unwrap_or_default();
        if !is_web_url(url) {
            self.report(
                here,
                "a URL is absolute, http or https and not too long",
                url,
            );
        }
    }
}
