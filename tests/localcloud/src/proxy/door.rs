//! The door that connections come in by. While the cloud is away it cuts those that are open, and new ones as soon as they are made,
//! as when a Region's endpoints cannot be reached: the port stays taken, so nobody else can get it meanwhile.
//!
//! Must not answer anything: whoever calls while the cloud is away learns nothing of what became of the call.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Takes connections in for as long as the cloud is there.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    away: watch::Receiver<bool>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, away: watch::Receiver<bool>) -> Self {
        Self { listener, away }
    }
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if !*self.away.borrow() {
                return (Line::new(stream, self.away.clone()), address);
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, until the cloud goes away.
pub(crate) struct Line {
    stream: TcpStream,
    /// Ready when the cloud has gone away; `None` from then on.
    cut: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Line {
    fn new(stream: TcpStream, mut away: watch::Receiver<bool>) -> Self {
        let cut = async move {
            if away.wait_for(|&away| away).await.is_err() {
                // The proxy is gone, and with it whoever could go away.
                std::future::pending::<()>().await;
            }
        };
        Self { stream, cut: Some(Box::pin(cut)) }
    }

    /// Fails once the cloud has gone away; else this connection is told when it does.
    fn checked(&mut self, context: &mut Context<'_>) -> Result<()> {
        let is_cut = self.cut.as_mut().is_none_or(|cut| cut.as_mut().poll(context).is_ready());
        if is_cut {
            self.cut = None;
            return Err(Error::from(ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.checked(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.checked(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.checked(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
