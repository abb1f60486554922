//! The client: connections, by a proxy or directly, and the layers that every request goes through.

mod error;

use std::pin::Pin;
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::middleware::AuthLayer;
use kube::client::{AuthError, Body, ClientBuilder, ConfigExt};
use tower::timeout::Timeout;
use tower::timeout::future::ResponseFuture;
use tower::util::{MapFuture, MapRequestLayer, MapResponseLayer};
use tower::{BoxError, Service, ServiceBuilder};

use super::access::LoadedAccess;
use super::error::plugin_failed;
use super::proxy::Proxy;
use crate::core::words::quoted;
use crate::outside::clock::Heard;

pub(super) use error::ClientError;

/// How long a connection may take, the proxy's part and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds it. kube's own stack would retry deletes and evictions for minutes on a 429, decide on the proxy, and trust an HTTPS
/// proxy by the cluster's authority.
pub(super) fn client(loaded: LoadedAccess, heard: Heard) -> Result<kube::Client, ClientError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let config = &loaded.config;
    // First of all: the connectors ask a credential plugin too, for a certificate, and do not say why there is none.
    let credentials = config.auth_layer().map_err(|error| of_plugin(config, error))?;
    match &loaded.route.proxy {
        None => over(timely(config.rustls_https_connector_with_connector(http)?), &loaded, credentials, heard),
        Some(proxy) if proxy.uri.scheme_str() == Some("https") => {
            let tls = HttpsConnectorBuilder::new().try_with_platform_verifier();
            let tls = tls.map_err(|error| ClientError::NoCertificates(error.into()))?;
            let tunnel = tunnel(proxy, tls.https_only().enable_http1().wrap_connector(http));
            over(timely(config.rustls_https_connector_with_connector(tunnel)?), &loaded, credentials, heard)
        }
        Some(proxy) => over(timely(config.rustls_https_connector_with_connector(tunnel(proxy, http))?), &loaded, credentials, heard),
    }
}

/// A connector that gives up after a while.
type Timely<C> = MapFuture<Timeout<C>, fn(ResponseFuture<Connecting<C>>) -> Pin<Box<ResponseFuture<Connecting<C>>>>>;
type Connecting<C> = <C as Service<Uri>>::Future;

fn timely<C: Service<Uri>>(connector: C) -> Timely<C> {
    // hyper wants futures that can be moved.
    MapFuture::new(Timeout::new(connector, CONNECT_TIMEOUT), Box::pin)
}

fn tunnel<C>(proxy: &Proxy, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri.clone(), connector);
    match &proxy.authorization {
        Some(authorization) => tunnel.with_auth(authorization.clone()),
        None => tunnel,
    }
}

/// Over the connections that the connector makes.
fn over<C>(connector: C, loaded: &LoadedAccess, credentials: Option<AuthLayer>, heard: Heard) -> Result<kube::Client, ClientError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let LoadedAccess { config, token, .. } = loaded;
    let token = token.clone().map(|token| {
        MapRequestLayer::new(move |mut request: http::Request<Body>| {
            request.headers_mut().insert(http::header::AUTHORIZATION, token.authorization());
            request
        })
    });
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let hear = MapResponseLayer::new(move |response: http::Response<_>| {
        heard.date(response.headers().get(http::header::DATE));
        response
    });
    let service = ServiceBuilder::new()
        .layer(hear)
        .layer(config.base_uri_layer())
        .option_layer(credentials)
        .option_layer(token)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

/// What a credential plugin's failure means, with its name and what the kubeconfig says about installing it.
fn of_plugin(config: &kube::Config, error: kube::Error) -> ClientError {
    let Some(exec) = &config.auth_info.exec else { return error.into() };
    let command = quoted(exec.command.as_deref().unwrap_or_default());
    let hint = exec.install_hint.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let hint = if hint.is_empty() { hint } else { format!("; hint: {hint}") };
    match error {
        kube::Error::Auth(AuthError::AuthExecStart(source)) if source.kind() == std::io::ErrorKind::NotFound => {
            let why = "of the kubeconfig is not installed, or not in PATH".to_owned();
            ClientError::Plugin { command, why, hint }
        }
        kube::Error::Auth(AuthError::AuthExecStart(source)) => ClientError::PluginStart { command, source, hint },
        kube::Error::Auth(cause) => match plugin_failed(&cause) {
            Some(why) => ClientError::Plugin { command, why, hint: String::new() },
            None => kube::Error::Auth(cause).into(),
        },
        error => error.into(),
    }
}
