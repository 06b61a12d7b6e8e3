//! JSON text, written directly: a tree of values for each block would cost more than all the rest
//! of a conversion.

/// Appends a string of JSON.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => out.push_str(&format!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[done..]);
    out.push('"');
}

/// An object that is being written.
pub(super) struct Fields<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Fields<'o> {
    /// Opens an object, as the value of a key where one is given. Keys are never escaped.
    pub(super) fn open(out: &'o mut String, key: Option<&str>) -> Self {
        if let Some(key) = key {
            out.push('"');
            out.push_str(key);
            out.push_str("\":");
        }
        out.push('{');
        Self { out, first: true }
    }

    /// Appends a key; its value has to follow.
    pub(super) fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    /// Appends a string.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        push_string(self.key(key), value);
    }

    /// Appends a value that is JSON already.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.key(key).push_str(value);
    }

    /// Appends `true` or `false`.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Ends the object.
    pub(super) fn close(self) {
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::push_string;

    #[test]
    fn strings_are_those_of_serde_json() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("a{c}{c}b");
            let mut out = String::new();
            push_string(&mut out, &text);
            assert_eq!(out, serde_json::to_string(&text).unwrap());
        }
    }
}
