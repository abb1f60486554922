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
            Self::Api | Self::Differs => 1,
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
    use super::Exit::{Api, Done, Ledger, Usage, VerificationFailed};

    #[test]
    fn of_several_the_order_is_4_3_1_2() {
        let all = [Done, Usage, Api, VerificationFailed, Ledger];
        assert_eq!(all.map(|exit| exit.code()), [0, 2, 1, 3, 4]);
        assert_eq!(Usage.and(Api).and(Done), Api);
        assert_eq!(Ledger.and(VerificationFailed), Ledger);
    }
}
