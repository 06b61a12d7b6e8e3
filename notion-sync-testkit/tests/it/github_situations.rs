//! Situations of a pull request that have to do with more than checks.

use notion_sync_testkit::github::Conclusion;
use serde_json::json;

use crate::github_checks::R;
use crate::github_mergeability::{
    MERGED, Situation, build, case, check, classic, commit, review, ruleset, strict,
};

pub(crate) fn situations() -> Vec<Situation> {
    let not_mergeable = (405, "Pull Request is not mergeable");
    let reviews = |approvals: u32| {
        ruleset(
            json!({"type": "pull_request", "approvals": approvals, "dismiss_stale_reviews": true}),
        )
    };
    let lacking = (
        405,
        "At least 1 approving review is required by reviewers with write access.",
    );
    let decided = |decision: &str, case: Situation| Situation {
        decision: decision.into(),
        ..case
    };
    vec![
        case(
            "draft",
            json!({}),
            |client| {
                let id = client.get(&format!("{R}/pulls/1")).expect(200)["node_id"].clone();
                client.graphql(
                "mutation($i:ConvertPullRequestToDraftInput!){convertPullRequestToDraft(input:$i){pullRequest{isDraft}}}",
                json!({"i": {"pullRequestId": id}}),
            );
            },
            "draft",
            not_mergeable,
        ),
        case(
            "conflict",
            json!({}),
            |client| commit(client, "main", "docs/new.md", "theirs\n"),
            "dirty",
            not_mergeable,
        ),
        case(
            "closed",
            json!({}),
            |client| {
                client
                    .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
                    .expect(200);
            },
            "unknown",
            not_mergeable,
        ),
        case(
            "behind, and nobody minds",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                commit(client, "main", "x", "x");
            },
            "clean",
            MERGED,
        ),
        // The service says that the green check is expected.
        case(
            "behind a strict base",
            strict(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                commit(client, "main", "x", "x");
            },
            "behind",
            (405, "Required status check \"build\" is expected."),
        ),
        case(
            "behind a strict base, and red",
            strict(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Failure));
                commit(client, "main", "x", "x");
            },
            "blocked",
            (405, "Required status check \"build\" is expected."),
        ),
        case(
            "up to date with a strict base",
            strict(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
            },
            "clean",
            MERGED,
        ),
        case(
            "classic and strict, without checks",
            classic(json!({"strict": true})),
            |client| {
                commit(client, "main", "x", "x");
            },
            "behind",
            (405, "out of date"),
        ),
        case(
            "a queue",
            ruleset(json!({"type": "merge_queue"})),
            |_| {},
            "clean",
            (405, "Changes must be made through the merge queue"),
        ),
        case(
            "the method is not allowed",
            ruleset(json!({"type": "pull_request", "allowed_merge_methods": ["squash"]})),
            |_| {},
            "clean",
            (405, "Merge commits are not allowed on this branch."),
        ),
        case(
            "the method is switched off",
            json!({"merge_methods": ["rebase"]}),
            |_| {},
            "clean",
            (405, "Merge commits are not allowed on this repository."),
        ),
        case(
            "commits are not signed",
            ruleset(json!({"type": "required_signatures"})),
            |_| {},
            "blocked",
            (405, "Commits must have verified signatures."),
        ),
        decided(
            "REVIEW_REQUIRED",
            case("approvals missing", reviews(1), |_| {}, "blocked", lacking),
        ),
        decided(
            "REVIEW_REQUIRED",
            case(
                "approved by a reader",
                reviews(1),
                |client| {
                    review(client, "ghp_mallory", "APPROVE");
                },
                "blocked",
                lacking,
            ),
        ),
        decided(
            "APPROVED",
            case(
                "approved",
                reviews(1),
                |client| review(client, "ghp_bob", "APPROVE"),
                "clean",
                MERGED,
            ),
        ),
        decided(
            "REVIEW_REQUIRED",
            case(
                "approved, then pushed to",
                reviews(1),
                |client| {
                    review(client, "ghp_bob", "APPROVE");
                    commit(client, "topic", "docs/more.md", "more");
                },
                "blocked",
                lacking,
            ),
        ),
        decided(
            "CHANGES_REQUESTED",
            case(
                "changes requested",
                reviews(0),
                |client| {
                    review(client, "ghp_bob", "REQUEST_CHANGES");
                },
                "blocked",
                (405, "Changes were requested"),
            ),
        ),
        decided(
            "REVIEW_REQUIRED",
            case(
                "approvals missing by classic protection",
                classic(json!({"approvals": 1})),
                |_| {},
                "blocked",
                lacking,
            ),
        ),
        case(
            "without the permission",
            json!({}),
            |client| {
                client.as_user("ghp_mallory");
            },
            "clean",
            (403, "Must have push access"),
        ),
        case(
            "with a token that may not",
            json!({}),
            |client| {
                client.as_user("ghs_reader");
            },
            "clean",
            (403, "Resource not accessible by integration"),
        ),
    ]
}
