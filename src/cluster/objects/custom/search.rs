//! Searches JSON of unknown shape for images, while it is read and without holding it.
//!
//! An `image` beside a `name`, in a list whose key ends in `ontainers`, is a container's. Other strings under `image`,
//! `*Image`, `imageName` and `*ImageName` are taken for images when they look like one, and so are objects under such
//! a key that hold a `reference`, or a `repository` with a `tag` or `digest`.

use serde::de::{DeserializeSeed, Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{FieldHolder, ImageField};
use crate::image::Reference;
use crate::vocabulary::ContainerType;

/// How deep an object is searched. The deepest custom resources embed a pod template a few levels down.
const MAX_DEPTH: usize = 64;
/// How many images one object may name.
const MAX_IMAGES: usize = 1000;
/// The longest path and the longest text that are kept, in bytes; a reference has some 500 at most.
const MAX_TEXT: usize = 1000;

/// Fields that only a container has: beside one of them a single word may be an image, such as `busybox`.
const OF_CONTAINERS: &[&str] =
    &["args", "command", "env", "imagePullPolicy", "resources", "script", "source", "volumeMounts"];
/// Fields that make up a container, an image or a pod together with others.
const PARTS: &[&str] = &[
    "name",
    "imagePullPolicy",
    "restartPolicy",
    "registry",
    "repository",
    "tag",
    "digest",
    "reference",
    "serviceAccountName",
];
/// Endings of files, which may look like a reference else.
const FILES: &[&str] = &[".gif", ".img", ".iso", ".jpeg", ".jpg", ".png", ".qcow2", ".raw", ".svg"];

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) images: Vec<ImageField>,
    pub(super) pull_secrets: Vec<String>,
    pub(super) service_account: Option<String>,
    /// whether a bound was met
    pub(super) is_cut: bool,
}

/// Searches an object. Its status only mirrors what its spec says or what runs, so that it is passed by.
pub(super) fn search(json: &str) -> Result<Found, serde_json::Error> {
    let mut search = Search::default();
    let root = Value { search: &mut search, place: Place::Root, depth: 0, keeps_text: false };
    serde_json::Deserializer::from_str(json).deserialize_map(root)?;
    Ok(search.found)
}

/// Where a search stands.
#[derive(Default)]
struct Search {
    found: Found,
    path: String,
}

/// What a value is, by the key above it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// under a key that ends in `ontainers`
    ContainerList(ContainerType),
    /// an entry of such a list
    Container(ContainerType),
    /// under a key that names an image
    Image,
    /// under `imagePullSecrets`, or an entry of that list
    PullSecrets,
    Other,
}

/// A value that is to be searched. What it gives back is its text, where that is of use.
struct Value<'a> {
    search: &'a mut Search,
    place: Place,
    depth: usize,
    keeps_text: bool,
}

/// What an object holds beside each other.
#[derive(Default)]
struct Siblings {
    /// strings under keys that name an image
    images: Vec<(String, String)>,
    parts: Vec<(&'static str, String)>,
    has_container_field: bool,
}

impl Search {
    /// Goes down to `key`, and returns the way back; `None` when the path would become too long.
    fn descend(&mut self, key: &str) -> Option<usize> {
        let back = self.path.len();
        if back + key.len() > MAX_TEXT {
            return None;
        }
        self.path.push_str(&step(&self.path, key));
        Some(back)
    }

    fn add(&mut self, text: String, path: String, holder: FieldHolder) {
        if self.found.images.len() < MAX_IMAGES {
            self.found.images.push(ImageField { text, path, holder });
        } else {
            self.found.is_cut = true;
        }
    }
}

/// `key` as it goes on behind `path`.
fn step(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match (path.is_empty(), !key.is_empty() && key.chars().all(is_plain)) {
        (true, true) => key.to_owned(),
        (false, true) => format!(".{key}"),
        (_, false) => format!("[{key:?}]"),
    }
}

impl Place {
    fn below(self, key: &str) -> Self {
        match key {
            "initContainers" => Self::ContainerList(ContainerType::Init),
            "ephemeralContainers" => Self::ContainerList(ContainerType::Ephemeral),
            _ if key.ends_with("ontainers") => Self::ContainerList(ContainerType::Container),
            "imagePullSecrets" | "imagePullSecret" => Self::PullSecrets,
            _ if names_image(key) => Self::Image,
            _ => Self::Other,
        }
    }

    fn of_entries(self) -> Self {
        match self {
            Self::ContainerList(kind) => Self::Container(kind),
            Self::PullSecrets => Self::PullSecrets,
            _ => Self::Other,
        }
    }
}

/// `baseImage` is left out: its tag stands elsewhere, under a name that each operator chooses.
fn names_image(key: &str) -> bool {
    let endings = ["Image", "ImageName"];
    key == "image" || key == "imageName" || (endings.iter().any(|end| key.ends_with(end)) && key != "baseImage")
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Option<String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.depth > MAX_DEPTH {
            self.search.found.is_cut = true;
            // The one way that takes no stack for what nests further.
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| None);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.len() > MAX_TEXT {
            return Ok(None);
        }
        if self.place == Place::PullSecrets {
            add_secret(&mut self.search.found, text);
        }
        Ok(self.keeps_text.then(|| text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Self { search, place, depth, .. } = self;
        let back = search.path.len();
        for at in 0_usize.. {
            search.path.push_str(&format!("[{at}]"));
            let entry = Value { search, place: place.of_entries(), depth: depth + 1, keeps_text: false };
            let next = list.next_element_seed(entry)?;
            search.path.truncate(back);
            if next.is_none() {
                break;
            }
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { search, place, depth, .. } = self;
        let mut siblings = Siblings::default();
        while let Some(key) = map.next_key::<String>()? {
            let is_passed = key == "managedFields" || (place == Place::Root && key == "status");
            let Some(back) = (if is_passed { None } else { search.descend(&key) }) else {
                search.found.is_cut |= !is_passed;
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = Value { search, place: place.below(&key), depth: depth + 1, keeps_text: Siblings::keeps(&key) };
            let text = map.next_value_seed(value)?;
            search.path.truncate(back);
            siblings.note(key, text);
        }
        siblings.judge(search, place);
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl Siblings {
    fn keeps(key: &str) -> bool {
        PARTS.contains(&key) || names_image(key)
    }

    fn note(&mut self, key: String, text: Option<String>) {
        self.has_container_field |= OF_CONTAINERS.contains(&key.as_str());
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return };
        if let Some(part) = PARTS.iter().find(|part| **part == key) {
            self.parts.push((part, text));
        } else {
            self.images.push((key, text));
        }
    }

    fn part(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|(part, _)| *part == name).map(|(_, text)| text.as_str())
    }

    /// What the object is, now that all of it was seen.
    fn judge(mut self, search: &mut Search, place: Place) {
        for (key, text) in std::mem::take(&mut self.images) {
            let path = format!("{}{}", search.path, step(&search.path, &key));
            match self.container(place).filter(|_| key == "image") {
                // What is filled in later names no image yet.
                Some(container) if !is_template(&text) => search.add(text, path, container),
                None if looks_like_image(&text, self.has_container_field) => search.add(text, path, FieldHolder::Other),
                _ => {}
            }
        }
        if let Some(account) = self.part("serviceAccountName") {
            search.found.service_account.get_or_insert_with(|| account.to_owned());
        }
        match place {
            Place::Image => self.add_parts_of_image(search),
            Place::PullSecrets => self.part("name").into_iter().for_each(|name| add_secret(&mut search.found, name)),
            _ => {}
        }
    }

    fn container(&self, place: Place) -> Option<FieldHolder> {
        let Place::Container(kind) = place else { return None };
        let kind = match (kind, self.part("restartPolicy")) {
            (ContainerType::Init, Some("Always")) => ContainerType::Sidecar,
            _ => kind,
        };
        let pull_policy = self.part("imagePullPolicy").map(str::to_owned);
        Some(FieldHolder::Container { name: self.part("name")?.to_owned(), kind, pull_policy })
    }

    /// An image that is told in parts, as Helm's values do, or as an image volume's reference.
    fn add_parts_of_image(&self, search: &mut Search) {
        if let Some(reference) = self.part("reference").filter(|text| looks_like_image(text, false)) {
            search.add(reference.to_owned(), format!("{}.reference", search.path), FieldHolder::Other);
        }
        let Some(repository) = self.part("repository") else { return };
        let mut text = self.part("registry").map(|registry| format!("{registry}/")).unwrap_or_default();
        text.push_str(repository);
        for (sign, part) in [(':', self.part("tag")), ('@', self.part("digest"))] {
            text.extend(part.map(|part| format!("{sign}{part}")));
        }
        // Without either it is the operator that knows which.
        let is_whole = self.part("tag").or(self.part("digest")).is_some();
        if is_whole && looks_like_image(&text, false) {
            search.add(text, search.path.clone(), FieldHolder::Other);
        }
    }
}

fn add_secret(found: &mut Found, name: &str) {
    if !found.pull_secrets.iter().any(|known| known == name) && found.pull_secrets.len() < MAX_IMAGES {
        found.pull_secrets.push(name.to_owned());
    }
}

/// Whether parameters are still to be filled in: Argo's `{{…}}`, Tekton's `$(…)`, a shell's `${…}`.
fn is_template(text: &str) -> bool {
    ["{{", "$(", "${"].iter().any(|sign| text.contains(sign))
}

/// Whether `text`, under a key that names an image, is one. A single word could be anything, except in a container.
fn looks_like_image(text: &str, in_container: bool) -> bool {
    let has_shape = in_container || text.contains(['/', ':', '@']);
    has_shape && !FILES.iter().any(|ending| text.ends_with(ending)) && Reference::is_valid(text)
}
