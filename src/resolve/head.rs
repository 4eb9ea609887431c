//! Asks what a reference names without fetching it.

use super::Named;
use crate::credentials::Credential;
use crate::image::{Digest, Failure, Repository};
use crate::registry::{Head, Session};

/// Which digest `target` names, and who says so; `None` when the registry does not say: its answer names no digest, or
/// another than it was asked for, or it does not know HEAD. Then only fetching the document tells.
pub(super) async fn head(
    session: &Session,
    repository: &Repository,
    target: &str,
    credential: &Credential,
) -> Result<Option<Named>, Failure> {
    match session.head(repository, target, credential).await {
        Ok(Head { digest: Some(digest), via, endpoint, .. }) => {
            let is_asked_for = Digest::parse(target).map_or(true, |asked| asked == digest);
            Ok(is_asked_for.then_some(Named { digest, via, endpoint, as_of: None }))
        }
        Ok(Head { digest: None, .. }) => Ok(None),
        Err(failure) if matches!(failure.http_status, Some(405 | 501)) => Ok(None),
        Err(failure) => Err(failure),
    }
}
