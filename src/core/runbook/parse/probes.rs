//! The items of `guardrails.probes` and `verification.probes`: one format.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::super::fields::{Fields, Read, Value};
use super::super::{Bound, HttpProbe, Number, Probe, ProbeQuestion, PrometheusProbe, Template};
use crate::core::names::{DNS_LABEL, is_dns_label};
use crate::core::url;

/// More is a monitoring system of its own. All of them are kept in the ledger while an action is under way.
const MOST: usize = 10;
/// For one answer.
const TIMEOUT: RangeInclusive<u32> = 1..=60;
const DEFAULT_TIMEOUT: u32 = 5;
/// In a row.
const SAMPLES: RangeInclusive<u32> = 1..=100;
/// Between two samples.
const INTERVAL: RangeInclusive<u32> = 1..=300;
const DEFAULT_INTERVAL: u32 = 15;
/// Those that end an exchange.
const STATUS: RangeInclusive<u32> = 200..=599;
/// It goes into a URL, which servers bound.
const LONGEST_QUERY: usize = 2000;
const LONGEST_TEXT: usize = 200;

pub(super) fn probes(value: &Value<'_>) -> Read<Vec<Probe>> {
    let mut names = BTreeSet::new();
    value.each(MOST, |value| value.fields(|fields| probe(fields, &mut names)))
}

fn probe(fields: &mut Fields<'_, '_>, names: &mut BTreeSet<String>) -> Read<Probe> {
    let name = fields.required("name", |value| {
        let name = value.text(&format!("a name: {DNS_LABEL}"), is_dns_label)?;
        if names.insert(name.clone()) { Ok(name) } else { Err(value.say("is the name of another probe in the list: each needs its own")) }
    });
    let http = fields.optional("http", None, |value| value.fields(http).map(Some));
    let prometheus = fields.optional("prometheus", None, |value| value.fields(prometheus).map(Some));
    let timeout_seconds = fields.optional("timeoutSeconds", DEFAULT_TIMEOUT, |value| value.whole(TIMEOUT));
    // One with mistakes is there, too.
    let there = (!matches!(http, Ok(None)), !matches!(prometheus, Ok(None)));
    if there == (true, true) {
        return Err(fields.wrong("prometheus", "must not be there beside http: make it a probe of its own"));
    }
    let question = match (http?, prometheus?) {
        (Some(http), _) => ProbeQuestion::Http(http),
        (None, Some(prometheus)) => ProbeQuestion::Prometheus(prometheus),
        (None, None) => return Err(fields.say("must ask something: it needs http or prometheus")),
    };
    Ok(Probe { name: name?, question, timeout_seconds: timeout_seconds? })
}

fn http(fields: &mut Fields<'_, '_>) -> Read<HttpProbe> {
    let url = fields.required("url", link);
    let status = fields.optional("status", 200, |value| value.whole(STATUS));
    let body_contains = fields.optional("bodyContains", None, |value| {
        let text = value.line()?;
        if text.chars().count() > LONGEST_TEXT {
            return Err(value.say(format!("must have at most {LONGEST_TEXT} characters")));
        }
        Ok(Some(text))
    });
    let status = status?;
    Ok(HttpProbe { url: url?, status: u16::try_from(status).unwrap_or(u16::MAX), body_contains: body_contains? })
}

fn prometheus(fields: &mut Fields<'_, '_>) -> Read<PrometheusProbe> {
    let url = fields.required("url", |value| {
        let base = link(value);
        let ends_late = value.line_of_text().is_some_and(|text| text.contains('?') || text.contains("/api/v1"));
        if ends_late {
            return Err(value.say("must end where the server's own /api/v1 begins, as http://prometheus.monitoring:9090 does"));
        }
        base
    });
    let query = fields.required("query", |value| {
        let query = value.prose()?;
        let template = Template::new(&query).map_err(|wrong| value.say(wrong));
        if query.chars().count() > LONGEST_QUERY {
            return Err(value.say(format!("must have at most {LONGEST_QUERY} characters: make it a recording rule")));
        }
        template
    });
    let number = |value: &Value<'_>| match Number::new(value.finite()?) {
        Some(number) => Ok(Some(number)),
        None => Err(value.wrong("a number")),
    };
    let bounds = [
        fields.optional("below", None, number).map(|limit| limit.map(Bound::Below)),
        fields.optional("above", None, number).map(|limit| limit.map(Bound::Above)),
        fields.optional("atMost", None, number).map(|limit| limit.map(Bound::AtMost)),
        fields.optional("atLeast", None, number).map(|limit| limit.map(Bound::AtLeast)),
    ];
    let samples = fields.optional("samples", 1, |value| value.whole(SAMPLES));
    let interval_seconds = fields.optional("intervalSeconds", DEFAULT_INTERVAL, |value| value.whole(INTERVAL));
    // One with a mistake is stated, too.
    let stated: Vec<Read<Bound>> = bounds.into_iter().filter_map(Read::transpose).collect();
    let bound = match stated[..] {
        [bound] => bound,
        [] => Err(fields.say("needs below, above, atMost or atLeast: without a bound it is a check that cannot fail")),
        _ => Err(fields.say("must have one of below, above, atMost and atLeast: make each a probe of its own")),
    };
    Ok(PrometheusProbe { url: url?, query: query?, bound: bound?, samples: samples?, interval_seconds: interval_seconds? })
}

fn link(value: &Value<'_>) -> Read<Template> {
    let text = value.line()?;
    let template = Template::new(&text).map_err(|wrong| value.say(wrong));
    // What was written is not repeated: it may hold a password.
    match url::flaw(&text) {
        Some(wrong) => Err(value.say(format!("must be a URL, and {wrong}"))),
        None => template,
    }
}
