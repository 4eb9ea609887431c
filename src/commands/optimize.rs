//! `imagefacts optimize`: where bytes are spent, and what could be saved.

use crate::analyze::{self, Assumed};
use crate::cli::{OptimizeArgs, ReportFormat};
use crate::exit::Exit;
use crate::render;

use super::{print, read};

pub(super) fn run(args: &OptimizeArgs) -> anyhow::Result<Exit> {
    let assumed = Assumed { pulls_per_day: args.pulls_per_day, cost_per_gib: args.cost_per_gib };
    let optimization = analyze::optimize(&read::facts(&args.path)?, assumed);
    let text = match args.output {
        ReportFormat::Json => render::json(&optimization)?,
        ReportFormat::Table => render::optimize(&optimization, print::width()),
    };
    print::result(&text)?;
    Ok(Exit::Done)
}
