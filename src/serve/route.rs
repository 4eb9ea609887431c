//! Which resource a request is about: paths and queries as data.

use percent_encoding::percent_decode_str;

use super::refusal::{Code, Refusal};
use super::{InvalidName, RepositoryName, Target};
use crate::image::Digest;

/// A resource of the distribution specification ("Endpoints").
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Root,
    Catalog,
    Tags(RepositoryName),
    Manifest(RepositoryName, Target),
    Blob(RepositoryName, Digest),
    Uploads(RepositoryName),
    Upload(RepositoryName, String),
    Referrers(RepositoryName, Digest),
}

impl Route {
    /// Reads a path. It is decoded once, and every part is validated afterwards, so that no encoding hides anything.
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let no_such_page = || Refusal::new(Code::NameUnknown, "there is nothing at this path");
        let path = percent_decode_str(path).decode_utf8().map_err(|_| no_such_page())?;
        let rest = match path.strip_prefix("/v2") {
            Some("" | "/") => return Ok(Self::Root),
            Some(rest) => rest.strip_prefix('/').ok_or_else(no_such_page)?,
            None => return Err(no_such_page()),
        };
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            ["_catalog"] => Ok(Self::Catalog),
            [name @ .., "tags", "list"] => Ok(Self::Tags(parse_name(name)?)),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Ok(Self::Uploads(parse_name(name)?))
            }
            [name @ .., "blobs", "uploads", id] => Ok(Self::Upload(parse_name(name)?, (*id).to_owned())),
            [name @ .., "blobs", digest] => Ok(Self::Blob(parse_name(name)?, parse_digest(digest)?)),
            [name @ .., "manifests", target] => Ok(Self::Manifest(parse_name(name)?, Target::parse(target)?)),
            [name @ .., "referrers", digest] => Ok(Self::Referrers(parse_name(name)?, parse_digest(digest)?)),
            _ => Err(no_such_page()),
        }
    }
}

fn parse_name(parts: &[&str]) -> Result<RepositoryName, Refusal> {
    Ok(RepositoryName::parse(&parts.join("/"))?)
}

fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    Ok(Digest::parse(text).map_err(InvalidName::from)?)
}

/// The parameters of a request that we know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    n: Option<String>,
    pub(super) last: Option<String>,
    digest: Option<String>,
    mount: Option<String>,
    from: Option<String>,
    pub(super) artifact_type: Option<String>,
}

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let mut known = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let slot = match &*key {
                "n" => &mut known.n,
                "last" => &mut known.last,
                "digest" => &mut known.digest,
                "mount" => &mut known.mount,
                "from" => &mut known.from,
                "artifactType" => &mut known.artifact_type,
                _ => continue,
            };
            *slot = Some(value.into_owned());
        }
        known
    }

    /// `n`: how many entries a page shall have.
    pub(super) fn page_size(&self) -> Result<Option<usize>, Refusal> {
        let invalid = |_| Refusal::new(Code::PaginationNumberInvalid, "n is not a number of entries");
        self.n.as_deref().map(|n| n.parse().map_err(invalid)).transpose()
    }

    /// `digest`: what an upload says that it is.
    pub(super) fn digest(&self) -> Result<Option<Digest>, Refusal> {
        self.digest.as_deref().map(parse_digest).transpose()
    }

    /// `mount` and `from`: a blob, and the repository that has it.
    pub(super) fn mount(&self) -> Result<Option<(Digest, RepositoryName)>, Refusal> {
        match (&self.mount, &self.from) {
            (Some(digest), Some(from)) => Ok(Some((parse_digest(digest)?, RepositoryName::parse(from)?))),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    #[test]
    fn paths_are_read() {
        let digest = Digest::parse(DIGEST).unwrap();
        for (path, route) in [
            ("/v2", Route::Root),
            ("/v2/", Route::Root),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/tags/list", Route::Tags(name("a"))),
            ("/v2/a/b/tags/list", Route::Tags(name("a/b"))),
            ("/v2/tags/list/tags/list", Route::Tags(name("tags/list"))),
            ("/v2/a/manifests/v1", Route::Manifest(name("a"), Target::parse("v1").unwrap())),
            ("/v2/a/blobs/uploads", Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads/", Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads/7f", Route::Upload(name("a"), "7f".into())),
            (&format!("/v2/a/manifests/{DIGEST}"), Route::Manifest(name("a"), Target::Digest(digest.clone()))),
            (&format!("/v2/a/blobs/{DIGEST}"), Route::Blob(name("a"), digest.clone())),
            (&format!("/v2/a/blobs/{}", DIGEST.replace(':', "%3A")), Route::Blob(name("a"), digest.clone())),
            (&format!("/v2/a/referrers/{DIGEST}"), Route::Referrers(name("a"), digest.clone())),
        ] {
            assert_eq!(Route::parse(path).unwrap(), route, "{path}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_store() {
        for path in [
            "/",
            "/v1/",
            "/v2x/a/tags/list",
            "/v2/tags/list",
            "/v2/../tags/list",
            "/v2/a/../b/tags/list",
            "/v2/a/%2e%2e/b/tags/list",
            "/v2/..%2f..%2fetc/tags/list",
            "/v2/a%00/tags/list",
            "/v2/a//b/tags/list",
            "/v2/A/tags/list",
            "/v2/a/_tags/tags/list",
            "/v2/a/manifests/..",
            "/v2/a/manifests/%2e%2e%2fx",
            "/v2/a/manifests/-x",
            "/v2/a/manifests/sha256:..%2f..%2fpasswd",
            "/v2/a/blobs/sha256:00",
            "/v2/a/blobs/..",
            "/v2/a/blobs/%ff",
            "/v2/a/referrers/latest",
        ] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn queries_are_read() {
        let query = Query::parse(Some("n=2&last=v%2B1&x=y&from=a/b"));
        assert_eq!(query.page_size().unwrap(), Some(2));
        assert_eq!(query.last.as_deref(), Some("v+1"));
        assert_eq!(query.mount().unwrap(), None);
        assert!(Query::parse(Some("n=-1")).page_size().is_err());
        assert!(Query::parse(Some("digest=sha256:x")).digest().is_err());
        assert!(Query::parse(Some(&format!("mount={DIGEST}&from=../b"))).mount().is_err());
    }
}
