//! How cost grows: one size after the other is varied, and all else stays as it was.

use std::path::Path;

use anyhow::Result;

use crate::options::Options;
use crate::plot::{self, Line, Panel};
use crate::scenarios::{self, Row};
use crate::scene::Size;

const PODS: [usize; 5] = [5_000, 20_000, 50_000, 100_000, 150_000];
const IMAGES: [usize; 5] = [250, 1_000, 2_500, 5_000, 10_000];
const LAYERS: [usize; 5] = [4, 10, 20, 40, 80];
const LATENCIES: [u64; 5] = [0, 15, 30, 60, 100];
/// Images where something else is varied.
const USUAL_IMAGES: usize = 1_000;

/// What was varied, and the rows by its values.
struct Varied {
    what: &'static str,
    rows: Vec<(f64, Row)>,
}

/// Measures all sizes and draws them to `file`.
pub(crate) fn run(options: &Options, file: &Path) -> Result<Vec<Row>> {
    let varied = [pods(options)?, images(options)?, layers(options)?, latency(options)?];
    let panels: Vec<[Panel; 2]> = varied.iter().map(panels).collect();
    std::fs::write(file, plot::svg(&panels))?;
    let rows = varied.into_iter().flat_map(|Varied { what, rows }| {
        rows.into_iter().map(move |(at, row)| Row { what: format!("{at} {what}"), ..row })
    });
    Ok(rows.collect())
}

fn pods(options: &Options) -> Result<Varied> {
    let sizes = PODS.map(|pods| if options.quick { pods / 50 } else { pods });
    let rows = sizes.into_iter().map(|pods| Ok((pods as f64, scenarios::discovery(options, pods)?)));
    Ok(Varied { what: "pods", rows: rows.collect::<Result<_>>()? })
}

fn images(options: &Options) -> Result<Varied> {
    let sizes = IMAGES.map(|images| if options.quick { images / 50 } else { images });
    let rows = sizes.into_iter().map(|images| Ok((images as f64, of_images(options, images)?)));
    Ok(Varied { what: "images", rows: rows.collect::<Result<_>>()? })
}

fn layers(options: &Options) -> Result<Varied> {
    let rows = LAYERS.into_iter().map(|layers| {
        let mut options = options.clone();
        options.shape.layers = layers;
        Ok((layers as f64, of_usual_images(&options)?))
    });
    Ok(Varied { what: "layers of an image", rows: rows.collect::<Result<_>>()? })
}

fn latency(options: &Options) -> Result<Varied> {
    let rows = LATENCIES.into_iter().map(|latency_ms| {
        let options = Options { latency_ms, ..options.clone() };
        Ok((latency_ms as f64, of_usual_images(&options)?))
    });
    Ok(Varied { what: "ms of latency", rows: rows.collect::<Result<_>>()? })
}

fn of_usual_images(options: &Options) -> Result<Row> {
    of_images(options, if options.quick { USUAL_IMAGES / 50 } else { USUAL_IMAGES })
}

fn of_images(options: &Options, images: usize) -> Result<Row> {
    scenarios::cold(options, Size { pods: images, images, page_ms: 0 })
}

/// Time above, memory below.
fn panels(varied: &Varied) -> [Panel; 2] {
    let line = |name, figure: fn(&Row) -> Option<f64>| Line {
        name,
        points: varied.rows.iter().filter_map(|(at, row)| Some((*at, figure(row)?))).collect(),
    };
    let mebibytes = |row: &Row| Some(row.median(|round| round.program.peak as f64)? / f64::from(1 << 20));
    [
        Panel {
            x: varied.what,
            y: "seconds",
            lines: vec![
                line("bare", |row| row.median_of_some(|round| Some(round.bare?.wall))),
                line("cpu", |row| row.median(|round| round.program.cpu)),
                line("program", |row| row.median(|round| round.program.wall)),
            ],
        },
        Panel { x: varied.what, y: "MiB at the peak", lines: vec![line("program", mebibytes)] },
    ]
}
