//! Decides the body, region by region.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::field::{cancels, parked, step};
use super::plan::{Hold, Loser, Park, Plan, WriteStep};
use super::table::{EditProposal, Fit, Parked, Row, UnitSituation, UnitState, unit_row};
use crate::document::canon::hash_list;
use crate::document::looks::looks_the_same;
use crate::document::merge::{BodyBase, Choice, Region, State, regions};
use crate::document::{Block, Document, markdown};
use crate::hash::ContentHash;
use crate::id::Side;
use crate::mapping::{Policy, View};
use crate::record::UnitId;

/// What was decided about a region.
struct Verdict {
    row: Row,
    choice: Choice,
    /// The sides that have to be written for it.
    to: [bool; 2],
}

pub(super) fn decide(
    case: &Case<'_>,
    notion: &View,
    github: &View,
    plan: &mut Plan,
    writes: &mut BTreeMap<Side, WriteStep>,
) {
    let (Some(n), Some(g)) = (notion.document(), github.document()) else {
        return;
    };
    let Some(base) = case.body_base else {
        return first(case, n, g, plan);
    };
    // A place is named after what base holds there and before it, and base moves. So the place of
    // an open conflict may have another name now: while there is one, no policy decides the text.
    let open = |unit: &UnitId| matches!(unit, UnitId::Block(_) | UnitId::Body);
    let parked = case.record.conflicts.keys().any(open);
    if !parked && base.is_untouched(n, g) {
        return;
    }
    if let Some(stored) = as_stored(case, notion, n, g, base) {
        plan.agreed.body = Some(stored);
        return;
    }
    let regions = regions(base, n, g);
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(regions.as_slice().len());
    let seen: BTreeSet<UnitId> = regions
        .iter()
        .map(|region| UnitId::block(&region.anchor))
        .collect();
    let policy = if parked {
        Policy::ManualReview
    } else {
        case.mapping.policy
    };
    for region in &regions {
        let unit = UnitId::block(&region.anchor);
        let verdict = region_verdict(case, region, &unit, policy);
        if verdict.row != Row(7) {
            plan.rows.push((unit.clone(), verdict.row));
        }
        record_region(case, region, &unit, &verdict, plan);
        verdicts.push(verdict);
    }
    // A conflict whose place is gone or untouched again is settled.
    for unit in case.record.conflicts.keys() {
        if open(unit) && !seen.contains(unit) {
            plan.closes.push(unit.clone());
            plan.rows.push((unit.clone(), Row(16)));
        }
    }

    let mut index = 0;
    let all = regions.compose(|_| {
        index += 1;
        verdicts[index - 1].choice.clone()
    });
    let needs = |side: usize| verdicts.iter().any(|verdict| verdict.to[side]);
    let (to_notion, to_github) = (
        needs(0) && all.notion_changed,
        needs(1) && all.github_changed,
    );
    let rows: Vec<Row> = verdicts.iter().map(|verdict| verdict.row).collect();
    if to_github {
        // The base moves in two steps where both sides are written: first what only GitHub lacked.
        let mut index = 0;
        let settled = if to_notion {
            regions.compose_base(|_| {
                index += 1;
                let verdict = &verdicts[index - 1];
                match verdict.to {
                    // The file has Notion's edit then, and its own is still to come: that is
                    // an edit of the file alone.
                    [true, true] => Choice::TakeNotion,
                    [true, false] => Choice::Hold,
                    [false, _] => verdict.choice.clone(),
                }
            })
        } else {
            all.base.clone()
        };
        let entry = step(writes, Side::Github, first_row(&rows, &[8, 13, 11, 16]));
        entry.body = Some((g.clone(), all.github));
        entry.settles.body = Some(settled);
    }
    if to_notion {
        let entry = step(writes, Side::Notion, first_row(&rows, &[9, 14, 11, 17, 16]));
        entry.body = Some((n.clone(), all.notion));
        entry.settles.body = Some(all.base);
    } else if !to_github && all.base != *base {
        plan.agreed.body = Some(all.base);
    }
}

/// What Notion made of our own write, where nobody sees a difference.
///
/// A service may store something else than it was sent. The first read of the same revision shows
/// it; without this, our own words would come back as somebody's edit. Only white space and what
/// formats it may differ: any other difference is an edit, of somebody who was there within the same minute.
fn as_stored(
    case: &Case<'_>,
    notion: &View,
    n: &Document,
    g: &Document,
    base: &BodyBase,
) -> Option<BodyBase> {
    if case.record.own_body != Some(notion.revision.at) || !case.record.conflicts.is_empty() {
        return None;
    }
    let differs = !base.holds(Side::Notion, n) && base.holds(Side::Github, g);
    let stored = differs && looks_the_same(&n.blocks, &base.notion().blocks);
    stored.then(|| BodyBase::agree(n, g))
}

fn first_row(rows: &[Row], wanted: &[u8]) -> Row {
    wanted
        .iter()
        .map(|&row| Row(row))
        .find(|row| rows.contains(row))
        .unwrap_or(Row(11))
}

/// Row 42: a mapping without a base of the body.
fn first(case: &Case<'_>, n: &Document, g: &Document, plan: &mut Plan) {
    let unit = UnitId::Body;
    plan.rows.push((unit.clone(), Row(42)));
    if n.canon_eq(g) {
        plan.agreed.body = Some(BodyBase::agree(n, g));
        if case.record.conflicts.contains_key(&unit) {
            plan.closes.push(unit);
        }
        return;
    }
    let now = (n.hash(), g.hash());
    let known = case.record.conflicts.get(&unit);
    let state = parked(
        case,
        known,
        || now,
        false,
        (UnitState::Edited, UnitState::Edited),
        &unit,
    );
    match state {
        Parked::Merged => {
            // The merged text is what the file holds now.
            plan.closes.push(unit);
            plan.agreed.body = Some(BodyBase::agree(n, n));
        }
        Parked::Still | Parked::Refused => plan.holds.push(Hold {
            unit,
            row: Row(56),
            reason: "both sides had different text before they were paired".to_owned(),
        }),
        _ => plan.parks.push(Park {
            unit,
            row: Row(42),
            notion: (now.0, text(&n.blocks)),
            github: (now.1, text(&g.blocks)),
            base: None,
        }),
    }
}

fn region_verdict(case: &Case<'_>, region: &Region<'_>, unit: &UnitId, policy: Policy) -> Verdict {
    let (n_state, g_state, equal, mergeable) = match &region.state {
        State::Same => (UnitState::Same, UnitState::Same, true, false),
        State::NotionMoved => (UnitState::Edited, UnitState::Same, false, false),
        State::GithubMoved => (UnitState::Same, UnitState::Edited, false, false),
        State::Converged => (UnitState::Edited, UnitState::Edited, true, false),
        State::Merged(_) => (UnitState::Edited, UnitState::Edited, false, true),
        State::Diverged => (UnitState::Edited, UnitState::Edited, false, false),
    };
    let conflict = case.record.conflicts.get(unit);
    let now = || (run_hash(region.notion), run_hash(region.github));
    let parked = parked(case, conflict, now, equal, (n_state, g_state), unit);
    let row = unit_row(&UnitSituation {
        notion: n_state,
        github: g_state,
        equal,
        base: true,
        mergeable,
        parked,
        proposal: EditProposal::None,
        dead: false,
        fit: Fit::Fine,
        policy,
    });
    let (choice, to) = match row.0 {
        8 | 13 => (Choice::TakeNotion, [false, true]),
        9 | 14 | 17 => (Choice::TakeGithub, [true, false]),
        10 => (Choice::TakeNotion, [false, false]),
        11 => (Choice::Merge, [true, true]),
        16 => match &region.state {
            State::NotionMoved => (Choice::TakeNotion, [false, true]),
            State::GithubMoved => (Choice::TakeGithub, [true, false]),
            // Both say the same.
            _ => (Choice::TakeNotion, [false, false]),
        },
        _ => (Choice::Hold, [false, false]),
    };
    Verdict { row, choice, to }
}

fn record_region(
    case: &Case<'_>,
    region: &Region<'_>,
    unit: &UnitId,
    verdict: &Verdict,
    plan: &mut Plan,
) {
    match verdict.row.0 {
        12 | 15 => plan.parks.push(Park {
            unit: unit.clone(),
            row: verdict.row,
            notion: (run_hash(region.notion), text(region.notion)),
            github: (run_hash(region.github), text(region.github)),
            base: cancels(case, unit).then(|| base_hash(region)),
        }),
        13 | 14 => {
            let (side, blocks) = if verdict.row.0 == 13 {
                (Side::Github, region.github)
            } else {
                (Side::Notion, region.notion)
            };
            plan.losers.push(Loser {
                unit: unit.clone(),
                side,
                text: text(blocks),
                hash: run_hash(blocks),
            });
        }
        16 | 17 => plan.closes.push(unit.clone()),
        54 | 56 => plan.holds.push(Hold {
            unit: unit.clone(),
            row: verdict.row,
            reason: "waits for a decision".to_owned(),
        }),
        _ => {}
    }
}

/// The hash of a run of blocks in canonical form.
fn run_hash(blocks: &[Block]) -> ContentHash {
    hash_list(blocks.iter())
}

fn base_hash(region: &Region<'_>) -> ContentHash {
    hash_list(region.base.iter().flat_map(|pair| pair.notion.iter()))
}

/// Blocks as people read them.
pub(super) fn text(blocks: &[Block]) -> String {
    markdown::write(
        &Document {
            blocks: blocks.to_vec(),
        },
        &markdown::Style::default(),
    )
}
