//! The commands, and their flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::desk::Told;
use crate::core::words::inert;
use crate::run::config::settings::{
    APPROVALS, LOG_FORMAT, MODE_CEILING, REQUEST_SELECTOR, RUN_DEADLINE, RUNBOOKS, SERVICE_LABEL, SETTINGS, STATE_CONFIGMAP, SettingRole,
    TARGET_NAMESPACE,
};
use crate::run::config::{Raw, Setting};

#[derive(Debug, Subcommand)]
pub(super) enum CliCommand {
    /// Decide on the pods that ask to be replaced, and replace those that may be replaced, one at a time
    #[command(after_help = without_flags())]
    Run {
        /// Read and decide as a run does, and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Write the decisions, and the facts that they rest on, to a file in this directory, for `simulate`
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        target: Target,
    },
    /// Explain what a run would decide now, by which guardrails, until when, and what to do about it; this changes nothing
    Explain {
        /// One pod, as `NAME` or `pod/NAME`, whether it asks or not; without it, every pod that asks
        pod: Option<String>,
        /// Show the guardrails that do not block, too; JSON and YAML always have them
        #[arg(long)]
        all: bool,
        /// The format of the output
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        /// Write what a run would decide, and the facts that this rests on, to a file in this directory, for `simulate`
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        #[command(flatten)]
        policy: Policy,
        #[command(flatten)]
        target: Target,
    },
    /// Check whether runs begin and have all that they need, and no more: CronJob, permissions, runbooks, ledger, clock, webhook; this
    /// changes nothing
    Check {
        /// One line for each namespace that has the CronJob or its ledger, trouble first
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        #[command(flatten)]
        desk: DeskFlags,
    },
    /// Show whether runs happen, what is in flight, which circuit breakers are open, and how each service's last replacement ended
    Status {
        /// One line for each namespace that has the CronJob or its ledger, trouble first
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        /// The format of the output
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        target: Target,
    },
    /// Ask for the replacement of a pod: set the label and say why, under your own name and with your own rights
    Request {
        /// A pod, as `NAME` or `pod/NAME`, or a workload as `KIND/NAME`: then its pod that is worst off, and of equals the oldest
        #[arg(value_name = "POD|KIND/NAME")]
        what: String,
        /// What was seen, as the runbook's triggers name it; without it, a person's own request
        #[arg(long)]
        symptom: Option<String>,
        /// Why it probably happens
        #[arg(long)]
        probable_cause: Option<String>,
        /// How sure that is, from 0 to 1
        #[arg(long)]
        confidence: Option<String>,
        /// What the incident is called elsewhere, for the audit trail
        #[arg(long)]
        incident: Option<String>,
        /// The only runbook that may answer
        #[arg(long)]
        runbook: Option<String>,
        #[command(flatten)]
        desk: DeskFlags,
    },
    /// Take the request on a pod back, with all that it said
    Withdraw {
        /// The pod, as `NAME` or `pod/NAME`
        pod: String,
        #[command(flatten)]
        desk: DeskFlags,
    },
    /// Approve the plan that waits for a pod, under your own name: shows the whole plan, and asks
    Approve {
        /// The pod, as `NAME` or `pod/NAME`
        pod: String,
        /// The plan that you mean, by its id; without it, the plan that stands
        plan: Option<String>,
        /// Approve without being asked
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        desk: DeskFlags,
    },
    /// Close a runbook's open circuit breakers, after you fix the cause of the failures
    ResetBreaker {
        /// The runbook's name
        runbook: String,
        /// Reset the breaker of this service only; without it, every open breaker of the runbook
        #[arg(long)]
        service: Option<String>,
        /// A sentence that says what you fixed; the ledger keeps it with your name
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Check runbook files, and report every mistake in them
    Validate {
        /// Files, or directories of them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long, help = RUN_DEADLINE.help_as("The deadline of the runs that the runbooks are for"))]
        deadline: Option<String>,
        /// The format of the output
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print a runbook as a page in Markdown, for an engineer on call to follow by hand
    Render {
        /// A file, or a directory of them
        file: PathBuf,
    },
    /// Print the JSON Schema of the runbook's format, for editors
    Schema,
    /// Play recorded incidents, and compare the decisions with the expected ones; this needs no cluster
    Simulate {
        /// Incident files, or directories of them
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The format of the output
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// The settings that have no flag, in words for the end of the help of `run`.
fn without_flags() -> String {
    let intro = "Settings by the environment only (anybody who may list processes sees the values of flags):";
    let settings: Vec<&Setting> = SETTINGS.iter().filter(|one| one.flag.is_none() && one.role != SettingRole::Pod).collect();
    let width = settings.iter().map(|one| one.variable.len()).max().unwrap_or_default();
    let lines = settings.iter().map(|one| format!("\n  {:width$}  {} [default: {}]", one.variable, one.meaning, one.default));
    std::iter::once(intro.to_owned()).chain(lines).collect()
}

/// The flags of a command by which a person reads or writes what runs decide by.
#[derive(Debug, Args)]
pub(super) struct DeskFlags {
    /// The format of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) policy: Policy,
    #[command(flatten)]
    pub(super) target: Target,
}

/// The flags of the settings that decide what a run may do, and to which pods. A flag wins over its environment variable.
#[derive(Debug, Default, Args)]
pub(super) struct Policy {
    #[arg(long, help = RUNBOOKS.help())]
    pub(super) runbooks: Option<String>,
    #[arg(long, help = REQUEST_SELECTOR.help())]
    pub(super) selector: Option<String>,
    #[arg(long, help = SERVICE_LABEL.help())]
    pub(super) service_label: Option<String>,
    #[arg(long, help = MODE_CEILING.help())]
    pub(super) mode_ceiling: Option<String>,
    #[arg(long, help = RUN_DEADLINE.help())]
    pub(super) deadline: Option<String>,
    #[arg(long, help = LOG_FORMAT.help())]
    pub(super) log_format: Option<String>,
    #[arg(long, help = APPROVALS.help())]
    pub(super) approvals: Option<String>,
}

/// The namespace to work in, and how to reach its cluster.
#[derive(Debug, Args)]
pub(super) struct Target {
    #[arg(short, long, help = TARGET_NAMESPACE.help())]
    pub(super) namespace: Option<String>,
    #[arg(long, help = STATE_CONFIGMAP.help())]
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

/// The values of `-o`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
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

/// Reads the arguments of a run, as a CronJob has them. Somebody may have edited them: `Err` says in a line why they are no run's.
pub(crate) fn of_run(args: &[String]) -> Result<Told, String> {
    let words = std::iter::once("pod-remediator").chain(args.iter().map(String::as_str));
    let first_line = |error: clap::Error| inert(error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: "), 300);
    match super::Cli::try_parse_from(words).map_err(first_line)?.command {
        CliCommand::Run { dry_run, policy, target, .. } => Ok(Told { raw: flags(policy, &target), dry_run }),
        _ => Err("its command is not run".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_of_a_setting_sets_it() {
        for setting in SETTINGS {
            let Some(flag) = setting.flag else { continue };
            let raw = of_run(&["run".to_owned(), format!("--{flag}=x")]).unwrap().raw;
            let named = format!("{}: Some(\"x\")", setting.variable.to_lowercase());
            assert!(format!("{raw:?}").contains(&named), "{flag}: {raw:?}");
        }
    }

    #[test]
    fn the_help_of_run_has_every_setting() {
        let mut command = super::super::Cli::command();
        let help = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in SETTINGS.iter().filter(|one| one.role != SettingRole::Pod) {
            assert!(words.contains(setting.meaning) && words.contains(&format!("[default: {}]", setting.default)), "{setting:?}: {words}");
        }
    }
}
