//! Probes before the action and after it: a real Prometheus that scrapes a real target, and HTTP servers of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, until};
use crate::prometheus::Prometheus;
use crate::remediator::{Remediator, Runbook};
use crate::web_server::{Reply, WebServer, free_port};
use crate::workloads::deployment;

/// Three pods of a service, of which one asks.
fn web(name: &str) -> (Lab, Pod) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    (lab, target)
}

fn http(fields: Value) -> Value {
    json!({"name": "dependency", "http": fields, "timeoutSeconds": 1})
}

/// One query; `fields`: its bound and more.
fn query(server: &str, query: &str, fields: Value) -> Value {
    let mut prometheus = json!({"url": server, "query": query});
    prometheus.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"name": "errors", "prometheus": prometheus, "timeoutSeconds": 1})
}

fn before(lab: &Lab, probe: &Value) -> Runbook {
    lab.runbook().with("guardrails", "probes", json!([probe]))
}

fn after(lab: &Lab, probe: &Value) -> Runbook {
    lab.runbook().with("verification", "probes", json!([probe]))
}

/// This probe blocks, and says so; nothing is deleted.
#[track_caller]
fn blocks(lab: &Lab, target: &Pod, probe: &Value, expected: &str) {
    blocks_run(lab.remediator_with(&before(lab, probe)), target, expected);
}

#[track_caller]
fn blocks_run(remediator: Remediator<'_>, target: &Pod, expected: &str) {
    let message = remediator.refuses(target, &["probes"]);
    assert!(message.contains(expected), "{expected:?} is not in: {message}");
    assert!(!message.contains("secret"), "what may be secret of a URL is never shown: {message}");
}

/// This probe passes: the pod is replaced, and what was observed is in the record.
#[track_caller]
fn passes(remediator: Remediator<'_>, lab: &Lab, target: &Pod) -> String {
    let run = remediator.run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.deletions().len(), 1);
    let guardrail = run.guardrail(target, "probes");
    assert_eq!(guardrail["result"], "pass", "{run:?}");
    guardrail["observed"].as_str().unwrap().to_owned()
}

#[test]
fn an_http_probe_before_the_action() {
    let (lab, target) = web("probe-http");
    let down = format!("http://127.0.0.1:{}/secret", free_port());
    let server = WebServer::start(|path| match path {
        "/busy" => Reply::With(503, String::new(), "later".to_owned()),
        "/moved" => Reply::redirect("/ok"),
        "/silent" => Reply::Silence,
        "/huge" => Reply::ok("ready ".repeat(300_000)),
        _ => Reply::ok("ready"),
    });
    let url = |path: &str| server.url(path);

    blocks(&lab, &target, &http(json!({"url": url("/busy")})), "blocked by probes: probe dependency must answer status 200 (status=503)");
    blocks(&lab, &target, &http(json!({"url": url("/moved")})), "probe dependency must answer status 200 (status=302)");
    assert_eq!(server.asked(), ["/busy", "/moved"], "a redirect is not followed");
    let body = http(json!({"url": url("/secret"), "bodyContains": "steady"}));
    blocks(&lab, &target, &body, "must answer status 200 and a body with \"steady\" (status=200 body=without_the_text)");
    let place = url("");
    let silent = format!("probe dependency must answer ({place}: no whole answer within 1 s)");
    blocks(&lab, &target, &http(json!({"url": url("/silent")})), &silent);
    let huge = http(json!({"url": url("/huge"), "bodyContains": "ready"}));
    blocks(&lab, &target, &huge, &format!("probe dependency must answer ({place}: the answer is longer than 1048576 bytes)"));
    blocks(&lab, &target, &http(json!({"url": down})), "cannot connect: tcp connect error: Connection refused");

    // Where another guardrail blocks, it is not even asked.
    let asked = server.asked().len();
    let good = http(json!({"url": url("/${NAMESPACE}/${SERVICE}/${WORKLOAD}/${POD_NAME}?x=y"), "bodyContains": "ready"}));
    let run = lab.remediator_with(&before(&lab, &good).with("guardrails", "minimumReadyReplicasWithSameApp", 9)).run();
    assert_eq!(run.blocks(&target), ["blast_radius"], "{run:?}");
    assert_eq!(run.guardrail(&target, "probes")["result"], "not_applicable");
    assert_eq!(server.asked().len(), asked);

    // A dry run asks, and that is all it does.
    let (state, writes) = (lab.state(), lab.writes().len());
    let run = lab.remediator_with(&before(&lab, &good)).with("--dry-run").run();
    assert_eq!(run.decision(&target)["decision.mode"], "auto_execute", "{run:?}");
    assert_eq!((server.asked().len(), lab.state()), (asked + 1, state));
    assert_eq!(lab.writes().len(), writes, "not even an Event");

    // No proxy comes between: what is named is what is asked.
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let remediator = lab.remediator_with(&before(&lab, &good)).env("HTTP_PROXY", &nowhere).env("http_proxy", &nowhere);
    assert_eq!(passes(remediator, &lab, &target), "dependency status=200");
    let path = format!("/{}/web/web/{}?x=y", lab.namespace, target.name);
    assert_eq!(server.asked()[asked..], [path.clone(), path], "once for each run");
}

#[test]
fn a_probe_over_tls_checks_the_certificate() {
    let (lab, target) = web("probe-tls");
    let config: Value = serde_json::from_str(&lab.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"])).unwrap();
    let cluster = &config["clusters"][0]["cluster"];
    let probe = http(json!({"url": format!("{}/livez", cluster["server"].as_str().unwrap()), "bodyContains": "ok"}));
    let remediator = || lab.remediator_with(&before(&lab, &probe));
    // The machine does not know the cluster's own authority.
    blocks(&lab, &target, &probe, "certificate");
    let authority = cluster["certificate-authority"].as_str().unwrap();
    assert_eq!(passes(remediator().env("SSL_CERT_FILE", authority), &lab, &target), "dependency status=200");
}

#[test]
fn what_authorises_is_read_after_the_probes() {
    let (lab, target) = web("probe-fresh");
    let pause = format!("--namespace={}", lab.namespace);
    // While the probe is being answered, a rollout is paused: what was read before no longer holds.
    let server = WebServer::saying(move || {
        let paused = std::process::Command::new("kubectl").args([&pause, "rollout", "pause", "deployment/web"]).output().unwrap();
        assert!(paused.status.success(), "{paused:?}");
        Reply::ok("")
    });
    let message = lab.remediator_with(&before(&lab, &http(json!({"url": server.url("/")})))).refuses(&target, &["rollout_settled"]);
    // Whether its controller has seen the pause already or not.
    assert!(message.contains("is paused") || message.contains("must have observed its latest change"), "{message}");
    assert_eq!(server.asked().len(), 1);
}

/// Metrics of a shop: its error ratio, a metric of two series, and one whose answer is longer than what is read.
fn metrics(errors: &str) -> String {
    let many: String = (0..1500).map(|n| format!("many{{n=\"{n}\",text=\"{}\"}} 1\n", "x".repeat(700))).collect();
    format!("error_ratio{{app=\"web\"}} {errors}\nerror_ratio{{app=\"other\"}} 0.9\ntwo{{n=\"1\"}} 1\ntwo{{n=\"2\"}} 1\n{many}")
}

const ERRORS: &str = "error_ratio{app=\"${SERVICE}\"}";

#[test]
fn a_prometheus_probe_before_the_action() {
    let (lab, target) = web("probe-prometheus");
    let mut prometheus = Prometheus::start(&lab, &metrics("0.2"));
    let url = prometheus.url();
    let one = |text: &str, fields: Value| query(&url, text, fields);
    let errors = |fields: Value| one(ERRORS, fields);
    let below = || json!({"below": 0.1});

    // The first sample out of bound decides: three would take longer than the test has.
    let patient = errors(json!({"below": 0.1, "samples": 3, "intervalSeconds": 60}));
    let requires = "blocked by probes: probe errors must answer below 0.1 in 3 samples in a row (samples=0.2)";
    blocks_run(lab.remediator_with(&before(&lab, &patient)).env("RUN_DEADLINE", "20m"), &target, requires);
    blocks(&lab, &target, &errors(json!({"above": 0.2})), "probe errors must answer above 0.2 (samples=0.2)");
    blocks(&lab, &target, &errors(json!({"atLeast": 0.21})), "probe errors must answer at least 0.21 (samples=0.2)");
    blocks(&lab, &target, &errors(json!({"atMost": 0.19})), "probe errors must answer at most 0.19 (samples=0.2)");

    let not = |text: &str, why: &str| blocks(&lab, &target, &one(text, below()), &format!("probe errors must answer ({url}: {why}"));
    not("error_ratio{app=\"nobody\"}", "the query gives no series");
    not("two", "the query gives 2 series, where one is needed: aggregate them, as sum() or max() does");
    not("0 / (two{n=\"1\"} - 1)", "the query gives NaN");
    not("error_ratio[1m]", "the query gives a \"matrix\"");
    not("sum(", "the query failed (status 400, \"bad_data\"): \"invalid parameter \\\"query\\\": ");
    not("many", "the answer is longer than 1048576 bytes");
    prometheus.signal("STOP");
    not(ERRORS, "no whole answer within 1 s");
    prometheus.signal("CONT");

    // Good at first, and not for as long as it takes.
    prometheus.set(&metrics("0.01"));
    prometheus.says("error_ratio{app=\"web\"}", "0.01");
    let lasting = before(&lab, &errors(json!({"below": 0.1, "samples": 20, "intervalSeconds": 1})));
    let running = lab.remediator_with(&lasting).start();
    std::thread::sleep(Duration::from_secs(3));
    prometheus.set(&metrics("0.5"));
    let run = running.end();
    let message = run.refused(&target, &["probes"]);
    assert!(message.contains("(samples=0.01,") && message.ends_with(",0.5)"), "{message}");
    assert_eq!(lab.deletions(), Vec::<Value>::new());
    lab.untouched(&target);

    prometheus.set(&metrics("0.01"));
    prometheus.says("error_ratio{app=\"web\"}", "0.01");
    let good = errors(json!({"below": 0.1, "samples": 3, "intervalSeconds": 1}));
    assert_eq!(passes(lab.remediator_with(&before(&lab, &good)), &lab, &target), "errors samples=0.01,0.01,0.01");

    let (lab, target) = web("probe-prometheus-down");
    prometheus.kill();
    blocks(&lab, &target, &good, "cannot connect: tcp connect error: Connection refused");
}

#[test]
fn an_outcome_probe_after_the_action() {
    let (lab, target) = web("probe-outcome");
    let mut prometheus = Prometheus::start(&lab, &metrics("0.4"));
    let probe = query(&prometheus.url(), ERRORS, json!({"below": 0.1, "samples": 2, "intervalSeconds": 1}));
    let run = lab.remediator_with(&after(&lab, &probe).with("verification", "timeoutSeconds", 15)).run();
    assert_eq!(run.exit, 3, "{run:?}");
    let verification = &run.outcome(&target)["verification"];
    assert_eq!(verification["result"], "failed");
    let detail = verification["detail"].as_str().unwrap();
    let expected = "probe errors requires below 0.1 in 2 samples in a row, last answer samples=0.4";
    assert!(detail.starts_with(expected) && detail.ends_with("3 of 3 available"), "{detail}");
    let message = run.outcome(&target)["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("deleted {}, but {expected}", target.name)), "{message}");
    assert_eq!(lab.deletions().len(), 1);
    // The breaker: nothing more in this namespace.
    lab.roll_out(&deployment("other", 3));
    let other = lab.ask_for_one("other");
    let run = lab.remediator_with(&lab.runbook().with("guardrails", "maxAffectedServices", 9)).run();
    assert_eq!((run.exit, run.blocks(&other)), (0, vec!["circuit_breaker".to_owned()]), "{run:?}");

    // It recovers only after the replacement is Ready: it is asked until then.
    let (lab, target) = web("probe-recovers");
    let running = lab.remediator_with(&after(&lab, &probe)).start();
    until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    std::thread::sleep(Duration::from_secs(4));
    prometheus.set(&metrics("0.02"));
    let run = running.end();
    let verification = &run.outcome(&target)["verification"];
    assert_eq!((run.exit, &verification["result"]), (0, &json!("verified")), "{run:?}");
    assert!(verification["detail"].as_str().unwrap().ends_with("3 of 3 available, probe errors samples=0.02,0.02"), "{run:?}");

    let (lab, target) = web("probe-gone");
    prometheus.kill();
    let run = lab.remediator_with(&after(&lab, &probe).with("verification", "timeoutSeconds", 8)).run();
    let verification = &run.outcome(&target)["verification"];
    assert_eq!((run.exit, &verification["result"]), (3, &json!("failed")), "{run:?}");
    assert!(verification["detail"].as_str().unwrap().contains("it could not be asked: http://127.0.0.1:"), "{run:?}");
}

#[test]
fn an_adopting_run_asks_the_probes_of_the_intent() {
    let (lab, target) = web("probe-adopted");
    let healthy = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&healthy);
    let server = WebServer::saying(move || if now.load(Ordering::Relaxed) { Reply::ok("") } else { Reply::status(500) });
    let probe = http(json!({"url": server.url("/${POD_NAME}")}));
    let running = lab.remediator_with(&after(&lab, &probe)).in_no_pod().start();
    until("the probe is asked", || (!server.asked().is_empty()).then_some(()));
    running.signal("KILL");
    assert_eq!(running.end().exit, -1);
    healthy.store(true, Ordering::Relaxed);
    let before = server.asked().len();

    // Its own runbook has no probes: those of the intent count.
    let run = lab.remediator().run();
    let verification = &run.outcome(&target)["verification"];
    assert_eq!((run.exit, &verification["result"]), (0, &json!("verified")), "{run:?}");
    assert!(verification["detail"].as_str().unwrap().ends_with("probe dependency status=200"), "{run:?}");
    let replacement = verification["replacement"].as_str().unwrap();
    assert_eq!(server.asked()[before..], [format!("/{replacement}")], "after the action, a probe is about the replacement");
    assert_eq!(lab.deletions().len(), 1);
}
