//! The format of a recorded incident. The functions below read like its definition, one line a field.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::model::{API_VERSION, End, Expected, Incident, KIND, Moment};
use super::refers::{Files, json_of, time};
use crate::cluster::matching::recorded::{DEPENDENTS, ObjectKind, Objects};
use crate::core::decide::{GuardrailId, Mode, Reason};
use crate::core::ledger::{Ledger, Outcome, Reset, later};
use crate::core::names::{DNS_LABEL, LABEL_KEY, is_dns_label, is_label_key};
use crate::core::runbook::fields::{Fields, Read, Value};
use crate::core::runbook::node::Content;
use crate::core::runbook::{DecisionMode, Reading};
use crate::core::selector::Selector;
use crate::core::snapshot::{Approvals, Bounds, DEFAULT_DEADLINE, Fact};
use crate::core::words::default_request_selector;

/// More moments, objects or samples than any incident has.
const MOST_ITEMS: usize = 10_000;

/// What a moment takes over from the one before it.
struct Carried {
    objects: Objects,
    bounds: Bounds,
    /// Of the incident.
    start: Timestamp,
    /// Of the moment before.
    at: Timestamp,
}

pub(super) fn incident(fields: &mut Fields<'_, '_>, files: &Files<'_>) -> Read<Incident> {
    let api_version = fields.required("apiVersion", |value| value.one_of(&[API_VERSION], |name| name));
    let kind = fields.required("kind", |value| value.one_of(&[KIND], |name| name));
    let name = fields.required("metadata", |value| value.fields(|fields| fields.required("name", Value::line)));
    let description = fields.optional("description", String::new(), Value::prose);
    let start = fields.required("start", time);
    let bounds = fields.required("settings", |value| value.fields(settings));
    let runbooks = fields.required("runbooks", |value| files.runbooks(value));
    let namespace = bounds.as_ref().map(|bounds| bounds.namespace.clone()).unwrap_or_default();
    let mut objects = Objects::default();
    let changed = change(fields, files, &namespace, &mut objects);
    let selector = bounds.as_ref().map_or_else(|_| default_request_selector(), |bounds| bounds.selector.clone());
    let asked = asks(fields, &selector, start.unwrap_or(Timestamp::MAX), &mut objects);
    let ledger = fields.optional("ledger", Ledger::default(), |value| files.ledger(value, start.unwrap_or(Timestamp::MAX)));
    let expect = fields.optional("expect", None, |value| expected_by_pod(value).map(Some));
    // Mistakes in moments are reported whatever is wrong above them.
    let carried = Carried {
        objects,
        bounds: bounds.clone().unwrap_or_else(|_| default_bounds(namespace)),
        start: start.unwrap_or(Timestamp::MIN),
        at: start.unwrap_or(Timestamp::MIN),
    };
    let carried = RefCell::new(carried);
    let moments = fields.optional("moments", None, |value| value.each(MOST_ITEMS, |value| moment(value, files, &carried)).map(Some));
    let (expect, moments) = (expect?, moments?);
    api_version?;
    kind?;
    description?;
    changed?;
    asked?;
    let moments = match (expect, moments) {
        (Some(expect), None) => {
            let Carried { objects, bounds, at, .. } = carried.into_inner();
            let label = "start".to_owned();
            let (resets, approve) = (Vec::new(), Vec::new());
            vec![Moment { at, label, bounds, objects, ledger: None, resets, approve, decide: None, expect }]
        }
        (None, Some(moments)) => moments,
        (None, None) => {
            return Err(fields.wrong("moments", "is missing: say what to expect, at start (expect) or at several moments (moments)"));
        }
        (Some(_), Some(_)) => return Err(fields.wrong("expect", "is for a single moment: with moments, each has its own")),
    };
    start?;
    bounds?;
    Ok(Incident { name: name?, file: files.name().to_owned(), runbooks: runbooks?, ledger: ledger?, moments })
}

fn default_bounds(namespace: String) -> Bounds {
    Bounds {
        namespace,
        selector: default_request_selector(),
        service_label: "app".to_owned(),
        ceiling: DecisionMode::AutoExecute,
        deadline: DEFAULT_DEADLINE,
        time_left: DEFAULT_DEADLINE,
        approvals: Approvals::default(),
    }
}

/// The settings of a run, with a run's defaults.
fn settings(fields: &mut Fields<'_, '_>) -> Read<Bounds> {
    let namespace = fields.required("namespace", |value| value.text(&format!("a namespace's name: {DNS_LABEL}"), is_dns_label));
    let of = default_bounds(String::new());
    let selector = fields.optional("selector", of.selector, |value| {
        value.understood("a label selector", |text| {
            let selector = text.parse::<Selector>().map_err(|error| error.to_string())?;
            let names_one = selector.required_keys().next().is_some();
            if names_one { Ok(selector) } else { Err("it must name a label that a requesting pod carries".to_owned()) }
        })
    });
    let service_label =
        fields.optional("serviceLabel", of.service_label, |value| value.text(&format!("a label's key: {LABEL_KEY}"), is_label_key));
    let ceiling = fields.optional("modeCeiling", of.ceiling, |value| value.one_of(&DecisionMode::ALL, DecisionMode::as_str));
    let approvals = fields.optional("approvals", of.approvals, |value| value.one_of(&Approvals::ALL, Approvals::as_str));
    let deadline = fields.optional("deadline", of.deadline, span);
    Ok(Bounds {
        namespace: namespace?,
        selector: selector?,
        service_label: service_label?,
        ceiling: ceiling?,
        deadline: deadline?,
        time_left: deadline?,
        approvals: approvals?,
    })
}

/// What changes about the objects: taken away, put in place of others, changed.
fn change(fields: &mut Fields<'_, '_>, files: &Files<'_>, namespace: &str, objects: &mut Objects) -> Read<()> {
    let objects = RefCell::new(objects);
    let removed = fields.optional("remove", Vec::new(), |value| {
        value.list(|value| {
            let (kind, name) = reference(value)?;
            let removed = objects.borrow_mut().remove(kind, &name);
            removed.map(|()| (kind, name)).map_err(|why| value.say(why))
        })
    });
    let added = fields.optional("objects", Vec::new(), |value| {
        let add = |value: &Value<'_>| files.objects(value, namespace, &mut objects.borrow_mut());
        if matches!(value.content(), Some(Content::List(_))) { value.each(MOST_ITEMS, add) } else { add(value).map(|()| Vec::new()) }
    });
    // Of an entry the key is read first, and then its value.
    let named = RefCell::new(None);
    let patched = fields.optional("patch", Vec::new(), |value| {
        value.entries(
            |key| reference(key).inspect(|found| *named.borrow_mut() = Some(found.clone())),
            |value| {
                let Some(Content::Map(_)) = value.content() else {
                    return Err(value.wrong("a mapping of the fields to change, null to remove one"));
                };
                let Some((kind, name)) = named.borrow_mut().take() else { return Ok(()) };
                let patched = objects.borrow_mut().patch(kind, &name, &json_of(value));
                patched.map_err(|why| value.say(why))
            },
        )
    });
    let unreadable = fields.optional("unreadable", None, |value| match value.content() {
        Some(Content::Map(entries)) if entries.is_empty() => Ok(Some(Vec::new())),
        _ => value.entries(unreadable, Value::line).map(Some),
    });
    let probes = fields.optional("probes", None, |value| match value.content() {
        Some(Content::Map(entries)) if entries.is_empty() => Ok(Some(Vec::new())),
        _ => value.entries(Value::line, |value| value.entries(Value::line, reading)).map(Some),
    });
    if let Some(unreadable) = unreadable? {
        objects.borrow_mut().unreadable = unreadable.into_iter().collect();
    }
    if let Some(probes) = probes? {
        objects.borrow_mut().probes = probes.into_iter().map(|(pod, readings)| (pod, readings.into_iter().collect())).collect();
    }
    removed?;
    added?;
    patched?;
    Ok(())
}

/// Pods that ask, each with how long before: `asks: {web-1: -2m}`. Each gets the request label, and in managedFields the time.
fn asks(fields: &mut Fields<'_, '_>, selector: &Selector, now: Timestamp, objects: &mut Objects) -> Read<()> {
    let labels: BTreeMap<String, String> = selector.0.iter().filter_map(|one| Some((one.key.clone(), one.operator.one_value()?))).collect();
    let objects = RefCell::new(objects);
    // Of an entry the key is read first, and then its value.
    let named = RefCell::new(String::new());
    let expected = "how long ago it asked, as -2m, or +0s for this very moment";
    let asks = fields.optional("asks", Vec::new(), |value| {
        value.entries(
            |key| key.line().inspect(|pod| pod.clone_into(&mut named.borrow_mut())),
            |value| {
                let before = value.understood(expected, ago)?;
                let at = later(now, -before);
                objects.borrow_mut().ask(&named.borrow(), &labels, at).map_err(|why| value.say(why))
            },
        )
    });
    asks.map(drop)
}

/// `-2m`, or nothing at all: `+0s`.
fn ago(text: &str) -> Result<SignedDuration, String> {
    let Some((sign, span)) = text.split_at_checked(1).filter(|(sign, _)| matches!(*sign, "-" | "+")) else {
        return Err(format!("{text:?} has no sign"));
    };
    let span = humantime::parse_duration(span).map_err(|error| error.to_string())?;
    if sign == "+" && !span.is_zero() {
        return Err(format!("{text} is in the future"));
    }
    SignedDuration::try_from(span).map_err(|error| error.to_string())
}

/// What a probe answered: `{status: 503}`, `{samples: [0.2]}`, or why it could not be asked.
fn reading(value: &Value<'_>) -> Read<Fact<Reading>> {
    if let Some(Content::Text(_)) = value.content() {
        return value.line().map(Fact::Unknown);
    }
    value.fields(|fields| {
        let status = fields.optional("status", None, |value| value.whole(100..=599).map(Some));
        let body_contains = fields.optional("bodyContains", true, Value::boolean);
        let samples = fields.optional("samples", None, |value| value.each(MOST_ITEMS, Value::finite).map(Some));
        match (status?, samples?) {
            (Some(status), None) => {
                let status = u16::try_from(status).unwrap_or(u16::MAX);
                Ok(Fact::Known(Reading::Http { status, body_contains: body_contains? }))
            }
            (None, Some(samples)) => Ok(Fact::Known(Reading::Prometheus { samples })),
            _ => Err(fields.wrong("status", "say what it answered: status for an HTTP probe, samples for a Prometheus probe")),
        }
    })
}

/// `Kind/name`.
fn reference(value: &Value<'_>) -> Read<(ObjectKind, String)> {
    let kinds: Vec<&str> = ObjectKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let expected = format!("an object as ObjectKind/name, where ObjectKind is one of {}", kinds.join(", "));
    value.understood(&expected, |text| {
        let found = text.split_once('/').and_then(|(kind, name)| Some((ObjectKind::from_word(kind)?, name.to_owned())));
        found.ok_or_else(|| format!("{text:?} is not"))
    })
}

fn unreadable(value: &Value<'_>) -> Read<String> {
    let expected = "PodDisruptionBudget, Namespace, ownerReferences, ObjectKind/name of a workload, ReplicaSet or PersistentVolumeClaim, or \
                    label=value of a service's pods";
    value.text(expected, |text| {
        let object = text.split_once('/').and_then(|(kind, _)| ObjectKind::from_word(kind));
        let workload =
            object.is_some_and(|kind| !matches!(kind, ObjectKind::Namespace | ObjectKind::Pod | ObjectKind::PodDisruptionBudget));
        workload
            || text == DEPENDENTS
            || text.contains('=')
            || [ObjectKind::PodDisruptionBudget, ObjectKind::Namespace].iter().any(|kind| kind.as_str() == text)
    })
}

fn moment(value: &Value<'_>, files: &Files<'_>, carried: &RefCell<Carried>) -> Read<Moment> {
    value.fields(|fields| {
        let Carried { objects, bounds, start, at: before } = &mut *carried.borrow_mut();
        let at = fields.required("at", |value| {
            value.understood("a time after the one before it, as +10m from the start or in RFC 3339", |text| {
                let at = time_of_moment(text, *start)?;
                if at < *before { Err(format!("{at} is before {before}")) } else { Ok((at, text.to_owned())) }
            })
        });
        let note = fields.optional("note", String::new(), Value::prose);
        let time_left = fields.optional("deadline", bounds.time_left, span);
        let changed = change(fields, files, &bounds.namespace, objects);
        let now = at.as_ref().map_or(Timestamp::MAX, |(at, _)| *at);
        let asked = asks(fields, &bounds.selector, now, objects);
        let ledger = fields.optional("ledger", None, |value| files.ledger(value, now).map(Some));
        let resets = fields.optional("resetBreaker", Vec::new(), |value| value.fields(reset).map(|reset| vec![reset]));
        let approve = fields.optional("approve", Vec::new(), |value| value.entries(Value::line, Value::line));
        let decide = fields.optional("decide", None, |value| value.some(Value::line).map(Some));
        let expect = fields.optional("expect", Vec::new(), expected_by_pod);
        let (at, label) = at?;
        *before = at;
        note?;
        changed?;
        asked?;
        let time_left = time_left?;
        // A moment with more time than a whole run has is of a run that has more.
        let deadline = bounds.deadline.max(time_left);
        let (objects, bounds) = (objects.clone(), Bounds { deadline, time_left, ..bounds.clone() });
        Ok(Moment { at, label, bounds, objects, ledger: ledger?, resets: resets?, approve: approve?, decide: decide?, expect: expect? })
    })
}

/// What a human does with `pod-remediator reset-breaker`.
fn reset(fields: &mut Fields<'_, '_>) -> Read<Reset> {
    let runbook = fields.required("runbook", Value::line);
    let service = fields.optional("service", None, |value| value.line().map(Some));
    let reason = fields.required("reason", Value::line);
    let actor = fields.optional("actor", "somebody".to_owned(), Value::line);
    Ok(Reset { runbook: runbook?, service: service?, reason: reason?, actor: actor? })
}

fn expected_by_pod(value: &Value<'_>) -> Read<Vec<(String, Expected)>> {
    match value.content() {
        Some(Content::Map(entries)) if entries.is_empty() => Ok(Vec::new()),
        _ => value.entries(Value::line, expected),
    }
}

/// A mode, or a mapping with more.
fn expected(value: &Value<'_>) -> Read<Expected> {
    let mode = |value: &Value<'_>| value.one_of(&Mode::ALL, Mode::as_str);
    if matches!(value.content(), Some(Content::Text(_))) {
        let mode = mode(value)?;
        return Ok(Expected { mode, blocked_by: None, reason: None, message: None, contains: None, end: End::default() });
    }
    value.fields(|fields| {
        let mode = fields.required("mode", mode);
        let id = |value: &Value<'_>| value.one_of(&GuardrailId::ALL, GuardrailId::as_str);
        let blocked_by = fields.optional("blockedBy", None, |value| value.list(id).map(Some));
        let reason = fields.optional("reason", None, |value| value.one_of(&Reason::WORDS, |word| word).map(Some));
        let message = fields.optional("message", None, |value| value.prose().map(Some));
        let contains = fields.optional("messageContains", None, |value| value.prose().map(Some));
        let outcome = fields.optional("outcome", None, |value| value.one_of(&Outcome::ALL, Outcome::as_str).map(Some));
        let detail = fields.optional("detail", None, |value| value.prose().map(Some));
        let after = fields.optional("after", None, |value| span(value).map(Some));
        let (mode, outcome, detail, after) = (mode?, outcome?, detail?, after?);
        let acts = mode == Mode::AutoExecute;
        for (name, stated) in [("outcome", outcome.is_some()), ("detail", detail.is_some()), ("after", after.is_some())] {
            if stated && !acts {
                return Err(fields.wrong(name, "is how an action ended: it needs mode auto_execute"));
            }
        }
        let end = End { outcome: outcome.unwrap_or(Outcome::Verified), detail, after: after.unwrap_or_default() };
        Ok(Expected { mode, blocked_by: blocked_by?, reason: reason?, message: message?, contains: contains?, end })
    })
}

fn span(value: &Value<'_>) -> Read<Duration> {
    value.understood("a duration, such as 90s or 5m", |text| humantime::parse_duration(text).map_err(|error| error.to_string()))
}

/// `+10m` from the incident's start, or a time of its own.
fn time_of_moment(text: &str, start: Timestamp) -> Result<Timestamp, String> {
    match text.strip_prefix('+') {
        Some(text) => {
            let after = humantime::parse_duration(text).map_err(|error| error.to_string())?;
            Ok(later(start, SignedDuration::try_from(after).map_err(|error| error.to_string())?))
        }
        None => text.parse().map_err(|_| format!("{text:?} is neither")),
    }
}
