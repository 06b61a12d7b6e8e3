//! Connections that can be cut off in the middle of a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Cuts one connection off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(crate) fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A stream that stops writing once its switch is used.
#[derive(Debug)]
pub(crate) struct Stream<S> {
    inner: S,
    switch: Switch,
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.switch.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// A listener whose connections can be cut off.
#[derive(Debug)]
pub(crate) struct Closable<L>(pub(crate) L);

impl Listener for Closable<TcpListener> {
    type Io = Stream<TcpStream>;
    type Addr = String;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, address) = Listener::accept(&mut self.0).await;
        // Answers are small; waiting for more would only add delay.
        let _ = inner.set_nodelay(true);
        (
            Stream {
                inner,
                switch: Switch::default(),
            },
            address.to_string(),
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr().map(|address| address.to_string())
    }
}

impl Listener for Closable<UnixListener> {
    type Io = Stream<UnixStream>;
    type Addr = String;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, _) = Listener::accept(&mut self.0).await;
        (
            Stream {
                inner,
                switch: Switch::default(),
            },
            String::new(),
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(String::new())
    }
}

impl<L> Connected<IncomingStream<'_, Closable<L>>> for Switch
where
    Closable<L>: Listener<Io: HasSwitch>,
{
    fn connect_info(stream: IncomingStream<'_, Closable<L>>) -> Self {
        stream.io().switch()
    }
}

/// Streams with a switch.
pub(crate) trait HasSwitch {
    /// The switch of this stream.
    fn switch(&self) -> Switch;
}

impl<S> HasSwitch for Stream<S> {
    fn switch(&self) -> Switch {
        self.switch.clone()
    }
}
