//! A human's reset of circuit breakers.

use jiff::Timestamp;

use super::model::{BreakerChange, BreakerEvent, Ledger};
use crate::core::near::near;
use crate::core::words::{PROGRAM, inert, quoted};

/// Which breakers to reset, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Of this runbook.
    pub runbook: String,
    /// The one for this service; without it, every open one of the runbook.
    pub service: Option<String>,
    /// What was fixed.
    pub reason: String,
    /// Who, by the API server's word.
    pub actor: String,
}

impl Reset {
    /// Notes the resets in a ledger. The openings that they clear.
    pub(crate) fn apply(&self, ledger: &mut Ledger, now: Timestamp) -> Vec<BreakerEvent> {
        let concerned = |event: &&BreakerEvent| event.runbook == self.runbook && (self.service.is_none() || event.service == self.service);
        let cleared: Vec<BreakerEvent> = ledger.open_breakers().into_iter().filter(concerned).cloned().collect();
        ledger.breaker.extend(cleared.iter().map(|opening| BreakerEvent {
            // An opening of this very moment is older than its reset.
            at: now.max(opening.at),
            runbook: opening.runbook.clone(),
            service: opening.service.clone(),
            event: BreakerChange::Reset,
            cause: self.reason.clone(),
            actor: self.actor.clone(),
        }));
        cleared
    }

    /// Why it resets nothing in this ledger: which breaker it names, and whether another name was probably meant.
    pub(crate) fn in_vain(&self, ledger: &Ledger) -> String {
        let open = ledger.open_breakers();
        let of_runbook: Vec<&BreakerEvent> = open.iter().copied().filter(|opening| opening.runbook == self.runbook).collect();
        let scope = self.service.as_ref().map_or_else(String::new, |service| format!(" for service {}", quoted(service)));
        let meant = match &self.service {
            Some(service) if !of_runbook.is_empty() => near(service, of_runbook.iter().filter_map(|opening| opening.service.as_deref())),
            _ => near(&self.runbook, open.iter().map(|opening| opening.runbook.as_str())).filter(|meant| *meant != self.runbook),
        };
        let why = match meant {
            Some(meant) => format!(": did you mean {}?", inert(meant, 253)),
            None if open.is_empty() => ": every circuit breaker is closed".to_owned(),
            None => String::new(),
        };
        format!("reset nothing: no circuit breaker of runbook {} is open{scope}{why}", quoted(&self.runbook))
    }
}

impl BreakerEvent {
    /// The services that it stops, in words.
    pub fn scope(&self) -> String {
        breaker_scope(self.service.as_deref())
    }

    /// The command by which a human resets what this opened, for a shell: a breaker of one service by its service, or every other of the
    /// runbook would be reset with it.
    pub fn reset_with(&self, namespace: &str) -> String {
        let service = self.service.as_ref().map_or_else(String::new, |service| format!(" --service {}", argument(service)));
        format!("{PROGRAM} reset-breaker {}{service} -n {namespace} --reason '…'", argument(&self.runbook))
    }
}

/// The services that a circuit breaker stops, in words: this one, or all.
pub fn breaker_scope(service: Option<&str>) -> String {
    service.map_or_else(|| "every service in the namespace".to_owned(), |service| format!("service {}", inert(service, 253)))
}

/// A name as one argument for a shell, inert. Names of Kubernetes need no quotes, but a ledger may have been edited by hand.
fn argument(name: &str) -> String {
    let name = inert(name, 253);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '…');
    if !name.is_empty() && name.chars().all(is_plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// What is open, each with the command that resets it and no other.
pub fn open_breakers(ledger: &Ledger, namespace: &str) -> Vec<String> {
    let one = |opening: &BreakerEvent| {
        let (runbook, scope, at, reset) = (inert(&opening.runbook, 253), opening.scope(), opening.at, opening.reset_with(namespace));
        format!("{runbook} is stopped for {scope} since {at:.0}; to reset it: {reset}")
    };
    ledger.open_breakers().into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(runbook: &str, service: Option<&str>) -> BreakerEvent {
        let service = service.map(str::to_owned);
        let (cause, actor) = ("it failed".to_owned(), "run".to_owned());
        BreakerEvent { at: Timestamp::UNIX_EPOCH, runbook: runbook.to_owned(), service, event: BreakerChange::Opened, cause, actor }
    }

    #[track_caller]
    fn check(service: Option<&str>, cleared: &[Option<&str>], still_open: &[Option<&str>]) {
        let all = [opened("book", None), opened("book", Some("web")), opened("book", Some("api")), opened("other", None)];
        let mut ledger = Ledger { breaker: all.to_vec(), ..Ledger::default() };
        let (runbook, reason, actor) = ("book".to_owned(), "rolled back".to_owned(), "ann".to_owned());
        let reset = Reset { runbook, service: service.map(str::to_owned), reason, actor };
        let got = reset.apply(&mut ledger, Timestamp::UNIX_EPOCH);
        assert_eq!(got.iter().map(|event| event.service.as_deref()).collect::<Vec<_>>(), cleared);
        let open = ledger.open_breakers();
        let of_book: Vec<_> = open.iter().filter(|event| event.runbook == "book").map(|event| event.service.as_deref()).collect();
        assert_eq!(of_book, still_open);
        assert_eq!(open.len() - of_book.len(), 1, "another runbook's stays");
        assert!(reset.apply(&mut ledger, Timestamp::UNIX_EPOCH).is_empty(), "twice changes nothing");
    }

    #[track_caller]
    fn vain(open: &[BreakerEvent], runbook: &str, service: Option<&str>, expected: &str) {
        let mut ledger = Ledger { breaker: open.to_vec(), ..Ledger::default() };
        let (reason, actor) = ("rolled back".to_owned(), "ann".to_owned());
        let reset = Reset { runbook: runbook.to_owned(), service: service.map(str::to_owned), reason, actor };
        assert!(reset.apply(&mut ledger, Timestamp::UNIX_EPOCH).is_empty());
        assert_eq!(reset.in_vain(&ledger), format!("reset nothing: no circuit breaker of runbook {expected}"));
    }

    #[test]
    fn what_resets_nothing_says_what_was_probably_meant() {
        let open = [opened("replace-web", Some("web")), opened("replace-web", Some("api")), opened("other", None)];
        vain(&open, "replace-wbe", None, "\"replace-wbe\" is open: did you mean replace-web?");
        vain(&open, "replace-web", Some("wbe"), "\"replace-web\" is open for service \"wbe\": did you mean web?");
        vain(&open, "replace-wbe", Some("web"), "\"replace-wbe\" is open for service \"web\": did you mean replace-web?");
        vain(&open, "other", Some("web"), "\"other\" is open for service \"web\"");
        vain(&open, "nothing-near", None, "\"nothing-near\" is open");
        vain(&[], "replace-web", None, "\"replace-web\" is open: every circuit breaker is closed");
        vain(&[], "a\u{1b}[2J", None, "\"a\\u{1b}[2J\" is open: every circuit breaker is closed");
        let named = open_breakers(&Ledger { breaker: open.to_vec(), ..Ledger::default() }, "shop");
        let command = "pod-remediator reset-breaker replace-web --service web -n shop --reason '…'";
        assert_eq!(named.len(), 3);
        assert_eq!(
            named[0],
            "other is stopped for every service in the namespace since 1970-01-01T00:00:00Z; to reset it: pod-remediator reset-breaker \
                              other -n shop --reason '…'"
        );
        assert_eq!(named[2], format!("replace-web is stopped for service web since 1970-01-01T00:00:00Z; to reset it: {command}"));
    }

    #[test]
    fn a_reset_clears_what_it_names_and_nothing_else() {
        check(None, &[None, Some("api"), Some("web")], &[]);
        check(Some("web"), &[Some("web")], &[None, Some("api")]);
    }

    #[test]
    fn a_reset_is_of_one_breaker_and_can_be_pasted() {
        let reset = |runbook: &str, service: Option<&str>| {
            let (runbook, service) = (runbook.to_owned(), service.map(str::to_owned));
            let (cause, actor) = (String::new(), String::new());
            let event = BreakerChange::Opened;
            BreakerEvent { at: Timestamp::UNIX_EPOCH, runbook, service, event, cause, actor }.reset_with("shop")
        };
        assert_eq!(reset("book", None), "pod-remediator reset-breaker book -n shop --reason '…'");
        assert_eq!(reset("book", Some("web")), "pod-remediator reset-breaker book --service web -n shop --reason '…'");
        let hostile = reset("a; b", Some("it's $(x)\u{1b}"));
        assert_eq!(hostile, r"pod-remediator reset-breaker 'a; b' --service 'it'\''s $(x)\u{1b}' -n shop --reason '…'");
    }
}
