//! Exit codes: a small public type, so that scripts can rely on them.

use crate::stop::StopReason;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; what failed is in the bundle. All is well for `inspect` and `validate`.
    Done,
    /// 1: nothing was done, the message says why.
    Nothing,
    /// 2: wrong usage.
    Usage,
    /// 3: done, but not all is well.
    NotAllWell,
    /// 130: SIGINT; what had been collected is in the bundle.
    Interrupted,
    /// 143: SIGTERM; what had been collected is in the bundle.
    Terminated,
}

impl Exit {
    /// The exit of a run that was told to end for `reason`.
    pub fn stopped(reason: StopReason) -> Self {
        match reason {
            StopReason::Interrupted => Self::Interrupted,
            StopReason::Terminated => Self::Terminated,
            StopReason::Timeout => Self::Done,
            StopReason::ImageFailed => Self::Nothing,
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Nothing => 1,
            Self::Usage => 2,
            Self::NotAllWell => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
