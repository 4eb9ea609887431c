//! Images without a cluster: the same pipeline, from references that somebody typed.

use futures::stream;

use super::CollectError;
use super::registries::Registries;
use super::wants::Wants;
use crate::clock::Clock;
use crate::cluster::inventory::{ImageName, ImageUse, Inventory};
use crate::event::Events;
use crate::facts::document::ImageFacts;
use crate::facts::{self, Origin, RunContext};
use crate::image::Reference;
use crate::resolve::{Fallback, resolve};
use crate::settings::{Environment, InspectSettings};
use crate::stop::Stop;

/// Looks at images at their registries, and makes facts of them that know of no cluster.
///
/// # Errors
/// When our own settings or credentials cannot be used. The failure of an image is none.
pub async fn inspect(
    references: &[String],
    settings: &InspectSettings,
    environment: &Environment,
    clock: Clock,
    stop: &Stop,
) -> Result<ImageFacts, CollectError> {
    let events = Events::none();
    let stopwatch = clock.start();
    let registries =
        Registries::set_up(&settings.registry, &settings.limits, environment, clock, &events, stop).await?;
    let registries = registries.ok_or_else(|| CollectError::ended(stop))?;
    let mut inventory = Inventory::default();
    for text in references {
        let name = Reference::parse(text).map_or_else(|_| ImageName::Invalid(text.clone()), ImageName::Valid);
        let usage: &mut ImageUse = inventory.images.entry(name).or_default();
        usage.written_as.insert(text.clone());
    }
    let wants: Vec<_> = Wants::new(settings.platforms.as_ref()).all(&inventory).collect();
    let resolver = registries.resolver(None, Fallback::Partial);
    resolver.keychain.check_hosts(wants.iter().map(|want| want.reference.registry()))?;
    let resolution = resolve(stream::iter(wants), resolver, &events, stop).await;
    let context = RunContext {
        generated_at: clock.now(),
        duration_ms: stopwatch.elapsed_ms(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        origin: Origin::Files { paths: Vec::new() },
        redaction: settings.redaction,
        cluster_fallback: false,
        stopped: stop.reason(),
    };
    let mut facts = facts::assemble(inventory, Some(resolution), context).whole();
    facts::redact::redact(&mut facts);
    Ok(facts)
}
