//! The referrers API: what is attached to a manifest
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>).

use url::Url;

use super::client::{Got, Session};
use super::exchange::Answer;
use super::item::Item;
use crate::credentials::Credential;
use crate::image::{Digest, Document, Failure, IndexEntry, Repository};

/// How many pages of one list are read: more than any image has attachments for.
const MAX_PAGES: usize = 16;

impl Session {
    /// Lists what is attached to the manifest `digest`; `None` when the registry does not know the API.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        credential: &Credential,
    ) -> Result<Option<Vec<IndexEntry>>, Failure> {
        let name = format!("{repository}@{digest}");
        let (mut entries, mut query) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let item = Item::referrers(&name, repository, digest, query.as_deref(), credential);
            let Got { answer, .. } = match self.fetch(&item, |_| Ok(())).await {
                Ok(got) => got,
                // What a server says of a path that it does not know.
                Err(failure) if matches!(failure.http_status, Some(400 | 404 | 405 | 501)) => return Ok(None),
                Err(failure) => return Err(failure),
            };
            let Ok((Document::Index(index), _)) = Document::parse(&answer.body, answer.content_type()) else {
                return Ok(None);
            };
            entries.extend(index.entries);
            query = next_page(&answer);
            if query.is_none() {
                break;
            }
        }
        Ok(Some(entries))
    }
}

/// The query of the next page, from `Link: <…>; rel="next"` (RFC 8288). Only the query is followed: the rest of the
/// URL is the registry's to say nowhere.
fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.headers.get(http::header::LINK)?.to_str().ok()?;
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
    let next: Url = answer.url.join(target).ok().filter(|_| is_next)?;
    next.query().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_known_by_its_query() {
        for (link, expected) in [
            (r#"</v2/a/referrers/x?last=b&n=2>; rel="next""#, Some("last=b&n=2")),
            (r"<?last=b>; rel=next", Some("last=b")),
            (r#"<https://elsewhere.io/x?last=b>; rel="next""#, Some("last=b")),
            (r#"</v2/a/referrers/x?last=b>; rel="prev""#, None),
            (r#"</v2/a/referrers/x>; rel="next""#, None),
            ("next", None),
        ] {
            let mut answer = Answer::test(200, "{}");
            answer.headers.insert(http::header::LINK, link.parse().unwrap());
            assert_eq!(next_page(&answer).as_deref(), expected, "{link}");
        }
        assert_eq!(next_page(&Answer::test(200, "{}")), None);
    }
}
