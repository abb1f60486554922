//! Which proxy leads to the API server: the kubeconfig's own, or the environment's, or none.
//!
//! kube 5.0 decides this too, but holds NO_PROXY against the proxy's address and refuses a trailing comma. hyper-util's matcher
//! decides here instead. Where it knows less than what kubectl uses (Go's `httpproxy`), [`bypasses`] says so.

mod error;

use std::fmt;
use std::net::IpAddr;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use crate::core::words::inert;

pub(super) use error::ProxyError;

/// What may be used.
const SUPPORTED: &str = "an http:// or https:// proxy (HTTP CONNECT)";
/// The longest untrusted word in a message, in characters.
const LONGEST: usize = 253;

/// A proxy to connect through.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Scheme, host and port; no credentials.
    pub(super) uri: Uri,
    /// What the proxy is sent as `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
    /// Where it is set: a variable, or the kubeconfig's field.
    pub(super) set_by: String,
}

/// Names the proxy and where it is set, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        let (scheme, host) = (self.uri.scheme_str().unwrap_or_default(), self.uri.host().unwrap_or_default());
        write!(f, "proxy {scheme}://{host}{port}, set by {}", self.set_by)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Route {
    /// The proxy; `None`: the API server is reached directly.
    pub(super) proxy: Option<Proxy>,
    /// Variables that would apply, and whose value is not the URL of a proxy.
    pub(super) ignored: Vec<&'static str>,
}

/// Decides how to reach `server`. `field` is the kubeconfig's proxy and where it is written; it wins whatever NO_PROXY says, as
/// with kubectl. `variable` reads the environment.
///
/// # Errors
/// See [`ProxyError`].
pub(super) fn route(server: &Uri, field: Option<(String, String)>, variable: impl Fn(&str) -> Option<String>) -> Result<Route, ProxyError> {
    if let Some((set_by, value)) = field {
        return match understood(&value, set_by.clone(), server)? {
            Some(proxy) if value.contains("://") => Ok(Route { proxy: Some(proxy), ignored: Vec::new() }),
            _ => Err(ProxyError::NoUrl(set_by)),
        };
    }
    let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let mut route = Route::default();
    let exceptions = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    if bypasses(server, &exceptions) {
        return Ok(route);
    }
    let of_scheme = if server.scheme_str() == Some("http") { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    // Of each pair, the first that is set counts.
    for pair in [of_scheme, ["ALL_PROXY", "all_proxy"]] {
        let Some((name, value)) = pair.into_iter().find_map(|name| Some((name, set(name)?))) else { continue };
        match understood(&value, name.to_owned(), server)? {
            Some(proxy) => {
                route.proxy = Some(proxy);
                break;
            }
            None => route.ignored.push(name),
        }
    }
    Ok(route)
}

/// A proxy's URL; `None`: it is none.
fn understood(value: &str, set_by: String, server: &Uri) -> Result<Option<Proxy>, ProxyError> {
    let scheme = value.split_once("://").map_or("http", |(scheme, _)| scheme).to_ascii_lowercase();
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() || !scheme.chars().all(named) {
        return Ok(None);
    }
    if !["http", "https"].contains(&scheme.as_str()) {
        return Err(ProxyError::Scheme { set_by, scheme: inert(&scheme, LONGEST) });
    }
    let found =
        Matcher::builder().all(value).build().intercept(server).filter(|found| found.uri().host().is_some_and(|host| !host.is_empty()));
    Ok(found.map(|found| Proxy { uri: found.uri().clone(), authorization: found.basic_auth().cloned(), set_by }))
}

/// NO_PROXY, or where the server is, excludes it from every proxy of the environment.
///
/// hyper-util's matcher decides, with four additions of Go's: this machine itself is never asked by a proxy; `*` excludes addresses
/// too; `host:port` excludes that port; `*.domain` and `[address]` are understood.
fn bypasses(server: &Uri, exceptions: &str) -> bool {
    let host = server.host().unwrap_or_default();
    let bare = |host: &str| host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    let address = bare(host).parse::<IpAddr>();
    if host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()) {
        return true;
    }
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let mut entries = Vec::new();
    for entry in exceptions.split(',').map(str::trim) {
        let entry = match entry.rsplit_once(':') {
            // Not the end of an IPv6 address.
            Some((host, stated)) if !host.contains(':') || host.ends_with(']') => match stated.parse::<u16>() {
                Ok(stated) if stated == port => host,
                _ => continue,
            },
            _ => entry,
        };
        if entry == "*" {
            return true;
        }
        entries.push(bare(entry.strip_prefix('*').unwrap_or(entry)));
    }
    // Any proxy will do to ask what is excluded.
    Matcher::builder().all("http://proxy").no(entries.join(",")).build().intercept(server).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://api.example.com:6443";

    fn decided(server: &str, field: Option<&str>, environment: &[(&str, &str)]) -> String {
        let field = field.map(|value| ("proxy-url of cluster \"prod\"".to_owned(), value.to_owned()));
        let variable = |name: &str| environment.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        match route(&server.parse().unwrap(), field, variable) {
            Ok(Route { proxy, ignored }) => {
                let ignored = if ignored.is_empty() { String::new() } else { format!(" ({} ignored)", ignored.join(", ")) };
                format!("{}{ignored}", proxy.map_or_else(|| "directly".to_owned(), |proxy| proxy.to_string()))
            }
            Err(error) => error.to_string(),
        }
    }

    #[track_caller]
    fn check(server: &str, environment: &[(&str, &str)], expected: &str) {
        assert_eq!(decided(server, None, environment), expected);
    }

    /// With a proxy for everything, and this NO_PROXY.
    #[track_caller]
    fn excluded(server: &str, no_proxy: &str, expected: bool) {
        for name in ["NO_PROXY", "no_proxy"] {
            let decided = decided(server, None, &[("HTTPS_PROXY", "http://proxy:3128"), (name, no_proxy)]);
            assert_eq!(decided == "directly", expected, "{server} {name}={no_proxy}: {decided}");
        }
    }

    #[test]
    fn the_environment_names_a_proxy() {
        check(SERVER, &[], "directly");
        check(SERVER, &[("HTTPS_PROXY", "http://p:1")], "proxy http://p:1, set by HTTPS_PROXY");
        check(SERVER, &[("https_proxy", "https://p:1/")], "proxy https://p:1, set by https_proxy");
        check(SERVER, &[("HTTPS_PROXY", "http://p:1"), ("https_proxy", "http://q:1")], "proxy http://p:1, set by HTTPS_PROXY");
        check(SERVER, &[("HTTPS_PROXY", ""), ("https_proxy", "http://q:1")], "proxy http://q:1, set by https_proxy");
        check(SERVER, &[("HTTP_PROXY", "http://p:1")], "directly");
        check("http://api:80", &[("HTTP_PROXY", "http://p:1"), ("HTTPS_PROXY", "http://q:1")], "proxy http://p:1, set by HTTP_PROXY");
        check(SERVER, &[("ALL_PROXY", "http://p:1")], "proxy http://p:1, set by ALL_PROXY");
        check(SERVER, &[("all_proxy", "http://p:1"), ("HTTPS_PROXY", "http://q:1")], "proxy http://q:1, set by HTTPS_PROXY");
        check(SERVER, &[("HTTPS_PROXY", "p:3128")], "proxy http://p:3128, set by HTTPS_PROXY");
        check(SERVER, &[("HTTPS_PROXY", " http://p:1\n")], "proxy http://p:1, set by HTTPS_PROXY");
    }

    #[test]
    fn no_proxy_is_held_against_the_server() {
        // kube 5.0 held it against the proxy's own address, and refused a trailing comma.
        excluded(SERVER, "proxy", false);
        for (no_proxy, expected) in [
            ("api.example.com", true),
            ("api.example.com,", true),
            (" , other, API.example.com , ", true),
            ("example.com", true),
            (".example.com", true),
            ("*.example.com", true),
            ("ample.com", false),
            ("other.example.com", false),
            ("*", true),
            ("other, *", true),
            ("api.example.com:6443", true),
            ("api.example.com:443", false),
            ("", false),
            (",", false),
            ("10.0.0.0/8", false),
        ] {
            excluded(SERVER, no_proxy, expected);
        }
        for (no_proxy, expected) in [
            ("10.0.0.0/8", true),
            ("10.1.2.3", true),
            ("10.1.2.3:6443", true),
            ("10.1.2.4,10.1.2.0/30,", true),
            ("10.2.0.0/16", false),
            ("10.0.0.0/99", false),
            ("*", true),
        ] {
            excluded("https://10.1.2.3:6443", no_proxy, expected);
        }
        for (no_proxy, expected) in
            [("fd00::/8", true), ("fd00::1", true), ("[fd00::1]", true), ("[fd00::1]:6443", true), ("fd01::/16", false)]
        {
            excluded("https://[fd00::1]:6443", no_proxy, expected);
        }
    }

    #[test]
    fn this_machine_is_asked_directly() {
        for server in ["https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:6443"] {
            check(server, &[("HTTPS_PROXY", "http://p:1")], "directly");
        }
    }

    #[test]
    fn the_kubeconfig_wins() {
        let environment = [("HTTPS_PROXY", "socks5://p:1"), ("NO_PROXY", "*,")];
        let of_kubeconfig = "proxy http://q:1, set by proxy-url of cluster \"prod\"";
        assert_eq!(decided(SERVER, Some("http://q:1"), &environment), of_kubeconfig);
        assert_eq!(decided("https://127.0.0.1:1", Some("http://q:1"), &environment), of_kubeconfig);
        let error = "proxy-url of cluster \"prod\": its value, which is not shown, is not the URL of a proxy: set an http:// or https:// \
                     proxy (HTTP CONNECT), or remove it";
        for value in ["me:secret@p:1", "http://", "http://a b", "://"] {
            assert_eq!(decided(SERVER, Some(value), &[]), error, "{value}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named_without_credentials() {
        let error = |set_by: &str, scheme: &str| {
            format!(
                "{set_by}: a proxy of scheme {scheme} is not supported: set an http:// or https:// proxy (HTTP CONNECT), or exclude the \
                 API server with NO_PROXY"
            )
        };
        for (scheme, name) in [("socks5", "HTTPS_PROXY"), ("socks5h", "https_proxy"), ("socks4", "ALL_PROXY"), ("ftp", "all_proxy")] {
            let value = format!("{scheme}://me:secret@p:1");
            check(SERVER, &[(name, &value)], &error(name, scheme));
            check(SERVER, &[(name, &value), ("NO_PROXY", "example.com")], "directly");
        }
        assert_eq!(decided(SERVER, Some("socks5://me:secret@p:1"), &[]), error("proxy-url of cluster \"prod\"", "socks5"));
        check(SERVER, &[("HTTPS_PROXY", "http://me:secret@p:1")], "proxy http://p:1, set by HTTPS_PROXY");
    }

    #[test]
    fn what_kubectl_ignores_is_ignored() {
        for value in ["http://a b", "http://", "a b", "%", "\u{1b}://x", "http://[::1", "://", "/path"] {
            check(SERVER, &[("HTTPS_PROXY", value)], "directly (HTTPS_PROXY ignored)");
        }
        check(SERVER, &[("HTTPS_PROXY", "a b"), ("ALL_PROXY", "http://p:1")], "proxy http://p:1, set by ALL_PROXY (HTTPS_PROXY ignored)");
    }

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "http://me:p%40ss@p:1".to_owned());
        let proxy = route(&SERVER.parse().unwrap(), None, variable).unwrap().proxy.unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(format!("{proxy:?} {proxy}").matches("p%40ss").count(), 0);
    }
}
