//! Against sockets of this machine that answer byte by byte what a test says. TLS is in tests/on_cluster, where certificates are.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use super::*;

/// Serves one connection; the port, and what was asked.
fn server(serve: impl FnOnce(&mut TcpStream) + Send + 'static) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => break,
            }
        }
        let _ = sender.send(String::from_utf8_lossy(&head).into_owned());
        serve(&mut stream);
    });
    (port, asked)
}

fn limits(milliseconds: u64) -> ExchangeLimits {
    ExchangeLimits { timeout: Duration::from_millis(milliseconds), max_bytes: 100 }
}

#[tokio::main(flavor = "current_thread")]
async fn ask(url: &str, limits: ExchangeLimits) -> Result<Answer, HttpError> {
    get(url, limits).await
}

/// A server that sends these bytes and closes: the answer, or the error without the place.
#[track_caller]
fn check(sends: impl Into<Vec<u8>>, expected: Result<(u16, &str), &str>) {
    let sends = sends.into();
    let (port, _) = server(move |stream| {
        let _ = stream.write_all(&sends);
    });
    let got = ask(&format!("http://127.0.0.1:{port}/secret?token=secret"), limits(5000));
    let got = got.map(|answer| (answer.status, String::from_utf8(answer.body).unwrap()));
    let got = got.map_err(|error| error.to_string().replace(&format!("http://127.0.0.1:{port}: "), ""));
    let expected = expected.map(|(status, body)| (status, body.to_owned())).map_err(str::to_owned);
    assert_eq!(got, expected);
}

#[test]
fn an_answer_of_any_status_is_an_answer_and_a_redirect_is_not_followed() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok((200, "ok")));
    check("HTTP/1.1 503 Busy\r\n\r\nlater", Ok((503, "later")));
    check("HTTP/1.1 204 No\r\n\r\n", Ok((204, "")));
    check("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Ok((302, "")));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Ok((200, "ok")));
}

#[test]
fn an_answer_has_a_largest_size() {
    let body = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
    check(body(100), Ok((200, &"x".repeat(100))));
    check(body(101), Err("the answer is longer than 100 bytes"));
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "10\r\n0123456789abcdef\r\n".repeat(10_000));
    check(endless, Err("the answer is longer than 100 bytes"));
    check(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)), Err("the exchange broke off: message head is too large"));
}

#[test]
fn what_is_no_http_or_breaks_off_is_an_error() {
    check("SSH-2.0-OpenSSH\r\n", Err("the exchange broke off: invalid HTTP version parsed"));
    check("", Err("the exchange broke off: connection closed before message completed"));
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        Err("the exchange broke off: error reading a body from connection: end of file before message length reached"),
    );
}

#[test]
fn silence_ends_with_the_deadline_wherever_it_falls() {
    for sends in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"] {
        let (port, _) = server(move |stream| {
            let _ = stream.write_all(sends.as_bytes());
            // Until the other side gives up.
            let _ = stream.read(&mut [0]);
        });
        let error = ask(&format!("http://localhost:{port}/"), limits(300)).unwrap_err();
        assert_eq!(error.to_string(), format!("http://localhost:{port}: no whole answer within 0.3 s"), "{sends}");
    }
}

#[test]
fn nobody_there() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = ask(&format!("http://127.0.0.1:{port}/secret"), limits(5000)).unwrap_err();
    assert!(matches!(error.cause, HttpCause::Connect(_)), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let error = ask("http://nowhere.invalid/secret", limits(5000)).unwrap_err();
    assert!(error.to_string().starts_with("http://nowhere.invalid: "), "{error}");
}

#[test]
fn what_is_sent() {
    let (port, asked) = server(|stream| {
        let mut body = [0; 2];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{}", String::from_utf8_lossy(&body)).as_bytes()).unwrap();
    });
    let url = format!("http://127.0.0.1:{port}/a/b?c=d");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(post(&url, "application/json", b"{}".to_vec(), limits(5000))).unwrap();
    assert_eq!(answer, Answer { status: 200, body: b"{}".to_vec() });
    let asked = asked.recv().unwrap().to_lowercase();
    assert!(asked.starts_with("post /a/b?c=d http/1.1\r\n"), "{asked}");
    for header in ["content-type: application/json", "content-length: 2", "user-agent: pod-remediator", &format!("host: 127.0.0.1:{port}")]
    {
        assert!(asked.contains(&format!("\r\n{header}\r\n")), "{header}: {asked}");
    }
    assert!(!asked.contains("accept-encoding"), "nothing compressed is asked for: {asked}");
}

#[test]
fn a_url_that_cannot_be_asked_is_said_so_without_being_shown() {
    let host =
        "a URL that cannot be used: between // and the next / it must name a host, written out, and a port from 1 to 65535 if it needs one";
    for (url, expected) in [
        ("", "a URL that cannot be used: it must begin with http:// or https://"),
        ("secret", "a URL that cannot be used: it must begin with http:// or https://"),
        ("/secret", "a URL that cannot be used: it must begin with http:// or https://"),
        ("ftp://secret/", "a URL that cannot be used: it must begin with http:// or https://"),
        ("http://", host),
        ("http:///secret", host),
        ("http://a b/secret", host),
        ("https://user:secret@host/", "a URL that cannot be used: it must not hold a user name or password"),
    ] {
        assert_eq!(ask(url, limits(5000)).unwrap_err().to_string(), expected, "{url}");
    }
}

#[test]
fn only_the_place_of_a_url_is_shown() {
    assert_eq!(place("https://hooks.example.com/services/T0/B0/secret?token=secret#secret"), "https://hooks.example.com");
    assert_eq!(place("http://[::1]:9090/secret"), "http://[::1]:9090");
    assert_eq!(place("https://user:secret@host/"), "a URL that cannot be used");
}

/// What a runbook may name (`core/url.rs` has the rule) can be asked.
#[test]
fn every_url_of_a_runbook_can_be_asked() {
    for url in
        ["http://a", "https://a_b.c-d.svc:8443", "http://[::1]:9090/x", "http://a?x", "http://10.0.0.1/~x/!$'()*,;=:@", "http://a/%7B?a=b"]
    {
        assert!(parsed(url).is_ok(), "{url}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn reach(url: &str) -> Result<(), HttpError> {
    connect(url, Duration::from_millis(2000)).await
}

#[test]
fn a_connection_is_tried_without_a_request() {
    let (port, asked) = server(|_| {});
    assert_eq!(reach(&format!("http://127.0.0.1:{port}/secret?token=secret")), Ok(()));
    assert_eq!(asked.recv().unwrap(), "");
    let (port, _) = server(|stream| drop(stream.write_all(b"no TLS\r\n\r\n")));
    for url in ["http://127.0.0.1:1/secret".to_owned(), format!("https://127.0.0.1:{port}/secret")] {
        let error = reach(&url).unwrap_err();
        assert!(matches!(error.cause, HttpCause::Connect(_) | HttpCause::NoCertificates(_)), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for (url, expected) in [("http://h/secret", "h:80"), ("https://h?secret", "h:443"), ("https://[::1]:8443", "[::1]:8443"), ("h", "")] {
        assert_eq!(host_and_port(url), expected);
    }
}
