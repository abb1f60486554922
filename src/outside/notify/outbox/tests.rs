use jiff::SignedDuration;

use super::*;
use crate::outside::notify::text::tests::record;

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn add(outbox: &mut Outbox, pod: &str, reason: &str) {
    let mut record = record();
    (record.pod, record.reason) = (Some(pod.to_owned()), Some(reason.to_owned()));
    outbox.add(Escalate::PageServiceOwner, pod, reason.to_owned(), &record);
}

/// What is put in, as `pod reason`, where the first have been told: the pods of each message.
#[track_caller]
fn check(told: &[&str], put: &[&str], expected: &[&[&str]]) {
    let words = |text: &&str| text.split_once(' ').map(|(pod, reason)| (pod.to_owned(), reason.to_owned())).unwrap();
    let mut ledger = Ledger::default();
    let told = told.iter().map(words).map(|(pod_uid, reason)| Notified { pod_uid, reason, at: at(0) });
    ledger.note(&told.collect::<Vec<_>>());
    let mut outbox = Outbox::new(true);
    put.iter().map(words).for_each(|(pod, reason)| add(&mut outbox, &pod, &reason));
    let messages = outbox.take(&ledger, at(1));
    let got: Vec<Vec<&str>> = messages.iter().map(|message| message.news.iter().map(|news| news.pod_uid.as_str()).collect()).collect();
    assert_eq!(got, expected);
    assert!(outbox.is_empty());
    // Once remembered, it is not told again.
    let mut ledger = ledger.clone();
    ledger.note(&messages.iter().flat_map(|message| message.told(at(1))).collect::<Vec<_>>());
    put.iter().map(words).for_each(|(pod, reason)| add(&mut outbox, &pod, &reason));
    assert_eq!(outbox.take(&ledger, at(2)), []);
}

#[test]
fn each_thing_is_told_once_for_each_pod_and_reason() {
    check(&[], &[], &[]);
    check(&[], &["a x"], &[&["a"]]);
    check(&[], &["a x", "a x"], &[&["a"]]);
    check(&[], &["a x", "a y"], &[&["a"], &["a"]]);
    check(&["a x"], &["a x", "a y", "b x"], &[&["a"], &["b"]]);
}

#[test]
fn many_at_once_are_one_message() {
    check(&[], &["a x", "b x", "c x"], &[&["a"], &["b"], &["c"]]);
    check(&[], &["a x", "b x", "c x", "d x"], &[&["a", "b", "c", "d"]]);
    check(&["a x"], &["a x", "b x", "c x", "d x"], &[&["b"], &["c"], &["d"]]);
}

#[test]
fn nobody_hears_of_a_level_of_none_or_without_a_receiver() {
    let mut outbox = Outbox::new(true);
    outbox.add(Escalate::None, "a", "x".to_owned(), &record());
    assert!(outbox.is_empty());
    let mut outbox = Outbox::new(false);
    add(&mut outbox, "a", "x");
    assert!(outbox.is_empty());
}

#[test]
fn ten_thousand_pods_are_one_message_an_hour() {
    let mut ledger = Ledger::default();
    let mut tell = |minute| {
        let mut outbox = Outbox::new(true);
        outbox.knows(&ledger);
        (0..10_000).for_each(|pod| add(&mut outbox, &format!("pod-{pod}"), "matched_services"));
        let messages = outbox.take(&ledger, at(minute));
        ledger.note(&messages.iter().flat_map(|message| message.told(at(minute))).collect::<Vec<_>>());
        messages.iter().map(Message::sentence).collect::<Vec<_>>()
    };
    let first = tell(0);
    assert_eq!(first.len(), 1);
    assert!(first[0].starts_with("10000 pods need a human: pod-0 of web: matched_services; pod-1 of web: "), "{first:?}");
    assert!(first[0].ends_with("; and 9985 more, see the run's log") && first[0].len() < 1000, "{first:?}");
    assert_eq!((tell(10), tell(59)), (vec![], vec![]));
    let second = tell(60);
    assert_eq!(second.len(), 1);
    assert!(second[0].starts_with("9950 pods need a human: pod-50 of web"), "{second:?}");
}

#[test]
fn the_most_urgent_counts() {
    let mut outbox = Outbox::new(true);
    for (pod, level) in ["a", "b", "c", "d"].into_iter().zip([Escalate::PageServiceOwner, Escalate::OpenIncident].into_iter().cycle()) {
        outbox.add(level, pod, "x".to_owned(), &record());
    }
    assert_eq!(outbox.take(&Ledger::default(), at(0))[0].level(), Escalate::OpenIncident);
}

#[test]
fn a_run_has_five_calls_and_ten_seconds_at_the_most() {
    let seconds = Duration::from_secs;
    let timeout = |outbox: &mut Outbox, left| outbox.allowance(left).map(|limits| limits.timeout);
    let mut outbox = Outbox::new(true);
    assert_eq!(timeout(&mut outbox, seconds(2)), Some(seconds(2)), "no more than is left of the run");
    assert_eq!(timeout(&mut outbox, Duration::ZERO), None);
    for expected in [3, 3, 3, 1] {
        assert_eq!(timeout(&mut outbox, seconds(99)), Some(seconds(expected)));
        outbox.spent(seconds(expected));
    }
    assert_eq!(timeout(&mut outbox, seconds(99)), None);

    let mut outbox = Outbox::new(true);
    (0..5).for_each(|_| assert!(timeout(&mut outbox, seconds(99)).is_some()));
    assert_eq!(timeout(&mut outbox, seconds(99)), None);

    // What is left of them is not used up by three pods.
    let mut outbox = Outbox::new(true);
    (0..4).for_each(|_| assert!(timeout(&mut outbox, seconds(99)).is_some()));
    ["a", "b"].iter().for_each(|pod| add(&mut outbox, pod, "x"));
    assert_eq!(outbox.take(&Ledger::default(), at(0)).len(), 1);
}
