//! The emulator: from a request to a reply, with everything that surrounds a route.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::emulator::{
    Emulator, EmulatorBounds, Fault, FaultPlan, LogEntry, Reply, Request, RequestLog, Response,
};

use super::auth::Caller;
use super::exchange::{Answer, ApiVersion, Bases, Content, Exchange, decode};
use super::late::Late;
use super::limit::Resource;
use super::refusal::Refusal;
use super::state::State;
use super::world::{GithubWorld, WorldError};
use super::{graphql, rest, seed};

/// GitHub as a state machine.
#[derive(Debug)]
pub struct GithubEmulator {
    world: GithubWorld,
    started_at: DateTime<Utc>,
    git_root: Option<PathBuf>,
    pub(crate) state: State,
    log: RequestLog,
    faults: FaultPlan,
    /// Writes that were received and take effect later.
    pub(super) late: Late,
}

/// What came out of a request, before faults and log.
pub(super) struct Outcome {
    response: Response,
    actor: String,
}

impl GithubEmulator {
    /// An emulator with this world, which was made at `started_at`.
    ///
    /// # Errors
    /// When the world contradicts itself or names a directory that cannot be read.
    pub fn new(world: GithubWorld, started_at: DateTime<Utc>) -> Result<Self, WorldError> {
        let state = seed::build(&world, started_at)?;
        Ok(Self {
            world,
            started_at,
            git_root: None,
            state,
            log: RequestLog::default(),
            faults: FaultPlan::default(),
            late: Late::default(),
        })
    }

    /// Keeps a bare repository per repository below `root` (created, emptied), so that git can
    /// clone and push. The repository with id 7 is `root/7.git`.
    ///
    /// # Errors
    /// When a repository cannot be written.
    pub fn bind_git(&mut self, root: &Path) -> Result<(), WorldError> {
        self.git_root = Some(root.to_owned());
        let ids: Vec<u64> = self.state.repositories.keys().copied().collect();
        for id in ids {
            self.bind_repository(id)?;
        }
        Ok(())
    }

    pub(crate) fn bind_repository(&mut self, id: u64) -> Result<(), WorldError> {
        let Some(root) = &self.git_root else {
            return Ok(());
        };
        let path = root.join(format!("{id}.git"));
        self.state
            .bind(id, &path)
            .map_err(|source| WorldError::Directory { path, source })
    }

    /// The world it started with.
    #[must_use]
    pub fn world(&self) -> &GithubWorld {
        &self.world
    }

    /// Where the bare repositories are, if [`GithubEmulator::bind_git`] was called.
    #[must_use]
    pub fn git_root(&self) -> Option<&Path> {
        self.git_root.as_deref()
    }

    /// Times are kept to the grain of the service.
    pub(crate) fn grained(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let grain = i64::from(self.world.bounds.grain_seconds.max(1));
        let seconds = now.timestamp().div_euclid(grain) * grain;
        DateTime::from_timestamp(seconds, 0).unwrap_or(now)
    }

    pub(super) fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Outcome {
        let path = request.uri().path();
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let (prefix, path) = match path.strip_prefix("/api/v3") {
            Some(rest) if rest.starts_with('/') => ("/api/v3", rest),
            _ if path == "/api/graphql" => ("/api/v3", "/graphql"),
            _ => ("", path),
        };
        let bases = self.bases(request, prefix);
        let versions: Vec<&str> = request
            .headers()
            .get_all("x-github-api-version")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let version = match versions.as_slice() {
            [] => Ok(ApiVersion::V2022),
            [_, _, ..] if self.state.settings.refuse_duplicate_version => Err(Refusal::new(
                400,
                "Only one X-GitHub-Api-Version header is allowed",
            )),
            [first, ..] => ApiVersion::parse(first).ok_or_else(|| {
                Refusal::new(
                    400,
                    format!("The requested API version '{first}' is not supported."),
                )
            }),
        };
        let caller = self.state.authenticate(header("authorization"), now);
        let (caller, refused) = match caller {
            Ok(caller) => (caller, None),
            Err(refusal) => (Caller::anonymous(), Some(refusal)),
        };
        let shown_version = version.as_ref().copied().unwrap_or(ApiVersion::V2022);
        let resource = match path {
            "/graphql" => Resource::Graphql,
            "/search/issues" => Resource::Search,
            _ => Resource::Core,
        };
        let actor = caller.name.clone();
        let quota = caller.quota();
        let free = path == "/rate_limit";
        let accept = header("accept").unwrap_or_default().to_owned();
        let token = caller.token.clone();
        let outcome = if header("user-agent").is_none_or(str::is_empty) {
            Err(Refusal::new(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
            ))
        } else if let Some(refusal) = refused {
            Err(refusal)
        } else if let Err(refusal) = version {
            Err(refusal)
        } else if let Err(refusal) = self.limits(&caller, request, path, resource, free, now) {
            Err(refusal)
        } else {
            let query = request.uri().query().unwrap_or_default();
            let mut exchange = Exchange {
                state: &mut self.state,
                caller,
                now,
                bases,
                version: shown_version,
                method: request.method().as_str().replace("HEAD", "GET"),
                canonical: path.to_owned(),
                query: query
                    .split('&')
                    .filter(|pair| !pair.is_empty())
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .map(|(key, value)| (decode(key, true), decode(value, true)))
                    .collect(),
                accept: accept.clone(),
                body: request.body().clone(),
            };
            if path == "/graphql" {
                graphql::respond(&mut exchange)
            } else {
                let decoded: Vec<String> = path
                    .split('/')
                    .skip(1)
                    .map(|part| decode(part, false))
                    .collect();
                let mut segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
                if segments == [""] {
                    segments.clear();
                }
                if segments.last() == Some(&"") {
                    Err(Refusal::not_found())
                } else {
                    rest::route(&mut exchange, &segments)
                }
            }
        };
        let answer = outcome.unwrap_or_else(|refusal| {
            let headers = refusal.headers.clone();
            Answer {
                headers,
                ..Answer::json(refusal.status, refusal.body())
            }
        });
        let etag = format!("{token}\n{accept}\n{}", shown_version.name());
        let response = finish(request, answer, &etag);
        if !free && response.status() != StatusCode::NOT_MODIFIED {
            self.state.quotas.draw(&quota, resource, now);
        }
        let standing = self
            .state
            .quotas
            .standing(&self.state.settings, &quota, resource, now);
        let mut response = response;
        for (name, value) in [
            ("x-ratelimit-limit", standing.limit.to_string()),
            ("x-ratelimit-remaining", standing.remaining().to_string()),
            ("x-ratelimit-used", standing.used.to_string()),
            ("x-ratelimit-reset", standing.reset.timestamp().to_string()),
            (
                "x-ratelimit-resource",
                standing.resource.as_str().to_owned(),
            ),
            (
                "x-github-api-version-selected",
                shown_version.name().to_owned(),
            ),
            ("x-github-media-type", "github.v3; format=json".to_owned()),
            (
                "x-github-request-id",
                format!("{:04X}:{:X}", self.log.mark() & 0xffff, self.log.mark()),
            ),
            ("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ] {
            put(&mut response, name, &value);
        }
        Outcome { response, actor }
    }

    /// Where addresses in the answer begin: on loopback the address the request came to.
    fn bases(&self, request: &Request, prefix: &str) -> Bases {
        let host = request
            .uri()
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .or_else(|| {
                request
                    .headers()
                    .get("host")
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            });
        let local = host.filter(|host| {
            let name = host
                .rsplit_once(':')
                .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
                .map_or(host.as_str(), |(name, _)| name);
            matches!(name, "127.0.0.1" | "localhost" | "[::1]")
        });
        match local {
            Some(host) => Bases {
                api: format!("http://{host}{prefix}"),
                web: self.state.web_base.clone(),
                git: format!("http://{host}"),
            },
            None => Bases {
                api: "https://api.github.com".to_owned(),
                web: self.state.web_base.clone(),
                git: self.state.web_base.clone(),
            },
        }
    }

    fn limits(
        &mut self,
        caller: &Caller,
        request: &Request,
        path: &str,
        resource: Resource,
        free: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let quota = caller.quota();
        let settings = &self.state.settings;
        if !free
            && self
                .state
                .quotas
                .is_exhausted(settings, &quota, resource, now)
        {
            let status = if settings.primary_limit_is_429 {
                429
            } else {
                403
            };
            return Err(Refusal::new(
                status,
                format!("API rate limit exceeded for {}.", caller.name),
            ));
        }
        let reads = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        let mutation = resource == Resource::Graphql && graphql::is_mutation(request.body());
        let points = match (resource, reads) {
            (Resource::Graphql, _) => {
                if mutation {
                    5
                } else {
                    1
                }
            }
            (_, true) => 1,
            (_, false) => 5,
        };
        let creates = *request.method() == Method::POST
            && resource == Resource::Core
            && !path.ends_with("/access_tokens")
            && !path.contains("/git/");
        let settings = settings.clone();
        self.state.quotas.strain(&settings, &quota, points, creates || mutation, now).map_err(|content| {
            let message = if content {
                "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later."
            } else {
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            };
            let headers = settings.secondary_retry_after.map(|seconds| ("retry-after", seconds.to_string()));
            Refusal { headers: headers.into_iter().collect(), ..Refusal::new(403, message) }
        })
    }
}

fn put(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}

/// Builds the response: content type, `ETag`, and 304 where the client has it already.
fn finish(request: &Request, answer: Answer, salt: &str) -> Response {
    let (kind, body) = match answer.content {
        Content::Empty => (None, Vec::new()),
        Content::Json(value) => (
            Some("application/json; charset=utf-8"),
            serde_json::to_vec(&value).unwrap_or_default(),
        ),
        Content::Bytes(kind, bytes) => (Some(kind), bytes),
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Room for the headers that every answer has.
    *response.headers_mut() = HeaderMap::with_capacity(24);
    for (name, value) in &answer.headers {
        put(&mut response, name, value);
    }
    put(
        &mut response,
        "vary",
        "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
    );
    if reads && answer.status == 200 {
        let mut hash = blake3::Hasher::new();
        hash.update(salt.as_bytes());
        hash.update(&body);
        for (name, value) in answer.headers.iter().filter(|(name, _)| *name == "link") {
            hash.update(name.as_bytes());
            hash.update(value.as_bytes());
        }
        let tag = format!("\"{}\"", hash.finalize().to_hex());
        let weak = format!("W/{tag}");
        let known = request
            .headers()
            .get_all("if-none-match")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|list| {
                list.split(',')
                    .map(str::trim)
                    .any(|known| known == weak || known == tag || known == "*")
            });
        let unmodified = request.headers().get("if-none-match").is_none()
            && request
                .headers()
                .get("if-modified-since")
                .is_some_and(|since| {
                    answer.headers.iter().any(|(name, value)| {
                        *name == "last-modified"
                            && since.to_str().is_ok_and(|since| is_not_newer(value, since))
                    })
                });
        put(&mut response, "etag", &weak);
        put(
            &mut response,
            "cache-control",
            "private, max-age=60, s-maxage=60",
        );
        if known || unmodified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
    }
    if let Some(kind) = kind {
        put(&mut response, "content-type", kind);
    }
    if *request.method() != Method::HEAD {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

fn is_not_newer(modified: &str, since: &str) -> bool {
    let parse = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    matches!((parse(modified), parse(since)), (Some(modified), Some(since)) if modified <= since)
}

/// What the service sends when it is not itself.
fn refuse(status: u16, retry_after: Option<u32>) -> Response {
    let html = format!(
        "<html>\n<head><title>{status}</title></head>\n<body><h1>Whoa there!</h1></body>\n</html>\n"
    );
    let (kind, body) = match status {
        500 | 502 | 504 => ("text/html; charset=utf-8", html),
        503 => ("application/json; charset=utf-8", json!({
            "code": "503", "message": "Service unavailable", "documentation_url": "https://docs.github.com/rest",
        }).to_string()),
        403 | 429 => ("application/json; charset=utf-8", json!({
            "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            "documentation_url": "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
        }).to_string()),
        401 => ("application/json; charset=utf-8", Refusal::new(401, "Bad credentials").body().to_string()),
        404 => ("application/json; charset=utf-8", Refusal::not_found().body().to_string()),
        status => ("application/json; charset=utf-8", Refusal::new(status, "Refused").body().to_string()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    put(&mut response, "content-type", kind);
    let wait = retry_after.or((status == 429).then_some(60));
    if let Some(seconds) = wait {
        put(&mut response, "retry-after", &seconds.to_string());
    }
    response
}

fn fault_name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Delay { .. } => "delay",
        Fault::DropBefore => "drop-before",
        Fault::DropAfter => "drop-after",
        Fault::Refuse { .. } => "refuse",
        Fault::FailAfter { .. } => "fail-after",
    }
}

impl Emulator for GithubEmulator {
    fn handle(&mut self, request: Request, now: DateTime<Utc>) -> Reply {
        let at = now;
        self.catch_up(at);
        let now = self.grained(now);
        let path = request
            .uri()
            .path_and_query()
            .map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned());
        if request.uri().path().starts_with("/_emulator/")
            && let Some(response) = self.control(&request, now)
        {
            return Reply::now(response);
        }
        let fault = self
            .faults
            .strike(request.method().as_str(), request.uri().path());
        let before = self.state.changes;
        let standing_actor = |state: &State| {
            let header = request
                .headers()
                .get("authorization")
                .and_then(|value| value.to_str().ok());
            state
                .authenticate(header, now)
                .map_or_else(|_| "anonymous".to_owned(), |caller| caller.name)
        };
        let mut late = false;
        let (reply, actor, status) = match &fault {
            Some(Fault::DropBefore) => (Reply::Dropped, standing_actor(&self.state), 0),
            Some(Fault::Refuse {
                status,
                retry_after,
            }) => {
                let mut response = refuse(*status, *retry_after);
                put(&mut response, "x-ratelimit-resource", "core");
                put(&mut response, "x-ratelimit-limit", "5000");
                put(&mut response, "x-ratelimit-remaining", "4999");
                (Reply::now(response), standing_actor(&self.state), *status)
            }
            Some(Fault::DropAfter) if let Some(actor) = self.defer(&request, at) => {
                late = true;
                (Reply::Dropped, actor, 0)
            }
            _ => {
                let outcome = self.answer(&request, now);
                let status = outcome.response.status().as_u16();
                match &fault {
                    Some(Fault::DropAfter) => (Reply::Dropped, outcome.actor, 0),
                    Some(Fault::FailAfter { status }) => {
                        (Reply::now(refuse(*status, None)), outcome.actor, *status)
                    }
                    Some(fault) => (
                        Reply::Answer {
                            response: outcome.response,
                            delay: fault.delay(),
                        },
                        outcome.actor,
                        status,
                    ),
                    None => (
                        Reply::Answer {
                            response: outcome.response,
                            delay: Duration::ZERO,
                        },
                        outcome.actor,
                        status,
                    ),
                }
            }
        };
        self.log.push(LogEntry {
            sequence: 0,
            at,
            actor,
            method: request.method().to_string(),
            path,
            body_hash: blake3::hash(request.body()).to_hex().to_string(),
            status,
            effect: late || self.state.changes != before,
            fault: fault.as_ref().map(|fault| fault_name(fault).to_owned()),
        });
        reply
    }

    fn control(&mut self, request: &Request, now: DateTime<Utc>) -> Option<Response> {
        self.catch_up(now);
        let now = self.grained(now);
        let answer = super::control::route(self, request, now)?;
        let answer = answer.unwrap_or_else(|refusal| (refusal.status, refusal.body()));
        let (status, body): (u16, Value) = answer;
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        put(
            &mut response,
            "content-type",
            "application/json; charset=utf-8",
        );
        Some(response)
    }

    fn reset(&mut self) {
        // The world was built once, so it can be built again; a directory that vanished since then
        // leaves the state as it is.
        match seed::build(&self.world, self.started_at) {
            Ok(state) => self.state = state,
            Err(error) => tracing::error!(%error, "the world could not be built again"),
        }
        if let Some(root) = self.git_root.clone()
            && let Err(error) = self.bind_git(&root)
        {
            tracing::error!(%error, "bare repositories not reset");
        }
        self.log.clear();
        self.faults.clear();
        self.late = Late::default();
    }

    fn bounds(&self) -> &EmulatorBounds {
        &self.world.bounds
    }

    fn log(&self) -> &RequestLog {
        &self.log
    }

    fn faults(&mut self) -> &mut FaultPlan {
        &mut self.faults
    }
}
