//! Which URLs may be asked: those that a runbook names, and that of a webhook.

/// What is wrong with a URL, `${…}` aside; `None` if nothing is. It is http or https, in printable ASCII, with a host that is
/// written out, and without credentials (a runbook is read by many) or a fragment (no server ever sees one).
pub(crate) fn flaw(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("it must begin with http:// or https://");
    };
    if url.len() > LONGEST {
        return Some("it is longer than 2000 characters");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Some("it must not hold a user name or password");
    }
    if !is_host_and_port(authority) {
        return Some("between // and the next / it must name a host, written out, and a port from 1 to 65535 if it needs one");
    }
    if path.contains('#') {
        return Some("it must not have a #: no server ever sees what follows");
    }
    // Whole templates are known by now: ${ and } of theirs are all that may be there of these.
    let path = path.replace("${", "").replace('}', "");
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|');
    if !path.chars().all(plain) {
        return Some("it has a character that must be written as %XX");
    }
    None
}

const LONGEST: usize = 2000;

fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => match address.parse::<std::net::Ipv6Addr>() {
            Ok(_) if port.is_empty() => return true,
            Ok(_) => match port.strip_prefix(':') {
                Some(port) => ("v6", Some(port)),
                None => return false,
            },
            Err(_) => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_host && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::flaw;

    #[test]
    fn what_may_be_asked() {
        for url in [
            "http://a",
            "https://a.b-c.svc:8443",
            "http://[::1]:9090/x",
            "http://[::1]",
            "http://a/${SERVICE}/x?y=${POD_NAME}&z=%7B",
            "http://a?x",
            "http://10.0.0.1/~x/!$'()*,;=:@",
        ] {
            assert_eq!(flaw(url), None, "{url}");
        }
    }

    #[test]
    fn what_may_not() {
        let scheme = "it must begin with http:// or https://";
        let host = "between // and the next / it must name a host, written out, and a port from 1 to 65535 if it needs one";
        let credentials = "it must not hold a user name or password";
        let character = "it has a character that must be written as %XX";
        for (url, expected) in [
            ("", scheme),
            ("a/b", scheme),
            ("ftp://a", scheme),
            ("HTTP://a", scheme),
            ("http:/a", scheme),
            ("http://", host),
            ("http:///x", host),
            ("http://:80", host),
            ("http://a:", host),
            ("http://a:0", host),
            ("http://a:65536", host),
            ("http://a:+1", host),
            ("http://${SERVICE}/x", host),
            ("http://a b", host),
            ("http://é", host),
            ("http://[x]", host),
            ("http://[::1]9", host),
            ("http://user:password@a/", credentials),
            ("http://user@a", credentials),
            ("http://a/#x", "it must not have a #: no server ever sees what follows"),
            ("http://a/b c", character),
            ("http://a/\n", character),
            ("http://a/é", character),
            ("http://a/{x", character),
            ("http://a/\"", character),
        ] {
            assert_eq!(flaw(url), Some(expected), "{url}");
        }
        assert_eq!(flaw(&format!("http://a/{}", "x".repeat(2000))), Some("it is longer than 2000 characters"));
    }
}
