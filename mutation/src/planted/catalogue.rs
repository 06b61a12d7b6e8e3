//! The rules: what each says, and the edit of the source that breaks it.

/// A rule that is broken on purpose, in the source.
#[derive(Debug)]
pub(crate) struct Planted {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The rule it breaks.
    pub(crate) rule: &'static str,
    /// The kind of worlds it is looked for in.
    pub(crate) worlds: &'static str,
    /// What is changed.
    pub(crate) edits: &'static [Edit],
}

/// A piece of the source that is written anew.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    /// The piece, as it stands in the file once.
    pub(crate) piece: &'static str,
    /// What stands there instead, with [`SWITCH`] for whether the rule is broken.
    pub(crate) instead: &'static str,
}

/// What an edit says where it asks whether its rule is broken.
pub(crate) const SWITCH: &str = "PLANTED";

const fn edit(file: &'static str, piece: &'static str, instead: &'static str) -> Edit {
    Edit {
        file,
        piece,
        instead,
    }
}

const RECONCILE: &str = "notion-sync-core/src/reconcile/mod.rs";
const FIELD: &str = "notion-sync-core/src/reconcile/field.rs";
const BODY: &str = "notion-sync-core/src/reconcile/body.rs";
const TABLE: &str = "notion-sync-core/src/reconcile/table.rs";
const OPERATION: &str = "notion-sync-core/src/operation.rs";
const RENDER: &str = "notion-sync-core/src/engine/plan/render.rs";
const PROPOSAL: &str = "notion-sync-core/src/engine/plan/proposal.rs";
const RULES: &str = "notion-sync-core/src/engine/plan/rules.rs";
const STEPS: &str = "notion-sync-core/src/engine/plan/steps.rs";
const PARTIAL: &str = "notion-sync-core/src/engine/observe/partial.rs";
const PERSIST: &str = "notion-sync-core/src/engine/write/persist.rs";
const EXECUTE: &str = "notion-sync-core/src/engine/write/execute.rs";
const SETTLE: &str = "notion-sync-core/src/engine/write/settle.rs";
const COMMIT: &str = "notion-sync-github/src/files/commit.rs";
const LISTING: &str = "notion-sync-notion/src/pages/listing.rs";

/// All of them. Their place in this list is the number of the switch.
pub(crate) const ALL: &[Planted] = &[
    // How a side stands.
    Planted {
        name: "blur-is-an-edit",
        rule: "what looks like an own or an old value within its minute waits until that is over",
        worlds: "crowded",
        edits: &[edit(
            RECONCILE,
            "if own_bucket || (!known.is_empty() && retired()) {",
            "if !PLANTED && (own_bucket || (!known.is_empty() && retired())) {",
        )],
    },
    Planted {
        name: "old-reads-count",
        rule: "a revision older than the one that was agreed decides nothing",
        worlds: "crowded",
        edits: &[edit(
            RECONCILE,
            "&& view.revision.at < agreed_at.at",
            "&& view.revision.at < agreed_at.at && !PLANTED",
        )],
    },
    Planted {
        name: "losers-not-retired",
        rule: "a value that lost counts as an old one when a read shows it again",
        worlds: "crowded",
        edits: &[edit(
            PERSIST,
            "record.retire(loser.side, loser.hash);",
            "if !PLANTED { record.retire(loser.side, loser.hash); }",
        )],
    },
    Planted {
        name: "one-hash",
        rule: "each side has a base of its own",
        worlds: "tasks",
        edits: &[
            edit(
                RECONCILE,
                "&& value != agreed.on(side)",
                "&& value != agreed.on(if PLANTED { Side::Notion } else { side })",
            ),
            edit(
                FIELD,
                "Some(agreed) if agreed.on(side) == value => UnitState::Same,",
                "Some(agreed) if agreed.on(if PLANTED { Side::Notion } else { side }) == value => UnitState::Same,",
            ),
            edit(
                FIELD,
                "known.notion == *n && known.github == *g);",
                "known.notion == *n && if PLANTED { known.notion == *g } else { known.github == *g });",
            ),
        ],
    },
    // What is decided.
    Planted {
        name: "first-sync-wins",
        rule: "a pair without a base is decided by no policy",
        worlds: "crowded",
        edits: &[edit(
            TABLE,
            "if !s.base {\n        return Row(42);",
            "if !s.base && !PLANTED {\n        return Row(42);",
        )],
    },
    Planted {
        name: "name-is-identity",
        rule: "a page and an object with the same name and no marks are not joined unasked",
        worlds: "crowded",
        edits: &[edit(
            RECONCILE,
            "if case.mapping.adopt_by_key {",
            "if PLANTED || case.mapping.adopt_by_key {",
        )],
    },
    Planted {
        name: "parked-is-decided",
        rule: "what is parked is decided by a person, whatever the policy says by now",
        worlds: "crowded",
        edits: &[
            edit(
                TABLE,
                "Parked::Moved => return Row(15),",
                "Parked::Moved if !PLANTED => return Row(15),",
            ),
            edit(
                TABLE,
                "Parked::Still => return Row(56),\n        Parked::No => {}",
                "Parked::Still if !PLANTED => return Row(56),\n        _ => {}",
            ),
            edit(
                BODY,
                "let policy = if parked {",
                "let policy = if parked && !PLANTED {",
            ),
        ],
    },
    Planted {
        name: "labels-as-one",
        rule: "the elements of a set are merged one by one",
        worlds: "crowded",
        edits: &[edit(
            FIELD,
            "if lens.is_set() {\n        return set(",
            "if lens.is_set() && !PLANTED {\n        return set(",
        )],
    },
    Planted {
        name: "labels-agreed-at-once",
        rule: "of a set that both sides get, the first write agrees about its own half",
        worlds: "crowded",
        edits: &[edit(
            FIELD,
            "(Some(Some(halfway)), Side::Github) => {",
            "(Some(Some(halfway)), Side::Github) if !PLANTED => {",
        )],
    },
    Planted {
        name: "labels-from-the-answer",
        rule: "of the set that an answer shows, what was sent is agreed",
        worlds: "crowded",
        edits: &[edit(
            SETTLE,
            "else {\n        return shown.clone();\n    };\n    let (before, after)",
            "else {\n        return shown.clone();\n    };\n    if PLANTED { return Value::Set(shown.clone()); }\n    let (before, after)",
        )],
    },
    Planted {
        name: "text-agreed-at-once",
        rule: "of a text that both sides get, the first write agrees about its own half",
        worlds: "crowded",
        edits: &[edit(
            BODY,
            "let settled = if to_notion {",
            "let settled = if to_notion && !PLANTED {",
        )],
    },
    // Base, and what moves it.
    Planted {
        name: "base-before-outcome",
        rule: "base moves with the outcome of a write, not with its plan",
        worlds: "crowded",
        edits: &[edit(
            PERSIST,
            "op.sequence = sequence;\n            sequence += 1;",
            "op.sequence = sequence;\n            sequence += 1;\n            if PLANTED && !op.settlement.creates && !op.settlement.proposal {\n                let base = record.base.get_or_insert_with(Default::default);\n                base.fields.extend(op.settlement.fields.clone());\n            }",
        )],
    },
    Planted {
        name: "base-from-a-lookup",
        rule: "what a lookup shows may hold somebody's edit: base is what was sent",
        worlds: "both",
        edits: &[
            edit(
                SETTLE,
                ".filter(|_| !traced || !ack.lacking.is_empty());",
                ".filter(|_| PLANTED || !traced || !ack.lacking.is_empty());",
            ),
            edit(
                SETTLE,
                "retain(|id, _| !traced || lacks(",
                "retain(|id, _| PLANTED || !traced || lacks(",
            ),
            edit(
                SETTLE,
                ".filter(|_| !traced);",
                ".filter(|_| PLANTED || !traced);",
            ),
        ],
    },
    Planted {
        name: "half-counts-as-all",
        rule: "of a write of which half is there, what stands as it was sent is agreed",
        worlds: "crowded",
        edits: &[
            edit(
                PARTIAL,
                "&& value == agreed.on(side)\n",
                "&& (PLANTED || value == agreed.on(side))\n",
            ),
            edit(
                PARTIAL,
                "Some(before) => before.confirmed(sent, side, document),",
                "Some(_) if PLANTED => Some(sent.clone()),\n                Some(before) => before.confirmed(sent, side, document),",
            ),
        ],
    },
    Planted {
        name: "half-counts-as-nothing",
        rule: "what stands as it was sent is agreed, though the rest is not there",
        worlds: "crowded",
        edits: &[edit(
            PARTIAL,
            "if op.settlement.proposal {\n            return",
            "if op.settlement.proposal || PLANTED {\n            return",
        )],
    },
    // Writes whose outcome is not known.
    Planted {
        name: "unknown-holds-nothing",
        rule: "nothing is decided about a record of which a write may still take effect",
        worlds: "both",
        edits: &[
            edit(TABLE, "if s.unresolved {", "if s.unresolved && !PLANTED {"),
            edit(
                EXECUTE,
                "if blocked.contains_key(&record) ||",
                "if (blocked.contains_key(&record) && !PLANTED) ||",
            ),
        ],
    },
    Planted {
        name: "late-commit-forgotten",
        rule: "a write that was sent again and answered may still take effect once more",
        worlds: "faults",
        edits: &[edit(
            OPERATION,
            "self.state.is_unresolved() || (may_land",
            "self.state.is_unresolved() || (!PLANTED && may_land",
        )],
    },
    Planted {
        name: "send-gate-open",
        rule: "nothing is sent later than a pause after its intent",
        worlds: "workers",
        edits: &[edit(
            EXECUTE,
            "Ok(self.now() - intent_at <= half)",
            "Ok(PLANTED || self.now() - intent_at <= half)",
        )],
    },
    // Names of operations.
    Planted {
        name: "op-id-from-now",
        rule: "the id of an operation is made of what it does, not of when",
        worlds: "crowded",
        edits: &[edit(
            RENDER,
            "                generation,\n            }\n            .id();",
            "                generation: generation + if PLANTED { self.now().timestamp().unsigned_abs() } else { 0 },\n            }\n            .id();",
        )],
    },
    Planted {
        name: "op-id-without-epoch",
        rule: "the id of an operation counts how often base moved, and how often the same was done before",
        worlds: "tasks",
        edits: &[
            edit(
                RENDER,
                "epoch: draft.epoch,\n                content",
                "epoch: if PLANTED { 0 } else { draft.epoch },\n                content",
            ),
            edit(
                RENDER,
                "Some(_) => generation += 1,",
                "Some(_) if PLANTED => return Ok(None),\n                Some(_) => generation += 1,",
            ),
        ],
    },
    Planted {
        name: "unsorted",
        rule: "what is decided and sent has an order that does not hang on memory",
        worlds: "tasks",
        edits: &[edit(
            EXECUTE,
            "for (record, head) in heads {",
            "let heads: Vec<_> = if PLANTED {\n            let unsorted: std::collections::HashMap<_, _> = heads.into_iter().collect();\n            unsorted.into_iter().collect()\n        } else {\n            heads.into_iter().collect()\n        };\n        for (record, head) in heads {",
        )],
    },
    // Proposals.
    Planted {
        name: "merged-against-the-newest",
        rule: "what was merged is an answer to the versions that the pull request showed",
        worlds: "crowded",
        edits: &[edit(
            FIELD,
            "if merged.is_some_and(|(notion, _)| *notion == now.0) {",
            "if merged.is_some_and(|(notion, _)| PLANTED || *notion == now.0) {",
        )],
    },
    Planted {
        name: "decided-when-planned",
        rule: "a conflict that was decided by merging is open until the page has the decision",
        worlds: "crowded",
        edits: &[edit(
            PERSIST,
            "let merged = decided_by_merging(&plan);",
            "let mut merged = decided_by_merging(&plan);\n        if PLANTED { merged.clear(); }",
        )],
    },
    Planted {
        name: "buried-when-proposed",
        rule: "a file is gone when the pull request is merged, not when it is opened",
        worlds: "documents",
        edits: &[edit(
            PERSIST,
            "record.life = Life::Deleting;",
            "record.life = if PLANTED && matches!(step, Step::Propose(..)) { Life::Tombstone } else { Life::Deleting };",
        )],
    },
    Planted {
        name: "refused-proposed-again",
        rule: "a value that was proposed and refused is not proposed again",
        worlds: "crowded",
        edits: &[
            edit(
                RECONCILE,
                "if case.record.refused.contains(&value) {",
                "if case.record.refused.contains(&value) && !PLANTED {",
            ),
            edit(
                RECONCILE,
                "ProposalState::Refused => LifeProposal::Refused,",
                "ProposalState::Refused if PLANTED => LifeProposal::None,\n                ProposalState::Refused => LifeProposal::Refused,",
            ),
        ],
    },
    Planted {
        name: "branch-per-try",
        rule: "a proposal has one name for all tries",
        worlds: "documents",
        edits: &[edit(
            PROPOSAL,
            "            record.next_sequence,\n",
            "            record.next_sequence + if PLANTED {\n                static TRIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);\n                TRIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed)\n            } else {\n                0\n            },\n",
        )],
    },
    Planted {
        name: "branch-moved-with-force",
        rule: "a branch is only moved on from the commit that was looked at",
        worlds: "crowded",
        edits: &[
            edit(
                COMMIT,
                "if now.as_deref() != Some(parent) {",
                "if now.as_deref() != Some(parent) && !PLANTED {",
            ),
            edit(
                COMMIT,
                "json!({\"sha\": sha, \"force\": false})",
                "json!({\"sha\": sha, \"force\": PLANTED})",
            ),
        ],
    },
    // Rules and comments.
    Planted {
        name: "edge-apart",
        rule: "that a step is on its way is stored together with its operation",
        worlds: "cells",
        edits: &[
            edit(
                PERSIST,
                "        let mut batch = Batch::default();\n        talk.save(",
                "        let mut batch = Batch::default();\n        let mut apart = Batch::default();\n        talk.save(",
            ),
            edit(
                PERSIST,
                "            batch.operation(&op, None)?;\n",
                "            if PLANTED && matches!(op.write.action, Action::Effect(_)) {\n                apart.operation(&op, None)?;\n            } else {\n                batch.operation(&op, None)?;\n            }\n",
            ),
            edit(
                PERSIST,
                "batch.record_with_audit(&mut state, save, audit)?;\n        self.state().commit(batch).await?;",
                "batch.record_with_audit(&mut state, save, audit)?;\n        self.state().commit(batch).await?;\n        if !apart.is_empty() { self.state().commit(apart).await?; }",
            ),
        ],
    },
    Planted {
        name: "edge-unsettled",
        rule: "a rule hears a value when the minute of its page is over",
        worlds: "crowded",
        edits: &[edit(
            RULES,
            "&& view.settled\n            && !unresolved",
            "&& (PLANTED || view.settled)\n            && !unresolved",
        )],
    },
    Planted {
        name: "echo-fires",
        rule: "what the sync wrote itself fires no rule",
        worlds: "crowded",
        edits: &[edit(
            STEPS,
            "Cause::Engine);",
            "if PLANTED { Cause::Person } else { Cause::Engine });",
        )],
    },
    Planted {
        name: "comment-before-ledger",
        rule: "that a comment is on its way is stored together with its operation",
        worlds: "tasks",
        edits: &[edit(
            PERSIST,
            "talk.save(&record.id, &mut batch)?;",
            "if !PLANTED { talk.save(&record.id, &mut batch)?; }",
        )],
    },
    // Listings.
    Planted {
        name: "listed-backwards",
        rule: "changes are listed oldest first: what changes meanwhile comes at the end",
        worlds: "documents",
        edits: &[edit(
            LISTING,
            "\"direction\": \"ascending\"",
            "\"direction\": if PLANTED { \"descending\" } else { \"ascending\" }",
        )],
    },
];
