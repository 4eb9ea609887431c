//! `imagefacts validate`: a bundle or a facts.json against the schema.

use crate::bundle;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::facts::document::SCHEMA_VERSION;
use crate::facts::validate::validate_document;
use crate::text;

use super::print;

/// How many violations are printed.
const SHOWN: usize = 50;

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let file = bundle::read(&args.path)?;
    let document = file.parse()?;
    let verdict = validate_document(&document)?;
    let name = text::clean(&file.name);
    if let Some(version) = &verdict.newer_version {
        print::message(&format!(
            "note: {name} is of schema {version}; this program knows {SCHEMA_VERSION}, and takes new words and fields on trust"
        ));
    }
    if verdict.violations.is_empty() {
        print::result(&format!("{name}: valid\n"))?;
        return Ok(Exit::Done);
    }
    let mut lines: Vec<String> = verdict.violations.iter().take(SHOWN).map(|v| format!("{name}: {v}\n")).collect();
    if verdict.violations.len() > SHOWN {
        lines.push(format!("{name}: and {} more\n", verdict.violations.len() - SHOWN));
    }
    print::result(&lines.concat())?;
    Ok(Exit::NotAllWell)
}
