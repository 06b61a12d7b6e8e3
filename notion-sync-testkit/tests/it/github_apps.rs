//! Tokens, apps and permissions.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::github_support::{Client, NEW, start};

const R: &str = "/repos/acme/handbook";

/// A token as an app signs it; the signature is filler, because nothing verifies it here.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(&json!({"alg": "RS256", "typ": "JWT"})),
        part(claims),
        URL_SAFE_NO_PAD.encode([1; 256])
    )
}

fn app_token(client: &Client) -> String {
    let now = client.now.timestamp();
    jwt(&json!({"iat": now - 60, "exp": now + 540, "iss": "7"}))
}

#[test]
fn an_app_proves_itself_within_ten_minutes() {
    let mut client = Client::new();
    let now = start().timestamp();
    for (claims, status) in [
        (json!({"iat": now - 60, "exp": now + 540, "iss": 7}), 200),
        (json!({"iat": now - 60, "exp": now + 540, "iss": "7"}), 200),
        (json!({"iat": now - 60, "exp": now + 540, "iss": "8"}), 401),
        (json!({"iat": now - 60, "exp": now + 601, "iss": "7"}), 401),
        (json!({"iat": now - 660, "exp": now - 1, "iss": "7"}), 401),
        (json!({"iat": now + 120, "exp": now + 540, "iss": "7"}), 401),
        (json!({"exp": now + 540, "iss": "7"}), 401),
        (json!({"iat": now, "iss": "7"}), 401),
        (json!([]), 401),
        (json!({"iat": i64::MIN, "exp": now + 540, "iss": "7"}), 401),
        (json!({"iat": now, "exp": i64::MAX, "iss": "7"}), 401),
    ] {
        client.as_user(&jwt(&claims)).get("/app").expect(status);
    }
    for token in ["a.b.c", "..", "ghp_wrong", "é"] {
        client.as_user(token).get("/app").expect(401);
    }
    let token = app_token(&client);
    client.as_user(&token);
    assert_eq!(client.get("/app").expect(200)["slug"], "notion-sync");
    assert_eq!(client.get("/app/installations").expect(200)[0]["id"], 70);
    assert_eq!(
        client.get(&format!("{R}/installation")).expect(200)["id"],
        70
    );
    client.get("/orgs/acme/installation").expect(200);
    client.get("/app/installations/71").expect(404);
    client.get(&format!("{R}/issues")).expect(403);
    client.as_user("ghp_ada").get("/app").expect(401);
}

#[test]
fn an_installation_token_lives_an_hour_and_can_be_narrowed() {
    let mut client = Client::new();
    let jwt = app_token(&client);
    let path = "/app/installations/70/access_tokens";
    let wide = client
        .as_user(&jwt)
        .send("POST", path, Value::Null)
        .expect(201);
    assert_eq!(
        (
            &wide["repository_selection"],
            &wide["permissions"]["contents"]
        ),
        (&json!("all"), &json!("write"))
    );
    let narrow = client
        .send(
            "POST",
            path,
            json!({"repositories": ["handbook"], "permissions": {"issues": "read"}}),
        )
        .expect(201);
    assert_eq!(
        (
            &narrow["repository_selection"],
            &narrow["repositories"][0]["id"]
        ),
        (&json!("selected"), &json!(100))
    );
    client
        .send("POST", path, json!({"repositories": ["nowhere"]}))
        .expect(422);
    client
        .send("POST", path, json!({"repository_ids": [999]}))
        .expect(422);
    client
        .send(
            "POST",
            path,
            json!({"permissions": {"administration": "write"}}),
        )
        .expect(422);
    client
        .send("POST", path, json!({"permissions": {"issues": "admin"}}))
        .expect(422);
    client
        .send("POST", "/app/installations/71/access_tokens", json!({}))
        .expect(404);
    let (wide, narrow) = (
        wide["token"].as_str().expect("a token").to_owned(),
        narrow["token"].as_str().expect("a token").to_owned(),
    );
    let all = client
        .as_user(&wide)
        .get("/installation/repositories")
        .expect(200);
    assert_eq!(all["total_count"], 3);
    assert_eq!(
        client
            .as_user(&narrow)
            .get("/installation/repositories")
            .expect(200)["total_count"],
        1
    );
    client.get(&format!("{R}/issues")).expect(200);
    client.get("/repos/acme/notes/issues").expect(404);
    let refused = client.send("POST", &format!("{R}/issues"), json!({"title": "T"}));
    assert_eq!(
        refused.header("x-accepted-github-permissions"),
        Some("issues=write")
    );
    assert_eq!(
        refused.expect(403)["message"],
        "Resource not accessible by integration"
    );
    client
        .as_user(&wide)
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(201);
    client.get("/repos/acme/notes").expect(200);
    client.get("/user").expect(403);
    client.tick(3_599);
    client.get(R).expect(200);
    client.tick(1);
    assert_eq!(client.get(R).expect(401)["message"], "Bad credentials");
    let jwt = app_token(&client);
    let fresh = client
        .as_user(&jwt)
        .send("POST", path, json!({}))
        .expect(201)["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    client
        .as_user(&fresh)
        .send("DELETE", "/installation/token", Value::Null)
        .expect(204);
    client.get(R).expect(401);
}

#[test]
fn a_suspended_installation_is_told() {
    let mut client = Client::new();
    let jwt = app_token(&client);
    client
        .as_user(&jwt)
        .send("PUT", "/app/installations/70/suspended", Value::Null)
        .expect(204);
    client
        .send("POST", "/app/installations/70/access_tokens", json!({}))
        .expect(403);
    client.as_user("ghs_bot").get(R).expect(403);
    client
        .as_user(&jwt)
        .send("DELETE", "/app/installations/70/suspended", Value::Null)
        .expect(204);
    client.as_user("ghs_bot").get(R).expect(200);
}

#[test]
fn everybody_sees_and_does_what_they_may() {
    // Reading a public and a private repository, opening an issue, pushing, administering.
    for (token, [public, private, issue, push, administer]) in [
        ("", [200, 404, 401, 401, 401]),
        ("ghp_mallory", [200, 404, 201, 403, 403]),
        ("ghp_carol", [200, 200, 201, 201, 403]),
        ("ghp_bob", [200, 404, 201, 201, 403]),
        ("ghp_ada", [200, 200, 201, 201, 200]),
        ("ghs_bot", [200, 200, 201, 201, 403]),
        ("ghs_reader", [200, 200, 403, 403, 403]),
        ("github_pat_narrow", [200, 404, 201, 403, 403]),
    ] {
        let mut client = Client::new();
        client.version = NEW;
        client.as_user(token);
        client.get(R).expect(public);
        client
            .get("/repos/acme/notes/contents/n.md")
            .expect(private);
        client
            .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
            .expect(issue);
        client
            .send("POST", &format!("{R}/git/blobs"), json!({"content": "x"}))
            .expect(push);
        client
            .send("PATCH", R, json!({"description": "d"}))
            .expect(administer);
    }
}

#[test]
fn people_describe_themselves() {
    let mut client = Client::new();
    assert_eq!(client.get("/user").expect(200)["login"], "Ada");
    assert_eq!(
        client.get("/users/notion-sync%5Bbot%5D").expect(200)["type"],
        "Bot"
    );
    client.get("/users/nobody").expect(404);
    for (login, permission, role) in [
        ("ada", "admin", "admin"),
        ("bob", "write", "write"),
        ("carol", "write", "write"),
        ("mallory", "read", "read"),
    ] {
        let body = client
            .get(&format!("{R}/collaborators/{login}/permission"))
            .expect(200);
        assert_eq!(
            (&body["permission"], &body["role_name"]),
            (&json!(permission), &json!(role)),
            "{login}"
        );
    }
    assert_eq!(
        client.get("/orgs/acme/teams/docs-team").expect(200)["slug"],
        "docs-team"
    );
    assert_eq!(
        client.get("/orgs/acme/teams/docs-team/members").expect(200)[0]["login"],
        "carol"
    );
    client.get("/orgs/acme/teams/none").expect(404);
    client.headers.push((
        "authorization",
        format!("Basic {}", STANDARD.encode("x:ghp_bob")),
    ));
    client.as_user("");
    assert_eq!(client.get("/user").expect(200)["login"], "bob");
}
