//! When a CronJob's schedule is due next.

use jiff::Timestamp;

/// The first moment after `now` that the schedule names, in this zone; without one, in UTC. `None`: it names no moment, or depends on
/// more than the time, as `@every` does.
pub(super) fn next(schedule: &str, zone: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    let crontab = format!("{} {}", crontab(schedule)?, zone.unwrap_or("UTC"));
    Some(cronexpr::parse_crontab(&crontab).ok()?.find_next(now).ok()?.timestamp())
}

/// As crontab(5) has it, of what Kubernetes takes, which is what robfig/cron's `ParseStandard` does.
fn crontab(schedule: &str) -> Option<String> {
    let fields: Vec<&str> = schedule.split_ascii_whitespace().collect();
    Some(match fields.as_slice() {
        ["@yearly" | "@annually"] => "0 0 1 1 *".to_owned(),
        ["@monthly"] => "0 0 1 * *".to_owned(),
        ["@weekly"] => "0 0 * * 0".to_owned(),
        ["@daily" | "@midnight"] => "0 0 * * *".to_owned(),
        ["@hourly"] => "0 * * * *".to_owned(),
        [minute, hour, day, month, weekday] => {
            [any(minute, "0-59"), any(hour, "0-23"), any(day, "1-31"), any(month, "1-12"), any(weekday, "0-6")].join(" ")
        }
        _ => return None,
    })
}

/// A field: `?` is `*`; every day of a list is every day; and a step of more than one is a choice, which for crontab(5) it is not.
/// So a day is of the month's choice or of the week's, where both choose.
fn any(field: &str, all: &str) -> String {
    let field = field.replace('?', "*");
    let every = |item: &str| item == "*" || item == "*/1";
    if field.split(',').any(every) { "*".to_owned() } else { field.replace("*/", &format!("{all}/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected moments are those of robfig/cron 3.0.1, which the CronJob controller uses.
    #[track_caller]
    fn check(schedule: &str, zone: Option<&str>, expected: &str) {
        let now = "2026-01-01T00:03:30Z".parse().unwrap();
        assert_eq!(next(schedule, zone, now).map_or("-".to_owned(), |at| at.to_string()), expected, "{schedule}");
    }

    #[test]
    fn the_next_run_is_due_when_the_controller_begins_it() {
        check("*/10 * * * *", None, "2026-01-01T00:10:00Z");
        check("7-59/10 * * * *", None, "2026-01-01T00:07:00Z");
        check("@hourly", None, "2026-01-01T01:00:00Z");
        check("@daily", None, "2026-01-02T00:00:00Z");
        check("@midnight", Some("Europe/Berlin"), "2026-01-01T23:00:00Z");
        check("@weekly", None, "2026-01-04T00:00:00Z");
        check("@monthly", None, "2026-02-01T00:00:00Z");
        check("@yearly", None, "2027-01-01T00:00:00Z");
        check("@annually", None, "2027-01-01T00:00:00Z");
        check("0 3 * * *", Some("Europe/Berlin"), "2026-01-01T02:00:00Z");
        check("0  3 ? * SUN", None, "2026-01-04T03:00:00Z");
        check("5 4 * jan,JUL mon-fri", None, "2026-01-01T04:05:00Z");
        check("0 0 29 2 *", None, "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_day_is_of_the_months_choice_or_of_the_weeks() {
        check("0 0 13 * 5", None, "2026-01-02T00:00:00Z");
        check("0 0 */2 * MON", None, "2026-01-03T00:00:00Z");
        check("0 0 10 * */2", None, "2026-01-03T00:00:00Z");
        check("0 0 13,* * 5", None, "2026-01-02T00:00:00Z");
        check("0 0 */1 * 5", None, "2026-01-02T00:00:00Z");
        check("0 0 10 * 0-6", None, "2026-01-02T00:00:00Z");
    }

    #[test]
    fn what_names_no_moment_is_not_guessed() {
        for schedule in ["0 0 30 2 *", "@every 90m", "", "nonsense", "* * * *"] {
            check(schedule, None, "-");
        }
        check("0 3 * * *", Some("Atlantis"), "-");
    }
}
