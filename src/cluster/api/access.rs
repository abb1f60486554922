//! Where the API server is, and as whom it is asked: kubeconfig files and flags, or the pod's ServiceAccount, as kubectl has it.
//!
//! kube reads one context of a kubeconfig here. Which files, which context, cluster and user, and by which proxy, is decided
//! before: there kube 5.0 differs from kubectl.

mod error;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Uri};
use kube::config::{AuthInfo, Cluster, Context, ExecAuthCluster, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::config::{NamedAuthInfo, NamedCluster, NamedContext};

use super::proxy::{ProxyError, Route, route};
use super::token::{TokenError, TokenFile};
use crate::core::words::quoted;

pub(super) use error::AccessError;

/// Where the API server is, and as whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`: another cluster of the kubeconfig than the context's.
    pub cluster: Option<String>,
    /// `--user`: another user of the kubeconfig than the context's.
    pub user: Option<String>,
    /// `--as`: the user to act as.
    pub impersonate: Option<String>,
    /// `--as-group`: the groups to act as.
    pub impersonate_groups: Vec<String>,
    /// The namespace asked for; without it, the ServiceAccount's or the context's own.
    pub namespace: Option<String>,
}

/// What is read of the machine.
pub(super) struct Surroundings<V> {
    /// Reads a variable.
    pub(super) variable: V,
    /// The directory with `.kube/config`.
    pub(super) home: Option<PathBuf>,
}

/// All that a client needs.
#[derive(Debug)]
pub(super) struct LoadedAccess {
    pub(super) config: kube::Config,
    pub(super) route: Route,
    /// It is sent instead of what `config` holds.
    pub(super) token: Option<TokenFile>,
}

impl<V: Fn(&str) -> Option<OsString>> Surroundings<V> {
    fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok()
    }

    fn in_a_pod(&self) -> bool {
        ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].iter().all(|name| self.text(name).is_some_and(|value| !value.is_empty()))
    }

    /// Reads everything.
    ///
    /// # Errors
    /// See [`AccessError`].
    pub(super) async fn load(&self, access: &Access) -> Result<LoadedAccess, AccessError> {
        let (kubeconfig, missing) = self.kubeconfig(access)?;
        let chosen = [("--context", &access.context), ("--cluster", &access.cluster), ("--user", &access.user)];
        let chosen = chosen.into_iter().find(|(_, name)| name.is_some()).map(|(flag, _)| flag);
        let usable = kubeconfig.filter(|config| chosen.is_some() || access.kubeconfig.is_some() || !is_blank(config) || !self.in_a_pod());
        let (mut config, field) = match usable {
            Some(kubeconfig) => of_kubeconfig(kubeconfig, access).await?,
            None if chosen.is_none() && self.in_a_pod() => {
                let mut config = kube::Config::incluster().map_err(AccessError::InCluster)?;
                config.default_namespace = config.default_namespace.trim().to_owned();
                (config, None)
            }
            None => match chosen {
                Some(flag) if missing.is_empty() => return Err(AccessError::NeedsKubeconfig(flag)),
                _ => return Err(AccessError::Nothing(none_is_there(&missing))),
            },
        };
        act_as(&mut config.auth_info, access)?;
        let token = token(&mut config.auth_info)?;
        let route = route(&config.cluster_url, field, |name| self.text(name))?;
        Ok(LoadedAccess { config, route, token })
    }

    /// The files, merged, and those of KUBECONFIG that do not exist. Of a list, kubectl skips these.
    fn kubeconfig(&self, access: &Access) -> Result<(Option<Kubeconfig>, Vec<PathBuf>), AccessError> {
        if let Some(file) = &access.kubeconfig {
            return Ok((Some(read(file)?), Vec::new()));
        }
        let list = (self.variable)("KUBECONFIG").unwrap_or_default();
        // A NUL cannot be in a variable, and split_paths does not mind.
        let mut files: Vec<PathBuf> = std::env::split_paths(&list).filter(|file| !file.as_os_str().is_empty()).collect();
        let named = !files.is_empty();
        if !named {
            files.extend(self.home.as_ref().map(|home| home.join(".kube/config")));
        }
        let (there, missing): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| !is_missing(file, named));
        let mut merged = None;
        for file in there {
            let next = read(&file)?;
            merged = Some(match merged {
                Some(before) => Kubeconfig::merge(before, next).map_err(AccessError::Kubeconfig)?,
                None => next,
            });
        }
        Ok((merged, if named { missing } else { Vec::new() }))
    }
}

/// One that nobody named need not be within reach: a pod's HOME may be another user's.
fn is_missing(file: &Path, named: bool) -> bool {
    std::fs::metadata(file).is_err_and(|error| !named || error.kind() == std::io::ErrorKind::NotFound)
}

fn none_is_there(missing: &[PathBuf]) -> String {
    if missing.is_empty() {
        return "there is no kubeconfig".to_owned();
    }
    let names: Vec<String> = missing.iter().map(|file| quoted(&file.to_string_lossy())).collect();
    format!("no file that KUBECONFIG names exists ({})", names.join(", "))
}

/// Nothing in it leads anywhere.
fn is_blank(config: &Kubeconfig) -> bool {
    config.current_context.is_none()
}

fn read(file: &Path) -> Result<Kubeconfig, AccessError> {
    let mut config = Kubeconfig::read_from(file).map_err(|error| match error {
        // The parser's message quotes the file, which holds tokens.
        KubeconfigError::Parse(parse) => {
            let place = parse.location().map_or_else(String::new, |at| format!(", at line {}, column {}", at.line(), at.column()));
            AccessError::Parse { file: quoted(&file.to_string_lossy()), place }
        }
        error => AccessError::Kubeconfig(error),
    })?;
    config.current_context = given(config.current_context);
    Ok(config)
}

/// An empty text is none, as for kubectl.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The one context, cluster and user that count; and the cluster's own proxy, with the place where it is written.
async fn of_kubeconfig(kubeconfig: Kubeconfig, access: &Access) -> Result<(kube::Config, Option<(String, String)>), AccessError> {
    let Kubeconfig { clusters, auth_infos, contexts, current_context, .. } = kubeconfig;
    let contexts: Vec<(String, Context)> =
        contexts.into_iter().map(|NamedContext { name, context, .. }| (name, context.unwrap_or_default())).collect();
    let clusters: Vec<(String, Cluster)> =
        clusters.into_iter().map(|NamedCluster { name, cluster, .. }| (name, cluster.unwrap_or_default())).collect();
    let users: Vec<(String, AuthInfo)> =
        auth_infos.into_iter().map(|NamedAuthInfo { name, auth_info, .. }| (name, auth_info.unwrap_or_default())).collect();

    let asked = given(access.context.clone()).map(|name| ("--context", name));
    let context = match asked.or_else(|| current_context.map(|name| ("current-context", name))) {
        Some((said_by, name)) => Some(named(&contexts, said_by, "context", &name)?),
        None => None,
    };
    let of_context = |name: Option<String>| given(name).map(|name| ("the context's cluster", name));
    let asked = given(access.cluster.clone()).map(|name| ("--cluster", name));
    let (said_by, name) = asked
        .or_else(|| of_context(context.as_ref().map(|context| context.cluster.clone())))
        .ok_or_else(|| AccessError::NoContext(contexts.iter().map(|(name, _)| name.clone()).collect()))?;
    let mut cluster = named(&clusters, said_by, "cluster", &name)?;
    let user = match given(access.user.clone()) {
        Some(name) => named(&users, "--user", "user", &name)?,
        // One that the context names and nobody defines is no error for kubectl: it asks without credentials.
        None => given(context.as_ref().and_then(|context| context.user.clone()))
            .and_then(|name| named(&users, "", "user", &name).ok())
            .unwrap_or_default(),
    };
    let server = cluster.server.as_deref().and_then(|server| server.parse::<Uri>().ok());
    let is_url = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if !server.as_ref().is_some_and(is_url) {
        return Err(AccessError::Server(quoted(&name)));
    }

    let field = given(cluster.proxy_url.take()).map(|value| (format!("proxy-url of cluster {} in the kubeconfig", quoted(&name)), value));
    let told = match &user.exec {
        Some(exec) if exec.provide_cluster_info => {
            let cluster = Cluster { proxy_url: field.as_ref().map(|(_, value)| value.clone()), ..cluster.clone() };
            Some(ExecAuthCluster::try_from(&cluster).map_err(AccessError::Kubeconfig)?)
        }
        _ => None,
    };
    // With a proxy here, kube asks the environment for none. It is not used: see `route`.
    cluster.proxy_url = Some("http://decided.elsewhere".to_owned());
    let namespace = context.and_then(|context| given(context.namespace));
    let only = || "it".to_owned();
    let one = Kubeconfig {
        contexts: vec![NamedContext {
            name: only(),
            context: Some(Context { cluster: only(), user: Some(only()), namespace, ..Context::default() }),
            ..NamedContext::default()
        }],
        clusters: vec![NamedCluster { name: only(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: only(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        current_context: Some(only()),
        ..Kubeconfig::default()
    };
    let mut config = kube::Config::from_custom_kubeconfig(one, &KubeConfigOptions::default()).await.map_err(AccessError::Kubeconfig)?;
    config.proxy_url = None;
    if let (Some(exec), Some(told)) = (&mut config.auth_info.exec, told) {
        exec.cluster = Some(told);
    }
    Ok((config, field))
}

/// The entry of this name.
fn named<T: Clone>(all: &[(String, T)], said_by: &'static str, kind: &'static str, name: &str) -> Result<T, AccessError> {
    let found = all.iter().find(|(known, _)| known == name).map(|(_, entry)| entry.clone());
    let known = || all.iter().map(|(known, _)| known.clone()).collect();
    found.ok_or_else(|| AccessError::Unknown { said_by, kind, name: quoted(name), known: known() })
}

/// The flags' user and groups win over the kubeconfig's.
fn act_as(auth: &mut AuthInfo, access: &Access) -> Result<(), AccessError> {
    auth.impersonate = given(access.impersonate.clone()).or(given(auth.impersonate.take()));
    auth.impersonate_uid = given(auth.impersonate_uid.take());
    if !access.impersonate_groups.is_empty() {
        auth.impersonate_groups = Some(access.impersonate_groups.clone());
    }
    let is_empty = |extra: &std::collections::HashMap<_, _>| extra.is_empty();
    let groups = auth.impersonate_groups.as_deref().unwrap_or_default();
    let more = !groups.is_empty() || auth.impersonate_uid.is_some() || !auth.impersonate_user_extra.as_ref().is_none_or(is_empty);
    if more && auth.impersonate.is_none() {
        return Err(AccessError::GroupsWithoutUser);
    }
    let names = auth.impersonate.iter().map(|name| ("--as", name)).chain(groups.iter().map(|name| ("--as-group", name)));
    for (flag, name) in names {
        HeaderValue::from_str(name).map_err(|_| AccessError::NoHeader(flag, quoted(name)))?;
    }
    Ok(())
}

/// The token's file, if that is what counts. kube 5.0 sends the file's line end too, which is no header.
fn token(auth: &mut AuthInfo) -> Result<Option<TokenFile>, AccessError> {
    let before = auth.auth_provider.is_some() || (auth.username.is_some() && auth.password.is_some());
    let Some(file) = given(auth.token_file.take()).filter(|_| !before) else { return Ok(None) };
    match TokenFile::open(PathBuf::from(file)) {
        Ok(token) => {
            // What kube would send, or run, if there were no file.
            (auth.token, auth.exec) = (None, None);
            Ok(Some(token))
        }
        Err(_) if auth.token.is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
