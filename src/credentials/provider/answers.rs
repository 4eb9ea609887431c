//! The answers of one plugin: kept as long and for as many images as it says, and asked for by one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ProviderError;
use super::response::{CacheKey, CacheKeyType, Response};
use crate::credentials::Credential;
use crate::image::Repository;

/// What a plugin said, or why it did not.
pub(super) type Answer = Result<Arc<Vec<(String, Credential)>>, ProviderError>;

/// What one plugin has answered so far.
#[derive(Default)]
pub(super) struct Answers {
    kept: Mutex<HashMap<CacheKey, Kept>>,
    /// whoever holds the lock of a key is the only one to ask for it
    flights: Mutex<HashMap<CacheKey, Arc<tokio::sync::Mutex<()>>>>,
    /// for which images its answers have been good so far; before the first, one asks for all
    good_for: Mutex<Option<CacheKeyType>>,
}

struct Kept {
    answer: Answer,
    /// `None`: for the run
    until: Option<Instant>,
}

impl Answers {
    /// The answer for `repository`: the one that is kept, else what `ask` brings.
    ///
    /// How many images an answer is good for is known only after the first one, so that all wait for that.
    pub(super) async fn get(
        &self,
        repository: &Repository,
        default_life: Duration,
        ask: impl Future<Output = Result<Response, ProviderError>>,
    ) -> Answer {
        loop {
            let key = self.flight_key(repository);
            let flight = Arc::clone(lock(&self.flights).entry(key.clone()).or_default());
            let _alone = flight.lock().await;
            if let Some(answer) = self.kept(repository) {
                return answer;
            }
            if self.flight_key(repository) == key {
                return self.keep(repository, ask.await, default_life);
            }
        }
    }

    fn flight_key(&self, repository: &Repository) -> CacheKey {
        lock(&self.good_for).unwrap_or(CacheKeyType::Global).key(repository)
    }

    fn kept(&self, repository: &Repository) -> Option<Answer> {
        let kept = lock(&self.kept);
        let keys = [CacheKeyType::Image, CacheKeyType::Registry, CacheKeyType::Global].map(|kind| kind.key(repository));
        let mut found = keys.iter().filter_map(|key| kept.get(key));
        found.find(|kept| kept.until.is_none_or(|until| until > Instant::now())).map(|kept| kept.answer.clone())
    }

    fn keep(
        &self,
        repository: &Repository,
        response: Result<Response, ProviderError>,
        default_life: Duration,
    ) -> Answer {
        let (key, until, answer) = match response {
            // A plugin that hangs shall do so once for a registry, not for each of its images.
            Err(error) => (CacheKeyType::Registry.key(repository), None, Err(error)),
            Ok(Response { good_for, life, logins }) => {
                let (life, answer) = (life.unwrap_or(default_life), Ok(Arc::new(logins)));
                if life.is_zero() {
                    // Good for this once: nobody needs to wait for another's.
                    *lock(&self.good_for) = Some(CacheKeyType::Image);
                    return answer;
                }
                *lock(&self.good_for) = Some(good_for);
                (good_for.key(repository), Instant::now().checked_add(life), answer)
            }
        };
        lock(&self.kept).insert(key, Kept { answer: answer.clone(), until });
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
