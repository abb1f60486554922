//! The items of `guardrails.probes` and `verification.probes`. The tests hold the numbers to the parser's.

use serde_json::json;

use super::Schema;
use super::text::{default, dns_label, each, fields, line, link, number, optional, prose, required, server, whole};

pub(super) fn probes() -> Schema {
    let probe = fields([
        required("name", "Name", "A name that no other probe of the list has, which a schema cannot say.", dns_label()),
        optional(
            "http",
            "HTTP",
            "A GET whose answer must have this status, and this text in its body if one is stated. A probe has either `http` or \
             `prometheus`.",
            http(),
        ),
        optional(
            "prometheus",
            "Prometheus",
            "An instant query that must give exactly one number, within a bound. A probe has either `prometheus` or `http`.",
            prometheus(),
        ),
        default("timeoutSeconds", 5, "Timeout", "Seconds that one answer may take.", whole(1..=60)),
    ]);
    let one_question = ["http", "prometheus"].map(|question| json!({"required": [question]}));
    Schema { max_items: Some(10), ..each(Schema { one_of: one_question.to_vec(), ..probe }) }
}

fn http() -> Schema {
    fields([
        required(
            "url",
            "URL",
            "`http` or `https`, without credentials. A run follows no redirect. After the host, it fills in `${SERVICE}`, `${NAMESPACE}`, \
             `${WORKLOAD}` and `${POD_NAME}`.",
            link(),
        ),
        default("status", 200, "Status", "The status that the answer must have.", whole(200..=599)),
        optional(
            "bodyContains",
            "Body",
            "A text that must be in the body, letter for letter. If left out: any body.",
            Schema { max_length: Some(200), ..line() },
        ),
    ])
}

fn prometheus() -> Schema {
    const BOUNDS: [(&str, &str, &str); 4] = [
        ("below", "Below", "The number must be less than this. A probe has exactly one of `below`, `above`, `atMost` and `atLeast`."),
        ("above", "Above", "The number must be more than this."),
        ("atMost", "At most", "The number must be this or less."),
        ("atLeast", "At least", "The number must be this or more."),
    ];
    let [below, above, at_most, at_least] = BOUNDS.map(|(name, title, description)| optional(name, title, description, number()));
    let whole = fields([
        required(
            "url",
            "Server",
            "The server's URL up to its `/api/v1`, which is not part of it. Otherwise, the rules are those of `http.url`.",
            server(),
        ),
        required(
            "query",
            "Query",
            "PromQL. A run fills in `${SERVICE}`, `${NAMESPACE}`, `${WORKLOAD}` and `${POD_NAME}`. Other variables are mistakes, which a \
             schema cannot say.",
            Schema { max_length: Some(2000), ..prose() },
        ),
        below,
        above,
        at_most,
        at_least,
        default("samples", 1, "Samples", "Samples in a row that must be within the bound.", whole(1..=100)),
        default(
            "intervalSeconds",
            15,
            "Interval",
            "Seconds between two samples. Below the server's own scrape interval, samples repeat each other. After the action, all samples \
             must fit into `verification.timeoutSeconds`, which a schema cannot say.",
            whole(1..=300),
        ),
    ]);
    Schema { one_of: BOUNDS.map(|(name, ..)| json!({"required": [name]})).to_vec(), ..whole }
}
