//! A proxy between the program and the API server, that does as told at one certain request.
//!
//! HTTP/1.1 over TLS on both sides, one thread for each connection. What a script does not touch passes through byte by byte: the
//! caller's token, chunks of a watch as they come, kept connections.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::fixture::Lab;

/// What to do about one request.
pub(crate) enum Step {
    /// Let it through.
    Forward,
    /// Answer it, with this status line (`429 Too Many Requests`), these header lines and this body; the server hears nothing.
    Answer(&'static str, &'static str, String),
    /// End the connection; the server hears nothing.
    Drop,
    /// Let it through, and end the connection before its answer.
    ForwardThenDrop,
    /// Let it through, and answer it with this instead, as [`Step::Answer`] does.
    ForwardThenAnswer(&'static str, &'static str, String),
    /// Let it through, and before its answer is passed on do this; then end the connection.
    ForwardThen(Box<dyn FnOnce() + Send>),
    /// Let it through, and end the connection in the middle of its answer.
    Truncate,
    /// Answer nothing for this long; the server hears nothing.
    Hang(Duration),
}

/// A request, as a script sees it.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// How many of this method and path there have been, this one included. Watches are told from lists.
    pub(crate) count: usize,
}

impl Request {
    /// The deletion of a pod, for the nth time.
    pub(crate) fn deletes_a_pod(&self, count: usize) -> bool {
        self.method == "DELETE" && self.path.contains("/pods/") && self.count == count
    }

    /// The eviction of a pod, for the nth time.
    pub(crate) fn evicts_a_pod(&self, count: usize) -> bool {
        self.method == "POST" && self.path.ends_with("/eviction") && self.count == count
    }

    /// The ledger is written, for the nth time: of a run that replaces a pod that no run has seen yet, 1 remembers the request, 2 is the
    /// intent, and 3 the outcome.
    pub(crate) fn writes_the_ledger(&self, count: usize) -> bool {
        self.method == "PUT" && self.path.contains("/configmaps/") && self.count == count
    }

    /// The intent is written, by such a run.
    pub(crate) fn writes_the_intent(&self) -> bool {
        self.writes_the_ledger(2)
    }

    /// The outcome is written, by such a run.
    pub(crate) fn writes_the_outcome(&self) -> bool {
        self.writes_the_ledger(3)
    }

    /// A watch begins, for the nth time.
    pub(crate) fn watches(&self, count: usize) -> bool {
        self.query.contains("watch=") && self.count == count
    }

    /// Pods are listed, for the nth time.
    pub(crate) fn lists_pods(&self, count: usize) -> bool {
        self.method == "GET" && self.path.ends_with("/pods") && !self.query.contains("watch=") && self.count == count
    }
}

/// A proxy for one test.
pub(crate) struct Proxy {
    /// The caller's own kubeconfig, but with the proxy as its server.
    pub(crate) kubeconfig: PathBuf,
}

struct Shared {
    server: ServerConfig,
    client: Arc<ClientConfig>,
    /// Host and port of the API server.
    upstream: String,
    script: Box<dyn Fn(&Request) -> Step + Send + Sync>,
    counts: Mutex<BTreeMap<String, usize>>,
}

impl Proxy {
    /// Starts one. The script is asked about each request before it is let through, and may do something first.
    pub(crate) fn start(lab: &Lab, script: impl Fn(&Request) -> Step + Send + Sync + 'static) -> Self {
        let mut config: Value = serde_json::from_str(&lab.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"])).unwrap();
        let cluster = &config["clusters"][0]["cluster"];
        let upstream = cluster["server"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
        let authority = certificate(Path::new(cluster["certificate-authority"].as_str().unwrap()));

        let (key, certified) = (lab.folder.join("proxy.key"), lab.folder.join("proxy.crt"));
        self_sign(&key, &certified);
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&ring)).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_file(&key).unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![certificate(&certified)], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority).unwrap();
        let client = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
        let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        config["clusters"][0]["cluster"] = json!({"server": format!("https://{address}"), "certificate-authority": certified});
        let kubeconfig = lab.folder.join("proxy.kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).unwrap();

        let shared = Arc::new(Shared { server, client, upstream, script: Box::new(script), counts: Mutex::default() });
        // It ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A connection that ends is the program's business, or the script's.
                std::thread::spawn(move || drop(connection.and_then(|connection| shared.serve(connection))));
            }
        });
        Self { kubeconfig }
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

/// A certificate that is its own authority, though none for others: rustls refuses a server that shows an authority's.
fn self_sign(key: &Path, certified: &Path) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=proxy"]);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"]);
    command.arg(key).arg("-out").arg(certified);
    // Valid from the day before: some programs under test are made to believe in another hour.
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    let output = command.env("LD_PRELOAD", library).env("FAKETIME", "-1d").output().unwrap();
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}

/// Answers callers over TLS, with a certificate that nobody trusts but who is told to: the port, and the certificate's file.
/// It ends with the test's process.
pub(crate) fn serve_tls(lab: &Lab) -> (u16, PathBuf) {
    let (key, certified) = (lab.folder.join("receiver.key"), lab.folder.join("receiver.crt"));
    self_sign(&key, &certified);
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let server = Arc::new(server.with_single_cert(vec![certificate(&certified)], PrivateKeyDer::from_pem_file(&key).unwrap()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(tls) = ServerConnection::new(Arc::clone(&server)) else { return };
            let Ok(connection) = connection else { return };
            let mut caller: Caller = BufReader::new(StreamOwned::new(tls, connection));
            let asked = read_head(&mut caller).and_then(|head| caller.read_exact(&mut vec![0; content_length(&head).unwrap_or(0)]));
            let _ = asked.and_then(|()| answer_with(&mut caller, "200 OK", "", "ok"));
        }
    });
    (port, certified)
}

type Caller = BufReader<StreamOwned<ServerConnection, TcpStream>>;
type Upstream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

impl Shared {
    /// One connection, request by request, to its end.
    fn serve(&self, connection: TcpStream) -> Result<()> {
        connection.set_nodelay(true)?;
        let tls = ServerConnection::new(Arc::new(self.server.clone())).map_err(Error::other)?;
        let mut caller: Caller = BufReader::new(StreamOwned::new(tls, connection));
        let mut upstream = self.connect()?;
        loop {
            let head = read_head(&mut caller)?;
            let mut body = vec![0; content_length(&head).unwrap_or(0)];
            caller.read_exact(&mut body)?;
            let step = (self.script)(&self.request(&head));
            match step {
                Step::Drop => return Ok(()),
                Step::Hang(span) => {
                    std::thread::sleep(span);
                    return Ok(());
                }
                Step::Answer(status, headers, body) => return answer_with(&mut caller, status, headers, &body),
                _ => {}
            }
            upstream.get_mut().write_all(head.as_bytes())?;
            upstream.get_mut().write_all(&body)?;
            upstream.get_mut().flush()?;
            let answer = read_head(&mut upstream)?;
            match step {
                Step::ForwardThenDrop => return Ok(()),
                Step::ForwardThen(act) => {
                    act();
                    return Ok(());
                }
                Step::ForwardThenAnswer(status, headers, body) => return answer_with(&mut caller, status, headers, &body),
                Step::Truncate => {
                    let mut some = vec![0; content_length(&answer).unwrap_or(2) / 2];
                    upstream.read_exact(&mut some)?;
                    caller.get_mut().write_all(&[answer.as_bytes(), &some].concat())?;
                    return caller.get_mut().flush();
                }
                _ => pass_on(&answer, &mut upstream, &mut caller)?,
            }
        }
    }

    fn connect(&self) -> Result<Upstream> {
        let host = self.upstream.split(':').next().unwrap_or_default().to_owned();
        let name = ServerName::try_from(host).map_err(Error::other)?;
        let tls = ClientConnection::new(Arc::clone(&self.client), name).map_err(Error::other)?;
        let connection = TcpStream::connect(&self.upstream)?;
        connection.set_nodelay(true)?;
        Ok(BufReader::new(StreamOwned::new(tls, connection)))
    }

    fn request(&self, head: &str) -> Request {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let watch = if query.contains("watch=") { "watch" } else { "" };
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(format!("{method} {path} {watch}")).or_default();
        *count += 1;

        Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), count: *count }
    }
}

/// The script's own answer, after which the connection ends.
fn answer_with(caller: &mut Caller, status: &str, headers: &str, body: &str) -> Result<()> {
    let length = body.len();
    let stream = caller.get_mut();
    stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// The first lines of a request or an answer, the empty one included.
fn read_head(from: &mut impl BufRead) -> Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn content_length(head: &str) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

/// An answer, as it comes: a watch's is never complete for long.
fn pass_on(head: &str, upstream: &mut Upstream, caller: &mut Caller) -> Result<()> {
    let mut send = |bytes: &[u8]| {
        caller.get_mut().write_all(bytes)?;
        caller.get_mut().flush()
    };
    send(head.as_bytes())?;
    if let Some(length) = content_length(head) {
        let mut body = vec![0; length];
        upstream.read_exact(&mut body)?;
        return send(&body);
    }
    if header(head, "transfer-encoding") != Some("chunked") {
        return Ok(());
    }
    loop {
        let mut chunk = Vec::new();
        upstream.read_until(b'\n', &mut chunk)?;
        let size = std::str::from_utf8(&chunk).ok().and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
        let size = size.ok_or(ErrorKind::InvalidData)?;
        let start = chunk.len();
        chunk.resize(start + size + 2, 0);
        upstream.read_exact(&mut chunk[start..])?;
        send(&chunk)?;
        if size == 0 {
            return Ok(());
        }
    }
}
