//! A TCP stream, perhaps inside TLS, that can be ended from outside and counts its bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connection::{Connection, Ticket};

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        }
    }
}

pub(super) struct Io {
    stream: Stream,
    connection: Connection,
    /// Two, because the reader and the writer of a websocket may be different tasks, and a future wakes only one.
    reader_killed: Pin<Box<WaitForCancellationFutureOwned>>,
    writer_killed: Pin<Box<WaitForCancellationFutureOwned>>,
    _ticket: Ticket,
}

impl Io {
    pub(super) fn new(stream: Stream, connection: Connection, ticket: Ticket) -> Io {
        let reader_killed = Box::pin(connection.killed());
        let writer_killed = Box::pin(connection.killed());
        Io { stream, connection, reader_killed, writer_killed, _ticket: ticket }
    }

    /// Closes with a reset: what is still queued for a peer that does not read is thrown away.
    fn abort(&self) -> io::Error {
        // It fails only on a socket that is closed already.
        let _ = SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
        io::ErrorKind::ConnectionAborted.into()
    }

    fn poll_writer_killed(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.writer_killed.as_mut().poll(cx).is_ready() { Err(self.abort()) } else { Ok(()) }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! on_stream {
    ($io:expr, $method:ident($($arg:expr),*)) => {
        match &mut $io.stream {
            Stream::Plain(tcp) => Pin::new(tcp).$method($($arg),*),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).$method($($arg),*),
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.reader_killed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(self.abort()));
        }
        let before = buf.filled().len();
        let polled = on_stream!(self, poll_read(cx, buf));
        self.connection.count_received(buf.filled().len().saturating_sub(before));
        polled
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writer_killed(cx)?;
        let polled = on_stream!(self, poll_write(cx, data));
        if let Poll::Ready(Ok(written)) = &polled {
            self.connection.count_sent(*written);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writer_killed(cx)?;
        let polled = on_stream!(self, poll_write_vectored(cx, data));
        if let Poll::Ready(Ok(written)) = &polled {
            self.connection.count_sent(*written);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_writer_killed(cx)?;
        on_stream!(self, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_writer_killed(cx)?;
        on_stream!(self, poll_shutdown(cx))
    }
}
