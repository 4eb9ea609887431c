//! Reads the facts from a bundle, or from a `facts.json` alone. Nothing is ever unpacked to disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;

use super::ReadError;
use super::contents::FACTS;

/// The largest facts that are read, in bytes: ten times what the largest clusters give.
const MAX_FACTS: u64 = 1 << 30;
/// The most that is unpacked of a bundle, in bytes: other tools' bundles hold logs too.
const MAX_UNPACKED: u64 = 16 << 30;
/// How every gzip file begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The facts as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsFile {
    /// the file, and within a bundle the place in it
    pub name: String,
    /// the JSON, unchecked
    pub bytes: Vec<u8>,
}

impl FactsFile {
    /// Parses the JSON as a `T`.
    ///
    /// # Errors
    /// When it is no JSON, or no `T`; the message tells line and column.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        serde_json::from_slice(&self.bytes).map_err(|cause| ReadError::Json { name: self.name.clone(), cause })
    }
}

/// Reads the facts from the bundle or the `facts.json` at `path`; `-` is stdin.
///
/// # Errors
/// When there are none, the file cannot be read, is cut off, or is larger than any facts could be.
pub fn read(path: &Path) -> Result<FactsFile, ReadError> {
    if path.as_os_str() == "-" {
        return read_from(Path::new("stdin"), io::stdin().lock());
    }
    if path.is_dir() {
        return Err(ReadError::Directory(path.into()));
    }
    let file = File::open(path).map_err(|cause| ReadError::Unreadable { path: path.into(), cause })?;
    read_from(path, BufReader::new(file))
}

/// Reads the facts from `file`, which messages call `path`.
fn read_from(path: &Path, mut file: impl BufRead) -> Result<FactsFile, ReadError> {
    let unreadable = |cause| ReadError::Unreadable { path: path.into(), cause };
    if file.fill_buf().map_err(unreadable)?.starts_with(&GZIP) {
        return from_bundle(path, file);
    }
    let bytes = read_up_to(&mut file, MAX_FACTS).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| ReadError::TooLarge { path: path.into(), limit: MAX_FACTS, unpacked: false })?;
    Ok(FactsFile { name: path.display().to_string(), bytes })
}

fn from_bundle(path: &Path, file: impl BufRead) -> Result<FactsFile, ReadError> {
    let mut unpacked = MultiGzDecoder::new(file).take(MAX_UNPACKED);
    let found = facts_in(&mut unpacked, MAX_FACTS);
    // The checksum stands at the very end: read on to it, or a damaged bundle would pass.
    let rest = found.is_ok().then(|| io::copy(&mut unpacked, &mut io::sink())).transpose();
    let path = PathBuf::from(path);
    if unpacked.limit() == 0 {
        return Err(ReadError::TooLarge { path, limit: MAX_UNPACKED, unpacked: true });
    }
    match (found, rest) {
        (Err(cause), _) | (_, Err(cause)) => Err(ReadError::Broken { path, cause }),
        (Ok(Found::Nothing), _) => Err(ReadError::NoFacts(path)),
        (Ok(Found::TooLarge), _) => Err(ReadError::TooLarge { path, limit: MAX_FACTS, unpacked: true }),
        (Ok(Found::Facts { place, bytes }), _) => Ok(FactsFile { name: format!("{}:{place}", path.display()), bytes }),
    }
}

/// What an archive holds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Facts { place: String, bytes: Vec<u8> },
    TooLarge,
}

/// The facts in a tar archive; of several the last, as unpacking would leave it.
fn facts_in(tar: &mut impl Read, limit: u64) -> io::Result<Found> {
    let mut found = Found::Nothing;
    // Raw: long names and other extensions, which may claim any size, are not read into memory.
    for entry in tar::Archive::new(tar).entries()?.raw(true) {
        let mut entry = entry?;
        let place = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || !is_facts(&place) {
            continue;
        }
        found = match read_up_to(&mut entry, limit)? {
            Some(bytes) => Found::Facts { place, bytes },
            None => Found::TooLarge,
        };
    }
    Ok(found)
}

/// Whether this is where a bundle has its facts: below its one top directory, if it has one.
fn is_facts(place: &str) -> bool {
    let place = place.strip_prefix("./").unwrap_or(place);
    place == FACTS || place.split_once('/').is_some_and(|(_, below)| below == FACTS)
}

/// All bytes; `None` when there are more than `limit`.
fn read_up_to(from: &mut impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = from.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_lie_below_one_directory() {
        for (place, expected) in [
            ("image-facts/facts.json", true),
            ("./image-facts/facts.json", true),
            ("support-bundle-2026-01-02T15_04_05/image-facts/facts.json", true),
            ("./x/image-facts/facts.json", true),
            ("x/y/image-facts/facts.json", false),
            ("x/image-facts/facts.json.bak", false),
            ("facts.json", false),
        ] {
            assert_eq!(is_facts(place), expected, "{place}");
        }
    }

    fn tar(content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.set_path("x/image-facts/facts.json").unwrap();
        header.set_size(content.len() as u64);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend(content);
        tar.resize(512 * 4, 0);
        tar
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let tar = tar(b"12345678901");
        assert_eq!(facts_in(&mut &tar[..], 10).unwrap(), Found::TooLarge);
        assert!(matches!(facts_in(&mut &tar[..], 11).unwrap(), Found::Facts { bytes, .. } if bytes == b"12345678901"));
    }

    proptest! {
        #[test]
        fn any_archive_is_read_or_refused(changes in vec((0..1024_usize, any::<u8>()), 0..8), cut in 0..2048_usize) {
            let mut tar = tar(b"{}");
            for (at, byte) in changes {
                tar[at] = byte;
            }
            if let Ok(Found::Facts { bytes, .. }) = facts_in(&mut &tar[..cut], 100) {
                prop_assert!(bytes.len() <= 100);
            }
        }
    }
}
