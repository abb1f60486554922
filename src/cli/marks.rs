//! The commands by which a person writes on a pod: `request`, `withdraw`, `approve`.

use std::io::{IsTerminal, Write};

use super::args::{DeskFlags, Output};
use super::desk::at_desk;
use super::{CliError, layout};
use crate::commands::approve::{approve, plan};
use crate::commands::explain::pod_name;
use crate::commands::marking::{MarkError, Marked};
use crate::commands::request::request;
use crate::commands::status::waiting;
use crate::commands::withdraw::withdraw;
use crate::core::exit::Exit;
use crate::core::marks::Detection;
use crate::terminal::table::Layout;

pub(super) async fn make_request(what: &str, detection: &Detection, flags: DeskFlags) -> Result<Exit, CliError> {
    let desk = at_desk(flags.policy, flags.target).await?;
    show(&request(&desk, what, detection).await?, flags.output)
}

pub(super) async fn withdraw_request(pod: &str, flags: DeskFlags) -> Result<Exit, CliError> {
    let pod = pod_name(pod).map_err(CliError::Explain)?;
    let desk = at_desk(flags.policy, flags.target).await?;
    show(&withdraw(&desk, pod).await?, flags.output)
}

pub(super) async fn approve_plan(pod: &str, given: Option<&str>, yes: bool, flags: DeskFlags) -> Result<Exit, CliError> {
    let pod = pod_name(pod).map_err(CliError::Explain)?;
    let desk = at_desk(flags.policy, flags.target).await?;
    let (before, proposal) = plan(&desk, pod, given).await?;
    if !yes {
        // The result alone goes to standard output: a program may read it.
        let shown = waiting(&proposal, Layout::of(&std::io::stderr()));
        let answer = ask(&format!("{shown}Approve this plan? [y/N] "))?;
        if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Err(MarkError::Declined.into());
        }
    }
    show(&approve(&desk, &before, &proposal.plan).await?, flags.output)
}

/// Puts a question to whoever sits at the terminal.
fn ask(question: &str) -> Result<String, MarkError> {
    if !std::io::stdin().is_terminal() {
        return Err(MarkError::NobodyToAsk);
    }
    let mut stderr = std::io::stderr();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

fn show(marked: &Marked, output: Output) -> Result<Exit, CliError> {
    output.print(marked, || marked.table(layout()))?;
    Ok(Exit::Done)
}

impl From<MarkError> for CliError {
    fn from(error: MarkError) -> Self {
        Self::Mark(Box::new(error))
    }
}
