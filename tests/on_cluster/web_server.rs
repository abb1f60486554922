//! A small HTTP server on this machine, that answers as a test says; and what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// It ends when this is dropped.
pub(crate) struct WebServer {
    pub(crate) port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    ended: Arc<AtomicBool>,
}

/// One request; empty, if the caller connected and sent nothing.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// Its first line.
    pub(crate) line: String,
    pub(crate) body: String,
}

impl Got {
    /// Path and query.
    fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What to answer.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A status, more header lines, and a body.
    With(u16, String, String),
    /// Nothing, until the caller goes away.
    Silence,
    /// A body without end, for as long as somebody reads it.
    Endless,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::With(200, String::new(), body.into())
    }

    /// Without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::With(status, String::new(), String::new())
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::With(302, format!("Location: {to}\r\n"), String::new())
    }
}

impl WebServer {
    /// Starts one. `answer` is given path and query.
    pub(crate) fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, ended, answer) = (Arc::<Mutex<Vec<Got>>>::default(), Arc::<AtomicBool>::default(), Arc::new(answer));
        let server = Self { port, got: Arc::clone(&got), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (got, answer) = (Arc::clone(&got), Arc::clone(&answer));
                // A caller that hangs up in the middle is not this server's business.
                std::thread::spawn(move || drop(connection.and_then(|connection| serve(connection, &got, &*answer))));
            }
        });
        server
    }

    /// One that gives every caller this.
    pub(crate) fn saying(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |_| reply())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Every request so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Every path and query so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|got| got.target().to_owned()).collect()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A port where nobody listens.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Got>>, answer: &dyn Fn(&str) -> Reply) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let got = read(&mut reader)?;
    kept.lock().unwrap().push(got.clone());
    match answer(got.target()) {
        Reply::With(status, headers, body) => {
            let length = body.len();
            write!(&stream, "HTTP/1.1 {status} Some\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        }
        Reply::Silence => reader.read(&mut [0]).map(drop),
        Reply::Endless => {
            write!(&stream, "HTTP/1.1 200 Some\r\n\r\n")?;
            loop {
                (&stream).write_all(&[b'x'; 4096])?;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Got> {
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Got { line: line.trim().to_owned(), body: String::from_utf8_lossy(&body).into_owned() })
}
