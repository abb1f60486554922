//! The judge can fail: programs that skip the intent, the precondition or the cooldown are each caught by it.
//!
//! `tests/on-cluster` builds them, by Cargo features that no release can have, and says where they are in `SABOTAGED`.

use std::path::PathBuf;

use crate::sweep::{Case, judge, play};

#[track_caller]
fn caught(what: &str, case: Case, expected: &str) {
    let folder = std::env::var_os("SABOTAGED").expect("SABOTAGED names the folder of the sabotaged programs: run tests/on-cluster");
    let program = PathBuf::from(folder).join(what);
    let wrong = judge(&play(&format!("sabotage-{what}"), &program, vec![case]));
    assert!(wrong.len() == 1 && wrong[0].contains(expected), "{what} is not caught as it should be: {wrong:?}");
}

#[test]
fn a_program_that_skips_the_intent_is_caught() {
    caught("intent", Case::WATCHED, "before an intent was in the ledger");
}

#[test]
fn a_program_that_drops_the_precondition_is_caught() {
    caught("precondition", Case::WATCHED, "under the conditions null");
}

#[test]
fn a_program_that_ignores_the_cooldown_is_caught() {
    caught("cooldown", Case::WATCHED, "deletion of");
}
