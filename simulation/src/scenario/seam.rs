//! What stands between the engine and our world: people who act at bad moments, what a request is about,
//! and faults that are aimed at endpoints.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::Side;
use notion_sync_examples::demo::Between;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_testkit::emulator::{Emulator, Fault, FaultRule};
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::simulation::{self, Counted, Harm, Traffic, Way, Weather};

use super::aimed::{Aimed, unsaid};
use super::cells::{Asked, Cells};
use super::deed::Act;
use super::people::{Aim, People, github, lock, notion};
use super::script::{Hook, Knobs, Script, Step};
use super::surroundings::Off;

/// What happened so far, as far as our world is concerned.
#[derive(Debug, Default)]
struct Past {
    hooks: Vec<Hook>,
    squally: bool,
    /// What each request of a side gets for an answer.
    shut: BTreeMap<Side, Harm>,
    /// What is done to the object of the next removal.
    ambush: Option<Act>,
    /// The page that each process asked for last.
    page: BTreeMap<usize, NotionId>,
    /// The id by which the backlog is asked for.
    backlog: Option<String>,
    /// What is known of endpoints, where that is asked for.
    aimed: Option<Aimed>,
    /// Whether nobody does anything any more.
    calm: bool,
}

/// The seam of a world.
#[derive(Debug)]
pub(crate) struct Seam {
    common: Arc<simulation::Seam>,
    people: Mutex<Option<Arc<People>>>,
    past: Mutex<Past>,
    /// How late each side commits what nobody waits for, in seconds.
    late: BTreeMap<Side, u32>,
    /// What the clock of the process is off by, in seconds.
    off: AtomicI32,
}

impl Deref for Seam {
    type Target = simulation::Seam;

    fn deref(&self) -> &Self::Target {
        &self.common
    }
}

impl Seam {
    /// A seam where nothing happened yet. With `told` every event is kept as a line.
    pub(crate) fn new(knobs: &Knobs, told: bool) -> Arc<Self> {
        Arc::new(Self {
            common: simulation::Seam::new(knobs.latency, told),
            people: Mutex::default(),
            past: Mutex::default(),
            late: BTreeMap::from([
                (Side::Notion, knobs.late),
                (Side::Github, knobs.github_late),
            ]),
            off: AtomicI32::new(0),
        })
    }

    /// What the clock of the process is off by, in seconds.
    pub(super) fn off(&self) -> i32 {
        self.off.load(Ordering::Relaxed)
    }

    /// The clock of the process jumps. One that jumps ahead cannot know how long it has waited.
    pub(super) fn set_off(&self, seconds: i32) {
        if self.off.swap(seconds, Ordering::Relaxed) < seconds {
            self.common.forget_limits();
        }
    }

    /// The part that has nothing to do with our world.
    pub(crate) fn common(&self) -> Arc<simulation::Seam> {
        self.common.clone()
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

    /// Ties it to a world.
    pub(crate) fn tie(&self, clock: Arc<VirtualClock>, people: Arc<People>) {
        self.common.tie(clock);
        *lock(&self.people) = Some(people);
    }

    fn people(&self) -> Option<Arc<People>> {
        lock(&self.people).clone()
    }

    /// A tick begins in which all that happens.
    pub(crate) fn begin(&self, step: Option<&Step>) {
        if let Some(people) = self.people() {
            lock(&people.ledger).tick();
        }
        self.common
            .begin(step.map_or_else(Weather::default, |step| Weather {
                strikes: step.strikes.clone(),
                crash: step.crash,
                broken_commit: step.broken_commit,
                full_disk: step.full_disk(),
            }));
        let mut past = lock(&self.past);
        if let Some(act) = step.and_then(|step| step.ambush) {
            past.ambush = Some(act);
        }
        past.hooks = step.map_or_else(Vec::new, |step| step.hooks.clone());
        past.squally = step.is_some_and(|step| step.squally);
    }

    /// A side answers each request so from now on.
    pub(super) fn shut(&self, side: Side, harm: Harm) {
        lock(&self.past).shut.insert(side, harm);
    }

    /// Both sides answer again.
    pub(super) fn reopen(&self) {
        lock(&self.past).shut.clear();
    }

    /// Nobody does anything any more.
    pub(crate) fn calm(&self) {
        let mut past = lock(&self.past);
        past.ambush = None;
        past.calm = true;
        drop(past);
        self.reopen();
    }

    /// Whether nobody does anything any more.
    pub(super) fn is_calm(&self) -> bool {
        lock(&self.past).calm
    }

    /// The engine begins a removal: what somebody does to the object just then.
    pub(crate) fn ambushed(&self, aim: Aim) {
        let act = lock(&self.past).ambush.take();
        if let (Some(act), Some(people)) = (act, self.people())
            && let Some(said) = people.act(act, Some(aim), self.now())
        {
            self.note(&format!("meanwhile {said}"));
            self.count("person acts right before a removal");
        }
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
                let process = self.process();
                let mut past = lock(&self.past);
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
}

/// A request whose endpoint is told from others.
#[derive(Debug)]
struct Told {
    asked: Asked,
    /// What strikes it because of that.
    harm: Option<Harm>,
    /// As it reaches the service.
    request: Request,
}

/// What is known of a request.
#[derive(Debug)]
pub(crate) struct Call {
    side: Side,
    aim: Option<Aim>,
    writes: bool,
    /// What it is about, as the ledger names it.
    object: Option<String>,
    asks_backlog: bool,
    told: Option<Told>,
}

impl Seam {
    /// A request whose endpoint is told from others, and what strikes it because of that.
    fn aimed_at(&self, side: Side, request: &mut Request, writes: bool) -> Option<Told> {
        let mut past = lock(&self.past);
        let squally = past.squally;
        let aimed = past.aimed.as_mut()?;
        aimed.shorten(request);
        let asked = aimed.asked(side, request, writes);
        let harm = squally.then(|| aimed.strike(&asked)).flatten();
        let request = request.clone();
        Some(Told {
            asked,
            harm,
            request,
        })
    }

    /// The answer as who asked hears it: that of a while ago where a list is stale.
    fn retold(&self, told: &Told, answer: Response, now: DateTime<Utc>) -> Response {
        let (answer, stale) = {
            let mut past = lock(&self.past);
            let squally = past.squally;
            match past.aimed.as_mut() {
                Some(aimed) => aimed.heard(&told.asked, &told.request, answer, squally, now),
                None => (answer, false),
            }
        };
        if stale {
            self.count("answered with an older list");
            self.note("an older list is shown");
        }
        answer
    }
}

impl Traffic for Seam {
    type Call = Call;

    fn writes(&self, side: Side, request: &Request) -> bool {
        self.changes(side, request)
    }

    fn passes(&self, side: Side, request: &mut Request) -> Call {
        let (aim, writes) = self.about(side, request);
        let object = match aim {
            Some(Aim::Page(page)) => Some(format!("page {page}")),
            Some(Aim::Issue(number)) => Some(format!("issue {number}")),
            _ => None,
        };
        let told = self.aimed_at(side, request, writes);
        Call {
            side,
            aim,
            writes,
            object,
            asks_backlog: request.uri().path() == format!("/repos/{BACKLOG}"),
            told,
        }
    }

    fn aimed(&self, call: &Call) -> Option<Harm> {
        let shut = lock(&self.past).shut.get(&call.side).copied();
        shut.or_else(|| call.told.as_ref().and_then(|told| told.harm))
    }

    fn meanwhile(&self, call: &Call, counted: &Counted) {
        let hooks: Vec<Hook> = (lock(&self.past).hooks.iter().copied())
            .filter(|hook| counted.is(hook.at, hook.writes))
            .collect();
        let Some(people) = self.people() else {
            return;
        };
        for hook in hooks {
            let aim = call.aim.filter(|_| hook.aimed);
            if let Some(said) = people.act(hook.act, aim, self.now()) {
                self.note(&format!("meanwhile {said}"));
                self.count(if aim.is_some() && call.writes {
                    "person acts right before a write"
                } else {
                    "person acts during a tick"
                });
            }
        }
    }

    /// The emulators do it themselves: they know what a late commit is, and what their refusals say.
    fn harmed(&self, call: &Call, harm: Harm) -> bool {
        if let (Some(known), Some(told)) = (&mut lock(&self.past).aimed, &call.told) {
            known.cells.struck(&told.asked, harm);
        }
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
            Harm::NotFound => Fault::Refuse {
                status: 404,
                retry_after: None,
            },
            // What the service says now is asked first, and shown only where it says the same.
            Harm::Stale | Harm::Delay(_) => return true,
        };
        let Some(people) = self.people() else {
            return true;
        };
        if let (true, true, Some(object)) = (call.writes, harm.is_after(), &call.object)
            && self.late.get(&call.side).is_some_and(|late| *late > 0)
        {
            let until = self.now() + Bounds::default().quiet_after_set();
            lock(&people.ledger).unknown(object, until);
        }
        let rule = FaultRule {
            method: String::new(),
            path_contains: String::new(),
            skip: 0,
            times: 1,
            fault,
        };
        match call.side {
            Side::Notion => notion(&people.services).faults().push(rule),
            Side::Github => github(&people.services).faults().push(rule),
        }
        true
    }

    fn leaves(&self, call: &Call) {
        if let (Some(object), Some(people)) = (&call.object, self.people()) {
            lock(&people.ledger).engine(object, call.writes);
        }
    }

    fn heard(
        &self,
        call: &Call,
        harm: Option<Harm>,
        answer: Result<Response, SendError>,
    ) -> Result<Response, SendError> {
        let mut answer = answer?;
        if let Some(told) = &call.told {
            if harm == Some(Harm::LimitUnsaid) {
                unsaid(&mut answer);
            }
            answer = self.retold(told, answer, self.now());
        }
        if call.asks_backlog {
            let body: Option<serde_json::Value> = serde_json::from_slice(answer.body()).ok();
            let id = body.and_then(|body| body.get("id")?.as_u64());
            if let Some(id) = id {
                lock(&self.past).backlog = Some(id.to_string());
            }
        }
        Ok(answer)
    }
}

/// The seam as something that stands between.
#[derive(Debug)]
pub(crate) struct Ways(pub(crate) Arc<Seam>);

impl Between for Ways {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        Arc::new(Way::new(self.0.common(), self.0.clone(), side, inner))
    }

    fn clock(&self, inner: Arc<dyn Clock>) -> Arc<dyn Clock> {
        Arc::new(Off {
            world: inner,
            seam: self.0.clone(),
        })
    }
}
