//! How a run ends, as an exit code.

/// Exit codes; of several that apply, the one that ranks highest here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done; also when nothing was to do, all was refused, or another run holds the lock.
    Done,
    /// 2: usage, configuration, runbook or permissions: a retry cannot help.
    Usage,
    /// 1: the API failed.
    Api,
    /// 1: a record of the run, or a command's result, could not be written to standard output.
    Unwritten,
    /// 1: a recorded incident was decided otherwise than expected.
    Differs,
    /// 3: a verification failed.
    VerificationFailed,
    /// 4: the ledger cannot be trusted.
    Ledger,
    /// 143: stopped by SIGTERM, or 130 by Ctrl-C; what was in flight is for the next run to settle.
    Stopped(u8),
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Api | Self::Unwritten | Self::Differs => 1,
            Self::Usage => 2,
            Self::VerificationFailed => 3,
            Self::Ledger => 4,
            Self::Stopped(signal) => 128 + signal,
        }
    }

    /// Both apply.
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use super::Exit::{Api, Differs, Done, Ledger, Stopped, Unwritten, Usage, VerificationFailed};

    #[test]
    fn of_several_the_order_is_4_3_1_2() {
        let all = [Done, Usage, Api, VerificationFailed, Ledger];
        assert_eq!(all.map(|exit| exit.code()), [0, 2, 1, 3, 4]);
        assert_eq!(Usage.and(Api).and(Done), Api);
        assert_eq!((Usage.and(Unwritten), Unwritten.and(VerificationFailed)), (Unwritten, VerificationFailed));
        assert_eq!(Ledger.and(VerificationFailed), Ledger);
    }

    /// Every way to end, in the order of the codes: a new one does not compile until it is here.
    fn after(exit: Option<Exit>) -> Option<Exit> {
        match exit {
            None => Some(Done),
            Some(Done) => Some(Api),
            // The simulation's own code, documented in docs/simulate.md: it asks no cluster.
            Some(Differs) => None,
            // The row of 1 tells of both.
            Some(Unwritten) => None,
            Some(Api) => Some(Usage),
            Some(Usage) => Some(VerificationFailed),
            Some(VerificationFailed) => Some(Ledger),
            Some(Ledger) => Some(Stopped(2)),
            Some(Stopped(2)) => Some(Stopped(15)),
            Some(Stopped(_)) => None,
        }
    }

    /// The first cells of the rows of the document's table of exit codes.
    fn codes_in(document: &str) -> Vec<String> {
        let (_, table) = document.split_once("\n| exit code | ").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect()
    }

    #[test]
    fn operators_are_told_what_each_exit_code_asks_of_them() {
        let all: Vec<String> = std::iter::successors(after(None), |exit| after(Some(*exit))).map(|exit| exit.code().to_string()).collect();
        assert_eq!(codes_in(include_str!("../../docs/operations.md")), all);
        // What stops a run is no news to who stopped it: the README leaves the signals out.
        assert_eq!(codes_in(include_str!("../../README.md")), all[..5]);
    }
}
