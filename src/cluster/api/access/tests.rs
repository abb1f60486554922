use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::cluster::api::client::client;
use crate::outside::clock::Heard;

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pod-remediator-access-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A file in it; its path.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

const TWO: &str = r#"
current-context: a
contexts:
- {name: a, context: {cluster: east, user: me, namespace: shop}}
- {name: b, context: {cluster: west, user: you}}
- {name: anonymous, context: {cluster: east, user: nobody, namespace: ""}}
- {name: broken, context: {cluster: north, user: me}}
clusters:
- {name: east, cluster: {server: "https://east.example.com:6443"}}
- {name: west, cluster: {server: "https://west.example.com:6443", proxy-url: "http://p:1"}}
- {name: south, cluster: {server: "me:secret@south"}}
users:
- {name: me, user: {token: secret-me}}
- {name: you, user: {token: secret-you, as: boss, as-groups: [bosses]}}
- {name: grouped, user: {as-groups: [bosses]}}
"#;

async fn load(access: Access, environment: &[(&str, &str)]) -> Result<LoadedAccess, AccessError> {
    let set: BTreeMap<&str, OsString> = environment.iter().map(|(name, value)| (*name, (*value).into())).collect();
    Surroundings { variable: |name: &str| set.get(name).cloned(), home: None }.load(&access).await
}

/// `server, namespace, as whom, token or not, by which proxy`, or the error.
async fn outcome(access: Access, environment: &[(&str, &str)]) -> String {
    match load(access, environment).await {
        Ok(LoadedAccess { config, route, token }) => {
            let auth = &config.auth_info;
            let groups = auth.impersonate_groups.clone().unwrap_or_default().join("+");
            format!(
                "{} {} as {}({groups}) {} {}",
                config.cluster_url.host().unwrap(),
                config.default_namespace,
                auth.impersonate.as_deref().unwrap_or("-"),
                if token.is_some() {
                    "file"
                } else if auth.token.is_some() {
                    "token"
                } else {
                    "none"
                },
                route.proxy.map_or_else(|| "directly".to_owned(), |proxy| proxy.to_string()),
            )
        }
        Err(error) => error.to_string(),
    }
}

fn text(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[tokio::test]
async fn flags_choose_context_cluster_user_and_whom_to_act_as() {
    let folder = Folder::new();
    let kubeconfig = Some(folder.file("config", TWO));
    let of = |context: &str, cluster: &str, user: &str, act_as: &str, groups: &[&str]| {
        let given = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let impersonate_groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Access {
            kubeconfig: kubeconfig.clone(),
            context: given(context),
            cluster: given(cluster),
            user: given(user),
            impersonate: given(act_as),
            impersonate_groups,
            namespace: None,
        }
    };
    let proxied = "proxy http://p:1, set by proxy-url of cluster \"west\" in the kubeconfig";
    for (access, expected) in [
        (of("", "", "", "", &[]), "east.example.com shop as -() token directly".to_owned()),
        (of("b", "", "", "", &[]), format!("west.example.com default as boss(bosses) token {proxied}")),
        (of("", "west", "", "", &[]), format!("west.example.com shop as -() token {proxied}")),
        (of("", "", "you", "", &[]), "east.example.com shop as boss(bosses) token directly".to_owned()),
        (of("", "", "", "eve", &["x", "y"]), "east.example.com shop as eve(x+y) token directly".to_owned()),
        (of("b", "", "", "eve", &[]), format!("west.example.com default as eve(bosses) token {proxied}")),
        (of("b", "", "", "", &["x"]), format!("west.example.com default as boss(x) token {proxied}")),
        (of("anonymous", "", "", "", &[]), "east.example.com default as -() none directly".to_owned()),
        (
            of("", "", "", "", &["x"]),
            "--as-group (as-groups, as-uid or as-user-extra of the kubeconfig) needs --as: the user to act as".to_owned(),
        ),
        (
            of("", "", "grouped", "", &[]),
            "--as-group (as-groups, as-uid or as-user-extra of the kubeconfig) needs --as: the user to act as".to_owned(),
        ),
        (of("", "", "", "a\nb", &[]), r#"--as: "a\nb" cannot be sent in a header"#.to_owned()),
        (
            of("c", "", "", "", &[]),
            r#"--context "c": the kubeconfig defines no context of this name; it defines "a", "b", "anonymous", "broken""#.to_owned(),
        ),
        (
            of("", "c", "", "", &[]),
            r#"--cluster "c": the kubeconfig defines no cluster of this name; it defines "east", "west", "south""#.to_owned(),
        ),
        (
            of("", "", "c", "", &[]),
            r#"--user "c": the kubeconfig defines no user of this name; it defines "me", "you", "grouped""#.to_owned(),
        ),
        (
            of("broken", "", "", "", &[]),
            r#"the context's cluster "north": the kubeconfig defines no cluster of this name; it defines "east", "west", "south""#
                .to_owned(),
        ),
        (
            of("", "south", "", "", &[]),
            r#"cluster "south" of the kubeconfig: its server must begin with http:// or https://, and name a host"#.to_owned(),
        ),
    ] {
        let told = format!("{access:?}");
        assert_eq!(outcome(access, &[]).await, expected, "{told}");
    }
}

#[tokio::test]
async fn of_a_list_what_is_missing_is_skipped() {
    let folder = Folder::new();
    let first = folder.file("first", "current-context: \"\"\nclusters: [{name: east, cluster: {server: \"https://first\"}}]\n");
    let second = folder.file("second", TWO);
    let missing = folder.0.join("missing").display().to_string();
    let (first, second) = (first.display(), second.display());
    let with = async |list: &str| outcome(Access::default(), &[("KUBECONFIG", list)]).await;
    assert_eq!(with(&format!("{missing}:{second}")).await, "east.example.com shop as -() token directly");
    assert_eq!(with(&format!(":{first}:{missing}::{second}:")).await, "first shop as -() token directly");
    let none = "no way to reach a cluster: no file that KUBECONFIG names exists";
    let set = "set --kubeconfig or KUBECONFIG, or run in a pod with a ServiceAccount token";
    assert_eq!(with(&format!("{missing}:{missing}2")).await, format!("{none} ({missing:?}, {:?}); {set}", format!("{missing}2")));
    assert_eq!(with("").await, format!("no way to reach a cluster: there is no kubeconfig; {set}"));
    assert_eq!(with(":").await, format!("no way to reach a cluster: there is no kubeconfig; {set}"));
    assert_eq!(with(&first.to_string()).await, "the kubeconfig sets no current-context: choose one with --context; it defines none");
    let broken = folder.file("broken", "users:\n- name: me\n  user: secret\nclusters: [");
    let told = with(&format!("{second}:{}", broken.display())).await;
    assert!(told.contains("broken\": it cannot be parsed, at line") && !told.contains("secret"), "{told}");
    let access = Access { kubeconfig: Some(missing.clone().into()), ..Access::default() };
    let told = outcome(access, &[("KUBECONFIG", &second.to_string())]).await;
    assert!(told.starts_with("the kubeconfig cannot be used") && told.contains(&missing), "the flag names one that must exist: {told}");
    let access = Access { user: text("me"), ..Access::default() };
    assert_eq!(outcome(access, &[]).await, "--user needs a kubeconfig, and there is none");
}

#[tokio::test]
async fn in_a_pod_a_kubeconfig_wins_and_a_missing_one_does_not_matter() {
    let folder = Folder::new();
    let pod = [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "443")];
    let with = async |list: &str| outcome(Access::default(), &[pod.as_slice(), &[("KUBECONFIG", list)]].concat()).await;
    let there = folder.file("config", TWO).display().to_string();
    assert_eq!(with(&there).await, "east.example.com shop as -() token directly");
    for list in ["", "/nowhere/config"] {
        let told = with(list).await;
        assert!(told.starts_with("the pod's ServiceAccount cannot be used"), "{told}");
    }
    let access = Access { context: text("a"), ..Access::default() };
    assert_eq!(outcome(access, &pod).await, "--context needs a kubeconfig, and there is none");
}

#[tokio::test]
async fn a_token_file_counts_before_a_token_and_may_end_in_a_line_end() {
    let folder = Folder::new();
    let kubeconfig = |user: &str| {
        let text = format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: \
             \"https://s\"}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        Access { kubeconfig: Some(folder.file("config", &text)), ..Access::default() }
    };
    folder.file("token", "from-file\n");
    // Beside the kubeconfig.
    let loaded = load(kubeconfig("{tokenFile: token, token: inline}"), &[]).await.unwrap();
    assert_eq!(loaded.token.as_ref().unwrap().authorization(), "Bearer from-file");
    assert!(loaded.config.auth_info.token.is_none());
    assert!(client(loaded, Heard::default()).is_ok());
    assert_eq!(outcome(kubeconfig("{tokenFile: nowhere, token: inline}"), &[]).await, "s default as -() token directly");
    let told = outcome(kubeconfig("{tokenFile: nowhere}"), &[]).await;
    assert!(told.starts_with("token file \"") && told.contains("nowhere\" cannot be read"), "{told}");
}

#[tokio::test]
async fn a_plugin_that_gives_nothing_is_named_with_its_hint_and_without_what_it_printed() {
    let folder = Folder::new();
    let error = async |exec: &str| {
        let text = format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: \
             \"https://s\"}}}}]\nusers: [{{name: u, user: {{exec: {exec}}}}}]\n"
        );
        let access = Access { kubeconfig: Some(folder.file("config", &text)), ..Access::default() };
        let loaded = load(access, &[]).await.unwrap();
        let error = client(loaded, Heard::default()).err().unwrap();
        crate::cluster::api::ApiError::config(&error).to_string()
    };
    let version = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never";
    assert_eq!(
        error(&format!("{{{version}, command: no-such-plugin, installHint: \"brew install\\n  it\"}}")).await,
        "connect to the API server: credential plugin \"no-such-plugin\" of the kubeconfig is not installed, or not in PATH; hint: brew \
         install it"
    );
    let told = error(&format!("{{{version}, command: no-such-plugin}}")).await;
    assert!(told.ends_with("is not installed, or not in PATH"), "{told}");
    let shell = |script: &str| format!("{{{version}, command: sh, args: [-c, '{script}'], env: [{{name: PASSWORD, value: secret}}]}}");
    let told = error(&shell("echo secret; echo log in first >&2; exit 3")).await;
    assert_eq!(told, "connect to the API server: credential plugin \"sh\" failed (exit status: 3): log in first");
    let told = error(&shell("echo \"{status: {token: secret\"")).await;
    assert_eq!(told, "connect to the API server: credential plugin \"sh\" printed something else than an ExecCredential");
}

#[tokio::test]
async fn a_plugin_is_told_of_the_cluster_as_it_is_written() {
    let folder = Folder::new();
    let text = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: \
                \"https://s\", tls-server-name: t}}]\nusers: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: \
                sh, provideClusterInfo: true}}}]\n";
    let access = Access { kubeconfig: Some(folder.file("config", text)), ..Access::default() };
    let loaded = load(access, &[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "other,")]).await.unwrap();
    let told = loaded.config.auth_info.exec.unwrap().cluster.unwrap();
    assert_eq!((told.server.as_deref(), told.tls_server_name.as_deref(), told.proxy_url), (Some("https://s"), Some("t"), None));
    assert_eq!(loaded.config.proxy_url, None);
    assert_eq!(loaded.route.proxy.unwrap().to_string(), "proxy http://p:1, set by HTTPS_PROXY");
}
