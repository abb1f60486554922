//! Every namespace at once, one line each, trouble first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::object::{CronJobObject, DeskMeta, Result as JobResult};
use super::{CRON_JOB, Unread};
use crate::cluster::api::{Api, ApiError, CONFIG_MAPS, CRON_JOBS};
use crate::core::exit::Exit;
use crate::core::words::{OURS, counted, inert};
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, table, wrapped};

/// The longest problem below the table, in characters.
const LONGEST: usize = 1000;

/// The namespaces that have the CronJob, or a ledger without one: by name, each with its CronJob if that could be read.
/// What could not be listed is added to `unread`.
///
/// # Errors
/// Neither CronJobs nor ConfigMaps may be listed in all namespaces.
pub(crate) async fn namespaces(
    api: &Api,
    state_configmap: &str,
    unread: &mut Vec<Unread>,
) -> Result<BTreeMap<String, Option<CronJobObject>>, ApiError> {
    let cron_jobs = api.list_everywhere(CRON_JOBS, OURS, |object: CronJobObject| object).await;
    let of_ledgers = |object: LedgerObject| (object.metadata.name == state_configmap).then_some(object.metadata.namespace);
    let ledgers = api.list_metadata_everywhere(CONFIG_MAPS, OURS, of_ledgers).await;
    let (cron_jobs, ledgers) = match (cron_jobs, ledgers) {
        (Err(error), Err(_)) => return Err(error),
        (Ok(cron_jobs), Err(error)) => {
            unread.push(Unread::of("ledgers of namespaces without the CronJob", &error));
            (cron_jobs, Vec::new())
        }
        (Err(error), Ok(ledgers)) => {
            unread.push(Unread::of("CronJobs of all namespaces", &error));
            (Vec::new(), ledgers)
        }
        (Ok(cron_jobs), Ok(ledgers)) => (cron_jobs, ledgers),
    };
    let mut found: BTreeMap<String, Option<CronJobObject>> = ledgers.into_iter().flatten().map(|namespace| (namespace, None)).collect();
    for object in cron_jobs {
        let place = found.entry(object.metadata.namespace.clone()).or_default();
        // Of several, that of the manifests' name.
        if place.is_none() || object.metadata.name == CRON_JOB {
            *place = Some(object);
        }
    }
    Ok(found)
}

#[derive(serde::Deserialize)]
struct LedgerObject {
    metadata: DeskMeta,
}

/// One namespace. What could not be read is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NamespaceRow {
    /// Its name.
    pub namespace: String,
    /// No run begins while this is so.
    pub suspended: Option<bool>,
    /// When the last run succeeded.
    pub last_success: Option<Timestamp>,
    /// How its newest Job ended.
    pub newest_job: Option<JobResult>,
    /// Actions whose outcome is not known yet.
    pub in_flight: Option<usize>,
    /// Circuit breakers that stop a runbook.
    pub open_breakers: Option<usize>,
    /// Plans that wait for a human.
    pub waiting_approvals: Option<usize>,
    /// What is to be fixed.
    pub problems: Vec<String>,
    /// What is worth a look.
    pub warnings: usize,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Everywhere {
    /// The API server's time.
    pub now: Option<Timestamp>,
    /// Trouble first, then by name.
    pub namespaces: Vec<NamespaceRow>,
    /// What could not be read, each with why.
    pub unread: Vec<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Everywhere {
    /// Of these namespaces, each with its own exit code.
    pub(crate) fn new(now: Option<Timestamp>, rows: Vec<(NamespaceRow, Exit)>, unread: &[Unread]) -> Self {
        let exit = rows.iter().fold(Exit::Done, |worst, (_, exit)| worst.and(*exit));
        let mut namespaces: Vec<NamespaceRow> = rows.into_iter().map(|(row, _)| row).collect();
        namespaces.sort_by_cached_key(|row| (row.rank(), row.namespace.clone()));
        Self { now, namespaces, unread: unread.iter().map(Unread::to_string).collect(), exit }
    }

    /// The worst of all.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people.
    pub(crate) fn table(&self, layout: Layout) -> String {
        let headings =
            ["NAMESPACE", "SUSPENDED", "LAST SUCCESS", "NEWEST JOB", "IN FLIGHT", "BREAKERS", "APPROVALS", "WARNINGS", "PROBLEMS"];
        let rows: Vec<(Tone, [String; 9])> = self.namespaces.iter().map(|row| row.cells(self.now)).collect();
        let mut text = if rows.is_empty() { String::new() } else { table(headings, &rows, layout) };
        let troubled = self.namespaces.iter().filter(|row| row.rank().0 == 0).count();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let all = counted(count(self.namespaces.len()), "namespace", "namespaces");
        let _ = writeln!(text, "{all}, of which in trouble: {troubled}");
        let mut paragraph = |said: &str| {
            let _ = writeln!(text, "{}", wrapped(said, layout.columns.saturating_sub(2)).join("\n  "));
        };
        for row in &self.namespaces {
            for problem in &row.problems {
                paragraph(&format!("{}: {}", inert(&row.namespace, 253), inert(problem, LONGEST)));
            }
        }
        for unread in &self.unread {
            paragraph(&format!("not read: {unread}"));
        }
        text
    }
}

impl NamespaceRow {
    /// What comes first: trouble, then what waits for somebody, then the rest.
    fn rank(&self) -> (u8, u8) {
        let some = |count: Option<usize>| count.is_some_and(|count| count > 0);
        let trouble = !self.problems.is_empty() || some(self.open_breakers) || self.newest_job == Some(JobResult::Failed);
        let waits = if some(self.waiting_approvals) || self.suspended == Some(true) {
            0
        } else if self.suspended.is_none() || self.warnings > 0 {
            1
        } else {
            2
        };
        (u8::from(!trouble), waits)
    }

    fn cells(&self, now: Option<Timestamp>) -> (Tone, [String; 9]) {
        let count = |count: Option<usize>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
        let tone = match self.rank() {
            (0, _) => Tone::Bad,
            (_, 0 | 1) => Tone::Warning,
            _ => Tone::Good,
        };
        let suspended = self.suspended.map_or("?", |suspended| if suspended { "yes" } else { "no" });
        let job = self.newest_job.map_or("-", |result| match result {
            JobResult::Complete => "complete",
            JobResult::Failed => "failed",
            JobResult::Running => "running",
        });
        let cells = [
            inert(&self.namespace, 253),
            suspended.to_owned(),
            self.last_success.map_or_else(|| "-".to_owned(), |time| now.map_or_else(|| format!("{time:.0}"), |now| age(time, now))),
            job.to_owned(),
            count(self.in_flight),
            count(self.open_breakers),
            count(self.waiting_approvals),
            self.warnings.to_string(),
            self.problems.len().to_string(),
        ];
        (tone, cells)
    }
}

/// How long ago, in its largest unit.
fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs().max(0);
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let largest = units.iter().find(|(length, _)| seconds >= *length);
    largest.map_or_else(|| format!("{seconds}s ago"), |(length, unit)| format!("{}{unit} ago", seconds / length))
}
