//! Where the content of a line starts inside quotes and list items.

use std::ops::Range;

/// A container that lines of its content start with a prefix for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// `>`.
    Quote,
    /// So many columns of white space.
    Item(usize),
}

/// The position behind the prefixes of some containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Byte in the source.
    pub(crate) at: usize,
    /// Column, tabs counted to the next multiple of four.
    pub(crate) column: usize,
    /// Columns of a tab at `at` that are still to be consumed.
    pub(crate) rest: usize,
}

/// Start of the line that holds a byte.
pub(crate) fn line_start(source: &str, at: usize) -> usize {
    source[..at]
        .rfind(['\n', '\r'])
        .map_or(0, |found| found + 1)
}

/// End of the line that holds a byte, without the line end.
pub(crate) fn line_end(source: &str, at: usize) -> usize {
    source[at..]
        .find(['\n', '\r'])
        .map_or(source.len(), |found| at + found)
}

/// Walks behind the prefixes as far as the line has them.
pub(crate) fn skip_prefixes(source: &str, start: usize, containers: &[Container]) -> Position {
    let bytes = source.as_bytes();
    let mut position = Position {
        at: start,
        column: 0,
        rest: 0,
    };
    for container in containers {
        let before = position;
        match container {
            Container::Item(width) => {
                let goal = position.column + width;
                skip_white(bytes, &mut position, goal);
                if position.column < goal && !at_line_end(bytes, position.at) {
                    return before;
                }
            }
            Container::Quote => {
                let goal = position.column + 3;
                skip_white(bytes, &mut position, goal);
                if position.rest > 0 || bytes.get(position.at) != Some(&b'>') {
                    return before;
                }
                position.at += 1;
                position.column += 1;
                let goal = position.column + 1;
                skip_white(bytes, &mut position, goal);
            }
        }
    }
    position
}

fn at_line_end(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), None | Some(b'\n' | b'\r'))
}

/// Consumes white space up to a column, tabs partly where they reach further.
pub(crate) fn skip_white(bytes: &[u8], position: &mut Position, goal: usize) {
    while position.column < goal {
        match bytes.get(position.at) {
            Some(b' ') => {
                position.at += 1;
                position.column += 1;
            }
            Some(b'\t') => {
                let width = if position.rest > 0 {
                    position.rest
                } else {
                    4 - position.column % 4
                };
                let wanted = (goal - position.column).min(width);
                position.column += wanted;
                position.rest = width - wanted;
                if position.rest == 0 {
                    position.at += 1;
                }
            }
            _ => return,
        }
    }
}

/// The source of a range without the prefixes of its continuation lines, with `\n` line ends.
pub(crate) fn unprefixed(source: &str, range: Range<usize>, containers: &[Container]) -> String {
    let mut out = String::with_capacity(range.len());
    let mut at = range.start;
    let bytes = source.as_bytes();
    loop {
        // Not beyond the range: many pieces may stand in one line.
        let end = line_end(&source[..range.end], at);
        out.push_str(&source[at..end]);
        if end >= range.end {
            return out;
        }
        out.push('\n');
        let next = if bytes[end] == b'\r' && bytes.get(end + 1) == Some(&b'\n') {
            end + 2
        } else {
            end + 1
        };
        if next >= range.end {
            return out;
        }
        let position = skip_prefixes(source, next, containers);
        for _ in 0..position.rest {
            out.push(' ');
        }
        at = if position.rest > 0 {
            position.at + 1
        } else {
            position.at
        };
        if at >= range.end {
            return out;
        }
    }
}

/// The same range without white space at its end.
pub(crate) fn trim_end(source: &str, range: Range<usize>) -> Range<usize> {
    let text = &source[range.clone()];
    range.start..range.start + text.trim_end_matches([' ', '\t', '\n', '\r']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (line, containers, rest) in [
            ("> a", &[Container::Quote][..], "a"),
            (">a", &[Container::Quote], "a"),
            ("lazy", &[Container::Quote], "lazy"),
            ("   >   >  a", &[Container::Quote, Container::Quote], " a"),
            ("    a", &[Container::Item(2)], "  a"),
            ("\ta", &[Container::Item(2)], "  a"),
            (">\ta", &[Container::Quote], "  a"),
            ("> \ta", &[Container::Quote, Container::Item(2)], "a"),
        ] {
            let source = format!("x\n{line}");
            assert_eq!(
                unprefixed(&source, 0..source.len(), containers),
                format!("x\n{rest}"),
                "{line:?}"
            );
        }
        assert_eq!(
            unprefixed("a\r\n  b\rc", 0..8, &[Container::Item(2)]),
            "a\nb\nc"
        );
    }
}
