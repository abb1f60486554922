//! Interrupted at every call of a run: nothing is done twice, and nothing is forgotten.

use std::path::Path;

use crate::fault::{Fault, Site};
use crate::sweep::{Case, calls, sweep};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-remediator");

fn case(fault: Fault, calls: &[String], place: usize) -> Case {
    Case { fault, site: Some(Site::at(calls, place)) }
}

#[test]
fn killed_at_any_call_it_deletes_once_at_the_most_and_the_next_run_settles_it() {
    let program = Path::new(PROGRAM);
    let calls = calls("kill-count", program);
    let both = |at| [Fault::KillBefore, Fault::KillAfter].map(|fault| case(fault, &calls, at));
    sweep("kill", program, &calls, (0..calls.len()).flat_map(both).collect());
}

/// At every call what may mislead most: it was executed, and the answer is lost or says that it was not. At one call of each kind the
/// rest: to a read they are all the same, so only one of the many reads has them; 410 has a meaning for watches (and continue tokens) only.
#[test]
fn with_any_wrong_answer_at_any_call_it_deletes_once_at_the_most_and_the_cooldown_holds() {
    let program = Path::new(PROGRAM);
    let calls = calls("fault-count", program);
    let everywhere = [Fault::ResetAfter, Fault::Error503After];
    let elsewhere = [Fault::ResetBefore, Fault::Error500, Fault::Error504After, Fault::Throttled, Fault::ThrottledBare, Fault::Truncated];
    let nth = |call: &str, nth: usize| calls.iter().enumerate().filter(|(_, name)| *name == call).map(|(at, _)| at).nth(nth).unwrap();
    let last_read = calls.iter().rposition(|name| name == "GET deployments/NAME").unwrap();
    let sites = [
        nth("GET configmaps/NAME", 0),
        nth("POST selfsubjectrulesreviews", 0),
        nth("GET pods", 2),            // the fresh one, right before the intent
        nth("PUT configmaps/NAME", 0), // the request is remembered
        nth("PUT configmaps/NAME", 1), // the intent
        nth("DELETE pods/NAME", 0),
        nth("GET pods watch", 0),
        last_read,                     // while verifying
        nth("PUT configmaps/NAME", 2), // the outcome
        nth("POST events", 0),
    ];
    let mut cases: Vec<Case> = (0..calls.len()).flat_map(|at| everywhere.map(|fault| case(fault, &calls, at))).collect();
    cases.extend(sites.into_iter().flat_map(|at| elsewhere.map(|fault| case(fault, &calls, at))));
    cases.push(case(Fault::Gone, &calls, nth("GET pods watch", 0)));
    sweep("fault", program, &calls, cases);
}
