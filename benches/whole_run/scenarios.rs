//! What is measured: each a number of rounds of the bare client and the program in turn.

use anyhow::Result;
use serde::Serialize;

use crate::options::{Measured, Options};
use crate::scene::{Floor, Round, Scene, Size};

/// Requests that the version and the groups of a cluster take. Where images are resolved, the ServiceAccount of each
/// namespace is one more.
const PREAMBLE: u64 = 2;
/// How many times as often the program is started as other things are measured.
const STARTS: usize = 5;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) size: Size,
    pub(crate) layers: usize,
    pub(crate) latency_ms: u64,
    /// what the cost is divided by: images or pods
    pub(crate) unit: Option<Unit>,
    /// requests that the API server and the registry must count, no more and no less
    pub(crate) expected: (u64, u64),
    pub(crate) rounds: Vec<Round>,
    /// what was not as it must be
    pub(crate) wrong: Option<String>,
}

/// What there is so many of.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) enum Unit {
    Images(usize),
    Pods(usize),
}

/// Measures what `options` want.
pub(crate) fn run(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if options.wants(Measured::Start) {
        rows.extend(start(options)?);
    }
    for pods in options.pods.iter().filter(|_| options.wants(Measured::Pods)) {
        rows.push(discovery(options, *pods)?);
    }
    for images in &options.images {
        // A pod of each image, of which the API server gives lists at once, so that what is seen is the registry's.
        let size = Size { pods: *images, images: *images, page_ms: 0 };
        if options.wants(Measured::Cold) {
            rows.push(cold(options, size)?);
        }
        if options.wants(Measured::Warm) {
            rows.extend(warm(options, size)?);
        }
    }
    if options.wants(Measured::Whole)
        && let (Some(pods), Some(images)) = (options.pods.first(), options.images.first())
    {
        rows.push(whole(options, Size { pods: *pods, images: *images, page_ms: options.page_ms })?);
    }
    Ok(rows)
}

fn start(options: &Options) -> Result<Vec<Row>> {
    let size = Size { pods: 0, images: 1, page_ms: 0 };
    let mut scene = Scene::start(options, size)?;
    let mut rows = Vec::new();
    for argument in ["--version", "--help"] {
        let mut row = Row::new(options, argument, size, None, (0, 0));
        for _ in 0..options.rounds * STARTS {
            row.rounds.push(scene.round(Floor::None, &mut scene.program(&[argument]))?);
        }
        rows.push(row.checked());
    }
    Ok(rows)
}

pub(crate) fn discovery(options: &Options, pods: usize) -> Result<Row> {
    let images = options.images.first().copied().unwrap_or(1);
    let size = Size { pods, images, page_ms: options.page_ms };
    let mut scene = Scene::start(options, size)?;
    let expected = (scene.api.pages + PREAMBLE, 0);
    let mut row = Row::new(options, &format!("{pods} pods"), size, Some(Unit::Pods(pods)), expected);
    for _ in 0..options.rounds {
        let mut command = scene.collect(false);
        row.rounds.push(scene.round(Floor::Lists, &mut command)?);
        row.look_at(&scene, &format!("and {pods} pods"))?;
    }
    Ok(row.checked())
}

pub(crate) fn cold(options: &Options, size: Size) -> Result<Row> {
    let mut scene = Scene::start(options, size)?;
    let mut row = Row::of_images(options, "no cache", size, &scene, scene.registry.requests);
    for _ in 0..options.rounds {
        let mut command = scene.collect(true);
        command.arg("--no-cache");
        row.rounds.push(scene.round(Floor::Documents, &mut command)?);
        row.look_for_images(&scene)?;
    }
    Ok(row.checked())
}

/// The first run fills the cache, the second reads it.
fn warm(options: &Options, size: Size) -> Result<Vec<Row>> {
    let mut scene = Scene::start(options, size)?;
    let mut filling = Row::of_images(options, "empty cache", size, &scene, scene.registry.requests);
    let mut warm = Row::of_images(options, "warm", size, &scene, size.images as u64);
    for number in 0..options.rounds {
        let cache = scene.path(&format!("cache-{number}"));
        for (row, floor) in [(&mut filling, Floor::Documents), (&mut warm, Floor::Tags)] {
            let mut command = scene.collect(true);
            command.arg("--cache-dir").arg(&cache);
            row.rounds.push(scene.round(floor, &mut command)?);
            row.look_for_images(&scene)?;
        }
        std::fs::remove_dir_all(cache)?;
    }
    Ok(vec![filling.checked(), warm.checked()])
}

fn whole(options: &Options, size: Size) -> Result<Row> {
    let mut scene = Scene::start(options, size)?;
    let mut row = Row::of_images(options, &format!("{} pods", size.pods), size, &scene, scene.registry.requests);
    for _ in 0..options.rounds {
        let mut command = scene.collect(true);
        command.arg("--no-cache");
        row.rounds.push(scene.round(Floor::ListsAndDocuments, &mut command)?);
        row.look_for_images(&scene)?;
    }
    Ok(row.checked())
}

impl Row {
    fn new(options: &Options, what: &str, size: Size, unit: Option<Unit>, expected: (u64, u64)) -> Self {
        let (layers, latency_ms) = (options.shape.layers, options.latency_ms);
        eprintln!("{what} …");
        Self { what: what.to_owned(), size, layers, latency_ms, unit, expected, rounds: Vec::new(), wrong: None }
    }

    fn of_images(options: &Options, how: &str, size: Size, scene: &Scene, requests: u64) -> Self {
        let what = format!("{} images, {how}", size.images);
        let expected = (scene.api.pages + PREAMBLE + scene.api.namespaces, requests);
        Self::new(options, &what, size, Some(Unit::Images(size.images)), expected)
    }

    /// The middle of the rounds' figures.
    pub(crate) fn median(&self, figure: impl Fn(&Round) -> f64) -> Option<f64> {
        self.median_of_some(|round| Some(figure(round)))
    }

    /// The middle of the figures of the rounds that have one.
    pub(crate) fn median_of_some(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let mut figures: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    /// Notes when the program did not say `words`.
    fn look_at(&mut self, scene: &Scene, words: &str) -> Result<()> {
        let said = scene.said()?;
        if !said.contains(words) {
            self.wrong = Some(format!("it did not say {words:?}: {said}"));
        }
        Ok(())
    }

    fn look_for_images(&mut self, scene: &Scene) -> Result<()> {
        self.look_at(scene, &format!("{0} images: {0} resolved", self.size.images))
    }

    /// Notes when a server counted other requests than it must.
    fn checked(mut self) -> Self {
        let other = self.rounds.iter().find(|round| (round.api.requests, round.registry.requests) != self.expected);
        if let Some(Round { api, registry, .. }) = other {
            let (pages, documents) = self.expected;
            self.wrong = Some(format!(
                "requests: {} in place of {pages} at the API server, {} in place of {documents} at the registry",
                api.requests, registry.requests
            ));
        }
        self
    }
}
