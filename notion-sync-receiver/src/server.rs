//! The socket: a bounded number of connections, none of which may idle for long.
//!
//! It has a thread of its own. The engine may compute for a while between two points at which it
//! waits, and on a machine with one core nothing else of the same runtime is served meanwhile.

use std::future::{Future, IntoFuture as _};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Most connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 1_024;
/// How long a connection may neither send nor take anything.
const IDLE: Duration = Duration::from_secs(30);

/// How long it may take until the head of a request is complete, and how long its body and the answer may
/// take from then on, however steadily bytes come in. Besides, a connection on which nothing moves for 30
/// seconds is ended. More than a year counts as a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first moment of a connection, for the first head. Default 10 seconds.
    pub first: Duration,
    /// From one answer to the end of the next head: a connection may rest in between. Default 30 seconds.
    pub next: Duration,
    /// From the end of the head to the answer. Default 60 seconds; bodies of deliveries have 8.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            next: IDLE,
            whole: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    /// Such that a moment can be computed from each.
    fn bounded(self) -> Self {
        Self {
            first: self.first.min(LONGEST),
            next: self.next.min(LONGEST),
            whole: self.whole.min(LONGEST),
        }
    }
}

/// Longest timeout.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// How long requests under way may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// A router that listens, in plain HTTP/1.1: at most 1,024 connections, each with [`Timeouts`].
///
/// It serves any router, with that of a [`Receiver`](crate::Receiver) in it or not. `axum::serve` alone has no
/// such limits: a sender that ends no request holds its connection for ever. Handlers may ask for
/// `ConnectInfo<SocketAddr>`.
///
/// Stops at once when it is dropped; [`stop`](Self::stop) answers first what arrived.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: watch::Sender<State>,
    ended: watch::Receiver<bool>,
}

/// What the thread shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Serve,
    /// Answer what arrived, and end.
    Farewell,
    /// End.
    Stop,
}

impl Server {
    /// Listens on an address; port 0 takes a free one. The router is served on a thread of its own, so that
    /// whatever the host computes delays no answer.
    ///
    /// # Errors
    ///
    /// When it cannot be bound.
    pub fn start(router: Router, address: SocketAddr) -> io::Result<Self> {
        Self::start_with(router, address, Timeouts::default())
    }

    /// As [`start`](Self::start), with other limits.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(router: Router, address: SocketAddr, timeouts: Timeouts) -> io::Result<Self> {
        let timeouts = timeouts.bounded();
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (state, told) = watch::channel(State::Serve);
        let (tell, ended) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, router, timeouts, told)) {
                    tracing::error!(%error, "stopped listening");
                }
                let _ = tell.send(true);
            })?;
        Ok(Self {
            address,
            state,
            ended,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, and waits until what arrived is answered, ten seconds at most.
    pub async fn stop(mut self) {
        let _ = self.state.send(State::Farewell);
        let _ = timeout(FAREWELL, self.ended.wait_for(|ended| *ended)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.state.send(State::Stop);
    }
}

async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    timeouts: Timeouts,
    told: watch::Receiver<State>,
) -> io::Result<()> {
    let bounded = Bounded {
        inner: TcpListener::from_std(listener)?,
        room: Arc::new(Semaphore::new(CONNECTIONS)),
        timeouts,
    };
    let router = router
        .layer(axum::middleware::from_fn(timed))
        .into_make_service_with_connect_info::<Turn>();
    let (mut gently, mut at_once) = (told.clone(), told);
    let farewell = async move {
        // A sender that is gone means the same as one that says so.
        let _ = gently.wait_for(|state| *state != State::Serve).await;
    };
    let serve = axum::serve(bounded, router).with_graceful_shutdown(farewell);
    tokio::select! {
        ended = serve.into_future() => ended,
        _ = at_once.wait_for(|state| *state == State::Stop) => Ok(()),
    }
}

/// Tells the connection when the head of a request is complete, and when it is answered.
async fn timed(mut request: Request, next: Next) -> Response {
    let turn = request.extensions().get::<ConnectInfo<Turn>>().cloned();
    if let Some(ConnectInfo(turn)) = &turn {
        request.extensions_mut().insert(ConnectInfo(turn.peer));
        turn.grant(turn.timeouts.whole);
    }
    let response = next.run(request).await;
    if let Some(ConnectInfo(turn)) = &turn {
        turn.grant(turn.timeouts.next);
    }
    response
}

/// Until when a connection has to be done with what it is doing.
#[derive(Debug, Clone)]
struct Turn {
    peer: SocketAddr,
    timeouts: Timeouts,
    until: Arc<Mutex<Instant>>,
}

impl Turn {
    fn new(peer: SocketAddr, timeouts: Timeouts) -> Self {
        Self {
            peer,
            timeouts,
            until: Arc::new(Mutex::new(Instant::now() + timeouts.first)),
        }
    }

    fn grant(&self, time: Duration) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Turn {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        stream.io().turn.clone()
    }
}

struct Bounded {
    inner: TcpListener,
    room: Arc<Semaphore>,
    timeouts: Timeouts,
}

impl Listener for Bounded {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // The semaphore is never closed; if it were, connections would not be counted.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (inner, address) = Listener::accept(&mut self.inner).await;
        // Answers are small; waiting for more would only add delay.
        let _ = inner.set_nodelay(true);
        let guarded = Guarded {
            inner,
            idle: Box::pin(sleep(IDLE)),
            turn: Turn::new(address, self.timeouts),
            late: Box::pin(sleep(self.timeouts.first)),
            _room: room,
        };
        (guarded, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that ends when nothing moves, and when its turn is over.
struct Guarded {
    inner: TcpStream,
    idle: Pin<Box<Sleep>>,
    turn: Turn,
    late: Pin<Box<Sleep>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Guarded {
    /// Counts idle time from now where something moved, and ends the connection where nothing does, or
    /// where its turn is over.
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let until = self.turn.until();
        if self.late.deadline() != until {
            self.late.as_mut().reset(until);
        }
        // However much moves: a byte now and then must not hold a place for ever.
        if self.late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if moved.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return moved;
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.watched(context, moved)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watched(context, moved)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
