//! How are the bytes of a connection watched on their way to the HTTP library, and its own answers dressed on theirs back?

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
    /// Header lines for answers that the library gives by itself.
    dress: &'static str,
    /// Such an answer on its way out, and how much of it is gone.
    dressed: Option<(Vec<u8>, usize)>,
}

impl Guard {
    /// Watches a socket that was just accepted. `dress` are the header lines of every answer, each with its CR and LF.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, dress: &'static str) -> Guard {
        Guard { stream, framing: Framing::new(), activity, refused: false, dress, dressed: None }
    }

    /// Writes an answer of the library with our headers (SEC-79). It hands the same bytes in until they are taken.
    fn poll_dressed(&mut self, cx: &mut Context<'_>, bytes: &[u8], line: usize) -> Poll<io::Result<usize>> {
        let dress = self.dress;
        let (whole, gone) = self.dressed.get_or_insert_with(|| {
            let (first, rest) = bytes.split_at(line);
            ([first, dress.as_bytes(), rest].concat(), 0)
        });
        while *gone < whole.len() {
            let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &whole[*gone..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *gone += written;
        }
        self.dressed = None;
        Poll::Ready(Ok(bytes.len()))
    }
}

/// An answer without our headers that is not the library's either, but another server's: it goes out as it came.
fn left(activity: &Activity, written: &Poll<io::Result<usize>>) {
    if matches!(written, Poll::Ready(Ok(1..))) {
        activity.left();
    }
}

/// Where the status line ends, if these bytes are an answer that did not come from us: ours all have this header.
fn undressed(bytes: &[u8]) -> Option<usize> {
    const OURS: &[u8] = b"x-content-type-options";
    if !bytes.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    if bytes[..end].windows(OURS.len()).any(|name| name.eq_ignore_ascii_case(OURS)) {
        return None;
    }
    bytes.windows(2).position(|two| two == b"\r\n").map(|at| at + 2)
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
        match undressed(bytes) {
            Some(_) if self.activity.leaves_next() => {
                let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
                left(&self.activity, &written);
                written
            }
            Some(line) => self.poll_dressed(cx, bytes, line),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match parts.first().and_then(|first| Some((first, undressed(first)?))) {
            Some(_) if self.activity.leaves_next() => {
                let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
                left(&self.activity, &written);
                written
            }
            Some((first, line)) => self.poll_dressed(cx, first, line),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, parts),
        }
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
