//! Which properties of a data source can hold a field.

use super::field::FieldKind;

impl FieldKind {
    /// Types of Notion's properties that can hold a field of this kind, as the service names them; `None`
    /// where any can. A field whose property has another type is not synchronised, and says so.
    #[must_use]
    pub fn property_types(&self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::Text | Self::Heading => return None,
            Self::Number => &["number", "formula", "rollup", "unique_id"],
            Self::Checkbox => &["checkbox", "formula"],
            Self::Date => &["date", "created_time", "last_edited_time", "formula"],
            Self::Select => &["select", "status", "formula"],
            Self::Label(_) => &["select", "status"],
            Self::Set | Self::Labels(_) => &["multi_select"],
            Self::People => &["people", "created_by", "last_edited_by"],
            Self::Relation | Self::Parent => &["relation"],
            Self::Class { .. } => &["status", "select", "checkbox"],
        })
    }
}
