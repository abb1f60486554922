//! Why a call failed, in terms of what to do about it (design: the table of answers).

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use kube::client::AuthError;
use kube::config::KubeconfigError;
use kube::core::Status;

use super::Resource;
use crate::core::words::{inert, sentence, without_credentials};

/// A call, for messages: what was tried on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// As RBAC names it: get, list, watch, create, update, delete.
    pub verb: &'static str,
    /// On which kind.
    pub resource: Resource,
    /// On which object; empty for a whole kind.
    pub name: String,
}

impl Call {
    pub(super) fn new(verb: &'static str, resource: Resource, name: &str) -> Self {
        Self { verb, resource, name: name.to_owned() }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource.plural)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        Ok(())
    }
}

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {cause}")]
pub(crate) struct ApiError {
    /// What was tried.
    pub call: Call,
    /// What came of it.
    #[source]
    pub cause: Cause,
}

/// What came of a failed call, by what it means for us.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Cause {
    /// 401 or RBAC's 403: a permission is missing.
    #[error("not permitted: {0}")]
    Forbidden(String),
    #[error("not found")]
    NotFound,
    /// 409: it changed, or it is there already.
    #[error("it has changed meanwhile: {0}")]
    Conflict(String),
    /// 410: the resourceVersion or continue token is too old.
    #[error("the server no longer knows that resourceVersion")]
    Gone,
    /// 429 by a disruption budget.
    #[error("refused by a disruption budget: {0}")]
    Budget(String),
    /// Any other 429: it was not executed.
    #[error("the API server asks to wait{}", .0.map(|wait| format!(" {} s", wait.as_secs())).unwrap_or_default())]
    Throttled(Option<Duration>),
    /// 400, 422, or a 403 by admission: the cluster's own policy.
    #[error("refused by the cluster: {0}")]
    Rejected(String),
    /// 500, 503, 504 and the like, a timeout, a broken connection: whether it was executed is unclear.
    #[error("no clear answer: {0}")]
    Unclear(String),
    /// An answer that cannot be understood.
    #[error("the answer cannot be understood: {0}")]
    Malformed(String),
    /// There is no usable configuration to reach a cluster with.
    #[error("{0}")]
    Config(String),
}

impl ApiError {
    fn new(call: &Call, cause: Cause) -> Self {
        Self { call: call.clone(), cause }
    }

    pub(super) fn config(error: &(dyn std::error::Error + 'static)) -> Self {
        let nothing = Resource { group: "", version: "", plural: "to the API server" };
        Self::new(&Call::new("connect", nothing, ""), Cause::Config(chain(error)))
    }

    pub(super) fn timeout(call: &Call) -> Self {
        Self::new(call, Cause::Unclear("the API server did not answer in time".to_owned()))
    }

    pub(super) fn broken(call: &Call, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(call, Cause::Unclear(format!("the answer broke off: {}", chain(error))))
    }

    pub(super) fn malformed(call: &Call, what: &str) -> Self {
        Self::new(call, Cause::Malformed(inert(what, 500)))
    }

    pub(super) fn unsendable(call: &Call, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(call, Cause::Malformed(format!("the request could not be built: {}", chain(error))))
    }

    /// The failure of a request that got no answer, or of a watch.
    pub(super) fn of_kube(call: &Call, error: &kube::Error) -> Self {
        let cause = match error {
            kube::Error::Api(status) => of_status(call, StatusCode::from_u16(status.code).unwrap_or_default(), status, None),
            kube::Error::Auth(_) => Cause::Forbidden(chain(error)),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Cause::Malformed(chain(error)),
            _ => Cause::Unclear(chain(error)),
        };
        Self::new(call, cause)
    }

    /// The failure that an answer states.
    pub(super) fn of_answer(call: &Call, code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let wait = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let status = serde_json::from_slice::<Status>(body).unwrap_or_else(|_| {
            // Not every 429 and 503 is a Status: priority-and-fairness and proxies answer in plain text.
            let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
            Status { code: code.as_u16(), message: text.trim().to_owned(), ..Status::default() }
        });
        Self::new(call, of_status(call, code, &status, wait))
    }

    /// Where no clear answer came by a proxy: names it, for the fault may be there.
    pub(super) fn by(mut self, proxy: Option<String>) -> Self {
        if let (Cause::Unclear(what), Some(proxy)) = (&mut self.cause, proxy) {
            what.push_str(&format!(" (by {proxy})"));
        }
        self
    }

    /// Sending the same read again may help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.cause, Cause::Throttled(_) | Cause::Unclear(_))
    }

    /// How long the server asks us to wait, a minute at most.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.cause {
            Cause::Throttled(wait) => wait.map(|wait| wait.min(Duration::from_secs(60))),
            _ => None,
        }
    }
}

fn of_status(call: &Call, code: StatusCode, status: &Status, wait: Option<Duration>) -> Cause {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    // The whole Status is never shown: it may repeat what was sent.
    let message = inert(&status.message, 500);
    match code {
        StatusCode::UNAUTHORIZED => Cause::Forbidden(format!("the API server does not accept our credentials: {message}")),
        // RBAC and admission both answer 403; only the authorizer says `cannot VERB resource`.
        StatusCode::FORBIDDEN if ["impersonate", call.verb].iter().any(|verb| message.contains(&format!("cannot {verb} resource"))) => {
            Cause::Forbidden(message)
        }
        StatusCode::NOT_FOUND => Cause::NotFound,
        StatusCode::CONFLICT => Cause::Conflict(message),
        StatusCode::GONE => Cause::Gone,
        StatusCode::TOO_MANY_REQUESTS if causes.iter().any(|cause| cause.reason == "DisruptionBudget") => Cause::Budget(message),
        StatusCode::TOO_MANY_REQUESTS => {
            let stated = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0);
            Cause::Throttled(wait.or_else(|| stated.map(|seconds| Duration::from_secs(u64::from(seconds)))))
        }
        code if code.is_client_error() => Cause::Rejected(message),
        code => Cause::Unclear(format!("{code} {message}")),
    }
}

/// An error and its sources in one inert line, without what no output may show.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    // A kubeconfig that cannot be parsed is quoted in the parser's own message, and it holds tokens.
    let mut within: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = within {
        if let Some(KubeconfigError::Parse(parse)) = error.downcast_ref::<KubeconfigError>() {
            let place = parse.location().map_or_else(String::new, |at| format!(", at line {}, column {}", at.line(), at.column()));
            return format!("the kubeconfig cannot be parsed{place}");
        }
        // What a credential plugin printed is a token.
        if let Some(why) = error.downcast_ref::<AuthError>().and_then(plugin_failed) {
            return format!("the kubeconfig's credential plugin {why}");
        }
        within = error.source();
    }
    inert(&without_credentials(&sentence(error)), 1000)
}

/// Why a credential plugin gave no credentials, without its output, arguments and environment; `None`: it is about something else.
pub(super) fn plugin_failed(error: &AuthError) -> Option<String> {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = if said.is_empty() { said } else { format!(": {said}") };
            Some(inert(&without_credentials(&format!("failed ({}){said}", out.status)), 500))
        }
        AuthError::AuthExecParse(_) => Some("printed something else than an ExecCredential".to_owned()),
        AuthError::ParseTokenKey(_) => Some("printed something else than JSON".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::PODS;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Foreign(&'static str);

    #[test]
    fn what_the_server_says_is_inert_and_bounded() {
        let call = Call::new("delete", PODS, "web-1");
        let hostile = "\u{1b}[2Jno\n\u{202e}way".repeat(500);
        let status = serde_json::json!({"kind": "Status", "code": 422, "message": hostile}).to_string();
        for (code, body) in [(422, status.as_str()), (503, hostile.as_str())] {
            let error = ApiError::of_answer(&call, StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), body.as_bytes()).to_string();
            assert!(error.chars().all(crate::core::words::is_harmless) && error.chars().count() < 600, "{error}");
        }
    }

    #[test]
    fn no_secret_is_told() {
        let error = Foreign("cannot connect to http://me:secret@proxy:3128/");
        assert!(!ApiError::config(&error).to_string().contains("secret"));
        // What a plugin printed, and its environment.
        let status = std::os::unix::process::ExitStatusExt::from_raw(0x100);
        let out = std::process::Output { status, stdout: b"secret".to_vec(), stderr: b"log in\nfirst".to_vec() };
        let error = AuthError::AuthExecRun { cmd: "PASSWORD=secret plugin".to_owned(), out: Box::new(out) };
        let told = ApiError::of_kube(&Call::new("get", PODS, ""), &kube::Error::Service(Box::new(error))).to_string();
        assert_eq!(told, "get pods: no clear answer: the kubeconfig's credential plugin failed (exit status: 1): log in first");
        let kubeconfig = "users:\n- name: me\n  user: secret\nclusters: [";
        let error = kube::config::Kubeconfig::from_yaml(kubeconfig).unwrap_err();
        let told = ApiError::config(&error).to_string();
        assert!(!told.contains("secret") && told.contains("the kubeconfig cannot be parsed"), "{told}");
    }
}
