//! `imagefacts diff`: what changed between two bundles.

use crate::analyze;
use crate::cli::{DiffArgs, ReportFormat};
use crate::exit::Exit;
use crate::render;

use super::{print, read};

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let diff = analyze::diff(&read::facts(&args.old)?, &read::facts(&args.new)?);
    let text = match args.output {
        ReportFormat::Json => render::json(&diff)?,
        ReportFormat::Table => render::diff(&diff, print::width()),
    };
    print::result(&text)?;
    Ok(if diff.is_empty() { Exit::Done } else { Exit::NotAllWell })
}
