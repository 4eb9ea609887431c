//! `imagefacts schema`: prints a JSON Schema.

use crate::cli::{SchemaArg, SchemaArgs};
use crate::exit::Exit;
use crate::{facts, progress, render};

use super::print;

pub(super) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let text = match args.of {
        SchemaArg::Facts => render::json(&facts::schema::facts_schema())?,
        SchemaArg::Progress => render::json(&progress::schema())?,
    };
    print::result(&text)?;
    Ok(Exit::Done)
}
