//! `imagefacts show`: what is in a bundle.

use serde::Serialize;

use crate::analyze::{self, Filter, Layers};
use crate::cli::{FilterArgs, ReportFormat, SectionArgs, ShowArgs};
use crate::exit::Exit;
use crate::facts::document::{Finding, Gap, Image, ImageFacts, Manifest, Summary};
use crate::render;

use super::{print, read};

/// The report as JSON: the same objects as in facts.json, but for the layers.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Report<'a> {
    All {
        schema_version: &'a str,
        images: &'a [Box<Image>],
        manifests: &'a [Manifest],
        findings: &'a [Finding],
        gaps: &'a [Gap],
        summary: &'a Summary,
    },
    Images {
        schema_version: &'a str,
        images: &'a [Box<Image>],
    },
    Findings {
        schema_version: &'a str,
        findings: &'a [Finding],
    },
    Layers(Layers),
}

pub(super) fn run(args: ShowArgs) -> anyhow::Result<Exit> {
    let filter = Filter::from(args.filter);
    let facts = analyze::select(read::facts(&args.path)?, &filter);
    let text = match args.output {
        ReportFormat::Json => render::json(&report(&facts, &args.section))?,
        ReportFormat::Table => table(&facts, &args.section, &filter),
    };
    print::result(&text)?;
    Ok(Exit::Done)
}

fn report<'a>(facts: &'a ImageFacts, section: &SectionArgs) -> Report<'a> {
    let ImageFacts { schema_version, images, manifests, findings, gaps, summary, .. } = facts;
    match section {
        SectionArgs { images: true, .. } => Report::Images { schema_version, images },
        SectionArgs { findings: true, .. } => Report::Findings { schema_version, findings },
        SectionArgs { layers: true, .. } => Report::Layers(analyze::layers(facts)),
        _ => Report::All { schema_version, images, manifests, findings, gaps, summary },
    }
}

fn table(facts: &ImageFacts, section: &SectionArgs, filter: &Filter) -> String {
    match section {
        SectionArgs { images: true, .. } => render::images(facts, print::width()),
        SectionArgs { findings: true, .. } => render::findings(facts, print::width()),
        SectionArgs { layers: true, .. } => render::layers(&analyze::layers(facts), print::width()),
        _ => render::page(facts, filter),
    }
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Self {
        Self {
            namespaces: args.namespace,
            registries: args.registry,
            statuses: args.status,
            codes: args.finding,
            severities: args.severity,
        }
    }
}
