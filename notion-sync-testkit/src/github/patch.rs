//! Line differences in the unified form the API carries as `patch`.

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Beyond this many lines between the common start and end, the middle counts as replaced: the
/// shortest script is not worth its quadratic cost in an emulator.
const LONGEST: usize = 2_000;
/// Patches larger than this are left out, as the service does for large files.
const LARGEST: usize = 1 << 20;

/// The difference of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
    /// The hunks. `None` for a patch that is too large.
    pub(crate) text: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Keep,
    Remove,
    Add,
}

/// Compares two contents. `None` when one is binary.
pub(crate) fn patch(old: &[u8], new: &[u8]) -> Option<Patch> {
    if old.contains(&0) || new.contains(&0) {
        return None;
    }
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let before: Vec<&str> = old.split_inclusive('\n').collect();
    let after: Vec<&str> = new.split_inclusive('\n').collect();
    let steps = script(&before, &after);
    let additions = steps.iter().filter(|step| **step == Step::Add).count();
    let deletions = steps.iter().filter(|step| **step == Step::Remove).count();
    let text = hunks(&before, &after, &steps);
    Some(Patch {
        additions,
        deletions,
        text: (text.len() <= LARGEST).then_some(text),
    })
}

fn script(before: &[&str], after: &[&str]) -> Vec<Step> {
    let start = before
        .iter()
        .zip(after)
        .take_while(|(left, right)| left == right)
        .count();
    let end = before[start..]
        .iter()
        .rev()
        .zip(after[start..].iter().rev())
        .take_while(|(left, right)| left == right)
        .count();
    let old = &before[start..before.len() - end];
    let new = &after[start..after.len() - end];
    let mut steps = vec![Step::Keep; start];
    if old.len() + new.len() > LONGEST {
        steps.extend(std::iter::repeat_n(Step::Remove, old.len()));
        steps.extend(std::iter::repeat_n(Step::Add, new.len()));
    } else {
        steps.extend(shortest(old, new));
    }
    steps.extend(std::iter::repeat_n(Step::Keep, end));
    steps
}

/// A longest common subsequence by table; removals come before additions.
fn shortest(old: &[&str], new: &[&str]) -> Vec<Step> {
    let width = new.len() + 1;
    let mut table = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i * width + j] = if old[i] == new[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut steps) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            steps.push(Step::Keep);
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len() || table[(i + 1) * width + j] >= table[i * width + j + 1])
        {
            steps.push(Step::Remove);
            i += 1;
        } else {
            steps.push(Step::Add);
            j += 1;
        }
    }
    steps
}

fn hunks(before: &[&str], after: &[&str], steps: &[Step]) -> String {
    let changed: Vec<usize> = (0..steps.len())
        .filter(|at| steps[*at] != Step::Keep)
        .collect();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for at in changed {
        let (from, to) = (
            at.saturating_sub(CONTEXT),
            (at + CONTEXT + 1).min(steps.len()),
        );
        match ranges.last_mut() {
            Some(last) if from <= last.1 => last.1 = to,
            _ => ranges.push((from, to)),
        }
    }
    let mut text = String::new();
    let (mut i, mut j, mut at) = (0, 0, 0);
    for (from, to) in ranges {
        while at < from {
            match steps[at] {
                Step::Keep => (i, j) = (i + 1, j + 1),
                Step::Remove => i += 1,
                Step::Add => j += 1,
            }
            at += 1;
        }
        let (first_old, first_new) = (i, j);
        let mut body = String::new();
        while at < to {
            let (sign, line) = match steps[at] {
                Step::Keep => {
                    (i, j) = (i + 1, j + 1);
                    (' ', before[i - 1])
                }
                Step::Remove => {
                    i += 1;
                    ('-', before[i - 1])
                }
                Step::Add => {
                    j += 1;
                    ('+', after[j - 1])
                }
            };
            body.push('\n');
            body.push(sign);
            match line.strip_suffix('\n') {
                Some(line) => body.push_str(line),
                None => {
                    body.push_str(line);
                    body.push_str("\n\\ No newline at end of file");
                }
            }
            at += 1;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!(
            "@@ -{} +{} @@{body}",
            range(first_old, i - first_old),
            range(first_new, j - first_new)
        ));
    }
    text
}

fn range(first: usize, length: usize) -> String {
    match length {
        0 => format!("{first},0"),
        1 => format!("{}", first + 1),
        _ => format!("{},{length}", first + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::patch;

    #[test]
    fn hunks_have_three_lines_of_context() {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\nline ten and a half\n");
        let patch = patch(old.as_bytes(), new.as_bytes()).unwrap();
        assert_eq!((patch.additions, patch.deletions), (2, 1));
        assert_eq!(
            patch.text.unwrap(),
            "@@ -7,7 +7,8 @@\n line 7\n line 8\n line 9\n-line 10\n+line ten\n+line ten and a half\n line 11\n line 12\n line 13"
        );
    }

    #[test]
    fn a_missing_last_line_break_is_told() {
        let patch = patch(b"a", b"a\n").unwrap();
        assert_eq!(
            patch.text.unwrap(),
            "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a"
        );
    }

    #[test]
    fn binary_has_no_patch() {
        assert_eq!(patch(b"a\0", b"b"), None);
    }
}
