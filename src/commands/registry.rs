//! `imagefacts registry …`: what is asked of registries themselves.

use crate::check;
use crate::cli::{CheckArgs, ReportFormat};
use crate::exit::Exit;
use crate::render::{self, Marks};
use crate::settings::{self, CheckSettings};
use crate::stop::Stop;

use super::{Told, last_words, print, signals};

/// `imagefacts registry check`
pub(super) async fn check(args: CheckArgs, told: Told) -> anyhow::Result<Exit> {
    let (targets, format) = (args.targets.clone(), args.output);
    let settings = CheckSettings::new(args, told.registries);
    let clock = settings::clock(&told.environment).map_err(anyhow::Error::msg)?;
    let stop = Stop::at(tokio::time::Instant::now() + settings.limits.run_timeout);
    let watch = signals::watch(&stop);
    let report = check::check(&targets, &settings, &told.environment, clock, &stop).await;
    last_words(&told.log, &stop).await;
    drop(watch);
    let report = report?;
    let text = match format {
        ReportFormat::Json => render::json(&report)?,
        ReportFormat::Table if console::Term::stdout().is_term() => render::check(&report, Marks::Signs),
        ReportFormat::Table => render::check(&report, Marks::Words),
    };
    print::result(&text)?;
    Ok(match stop.reason() {
        Some(reason) if reason.is_signal() => Exit::stopped(reason),
        _ if report.is_well() => Exit::Done,
        _ => Exit::NotAllWell,
    })
}
