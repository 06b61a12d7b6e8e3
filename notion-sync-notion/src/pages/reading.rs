//! One page: from the service's answer to a snapshot.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::snapshot::{
    Content, Field, Made, Marker, Presence, Proof, Revision, Snapshot,
};
use notion_sync_core::value::Value;
use notion_sync_core::{ErrorKind, Result};

use super::body::Body;
use super::{NotionPages, PAGE, SYSTEM, page_ref, read_body};
use crate::client::Endpoint;
use crate::property::{self, Reading};
use crate::wire::{DataSource, Page, Property};

impl NotionPages {
    /// Whether a page lies in this data source.
    pub(super) fn is_ours(&self, page: &Page, schema: &DataSource) -> bool {
        let parent = &page.parent;
        match parent.kind.as_str() {
            "data_source_id" => parent.id.as_deref() == Some(self.data_source.as_str()),
            // Older versions and single-source databases name the container.
            "database_id" => parent.id.is_some() && parent.id == schema.parent.id,
            _ => false,
        }
    }

    pub(super) fn presence(&self, page: &Page, schema: &DataSource) -> Presence {
        if page.is_partial() {
            Presence::Unread("the service shows only the id of this page".to_owned())
        } else if page.in_trash {
            Presence::Gone(Proof::InTrash)
        } else if self.is_ours(page, schema) {
            Presence::Present
        } else {
            Presence::MovedOut(page.parent.to_string())
        }
    }

    /// Whether a property is part of a snapshot's fields.
    fn is_wanted(&self, property: &Property, bookkeeping: &super::Bookkeeping<'_>) -> bool {
        if property.id.is_empty() {
            return false;
        }
        match &self.settings.wanted {
            Some(wanted) if wanted.contains(&property.id) => true,
            Some(_) => property.kind == "title",
            None => !bookkeeping.holds(&property.id),
        }
    }

    /// A snapshot of a page as one answer showed it. Values that the answer cut are unread. `observed_at` is a moment
    /// before it was asked for, by the clock here.
    pub(super) fn snapshot(
        &self,
        page: &Page,
        schema: &DataSource,
        observed_at: DateTime<Utc>,
    ) -> Snapshot {
        let bookkeeping = self.bookkeeping(schema);
        let wanted =
            || (page.properties.iter()).filter(|property| self.is_wanted(property, &bookkeeping));
        let fields = wanted()
            .map(|property| (property.id.clone(), property::read(property).into_field()))
            .collect();
        let types = wanted()
            .map(|property| (property.id.clone(), property.kind.clone()))
            .collect();
        let place = page.parent.id.clone();
        Snapshot {
            object: page_ref(&page.id),
            previous: None,
            presence: self.presence(page, schema),
            revision: Revision {
                at: page.last_edited_time.unwrap_or(DateTime::UNIX_EPOCH),
                grain_seconds: self.settings.grain,
                token: page.last_edited_text.clone(),
            },
            observed_at: self.client.by_service(observed_at),
            fields,
            types,
            content: Content::NotRead,
            place,
            marker: bookkeeping.marker(page),
            url: page.url.clone(),
            actor: page.last_edited_by.as_ref().map(|user| user.id.clone()),
            made: made(page),
            bookkeeping: bookkeeping.read(page),
        }
    }

    /// A snapshot that says that there is nothing to see.
    fn absent(&self, id: &str, presence: Presence, observed_at: DateTime<Utc>) -> Snapshot {
        Snapshot {
            object: RemoteRef::new(SYSTEM, PAGE, id),
            previous: None,
            presence,
            revision: Revision {
                at: DateTime::UNIX_EPOCH,
                grain_seconds: self.settings.grain,
                token: String::new(),
            },
            observed_at: self.client.by_service(observed_at),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content: Content::NotRead,
            place: None,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }

    /// The properties of a page that its object shows cut and that are part of a snapshot.
    pub(super) fn cut_properties<'p>(
        &self,
        page: &'p Page,
        schema: &DataSource,
    ) -> Vec<&'p Property> {
        let bookkeeping = self.bookkeeping(schema);
        page.properties
            .iter()
            .filter(|property| {
                self.is_wanted(property, &bookkeeping)
                    && matches!(property::read(property), Reading::Cut(_))
            })
            .collect()
    }

    /// Reads one property whole, through its items.
    pub(super) async fn whole_property(&self, page: &str, property: &Property) -> Result<Field> {
        let list = self
            .client
            .all_of(|cursor| Endpoint::property_item(page, &property.id, cursor))
            .await?;
        if list.incomplete {
            return Ok(Field::Unread(
                "the service did not show all of its references".to_owned(),
            ));
        }
        let items: Vec<String> = list
            .results
            .iter()
            .filter_map(|raw| property::element(&Property::of(String::new(), raw)))
            .collect();
        Ok(Field::Value(match property.kind.as_str() {
            "title" | "rich_text" => Value::text(items.concat()),
            _ => Value::set(items),
        }))
    }

    pub(super) async fn read_page(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        let id = Self::page_id(object, "read a page")?;
        let schema = self.known_schema().await?;
        let observed_at = self.client.now();
        let page = match self.fetch_page(&id).await {
            Ok(page) => page,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(self.absent(&id, Presence::Missing, observed_at));
            }
            Err(error) if error.kind() == ErrorKind::Gone => {
                return Ok(self.absent(&id, Presence::Gone(Proof::Deleted), observed_at));
            }
            Err(error) => return Err(error),
        };
        let mut snapshot = self.snapshot(&page, &schema, observed_at);
        if snapshot.presence != Presence::Present {
            return Ok(snapshot);
        }
        let cut = self.cut_properties(&page, &schema);
        if !content && cut.is_empty() {
            return Ok(snapshot);
        }
        for property in cut {
            let field = match self.whole_property(&id, property).await {
                Ok(field) => field,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Field::Unread("it vanished while it was read".to_owned())
                }
                Err(error) => return Err(error),
            };
            snapshot.fields.insert(property.id.clone(), field);
        }
        let mut torn = false;
        if content {
            match read_body(&self.client, &id).await {
                Ok(Body::Document { document, .. }) => {
                    snapshot.content = Content::Blocks(document);
                }
                Ok(Body::Unusable(reason)) => snapshot.content = Content::Unusable(reason),
                // The page was there a moment ago; the second look says what became of it.
                Err(error) if error.kind() == ErrorKind::NotFound => torn = true,
                Err(error) => return Err(error),
            }
        }
        let after = match self.fetch_page(&id).await {
            Ok(page) => Some(page),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let same = after.is_some_and(|after| {
            after.last_edited_text == page.last_edited_text
                && after.in_trash == page.in_trash
                && self.is_ours(&after, &schema)
        });
        if torn || !same {
            snapshot.presence = Presence::Unread("it changed while it was read".to_owned());
            snapshot.content = Content::NotRead;
        }
        Ok(snapshot)
    }
}

/// Who made a page and when, where the service says both.
fn made(page: &Page) -> Option<Made> {
    let by = page.created_by.as_ref()?.id.clone();
    let at = page.created_time?;
    Some(Made { by, at })
}
