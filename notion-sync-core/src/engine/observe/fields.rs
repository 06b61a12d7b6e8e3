//! Values of fields as each side knows and says them.

use std::collections::BTreeMap;

use crate::engine::observe::bind::Bound;
use crate::engine::observe::text;
use crate::id::{FieldId, Side};
use crate::mapping::{FieldKind, FieldMap, View};
use crate::reconcile::UnitField;
use crate::record::Agreed;
use crate::remote::FieldChange;
use crate::snapshot::Field;
use crate::value::Value;

/// A value or a change of one, as a part of what a native field holds.
pub(in crate::engine) trait Part: Clone {
    /// Together with another part of the same native field.
    fn joined(self, other: Self) -> Self;
}

impl Part for Value {
    fn joined(self, other: Self) -> Self {
        let mut all = self.elements();
        all.extend(other.elements());
        Self::Set(all)
    }
}

impl Part for FieldChange {
    fn joined(self, other: Self) -> Self {
        Self {
            expected: self.expected.joined(other.expected),
            desired: self.desired.joined(other.desired),
        }
    }
}

/// Values or changes by the key that their side knows. Fields that the side does not have are left
/// out. What several fields say about an issue's labels is one value: each knows only labels of its
/// own, and nothing is said about the others.
pub(in crate::engine) fn by_native_key<V: Part + Default>(
    bound: &Bound,
    side: Side,
    fields: &BTreeMap<FieldId, V>,
) -> BTreeMap<String, V> {
    let mut out: BTreeMap<String, V> = BTreeMap::new();
    for (id, value) in fields {
        let Some(field) = bound.fields.iter().find(|field| field.id == *id) else {
            continue;
        };
        match (side, &field.kind) {
            (Side::Github, FieldKind::Labels(_) | FieldKind::Label(_)) => {
                let all = out.remove(&field.github).unwrap_or_default();
                out.insert(field.github.clone(), all.joined(value.clone()));
            }
            (Side::Github, _) => {
                out.insert(field.github.clone(), value.clone());
            }
            (Side::Notion, _) => {
                out.insert(field.notion.clone(), value.clone());
            }
        }
    }
    out
}

/// The values one side should hold to say what the other side says. Fields that cannot be said are
/// left out: they are compared, and reported, once both objects exist.
pub(in crate::engine) fn inject_all(
    bound: &Bound,
    to: Side,
    from: &View,
) -> BTreeMap<FieldId, Value> {
    let mut out = BTreeMap::new();
    for (id, unit) in bound.units() {
        if unit.blocked.is_some() {
            continue;
        }
        if let Some(value) = from.fields.get(&id).and_then(Field::value) {
            let said = unit.lens.project(to.other(), value);
            if let Ok(value) = unit.lens.inject(to, &said, &Value::Null)
                && !(value.is_empty() && id != text::title_field())
            {
                out.insert(id, value);
            }
        }
    }
    out
}

/// What is agreed once `sent` was written to the side opposite of `from`. A value that the other
/// side cannot say is not: it is compared, and reported, once both objects exist. Of a field that
/// neither side may be asked about nothing is: whatever it turns out to say is an edit.
pub(in crate::engine) fn agreed_all(
    bound: &Bound,
    sent: &BTreeMap<FieldId, Value>,
    from: &View,
    side: Side,
) -> BTreeMap<FieldId, Agreed> {
    let units = bound.units();
    let blocked = |id: &FieldId| units.get(id).is_some_and(|unit| unit.blocked.is_some());
    let unknown = units.keys().filter(|id| blocked(id));
    let unknown = unknown.map(|id| (id.clone(), Agreed::default()));
    let known = (from.fields.iter()).filter(|(id, _)| !blocked(id));
    let known = known.filter_map(|(id, field)| {
        let Some(value) = field.value() else {
            // Nothing was written of it, and whatever it turns out to say is an edit.
            return (units.contains_key(id)).then(|| (id.clone(), Agreed::default()));
        };
        let unsaid = |unit: &UnitField<'_>| {
            let said = unit.lens.project(side, value);
            unit.lens.inject(side.other(), &said, &Value::Null).is_err()
        };
        if !value.is_empty() && !sent.contains_key(id) && units.get(id).is_some_and(unsaid) {
            // Such a property of a new page is empty: what stands opposite is still to come there.
            let empty =
                |field: &FieldMap| matches!(field.kind, FieldKind::Date | FieldKind::Number);
            let field = bound.fields.iter().find(|field| field.id == *id);
            return field
                .is_some_and(empty)
                .then(|| (id.clone(), Agreed::default()));
        }
        let mut agreed = Agreed::default();
        agreed.set(side, value.clone());
        agreed.set(side.other(), sent.get(id).cloned().unwrap_or_default());
        Some((id.clone(), agreed))
    });
    unknown.chain(known).collect()
}
