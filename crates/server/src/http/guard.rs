//! How are the bytes of a connection watched on their way to the HTTP library?

use super::activity::Activity;
use super::framing::{Framing, Stage};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket whose incoming bytes are followed by [`Framing`].
#[derive(Debug)]
pub struct Guard {
    stream: TcpStream,
    framing: Framing,
    activity: Arc<Activity>,
    refused: bool,
}

impl Guard {
    /// Watches a socket that was just accepted.
    pub fn new(stream: TcpStream, activity: Arc<Activity>) -> Guard {
        Guard { stream, framing: Framing::new(), activity, refused: false }
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut guard.stream).poll_read(cx, buf);
        let fresh = &mut buf.filled_mut()[before..];
        if !matches!(read, Poll::Ready(Ok(()))) || fresh.is_empty() {
            return read;
        }
        guard.refused = guard.refused || guard.framing.feed(fresh).is_err();
        if guard.refused {
            // No message can hold a NUL here: the library answers 400 and closes.
            fresh.fill(0);
            guard.activity.head_begins();
            return read;
        }
        match guard.framing.stage() {
            Stage::Head => guard.activity.head_begins(),
            Stage::Idle | Stage::Body | Stage::Other => guard.activity.head_ends(),
        }
        read
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
