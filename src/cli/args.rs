//! The commands, and their flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::desk::Told;
use crate::core::words::inert;
use crate::run::config::Raw;

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Look at the pods that ask to be replaced, decide, and replace those that may be, one at a time
    #[command(after_help = NOTIFICATIONS)]
    Run {
        /// Shadow mode: the same reads and decisions, and not one write
        #[arg(long)]
        dry_run: bool,
        /// Write what is decided, and the facts that it rests on, to a file in this folder, for `simulate`
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        target: Target,
    },
    /// Say what a run would decide now, by which guardrails, until when, and what to do about it; nothing is changed
    Explain {
        /// One pod, as `NAME` or `pod/NAME`, whether it asks or not; without it, every pod that asks
        pod: Option<String>,
        /// Show the guardrails that do not block, too; JSON and YAML always have them
        #[arg(long)]
        all: bool,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        /// Write what would be decided, and the facts that it rests on, to a file in this folder, for `simulate`
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        target: Target,
    },
    /// See whether runs begin and have all that they need, and no more: CronJob, permissions, runbooks, ledger, clock, webhook; nothing is
    /// changed
    Check {
        /// One line for each namespace that has the CronJob or its ledger, trouble first
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        target: Target,
    },
    /// Say whether runs happen, what is in flight, which circuit breakers are open, and how each service's last replacement ended
    Status {
        /// One line for each namespace that has the CronJob or its ledger, trouble first
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        target: Target,
    },
    /// Close a runbook's open circuit breakers, after you fix the cause of the failures
    ResetBreaker {
        /// The runbook's name
        runbook: String,
        /// The breaker of this service only; without it, every open one of the runbook
        #[arg(long)]
        service: Option<String>,
        /// What you fixed; it is kept with your name
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Check runbook files, and report every mistake in them
    Validate {
        /// Files, or folders of them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The deadline of the runs that they are for: none may take longer [env: RUN_DEADLINE] [default: 9m]
        #[arg(long)]
        deadline: Option<String>,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print a runbook as a page in Markdown, for an engineer on call to follow by hand
    Render {
        /// A file, or a folder of them
        file: PathBuf,
    },
    /// Print the JSON Schema of the runbook's format, for editors
    Schema,
    /// Play recorded incidents, and compare what is decided with what they expect; it needs no cluster
    Simulate {
        /// Incident files, or folders of them
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// How to print it
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// What has no flag.
const NOTIFICATIONS: &str = "\
Notifications, by the environment only (whoever may list processes sees what flags hold):
  NOTIFY_URL     URL of the webhook to notify; a secret, shown nowhere [default: nobody is notified]
  NOTIFY_FORMAT  slack, or json: the audit record as it is [default: slack]";

/// What may be done, and to which pods. A flag wins over its environment variable.
#[derive(Debug, Args)]
pub(super) struct Policy {
    /// A runbook file, or a folder of them [env: RUNBOOKS] [default: /etc/pod-remediator/runbooks; `explain` and `check`, where that is
    /// not there: what the CronJob mounts]
    #[arg(long)]
    pub(super) runbooks: Option<String>,
    /// Which pods ask [env: REQUEST_SELECTOR] [default: remediator.kubedojo.io/restart=true]
    #[arg(long)]
    pub(super) selector: Option<String>,
    /// The label that makes a service [env: SERVICE_LABEL] [default: app]
    #[arg(long)]
    pub(super) service_label: Option<String>,
    /// The most that any runbook may do; it can only lower [env: MODE_CEILING] [default: auto_execute]
    #[arg(long)]
    pub(super) mode_ceiling: Option<String>,
    /// The run ends within it, and begins nothing that could not be verified before [env: RUN_DEADLINE] [default: 9m]
    #[arg(long)]
    pub(super) deadline: Option<String>,
    /// auto, json or text [env: LOG_FORMAT] [default: auto: text on a terminal]
    #[arg(long)]
    pub(super) log_format: Option<String>,
    /// unverified; or admitted, where the cluster's admission policy lets nobody approve but who may, under their own name
    /// [env: APPROVALS] [default: unverified]
    #[arg(long)]
    pub(super) approvals: Option<String>,
}

/// Where.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The one namespace to work in [env: TARGET_NAMESPACE] [default: the ServiceAccount's or the context's own]
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// The ConfigMap that remembers what was done [env: STATE_CONFIGMAP] [default: pod-remediator-state]
    #[arg(long)]
    pub(super) state_configmap: Option<String>,
    /// A kubeconfig file [default: those of KUBECONFIG, ~/.kube/config, or the pod's own ServiceAccount]
    #[arg(long)]
    pub(super) kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig
    #[arg(long)]
    pub(super) context: Option<String>,
    /// A cluster of the kubeconfig, in place of the context's
    #[arg(long)]
    pub(super) cluster: Option<String>,
    /// A user of the kubeconfig, in place of the context's
    #[arg(long)]
    pub(super) user: Option<String>,
    /// Act as this user, by impersonation
    #[arg(long = "as", value_name = "USER")]
    pub(super) act_as: Option<String>,
    /// Act as this group too, by impersonation; may be repeated, and needs a user to act as
    #[arg(long = "as-group", value_name = "GROUP")]
    pub(super) act_as_groups: Vec<String>,
}

/// `-o`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For programs, and people who like it better
    Yaml,
}

impl Policy {
    /// No flag is given.
    pub(super) fn none() -> Self {
        Self { runbooks: None, selector: None, service_label: None, mode_ceiling: None, deadline: None, log_format: None, approvals: None }
    }
}

/// The settings among the flags.
pub(super) fn flags(policy: Policy, target: &Target) -> Raw {
    Raw {
        target_namespace: target.namespace.clone(),
        runbooks: policy.runbooks,
        state_configmap: target.state_configmap.clone(),
        request_selector: policy.selector,
        service_label: policy.service_label,
        mode_ceiling: policy.mode_ceiling,
        run_deadline: policy.deadline,
        log_format: policy.log_format,
        approvals: policy.approvals,
        ..Raw::default()
    }
}

/// What a run's arguments say, of a CronJob that somebody may have edited.
pub(crate) fn of_run(args: &[String]) -> Result<Told, String> {
    let words = std::iter::once("pod-remediator").chain(args.iter().map(String::as_str));
    let first_line = |error: clap::Error| inert(error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: "), 300);
    match super::Cli::try_parse_from(words).map_err(first_line)?.command {
        CliCommand::Run { dry_run, policy, target, .. } => Ok(Told { raw: flags(policy, &target), dry_run }),
        _ => Err("its command is not run".to_owned()),
    }
}
