//! The command line.

mod args;
mod desk;
mod error;
mod marks;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::api::{Access, Api, Writer};
use crate::cluster::store::Store;
use crate::commands::reset::write;
use crate::commands::validate::validate;
use crate::core::exit::Exit;
use crate::core::ledger::{Reset, open_breakers};
use crate::core::marks::Detection;
use crate::core::words::inert;
use crate::incident::simulate;
use crate::outside::clock::Deadline;
use crate::run::config::{ConfigErrors, LogFormat, Raw, Settings, run_deadline};
use crate::run::run;
use crate::terminal::audit::{Progress, Sink, StandardOutput, TrailFormat};
use crate::terminal::output::json_pretty;
use crate::terminal::style::Style;
use crate::terminal::table::Layout;

#[cfg(test)]
pub(crate) use args::of_run;
use args::{CliCommand, Output, Policy, Target, flags};
use desk::{show_check, show_explanation, show_status};
use error::CliError;
use marks::{approve_plan, make_request, withdraw_request};

/// Replaces labelled pods within reviewed limits, proves the replacement healthy, and says why it did or did not.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: CliCommand,
}

impl Output {
    fn print(self, value: &impl Serialize, table: impl FnOnce() -> String) -> Result<(), CliError> {
        let text = match self {
            Self::Table => table(),
            Self::Json => json_pretty(value).map_err(|error| CliError::Unwritable(error.into()))?,
            // By way of JSON, whose texts are inert.
            Self::Yaml => {
                let inert = json_pretty(value).and_then(|text| serde_json::from_str::<serde_json::Value>(&text));
                let inert = inert.map_err(|error| CliError::Unwritable(error.into()))?;
                serde_saphyr::to_string(&inert).map_err(|error| CliError::Unwritable(error.into()))?
            }
        };
        say(text.trim_end())
    }
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// It is wrong, or asks for help or the version. The answer has been printed, and this is the program's exit code.
    pub fn read() -> Result<Self, Exit> {
        Self::try_parse().map_err(|error| {
            if error.use_stderr() {
                let _ = error.print();
                return Exit::Usage;
            }
            // Help is a result like any other.
            say(error.render().to_string().trim_end()).map_or_else(|error| error.tell(), |()| Exit::Done)
        })
    }

    /// Runs the command; prints errors on standard error.
    pub async fn execute(self) -> Exit {
        let ended = match self.command {
            CliCommand::Run { dry_run, record, policy, target } => one_run(dry_run, record.as_deref(), policy, target).await,
            CliCommand::Explain { pod, all, output, record, policy, target } => {
                show_explanation(pod.as_deref(), all, output, record.as_deref(), policy, target).await
            }
            CliCommand::Check { all_namespaces, desk } => show_check(all_namespaces, desk).await,
            CliCommand::Status { all_namespaces, output, target } => show_status(all_namespaces, output, target).await,
            CliCommand::Request { what, symptom, probable_cause, confidence, incident, runbook, desk } => {
                let detection = Detection { symptom, probable_cause, confidence, incident, runbook };
                make_request(&what, &detection, desk).await
            }
            CliCommand::Withdraw { pod, desk } => withdraw_request(&pod, desk).await,
            CliCommand::Approve { pod, plan, yes, desk } => approve_plan(&pod, plan.as_deref(), yes, desk).await,
            CliCommand::ResetBreaker { runbook, service, reason, target } => reset(runbook, service, reason, target).await,
            CliCommand::Validate { files, deadline, output } => check_files(&files, deadline, output),
            CliCommand::Render { file } => render(&file),
            CliCommand::Schema => say(crate::commands::schema::schema()).map(|()| Exit::Done),
            CliCommand::Simulate { paths, output } => play(&paths, output),
        };
        ended.unwrap_or_else(|error| error.tell())
    }
}

async fn one_run(dry_run: bool, record: Option<&Path>, policy: Policy, target: Target) -> Result<Exit, CliError> {
    let asked = LogFormat::of_errors(policy.log_format.as_deref());
    let understood = understand(policy, target);
    let wanted = understood.as_ref().map_or(asked, |(settings, ..)| settings.log_format);
    let format = format(wanted);
    let progress = match format {
        TrailFormat::Text(Style { width: Some(_), .. }) => Progress::on(std::io::stderr(), Style::of(&std::io::stderr())),
        _ => Progress::none(),
    };
    diagnose(format == TrailFormat::Json, progress.clone());
    let ended = match understood {
        Ok((settings, access, _)) => {
            run_until_stopped(&settings, access, dry_run, record, Sink::new(StandardOutput::open(), format, progress.clone())).await
        }
        Err(error) => Err(CliError::Config(error)),
    };
    progress.clear();
    match ended {
        // In a cluster, errors have the form of the records, or who reads the log by machine does not see them.
        Err(error) if format == TrailFormat::Json => {
            error.lines(Style::PLAIN).iter().for_each(|line| tracing::error!("{line}"));
            Ok(error.exit())
        }
        ended => ended,
    }
}

/// A run that is dropped at any point leaves in the ledger whatever it began; that is what the ledger is for.
async fn run_until_stopped(
    settings: &Settings,
    access: Access,
    dry_run: bool,
    record: Option<&Path>,
    sink: Sink<StandardOutput>,
) -> Result<Exit, CliError> {
    let run = run(settings, access, dry_run, record, sink);
    tokio::select! {
        // First of all listen: as PID 1, a signal that comes before that is lost.
        biased;
        number = stopped() => {
            tracing::warn!("stopped by signal {number}; what is in flight is in the ledger, and the next run settles it");
            Ok(Exit::Stopped(number))
        }
        ended = run => Ok(ended?),
    }
}

/// Resolves to the signal's number when a signal asks the program to stop. As PID 1 of a container, only a signal with a handler is heard.
async fn stopped() -> u8 {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => 15,
        _ = interrupt.recv() => 2,
    }
}

async fn reset(runbook: String, service: Option<String>, reason: String, target: Target) -> Result<Exit, CliError> {
    let reason = reason.trim().chars().take(500).collect::<String>();
    if reason.is_empty() {
        return Err(CliError::NoReason);
    }
    let (api, mut store) = open(target).await?;
    let reset = Reset { runbook, service, reason, actor: api.whoami().await? };
    let cleared = write(&reset, &mut store, &Writer::new(api.clone())).await?;
    if cleared.is_empty() {
        let (why, open) = (reset.in_vain(store.ledger()), open_breakers(store.ledger(), api.namespace()));
        return Err(CliError::NothingReset { why, open });
    }
    for opening in &cleared {
        say(&format!(
            "reset by {}: {} may act on {} again; its breaker had opened at {:.0}: {}",
            inert(&reset.actor, 253),
            inert(&reset.runbook, 253),
            opening.scope(),
            opening.at,
            inert(&opening.cause, 1000)
        ))?;
    }
    Ok(Exit::Done)
}

fn check_files(files: &[PathBuf], deadline: Option<String>, output: Output) -> Result<Exit, CliError> {
    let validation = validate(files, run_deadline(deadline).map_err(CliError::Config)?);
    output.print(&validation.report(), || validation.text(Style::of(&std::io::stdout())))?;
    Ok(if validation.is_valid() { Exit::Done } else { Exit::Usage })
}

fn render(file: &std::path::Path) -> Result<Exit, CliError> {
    let runbooks = crate::outside::load::load(file, std::time::Duration::MAX)?;
    let pages: Vec<String> = runbooks.iter().map(crate::commands::render::page).collect();
    say(pages.join("\n---\n\n").trim_end())?;
    Ok(Exit::Done)
}

fn play(paths: &[PathBuf], output: Output) -> Result<Exit, CliError> {
    let simulation = simulate(paths).map_err(CliError::Simulate)?;
    output.print(&simulation, || simulation.table(layout()))?;
    Ok(if simulation.passed() { Exit::Done } else { Exit::Differs })
}

async fn open(target: Target) -> Result<(Api, Store), CliError> {
    let (settings, access, _) = understand(Policy::default(), target).map_err(CliError::Config)?;
    let patience = Deadline::after(std::time::Duration::from_secs(60));
    let api = Api::connect(access, patience).await?;
    let store = Store::open(api.clone(), &settings.state_configmap).await?;
    Ok((api, store))
}

/// Flags and environment, understood; and as they were written.
fn understand(policy: Policy, target: Target) -> Result<(Settings, Access, Raw), ConfigErrors> {
    let flags = flags(policy, &target);
    let settings = Settings::understand(flags.clone(), std::env::vars_os())?;
    let given = flags.or(Raw::of_environment(std::env::vars_os())?);
    let access = Access {
        kubeconfig: target.kubeconfig,
        context: target.context,
        cluster: target.cluster,
        user: target.user,
        impersonate: target.act_as,
        impersonate_groups: target.act_as_groups,
        namespace: settings.namespace.clone(),
    };
    Ok((settings, access, given))
}

fn format(wanted: LogFormat) -> TrailFormat {
    let style = Style::of(&std::io::stdout());
    match wanted {
        LogFormat::Json => TrailFormat::Json,
        LogFormat::Auto if style.width.is_none() => TrailFormat::Json,
        LogFormat::Auto | LogFormat::Text => TrailFormat::Text(style),
    }
}

fn layout() -> Layout {
    Layout::of(&std::io::stdout())
}

/// Writes a command's result.
///
/// A reader that has seen enough, as `head` has, is no failure: kubectl ends quietly there too, by SIGPIPE. Rust ignores that signal,
/// and so the command ends with the exit code that it has found out: `validate | head` still says whether the files are valid.
/// A run's records are another matter: there a reader that is gone is a lost trail.
fn say(text: &str) -> Result<(), CliError> {
    let mut out = StandardOutput::open();
    match out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Unwritten(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Diagnostics go to standard error, in the form of the records. `RUST_LOG` says how much, e.g. `debug`.
/// What `progress` shows is taken away before.
fn diagnose(json: bool, progress: Progress) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    // Of a failed request the client's own layer says less than our error does.
    let default = || Targets::new().with_default(tracing::Level::WARN).with_target("kube_client", LevelFilter::OFF);
    let targets = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok()).unwrap_or_else(default);
    let registry = tracing_subscriber::registry().with(targets);
    // What cannot be written to standard error is lost. A layer that reports this uses `eprintln!`, which panics just then.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(move || {
        progress.clear();
        std::io::stderr()
    });
    // Node clocks lie; the records carry the API server's time.
    if json {
        registry.with(layer.json().flatten_event(true).without_time()).init();
    } else {
        registry.with(layer.compact().with_target(false).without_time().with_ansi(false)).init();
    }
}
