//! `probes`, before and after the action.

use super::{check, edited, parse, read};
use crate::core::near::near;
use crate::core::runbook::{Bound, HttpProbe, Number, Probe, ProbeQuestion, PrometheusProbe, Template};

/// Every field of both, `samples` and all but one bound aside, for which there is a test of its own.
pub(super) const FULL: &str = r#"    probes:
      - name: payments-up
        http:
          url: "http://payments.shop:8080/healthz?from=${SERVICE}"
          status: 204
          bodyContains: "ready"
        timeoutSeconds: 3
      - name: error-rate
        prometheus:
          url: "https://prometheus.monitoring:9090"
          query: 'sum(rate(errors{app="${SERVICE}", ns="${NAMESPACE}", d="${WORKLOAD}", pod="${POD_NAME}"}[5m]))'
          below: 0.01
          samples: 3
          intervalSeconds: 10
        timeoutSeconds: 5"#;

/// The example with this list of probes before the action, the list's lines from column 7.
fn before(probes: &str) -> String {
    edited(&[("maxConcurrentActions: 1", &format!("maxConcurrentActions: 1\n    probes:\n{probes}"))])
}

/// What is wrong with one probe of these fields: without place, and path from the list on.
#[track_caller]
fn wrong(fields: &str, expected: &[&str]) {
    let yaml = before(&format!("      - {{name: a, {fields}}}"));
    let found: Vec<String> = match parse("f", &yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path.trim_start_matches("spec.guardrails.probes"), problem.message))
            .collect(),
    };
    assert_eq!(found, expected, "{fields}");
}

fn template(text: &str) -> Template {
    Template::new(text).unwrap()
}

#[test]
fn the_same_before_and_after() {
    let yaml = edited(&[
        ("maxConcurrentActions: 1", &format!("maxConcurrentActions: 1\n{FULL}")),
        ("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n{FULL}")),
    ]);
    let runbook = read(&yaml);
    let query = "sum(rate(errors{app=\"${SERVICE}\", ns=\"${NAMESPACE}\", d=\"${WORKLOAD}\", pod=\"${POD_NAME}\"}[5m]))";
    let expected = [
        Probe {
            name: "payments-up".to_owned(),
            question: ProbeQuestion::Http(HttpProbe {
                url: template("http://payments.shop:8080/healthz?from=${SERVICE}"),
                status: 204,
                body_contains: Some("ready".to_owned()),
            }),
            timeout_seconds: 3,
        },
        Probe {
            name: "error-rate".to_owned(),
            question: ProbeQuestion::Prometheus(PrometheusProbe {
                url: template("https://prometheus.monitoring:9090"),
                query: template(query),
                bound: Bound::Below(Number::new(0.01).unwrap()),
                samples: 3,
                interval_seconds: 10,
            }),
            timeout_seconds: 5,
        },
    ];
    assert_eq!(runbook.guardrails.probes, expected);
    assert_eq!(runbook.verification.probes, expected);
}

#[test]
fn what_may_be_left_out() {
    let runbook = read(&before(
        "      - {name: a, http: {url: 'http://h'}}\n      - {name: b, prometheus: {url: 'http://p', query: up, atLeast: -1}}",
    ));
    let [http, prometheus] = &runbook.guardrails.probes[..] else { panic!("{runbook:?}") };
    let question = ProbeQuestion::Http(HttpProbe { url: template("http://h"), status: 200, body_contains: None });
    assert_eq!(*http, Probe { name: "a".to_owned(), question, timeout_seconds: 5 });
    let question = ProbeQuestion::Prometheus(PrometheusProbe {
        url: template("http://p"),
        query: template("up"),
        bound: Bound::AtLeast(Number::new(-1.0).unwrap()),
        samples: 1,
        interval_seconds: 15,
    });
    assert_eq!(*prometheus, Probe { name: "b".to_owned(), question, timeout_seconds: 5 });
    assert!(runbook.verification.probes.is_empty());
}

#[test]
fn exactly_one_question() {
    wrong("timeoutSeconds: 1", &["[0]: must ask something: it needs http or prometheus"]);
    wrong(
        "http: {url: 'http://h'}, prometheus: {url: 'http://p', query: up, below: 1}",
        &["[0].prometheus: must not be there beside http: make it a probe of its own"],
    );
    wrong("htp: {url: 'http://h'}", &["[0].htp: did you mean http?"]);
    wrong("http: {}", &["[0].http.url: is missing: it must be one line of text without blanks at its ends"]);
    wrong("http: 'http://h'", &["[0].http: must be a mapping of fields, not \"http://h\""]);
    wrong(
        "exec: ls",
        &[
            "[0]: must ask something: it needs http or prometheus",
            "[0].exec: unknown field: remove it (known here: name, http, prometheus, timeoutSeconds)",
        ],
    );
    wrong(
        "http: {url: 'http://h'}, exec: ls",
        &["[0].exec: unknown field: remove it (known here: name, http, prometheus, timeoutSeconds)"],
    );
}

#[test]
fn exactly_one_bound() {
    let one = |bound: &str| format!("prometheus: {{url: 'http://p', query: up, {bound}}}");
    wrong(&one("samples: 1"), &["[0].prometheus: needs below, above, atMost or atLeast: without a bound it is a check that cannot fail"]);
    wrong(
        &one("below: 1, atLeast: 0"),
        &["[0].prometheus: must have one of below, above, atMost and atLeast: make each a probe of its own"],
    );
    for name in ["below", "above", "atMost", "atLeast"] {
        let others = ["url", "query", "below", "above", "atMost", "atLeast", "samples", "intervalSeconds"];
        assert_eq!(near(name, others.into_iter().filter(|other| *other != name)), None, "one could be taken for the other");
    }
    for bound in ["below: 1", "above: 1.5", "atMost: -1e3", "atLeast: 0"] {
        wrong(&one(bound), &[]);
    }
    wrong(&one("below: '1'"), &["[0].prometheus.below: must be a number, not \"1\""]);
    wrong(&one("above: .nan"), &["[0].prometheus.above: must be a number, not NaN"]);
    wrong(&one("above: .inf"), &["[0].prometheus.above: must be a number, not inf"]);
}

#[test]
fn values_out_of_bounds() {
    let http = |more: &str| format!("http: {{url: 'http://h'{more}}}");
    wrong(&format!("{}, timeoutSeconds: 0", http("")), &["[0].timeoutSeconds: must be a whole number from 1 to 60, not 0"]);
    wrong(&http(", status: 199"), &["[0].http.status: must be a whole number from 200 to 599, not 199"]);
    wrong(&http(", bodyContains: ''"), &["[0].http.bodyContains: must be one line of text without blanks at its ends, not \"\""]);
    wrong(&http(&format!(", bodyContains: '{}'", "x".repeat(201))), &["[0].http.bodyContains: must have at most 200 characters"]);
    let prometheus = |more: &str| format!("prometheus: {{url: 'http://p', below: 1, {more}}}");
    wrong(&prometheus("query: ''"), &["[0].prometheus.query: must not be empty"]);
    wrong(&prometheus("query: up, samples: 0"), &["[0].prometheus.samples: must be a whole number from 1 to 100, not 0"]);
    wrong(
        &prometheus("query: up, intervalSeconds: 301"),
        &["[0].prometheus.intervalSeconds: must be a whole number from 1 to 300, not 301"],
    );
    let long = "x".repeat(2001);
    wrong(&prometheus(&format!("query: {long}")), &["[0].prometheus.query: must have at most 2000 characters: make it a recording rule"]);
}

#[test]
fn urls_are_shown_to_nobody_who_reads_the_mistake() {
    let of = |url: &str| format!("http: {{url: '{url}'}}");
    wrong(&of("http://user:secret@h"), &["[0].http.url: must be a URL, and it must not hold a user name or password"]);
    wrong(&of("ftp://h"), &["[0].http.url: must be a URL, and it must begin with http:// or https://"]);
    wrong(&of("http://h/a b"), &["[0].http.url: must be a URL, and it has a character that must be written as %XX"]);
    let of = |url: &str| format!("prometheus: {{url: '{url}', query: up, below: 1}}");
    let base = "must end where the server's own /api/v1 begins, as http://prometheus.monitoring:9090 does";
    wrong(&of("http://p/api/v1/query"), &[&format!("[0].prometheus.url: {base}")]);
    wrong(&of("http://p/?x=y"), &[&format!("[0].prometheus.url: {base}")]);
    wrong(&of("http://p/tenant/prometheus/"), &[]);
}

#[test]
fn unknown_variables() {
    let known = "use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}";
    wrong("http: {url: 'http://h/${POD}'}", &[&format!("[0].http.url: has \"POD\", which is not known: {known}")]);
    wrong(
        "prometheus: {url: 'http://p', query: 'up{a=\"${service}\"}', below: 1}",
        &[&format!("[0].prometheus.query: has \"service\", which is not known: {known}")],
    );
    wrong(
        "http: {url: 'http://${SERVICE}/'}",
        &[
            "[0].http.url: must be a URL, and between // and the next / it must name a host, written out, and a port from 1 to 65535 if it needs one",
        ],
    );
}

#[test]
fn lists() {
    let http = "http: {url: 'http://h'}";
    check(
        &before("      []").replace("probes:\n      []", "probes: []"),
        &["f:21:13: spec.guardrails.probes: must have at least one item"],
    );
    let twice = format!("      - {{name: a, {http}}}\n      - {{name: a, {http}}}");
    check(&before(&twice), &["f:23:16: spec.guardrails.probes[1].name: is the name of another probe in the list: each needs its own"]);
    let eleven: Vec<String> = (0..11).map(|n| format!("      - {{name: p{n}, {http}}}")).collect();
    check(&before(&eleven.join("\n")), &["f:22:7: spec.guardrails.probes: must have at most 10 items, not 11"]);
    check(
        &before(&format!("      - {{name: A, {http}}}\n      - {{{http}, timeoutSeconds: x}}")),
        &[
            "f:22:16: spec.guardrails.probes[0].name: must be a name: at most 63 lowercase letters, digits and '-', \
             with a letter or digit at both ends, not \"A\"",
            "f:23:9: spec.guardrails.probes[1].name: is missing: it must be a name: at most 63 lowercase letters, digits and '-', \
             with a letter or digit at both ends",
            "f:23:51: spec.guardrails.probes[1].timeoutSeconds: must be a whole number from 1 to 60, not \"x\"",
        ],
    );
}

#[test]
fn a_probe_after_the_action_must_have_the_time_for_its_samples() {
    let probe = "probes: [{name: a, prometheus: {url: 'http://p', query: up, below: 1, samples: 9, intervalSeconds: 15}}]";
    check(&edited(&[("timeoutSeconds: 120", &format!("timeoutSeconds: 121\n    {probe}"))]), &[]);
    check(
        &edited(&[("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n    {probe}"))]),
        &["f:25:21: spec.verification.timeoutSeconds: must be more than 120, what probe a takes between its samples, \
           or it could never hold: it is 120"],
    );
}

#[test]
fn part_of_the_digest() {
    let full = |edit: (&str, &str)| {
        assert_eq!(FULL.matches(edit.0).count(), 1, "{edit:?}");
        read(&edited(&[("maxConcurrentActions: 1", &format!("maxConcurrentActions: 1\n{}", FULL.replace(edit.0, edit.1)))])).digest
    };
    let after = read(&edited(&[("timeoutSeconds: 120", &format!("timeoutSeconds: 120\n{FULL}"))])).digest;
    let mut digests = vec![read(&edited(&[])).digest, after];
    let edits = [
        ("payments-up", "payments-up"),
        ("payments-up", "other"),
        ("healthz", "other"),
        ("204", "200"),
        ("\"ready\"", "\"steady\""),
        ("timeoutSeconds: 3", "timeoutSeconds: 4"),
        ("monitoring", "other"),
        ("[5m]", "[6m]"),
        ("below: 0.01", "below: 0.02"),
        ("below: 0.01", "above: 0.01"),
        ("below: 0.01", "atMost: 0.01"),
        ("samples: 3", "samples: 4"),
        ("intervalSeconds: 10", "intervalSeconds: 11"),
        ("          bodyContains: \"ready\"\n", ""),
    ];
    digests.extend(edits.map(full));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn no_mistake_of_a_probe_hides_another() {
    wrong(
        "http: {url: 'ftp://x/${NOPE}'}, prometheus: {url: 'ftp://p/api/v1', query: '${NOPE}', below: 1, above: x}",
        &[
            "[0].http.url: has \"NOPE\", which is not known: use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}",
            "[0].http.url: must be a URL, and it must begin with http:// or https://",
            "[0].prometheus: must have one of below, above, atMost and atLeast: make each a probe of its own",
            "[0].prometheus: must not be there beside http: make it a probe of its own",
            "[0].prometheus.url: must be a URL, and it must begin with http:// or https://",
            "[0].prometheus.url: must end where the server's own /api/v1 begins, as http://prometheus.monitoring:9090 does",
            "[0].prometheus.query: has \"NOPE\", which is not known: use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}",
            "[0].prometheus.above: must be a number, not \"x\"",
        ],
    );
}
