//! The emulator: requests in, replies out.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::api::{Call, Done, Service, query_pairs};
use super::error::{ApiError, ApiResult, edge_response, json_response};
use super::id::NotionId;
use super::limiter::Limiter;
use super::model::Capabilities;
use super::options::NotionOptions;
use super::property::decode_percent;
use super::tasks::Tasks;
use super::view::{Version, Viewer};
use super::workspace::Workspace;
use super::world::{NotionWorld, WorldError};
use crate::emulator::{
    Emulator, EmulatorBounds, Fault, FaultPlan, LogEntry, Reply, Request, RequestLog, Response,
};

/// The most bytes a request body may have.
const LARGEST_BODY: usize = 500 * 1024;

/// Notion's public API as a state machine: no sockets, no clock, the same answers every time.
///
/// Requests come in through [`Emulator::handle`] with `Authorization: Bearer <token>` and
/// `Notion-Version` as at the service; people who have no API act through
/// [`NotionEmulator::person`] or the control paths below `/_emulator/people/`.
#[derive(Debug)]
pub struct NotionEmulator {
    pub(super) service: Service,
    world: NotionWorld,
    bounds: EmulatorBounds,
    log: RequestLog,
    faults: FaultPlan,
    limiter: Limiter,
    requests: u64,
}

impl NotionEmulator {
    /// An emulator of a world.
    ///
    /// # Errors
    /// When the world contradicts itself: a parent or data source that does not exist, an id used
    /// twice, a value that does not fit its property.
    pub fn new(world: NotionWorld, bounds: EmulatorBounds) -> Result<Self, WorldError> {
        let service = start(&world, &bounds, 0)?;
        Ok(Self {
            service,
            world,
            bounds,
            log: RequestLog::default(),
            faults: FaultPlan::default(),
            limiter: Limiter::default(),
            requests: 0,
        })
    }

    /// The world it started with.
    #[must_use]
    pub fn world(&self) -> &NotionWorld {
        &self.world
    }

    /// The switches in force.
    #[must_use]
    pub fn options(&self) -> &NotionOptions {
        &self.service.options
    }

    /// Changes switches. A reset brings back those of the world.
    pub fn set_options(&mut self, options: NotionOptions) {
        self.service.ws.move_is_edit = options.move_is_edit;
        self.service.options = options;
    }

    /// The id that a name or id in the world means.
    #[must_use]
    pub fn id(&self, text: &str) -> NotionId {
        self.world.id(text)
    }

    /// Who a token acts as, by name.
    #[must_use]
    pub fn actor(&self, token: &str) -> Option<&str> {
        let id = self.service.ws.objects.tokens.get(token)?;
        self.service
            .ws
            .objects
            .users
            .get(id)
            .map(|user| user.name.as_str())
    }

    /// The tokens of this world with the names of their owners, people's and bots'.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        self.service
            .ws
            .objects
            .tokens
            .iter()
            .filter_map(|(token, id)| {
                let user = self.service.ws.objects.users.get(id)?;
                Some((token.as_str(), user.name.as_str()))
            })
    }

    fn viewer(&self, request: &Request) -> ApiResult<Viewer> {
        let refused = || ApiError::new(401, "unauthorized", "API token is invalid.");
        let header = request
            .headers()
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(refused)?;
        let (scheme, token) = header.split_once(' ').ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        let id = self
            .service
            .ws
            .objects
            .tokens
            .get(token.trim())
            .copied()
            .ok_or_else(refused)?;
        let user = self.service.ws.objects.users.get(&id).ok_or_else(refused)?;
        Ok(Viewer {
            user: id,
            name: user.name.clone(),
            is_bot: user.capabilities.is_some(),
            can: user
                .capabilities
                .clone()
                .unwrap_or_else(Capabilities::default),
        })
    }

    /// Understands what all endpoints have in common.
    fn call(&mut self, request: &Request, viewer: Viewer, now: DateTime<Utc>) -> ApiResult<Call> {
        if let Some(budget) = self.service.options.rate_limit
            && let Some(seconds) = self.limiter.count(viewer.user, budget, now)
        {
            return Err(ApiError::rate_limited(seconds));
        }
        let version = version(request)?;
        let path = request.uri().path();
        let Some(rest) = path.strip_prefix("/v1/") else {
            return Err(ApiError::invalid_url());
        };
        let path = rest.split('/').map(decode_percent).collect();
        let bytes = request.body();
        let body = if bytes.is_empty() {
            // A command without a body is one with an empty object.
            json!({})
        } else if request.method() == http::Method::GET {
            Value::Null
        } else {
            serde_json::from_slice(bytes)
                .map_err(|_| ApiError::new(400, "invalid_json", "Error parsing JSON body."))?
        };
        Ok(Call {
            method: request.method().clone(),
            path,
            query: query_pairs(request.uri().query().unwrap_or_default()),
            body,
            viewer,
            version,
            now,
            nonce: self.requests,
        })
    }

    fn answer(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
        id: &str,
    ) -> (Response, Option<Done>) {
        if request.body().len() > LARGEST_BODY {
            return (edge_response(413), None);
        }
        let outcome = self
            .viewer(request)
            .and_then(|viewer| self.call(request, viewer, now))
            .and_then(|call| self.service.run(&call));
        match outcome {
            Ok(mut done) => {
                if let Some(body) = done.body.as_object_mut()
                    && body.contains_key("object")
                {
                    body.insert("request_id".into(), id.into());
                }
                (json_response(done.status, &done.body, id), Some(done))
            }
            Err(error) => (error.to_response(id), None),
        }
    }

    /// The answer of a service that saved a change and ran out of time.
    fn late_failure(status: u16, done: &Done, id: &str) -> Response {
        let mut error = ApiError::refusal(status, None);
        if status == 503
            && let Some((resource, children)) = &done.committed
        {
            error.message = "The change was saved, but the response could not be built in time. \
                             Do not repeat the request."
                .to_owned();
            let mut data = json!({
                "elapsed_ms": "55012", "deadline_ms": "55000",
                "committed_resource_id": resource,
                "retry_guidance": ["Read the object again.", "Do not repeat the write."],
            });
            if !children.is_empty()
                && let Some(data) = data.as_object_mut()
            {
                data.insert("committed_child_ids".into(), json!(children));
            }
            error.additional = Some(data);
        }
        error.to_response(id)
    }

    fn strike(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
        id: &str,
        fault: Option<&Fault>,
    ) -> Reply {
        match fault {
            Some(Fault::DropBefore) => Reply::Dropped,
            Some(Fault::DropAfter) => {
                self.commit_later(request, now, id);
                Reply::Dropped
            }
            Some(Fault::Refuse {
                status: status @ (413 | 502),
                ..
            }) => Reply::now(edge_response(*status)),
            Some(Fault::Refuse {
                status,
                retry_after,
            }) => Reply::now(ApiError::refusal(*status, *retry_after).to_response(id)),
            Some(Fault::FailAfter { status }) => {
                let (response, done) = self.answer(request, now, id);
                match done {
                    Some(done) => Reply::now(Self::late_failure(*status, &done, id)),
                    None => Reply::now(response),
                }
            }
            Some(Fault::Delay { .. }) | None => {
                let delay = fault.map(Fault::delay).unwrap_or_default();
                Reply::Answer {
                    response: self.answer(request, now, id).0,
                    delay,
                }
            }
        }
    }

    /// A write whose connection breaks: it happens now, or as late as the bounds allow.
    fn commit_later(&mut self, request: &Request, now: DateTime<Utc>, id: &str) {
        let late = Duration::seconds(i64::from(self.bounds.late_commit_seconds));
        if late.is_zero() || request.method() == http::Method::GET {
            self.answer(request, now, id);
            return;
        }
        let call = self
            .viewer(request)
            .and_then(|viewer| self.call(request, viewer, now));
        if let Ok(call) = call {
            self.service.defer(call, now + late);
        }
    }
}

fn start(world: &NotionWorld, bounds: &EmulatorBounds, epoch: u64) -> Result<Service, WorldError> {
    let lag = Duration::seconds(i64::from(bounds.visibility_seconds));
    let mut ws = Workspace::new(world.seed, &world.workspace, lag);
    ws.move_is_edit = world.options.move_is_edit;
    let mut service = Service {
        ws,
        options: world.options.clone(),
        tasks: Tasks::default(),
        grain: i64::from(bounds.grain_seconds),
        epoch,
    };
    world.build(&mut service)?;
    Ok(service)
}

fn version(request: &Request) -> ApiResult<Version> {
    let header = request
        .headers()
        .get("notion-version")
        .map(|value| value.to_str());
    match header {
        Some(Ok("2026-03-11")) => Ok(Version::V2026),
        Some(Ok("2025-09-03")) => Ok(Version::V2025),
        None => Err(ApiError::new(
            400,
            "missing_version",
            "Notion-Version header failed validation: Notion-Version header should be defined, \
             instead was `undefined`.",
        )),
        Some(other) => Err(ApiError::new(
            400,
            "missing_version",
            format!(
                "Notion-Version header failed validation: Notion-Version header should be \
                 `\"2025-09-03\"` or `\"2026-03-11\"`, instead was `{:?}`.",
                other
                    .unwrap_or_default()
                    .chars()
                    .take(40)
                    .collect::<String>()
            ),
        )),
    }
}

impl Emulator for NotionEmulator {
    fn handle(&mut self, request: Request, now: DateTime<Utc>) -> Reply {
        self.service.catch_up(now);
        self.requests += 1;
        let id =
            NotionId::derived(self.world.seed, &format!("request {}", self.requests)).to_string();
        let method = request.method().as_str().to_owned();
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str())
            .to_owned();
        let fault = self.faults.strike(&method, &path);
        let before = self.service.ws.changes;
        let actor = self
            .viewer(&request)
            .map_or_else(|_| "anonymous".to_owned(), |v| v.name);
        let mut reply = self.strike(&request, now, &id, fault.as_ref());
        if let Reply::Answer { response, .. } = &mut reply
            && let Ok(date) = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string().parse()
        {
            response.headers_mut().insert(http::header::DATE, date);
        }
        let status = match &reply {
            Reply::Answer { response, .. } => response.status().as_u16(),
            Reply::Dropped => 0,
        };
        let late = matches!(fault, Some(Fault::DropAfter)) && self.bounds.late_commit_seconds > 0;
        self.log.push(LogEntry {
            sequence: 0,
            at: now,
            actor,
            body_hash: blake3::hash(request.body()).to_hex().to_string(),
            status,
            effect: self.service.ws.changes != before
                || status == 202
                || (late && request.method() != http::Method::GET),
            fault: fault.as_ref().map(fault_name),
            method,
            path,
        });
        reply
    }

    fn control(&mut self, request: &Request, now: DateTime<Utc>) -> Option<Response> {
        self.service.catch_up(now);
        self.people_control(request, now)
    }

    fn reset(&mut self) {
        let epoch = self.service.epoch + 1;
        if let Ok(service) = start(&self.world, &self.bounds, epoch) {
            self.service = service;
        }
        self.log.clear();
        self.faults.clear();
        self.limiter = Limiter::default();
    }

    fn bounds(&self) -> &EmulatorBounds {
        &self.bounds
    }

    fn log(&self) -> &RequestLog {
        &self.log
    }

    fn faults(&mut self) -> &mut FaultPlan {
        &mut self.faults
    }
}

fn fault_name(fault: &Fault) -> String {
    match fault {
        Fault::Delay { .. } => "delay".to_owned(),
        Fault::DropBefore => "drop-before".to_owned(),
        Fault::DropAfter => "drop-after".to_owned(),
        Fault::Refuse { status, .. } => format!("refuse {status}"),
        Fault::FailAfter { status } => format!("fail-after {status}"),
    }
}

/// A JSON answer of the control paths.
pub(super) fn control_response(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}
