//! The words that flags take, as the rooms know them.

use crate::cli::{AttachmentsArg, FallbackArg, ProgressArg, RedactArg};
use crate::progress::ProgressMode;
use crate::resolve::{Attachments, Fallback};
use crate::vocabulary::RedactionMode;

impl From<FallbackArg> for Fallback {
    fn from(arg: FallbackArg) -> Self {
        match arg {
            FallbackArg::None => Self::None,
            FallbackArg::Partial => Self::Partial,
            FallbackArg::BestEffort => Self::BestEffort,
            FallbackArg::Cached => Self::Cached,
        }
    }
}

impl From<AttachmentsArg> for Attachments {
    fn from(arg: AttachmentsArg) -> Self {
        match arg {
            AttachmentsArg::None => Self::None,
            AttachmentsArg::Index => Self::Index,
            AttachmentsArg::All => Self::All,
        }
    }
}

impl From<ProgressArg> for ProgressMode {
    fn from(arg: ProgressArg) -> Self {
        match arg {
            ProgressArg::Auto => Self::Auto,
            ProgressArg::Console => Self::Console,
            ProgressArg::Plain => Self::Plain,
            ProgressArg::Json => Self::Json,
            ProgressArg::None => Self::None,
        }
    }
}

impl From<RedactArg> for RedactionMode {
    fn from(arg: RedactArg) -> Self {
        match arg {
            RedactArg::Default => Self::Default,
            RedactArg::Strict => Self::Strict,
            RedactArg::Off => Self::Off,
        }
    }
}
