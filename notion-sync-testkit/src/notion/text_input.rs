//! Reading rich text that somebody sent.

use super::block_input::Rules;
use super::error::ApiResult;
use super::id::NotionId;
use super::input::{Input, one_of_missing};
use super::text::{Color, DateValue, Mention, Rich, Span, SpanKind, Style, tidy};
use super::workspace::{ObjectKind, Workspace};

/// The most rich text objects in one array.
const MOST_SPANS: usize = 100;
/// The most characters in one text object.
const MOST_CHARACTERS: usize = 2000;
/// The most characters in one equation.
const MOST_EXPRESSION: usize = 1000;

/// An array of rich text objects.
pub(crate) fn rich_text(ws: &Workspace, input: &Input<'_>) -> ApiResult<Rich> {
    let mut rich = Rich::new();
    for item in input.array(MOST_SPANS)? {
        rich.push(span(ws, &item, Rules::Request)?);
    }
    Ok(tidy(rich))
}

/// The same without limits, with mentions that no request can make.
pub(crate) fn world_text(ws: &Workspace, input: &Input<'_>) -> ApiResult<Rich> {
    let mut rich = Rich::new();
    for item in input.array(usize::MAX)? {
        rich.push(span(ws, &item, Rules::World)?);
    }
    Ok(tidy(rich))
}

fn span(ws: &Workspace, input: &Input<'_>, rules: Rules) -> ApiResult<Span> {
    input.object()?;
    let named = input.key("type");
    let kind = match named.present() {
        Some(named) => named.word(&["text", "mention", "equation"])?,
        None => ["text", "mention", "equation"]
            .into_iter()
            .find(|kind| input.key(kind).raw().is_some())
            .ok_or_else(|| one_of_missing(input.path(), &["text", "mention", "equation"]))?,
    };
    let object = input.key(kind);
    object.object()?;
    let kind = match kind {
        "text" => {
            let link = object.key("link");
            let link = match link.present() {
                Some(link) => Some(link.key("url").url()?.to_owned()),
                None => None,
            };
            SpanKind::Text {
                content: object
                    .key("content")
                    .text_up_to(MOST_CHARACTERS)?
                    .to_owned(),
                link,
            }
        }
        "equation" => SpanKind::Equation(
            object
                .key("expression")
                .text_up_to(MOST_EXPRESSION)?
                .to_owned(),
        ),
        _ => SpanKind::Mention(mention(ws, &object, rules)?),
    };
    Ok(Span {
        kind,
        style: style(&input.key("annotations"))?,
    })
}

fn style(input: &Input<'_>) -> ApiResult<Style> {
    let Some(input) = input.present() else {
        return Ok(Style::default());
    };
    input.object()?;
    Ok(Style {
        bold: input.key("bold").boolean_or(false)?,
        italic: input.key("italic").boolean_or(false)?,
        strike: input.key("strikethrough").boolean_or(false)?,
        underline: input.key("underline").boolean_or(false)?,
        code: input.key("code").boolean_or(false)?,
        color: color(&input.key("color"))?,
    })
}

/// A colour by its name in block JSON; undefined is the default colour.
pub(crate) fn color(input: &Input<'_>) -> ApiResult<Color> {
    match input.present() {
        None => Ok(Color::default()),
        Some(input) => Color::from_api(input.text()?).ok_or_else(|| input.wrong("a valid color")),
    }
}

fn mention(ws: &Workspace, input: &Input<'_>, rules: Rules) -> ApiResult<Mention> {
    const KINDS: [&str; 6] = [
        "user",
        "date",
        "page",
        "database",
        "template_mention",
        "custom_emoji",
    ];
    if rules == Rules::World {
        if let Some(preview) = input.key("link_preview").present() {
            return Ok(Mention::LinkPreview(preview.key("url").url()?.to_owned()));
        }
        if let Some(link) = input.key("link_mention").present().and_then(Input::raw) {
            return Ok(Mention::Other {
                kind: "link_mention".to_owned(),
                value: link.clone(),
            });
        }
    }
    let named = input.key("type");
    let kind = match named.present() {
        Some(named) => named.word(&KINDS)?,
        None => KINDS
            .into_iter()
            .find(|kind| input.key(kind).raw().is_some())
            .ok_or_else(|| one_of_missing(input.path(), &KINDS))?,
    };
    let object = input.key(kind);
    object.object()?;
    Ok(match kind {
        "user" => {
            let id = object.key("id").id()?;
            if !ws.objects.users.contains_key(&id) {
                return Err(object.key("id").wrong("the id of a user in this workspace"));
            }
            Mention::User(id)
        }
        "date" => Mention::Date(date(&object)?),
        "page" => Mention::Page(known(ws, &object.key("id"), ObjectKind::Page)?),
        "database" => Mention::Database(known(ws, &object.key("id"), ObjectKind::Database)?),
        "custom_emoji" => {
            let id = object.key("id").id()?;
            let name = ws.objects.emojis.get(&id).map(|(name, _)| name.clone());
            let name = name.ok_or_else(|| object.key("id").wrong("the id of a custom emoji"))?;
            Mention::CustomEmoji { id, name }
        }
        other => Mention::Other {
            kind: other.to_owned(),
            value: object.raw().cloned().unwrap_or_default(),
        },
    })
}

fn known(ws: &Workspace, input: &Input<'_>, kind: ObjectKind) -> ApiResult<NotionId> {
    let id = input.id()?;
    if ws.kind_of(id) == Some(kind) {
        Ok(id)
    } else {
        Err(input.wrong("the id of an object that exists"))
    }
}

/// A date object: start, end, zone.
pub(crate) fn date(input: &Input<'_>) -> ApiResult<DateValue> {
    input.object()?;
    let start = moment_text(&input.key("start"))?;
    let end = match input.key("end").present() {
        Some(end) => Some(moment_text(end)?),
        None => None,
    };
    let time_zone = match input.key("time_zone").present() {
        Some(zone) => Some(zone.text_up_to(100)?.to_owned()),
        None => None,
    };
    if let Some(end_text) = &end {
        let order = super::moment::Moment::parse(&start)
            .zip(super::moment::Moment::parse(end_text))
            .is_some_and(|(start, end)| end.start() < start.start());
        if order {
            return Err(input.key("end").wrong("after or equal to the start date"));
        }
    }
    Ok(DateValue {
        start,
        end,
        time_zone,
    })
}

fn moment_text(input: &Input<'_>) -> ApiResult<String> {
    let text = input.text()?;
    let moment = super::moment::Moment::parse(text)
        .ok_or_else(|| input.wrong("a valid ISO 8601 date string"))?;
    Ok(moment.normalised(text))
}
