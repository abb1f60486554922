//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::api::Access;
use crate::audit::{Format, Sink};
use crate::config::{LogFormat, Raw, Settings};
use crate::exit::Exit;
use crate::run::run;

/// Replaces labelled pods within reviewed limits, proves the replacement healthy, and says why it did or did not.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at the pods that ask to be replaced, decide, and replace those that may be, one at a time
    Run {
        /// Shadow mode: the same reads and decisions, and not one write
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// Every flag has an environment variable; a flag wins.
#[derive(Debug, Args)]
struct Common {
    /// The one namespace to work in [env: TARGET_NAMESPACE] [default: the ServiceAccount's or the context's own]
    #[arg(short, long)]
    namespace: Option<String>,
    /// A runbook file, or a folder of them [env: RUNBOOKS] [default: /etc/pod-remediator/runbooks]
    #[arg(long)]
    runbooks: Option<String>,
    /// The ConfigMap that remembers what was done [env: STATE_CONFIGMAP] [default: pod-remediator-state]
    #[arg(long)]
    state_configmap: Option<String>,
    /// Which pods ask [env: REQUEST_SELECTOR] [default: remediator.kubedojo.io/restart=true]
    #[arg(long)]
    selector: Option<String>,
    /// The label that makes a service [env: SERVICE_LABEL] [default: app]
    #[arg(long)]
    service_label: Option<String>,
    /// The most that any runbook may do; it can only lower [env: MODE_CEILING] [default: auto_execute]
    #[arg(long)]
    mode_ceiling: Option<String>,
    /// The run ends within it, and begins nothing that could not be verified before [env: RUN_DEADLINE] [default: 9m]
    #[arg(long)]
    deadline: Option<String>,
    /// auto, json or text [env: LOG_FORMAT] [default: auto: text on a terminal]
    #[arg(long)]
    log_format: Option<String>,
    /// A kubeconfig file [default: KUBECONFIG, ~/.kube/config, or the pod's own ServiceAccount]
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
}

impl Cli {
    /// Does what was asked; errors are told on standard error.
    pub async fn execute(self) -> Exit {
        let Command::Run { dry_run, common } = self.command;
        let (settings, access) = match common.understand() {
            Ok(understood) => understood,
            Err(error) => {
                complain(&error);
                return Exit::Usage;
            }
        };
        let json = match settings.log_format {
            LogFormat::Auto => !std::io::stdout().is_terminal(),
            LogFormat::Json => true,
            LogFormat::Text => false,
        };
        diagnose(json);
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let format = if json { Format::Json } else { Format::Text { colour: std::io::stdout().is_terminal() && !no_colour } };
        match run(&settings, access, dry_run, Sink::new(std::io::stdout(), format)).await {
            Ok(exit) => exit,
            Err(error) => {
                if json {
                    tracing::error!("{error}");
                } else {
                    complain(&error);
                }
                error.exit()
            }
        }
    }
}

impl Common {
    fn understand(self) -> Result<(Settings, Access), crate::config::ConfigError> {
        let flags = Raw {
            target_namespace: self.namespace,
            runbooks: self.runbooks,
            state_configmap: self.state_configmap,
            request_selector: self.selector,
            service_label: self.service_label,
            mode_ceiling: self.mode_ceiling,
            run_deadline: self.deadline,
            log_format: self.log_format,
            pod_name: None,
            pod_uid: None,
        };
        let settings = flags.or(Raw::from_env(std::env::vars_os())?).validate()?;
        let access = Access { kubeconfig: self.kubeconfig, context: self.context, namespace: settings.namespace.clone() };
        Ok((settings, access))
    }
}

/// An error for a person, on standard error.
fn complain(error: &dyn std::error::Error) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "error: {error}");
}

/// Diagnostics go to standard error, in the form of the records. `RUST_LOG` says how much, e.g. `debug`.
fn diagnose(json: bool) {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    // Of a failed request the client's own layer says less than our error does.
    let default = || Targets::new().with_default(tracing::Level::WARN).with_target("kube_client", tracing::level_filters::LevelFilter::OFF);
    let targets = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok()).unwrap_or_else(default);
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if json {
        // Node clocks lie; the records carry the API server's time.
        registry.with(layer.json().flatten_event(true).without_time()).init();
    } else {
        registry.with(layer.compact().with_target(false).without_time().with_ansi(false)).init();
    }
}
