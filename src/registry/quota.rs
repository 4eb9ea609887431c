//! A registry's quota: what is left of it for each login, and how much of that is ours to spend.
//!
//! Docker Hub counts a GET of a manifest as a pull and a HEAD as none
//! (<https://docs.docker.com/docker-hub/usage/pulls/>). The cluster pulls with the same account, or from the same
//! address, so that the last pulls are left to it.

use std::collections::HashMap;
use std::sync::Mutex;

use http::HeaderMap;

use super::authorization::Login;
use super::fault::Fault;
use super::host::lock;
use super::retry::quota;
use crate::vocabulary::ErrorClass;

/// Pulls that are left to the cluster.
const LEFT_TO_THE_CLUSTER: u64 = 10;

/// Whether `registry`, as references name it, counts GETs of manifests as pulls. Who only wants to know what a tag
/// names, or whether it may be read, asks it by HEAD.
pub fn counts_pulls(registry: &str) -> bool {
    registry == "docker.io"
}

/// What is known of a registry's quotas: an account has its own, an address another.
pub(super) struct Quotas {
    /// pulls that are never made
    reserve: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_login: HashMap<Login, Quota>,
    /// limit and remaining, as an answer said last
    last: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Default)]
struct Quota {
    /// the lowest that was heard of limit and remaining; `None`: nothing was, as of an account without a limit
    heard: Option<Left>,
    /// pulls of which it is not known yet whether they were counted
    in_flight: u64,
    /// whether a pull was not made, to keep the reserve
    is_held: bool,
}

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    limit: u64,
    remaining: u64,
}

/// The right to make one pull. Dropped without an answer, the pull counts as made.
pub(super) struct Pull<'a> {
    quotas: &'a Quotas,
    login: Login,
    was_counted: bool,
}

/// A pull that is not made.
#[derive(Debug)]
pub(super) struct Held {
    /// what is left
    pub left: Left,
    /// whether it is the first one with this login
    pub is_first: bool,
}

impl Quotas {
    /// The quotas of `registry`, as references name it.
    pub(super) fn of(registry: &str) -> Self {
        let reserve = if counts_pulls(registry) { LEFT_TO_THE_CLUSTER } else { 0 };
        Self { reserve, state: Mutex::default() }
    }

    /// Asks for the right to make one more pull. What is in flight may not have been counted yet.
    pub(super) fn begin_pull(&self, login: &Login) -> Result<Pull<'_>, Held> {
        let mut state = lock(&self.state);
        let quota = state.by_login.entry(*login).or_default();
        let after = |heard: Left| Left { remaining: heard.remaining.saturating_sub(quota.in_flight), ..heard };
        let left = quota.heard.map(after).filter(|left| self.reserve > 0 && left.remaining <= self.reserve);
        if let Some(left) = left {
            let is_first = !std::mem::replace(&mut quota.is_held, true);
            return Err(Held { left, is_first });
        }
        quota.in_flight += 1;
        Ok(Pull { quotas: self, login: *login, was_counted: false })
    }

    /// Notes what an answer to `login` says, which may be that to a pull. Answers may overtake each other, so that the
    /// lowest counts; a quota hardly fills up within a run.
    pub(super) fn note(&self, login: &Login, headers: &HeaderMap, pull: Option<Pull<'_>>) {
        let (Some(limit), Some(remaining)) = (quota(headers, "ratelimit-limit"), quota(headers, "ratelimit-remaining"))
        else {
            return;
        };
        let mut state = lock(&self.state);
        state.last = Some((limit, remaining));
        let quota = state.by_login.entry(*login).or_default();
        let lowest = quota.heard.map_or(remaining, |left| left.remaining.min(remaining));
        quota.heard = Some(Left { limit, remaining: lowest });
        drop(state);
        if let Some(mut pull) = pull {
            pull.was_counted = true;
        }
    }

    /// Limit and remaining, as an answer said last.
    pub(super) fn last(&self) -> Option<(u64, u64)> {
        lock(&self.state).last
    }

    /// Whether a pull was not made, to keep the reserve.
    pub(super) fn is_held(&self) -> bool {
        lock(&self.state).by_login.values().any(|quota| quota.is_held)
    }
}

impl Drop for Pull<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.quotas.state);
        let Some(quota) = state.by_login.get_mut(&self.login) else { return };
        quota.in_flight = quota.in_flight.saturating_sub(1);
        if let Some(left) = quota.heard.as_mut().filter(|_| !self.was_counted) {
            left.remaining = left.remaining.saturating_sub(1);
        }
    }
}

impl Held {
    /// What is said of the pull that is not made.
    pub(super) fn fault(&self, origin: &str) -> Fault {
        const REMEDY: &str = "log in for a larger quota, or run again when it has filled up";
        let what = format!("has {}", self.left);
        Fault { sent: false, ..Fault::final_answer(ErrorClass::RateLimited, origin, what, REMEDY) }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} pulls left, which are left to the cluster", self.remaining, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Credential;

    fn said(limit: u64, remaining: u64) -> HeaderMap {
        [("ratelimit-limit", limit), ("ratelimit-remaining", remaining)]
            .map(|(name, value)| (name.parse().unwrap(), format!("{value};w=21600").parse().unwrap()))
            .into_iter()
            .collect()
    }

    fn anonymous() -> Login {
        Login::of(&Credential::Anonymous)
    }

    fn alice() -> Login {
        Login::of(&Credential::Password { username: "alice".into(), password: "x".to_owned().into() })
    }

    /// Pulls one after the other until one is not made; how many were.
    fn pull_until_held(quotas: &Quotas, mut remaining: u64) -> u64 {
        let mut pulls = 0;
        while let Ok(pull) = quotas.begin_pull(&anonymous()) {
            (remaining, pulls) = (remaining - 1, pulls + 1);
            quotas.note(&anonymous(), &said(100, remaining), Some(pull));
        }
        pulls
    }

    #[test]
    fn the_last_pulls_are_left_to_the_cluster() {
        for (remaining, pulls) in [(14, 4), (11, 1), (10, 0), (0, 0)] {
            let quotas = Quotas::of("docker.io");
            quotas.note(&anonymous(), &said(100, remaining), None);
            assert_eq!(pull_until_held(&quotas, remaining), pulls, "{remaining}");
            assert_eq!(quotas.last(), Some((100, remaining - pulls)));
            assert!(quotas.is_held());
        }
    }

    #[test]
    fn pulls_in_flight_count_as_made() {
        let quotas = Quotas::of("docker.io");
        quotas.note(&anonymous(), &said(100, 13), None);
        let flying: Vec<_> = std::iter::from_fn(|| quotas.begin_pull(&anonymous()).ok()).collect();
        assert_eq!(flying.len(), 3);
        // Of these nothing was heard: they were made.
        drop(flying);
        let held = quotas.begin_pull(&anonymous()).err().unwrap();
        assert_eq!(held.left, Left { limit: 100, remaining: 10 });
        assert!(!held.is_first, "the first was refused while three were in flight");
    }

    #[test]
    fn a_pull_that_is_not_counted_costs_nothing() {
        let quotas = Quotas::of("docker.io");
        for _ in 0..200 {
            let pull = quotas.begin_pull(&anonymous()).unwrap();
            quotas.note(&anonymous(), &said(100, 50), Some(pull));
        }
    }

    #[test]
    fn answers_may_overtake_each_other() {
        let quotas = Quotas::of("docker.io");
        quotas.note(&anonymous(), &said(100, 10), None);
        quotas.note(&anonymous(), &said(100, 11), None);
        assert!(quotas.begin_pull(&anonymous()).is_err());
    }

    #[test]
    fn each_login_has_its_own() {
        let quotas = Quotas::of("docker.io");
        quotas.note(&anonymous(), &said(100, 3), None);
        quotas.note(&alice(), &said(200, 150), None);
        assert!(quotas.begin_pull(&anonymous()).is_err_and(|held| held.is_first));
        assert!(quotas.begin_pull(&alice()).is_ok());
    }

    #[test]
    fn who_does_not_count_is_not_spared() {
        for (registry, headers) in [("ghcr.io", said(100, 1)), ("docker.io", HeaderMap::new())] {
            let quotas = Quotas::of(registry);
            quotas.note(&anonymous(), &headers, None);
            assert!(quotas.begin_pull(&anonymous()).is_ok(), "{registry}");
            assert!(!quotas.is_held());
        }
    }
}
