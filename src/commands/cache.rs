//! `imagefacts cache`: where it is, how much it holds, and to be rid of it.

use anyhow::Context;

use crate::cache::{self, Cache, CacheSize};
use crate::cli::{CacheAction, CacheArgs};
use crate::exit::Exit;
use crate::limits::Limits;
use crate::settings::{self, cache_directory};
use crate::text;

use super::{Told, print};

pub(super) fn run(args: CacheArgs, told: &Told) -> anyhow::Result<Exit> {
    let directory = cache_directory(args.cache_dir, &told.environment)
        .context("there is no cache, as HOME is not set; name its directory with --cache-dir")?;
    let name = text::clean(&directory.display().to_string()).into_owned();
    let answer = match args.action {
        CacheAction::Dir => name,
        CacheAction::Size => {
            let clock = settings::clock(&told.environment).map_err(anyhow::Error::msg)?;
            let size = Cache::at(&directory, &Limits::default(), clock).size();
            described(size.with_context(|| format!("the cache in {name} cannot be read"))?)
        }
        CacheAction::Clear => {
            let removed = cache::clear(&directory).with_context(|| format!("the cache in {name} cannot be cleared"))?;
            format!("removed {}", described(removed))
        }
    };
    print::result(&format!("{answer}\n"))?;
    Ok(Exit::Done)
}

fn described(CacheSize { entries, bytes }: CacheSize) -> String {
    let plural = if entries == 1 { "entry" } else { "entries" };
    format!("{} in {entries} {plural}", text::size(bytes))
}
