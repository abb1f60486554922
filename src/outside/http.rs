//! Asks a URL once, within bounds: for probes and for the webhook, never for the Kubernetes API.
//!
//! One deadline for everything, from the name's resolution to the last byte of the answer. Answers have a largest size. A
//! redirect is an answer like any other and never followed: whoever answers does not choose whom we ask next. The environment's
//! proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) are for the API server only and do nothing here: what is named is what is
//! asked, directly. Certificates are checked against the system's own store; an image without one needs `SSL_CERT_FILE` or
//! `SSL_CERT_DIR`. Nothing is sent twice.

mod error;

use std::io::Cursor;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::ServiceExt as _;

use crate::core::url;
use crate::core::words::{PROGRAM, inert, sentence};

pub(crate) use error::{HttpCause, HttpError};

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The longest that an error repeats of a library's or a server's words, in characters.
const LONGEST_CAUSE: usize = 300;

/// What one exchange may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExchangeLimits {
    /// From the name's resolution to the last byte.
    pub timeout: Duration,
    /// The answer's body, in bytes.
    pub max_bytes: usize,
}

/// What a server answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Such as 200, or 302 for a redirect that was not followed.
    pub status: u16,
    /// Not decompressed: nothing compressed is asked for.
    pub body: Vec<u8>,
}

/// GETs a URL once.
///
/// # Errors
/// There is no whole answer; an answer of any status is none.
pub(crate) async fn get(url: &str, limits: ExchangeLimits) -> Result<Answer, HttpError> {
    exchange(Method::GET, url, None, limits).await
}

/// POSTs a body once.
///
/// # Errors
/// As [`get`]. Unless the cause is [`HttpCause::Connect`] or before it, the body may have been received all the same.
pub(crate) async fn post(url: &str, content_type: &'static str, body: Vec<u8>, limits: ExchangeLimits) -> Result<Answer, HttpError> {
    exchange(Method::POST, url, Some((content_type, body)), limits).await
}

/// Connects to where a URL leads, by TCP and, for https, by TLS, and sends no request.
///
/// # Errors
/// As [`get`].
pub(crate) async fn connect(url: &str, timeout: Duration) -> Result<(), HttpError> {
    let uri = parsed(url).map_err(|why| HttpError { place: place(url), cause: HttpCause::Url(why) })?;
    let place = place_of(&uri);
    let failed = |error: &(dyn std::error::Error + 'static)| HttpCause::Connect(inert(&sentence(error), LONGEST_CAUSE));
    let connected = async {
        if uri.scheme_str() == Some("https") {
            tls(tcp())?.oneshot(uri).await.map(drop).map_err(|error| failed(&*error))
        } else {
            tcp().oneshot(uri).await.map(drop).map_err(|error| failed(&error))
        }
    };
    let timely = tokio::time::timeout(timeout, connected).await;
    timely
        .unwrap_or(Err(HttpCause::Connect(format!("no connection within {} s", timeout.as_secs_f64()))))
        .map_err(|cause| HttpError { place, cause })
}

/// Host and port that a URL leads to, and nothing else of it; empty if it cannot be asked.
pub(crate) fn host_and_port(url: &str) -> String {
    let of = |uri: Uri| {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        format!("{}:{port}", inert(uri.host().unwrap_or_default(), LONGEST_CAUSE))
    };
    parsed(url).map(of).unwrap_or_default()
}

fn tcp() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http
}

fn tls(http: HttpConnector) -> Result<HttpsConnector<HttpConnector>, HttpCause> {
    let tls = HttpsConnectorBuilder::new().try_with_platform_verifier();
    let tls = tls.map_err(|error| HttpCause::NoCertificates(inert(&sentence(&error), LONGEST_CAUSE)))?;
    Ok(tls.https_only().enable_http1().wrap_connector(http))
}

/// Why a URL cannot be asked, if it cannot; without the URL itself.
pub(crate) fn flaw(url: &str) -> Option<&'static str> {
    parsed(url).err()
}

/// What of a URL may be shown: `https://host:port`. Not who asks, nor the path or query: webhooks have their secrets there.
pub(crate) fn place(url: &str) -> String {
    match parsed(url) {
        Ok(uri) => place_of(&uri),
        Err(_) => "a URL that cannot be used".to_owned(),
    }
}

fn place_of(uri: &Uri) -> String {
    let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default())
}

fn parsed(address: &str) -> Result<Uri, &'static str> {
    // No server ever sees what follows a #.
    match url::flaw(address.split('#').next().unwrap_or_default()) {
        Some(flaw) => Err(flaw),
        None => address.parse().map_err(|_| "it is no URL"),
    }
}

async fn exchange(method: Method, url: &str, body: Option<(&'static str, Vec<u8>)>, limits: ExchangeLimits) -> Result<Answer, HttpError> {
    let uri = parsed(url).map_err(|why| HttpError { place: place(url), cause: HttpCause::Url(why) })?;
    let place = place_of(&uri);
    let answer = async {
        let mut request = Request::builder().method(method).uri(uri).header(USER_AGENT, PROGRAM);
        if let Some((content_type, _)) = body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let body = Full::new(Cursor::new(body.map(|(_, body)| body).unwrap_or_default()));
        send(request.body(body).map_err(|_| HttpCause::Url("it cannot be asked"))?, limits.max_bytes).await
    };
    let timely = tokio::time::timeout(limits.timeout, answer).await;
    timely.unwrap_or(Err(HttpCause::Slow(limits.timeout))).map_err(|cause| HttpError { place, cause })
}

async fn send(request: Request<Full<Cursor<Vec<u8>>>>, max_bytes: usize) -> Result<Answer, HttpCause> {
    let mut client = Client::builder(TokioExecutor::new());
    client.pool_max_idle_per_host(0).retry_canceled_requests(false).http1_max_buf_size(MAX_HEAD);
    let response = if request.uri().scheme_str() == Some("https") {
        client.build(tls(tcp())?).request(request).await
    } else {
        client.build(tcp()).request(request).await
    };
    let response = response.map_err(|error| {
        let causes = std::error::Error::source(&error).map_or_else(|| error.to_string(), sentence);
        let causes = inert(&causes, LONGEST_CAUSE);
        if error.is_connect() { HttpCause::Connect(causes) } else { HttpCause::Broken(causes) }
    })?;
    let (head, body) = response.into_parts();
    match Limited::new(body, max_bytes).collect().await {
        Ok(body) => Ok(Answer { status: head.status.as_u16(), body: body.to_bytes().to_vec() }),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpCause::TooLarge(max_bytes)),
        Err(error) => Err(HttpCause::Broken(inert(&sentence(&*error), LONGEST_CAUSE))),
    }
}

#[cfg(test)]
mod tests;
