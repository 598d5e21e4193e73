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

/// Gives the library what can be no message, and the end of a head, for which it may be waiting: it answers 400 and closes.
fn junk(buf: &mut ReadBuf<'_>) {
    const JUNK: &[u8] = b"\0\r\n\r\n";
    buf.put_slice(&JUNK[..JUNK.len().min(buf.remaining())]);
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = &mut *self;
        if guard.refused {
            junk(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut guard.stream).poll_read(cx, buf);
        let fresh = &buf.filled()[before..];
        if !matches!(read, Poll::Ready(Ok(()))) || fresh.is_empty() {
            return read;
        }
        if guard.framing.feed(fresh).is_err() {
            guard.refused = true;
            guard.activity.head_begins();
            buf.set_filled(before);
            junk(buf);
            return Poll::Ready(Ok(()));
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
