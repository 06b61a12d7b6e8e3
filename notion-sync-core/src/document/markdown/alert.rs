//! GitHub's five alerts as callouts with a fixed icon and colour.

use crate::document::{BlockKind, Color, Icon, RichText};

/// One row of the table: name in `[!NAME]`, icon and background of the callout.
const ALERTS: [(&str, &str, &str); 5] = [
    ("NOTE", "ℹ️", "blue_background"),
    ("TIP", "💡", "green_background"),
    ("IMPORTANT", "❗", "purple_background"),
    ("WARNING", "⚠️", "yellow_background"),
    ("CAUTION", "🛑", "red_background"),
];

/// The callout of an alert.
pub(crate) fn callout(name: &str, text: RichText) -> BlockKind {
    let (_, icon, color) = ALERTS
        .iter()
        .find(|(alert, _, _)| *alert == name)
        .unwrap_or(&ALERTS[0]);
    BlockKind::Callout {
        text,
        icon: Some(Icon::Emoji((*icon).to_owned())),
        color: Color::new(*color),
    }
}

/// The alert whose icon and colour a callout has.
pub(crate) fn alert(icon: Option<&Icon>, color: &Color) -> Option<&'static str> {
    let Some(Icon::Emoji(emoji)) = icon else {
        return None;
    };
    ALERTS
        .iter()
        .find(|(_, icon, background)| icon == emoji && *background == color.name())
        .map(|(name, _, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_survives() {
        for (name, _, _) in ALERTS {
            let BlockKind::Callout { icon, color, .. } = callout(name, RichText::default()) else {
                panic!("not a callout");
            };
            assert_eq!(alert(icon.as_ref(), &color), Some(name));
        }
        assert_eq!(alert(None, &Color::default()), None);
    }
}
