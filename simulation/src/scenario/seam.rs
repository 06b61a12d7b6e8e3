//! What stands between the engine and the world: faults, people who act at bad moments, crashes, and
//! the record of everything that happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::Side;
use notion_sync_examples::demo::Between;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_testkit::emulator::{Emulator, Fault, FaultRule};
use notion_sync_testkit::notion::NotionId;

use super::aimed::{Aimed, unsaid};
use super::cells::{Asked, Cells};
use super::company::Stop;
use super::leases::Leases;
use super::people::{Aim, People, github, lock, notion};
use super::script::{Act, Crash, Harm, Hook, Script, Step, Strike};

/// What happens in the tick under way.
#[derive(Debug, Default)]
struct Weather {
    requests: u32,
    writes: u32,
    calls: u32,
    commits: u32,
    strikes: Vec<Strike>,
    hooks: Vec<Hook>,
    crash: Option<Crash>,
    broken_commit: Option<(u32, bool)>,
    squally: bool,
}

/// What happened so far.
#[derive(Debug)]
pub(super) struct Past {
    weather: Weather,
    /// What is done to the object of the next removal.
    ambush: Option<Act>,
    pub(super) crashed: bool,
    pub(super) life: u64,
    /// The page that each process asked for last.
    page: BTreeMap<usize, NotionId>,
    /// The id by which the backlog is asked for.
    backlog: Option<String>,
    /// When each process may ask a side again.
    pub(super) not_before: BTreeMap<(usize, Side), DateTime<Utc>>,
    /// Whose turn it is.
    pub(super) process: usize,
    /// Whether there are several.
    pub(super) company: bool,
    pub(super) stopped: Option<Stop>,
    pub(super) leases: Leases,
    hasher: blake3::Hasher,
    lines: Option<Vec<String>>,
    counts: BTreeMap<&'static str, u64>,
    /// What is known of endpoints, where that is asked for.
    aimed: Option<Aimed>,
    pub(super) violations: Vec<(&'static str, String)>,
}

/// The seam of a world.
#[derive(Debug)]
pub(crate) struct Seam {
    clock: Mutex<Option<Arc<VirtualClock>>>,
    people: Mutex<Option<Arc<People>>>,
    pub(super) past: Mutex<Past>,
    latency: u32,
    late: u32,
}

impl Seam {
    /// A seam where nothing happened yet. With `told` every event is kept as a line.
    pub(crate) fn new(latency: u32, late: u32, told: bool) -> Arc<Self> {
        Arc::new(Self {
            clock: Mutex::default(),
            people: Mutex::default(),
            past: Mutex::new(Past {
                weather: Weather::default(),
                ambush: None,
                crashed: false,
                life: 0,
                page: BTreeMap::new(),
                backlog: None,
                not_before: BTreeMap::new(),
                process: 0,
                company: false,
                stopped: None,
                leases: Leases::default(),
                hasher: blake3::Hasher::new(),
                lines: told.then(Vec::new),
                counts: BTreeMap::new(),
                aimed: None,
                violations: Vec::new(),
            }),
            latency,
            late,
        })
    }

    /// Tells endpoints apart from now on.
    pub(super) fn aim(&self, script: &Script) {
        lock(&self.past).aimed = Some(Aimed::new(script));
    }

    /// Which fault struck which endpoint.
    pub(super) fn cells(&self) -> Cells {
        let past = lock(&self.past);
        (past.aimed.as_ref()).map_or_else(Cells::default, |aimed| aimed.cells.clone())
    }

    /// A request whose endpoint is told from others, and what strikes it because of that.
    fn aimed_at(
        &self,
        side: Side,
        request: &mut Request,
        writes: bool,
    ) -> Option<(Asked, Option<Harm>)> {
        let mut past = lock(&self.past);
        let squally = past.weather.squally;
        let aimed = past.aimed.as_mut()?;
        aimed.shorten(request);
        let asked = aimed.asked(side, request, writes);
        let harm = squally.then(|| aimed.strike(&asked)).flatten();
        Some((asked, harm))
    }

    /// Ties it to a world.
    pub(crate) fn tie(&self, clock: Arc<VirtualClock>, people: Arc<People>) {
        *lock(&self.clock) = Some(clock);
        *lock(&self.people) = Some(people);
    }

    pub(super) fn clock(&self) -> Option<Arc<VirtualClock>> {
        lock(&self.clock).clone()
    }

    fn people(&self) -> Option<Arc<People>> {
        lock(&self.people).clone()
    }

    /// Writes down what happened.
    pub(crate) fn note(&self, line: &str) {
        let now = self.clock().map(|clock| clock.now()).unwrap_or_default();
        let mut past = lock(&self.past);
        past.hasher.update(&now.timestamp_millis().to_le_bytes());
        past.hasher.update(line.as_bytes());
        past.hasher.update(b"\n");
        if let Some(lines) = &mut past.lines {
            lines.push(format!("{} {line}", now.format("%dT%H:%M:%S%.3f")));
        }
    }

    /// Adds what is there in the end to the hash.
    pub(crate) fn seal(&self, what: &[u8]) {
        let mut past = lock(&self.past);
        past.hasher.update(&(what.len() as u64).to_le_bytes());
        past.hasher.update(what);
    }

    /// Counts something that should happen sometimes.
    pub(crate) fn count(&self, what: &'static str) {
        *lock(&self.past).counts.entry(what).or_default() += 1;
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.past).counts.clone()
    }

    /// Everything that was noted.
    pub(crate) fn lines(&self) -> Vec<String> {
        lock(&self.past).lines.clone().unwrap_or_default()
    }

    /// Hash of everything that was noted.
    pub(crate) fn hash(&self) -> String {
        lock(&self.past).hasher.finalize().to_hex().to_string()
    }

    /// What was found wrong on the way.
    pub(crate) fn violation(&self) -> Option<(&'static str, String)> {
        lock(&self.past).violations.first().cloned()
    }

    /// A tick begins in which all that happens.
    pub(crate) fn begin(&self, step: Option<&Step>) {
        if let Some(people) = self.people() {
            lock(&people.ledger).tick();
        }
        let mut past = lock(&self.past);
        past.crashed = false;
        if let Some(act) = step.and_then(|step| step.ambush) {
            past.ambush = Some(act);
        }
        past.weather = step.map_or_else(Weather::default, |step| Weather {
            strikes: step.strikes.clone(),
            hooks: step.hooks.clone(),
            crash: step.crash,
            broken_commit: step.broken_commit,
            squally: step.squally,
            ..Weather::default()
        });
    }

    /// Nobody does anything any more.
    pub(crate) fn calm(&self) {
        lock(&self.past).ambush = None;
    }

    /// The engine begins a removal: what somebody does to the object just then.
    pub(crate) fn ambushed(&self, aim: Aim) {
        let act = lock(&self.past).ambush.take();
        let now = self.clock().map(|clock| clock.now()).unwrap_or_default();
        if let (Some(act), Some(people)) = (act, self.people())
            && let Some(said) = people.act(act, Some(aim), now)
        {
            self.note(&format!("meanwhile {said}"));
            self.count("person acts right before a removal");
        }
    }

    /// Whether the process died.
    pub(crate) fn crashed(&self) -> bool {
        lock(&self.past).crashed
    }

    /// A new process: it knows nothing of limits that the old one was told of.
    pub(crate) fn restarted(&self) {
        let mut past = lock(&self.past);
        past.not_before.clear();
        past.life += 1;
    }

    /// How many processes died before the present one.
    pub(crate) fn life(&self) -> u64 {
        lock(&self.past).life
    }

    /// Counts a commit; says whether it fails, and whether it is stored nevertheless.
    pub(super) fn breaks(&self) -> Option<bool> {
        let mut past = lock(&self.past);
        let at = past.weather.commits;
        past.weather.commits += 1;
        let (which, stored) = past.weather.broken_commit?;
        (which == at).then_some(stored)
    }

    /// Counts a call; says whether the process dies there, and whether the call takes effect first.
    pub(super) fn dies(&self, writes: bool) -> Option<bool> {
        let mut past = lock(&self.past);
        let (call, write) = (past.weather.calls, past.weather.writes);
        past.weather.calls += 1;
        let now = |crash: &Crash| match crash.writes {
            true => writes && crash.at == write,
            false => crash.at == call,
        };
        let crash = past.weather.crash.filter(now)?;
        past.weather.crash = None;
        Some(crash.after)
    }

    /// The process dies in this kind of step: nobody comes back from here.
    pub(crate) async fn die(&self, kind: &'static str, what: &str) {
        self.note(&format!("the process dies {what}"));
        self.count("crashed");
        self.count(kind);
        lock(&self.past).crashed = true;
        // Nobody will ever hear the answer.
        std::future::pending::<()>().await;
    }

    /// Whether a request changes something.
    pub(crate) fn changes(&self, side: Side, request: &Request) -> bool {
        self.about(side, request).1
    }

    /// What the request is about, for people and for the moment between read and write.
    fn about(&self, side: Side, request: &Request) -> (Option<Aim>, bool) {
        let path = request.uri().path();
        let get = request.method() == "GET";
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match side {
            Side::Notion => {
                let writes = !get && !path.ends_with("/query");
                let id = parts.get(2).and_then(|id| id.parse::<NotionId>().ok());
                let mut past = lock(&self.past);
                let process = past.process;
                if parts.get(1) == Some(&"pages")
                    && let Some(id) = id
                {
                    past.page.insert(process, id);
                }
                let aim = matches!(parts.get(1), Some(&"pages" | &"blocks"))
                    .then(|| past.page.get(&process).copied())
                    .flatten();
                (aim.filter(|_| id.is_some()).map(Aim::Page), writes)
            }
            Side::Github => {
                let mutation = !path.ends_with("/graphql")
                    || request.body().windows(8).any(|w| w == b"mutation");
                let writes = !get && mutation;
                let backlog = lock(&self.past).backlog.clone();
                let own = parts.first() == Some(&"repositories");
                let (within, rest) = if own {
                    let here = backlog.is_some_and(|id| parts.get(1) == Some(&id.as_str()));
                    (here, parts.get(2..))
                } else {
                    (path.contains(BACKLOG), parts.get(3..))
                };
                let rest = rest.unwrap_or_default();
                let number = rest.get(1).and_then(|number| number.parse().ok());
                let aim = if within && rest.first() == Some(&"issues") {
                    number.map(Aim::Issue)
                } else if !within && (own || path.contains(HANDBOOK)) {
                    Some(Aim::File)
                } else {
                    None
                };
                (aim, writes)
            }
        }
    }

    /// Lets people act, and says how this request is harmed.
    fn before(&self, side: Side, aim: Option<Aim>, writes: bool) -> Option<Harm> {
        let (hooks, harm) = {
            let mut past = lock(&self.past);
            let weather = &mut past.weather;
            let (request, write) = (weather.requests, weather.writes);
            weather.requests += 1;
            weather.writes += u32::from(writes);
            let now = |at: u32, of_writes: bool| {
                if of_writes {
                    writes && at == write
                } else {
                    at == request
                }
            };
            let hooks: Vec<Hook> = weather
                .hooks
                .iter()
                .copied()
                .filter(|hook| now(hook.at, hook.writes))
                .collect();
            let struck = weather
                .strikes
                .iter()
                .position(|strike| now(strike.at, strike.writes));
            (hooks, struck.map(|at| weather.strikes.remove(at).harm))
        };
        let at = self.clock().map(|clock| clock.now()).unwrap_or_default();
        if let Some(people) = self.people() {
            for hook in hooks {
                let aim = aim.filter(|_| hook.aimed);
                if let Some(said) = people.act(hook.act, aim, at) {
                    self.note(&format!("meanwhile {said}"));
                    self.count(if aim.is_some() && writes {
                        "person acts right before a write"
                    } else {
                        "person acts during a tick"
                    });
                }
            }
        }
        if !self.has_company() {
            self.not_early(side, at);
        }
        harm
    }

    /// The answer as who asked hears it.
    fn heard(
        &self,
        asked: &Asked,
        request: &Request,
        harm: Option<Harm>,
        answer: Result<Response, SendError>,
    ) -> Result<Response, SendError> {
        let mut answer = answer?;
        if harm == Some(Harm::LimitUnsaid) {
            unsaid(&mut answer);
        }
        let now = self.clock().map(|clock| clock.now()).unwrap_or_default();
        let stale = {
            let mut past = lock(&self.past);
            let squally = past.weather.squally;
            let Some(aimed) = past.aimed.as_mut() else {
                return Ok(answer);
            };
            let (heard, stale) = aimed.heard(asked, request, answer, squally, now);
            answer = heard;
            stale
        };
        if stale {
            self.count("answered with an older list");
            self.note("an older list is shown");
        }
        Ok(answer)
    }

    fn harm(&self, side: Side, harm: Harm, object: Option<&str>, writes: bool) {
        let Some(people) = self.people() else {
            return;
        };
        let now = self.clock().map(|clock| clock.now()).unwrap_or_default();
        let fault = match harm {
            Harm::DropBefore => Fault::DropBefore,
            Harm::DropAfter => Fault::DropAfter,
            Harm::Refuse => Fault::Refuse {
                status: 503,
                retry_after: None,
            },
            Harm::FailAfter => Fault::FailAfter { status: 502 },
            Harm::Limit(seconds) => Fault::Refuse {
                status: 429,
                retry_after: Some(seconds),
            },
            Harm::LimitUnsaid => Fault::Refuse {
                status: 429,
                retry_after: None,
            },
            Harm::Unauthorized => Fault::Refuse {
                status: 401,
                retry_after: None,
            },
            // What the service says now is asked first, and shown only where it says the same.
            Harm::Stale => return,
            Harm::Delay(seconds) => {
                if let Some(clock) = self.clock() {
                    clock.advance(Duration::seconds(i64::from(seconds)));
                }
                self.count("delayed");
                return;
            }
        };
        self.count(match harm {
            Harm::DropBefore => "dropped before",
            Harm::DropAfter => "dropped after",
            Harm::Refuse => "5xx before",
            Harm::FailAfter => "5xx after",
            Harm::Limit(_) => "limited",
            Harm::LimitUnsaid => "limited without saying for how long",
            Harm::Unauthorized => "not authorized for once",
            Harm::Stale => "answered with an older list",
            Harm::Delay(_) => "delayed",
        });
        if let Harm::Limit(seconds) = harm {
            let until = now + Duration::seconds(i64::from(seconds));
            if !self.has_company() {
                self.limited(side, until);
            }
        }
        if let (true, Harm::DropAfter | Harm::FailAfter, Some(object)) = (writes, harm, object)
            && (self.late > 0 && side == Side::Notion)
        {
            let until = now + Bounds::default().quiet_after_set();
            lock(&people.ledger).unknown(object, until);
        }
        let rule = FaultRule {
            method: String::new(),
            path_contains: String::new(),
            skip: 0,
            times: 1,
            fault,
        };
        match side {
            Side::Notion => notion(&people.services).faults().push(rule),
            Side::Github => github(&people.services).faults().push(rule),
        }
    }
}

/// One way through the seam.
#[derive(Debug)]
struct Way {
    seam: Arc<Seam>,
    side: Side,
    inner: Arc<dyn HttpSend>,
}

/// The seam as something that stands between.
#[derive(Debug)]
pub(crate) struct Ways(pub(crate) Arc<Seam>);

impl Between for Ways {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        Arc::new(Way {
            seam: self.0.clone(),
            side,
            inner,
        })
    }
}

#[async_trait]
impl HttpSend for Way {
    async fn send(&self, mut request: Request) -> Result<Response, SendError> {
        let seam = &self.seam;
        if seam.has_company() {
            let (_, writes) = seam.about(self.side, &request);
            seam.leaves(self.side, writes);
            seam.stop(Stop::Send).await;
        }
        if let Some(clock) = seam.clock() {
            clock.advance(Duration::milliseconds(i64::from(seam.latency)));
        }
        let (aim, writes) = seam.about(self.side, &request);
        let object = match aim {
            Some(Aim::Page(page)) => Some(format!("page {page}")),
            Some(Aim::Issue(number)) => Some(format!("issue {number}")),
            _ => None,
        };
        let dies = seam.dies(writes);
        let aimed = seam.aimed_at(self.side, &mut request, writes);
        let line = format!(
            "{:?} {} {} {}",
            self.side,
            request.method(),
            request
                .uri()
                .path_and_query()
                .map_or("", |path| path.as_str()),
            &blake3::hash(request.body()).to_hex()[..8],
        );
        let harm = seam.before(self.side, aim, writes);
        let harm = harm.or_else(|| aimed.as_ref().and_then(|(_, harm)| *harm));
        if dies == Some(false) {
            let kind = if writes {
                "crashed before a write"
            } else {
                "crashed before a read"
            };
            seam.die(kind, &format!("before {line}")).await;
        }
        if let Some(harm) = harm {
            seam.harm(self.side, harm, object.as_deref(), writes);
            if let (Some(known), Some((asked, _))) = (&mut lock(&seam.past).aimed, &aimed) {
                known.cells.struck(asked, harm);
            }
        }
        if let (Some(object), Some(people)) = (&object, seam.people()) {
            lock(&people.ledger).engine(object, writes);
        }
        let asks_backlog = request.uri().path() == format!("/repos/{BACKLOG}");
        let answer = match &aimed {
            Some((asked, _)) => {
                let answer = self.inner.send(request.clone()).await;
                seam.heard(asked, &request, harm, answer)
            }
            None => self.inner.send(request).await,
        };
        if let (true, Ok(response)) = (asks_backlog, &answer) {
            let body: Option<serde_json::Value> = serde_json::from_slice(response.body()).ok();
            let id = body.and_then(|body| body.get("id")?.as_u64());
            if let Some(id) = id {
                lock(&seam.past).backlog = Some(id.to_string());
            }
        }
        let said = match &answer {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        let harmed = harm.map(|harm| format!(" ({harm:?})")).unwrap_or_default();
        seam.note(&format!("{line}: {said}{harmed}"));
        if dies == Some(true) {
            let kind = if writes {
                "crashed after a write"
            } else {
                "crashed after a read"
            };
            seam.die(kind, "before it hears of it").await;
        }
        if seam.has_company() {
            let now = seam.clock().map(|clock| clock.now()).unwrap_or_default();
            seam.stop(Stop::Other).await;
            if let Some(Harm::Limit(seconds)) = harm {
                seam.limited(self.side, now + Duration::seconds(i64::from(seconds)));
            }
        }
        answer
    }
}
