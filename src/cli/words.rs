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

/// How to show progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    /// console when stderr is a terminal, else plain
    #[default]
    Auto,
    /// a bar on stderr
    Console,
    /// lines on stderr
    Plain,
    /// one JSON object a line on stdout (on stderr when the bundle goes to stdout)
    Json,
    /// nothing
    None,
}

/// How to mask secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RedactArg {
    /// what looks or sounds like a secret
    #[default]
    Default,
    /// every value; names stay
    Strict,
    /// nothing; the bundle says so
    Off,
}
