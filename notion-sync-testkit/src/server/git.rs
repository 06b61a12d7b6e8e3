//! Git over HTTP: git's own `http-backend` behind the emulator's tokens.

use std::process::Stdio;
use std::sync::Mutex;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::github::{GitAccess, GitService, GithubEmulator, Refusal};

use super::lock;

/// Decides who may clone and push, and hears about pushes.
pub trait GitGateway: Send + Sync {
    /// Where the bare repository of `owner/name` is, if the bearer of this header may use it.
    ///
    /// # Errors
    /// When the caller may not, in the words of the service.
    fn open(
        &self,
        full_name: &str,
        service: GitService,
        authorization: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<GitAccess, Refusal>;

    /// Called after a push went through git.
    ///
    /// # Errors
    /// When what was pushed cannot be read.
    fn pushed(&self, access: &GitAccess, now: DateTime<Utc>) -> Result<(), Refusal>;
}

impl GitGateway for Mutex<GithubEmulator> {
    fn open(
        &self,
        full_name: &str,
        service: GitService,
        authorization: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<GitAccess, Refusal> {
        lock(self).open_git(full_name, service, authorization, now)
    }

    fn pushed(&self, access: &GitAccess, now: DateTime<Utc>) -> Result<(), Refusal> {
        lock(self).finish_push(access, now).map(|_| ())
    }
}

/// One request of git.
#[derive(Debug)]
pub(crate) struct GitCall {
    full_name: String,
    /// What comes after the repository, with a slash in front.
    rest: &'static str,
    service: GitService,
}

impl GitCall {
    /// Recognises the paths git asks for: `/{owner}/{name}[.git]/info/refs?service=…` and the two
    /// services.
    pub(crate) fn parse(parts: &Parts) -> Option<Self> {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        let (repository, rest, service) = if let Some(repository) = path.strip_suffix("/info/refs")
        {
            let service = match query.strip_prefix("service=")? {
                "git-upload-pack" => GitService::UploadPack,
                "git-receive-pack" => GitService::ReceivePack,
                _ => return None,
            };
            (repository, "/info/refs", service)
        } else if let Some(repository) = path.strip_suffix("/git-upload-pack") {
            (repository, "/git-upload-pack", GitService::UploadPack)
        } else {
            (
                path.strip_suffix("/git-receive-pack")?,
                "/git-receive-pack",
                GitService::ReceivePack,
            )
        };
        let full_name = repository.strip_prefix('/')?;
        let full_name = full_name.strip_suffix(".git").unwrap_or(full_name);
        (full_name.matches('/').count() == 1).then(|| Self {
            full_name: full_name.to_owned(),
            rest,
            service,
        })
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, format!("{}\n", refusal.message)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            http::header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"GitHub\""),
        );
    }
    response
}

/// Runs `git http-backend` for one request.
pub(crate) async fn serve(
    gateway: &dyn GitGateway,
    call: GitCall,
    parts: &Parts,
    body: Bytes,
    now: DateTime<Utc>,
) -> Response {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let authorization = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let access = match gateway.open(&call.full_name, call.service, authorization, now) {
        Ok(access) => access,
        Err(refusal) => return refused(&refusal),
    };
    let output = run(
        &access,
        &call,
        parts,
        header("content-type"),
        header("content-encoding"),
        header("git-protocol"),
        body,
    )
    .await;
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("git http-backend: {error}\n"),
            )
                .into_response();
        }
    };
    if call.rest == "/git-receive-pack"
        && let Err(refusal) = gateway.pushed(&access, now)
    {
        return refused(&refusal);
    }
    response(&output)
}

async fn run(
    access: &GitAccess,
    call: &GitCall,
    parts: &Parts,
    kind: &str,
    encoding: &str,
    protocol: &str,
    body: Bytes,
) -> std::io::Result<Vec<u8>> {
    let rules = access.hook_environment();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &access.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{}{}", access.directory, call.rest))
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("CONTENT_TYPE", kind)
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", encoding)
        .env("GIT_PROTOCOL", protocol)
        .env(
            "REMOTE_USER",
            access.login.as_deref().unwrap_or("anonymous"),
        )
        .env("REMOTE_ADDR", "127.0.0.1")
        .env(rules.0, rules.1)
        // Whoever started us may be inside a repository or have a configuration of their own.
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let input = child.stdin.take();
    // Both pipes are served at once: git answers before it has read everything.
    let writer = async move {
        if let Some(mut input) = input {
            // Git closes its end when it has seen enough.
            let _ = input.write_all(&body).await;
            let _ = input.shutdown().await;
        }
    };
    let (output, ()) = futures::join!(child.wait_with_output(), writer);
    Ok(output?.stdout)
}

/// Turns the answer of a CGI program into a response.
fn response(output: &[u8]) -> Response {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        return (StatusCode::BAD_GATEWAY, "git http-backend gave no answer\n").into_response();
    };
    let head = String::from_utf8_lossy(&output[..end]);
    let mut response = Response::new(Body::from(output[end + 4..].to_vec()));
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
