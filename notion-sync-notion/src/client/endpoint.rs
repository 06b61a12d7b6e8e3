//! The calls as data.

use http::Method;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::identifier;

/// What a call does to the service: decides what an answer that did not come means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing.
    Read,
    /// Sets a state; twice gives the same state.
    Set,
    /// Makes an object.
    Create,
    /// Adds to a list.
    Append,
}

/// One call: everything but credentials and base address.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// HTTP method.
    pub method: Method,
    /// Path with variable parts in braces, for metrics.
    pub template: &'static str,
    /// The path itself, from `/v1` on, percent-encoded.
    pub path: String,
    /// Query parameters, not yet encoded.
    pub query: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<Value>,
    /// What it does to the service.
    pub effect: Effect,
    /// What is being done, for errors: an imperative fragment.
    pub during: &'static str,
    /// The capability that the connection needs for it, in Notion's words.
    pub capability: &'static str,
    /// What it is done to: name of the kind and id.
    pub subject: Option<(&'static str, String)>,
}

impl std::fmt::Debug for Endpoint {
    /// Leaves the body out: it holds what people wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

/// The most items Notion puts on one page of a list.
pub const PAGE_SIZE: u32 = 100;

const READ: &str = "read content";
const UPDATE: &str = "update content";
const INSERT: &str = "insert content";
const READ_COMMENTS: &str = "read comments";
const INSERT_COMMENTS: &str = "insert comments";
const USERS: &str = "read user information";

impl Endpoint {
    fn new(method: Method, template: &'static str, effect: Effect, during: &'static str) -> Self {
        Self {
            method,
            template,
            path: template.to_owned(),
            query: Vec::new(),
            body: None,
            effect,
            during,
            capability: match effect {
                Effect::Read => READ,
                Effect::Set => UPDATE,
                Effect::Create | Effect::Append => INSERT,
            },
            subject: None,
        }
    }

    fn of(mut self, kind: &'static str, id: &str) -> Result<Self> {
        let id = identifier::canonical(id).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, self.during)
                .message(format!("`{}` is not a Notion id", id.escape_debug()))
        })?;
        self.path = self.path.replace("{id}", &id);
        self.subject = Some((kind, id));
        Ok(self)
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn needs(mut self, capability: &'static str) -> Self {
        self.capability = capability;
        self
    }

    fn listed(mut self, cursor: Option<&str>) -> Self {
        self.query.push(("page_size", PAGE_SIZE.to_string()));
        if let Some(cursor) = cursor {
            self.query.push(("start_cursor", cursor.to_owned()));
        }
        self
    }

    /// The connection's own user.
    #[must_use]
    pub fn me() -> Self {
        Self::new(
            Method::GET,
            "/v1/users/me",
            Effect::Read,
            "read the bot user",
        )
        .needs(USERS)
    }

    /// Members and bots of the workspace. Guests are not listed.
    #[must_use]
    pub fn users(cursor: Option<&str>) -> Self {
        Self::new(Method::GET, "/v1/users", Effect::Read, "list users")
            .needs(USERS)
            .listed(cursor)
    }

    /// A database: the container of data sources.
    ///
    /// # Errors
    ///
    /// Every constructor that takes an id fails with [`ErrorKind::Invalid`] when it is none.
    pub fn database(id: &str) -> Result<Self> {
        Self::new(
            Method::GET,
            "/v1/databases/{id}",
            Effect::Read,
            "read a database",
        )
        .of("database", id)
    }

    /// A data source with its schema.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn data_source(id: &str) -> Result<Self> {
        Self::new(
            Method::GET,
            "/v1/data_sources/{id}",
            Effect::Read,
            "read a data source",
        )
        .of("data source", id)
    }

    /// Changes the schema of a data source.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn change_data_source(id: &str, body: Value) -> Result<Self> {
        Ok(Self::new(
            Method::PATCH,
            "/v1/data_sources/{id}",
            Effect::Set,
            "change a data source",
        )
        .of("data source", id)?
        .body(body))
    }

    /// Rows of a data source; `properties` limits what comes back, by decoded property id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn query(id: &str, properties: &[String], body: Value) -> Result<Self> {
        let mut call = Self::new(
            Method::POST,
            "/v1/data_sources/{id}/query",
            Effect::Read,
            "query a data source",
        )
        .of("data source", id)?
        .body(body);
        for property in properties {
            call.query.push(("filter_properties", property.clone()));
        }
        Ok(call)
    }

    /// Finds pages and data sources by title. Incomplete by nature: for people, not for decisions.
    #[must_use]
    pub fn search(query: &str, cursor: Option<&str>) -> Self {
        Self::searched(json!({ "query": query }), cursor)
    }

    /// The pages in the trash, the last edited first: queries do not show them. As incomplete as
    /// [`search`](Self::search).
    #[must_use]
    pub fn trash(cursor: Option<&str>) -> Self {
        let filter = json!({"property": "object", "value": "page", "in_trash": true});
        Self::searched(json!({ "filter": filter }), cursor)
    }

    fn searched(mut body: Value, cursor: Option<&str>) -> Self {
        if let Some(body) = body.as_object_mut() {
            let newest = json!({"timestamp": "last_edited_time", "direction": "descending"});
            body.insert("sort".to_owned(), newest);
            body.insert("page_size".to_owned(), json!(PAGE_SIZE));
            if let Some(cursor) = cursor {
                body.insert("start_cursor".to_owned(), json!(cursor));
            }
        }
        Self::new(Method::POST, "/v1/search", Effect::Read, "search").body(body)
    }

    /// A page object, without its body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn page(id: &str) -> Result<Self> {
        Self::new(Method::GET, "/v1/pages/{id}", Effect::Read, "read a page").of("page", id)
    }

    /// Makes a page.
    #[must_use]
    pub fn create_page(body: Value) -> Self {
        Self::new(Method::POST, "/v1/pages", Effect::Create, "create a page").body(body)
    }

    /// Changes properties, trash and lock of a page.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn update_page(id: &str, body: Value) -> Result<Self> {
        Ok(Self::new(
            Method::PATCH,
            "/v1/pages/{id}",
            Effect::Set,
            "update a page",
        )
        .of("page", id)?
        .body(body))
    }

    /// One property of a page, whole; `property` is the decoded id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn property_item(id: &str, property: &str, cursor: Option<&str>) -> Result<Self> {
        let mut call = Self::new(
            Method::GET,
            "/v1/pages/{id}/properties/{property}",
            Effect::Read,
            "read a property of a page",
        )
        .of("page", id)?
        .listed(cursor);
        call.path = call
            .path
            .replace("{property}", &identifier::encode(property));
        Ok(call)
    }

    /// The body of a page, or the subtree of a block, as enhanced Markdown.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn markdown(id: &str) -> Result<Self> {
        Self::new(
            Method::GET,
            "/v1/pages/{id}/markdown",
            Effect::Read,
            "read the body of a page",
        )
        .of("page", id)
    }

    /// One level of blocks inside a page or block.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn children(id: &str, cursor: Option<&str>) -> Result<Self> {
        Ok(Self::new(
            Method::GET,
            "/v1/blocks/{id}/children",
            Effect::Read,
            "read blocks",
        )
        .of("block", id)?
        .listed(cursor))
    }

    /// Adds blocks inside a page or block.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn append(id: &str, body: Value) -> Result<Self> {
        Ok(Self::new(
            Method::PATCH,
            "/v1/blocks/{id}/children",
            Effect::Append,
            "append blocks",
        )
        .of("block", id)?
        .body(body))
    }

    /// Changes one block.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn update_block(id: &str, body: Value) -> Result<Self> {
        Ok(Self::new(
            Method::PATCH,
            "/v1/blocks/{id}",
            Effect::Set,
            "update a block",
        )
        .of("block", id)?
        .body(body))
    }

    /// Moves one block to the trash.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn delete_block(id: &str) -> Result<Self> {
        Ok(Self::new(
            Method::DELETE,
            "/v1/blocks/{id}",
            Effect::Set,
            "delete a block",
        )
        .of("block", id)?
        .needs(UPDATE))
    }

    /// Open comments of a page or block.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn comments(id: &str, cursor: Option<&str>) -> Result<Self> {
        let mut call = Self::new(Method::GET, "/v1/comments", Effect::Read, "list comments")
            .of("block", id)?
            .needs(READ_COMMENTS)
            .listed(cursor);
        if let Some((_, id)) = &call.subject {
            call.query.push(("block_id", id.clone()));
        }
        Ok(call)
    }

    /// Adds a comment to a page.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `page` is no id.
    pub fn create_comment(page: &str, markdown: &str) -> Result<Self> {
        let call = Self::new(
            Method::POST,
            "/v1/comments",
            Effect::Create,
            "add a comment",
        )
        .of("page", page)?
        .needs(INSERT_COMMENTS);
        let id = call.subject.as_ref().map(|(_, id)| id.clone());
        Ok(call.body(json!({"parent": {"page_id": id}, "markdown": markdown})))
    }

    /// One comment, also of a resolved thread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn comment(id: &str) -> Result<Self> {
        Ok(Self::new(
            Method::GET,
            "/v1/comments/{id}",
            Effect::Read,
            "read a comment",
        )
        .of("comment", id)?
        .needs(READ_COMMENTS))
    }

    /// Adds a comment to a page, as rich text objects.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `page` is no id.
    pub fn write_comment(page: &str, rich_text: &Value) -> Result<Self> {
        let call = Self::create_comment(page, "")?;
        let id = call.subject.as_ref().map(|(_, id)| id.clone());
        Ok(call.body(json!({"parent": {"page_id": id}, "rich_text": rich_text})))
    }

    /// Replaces the text of a comment; only of one's own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn update_comment(id: &str, rich_text: &Value) -> Result<Self> {
        Ok(Self::new(
            Method::PATCH,
            "/v1/comments/{id}",
            Effect::Set,
            "change a comment",
        )
        .of("comment", id)?
        .needs(INSERT_COMMENTS)
        .body(json!({ "rich_text": rich_text })))
    }

    /// Deletes a comment; only one's own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when `id` is none.
    pub fn delete_comment(id: &str) -> Result<Self> {
        Ok(Self::new(
            Method::DELETE,
            "/v1/comments/{id}",
            Effect::Set,
            "delete a comment",
        )
        .of("comment", id)?
        .needs(INSERT_COMMENTS))
    }

    /// Path and query, encoded.
    #[must_use]
    pub fn target(&self) -> String {
        let mut out = self.path.clone();
        for (index, (key, value)) in self.query.iter().enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(key);
            out.push('=');
            out.push_str(&identifier::encode(value));
        }
        out
    }
}
