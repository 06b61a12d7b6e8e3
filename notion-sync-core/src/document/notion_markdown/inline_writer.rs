//! Rich text as one line of enhanced Markdown.

use super::attributes::{color_name, push_attribute};
use super::inline_reader::emoji_at;
use crate::document::limits::is_color;
use crate::document::model::{Annotations, Inline, InlineKind, Mention, RichText};
use crate::document::reference::{as_uuid, page_url};

/// Writes canonical rich text. What cannot be carried is named in `obstacles`.
pub(super) fn write_inline(text: &RichText, obstacles: &mut Vec<&'static str>) -> String {
    let mut writer = Writer {
        out: String::new(),
        obstacles,
        delimiters: Vec::new(),
        equations: Vec::new(),
        underscore: false,
    };
    let mut rest = text.0.as_slice();
    while let Some(first) = rest.first() {
        let length = rest.iter().take_while(|run| run.link == first.link).count();
        let (group, after) = rest.split_at(length);
        rest = after;
        match &first.link {
            Some(link) => {
                writer.out.push('[');
                writer.styled(group);
                writer.out.push_str("](");
                writer.target(link);
                writer.out.push(')');
            }
            None => writer.styled(group),
        }
    }
    writer.check_delimiters();
    writer.check_equations();
    writer.out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Strike,
    Bold,
    Italic,
}

impl Mark {
    const ALL: [Self; 3] = [Self::Strike, Self::Bold, Self::Italic];

    fn source(self) -> &'static str {
        match self {
            Self::Strike => "~~",
            Self::Bold => "**",
            Self::Italic => "*",
        }
    }

    fn is_on(self, annotations: &Annotations) -> bool {
        match self {
            Self::Strike => annotations.strikethrough,
            Self::Bold => annotations.bold,
            Self::Italic => annotations.italic,
        }
    }
}

/// A delimiter in the output.
struct Delimiter {
    start: usize,
    end: usize,
    opens: bool,
}

struct Writer<'o> {
    out: String,
    obstacles: &'o mut Vec<&'static str>,
    delimiters: Vec<Delimiter>,
    equations: Vec<(usize, usize)>,
    /// An underscore that could open emphasis stands before.
    underscore: bool,
}

impl Writer<'_> {
    fn obstacle(&mut self, reason: &'static str) {
        if !self.obstacles.contains(&reason) {
            self.obstacles.push(reason);
        }
    }

    /// Runs of one link, grouped by colour and underline.
    fn styled(&mut self, runs: &[Inline]) {
        let mut rest = runs;
        while let Some(first) = rest.first() {
            let same = |run: &&Inline| {
                run.annotations.underline == first.annotations.underline
                    && run.annotations.color == first.annotations.color
            };
            let length = rest.iter().take_while(same).count();
            let (group, after) = rest.split_at(length);
            rest = after;
            let mut spans = 0;
            if first.annotations.underline {
                self.out.push_str("<span underline=\"true\">");
                spans += 1;
            }
            let color = &first.annotations.color;
            if !color.is_default() {
                if !is_color(color.name()) {
                    self.obstacle("Notion has no such colour");
                }
                self.out.push_str("<span");
                push_attribute(&mut self.out, "color", &color_name(color));
                self.out.push('>');
                spans += 1;
            }
            self.delimited(group);
            for _ in 0..spans {
                self.out.push_str("</span>");
            }
        }
    }

    /// Runs of one style, with the delimiters of bold, italic and struck text.
    fn delimited(&mut self, runs: &[Inline]) {
        let mut open: Vec<Mark> = Vec::new();
        for (at, run) in runs.iter().enumerate() {
            self.close(&mut open, |mark| !mark.is_on(&run.annotations));
            let mut wanted: Vec<(usize, Mark)> = Mark::ALL
                .into_iter()
                .filter(|mark| mark.is_on(&run.annotations) && !open.contains(mark))
                .map(|mark| {
                    let lasts = runs[at..]
                        .iter()
                        .take_while(|run| mark.is_on(&run.annotations))
                        .count();
                    (lasts, mark)
                })
                .collect();
            wanted.sort_by_key(|(lasts, _)| std::cmp::Reverse(*lasts));
            for (_, mark) in wanted {
                self.delimiter(mark, true);
                open.push(mark);
            }
            self.atom(run);
        }
        self.close(&mut open, |_| true);
    }

    fn close(&mut self, open: &mut Vec<Mark>, which: impl Fn(Mark) -> bool) {
        for at in (0..open.len()).rev() {
            if which(open[at]) {
                if at + 1 != open.len() {
                    self.obstacle("formatting overlaps");
                }
                let mark = open.remove(at);
                self.delimiter(mark, false);
            }
        }
    }

    fn delimiter(&mut self, mark: Mark, opens: bool) {
        let start = self.out.len();
        self.out.push_str(mark.source());
        self.delimiters.push(Delimiter {
            start,
            end: self.out.len(),
            opens,
        });
    }

    fn atom(&mut self, run: &Inline) {
        match &run.kind {
            InlineKind::Text(text) if run.annotations.code => self.code(text),
            InlineKind::Text(text) => self.text(text),
            kind => {
                if run.annotations.code {
                    self.obstacle("only text can be code");
                }
                match kind {
                    InlineKind::Equation(expression) => self.equation(expression),
                    InlineKind::Mention(mention) => self.mention(mention),
                    InlineKind::Verbatim(source) | InlineKind::Text(source) => {
                        self.obstacle("source Markdown has no form here");
                        self.text(source);
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.check_underscores(text);
        for (at, c) in text.char_indices() {
            match c {
                '\\' | '*' | '~' | '`' | '$' | '[' | ']' | '<' | '>' | '{' | '}' | '|' | '^' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '\n' => self.out.push_str("<br>"),
                ':' if emoji_at(text, at).is_some() => {
                    // This escape is not documented.
                    self.obstacle("literal text looks like a custom emoji");
                    self.out.push_str("\\:");
                }
                _ => self.out.push(c),
            }
        }
    }

    /// Notion reads `_x_` as emphasis and documents no escape for the underscore.
    fn check_underscores(&mut self, text: &str) {
        if !text.contains('_') {
            return;
        }
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '_' {
                before = Some(c);
                continue;
            }
            while chars.next_if_eq(&'_').is_some() {}
            let after = chars.peek().copied();
            let opens = after.is_none_or(|c| !c.is_whitespace())
                && before.is_none_or(|c: char| !c.is_alphanumeric());
            let closes = before.is_none_or(|c: char| !c.is_whitespace())
                && after.is_none_or(|c| !c.is_alphanumeric());
            if closes && self.underscore {
                self.obstacle("literal underscores look like emphasis");
            }
            self.underscore |= opens;
            before = Some('_');
        }
    }

    fn code(&mut self, text: &str) {
        if text.contains("<br>") || text.contains("<br/>") {
            self.obstacle("code holds a literal line break tag");
        }
        let mut longest = 0;
        let mut single = false;
        for run in text.split(|c| c != '`').filter(|run| !run.is_empty()) {
            longest = longest.max(run.len());
            single |= run.len() == 1;
        }
        if longest > 0 {
            self.obstacle("code holds a backtick");
        }
        if text.starts_with(' ') && text.ends_with(' ') {
            self.obstacle("code starts and ends with a space");
        }
        let ticks = if longest == 0 || !single {
            1
        } else {
            longest + 1
        };
        let fence = "`".repeat(ticks);
        let pad = if longest > 0 && ticks > 1 { " " } else { "" };
        // Single ticks next to a longer run inside would join with it.
        let ticks_touch = ticks == 1 && (text.starts_with('`') || text.ends_with('`'));
        let (fence, pad) = if ticks_touch {
            ("`".repeat(longest + 1), " ")
        } else {
            (fence, pad)
        };
        self.out.push_str(&fence);
        self.out.push_str(pad);
        self.out.push_str(&text.replace('\n', "<br>"));
        self.out.push_str(pad);
        self.out.push_str(&fence);
    }

    fn equation(&mut self, expression: &str) {
        if expression.contains(['`', '\n', '\r']) || expression.contains("<br") {
            self.obstacle("an inline expression holds a backtick or line break");
        }
        if expression.trim() != expression || expression.is_empty() {
            self.obstacle("an inline expression is empty or has outer white space");
        }
        let start = self.out.len();
        self.out.push_str("$`");
        self.out.push_str(&expression.replace('\n', "<br>"));
        self.out.push_str("`$");
        self.equations.push((start, self.out.len()));
    }

    fn mention(&mut self, mention: &Mention) {
        let mut safe = true;
        match mention {
            Mention::User(id) => {
                self.out.push_str("<mention-user");
                safe &= as_uuid(id).as_ref() == Some(id);
                push_attribute(&mut self.out, "url", &format!("user://{id}"));
                self.out.push_str("/>");
            }
            Mention::Page(id) => {
                self.out.push_str("<mention-page");
                safe &= as_uuid(id).as_ref() == Some(id);
                push_attribute(&mut self.out, "url", &page_url(id));
                self.out.push_str("/>");
            }
            Mention::Database(id) => {
                self.out.push_str("<mention-database");
                safe &= as_uuid(id).as_ref() == Some(id);
                push_attribute(&mut self.out, "url", &page_url(id));
                self.out.push_str("/>");
            }
            Mention::Date(date) => {
                self.out.push_str("<mention-date");
                safe &= self.moment(&date.start, "start", "startTime");
                if let Some(end) = &date.end {
                    safe &= self.moment(end, "end", "endTime");
                }
                if let Some(zone) = &date.time_zone {
                    safe &= push_attribute(&mut self.out, "timeZone", zone);
                }
                self.out.push_str("/>");
            }
            Mention::Emoji(name) => {
                let start = self.out.len();
                self.out.push_str(&format!(":{name}:"));
                safe &= emoji_at(&self.out, start) == Some(name);
                if !safe {
                    self.obstacle("a custom emoji touches text or has an odd name");
                }
                // What follows is checked by the reader's rule as well.
                self.equations.push((start, self.out.len()));
                return;
            }
            Mention::Other(raw) => {
                let object: Option<serde_json::Value> = serde_json::from_str(raw).ok();
                let field = |path: &[&str]| {
                    path.iter()
                        .try_fold(object.as_ref()?, |value, key| value.get(key))?
                        .as_str()
                };
                if let Some(url) = field(&["citation", "url"])
                    && !url.is_empty()
                    && !url.contains(['[', ']', '\\'])
                    && !url.contains(char::is_whitespace)
                {
                    self.out.push_str(&format!("[^{url}]"));
                } else if let Some(tag) = field(&["markdown"])
                    && tag.starts_with("<mention-")
                    && super::attributes::read_tag(tag)
                        .is_some_and(|read| read.self_closing && read.len == tag.len())
                {
                    self.out.push_str(tag);
                } else {
                    self.text("@");
                    safe = false;
                }
            }
        }
        if !safe {
            self.obstacle("a mention has no exact form");
        }
    }

    /// A date with or without a time. Times with seconds or an offset have no form.
    fn moment(&mut self, moment: &str, date_name: &str, time_name: &str) -> bool {
        let (date, time) = match moment.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (moment, None),
        };
        let mut safe = push_attribute(&mut self.out, date_name, date);
        safe &= date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if let Some(time) = time {
            safe &= push_attribute(&mut self.out, time_name, time);
            safe &= time.len() == 5 && time.bytes().all(|b| b.is_ascii_digit() || b == b':');
        }
        safe
    }

    fn target(&mut self, url: &str) {
        let plain = !url.is_empty()
            && !url.contains(|c: char| c.is_whitespace() || c.is_control())
            && !url.contains(['<', '>', '\\', '(', ')']);
        if plain {
            self.out.push_str(url);
            return;
        }
        if !is_balanced(url) {
            self.obstacle("a link target holds white space, brackets or a backslash");
        }
        if url.contains(char::is_whitespace) || url.is_empty() {
            self.out.push('<');
            for c in url.chars() {
                match c {
                    '<' | '>' | '\\' => {
                        self.out.push('\\');
                        self.out.push(c);
                    }
                    '\n' => self.out.push_str("%0A"),
                    _ => self.out.push(c),
                }
            }
            self.out.push('>');
            return;
        }
        let balanced = is_balanced(url);
        for c in url.chars() {
            if matches!(c, '\\' | '<' | '>') || (!balanced && matches!(c, '(' | ')')) {
                self.out.push('\\');
            }
            self.out.push(c);
        }
    }

    /// Delimiters next to white space or, inside a word, next to punctuation are not read as
    /// formatting by CommonMark's rules, and nothing says that Notion is more lenient.
    fn check_delimiters(&mut self) {
        let mut at = 0;
        let mut fault = false;
        while at < self.delimiters.len() {
            let mut end = at + 1;
            while end < self.delimiters.len()
                && self.delimiters[end].start == self.delimiters[end - 1].end
            {
                end += 1;
            }
            let run = &self.delimiters[at..end];
            let before = self.out[..run[0].start].chars().next_back();
            let after = self.out[run[run.len() - 1].end..].chars().next();
            let opens = run.iter().all(|delimiter| delimiter.opens);
            let closes = run.iter().all(|delimiter| !delimiter.opens);
            fault |= match (opens, closes) {
                (true, _) => !flanks(before, after),
                (_, true) => !flanks(after, before),
                _ => true,
            };
            at = end;
        }
        if fault {
            self.obstacle("formatting starts or ends where Notion may not see it");
        }
    }

    /// An equation is read as one only with white space around it.
    fn check_equations(&mut self) {
        let mut fault = false;
        for (start, end) in &self.equations {
            let before = self.out[..*start].chars().next_back();
            let after = self.out[*end..].chars().next();
            fault |= before.is_some_and(|c| !c.is_whitespace())
                || after.is_some_and(|c| !c.is_whitespace());
        }
        if fault {
            self.obstacle("an equation or emoji touches its neighbour");
        }
    }
}

/// Whether a delimiter between `outer` and `inner` faces `inner`.
fn flanks(outer: Option<char>, inner: Option<char>) -> bool {
    let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let is_punctuation = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric());
    !is_space(inner) && (!is_punctuation(inner) || is_space(outer) || is_punctuation(outer))
}

/// Whether a URL can stand in parentheses as it is.
fn is_balanced(url: &str) -> bool {
    let mut depth = 0i32;
    for c in url.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '<' | '>' | '\\' => return false,
            c if c.is_whitespace() || c.is_control() => return false,
            _ => {}
        }
        if !(0..=32).contains(&depth) {
            return false;
        }
    }
    depth == 0 && !url.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_is_opened_in_the_order_it_ends() {
        let run = |text: &str, bold: bool, italic: bool| Inline {
            annotations: Annotations {
                bold,
                italic,
                ..Annotations::default()
            },
            ..Inline::text(text)
        };
        for (runs, wanted, faults) in [
            (
                vec![run("a", true, true), run(" b", true, false)],
                "***a* b**",
                0,
            ),
            (
                vec![run("a", true, false), run("b", false, true)],
                "**a***b*",
                1,
            ),
            (
                vec![run("a ", true, false), run("b", false, false)],
                "**a **b",
                1,
            ),
            (
                vec![
                    run("a ", false, false),
                    run("b c", false, true),
                    run(" d", false, false),
                ],
                "a *b c* d",
                0,
            ),
        ] {
            let mut obstacles = Vec::new();
            assert_eq!(write_inline(&RichText(runs), &mut obstacles), wanted);
            assert_eq!(obstacles.len(), faults, "{wanted}: {obstacles:?}");
        }
    }

    #[test]
    fn special_characters_are_escaped() {
        let mut obstacles = Vec::new();
        let text = RichText::plain("\\*~`$[]<>{}|^ a_b\nc #-.");
        assert_eq!(
            write_inline(&text, &mut obstacles),
            "\\\\\\*\\~\\`\\$\\[\\]\\<\\>\\{\\}\\|\\^ a_b<br>c #-."
        );
        assert_eq!(obstacles, Vec::<&str>::new());
    }
}
