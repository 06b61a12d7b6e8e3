//! Schemas that change while the sync works: which fields are of another type, and what that says of what is seen.

use crate::engine::observe::bind::Bound;
use crate::id::{FieldId, Side};
use crate::record::Record;
use crate::remote::Schema;
use crate::snapshot::{Field, Snapshot};
use crate::state::MappingState;
use crate::value::Value;

impl Bound {
    pub(super) fn schema(&self, side: Side) -> &Schema {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }

    /// Whether a schema is another one than was known before.
    pub(crate) fn is_other_schema(&self, state: &MappingState) -> bool {
        self.fresh
            && state.schema_at.is_some()
            && (self.notion != state.notion_schema || self.github != state.github_schema)
    }

    /// The fields whose properties are of another type than they were when schemas were read before. A property that
    /// gets another type loses values, and one that gets its old type back has them again, without any page being
    /// edited.
    pub(in crate::engine) fn retyped(&self, state: &MappingState) -> Vec<&FieldId> {
        if !self.is_other_schema(state) {
            return Vec::new();
        }
        let retyped = |key: &str| {
            let known = state.notion_schema.fields.get(key).map(|one| &one.kind);
            known != self.notion.fields.get(key).map(|one| &one.kind)
        };
        let fields = self.fields.iter().filter(|field| retyped(&field.notion));
        fields.map(|field| &field.id).collect()
    }

    /// Why a field of an object says nothing: the object gives it another type than the schema that is known.
    pub(in crate::engine) fn of_other_type(
        &self,
        side: Side,
        key: &str,
        snapshot: &Snapshot,
    ) -> Option<String> {
        let (known, shown) = (self.schema(side).fields.get(key)?, snapshot.types.get(key)?);
        (known.kind != *shown).then(|| {
            format!(
                "it is of type {shown} there, and was of type {}",
                known.kind
            )
        })
    }

    /// Whether an object is listed with another value of one of these fields than was agreed.
    pub(in crate::engine) fn is_listed_otherwise<'f>(
        &self,
        side: Side,
        item: &Snapshot,
        record: &Record,
        fields: impl IntoIterator<Item = &'f FieldId>,
    ) -> bool {
        // What is held differs as long as it is held.
        let (Some(base), None) = (&record.base, &record.problem) else {
            return false;
        };
        fields.into_iter().any(|id| {
            let nothing = Value::Null;
            let agreed = base.fields.get(id).map_or(&nothing, |one| one.on(side));
            let native = self.native(id, side).unwrap_or_default();
            let Some(Field::Value(now)) = item.fields.get(native) else {
                return false;
            };
            let waits =
                (record.waits.get(id)).is_some_and(|wait| now.elements().contains(&wait.on.id));
            now != agreed && !(now.is_empty() && agreed.is_empty()) && !waits
        })
    }
}
