//! What pod-remediator does to a real cluster, and what it leaves alone. `tests/on-cluster` runs it.
//!
//! Each test has a namespace of its own. Whatever was deleted, by whom and with which answer, is read from the API server's
//! audit log, never believed of the program under test.
//!
//! | file | what it shows |
//! | --- | --- |
//! | `redundancy` | which pods count as Ready peers, and which do not |
//! | `verification` | when a replacement is healthy, and whose it is |
//! | `guardrails` | opt-in, controllers, disruption budgets, expired requests |
//! | `lifecycle` | what is being deleted, was never scheduled, is somebody else's, or could never be proved, in the cluster's own words |
//! | `requests` | how old a request is, whatever else changes on its pod, and what renews it |
//! | `limits` | cooldown, affected and matched services, two runs at once |
//! | `ledger` | a state that cannot be trusted stops everything |
//! | `notify` | who is told what, once, and that no receiver changes anything |
//! | `permissions` | the Role of the manifests is enough, and less of it is refused by name |
//! | `dry_run` | nothing changes |
//! | `explain` | what a run would decide is told, with what to do about it, and nothing changes |
//! | `check` | what a run lacks, and what it has in excess, is named |
//! | `desk_access` | proxies, kubeconfigs and impersonation are taken as kubectl takes them, at a desk and in a pod |
//! | `desk` | from a person's machine: whether runs begin and may act, by the CronJob that is installed, and what the cluster says of its pod |
//! | `audit_trail` | a real log is as documented, and the documented queries answer |
//! | `hostile` | whatever is written on pods, in the ledger, in runbook files: what comes out is inert and bounded |
//! | `terminal` | what a person sees: sources with a caret, wrapped text, progress |
//! | `trail` | a record that cannot be written: nothing is done that no trail tells of |
//! | `record` | what a run records plays as it was decided, and tells no secrets |
//! | `races` | the pod changes or goes between decision and deletion: a proxy makes it happen at just that moment |
//! | `answers` | each answer of the API server, and none, where it matters most: through the same proxy |
//! | `ledger_answers` | what an answer to a write of the ledger means that cannot be understood |
//! | `pages` | a list of several pages whose continue token is too old |
//! | `interrupted` | SIGTERM, and who holds an intent until when |
//! | `stopped` | SIGTERM and Ctrl-C at the moments that matter; the run's own deadline; which exit code wins |
//! | `full_ledger` | a ledger, or its ConfigMap, without room |
//! | `learning` | the breaker's threshold, the hourly rate, `status` and `reset-breaker` |
//! | `contract` | what a runbook may say of time, labels, shares, kinds, evidence and symptoms; from observing to closed loop |
//! | `observing` | nothing but the trail, whatever blocks |
//! | `approvals` | exactly one plan, and who approved it |
//! | `evict` | without any right to delete |
//! | `crash_sweep` | kill -9 and every wrong answer, at every call of a run; `judge` reads the audit log |
//! | `sabotage` | programs that break a rule are caught by that judge |
//! | `probes` | before the action and after it: a real `prometheus` that scrapes a real target, and a `web_server` of this machine |
//! | `alone` | the API server crashes, or falls silent |
//! | `by_hand` | the page that `render` prints, followed command by command |
//! | `whole_suite` | over the audit log of all the others: every call is granted, every grant is used |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]
#![allow(clippy::print_stdout, reason = "a sweep says how many cases it had")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the machine's own clock")]

mod audit_log;
mod direct;
mod fixture;
mod proxy;
mod receiver;
mod remediator;
mod told;
mod workloads;
mod stage;
mod judge;
mod fault;
mod sweep;
mod web_server;
mod prometheus;

mod redundancy;
mod verification;
mod guardrails;
mod lifecycle;
mod requests;
mod limits;
mod ledger;
mod notify;
mod permissions;
mod dry_run;
mod explain;
mod check;
mod desk;
mod desk_access;
mod audit_trail;
mod hostile;
mod terminal;
mod trail;
mod record;
mod races;
mod answers;
mod ledger_answers;
mod pages;
mod interrupted;
mod stopped;
mod full_ledger;
mod learning;
mod contract;
mod observing;
mod approvals;
mod by_person;
mod evict;
mod crash_sweep;
mod sabotage;
mod probes;
mod alone;
mod by_hand;
mod whole_suite;
