use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(days: &[usize], start: &str, end: &str, zone: &str, effect: Effect) -> Window {
    let minutes = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u32>().unwrap() * 60 + minute.parse::<u32>().unwrap()
    };
    Window { days: days.to_vec(), start: minutes(start), end: minutes(end), zone: TimeZone::get(zone).unwrap(), effect }
}

const EVERY_DAY: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

#[track_caller]
fn check(window: &Window, inside: &[&str], outside: &[&str]) {
    for moment in inside {
        assert!(window.contains(at(moment)), "{moment} is in {window}");
    }
    for moment in outside {
        assert!(!window.contains(at(moment)), "{moment} is not in {window}");
    }
}

#[test]
fn by_the_clock_on_the_wall() {
    // 2026-11-23 is a Monday; Berlin is an hour ahead of UTC in winter, two in summer.
    let office = window(&[0, 1, 2, 3, 4], "09:00", "17:00", "Europe/Berlin", Effect::Allow);
    check(
        &office,
        &["2026-11-23T08:00:00Z", "2026-11-23T15:59:59Z", "2026-06-01T07:00:00Z"],
        &["2026-11-23T07:59:59Z", "2026-11-23T16:00:00Z", "2026-11-22T10:00:00Z", "2026-06-01T15:00:00Z"],
    );
    let whole = window(&[6], "00:00", "24:00", "UTC", Effect::Deny);
    check(&whole, &["2026-11-22T00:00:00Z", "2026-11-22T23:59:59Z"], &["2026-11-21T23:59:59Z", "2026-11-23T00:00:00Z"]);
}

#[test]
fn over_midnight_it_belongs_to_the_day_on_which_it_begins() {
    let friday_night = window(&[4], "22:00", "06:00", "UTC", Effect::Allow);
    check(
        &friday_night,
        &["2026-11-27T22:00:00Z", "2026-11-28T05:59:59Z"],
        &["2026-11-27T21:59:59Z", "2026-11-28T06:00:00Z", "2026-11-27T03:00:00Z", "2026-11-28T22:30:00Z"],
    );
    let sunday_night = window(&[6], "22:00", "06:00", "UTC", Effect::Allow);
    check(&sunday_night, &["2026-11-23T01:00:00Z"], &["2026-11-24T01:00:00Z"]);
}

#[test]
fn where_the_clock_is_put_forward_or_back() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
    let skipped = window(&EVERY_DAY, "02:15", "02:45", "Europe/Berlin", Effect::Allow);
    check(&skipped, &["2026-03-28T01:30:00Z"], &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]);
    check(&skipped, &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"], &["2026-10-25T00:50:00Z", "2026-10-25T02:30:00Z"]);
    let night = window(&EVERY_DAY, "22:00", "06:00", "Europe/Berlin", Effect::Allow);
    check(&night, &["2026-03-29T03:59:00Z", "2026-10-25T04:59:00Z"], &["2026-03-29T04:00:00Z", "2026-10-25T05:00:00Z"]);
}

#[track_caller]
fn opens(windows: &[Window], now: &str, expected: Option<&str>) {
    assert_ne!(open(windows, at(now)), Open::Yes);
    assert_eq!(opens_at(windows, at(now)), expected.map(at));
}

#[test]
fn deny_wins_and_the_next_opening_is_said() {
    let allow = window(&[0, 1, 2, 3, 4], "09:00", "17:00", "Europe/Berlin", Effect::Allow);
    let deny = window(&[0], "08:00", "10:30", "UTC", Effect::Deny);
    assert_eq!(open(&[], at("2026-11-23T09:00:00Z")), Open::Yes);
    assert_eq!(open(std::slice::from_ref(&allow), at("2026-11-23T09:00:00Z")), Open::Yes);
    let both = [allow, deny.clone()];
    assert_eq!(open(&both, at("2026-11-23T09:00:00Z")), Open::Denied(&deny));
    opens(&both, "2026-11-23T09:00:00Z", Some("2026-11-23T10:30:00Z"));
    assert_eq!(open(&both, at("2026-11-22T12:00:00Z")), Open::Outside);
    opens(&both, "2026-11-22T12:00:00Z", Some("2026-11-23T10:30:00Z"));
    opens(&both, "2026-11-27T20:00:00Z", Some("2026-11-30T10:30:00Z"));
    // Put forward, it opens earlier by the world's clock.
    let night = [window(&EVERY_DAY, "22:00", "05:00", "Europe/Berlin", Effect::Deny)];
    opens(&night, "2026-03-28T22:00:00Z", Some("2026-03-29T03:00:00Z"));
    let hour = [window(&EVERY_DAY, "02:00", "03:00", "Europe/Berlin", Effect::Deny)];
    opens(&hour, "2026-10-25T00:30:00Z", Some("2026-10-25T02:00:00Z"));
    let never = [window(&EVERY_DAY, "00:00", "24:00", "UTC", Effect::Deny)];
    opens(&never, "2026-11-23T09:00:00Z", None);
}

#[test]
fn it_reads_as_it_was_meant() {
    let window = window(&[4, 5], "22:00", "06:30", "America/New_York", Effect::Deny);
    assert_eq!(window.to_string(), "deny fri,sat 22:00 to 06:30 America/New_York");
}
