//! Faults on the way of requests, and what a world adds to them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Duration;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::Side;

use super::seam::Seam;
use super::turns::Stop;
use super::weather::{Counted, Harm};

/// What a world knows of requests, and adds to what happens to them.
pub trait Traffic: fmt::Debug + Send + Sync {
    /// What is known of a request that passes.
    type Call: Send + Sync;

    /// Whether a request changes something.
    fn writes(&self, side: Side, request: &Request) -> bool;

    /// A request passes. The service gets it as it is afterwards.
    fn passes(&self, side: Side, request: &mut Request) -> Self::Call;

    /// What strikes a request that the weather spares.
    fn aimed(&self, call: &Self::Call) -> Option<Harm> {
        let _ = call;
        None
    }

    /// People act right before the request leaves.
    fn meanwhile(&self, call: &Self::Call, counted: &Counted) {
        let _ = (call, counted);
    }

    /// A request is harmed. Whether the service behind does that itself (an emulator with a
    /// [`FaultRule`](crate::emulator::FaultRule)); else it is done on the way.
    fn harmed(&self, call: &Self::Call, harm: Harm) -> bool {
        let _ = (call, harm);
        false
    }

    /// A request leaves.
    fn leaves(&self, call: &Self::Call) {
        let _ = call;
    }

    /// The answer as who asked hears it.
    fn heard(
        &self,
        call: &Self::Call,
        harm: Option<Harm>,
        answer: Result<Response, SendError>,
    ) -> Result<Response, SendError> {
        let _ = (call, harm);
        answer
    }
}

/// A way to a service through the seam: any [`HttpSend`] with faults, deaths and people who act right
/// before a request.
#[derive(Debug)]
pub struct Way<T> {
    seam: Arc<Seam>,
    traffic: Arc<T>,
    side: Side,
    inner: Arc<dyn HttpSend>,
}

impl<T: Traffic> Way<T> {
    /// The way to a side, where `inner` is the service, or what leads to it.
    pub fn new(seam: Arc<Seam>, traffic: Arc<T>, side: Side, inner: Arc<dyn HttpSend>) -> Self {
        Self {
            seam,
            traffic,
            side,
            inner,
        }
    }

    /// Sends a request that is harmed so, where the service does not do that itself.
    async fn send_harmed(&self, request: Request, harm: Harm) -> Result<Response, SendError> {
        let (status, wait) = match harm {
            Harm::DropBefore => return Err(SendError::NoAnswer("the connection broke".to_owned())),
            Harm::DropAfter => {
                let _ = self.inner.send(request).await;
                return Err(SendError::NoAnswer("the connection broke".to_owned()));
            }
            Harm::Refuse => (503, None),
            Harm::FailAfter => {
                let _ = self.inner.send(request).await;
                (502, None)
            }
            Harm::Limit(seconds) => (429, Some(seconds)),
            Harm::LimitUnsaid => (429, None),
            Harm::Unauthorized => (401, None),
            Harm::NotFound => (404, None),
            Harm::Delay(_) | Harm::Stale => return self.inner.send(request).await,
        };
        let mut answer = http::Response::builder().status(status);
        if let Some(seconds) = wait {
            answer = answer.header("retry-after", seconds);
        }
        answer
            .body(Bytes::from_static(b"{}"))
            .map_err(|error| SendError::NoAnswer(error.to_string()))
    }

    /// Harms a request; says whether that is left to be done on the way.
    fn harm(&self, call: &T::Call, harm: Harm) -> bool {
        let seam = &self.seam;
        if harm != Harm::Stale {
            seam.count(harm.marker());
        }
        if let (Harm::Delay(seconds), Some(clock)) = (harm, seam.clock()) {
            clock.advance(Duration::seconds(i64::from(seconds)));
        }
        !self.traffic.harmed(call, harm)
    }
}

#[async_trait]
impl<T: Traffic> HttpSend for Way<T> {
    async fn send(&self, mut request: Request) -> Result<Response, SendError> {
        let (seam, traffic) = (&self.seam, &self.traffic);
        if seam.has_company() {
            let writes = traffic.writes(self.side, &request);
            seam.leaves(self.side, writes);
            seam.stop(Stop::Send).await;
        }
        if let Some(clock) = seam.clock() {
            clock.advance(Duration::milliseconds(i64::from(seam.latency())));
        }
        let writes = traffic.writes(self.side, &request);
        let dies = seam.dies(writes);
        let call = traffic.passes(self.side, &mut request);
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
        let counted = seam.counted(writes);
        traffic.meanwhile(&call, &counted);
        if !seam.has_company() {
            seam.not_early(self.side, seam.now());
        }
        let harm = counted.harm.or_else(|| traffic.aimed(&call));
        if dies == Some(false) {
            let kind = if writes {
                "crashed before a write"
            } else {
                "crashed before a read"
            };
            seam.die(kind, &format!("before {line}")).await;
        }
        let here = harm.filter(|harm| self.harm(&call, *harm));
        traffic.leaves(&call);
        let answer = match here {
            Some(harm) => self.send_harmed(request, harm).await,
            None => self.inner.send(request).await,
        };
        let answer = traffic.heard(&call, harm, answer);
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
        let answered = seam.now();
        if seam.has_company() {
            seam.stop(Stop::Other).await;
        }
        // Only now has the process heard of it: one that died before that cannot wait.
        if let Some(Harm::Limit(seconds)) = harm {
            seam.limited(self.side, answered + Duration::seconds(i64::from(seconds)));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chrono::{DateTime, Utc};
    use futures::executor::block_on;
    use notion_sync_core::clock::{Clock as _, VirtualClock};

    use super::super::weather::{Strike, Weather};
    use super::*;

    /// A service that counts what reaches it.
    #[derive(Debug, Default)]
    struct Service(AtomicUsize);

    #[async_trait]
    impl HttpSend for Service {
        async fn send(&self, _: Request) -> Result<Response, SendError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Response::new(Bytes::new()))
        }
    }

    /// Nothing is known of requests. Where `elsewhere`, the service harms them itself.
    #[derive(Debug)]
    struct Plain {
        elsewhere: bool,
    }

    impl Traffic for Plain {
        type Call = ();

        fn writes(&self, _: Side, _: &Request) -> bool {
            true
        }

        fn passes(&self, _: Side, _: &mut Request) {}

        fn harmed(&self, (): &(), _: Harm) -> bool {
            self.elsewhere
        }
    }

    /// The answer to the first of two requests, which is harmed; how many reached the service; and how many
    /// seconds that took.
    fn harmed(harm: Harm, elsewhere: bool) -> (Result<Response, SendError>, usize, i64) {
        let start: DateTime<Utc> = "2026-09-01T10:00:00Z".parse().unwrap();
        let clock = Arc::new(VirtualClock::new(start));
        let seam = Seam::new(10, false);
        seam.tie(clock.clone());
        let strike = Strike {
            at: 0,
            writes: true,
            harm,
        };
        seam.begin(Weather {
            strikes: vec![strike],
            ..Weather::default()
        });
        let service = Arc::new(Service::default());
        let traffic = Arc::new(Plain { elsewhere });
        let way = Way::new(seam.clone(), traffic, Side::Notion, service.clone());
        let request = || Request::new(Bytes::new());
        let answer = block_on(way.send(request()));
        let next = block_on(way.send(request()));
        assert_eq!(next.map(|next| next.status().as_u16()), Ok(200));
        assert_eq!(seam.counts().get(harm.marker()), Some(&1));
        let seconds = (clock.now() - start).num_seconds();
        (answer, service.0.load(Ordering::Relaxed), seconds)
    }

    #[test]
    fn a_request_is_harmed_before_or_after_its_effect() {
        for (harm, status, reached) in [
            (Harm::DropBefore, None, 1),
            (Harm::DropAfter, None, 2),
            (Harm::Refuse, Some(503), 1),
            (Harm::FailAfter, Some(502), 2),
            (Harm::Limit(7), Some(429), 1),
            (Harm::LimitUnsaid, Some(429), 1),
            (Harm::Unauthorized, Some(401), 1),
            (Harm::NotFound, Some(404), 1),
            (Harm::Delay(25), Some(200), 2),
        ] {
            let (answer, at_service, seconds) = harmed(harm, false);
            let wait = answer.as_ref().ok().and_then(|answer| {
                let wait = answer.headers().get("retry-after")?;
                wait.to_str().ok().map(str::to_owned)
            });
            let said = answer.ok().map(|answer| answer.status().as_u16());
            assert_eq!((said, at_service), (status, reached), "{harm:?}");
            assert_eq!(wait, (harm == Harm::Limit(7)).then(|| "7".to_owned()));
            assert_eq!(seconds, if harm == Harm::Delay(25) { 25 } else { 0 });
        }
    }

    #[test]
    fn a_service_that_harms_requests_itself_gets_them() {
        let (answer, reached, _) = harmed(Harm::DropBefore, true);
        assert_eq!(answer.map(|answer| answer.status().as_u16()), Ok(200));
        assert_eq!(reached, 2);
    }
}
