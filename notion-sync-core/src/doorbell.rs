//! Saying that there is work, so that nobody has to wait for the next poll.
//!
//! The store is the truth: hints, plans and operations are durable there before anybody is told. A
//! [`Doorbell`] only shortens the wait. What it says carries no work, so a ring may be lost, doubled,
//! late or out of order, and may be about work that somebody did long ago: whoever hears it looks
//! into the store, as after any pause. Whoever hears nothing looks at the latest when the last
//! [`Tick`](crate::engine::Tick) said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, Either, select};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::MappingId;

/// Most bytes of a ring as text. Queues of services take 256 KiB.
const MAX_TEXT: usize = 4_096;

/// What is said: where there is work, and why. Never the work itself, nor text of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ring {
    /// The mapping; none where it could be any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<MappingId>,
    /// Why.
    pub reason: RingReason,
}

/// Why somebody rings. Nobody decides anything by it: it is for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RingReason {
    /// Hints were stored.
    Hints,
    /// A person decided something: approved a plan, let a write be tried again, let writing go on.
    Decision,
    /// Anything else, and what a newer version says.
    #[serde(other)]
    Other,
}

impl Ring {
    /// Hints were stored, for a mapping or for any.
    #[must_use]
    pub fn hints(mapping: Option<MappingId>) -> Self {
        Self {
            mapping,
            reason: RingReason::Hints,
        }
    }

    /// The ring as the body of a message: JSON, some dozens of bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) where the name of the mapping is longer than 4,000 bytes.
    pub fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(self)
            .map_err(|error| Error::new(ErrorKind::Internal, "ring").caused_by(error))?;
        if text.len() > MAX_TEXT {
            return Err(Error::new(ErrorKind::Invalid, "ring")
                .message("the name of the mapping is too long"));
        }
        Ok(text)
    }

    /// Reads the body of a message. Whoever reads something else should take it for
    /// [`Ring::hints`] of any mapping: somebody rang, and looking is cheap.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) where it is no ring.
    pub fn from_text(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::new(ErrorKind::Invalid, "hear a ring").message("too long"));
        }
        serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Invalid, "hear a ring").caused_by(error))
    }
}

/// Tells whoever waits that there is work in the store.
///
/// # Contract
///
/// * [`ring`](Self::ring) is called after the work is durable. That it failed is no reason to fail the
///   work: the next poll finds it.
/// * [`wait`](Self::wait) answers rings that came since the last answer, also those that came while
///   nobody waited, each at least once as far as it knows. It may join equal ones.
/// * Dropping the future of `wait` may cost the rings it had in hand, and nothing else.
/// * An implementation over a queue that hides a message while somebody has it and shows it again
///   later takes it away as soon as it was received, or at the next `wait`: there is no work in it
///   that could be lost, and showing it again only makes somebody look once more.
#[async_trait]
pub trait Doorbell: fmt::Debug + Send + Sync {
    /// Says that there is work.
    ///
    /// # Errors
    ///
    /// Where it could not be said. Nothing is lost by it but time.
    async fn ring(&self, rings: &[Ring]) -> Result<()>;

    /// Waits until somebody rings, for `at_most` so long; empty where nobody did. May answer earlier
    /// with nothing, where a service does not let it wait so long.
    ///
    /// # Errors
    ///
    /// Where nothing can be heard. Whoever calls it waits by other means then, and tries again.
    async fn wait(&self, at_most: Duration) -> Result<Vec<Ring>>;
}

/// Something that is over after a while: of the runtime that waits, since nothing here sleeps.
pub type Timer = dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync;

/// A doorbell within one process. Rings wait until somebody hears them; equal ones are joined.
#[derive(Clone)]
pub struct LocalDoorbell {
    shared: Arc<Mutex<Shared>>,
    timer: Arc<Timer>,
}

#[derive(Debug, Default)]
struct Shared {
    rung: BTreeSet<Ring>,
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl fmt::Debug for LocalDoorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDoorbell")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl LocalDoorbell {
    /// A doorbell whose waits end by this timer.
    pub fn new(timer: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::default(),
            timer: Arc::new(timer),
        }
    }
}

#[async_trait]
impl Doorbell for LocalDoorbell {
    async fn ring(&self, rings: &[Ring]) -> Result<()> {
        let mut shared = lock(&self.shared);
        shared.rung.extend(rings.iter().cloned());
        let waiting = std::mem::take(&mut shared.waiting);
        drop(shared);
        for waker in waiting.into_values() {
            waker.wake();
        }
        Ok(())
    }

    async fn wait(&self, at_most: Duration) -> Result<Vec<Ring>> {
        let mut heard = Hearing {
            shared: &self.shared,
            id: None,
        };
        let over = (self.timer)(at_most);
        Ok(match select(&mut heard, over).await {
            Either::Left((rings, _)) => rings,
            // What came at the very moment when the time was over.
            Either::Right(((), heard)) => heard.take(),
        })
    }
}

/// Until somebody rings.
struct Hearing<'b> {
    shared: &'b Mutex<Shared>,
    /// Under which it waits.
    id: Option<u64>,
}

impl Hearing<'_> {
    fn take(&self) -> Vec<Ring> {
        let rung = std::mem::take(&mut lock(self.shared).rung);
        rung.into_iter().collect()
    }
}

impl Future for Hearing<'_> {
    type Output = Vec<Ring>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Ring>> {
        let mut shared = lock(self.shared);
        if !shared.rung.is_empty() {
            let rung = std::mem::take(&mut shared.rung);
            return Poll::Ready(rung.into_iter().collect());
        }
        let id = self.id.unwrap_or(shared.next);
        if self.id.is_none() {
            shared.next += 1;
        }
        shared.waiting.insert(id, context.waker().clone());
        drop(shared);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            lock(self.shared).waiting.remove(&id);
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::{join, pending, ready};
    use futures::{FutureExt as _, poll};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn never() -> LocalDoorbell {
        LocalDoorbell::new(|_| pending().boxed())
    }

    fn ring(name: &str) -> Ring {
        Ring::hints(Some(MappingId::new(name)))
    }

    #[test]
    fn what_rang_while_nobody_waited_is_heard_once() {
        let bell = LocalDoorbell::new(|_| ready(()).boxed());
        let (a, b) = (ring("a"), ring("b"));
        block_on(async {
            assert_eq!(bell.wait(LONG).await.unwrap(), []);
            bell.ring(&[b.clone(), a.clone()]).await.unwrap();
            bell.ring(std::slice::from_ref(&a)).await.unwrap();
            assert_eq!(bell.wait(LONG).await.unwrap(), [a, b]);
            assert_eq!(bell.wait(LONG).await.unwrap(), []);
        });
    }

    #[test]
    fn whoever_waits_is_woken() {
        let bell = never();
        let other = bell.clone();
        let (heard, rung) = block_on(join(async { bell.wait(LONG).await.unwrap() }, async {
            other.ring(&[ring("a")]).await
        }));
        rung.unwrap();
        assert_eq!(heard, [ring("a")]);
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_nothing_behind() {
        let bell = never();
        block_on(async {
            for _ in 0..100 {
                let mut wait = bell.wait(LONG);
                assert!(poll!(&mut wait).is_pending());
            }
            assert!(lock(&bell.shared).waiting.is_empty());
            // And takes no ring with it that came afterwards.
            bell.ring(&[ring("a")]).await.unwrap();
            assert_eq!(bell.wait(LONG).await.unwrap(), [ring("a")]);
        });
    }

    #[test]
    fn one_of_several_that_wait_hears_it() {
        let bell = never();
        block_on(async {
            let (mut one, mut other) = (bell.wait(LONG), bell.wait(LONG));
            assert!(poll!(&mut one).is_pending() && poll!(&mut other).is_pending());
            bell.ring(&[ring("a")]).await.unwrap();
            assert_eq!(other.await.unwrap(), [ring("a")]);
            assert!(poll!(&mut one).is_pending());
            bell.ring(&[ring("b")]).await.unwrap();
            assert_eq!(one.await.unwrap(), [ring("b")]);
        });
    }

    #[test]
    fn a_ring_is_a_small_message_that_newer_versions_may_extend() {
        let ring = Ring::hints(Some(MappingId::new("handbook")));
        let text = ring.to_text().unwrap();
        assert_eq!(text, r#"{"mapping":"handbook","reason":"hints"}"#);
        assert_eq!(Ring::from_text(&text).unwrap(), ring);
        let any = r#"{"reason":"of-tomorrow","more":[1]}"#;
        let any = Ring::from_text(any).unwrap();
        assert_eq!((any.mapping, any.reason), (None, RingReason::Other));
        for odd in ["", "x", "[]", "{}", &"x".repeat(5_000)] {
            assert!(Ring::from_text(odd).is_err(), "{odd}");
        }
        let long = Ring::hints(Some(MappingId::new("x".repeat(5_000))));
        assert_eq!(long.to_text().unwrap_err().kind(), ErrorKind::Invalid);
    }
}
