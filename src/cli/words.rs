//! Words that flags take.

use clap::ValueEnum;

/// Where to look for attachments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AttachmentsArg {
    /// nowhere
    None,
    /// in an image's own index, at no further request
    #[default]
    Index,
    /// as well by the referrers API and cosign's tags
    All,
}
