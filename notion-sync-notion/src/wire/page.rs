//! Pages, data sources and databases.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{Fields, Object, Parsed, User, plain_text};
use crate::identifier;

/// A page, without its body.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its id, in canonical spelling.
    pub id: String,
    /// When it was made, to the minute.
    pub created_time: Option<DateTime<Utc>>,
    /// When it was last edited, to the minute. Absent on a partial page.
    pub last_edited_time: Option<DateTime<Utc>>,
    /// The same as the service wrote it.
    pub last_edited_text: String,
    /// Who made it.
    pub created_by: Option<User>,
    /// Who edited it last.
    pub last_edited_by: Option<User>,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// Whether it is archived: alive, but absent from default queries.
    pub is_archived: bool,
    /// Whether the app shows it locked. The API writes to locked pages.
    pub is_locked: bool,
    /// Where it is.
    pub parent: Parent,
    /// Its properties in the order of their names.
    pub properties: Vec<Property>,
    /// Address for people.
    pub url: Option<String>,
    /// Everything else.
    pub rest: Object,
}

/// Where a page, block or data source is.
#[derive(Debug, Clone, Default)]
pub struct Parent {
    /// `data_source_id`, `database_id`, `page_id`, `block_id`, `workspace`, `agent_id`, or newer.
    pub kind: String,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// The database of a data source, where it is said.
    pub database: Option<String>,
    /// Everything else.
    pub rest: Object,
}

/// A property of a page.
#[derive(Debug, Clone)]
pub struct Property {
    /// Its name. Names change, ids do not.
    pub name: String,
    /// Its id, decoded once.
    pub id: String,
    /// Its type; empty where the service did not say.
    pub kind: String,
    /// The value under the type's name, where there is one.
    pub value: Option<Box<RawValue>>,
    /// Whether the value is cut.
    pub has_more: bool,
    /// Everything else.
    pub rest: Object,
}

/// A property in a schema.
#[derive(Debug, Clone)]
pub struct SchemaProperty {
    /// Its name.
    pub name: String,
    /// Its id, decoded once.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The type's configuration.
    pub config: Object,
    /// Everything else.
    pub rest: Object,
}

/// A data source: a table with its schema.
#[derive(Debug, Clone)]
pub struct DataSource {
    /// Its id, in canonical spelling.
    pub id: String,
    /// Its title without formatting.
    pub title: String,
    /// The database it is in.
    pub parent: Parent,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// Its schema, in the order of names.
    pub properties: Vec<SchemaProperty>,
    /// Address for people.
    pub url: Option<String>,
    /// Everything else.
    pub rest: Object,
}

/// A database: the container of data sources.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its id, in canonical spelling.
    pub id: String,
    /// Its title without formatting.
    pub title: String,
    /// Its data sources: id and name. Empty under API versions before 2025-09-03.
    pub data_sources: Vec<(String, String)>,
    /// Whether it is in the trash.
    pub in_trash: bool,
    /// Everything else.
    pub rest: Object,
}

fn time(object: &mut Fields<'_>, name: &str) -> (Option<DateTime<Utc>>, String) {
    let Some(text) = object.get::<String>(name) else {
        return (None, String::new());
    };
    let Ok(time) = DateTime::parse_from_rfc3339(&text) else {
        return (None, text);
    };
    object.take_raw(name);
    (Some(time.to_utc()), text)
}

/// Takes a rich text list out as plain text.
fn take_plain(object: &mut Fields<'_>, name: &str) -> String {
    object
        .take::<Vec<Box<RawValue>>>(name)
        .map(|items| plain_text(&items).0)
        .unwrap_or_default()
}

fn take_trash(object: &mut Fields<'_>) -> bool {
    let in_trash = object.take::<bool>("in_trash").unwrap_or_default();
    // The older name of the same state.
    let archived = object.take::<bool>("archived").unwrap_or_default();
    in_trash || archived
}

impl Parent {
    fn of(object: Option<Fields<'_>>) -> Self {
        let Some(mut object) = object else {
            return Self::default();
        };
        let kind = object.take::<String>("type").unwrap_or_default();
        let id = object
            .take::<String>(&kind)
            .map(|id| identifier::canonical_or_same(&id));
        let database = object
            .take::<String>("database_id")
            .map(|id| identifier::canonical_or_same(&id));
        Self {
            kind,
            id,
            database,
            rest: object.into(),
        }
    }
}

impl std::fmt::Display for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.strip_suffix("_id").unwrap_or(&self.kind);
        match (&self.id, kind) {
            (_, "") => f.write_str("unknown"),
            (Some(id), kind) => write!(f, "{kind} {id}"),
            (None, kind) => f.write_str(kind),
        }
    }
}

impl Property {
    /// Reads a property or property item that stands under `name`.
    ///
    /// Never fails: what is no object has an empty type.
    #[must_use]
    pub fn of(name: String, raw: &RawValue) -> Self {
        let mut fields = Fields::of_or_none(raw);
        let id = fields.take::<String>("id").unwrap_or_default();
        let kind = fields.take::<String>("type").unwrap_or_default();
        let has_more = fields.take::<bool>("has_more").unwrap_or_default();
        let value = if kind.is_empty() {
            None
        } else {
            fields.take_raw(&kind)
        };
        Self {
            name,
            id: identifier::decode_property(&id),
            kind,
            value: value.map(ToOwned::to_owned),
            has_more,
            rest: fields.into(),
        }
    }

    /// The value as a type. `None` when it is absent, null or something else.
    #[must_use]
    pub fn get<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let raw = self.value.as_ref()?;
        serde_json::from_str::<Option<T>>(raw.get()).ok().flatten()
    }

    /// The value as an object.
    #[must_use]
    pub fn object(&self) -> Option<Object> {
        self.value.as_ref().and_then(|raw| Object::of(raw).ok())
    }
}

impl Page {
    /// Reads a page object.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        Self::of(Fields::parse(bytes)?)
    }

    /// Reads a page from raw JSON.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn of_raw(raw: &RawValue) -> Parsed<Self> {
        Self::of(Fields::of(raw)?)
    }

    pub(crate) fn of(mut object: Fields<'_>) -> Parsed<Self> {
        let id = object.take_id()?;
        let (created_time, _) = time(&mut object, "created_time");
        let (last_edited_time, last_edited_text) = time(&mut object, "last_edited_time");
        let properties = object
            .take_object("properties")
            .unwrap_or_default()
            .into_rest()
            .map(|(name, raw)| Property::of(name, raw))
            .collect();
        let user = |name: &str| (object.raw(name)).and_then(|raw| User::of_raw(raw).ok());
        let (created_by, last_edited_by) = (user("created_by"), user("last_edited_by"));
        Ok(Self {
            id,
            created_time,
            last_edited_time,
            last_edited_text,
            created_by,
            last_edited_by,
            in_trash: take_trash(&mut object),
            is_archived: object.take("is_archived").unwrap_or_default(),
            is_locked: object.take("is_locked").unwrap_or_default(),
            parent: Parent::of(object.take_object("parent")),
            properties,
            url: object.take("url"),
            rest: object.into(),
        })
    }

    /// Whether this is a partial page: nothing but an id, for want of a permission.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.last_edited_time.is_none()
    }

    /// The property of an id.
    #[must_use]
    pub fn property(&self, id: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.id == id)
    }
}

impl DataSource {
    /// Reads a data source object.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut object = Fields::parse(bytes)?;
        let id = object.take_id()?;
        let properties = object
            .take_object("properties")
            .unwrap_or_default()
            .into_rest()
            .map(|(key, raw)| {
                let mut property = Fields::of_or_none(raw);
                let kind = property.take::<String>("type").unwrap_or_default();
                SchemaProperty {
                    name: property.take("name").unwrap_or(key),
                    id: identifier::decode_property(
                        &property.take::<String>("id").unwrap_or_default(),
                    ),
                    config: property.take_object(&kind).unwrap_or_default().into(),
                    kind,
                    rest: property.into(),
                }
            })
            .collect();
        Ok(Self {
            id,
            title: take_plain(&mut object, "title"),
            parent: Parent::of(object.take_object("parent")),
            in_trash: take_trash(&mut object),
            properties,
            url: object.take("url"),
            rest: object.into(),
        })
    }
}

impl Database {
    /// Reads a database object.
    ///
    /// # Errors
    ///
    /// When it is no object with an id.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut object = Fields::parse(bytes)?;
        let id = object.take_id()?;
        let data_sources = object
            .take::<Vec<Box<RawValue>>>("data_sources")
            .unwrap_or_default()
            .iter()
            .filter_map(|raw| {
                let mut source = Fields::of(raw).ok()?;
                Some((
                    source.take_id().ok()?,
                    source.take("name").unwrap_or_default(),
                ))
            })
            .collect();
        Ok(Self {
            id,
            title: take_plain(&mut object, "title"),
            data_sources,
            in_trash: take_trash(&mut object),
            rest: object.into(),
        })
    }
}

impl SchemaProperty {
    /// Id of the data source whose pages a relation names.
    #[must_use]
    pub fn relates_to(&self) -> Option<String> {
        let id = self.config.get::<String>("data_source_id")?;
        identifier::canonical(&id)
    }

    /// The options of a select, multi-select or status, with the name of their group.
    #[must_use]
    pub fn options(&self) -> Vec<(String, Option<String>)> {
        let objects = |name: &str| -> Vec<Object> {
            self.config
                .get::<Vec<Box<RawValue>>>(name)
                .unwrap_or_default()
                .iter()
                .filter_map(|raw| Object::of(raw).ok())
                .collect()
        };
        let groups: Vec<(String, Vec<String>)> = objects("groups")
            .iter()
            .filter_map(|group| {
                Some((
                    group.get::<String>("name")?,
                    group.get::<Vec<String>>("option_ids").unwrap_or_default(),
                ))
            })
            .collect();
        objects("options")
            .iter()
            .filter_map(|option| {
                let name = option.get::<String>("name")?;
                let id = option.get::<String>("id").unwrap_or_default();
                let group = groups
                    .iter()
                    .find(|(_, ids)| ids.contains(&id))
                    .map(|(name, _)| name.clone());
                Some((name, group))
            })
            .collect()
    }
}
