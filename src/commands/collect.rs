//! `imagefacts collect`: a cluster's images into a bundle.

use std::io;
use std::sync::Arc;

use anyhow::Context;

use crate::bundle::{Destination, Written};
use crate::cli::CollectArgs;
use crate::clock::Clock;
use crate::cluster::live::Connection;
use crate::collect::{Collection, Source};
use crate::event::{Event, Events};
use crate::exit::Exit;
use crate::progress::{self, JsonTarget, ProgressMode, Relay};
use crate::settings::{self, CollectSettings, OutputSettings, SourceSettings};
use crate::stop::Stop;
use crate::vocabulary::RedactionMode;

use super::masked::Masked;
use super::{Told, last_words, print, signals};

pub(super) async fn run(args: CollectArgs, told: Told) -> anyhow::Result<Exit> {
    let settings = CollectSettings::new(args, told.registries.clone());
    let source = match settings.source.clone() {
        SourceSettings::Files(paths) => Source::Files(paths),
        SourceSettings::Cluster { kubeconfig, context, impersonate, impersonate_groups } => {
            Source::Cluster(Connection {
                kubeconfig,
                context,
                impersonate,
                impersonate_groups,
                ..Connection::default()
            })
        }
    };
    collect(source, settings, told).await
}

/// Collects from `source`, shows how it goes, and prints where the bundle is.
pub(super) async fn collect(source: Source, settings: CollectSettings, told: Told) -> anyhow::Result<Exit> {
    let clock = settings::clock(&told.environment).map_err(anyhow::Error::msg)?;
    let stop = Stop::at(tokio::time::Instant::now() + settings.limits.run_timeout);
    let watch = signals::watch(&stop);
    let (output, log) = (settings.output.clone(), told.log.clone());
    let (events, relay) = events(&output, &told, clock).context("progress cannot be shown")?;
    let collected = async {
        let destination = Destination::resolve(output.output.as_deref(), clock)?;
        watch.cleans_up(destination.unfinished());
        let environment = told.environment;
        anyhow::Ok(Collection { source, settings, environment, destination, clock }.run(&events, &stop).await?)
    };
    let collected = collected.await;
    if let Err(error) = &collected {
        events.emit(Event::Failed { message: print::describe(error) });
    }
    last_words(relay.iter().chain(&log), &stop).await;
    drop(watch);
    let outcome = collected?;
    // With JSON on stdout the last event names the bundle; anything else would be no JSON.
    if matches!(outcome.written, Written::File(_)) && output.progress != ProgressMode::Json {
        print::result(&format!("{}\n", outcome.written))?;
    }
    Ok(match outcome.stopped {
        Some(reason) if reason.is_signal() => Exit::stopped(reason),
        _ if output.strict && !outcome.all_well => Exit::NotAllWell,
        _ => Exit::Done,
    })
}

fn events(output: &OutputSettings, told: &Told, clock: Clock) -> io::Result<(Events, Option<Relay>)> {
    let to_stdout = output.output.as_deref().is_some_and(|path| path.as_os_str() == "-");
    let json = if to_stdout { JsonTarget::Stderr } else { JsonTarget::Stdout };
    // Log lines would tear a bar apart.
    let mode = match output.progress {
        ProgressMode::Auto if told.verbose > 0 => ProgressMode::Plain,
        mode => mode,
    };
    let (sink, relay) = progress::sink(mode, told.quiet, clock, json)?;
    let sink = match output.redaction {
        RedactionMode::Off => sink,
        RedactionMode::Default | RedactionMode::Strict => Arc::new(Masked { inner: sink }),
    };
    Ok((Events::to(sink), relay))
}
