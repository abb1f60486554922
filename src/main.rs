//! The binary: see the library for everything.

use std::process::ExitCode;

use pod_remediator::cli::Cli;

fn main() -> std::io::Result<ExitCode> {
    let command = match Cli::read() {
        Ok(command) => command,
        Err(exit) => return Ok(ExitCode::from(exit.code())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(command.execute());
    // A name lookup that hangs has a thread of its own, and would hold up the end: of a deadline, or of a SIGTERM.
    runtime.shutdown_background();
    Ok(ExitCode::from(exit.code()))
}
