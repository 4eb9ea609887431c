//! `imagefacts inspect`: images without a cluster.

use serde::Serialize;

use crate::cli::{InspectArgs, ReportFormat};
use crate::collect;
use crate::exit::Exit;
use crate::facts::document::{Image, ImageFacts, Manifest};
use crate::render;
use crate::settings::{self, InspectSettings};
use crate::stop::Stop;
use crate::vocabulary::ImageStatus;

use super::{Told, last_words, print, signals};

/// The report as JSON: the same objects as in facts.json.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema_version: &'a str,
    images: &'a [Box<Image>],
    manifests: &'a [Manifest],
}

pub(super) async fn run(args: InspectArgs, told: Told) -> anyhow::Result<Exit> {
    let (references, format) = (args.references.clone(), args.output);
    let settings = InspectSettings::new(args, told.registries);
    let clock = settings::clock(&told.environment).map_err(anyhow::Error::msg)?;
    let stop = Stop::at(tokio::time::Instant::now() + settings.limits.run_timeout);
    let watch = signals::watch(&stop);
    let facts = collect::inspect(&references, &settings, &told.environment, clock, &stop).await;
    last_words(&told.log, &stop).await;
    drop(watch);
    let facts = facts?;
    print::result(&report(&facts, format)?)?;
    Ok(match stop.reason() {
        Some(reason) if reason.is_signal() => Exit::stopped(reason),
        _ if facts.images.iter().all(|image| image.status == ImageStatus::Resolved) => Exit::Done,
        _ => Exit::NotAllWell,
    })
}

fn report(facts: &ImageFacts, format: ReportFormat) -> anyhow::Result<String> {
    let ImageFacts { schema_version, images, manifests, .. } = facts;
    Ok(match format {
        ReportFormat::Json => render::json(&Report { schema_version, images, manifests })?,
        ReportFormat::Table => render::inspect(images, manifests, print::width()),
    })
}
