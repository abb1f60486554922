//! How the program finds the API server from a desk, and in a pod: proxies, kubeconfigs, impersonation; as kubectl does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::fixture::Lab;
use crate::told::Told;
use crate::web_server::free_port;
use crate::workloads::deployment;

/// The API server where it is not the loopback address, which no proxy is asked about.
const SERVER: &str = "10.244.0.1:6443";

/// A real CONNECT proxy; what it was asked, head by head.
struct Tunnels {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, heads) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&heads);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || drop(connection.and_then(|connection| tunnel(connection, &kept))));
            }
        });
        Self { port, heads }
    }

    /// What it was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }
}

fn tunnel(caller: TcpStream, heads: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(caller.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    heads.lock().unwrap().push(head.clone());
    let server = TcpStream::connect(head.split(' ').nth(1).unwrap_or_default())?;
    (&caller).write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let pump = |mut from: Box<dyn Read + Send>, to: TcpStream| {
        let _ = std::io::copy(&mut from, &mut &to);
        let _ = to.shutdown(Shutdown::Both);
    };
    let (back, into) = (server.try_clone()?, caller.try_clone()?);
    std::thread::spawn(move || pump(Box::new(back), into));
    pump(Box::new(reader), server);
    Ok(())
}

/// The administrator's kubeconfig with another server, changed.
fn kubeconfig(lab: &Lab, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut config: Value = serde_json::from_str(&lab.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"])).unwrap();
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{SERVER}"));
    change(&mut config);
    let file = lab.folder.join(name);
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

fn status(lab: &Lab, kubeconfig: &Path, environment: &[(&str, &str)]) -> Told {
    let asking = lab.asks_without_runbook(&["status"]).by(kubeconfig);
    environment.iter().fold(asking, |asking, (name, value)| asking.env(name, value)).tells()
}

#[test]
fn a_proxy_leads_to_the_server_and_no_proxy_is_held_against_the_server() {
    let (lab, tunnels) = (Lab::new("desk-proxy"), Tunnels::new());
    let file = kubeconfig(&lab, "desk", |_| {});
    let proxy = format!("http://me:hunter2@127.0.0.1:{}", tunnels.port);
    let set = ("HTTPS_PROXY", proxy.as_str());
    let nobody = free_port();
    let dead = format!("http://me:hunter2@127.0.0.1:{nobody}");

    // The last two are the proxy's own address, and a list that kube 5.0 refused.
    for environment in [&[set][..], &[set, ("NO_PROXY", "127.0.0.1")], &[set, ("NO_PROXY", "elsewhere, ,")]] {
        let told = status(&lab, &file, environment);
        assert_eq!(told.exit, 0, "{environment:?}: {told:?}");
        let asked = tunnels.asked();
        assert!(!asked.is_empty(), "{environment:?}: {told:?}");
        for head in asked {
            assert!(head.starts_with(&format!("CONNECT {SERVER} HTTP/1.1\r\n")), "{head}");
            assert!(head.to_lowercase().contains("proxy-authorization: basic bwu6ahvudgvymg==\r\n"), "{head}");
        }
    }
    for no_proxy in ["10.244.0.1,", "10.244.0.0/16", "*", &format!(" {SERVER} ,, ")] {
        for name in ["NO_PROXY", "no_proxy"] {
            let told = status(&lab, &file, &[("HTTPS_PROXY", &dead), (name, no_proxy)]);
            assert_eq!(told.exit, 0, "{name}={no_proxy}: {told:?}");
        }
    }
    let told = status(&lab, &file, &[("ALL_PROXY", "socks5://me:hunter2@127.0.0.1:1080")]);
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(told.errors.contains("ALL_PROXY: a proxy of scheme socks5 is not supported"), "{told:?}");
    assert!(!told.errors.contains("hunter2"), "{told:?}");
    let told = status(&lab, &file, &[("HTTPS_PROXY", &dead)]);
    assert_eq!(told.exit, 1, "{told:?}");
    assert!(told.errors.contains(&format!("(by proxy http://127.0.0.1:{nobody}, set by HTTPS_PROXY)")), "{told:?}");
    assert!(!told.errors.contains("hunter2"), "{told:?}");

    // A kubeconfig's own wins.
    let own = kubeconfig(&lab, "own-proxy", |config| config["clusters"][0]["cluster"]["proxy-url"] = json!(proxy));
    let told = status(&lab, &own, &[("HTTPS_PROXY", &dead), ("NO_PROXY", "*")]);
    assert!(told.exit == 0 && !tunnels.asked().is_empty(), "{told:?}");

    let told = lab.asks(&["check", "-o", "json"]).by(&file).env(set.0, set.1).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let by = format!("; it is reached by proxy http://127.0.0.1:{}, set by HTTPS_PROXY", tunnels.port);
    assert!(told.out.contains(&by) && !told.out.contains("hunter2"), "{told:?}");
    let told = lab.asks(&["check", "-o", "json"]).by(&file).env(set.0, "a b").tells();
    assert!(told.exit == 0 && told.out.contains("HTTPS_PROXY is ignored"), "{told:?}");

    // A whole run, its watches included.
    tunnels.asked();
    lab.roll_out(&deployment("web", 2));
    let pod = lab.ask_for_one("web");
    lab.remediator().by(&file).env(set.0, set.1).replaces(&pod);
    assert!(!tunnels.asked().is_empty());
}

/// Who asked, and as whom, by the audit log; of the program's requests.
fn askers(lab: &Lab) -> Vec<(String, String)> {
    let name = |value: &Value| value["username"].as_str().unwrap_or_default().to_owned();
    let mut askers: Vec<_> = lab.requests().iter().map(|line| (name(&line["user"]), name(&line["impersonatedUser"]))).collect();
    askers.dedup();
    askers
}

#[test]
fn as_somebody_else_is_seen_by_the_server() {
    let lab = Lab::new("desk-as");
    lab.install_role();
    let file = kubeconfig(&lab, "desk", |_| {});
    let told = lab.asks_without_runbook(&["status", "--as", &lab.user()]).by(&file).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let requests = lab.requests();
    assert!(!requests.is_empty() && requests.iter().all(|line| line["impersonatedUser"]["username"] == lab.user()), "{requests:?}");

    let told = lab.asks_without_runbook(&["status", "--as", "eve", "--as-group", "one", "--as-group", "two"]).by(&file).tells();
    assert!(told.exit == 2 && told.errors.contains("\"eve\" cannot get resource"), "{told:?}");
    let requests = lab.requests();
    let groups = requests.iter().rfind(|line| line["impersonatedUser"]["username"] == "eve").unwrap()["impersonatedUser"]["groups"].clone();
    let has = |group: &str| groups.as_array().unwrap().contains(&json!(group));
    assert!(has("one") && has("two"), "{groups}");

    let told = lab.asks_without_runbook(&["status", "--as-group", "one"]).by(&file).tells();
    assert!(told.exit == 2 && told.errors.contains("--as-group (as-groups"), "{told:?}");
    // What a run may do, before it is installed.
    let told = lab.asks(&["check", "-o", "json", "--as", &lab.user()]).by(&file).env("POD_UID", "u").tells();
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.out.contains(&format!("knows us as {}", lab.user())), "{told:?}");
}

#[test]
fn kubeconfigs_are_read_as_kubectl_reads_them() {
    let lab = Lab::new("desk-files");
    lab.install_role();
    let account = lab.service_account();
    let config: Value = serde_json::from_str(&std::fs::read_to_string(&account).unwrap()).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    std::fs::write(lab.folder.join("token"), format!("{token}\n")).unwrap();
    let by_file = kubeconfig(&lab, "token-file", |config| config["users"][0]["user"] = json!({"tokenFile": "token"}));
    let told = status(&lab, &by_file, &[]);
    assert!(told.exit == 0 && !told.errors.contains(&token), "{told:?}");
    assert_eq!(askers(&lab), [(lab.user(), String::new())]);

    let missing = lab.folder.join("missing");
    let listed = |files: &[&Path]| {
        let list = std::env::join_paths(files).unwrap();
        lab.asks_without_runbook(&["status"]).env("KUBECONFIG", list.to_str().unwrap()).tells()
    };
    let told = listed(&[&missing, &by_file]);
    assert_eq!(told.exit, 0, "{told:?}");
    let told = listed(&[&missing]);
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(told.errors.contains("no file that KUBECONFIG names exists"), "{told:?}");

    let exec = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "install it\nfirst", "interactiveMode": "Never",
    }});
    let plugin = kubeconfig(&lab, "plugin", |config| config["users"][0]["user"] = exec);
    let told = status(&lab, &plugin, &[]);
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(
        told.errors
            .contains("credential plugin \"no-such-plugin\" of the kubeconfig is not installed, or not in PATH; hint: install it first"),
        "{told:?}"
    );

    let several = kubeconfig(&lab, "several", |config| {
        config["users"].as_array_mut().unwrap().push(json!({"name": "account", "user": {"token": token}}));
        config["clusters"].as_array_mut().unwrap().push(json!({"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}}));
    });
    let with = |arguments: &[&str]| lab.asks_without_runbook(&[&["status"], arguments].concat()).by(&several).tells();
    assert_eq!(with(&["--user", "account"]).exit, 0);
    assert_eq!(askers(&lab), [(lab.user(), String::new())]);
    assert_eq!(with(&["--cluster", "elsewhere"]).exit, 1);
    for (flag, known) in [("--context", ""), ("--cluster", "\"elsewhere\""), ("--user", "\"account\"")] {
        let told = with(&[flag, "nowhere"]);
        assert_eq!(told.exit, 2, "{told:?}");
        assert!(told.errors.contains(&format!("{flag} \"nowhere\": the kubeconfig defines no")) && told.errors.contains(known), "{told:?}");
    }
}

#[test]
fn in_a_pod_a_token_may_end_in_a_line_end_proxies_count_and_so_does_as() {
    let (lab, tunnels) = (Lab::new("desk-pod"), Tunnels::new());
    lab.install_role();
    let config: Value = serde_json::from_str(&std::fs::read_to_string(lab.service_account()).unwrap()).unwrap();
    let files = lab.folder.join("account");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("token"), format!("{}\n", config["users"][0]["user"]["token"].as_str().unwrap())).unwrap();
    std::fs::write(files.join("namespace"), format!("{}\n", lab.namespace)).unwrap();
    std::fs::copy(config["clusters"][0]["cluster"]["certificate-authority"].as_str().unwrap(), files.join("ca.crt")).unwrap();
    let (host, port) = SERVER.split_once(':').unwrap();
    // Where a kubelet mounts them, in a mount namespace of the program's own.
    let script = "set -e; mount --bind \"$FILES\" /mnt; mount -t tmpfs tmpfs /run; mkdir -p /run/secrets/kubernetes.io/serviceaccount; \
                  cp /mnt/* /run/secrets/kubernetes.io/serviceaccount; exec \"$@\"";
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_pod-remediator"), "status"]).args(arguments);
        command.env_remove("KUBECONFIG").env("HOME", "/nonexistent").env("FILES", &files);
        command.env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", port).envs(environment.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (exit, said) = run(&[], &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(askers(&lab), [(lab.user(), String::new())]);
    assert!(tunnels.asked().is_empty());

    let proxy = format!("http://127.0.0.1:{}", tunnels.port);
    let (exit, said) = run(&[], &[("HTTPS_PROXY", &proxy)]);
    assert!(exit == Some(0) && !tunnels.asked().is_empty(), "{said}");
    let (exit, said) = run(&[], &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "10.244.0.0/16,")]);
    assert!(exit == Some(0) && tunnels.asked().is_empty(), "{said}");

    let (exit, said) = run(&["--as", "eve"], &[]);
    assert!(exit == Some(2) && said.contains("cannot impersonate resource \"users\""), "{said}");
    let (exit, said) = run(&["--user", "eve"], &[]);
    assert!(exit == Some(2) && said.contains("--user needs a kubeconfig, and there is none"), "{said}");
}
