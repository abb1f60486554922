//! The binary: see the library for everything.

use std::process::ExitCode;

use clap::Parser;
use pod_remediator::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ExitCode::from(Cli::parse().execute().await.code())
}
