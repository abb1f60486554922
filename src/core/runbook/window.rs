//! `guardrails.maintenanceWindows`: days and times of day, by the clock on the wall in a time zone.
//!
//! By that clock also where it is put forward or back: an hour that is skipped is in no window, one that comes twice is twice in it.

use std::fmt;
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use super::fields::{Fields, Read, Value};

/// One window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The days on which it begins, 0 for Monday; at least one.
    days: Vec<usize>,
    /// Minutes after midnight.
    start: u32,
    /// Minutes after midnight, 1440 at the most; not after `start`: of the next day.
    end: u32,
    zone: TimeZone,
    /// What it means.
    pub effect: Effect,
}

/// What a window means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is done in it.
    Deny,
    /// Something is done only in one of these.
    Allow,
}

impl Effect {
    /// Both effects, in the order of the schema.
    pub const ALL: [Self; 2] = [Self::Deny, Self::Allow];

    /// The word for it in a runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

pub(crate) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// More than anybody can keep in mind.
pub(crate) const MOST_WINDOWS: usize = 50;
const MINUTES_A_DAY: u32 = 24 * 60;
/// A window that comes once a week comes within this.
const A_WEEK_AND_A_BIT: i64 = 8;

impl Window {
    /// The name of its time zone, e.g. `Europe/Berlin`.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// It is open at this moment.
    pub fn contains(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        let yesterday = (today + DAYS.len() - 1) % DAYS.len();
        let minute = minute_of(local.time());
        if self.start < self.end {
            return self.days.contains(&today) && (self.start..self.end).contains(&minute);
        }
        (self.days.contains(&today) && minute >= self.start) || (self.days.contains(&yesterday) && minute < self.end)
    }

    /// Every moment in the coming week at which it may open or close.
    fn changes(&self, now: Timestamp) -> Vec<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let days = (-1..=A_WEEK_AND_A_BIT).filter_map(|days| today.checked_add(days.days()).ok());
        let moments = days.flat_map(|day| [self.start, self.end].map(|minute| day.to_datetime(Time::midnight()) + minutes(minute)));
        let by_the_wall = moments.filter_map(|moment: DateTime| self.zone.to_timestamp(moment).ok());
        // Where the clock is put forward or back.
        let of_the_zone = self.zone.following(now).map(|transition| transition.timestamp());
        by_the_wall.chain(of_the_zone.take_while(|moment| moment.duration_since(now) < jiff::SignedDuration::from_hours(9 * 24))).collect()
    }
}

/// What the windows say at a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Open<'a> {
    /// Something may be done.
    Yes,
    /// This one denies it.
    Denied(&'a Window),
    /// There are some that allow it, and this moment is in none of them.
    Outside,
}

/// Deny wins; where any window allows, only within one of those.
pub fn open(windows: &[Window], now: Timestamp) -> Open<'_> {
    let of = |effect| windows.iter().filter(move |window| window.effect == effect);
    if let Some(denying) = of(Effect::Deny).find(|window| window.contains(now)) {
        return Open::Denied(denying);
    }
    if of(Effect::Allow).next().is_some() && !of(Effect::Allow).any(|window| window.contains(now)) {
        return Open::Outside;
    }
    Open::Yes
}

/// The next moment at which something may be done; `None`: not in the coming week.
pub fn opens_at(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let mut moments: Vec<Timestamp> = windows.iter().flat_map(|window| window.changes(now)).filter(|moment| *moment > now).collect();
    moments.sort_unstable();
    moments.into_iter().find(|moment| open(windows, *moment) == Open::Yes)
}

fn minute_of(time: Time) -> u32 {
    let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
    u32::try_from(minute).unwrap_or(0)
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days.iter().filter_map(|day| DAYS.get(*day).copied()).collect();
        let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let zone = self.zone();
        write!(f, "{} {} {} to {} {zone}", self.effect.as_str(), days.join(","), clock(self.start), clock(self.end))
    }
}

pub(super) fn windows(value: &Value<'_>) -> Read<Vec<Window>> {
    value.each(MOST_WINDOWS, |value| value.fields(window))
}

fn window(fields: &mut Fields<'_, '_>) -> Read<Window> {
    let all = [0, 1, 2, 3, 4, 5, 6];
    let days = fields.optional("days", all.to_vec(), |value| value.some(|value| value.one_of(&all, |day| DAYS[day])));
    let start = fields.required("start", |value| time(value, "00:00 to 23:59", MINUTES_A_DAY - 1));
    let end = fields.required("end", |value| time(value, "00:00 to 24:00", MINUTES_A_DAY));
    let zone = fields.required("timeZone", zone);
    let effect = fields.required("effect", |value| value.one_of(&Effect::ALL, Effect::as_str));
    if let (Ok(start), Ok(end)) = (start, end)
        && start == end
    {
        return Err(fields.wrong("end", "must not be the same as start: for a whole day write 00:00 to 24:00"));
    }
    let mut days = days?;
    days.sort_unstable();
    Ok(Window { days, start: start?, end: end?, zone: zone?, effect: effect? })
}

fn time(value: &Value<'_>, allowed: &str, most: u32) -> Read<u32> {
    let parse = |text: &str| {
        let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
        let digits = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let minute = digits(minute).filter(|minute| *minute < 60)?;
        Some(digits(hour)? * 60 + minute).filter(|minute| *minute <= most)
    };
    let text = value.text(&format!("a time of day in quotes, \"{allowed}\""), |text| parse(text).is_some())?;
    Ok(parse(&text).unwrap_or_default())
}

fn zone(value: &Value<'_>) -> Read<TimeZone> {
    // The program's own, so that a machine's do not decide: with the machine's, one file could mean two things.
    let zones = TimeZoneDatabase::bundled();
    let known = |text: &str| zones.get(text).ok().filter(|zone| zone.iana_name().is_some());
    let name = value.text("a time zone by its IANA name, such as Europe/Berlin or UTC", |text| known(text).is_some())?;
    Ok(known(&name).unwrap_or(TimeZone::UTC))
}

#[cfg(test)]
mod tests;
