//! A real HTTP receiver for notifications, that answers as told and keeps what it got.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// What it does with a request that it has read.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200.
    Ok,
    /// This status line and these header lines.
    Status(&'static str, String),
    /// Nothing for this long, then 200.
    Sleep(Duration),
    /// A body without end, for as long as somebody reads it.
    Endless,
}

/// Listens until the test's process ends.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<Mutex<Answer>>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// Its first line.
    pub(crate) line: String,
    pub(crate) body: String,
}

impl Got {
    /// The body, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The text of a message to Slack.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        self.json()["text"].as_str().unwrap_or_else(|| panic!("no text: {}", self.body)).to_owned()
    }
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, answer) = (Arc::<Mutex<Vec<Got>>>::default(), Arc::new(Mutex::new(Answer::Ok)));
        let (kept, told) = (Arc::clone(&got), Arc::clone(&answer));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (kept, told) = (Arc::clone(&kept), Arc::clone(&told));
                // Whoever hangs up early is the program's business.
                std::thread::spawn(move || drop(connection.and_then(|connection| serve(connection, &kept, &told))));
            }
        });
        Self { port, got, answer }
    }

    /// From now on.
    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Where it is; the path is as secret as a webhook's.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}{SECRET}", self.port)
    }

    /// Everything received so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

/// Nothing may show it.
pub(crate) const SECRET: &str = "/services/T0SECRET/b0secret?token=s3cr3t";

fn serve(connection: TcpStream, got: &Mutex<Vec<Got>>, answer: &Mutex<Answer>) -> Result<()> {
    let mut reader = BufReader::new(connection);
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
    got.lock().unwrap().push(Got { line: line.trim().to_owned(), body: String::from_utf8_lossy(&body).into_owned() });
    let answer = answer.lock().unwrap().clone();
    let (status, headers) = match answer {
        Answer::Ok => ("200 OK", String::new()),
        Answer::Status(status, headers) => (status, headers),
        Answer::Sleep(span) => {
            std::thread::sleep(span);
            ("200 OK", String::new())
        }
        Answer::Endless => {
            let stream = reader.get_mut();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
    };
    reader.get_mut().write_all(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 2\r\nConnection: close\r\n\r\nok").as_bytes())
}
