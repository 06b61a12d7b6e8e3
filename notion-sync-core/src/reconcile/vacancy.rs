//! Fields that one side may have no place for: those of a project that an issue is not in.

use super::UnitField;
use crate::id::{FieldId, Side};
use crate::mapping::{Direction, View};
use crate::record::Agreed;
use crate::snapshot::Field;
use crate::value::Value;

/// Where a field stands that GitHub may have no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As any other field.
    Usual,
    /// The place went away, and with it whatever GitHub said. What the page says stays, and goes over
    /// when there is a place again.
    Lost,
    /// There is a place again, and nothing in it: nobody cleared anything.
    Back,
}

impl Place {
    pub(super) fn of(
        unit: &UnitField<'_>,
        vacancy: Option<&Vacancy<'_>>,
        agreed: Option<&Agreed>,
        n: &Value,
        g: &Value,
    ) -> Self {
        let agreed = agreed.filter(|agreed| agreed.notion == *n && !n.is_empty());
        let (Some(agreed), true) = (agreed, unit.later && unit.direction != Direction::ToNotion)
        else {
            return Self::Usual;
        };
        match vacancy.map(|vacant| vacant.side) {
            Some(Side::Github) if !agreed.github.is_empty() => Self::Lost,
            None if agreed.github.is_empty() && g.is_empty() => Self::Back,
            _ => Self::Usual,
        }
    }
}

/// A side that has no place for a value now.
pub(super) struct Vacancy<'a> {
    pub(super) side: Side,
    /// Why no write can make one.
    pub(super) refused: Option<&'a str>,
}

impl<'a> Vacancy<'a> {
    /// The side without a place for a field; an error where neither has one.
    pub(super) fn of(id: &FieldId, notion: &'a View, github: &'a View) -> Result<Option<Self>, ()> {
        let on = |side: Side, view: &'a View| match view.fields.get(id) {
            Some(Field::Vacant(why)) => Some(Self {
                side,
                refused: why.as_deref(),
            }),
            _ => None,
        };
        match (on(Side::Notion, notion), on(Side::Github, github)) {
            (Some(_), Some(_)) => Err(()),
            (on_notion, on_github) => Ok(on_notion.or(on_github)),
        }
    }
}
