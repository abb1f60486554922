//! The items of `guardrails.probes` and `verification.probes`. The tests hold the numbers to the parser's.

use serde_json::json;

use super::Schema;
use super::text::{default, dns_label, each, fields, line, link, number, optional, prose, required, server, whole};

pub(super) fn probes() -> Schema {
    let probe = fields([
        required("name", "Name", "A name of its own in its list, which a schema cannot say.", dns_label()),
        optional("http", "HTTP", "A GET whose status, and body if that is stated, must be these. Either this or prometheus.", http()),
        optional(
            "prometheus",
            "Prometheus",
            "An instant query that must give exactly one number, within a bound. Either this or http.",
            prometheus(),
        ),
        default("timeoutSeconds", 5, "Timeout", "How long one answer may take.", whole(1..=60)),
    ]);
    let one_question = ["http", "prometheus"].map(|question| json!({"required": [question]}));
    Schema { max_items: Some(10), ..each(Schema { one_of: one_question.to_vec(), ..probe }) }
}

fn http() -> Schema {
    fields([
        required(
            "url",
            "URL",
            "http or https, without credentials; redirects are not followed. Known after the host: ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}.",
            link(),
        ),
        default("status", 200, "Status", "The answer's status.", whole(200..=599)),
        optional(
            "bodyContains",
            "Body",
            "A text that must be in the body, letter for letter. Left out: any body.",
            Schema { max_length: Some(200), ..line() },
        ),
    ])
}

fn prometheus() -> Schema {
    const BOUNDS: [(&str, &str, &str); 4] = [
        ("below", "Below", "The number must be less than this. Exactly one of below, above, atMost and atLeast."),
        ("above", "Above", "The number must be more than this."),
        ("atMost", "At most", "The number must be this or less."),
        ("atLeast", "At least", "The number must be this or more."),
    ];
    let [below, above, at_most, at_least] = BOUNDS.map(|(name, title, description)| optional(name, title, description, number()));
    let whole = fields([
        required(
            "url",
            "Server",
            "The server, up to where its /api/v1 begins, which is not part of it; otherwise as the URL of http.",
            server(),
        ),
        required(
            "query",
            "Query",
            "PromQL. ${SERVICE}, ${NAMESPACE}, ${WORKLOAD} and ${POD_NAME} are filled in, and no others are known; a schema cannot say so.",
            Schema { max_length: Some(2000), ..prose() },
        ),
        below,
        above,
        at_most,
        at_least,
        default("samples", 1, "Samples", "So many in a row must be within the bound.", whole(1..=100)),
        default(
            "intervalSeconds",
            15,
            "Interval",
            "Between two samples; below the server's own scrape interval, samples repeat each other. After the action, all samples must fit into \
             verification.timeoutSeconds, which a schema cannot say.",
            whole(1..=300),
        ),
    ]);
    Schema { one_of: BOUNDS.map(|(name, ..)| json!({"required": [name]})).to_vec(), ..whole }
}
