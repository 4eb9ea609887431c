//! `imagefacts demo`: the whole of `collect --include-images` on a built-in sample.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::cli::DemoArgs;
use crate::collect::Source;
use crate::exit::Exit;
use crate::sample::{self, Sample};
use crate::serve::{Options, Registry, Running, ServeError, Store};
use crate::settings::{self, CollectSettings};

use super::{Told, collect};

pub(super) async fn run(args: DemoArgs, told: Told) -> anyhow::Result<Exit> {
    let sample = Sample::new()?;
    let store = Store::memory();
    sample.fill(&store)?;
    let registry = serve(store).await?;
    let source = Source::Texts(sample.objects(&registry.host()));
    let settings = CollectSettings::for_sample(args.output.into());
    // The sample needs no credentials; a user's own are not shown to it.
    let clock = told.environment.iter().filter(|(name, _)| *name == settings::SOURCE_DATE_EPOCH);
    let told = Told {
        environment: clock.map(|(name, value)| (name.clone(), value.clone())).collect(),
        registries: BTreeMap::new(),
        ..told
    };
    let done = collect::collect(source, settings, told).await;
    registry.stop().await;
    done
}

/// Serves on the sample's own port, so that the names of its images are the same on each run, else on a free one.
async fn serve(store: Store) -> Result<Running, ServeError> {
    let options = |port| Options { listen: (Ipv4Addr::LOCALHOST, port).into(), ..Options::new(store.clone()) };
    match Registry::start(options(sample::PORT)).await {
        Ok(registry) => Ok(registry),
        Err(ServeError::Listen { .. }) => Registry::start(options(0)).await,
    }
}
