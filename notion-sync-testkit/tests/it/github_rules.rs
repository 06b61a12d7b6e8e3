//! Rulesets and classic protection: what is shown of them, and what they refuse.

use serde_json::{Value, json};

use crate::github_checks::{R, checked_world, tip};
use crate::github_support::Client;

fn ruled(rules: Value, more: Value) -> Client {
    let mut ruleset =
        json!({"id": 42, "name": "main", "include": ["~DEFAULT_BRANCH"], "rules": rules});
    for (name, value) in more.as_object().expect("an object") {
        ruleset[name] = value.clone();
    }
    Client::of(checked_world(json!({"rulesets": [ruleset]})))
}

#[test]
fn rules_of_a_branch_are_those_of_its_active_rulesets() {
    let rules = json!([
        {"type": "required_status_checks", "strict": true,
         "checks": [{"context": "build", "integration_id": 8}, {"context": "lint"}]},
        {"type": "pull_request", "approvals": 1, "dismiss_stale_reviews": true, "allowed_merge_methods": ["squash"]},
        {"type": "merge_queue"}, {"type": "required_signatures"}, {"type": "non_fast_forward"},
    ]);
    for (enforcement, shown) in [("active", 5), ("evaluate", 0), ("disabled", 0)] {
        let mut client = ruled(rules.clone(), json!({"enforcement": enforcement}));
        client.token.clear();
        let found = client.get(&format!("{R}/rules/branches/main")).expect(200);
        assert_eq!(found.as_array().map(Vec::len), Some(shown), "{enforcement}");
        assert_eq!(
            client
                .get(&format!("{R}/rules/branches/feature/x"))
                .expect(200),
            json!([])
        );
        let listed = client.get(&format!("{R}/rulesets")).expect(200);
        assert_eq!(
            (&listed[0]["id"], &listed[0]["enforcement"]),
            (&json!(42), &json!(enforcement))
        );
    }
    let mut client = ruled(rules, json!({"bypass": [{"app": 7}, {"role": "admin"}]}));
    let found = client.get(&format!("{R}/rules/branches/main")).expect(200);
    assert_eq!(
        found[0],
        json!({
            "type": "required_status_checks", "ruleset_source_type": "Repository",
            "ruleset_source": "acme/handbook", "ruleset_id": 42,
            "parameters": {
                "required_status_checks": [{"context": "build", "integration_id": 8}, {"context": "lint"}],
                "strict_required_status_checks_policy": true, "do_not_enforce_on_create": false,
            },
        })
    );
    assert_eq!(
        (
            &found[1]["parameters"]["required_approving_review_count"],
            &found[1]["parameters"]["allowed_merge_methods"],
            &found[2]["parameters"]["merge_method"]
        ),
        (&json!(1), &json!(["squash"]), &json!("SQUASH"))
    );
    let whole = client.get(&format!("{R}/rulesets/42")).expect(200);
    assert_eq!(
        (
            &whole["conditions"]["ref_name"]["include"],
            &whole["bypass_actors"]
        ),
        (
            &json!(["~DEFAULT_BRANCH"]),
            &json!([
                {"actor_id": 7, "actor_type": "Integration", "bypass_mode": "always"},
                {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"},
            ])
        )
    );
    client.get(&format!("{R}/rulesets/43")).expect(404);
    let whole = client
        .as_user("ghp_bob")
        .get(&format!("{R}/rulesets/42"))
        .expect(200);
    assert!(whole.get("bypass_actors").is_none());
}

#[test]
fn classic_protection_is_read_apart_from_rules() {
    let mut client = Client::of(checked_world(json!({"protected_branches": {"main": {
        "approvals": 2, "strict": true, "required_checks": ["build"], "checks": [{"context": "lint", "app_id": 8}],
    }}})));
    assert_eq!(
        client.get(&format!("{R}/rules/branches/main")).expect(200),
        json!([])
    );
    let checks = json!([{"context": "build", "app_id": null}, {"context": "lint", "app_id": 8}]);
    let branch = client.get(&format!("{R}/branches/main")).expect(200);
    assert_eq!(
        (
            &branch["protected"],
            &branch["protection"]["required_status_checks"]["contexts"],
            &branch["protection"]["required_status_checks"]["checks"],
        ),
        (&json!(true), &json!(["build", "lint"]), &checks)
    );
    let path = format!("{R}/branches/main/protection");
    let all = client.get(&path).expect(200);
    assert_eq!(
        all["required_pull_request_reviews"]["required_approving_review_count"],
        2
    );
    let policy = client
        .get(&format!("{path}/required_status_checks"))
        .expect(200);
    assert_eq!(
        (&policy["strict"], &policy["checks"]),
        (&json!(true), &checks)
    );
    let free = client
        .get(&format!("{R}/branches/topic/protection"))
        .expect(404);
    assert_eq!(free["message"], "Branch not protected");
    // People without the role are not told, apps without the permission are.
    client.as_user("ghp_bob").get(&path).expect(404);
    let refused = client.as_user("ghs_ci").get(&path);
    assert_eq!(
        (
            refused.status,
            refused.header("x-accepted-github-permissions")
        ),
        (403, Some("administration=read"))
    );
    let unprotected = client.get(&format!("{R}/branches/topic")).expect(200);
    assert_eq!(
        unprotected["protection"]["required_status_checks"],
        json!({"enforcement_level": "off", "contexts": [], "checks": []})
    );
}

#[test]
fn pushes_that_rules_forbid_are_refused_by_every_route() {
    let rule = |rule: Value| json!([rule]);
    let heading = "Repository rule violations found\n\n";
    for (rules, message) in [
        (
            rule(json!({"type": "pull_request"})),
            "Changes must be made through a pull request.",
        ),
        (
            rule(json!({"type": "merge_queue"})),
            "Changes must be made through the merge queue",
        ),
        (
            rule(json!({"type": "required_status_checks", "checks": [{"context": "build"}]})),
            "Required status check \"build\" is expected.",
        ),
        (
            rule(json!({"type": "required_signatures"})),
            "Commits must have verified signatures.",
        ),
    ] {
        let signatures = rules[0]["type"] == "required_signatures";
        let whole = format!("{heading}{message}\n\n");
        let mut client = ruled(rules.clone(), json!({}));
        let sha = tip(&client, "topic");
        let refused = client
            .send(
                "PATCH",
                &format!("{R}/git/refs/heads/main"),
                json!({"sha": sha}),
            )
            .expect(422);
        assert_eq!(refused["message"], whole);
        // The service signs what it writes itself.
        let put = client.send(
            "PUT",
            &format!("{R}/contents/x"),
            json!({"message": "m", "content": ""}),
        );
        if signatures {
            put.expect(201);
        } else {
            assert_eq!(put.expect(409)["message"], whole);
        }
        client
            .send(
                "POST",
                &format!("{R}/git/refs"),
                json!({"ref": "refs/heads/free", "sha": sha}),
            )
            .expect(201);
        for spared in [json!([{"role": "admin"}]), json!([{"app": 7}])] {
            let mut client = ruled(rules.clone(), json!({"bypass": spared}));
            let token = if spared[0].get("app").is_some() {
                "ghs_bot"
            } else {
                "ghp_ada"
            };
            client
                .as_user(token)
                .send(
                    "PATCH",
                    &format!("{R}/git/refs/heads/main"),
                    json!({"sha": sha}),
                )
                .expect(200);
        }
        let mut client = ruled(rules, json!({"enforcement": "evaluate"}));
        client
            .send(
                "PATCH",
                &format!("{R}/git/refs/heads/main"),
                json!({"sha": sha}),
            )
            .expect(200);
    }
}

#[test]
fn a_green_commit_may_be_pushed_and_force_is_its_own_rule() {
    let checks = json!([{"type": "required_status_checks", "checks": [{"context": "build"}, {"context": "lint"}]}]);
    let mut client = ruled(checks, json!({}));
    let sha = tip(&client, "topic");
    let refs = format!("{R}/git/refs/heads/main");
    for (state, message) in [
        (None, "2 of 2 required status checks are expected."),
        (
            Some("failure"),
            "2 of 2 required status checks have not succeeded: 1 expected and 1 failing.",
        ),
        (
            Some("success"),
            "Required status check \"lint\" is expected.",
        ),
    ] {
        if let Some(state) = state {
            client
                .send(
                    "POST",
                    &format!("{R}/statuses/{sha}"),
                    json!({"state": state, "context": "build"}),
                )
                .expect(201);
        }
        let refused = client.send("PATCH", &refs, json!({"sha": sha})).expect(422);
        assert!(
            refused["message"].as_str().expect("text").contains(message),
            "{refused}"
        );
    }
    client
        .send(
            "POST",
            &format!("{R}/statuses/{sha}"),
            json!({"state": "success", "context": "lint"}),
        )
        .expect(201);
    client.send("PATCH", &refs, json!({"sha": sha})).expect(200);

    let mut client = ruled(json!([{"type": "non_fast_forward"}]), json!({}));
    let (old, sha) = (tip(&client, "main"), tip(&client, "topic"));
    client.send("PATCH", &refs, json!({"sha": sha})).expect(200);
    let refused = client
        .send("PATCH", &refs, json!({"sha": old, "force": true}))
        .expect(422);
    assert!(
        refused["message"]
            .as_str()
            .expect("text")
            .contains("Cannot force-push to this branch"),
        "{refused}"
    );
}
