//! Reading JSON that somebody sent, with the service's messages for what is wrong with it.

use serde_json::{Map, Value};

use super::error::{ApiError, ApiResult};
use super::id::NotionId;

/// One place in a request body: the value there, if any, and its path for messages.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    value: Option<&'a Value>,
    path: String,
}

impl<'a> Input<'a> {
    pub(crate) fn body(value: &'a Value) -> Self {
        Self {
            value: Some(value),
            path: "body".to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The raw value; `None` when it is undefined.
    pub(crate) fn raw(&self) -> Option<&'a Value> {
        self.value
    }

    /// The member `key`, undefined when this is not an object.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self {
            value: self.value.and_then(|v| v.get(key)),
            path: format!("{}.{key}", self.path),
        }
    }

    /// Itself when it is defined (it may be null).
    pub(crate) fn defined(&self) -> Option<&Self> {
        self.value.map(|_| self)
    }

    /// Itself when it is defined and not null.
    pub(crate) fn present(&self) -> Option<&Self> {
        self.value.filter(|v| !v.is_null()).map(|_| self)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value.is_some_and(Value::is_null)
    }

    /// The message for a value that is not what it should be.
    pub(crate) fn wrong(&self, should: &str) -> ApiError {
        let instead = match self.value {
            None => "undefined".to_owned(),
            Some(value) => {
                let text = value.to_string();
                if text.chars().count() > 200 {
                    text.chars().take(200).collect::<String>() + "..."
                } else {
                    text
                }
            }
        };
        ApiError::body(format!(
            "{} should be {should}, instead was `{instead}`.",
            self.path
        ))
    }

    /// Refuses the member when it is there at all.
    pub(crate) fn refuse(&self, key: &str) -> ApiResult<()> {
        let member = self.key(key);
        if member.value.is_some() {
            Err(member.wrong("not present"))
        } else {
            Ok(())
        }
    }

    pub(crate) fn object(&self) -> ApiResult<&'a Map<String, Value>> {
        match self.value {
            None => Err(self.wrong("defined")),
            Some(value) => value.as_object().ok_or_else(|| self.wrong("an object")),
        }
    }

    pub(crate) fn text(&self) -> ApiResult<&'a str> {
        match self.value {
            None => Err(self.wrong("defined")),
            Some(value) => value.as_str().ok_or_else(|| self.wrong("a string")),
        }
    }

    /// A text of at most `max` UTF-16 code units.
    pub(crate) fn text_up_to(&self, max: usize) -> ApiResult<&'a str> {
        let text = self.text()?;
        let length = text.encode_utf16().count();
        if length > max {
            return Err(ApiError::body(format!(
                "{}.length should be ≤ `{max}`, instead was `{length}`.",
                self.path
            )));
        }
        Ok(text)
    }

    pub(crate) fn boolean(&self) -> ApiResult<bool> {
        match self.value {
            None => Err(self.wrong("defined")),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong("a boolean")),
        }
    }

    /// A boolean, or the default when it is undefined or null.
    pub(crate) fn boolean_or(&self, default: bool) -> ApiResult<bool> {
        self.present().map_or(Ok(default), Self::boolean)
    }

    pub(crate) fn number(&self) -> ApiResult<f64> {
        match self.value {
            None => Err(self.wrong("defined")),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong("a number")),
        }
    }

    pub(crate) fn integer(&self) -> ApiResult<i64> {
        match self.value {
            None => Err(self.wrong("defined")),
            Some(value) => value.as_i64().ok_or_else(|| self.wrong("an integer")),
        }
    }

    /// The elements of an array with at most `max` of them.
    pub(crate) fn array(&self, max: usize) -> ApiResult<Vec<Input<'a>>> {
        let Some(value) = self.value else {
            return Err(self.wrong("defined"));
        };
        let items = value.as_array().ok_or_else(|| self.wrong("an array"))?;
        if items.len() > max {
            return Err(ApiError::body(format!(
                "{}.length should be ≤ `{max}`, instead was `{}`.",
                self.path,
                items.len()
            )));
        }
        Ok(items
            .iter()
            .enumerate()
            .map(|(index, item)| Input {
                value: Some(item),
                path: format!("{}[{index}]", self.path),
            })
            .collect())
    }

    pub(crate) fn id(&self) -> ApiResult<NotionId> {
        self.text()?.parse().map_err(|_| self.wrong("a valid uuid"))
    }

    /// One of a fixed set of words.
    pub(crate) fn word(&self, words: &[&'static str]) -> ApiResult<&'static str> {
        let text = self.text()?;
        words
            .iter()
            .find(|word| **word == text)
            .copied()
            .ok_or_else(|| {
                let list: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                self.wrong(&list.join(" or "))
            })
    }

    /// A link: not empty, at most 2,000 characters, and of a form that has a scheme or is a path.
    pub(crate) fn url(&self) -> ApiResult<&'a str> {
        let url = self.text_up_to(2000)?;
        if url.is_empty() {
            return Err(self.wrong("populated"));
        }
        Ok(url)
    }
}

/// An id from a path segment.
pub(crate) fn path_id(name: &str, text: &str) -> ApiResult<NotionId> {
    text.parse().map_err(|_| {
        ApiError::validation(format!(
            "path failed validation: path.{name} should be a valid uuid, instead was `{}`.",
            Value::from(text.chars().take(200).collect::<String>())
        ))
    })
}

/// The service's "one of these must be there" message.
pub(crate) fn one_of_missing(path: &str, keys: &[&str]) -> ApiError {
    let mut message = String::from("body failed validation. Fix one:");
    for key in keys {
        message.push_str(&format!(
            "\n{path}.{key} should be defined, instead was `undefined`."
        ));
    }
    ApiError::validation(message)
}
