//! Objects from files (`--from`): manifests, `kubectl get` dumps, directories and stdin in place of a cluster.
//!
//! What is named on the command line must be right: a file that cannot be read, is neither YAML nor JSON, or holds no
//! Kubernetes object ends the run. A directory may hold anything: of it only `.yaml`, `.yml` and `.json` files are
//! read, other YAML is passed by, and a broken file becomes a gap.

mod documents;
mod secrets;
#[cfg(test)]
mod tests;
mod walk;

pub use documents::Unparsable;
pub use secrets::FileSecrets;

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use self::walk::Found;
use super::inventory::{Gap, Inventory};
use super::objects::{CustomKind, List, Metadata, Resource, Secret, ServiceAccount};
use super::uses::{Builder, Scope};
use crate::vocabulary::GapScope;

/// The path that means stdin.
pub const STDIN: &str = "-";

/// Why objects cannot be had from files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// It cannot be read.
    #[error("cannot read {}: {why}", shown(path))]
    Unreadable {
        /// the file or directory
        path: PathBuf,
        /// as the operating system says
        why: std::io::Error,
    },
    /// It is neither YAML nor JSON.
    #[error("{} {why}", shown(path))]
    Unparsable {
        /// the file
        path: PathBuf,
        /// what is wrong, and where
        why: Unparsable,
    },
    /// It is something else.
    #[error(
        "{} holds no Kubernetes object; expected manifests, or what kubectl get prints with -o yaml or -o json",
        shown(path)
    )]
    NoObject {
        /// the file or directory
        path: PathBuf,
    },
}

/// Reads stdin. Tells as well whether that was cut off before its end.
pub type ReadStdin<'a> = &'a mut dyn FnMut() -> io::Result<(Vec<u8>, bool)>;

/// Reads everything that `paths` name (`-` is `stdin`), as far as it lies in `scope`.
///
/// An object that does not say its namespace is in `default`, as for kubectl.
pub fn read(paths: &[PathBuf], stdin: ReadStdin<'_>, scope: Scope) -> Result<(Inventory, FileSecrets), FilesError> {
    let mut reader = Reader { builder: Builder::new(scope), secrets: FileSecrets::default() };
    for path in paths {
        let objects = if path.as_os_str() == STDIN {
            match stdin().map_err(|why| FilesError::Unreadable { path: path.clone(), why })? {
                (bytes, true) => reader.add_beginning(path, &bytes),
                (bytes, false) => reader.add_file(path, &bytes)?,
            }
        } else if path.is_dir() {
            reader.read_directory(path)?
        } else {
            reader.read_file(path)?
        };
        if objects == 0 {
            return Err(FilesError::NoObject { path: path.clone() });
        }
    }
    Ok((reader.builder.finish(), reader.secrets))
}

/// Reads `texts`, each with the name that errors shall give it, as if they were files.
pub fn read_texts(texts: &[(String, String)], scope: Scope) -> Result<(Inventory, FileSecrets), FilesError> {
    let mut reader = Reader { builder: Builder::new(scope), secrets: FileSecrets::default() };
    for (name, text) in texts {
        reader.add_file(Path::new(name), text.as_bytes())?;
    }
    Ok((reader.builder.finish(), reader.secrets))
}

/// What has been read so far.
struct Reader {
    builder: Builder,
    secrets: FileSecrets,
}

/// What tells the kind of an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeMeta {
    api_version: String,
    kind: String,
}

impl Reader {
    /// Reads the manifests below `directory`. Tells how many objects there are; a broken file counts as one.
    fn read_directory(&mut self, directory: &Path) -> Result<usize, FilesError> {
        let mut objects = 0;
        for found in walk::manifests(directory)? {
            let read = match found {
                Found::File(path) => self.read_file(&path),
                Found::Closed(error) => Err(error),
            };
            objects += read.unwrap_or_else(|error| {
                self.builder.add_gap(unreadable("files", None, error.to_string()));
                1
            });
        }
        Ok(objects)
    }

    fn read_file(&mut self, path: &Path) -> Result<usize, FilesError> {
        let bytes = std::fs::read(path).map_err(|why| FilesError::Unreadable { path: path.into(), why })?;
        self.add_file(path, &bytes)
    }

    /// Takes in the objects of a file that holds `bytes`. Tells how many there are, of whatever kind.
    fn add_file(&mut self, path: &Path, bytes: &[u8]) -> Result<usize, FilesError> {
        let mut objects = 0;
        documents::for_each(bytes, |document| objects += self.add_document(document))
            .map_err(|why| FilesError::Unparsable { path: path.into(), why })?;
        Ok(objects)
    }

    /// Takes in the whole documents of a file that was not read to its end, and tells so. A list that is one document is not
    /// taken: what it begins with may not be most of it.
    fn add_beginning(&mut self, path: &Path, bytes: &[u8]) -> usize {
        let objects = self.add_file(path, documents::beginning(bytes));
        self.builder.add_gap(Gap {
            reason: "interrupted".to_owned(),
            ..unreadable("files", None, format!("the run ended before all of {} was read", shown(path)))
        });
        // Its gap counts as one.
        objects.unwrap_or_default() + 1
    }

    /// Takes in an object, or a list of objects, which may be lists themselves.
    fn add_document(&mut self, document: &RawValue) -> usize {
        let mut objects = 0;
        let mut waiting = vec![(document, None)];
        while let Some((json, implied)) = waiting.pop() {
            // Items of a typed list (`PodList`) need not say what they are.
            let Some((api_version, kind)) = type_of(json).or(implied) else { continue };
            // What marks an unpacked support bundle is no object of a cluster: a bundle must not read as an empty one.
            if api_version.starts_with("troubleshoot.sh/") {
                continue;
            }
            objects += 1;
            let Some(item_kind) = kind.strip_suffix("List") else {
                self.add_object(&api_version, &kind, json);
                continue;
            };
            let implied = (!item_kind.is_empty()).then(|| (api_version.clone(), item_kind.to_owned()));
            match serde_json::from_str::<List<'_>>(json.get()) {
                Ok(list) => waiting.extend(list.items.into_iter().map(|item| (item, implied.clone()))),
                Err(_) => self.builder.add_gap(unreadable(&kind, None, format!("a {kind} has items that are no list"))),
            }
        }
        objects
    }

    fn add_object(&mut self, api_version: &str, kind: &str, json: &RawValue) {
        if let Some(resource) = Resource::of(api_version, kind) {
            return self.builder.add(resource, json.get());
        }
        match (api_version, kind) {
            ("v1", "Namespace") => self.add_namespace(json),
            ("v1", "Secret") => match serde_json::from_str::<Secret<'_>>(json.get()) {
                Ok(secret) => self.secrets.add_secret(&secret),
                Err(_) => self.builder.add_gap(unreadable_object("secrets", json)),
            },
            ("v1", "ServiceAccount") => match serde_json::from_str::<ServiceAccount<'_>>(json.get()) {
                Ok(account) => self.secrets.add_account(account),
                Err(_) => self.builder.add_gap(unreadable_object("serviceaccounts", json)),
            },
            _ => {
                if let Some(kind) = CustomKind::of(api_version, kind) {
                    self.builder.add(Resource::Custom(&kind), json.get());
                }
            }
        }
    }

    fn add_namespace(&mut self, json: &RawValue) {
        if let Some(name) = metadata_of(json).name {
            self.builder.add_namespace(&name);
        }
    }
}

/// The apiVersion and kind that an object says.
fn type_of(json: &RawValue) -> Option<(String, String)> {
    let type_meta: TypeMeta = serde_json::from_str(json.get()).ok()?;
    Some((type_meta.api_version, type_meta.kind))
}

/// As much of an object's metadata as can be read.
fn metadata_of(json: &RawValue) -> Metadata<'_> {
    #[derive(Default, Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    serde_json::from_str::<Object<'_>>(json.get()).unwrap_or_default().metadata
}

/// The gap of a secret or of what names it. What is wrong stays untold, since that would quote what stands there.
fn unreadable_object(resource: &str, json: &RawValue) -> Gap {
    let metadata = metadata_of(json);
    let name = metadata.name.as_deref().unwrap_or("without a name");
    unreadable(
        resource,
        metadata.namespace.clone().map(String::from),
        format!("one of {resource}, {name}, could not be read"),
    )
}

fn unreadable(resource: &str, namespace: Option<String>, message: String) -> Gap {
    Gap {
        scope: GapScope::Kubernetes,
        resource: Some(resource.to_owned()),
        namespace,
        host: None,
        reason: "unreadable".to_owned(),
        message,
        incomplete: true,
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str() == STDIN { "stdin".to_owned() } else { path.display().to_string() }
}
