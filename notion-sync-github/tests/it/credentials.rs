//! Tokens: personal, of an installation, refreshed, never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::Duration;
use notion_sync_core::ErrorKind;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::remote::Remote as _;
use notion_sync_github::{
    AppInstallation, FilesSettings, GithubClient, GithubFiles, InstallationTokens, PersonalToken,
    TokenSource,
};
use notion_sync_testkit::emulator::Fault;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::*;

/// A key that was made for these tests and guards nothing.
pub(crate) fn app_key() -> String {
    KEY.replace("TEST KEY", "RSA PRIVATE KEY")
}

const KEY: &str = "\
-----BEGIN TEST KEY-----
MIIEpAIBAAKCAQEA7v5H1sHm3XZ1wDE19VwuYiAcQfx/e+Tgvg6XkotnrJlAUCWC
oX5PfZlDLB45vt16J45iNTKbDq78b3vha6W2SHVTvdjnuTo9bXqyqEUGHEAdqoK8
4cq2eelgHBfahPA2Hp8E2D2IzfiEzYV/8CpseUsAhfEW2p0dzISJ1PxNRC9SSkrM
NjHSu5bB1j6p4ZX7Sk36Nm1bGYgKPCAcErIju/TGCwL70OLIpWF5u2OYQDiqdWR0
n7kCXfsw5tujWfDWnpQrXJZkXD1xLzxhyc9gnGs9jzch/i96xcRpoPFoBQs5bk03
1btSVPfK1/d9Oye3zjrGLikYw3zk9Gf34BAhgwIDAQABAoIBACOr3MwfT+vxO50O
m0z+enEsoBsclWidc7VabIwzy4B1tVA2cRDVT1xh96aKR7iHH9hEm8BF8o0sAsNJ
vGPQAuzoujGQF5zMJmavVXg2forRP7xMsZA1V1bLRbbxES1zbxh98qqrRek8SpIk
dsFBi8RE32nz303iUpQimjH/Ndx9tnboboYamZV72MkJbCuYY4/noSMAq6Kq6wcx
SaBMVLDyk3ojPeZ8HRmRQb633xxzEMgYbfvsgO8/8zdU39hLDeZSCUiYmbf8q783
NmVXK+TG/JH8c3YS+gw0QT4GuXuBj/pk6MJ9bFUWRGR/qLyF4wS2AHXjA+tQJfm8
w5qAMKUCgYEA/3oE9oXIN1p9VJdLSfLSTXaWCrHJg0T13DwREl/4Dm6pKEi9FN36
tVd6tRrczgJTuNJ5JLjalX9TSFBb2jRcIdxwy17xzTOB0b4QLiRazerztP4mwefn
70cQAL/RcyzysYrWGtw/FwWasyPbYKvnP812FztxWyxtoiIYtua/kh8CgYEA73ud
5txWVfnfxzUPtCi6Jg62KMW6Vni1o/03HV9ClR9SzVl7r9TL5nAr9LeDwRhok+n5
/w4J0yXg+sYRHx5O2Kwsd3ZyX4xCdU4xHnSFyq/1+4KfFAiW3avgacd//ZRFyQHk
WMTk8SZj8PI1MdPTQ9U+1hOdgl/BFc0+XDlY7B0CgYEArYtO6cPxQSDYOGlZ/I7V
q0deHz+sWt6ygPvQwQGuOOeVQ0c+Inm0QBF/ypzH162e/9MB9h8YZSuMAHiOHMkq
uNnNSWliqnlNu5P329BYWr868/0diOUnGdTVGx0yg6HJ7y8XyEFLHjFxaDV4ZdAA
k8fXa2q20y93/gZZcY2IHxMCgYAeACxtyVh/eMgR2pHXDesT7W/gd7S6NHD81DHd
WhurNrtWwkj+Y/gPLCo1g+/bdsVTElKhIw8UBoDCqaFndpKGDjub05jMY3PH4j3B
BPPlyllUYq6vAcx0hJ2eYsGj8Lk1Tyld/Xx4wUhv3MfRMCodK0+t3dMzi+9SXd3c
C8sZ+QKBgQD8l9W8kWdoF/1SuPzq7+HFhgkfz/yrvO7zcX41q7C/LZnHZMgnQE0v
Gwh/UyLKEHNJp9/+B+u4EVTuS3cYdnFI6WxJ3cynMMvcu/Tik+PoZ2B5rSvnYY1z
aOEZnmcF4SyywjjdIctpEbst8/k5w4QVrZOZx2YkRSfj7FGKirPYpA==
-----END TEST KEY-----
";

fn app(installation: u64) -> AppInstallation {
    AppInstallation {
        app_id: "7".to_owned(),
        private_key: SecretString::from(app_key()),
        installation_id: installation,
    }
}

pub(crate) fn tokens(world: &World, installation: u64) -> Arc<InstallationTokens> {
    Arc::new(
        InstallationTokens::new(
            &app(installation),
            world.send(),
            world.clock.clone(),
            World::settings(),
        )
        .unwrap(),
    )
}

pub(crate) fn client(world: &World, tokens: Arc<InstallationTokens>) -> GithubClient {
    GithubClient::new(world.send(), tokens, world.clock.clone(), World::settings()).unwrap()
}

fn mints(world: &World, mark: u64) -> usize {
    world
        .asked(mark)
        .iter()
        .filter(|line| line.contains("/access_tokens"))
        .count()
}

#[tokio::test]
async fn an_installation_works_and_renews_before_the_end() {
    let world = World::new();
    let tokens = tokens(&world, 70);
    let files = GithubFiles::new(
        client(&world, Arc::clone(&tokens)),
        FilesSettings::markdown(REPO, "main", "docs").unwrap(),
    )
    .unwrap();
    files.read(&file("docs/a.md"), true).await.unwrap();
    one(&files, write("o1", new_file("docs/n.md", "n\n")))
        .await
        .unwrap();
    assert_eq!(mints(&world, 0), 1);
    world.clock.advance(Duration::minutes(54));
    files.read(&file("docs/a.md"), true).await.unwrap();
    assert_eq!(mints(&world, 0), 1, "more than five minutes are left");
    world.clock.advance(Duration::minutes(2));
    files.read(&file("docs/a.md"), true).await.unwrap();
    assert_eq!(mints(&world, 0), 2);
    assert!(
        world.asked(0).iter().all(|line| !line.ends_with(" 401")),
        "it never ran out"
    );
}

#[tokio::test]
async fn callers_share_one_mint() {
    let world = World::new();
    let tokens = tokens(&world, 70);
    let all = futures::future::join_all((0..20).map(|_| tokens.token())).await;
    let prints: std::collections::BTreeSet<String> = all
        .into_iter()
        .map(|token| token.unwrap().fingerprint)
        .collect();
    assert_eq!((prints.len(), mints(&world, 0)), (1, 1));
}

#[tokio::test]
async fn a_revoked_token_is_renewed_once() {
    let world = World::new();
    let tokens = tokens(&world, 70);
    let files = GithubFiles::new(
        client(&world, Arc::clone(&tokens)),
        FilesSettings::markdown(REPO, "main", "docs").unwrap(),
    )
    .unwrap();
    files.read(&file("docs/a.md"), true).await.unwrap();
    let token = tokens.token().await.unwrap().token;
    let request = http::Request::delete("https://api.github.com/installation/token")
        .header("authorization", format!("Bearer {}", token.expose_secret()))
        .header("user-agent", "test")
        .body(bytes::Bytes::new())
        .unwrap();
    assert_eq!(world.send().send(request).await.unwrap().status(), 204);
    let mark = world.mark();
    files.read(&file("docs/a.md"), true).await.unwrap();
    let asked = world.asked(mark);
    assert_eq!(
        asked.iter().filter(|line| line.ends_with(" 401")).count(),
        1,
        "{asked:?}"
    );
    assert_eq!(mints(&world, mark), 1);
}

/// Answers 401 to everything but the minting of tokens.
#[derive(Debug)]
struct Refusing(Arc<dyn HttpSend>, AtomicU32);

#[async_trait]
impl HttpSend for Refusing {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        if request.uri().path().ends_with("/access_tokens") {
            return self.0.send(request).await;
        }
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(bytes::Bytes::from_static(
            b"{\"message\":\"Bad credentials\"}",
        ));
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        Ok(response)
    }
}

#[tokio::test]
async fn a_token_that_is_always_refused_ends_after_one_renewal() {
    let world = World::new();
    let send = Arc::new(Refusing(world.send(), AtomicU32::new(0)));
    let client = GithubClient::new(
        send.clone(),
        tokens(&world, 70),
        world.clock.clone(),
        World::settings(),
    )
    .unwrap();
    assert_eq!(
        client.repository(REPO).await.unwrap_err().kind(),
        ErrorKind::Unauthorized
    );
    assert_eq!(send.1.load(Ordering::SeqCst), 2);
    let personal = Arc::new(PersonalToken::new("github_pat_bot".into()).unwrap());
    let client = GithubClient::new(
        send.clone(),
        personal,
        world.clock.clone(),
        World::settings(),
    )
    .unwrap();
    assert_eq!(
        client.repository(REPO).await.unwrap_err().kind(),
        ErrorKind::Unauthorized
    );
    assert_eq!(send.1.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn faults_of_an_app_are_named() {
    let world = World::new();
    let error = tokens(&world, 999).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.remedy_text().unwrap().contains("installation id"),
        "{error}"
    );
    let unknown = AppInstallation {
        app_id: "8".to_owned(),
        ..app(70)
    };
    let source = InstallationTokens::new(
        &unknown,
        world.send(),
        world.clock.clone(),
        World::settings(),
    )
    .unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.remedy_text().unwrap().contains("clock"), "{error}");
    let broken = AppInstallation {
        private_key: "no key".into(),
        ..app(70)
    };
    let error = InstallationTokens::new(
        &broken,
        world.send(),
        world.clock.clone(),
        World::settings(),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!error.to_string().contains("no key"));
    world.fault("POST", "/access_tokens", Fault::DropAfter);
    let error = tokens(&world, 70).token().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotApplied,
        "minting again is harmless"
    );
    let escaped = AppInstallation {
        private_key: app_key().replace('\n', "\\n").into(),
        ..app(70)
    };
    InstallationTokens::new(
        &escaped,
        world.send(),
        world.clock.clone(),
        World::settings(),
    )
    .unwrap();
}

#[test]
fn tokens_are_checked_for_what_a_header_holds_only() {
    for good in [
        "ghp_x",
        "github_pat_11AAA_bbb",
        "ghs_1_eyJh.eyJp.sig-nature_very_long",
        " trimmed\n",
    ] {
        assert!(PersonalToken::new(good.into()).is_ok(), "{good}");
    }
    for bad in ["", "  ", "a b", "a\nb", "\u{fc}ber", "a\u{0}"] {
        let error = PersonalToken::new(bad.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn secrets_are_never_printed() {
    let world = World::new();
    let source = tokens(&world, 70);
    let minted = source.token().await.unwrap();
    let personal = PersonalToken::new("github_pat_bot".into()).unwrap();
    let client = world.client();
    let files = world.files();
    let mut shown = format!(
        "{source:?} {minted:?} {personal:?} {client:?} {files:?} {:?} {:?}",
        app(70),
        world.issues()
    );
    for (fault, method) in [
        (Fault::DropAfter, "GET"),
        (
            Fault::Refuse {
                status: 500,
                retry_after: None,
            },
            "GET",
        ),
    ] {
        world.fault(method, "/repos", fault);
        let error = client.repository(REPO).await.unwrap_err();
        shown.push_str(&format!("{error} {error:?}"));
    }
    let error = world
        .client_of("github_pat_secret_value")
        .repository(REPO)
        .await
        .unwrap_err();
    shown.push_str(&format!("{error} {error:?}"));
    let jwt = source.app_token().unwrap();
    shown.push_str(&format!("{jwt:?}"));
    for secret in [
        "github_pat_bot",
        "github_pat_secret_value",
        minted.token.expose_secret(),
        jwt.expose_secret(),
        &app_key()[40..90],
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
