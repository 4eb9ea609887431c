//! Whose turn it is: so many requests at once, and no registry before those that have fewer in flight.
//!
//! Registries that never answer hold what they have until their time is over. Served in the order of asking, they
//! would soon hold everything, and come back as soon as they lose it. Here what becomes free goes to who has least.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::host::lock;

/// The turns of a run.
pub(super) struct Turns(Mutex<State>);

struct State {
    /// requests that may still be made
    free: usize,
    /// turns given so far
    given: u64,
    /// by registry
    lines: BTreeMap<String, Line>,
}

/// Those who want to ask one registry.
struct Line {
    /// the most that may be in flight
    limit: usize,
    in_flight: usize,
    /// when it was last given a turn, counted in turns
    served: u64,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to make one request; it is given back when this is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    registry: String,
}

impl Turns {
    /// At most `all` requests at once.
    pub(super) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: all.max(1), given: 0, lines: BTreeMap::new() })))
    }

    /// Waits until a request to `registry` may be made, of which at most `limit` are in flight.
    pub(super) async fn next(self: &Arc<Self>, registry: &str, limit: usize) -> Option<Turn> {
        let (sender, receiver) = oneshot::channel();
        let new = || Line { limit: limit.max(1), in_flight: 0, served: 0, waiting: VecDeque::new() };
        lock(&self.0).lines.entry(registry.to_owned()).or_insert_with(new).waiting.push_back(sender);
        self.give();
        // Nobody drops the other end before a turn went through it.
        receiver.await.ok()
    }

    /// Gives away what is free.
    fn give(self: &Arc<Self>) {
        loop {
            // The lock is not held while a turn is sent: whoever went away in this very moment drops it.
            let next = lock(&self.0).choose();
            let Some((waiting, registry)) = next else { return };
            drop(waiting.send(Turn { turns: Arc::clone(self), registry }));
        }
    }
}

impl State {
    fn choose(&mut self) -> Option<(oneshot::Sender<Turn>, String)> {
        if self.free == 0 {
            return None;
        }
        for line in self.lines.values_mut() {
            while line.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                line.waiting.pop_front();
            }
        }
        let open = self.lines.iter_mut().filter(|(_, line)| line.in_flight < line.limit && !line.waiting.is_empty());
        let (registry, line) = open.min_by_key(|(_, line)| (line.in_flight, line.served))?;
        let waiting = line.waiting.pop_front()?;
        self.free -= 1;
        self.given += 1;
        (line.in_flight, line.served) = (line.in_flight + 1, self.given);
        Some((waiting, registry.clone()))
    }

    fn take_back(&mut self, registry: &str) {
        self.free += 1;
        if let Some(line) = self.lines.get_mut(registry) {
            line.in_flight -= 1;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.turns.0).take_back(&self.registry);
        self.turns.give();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_registry_holds_no_more_than_its_own_turns() {
        let turns = Turns::new(3);
        let (first, _second) = (turns.next("slow", 2).await, turns.next("slow", 2).await);
        assert!(turns.next("slow", 2).now_or_never().is_none());
        let other = turns.next("other", 2).now_or_never();
        assert!(other.is_some());
        assert!(turns.next("third", 2).now_or_never().is_none(), "all three are taken");
        drop(first);
        assert!(turns.next("third", 2).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_becomes_free_goes_to_who_has_least() {
        let turns = Turns::new(4);
        let mut held: VecDeque<_> = (0..4).map(|_| turns.next("slow", 9).now_or_never().unwrap()).collect();
        let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(turns.next("slow", 9))).collect();
        assert!(waiting.iter_mut().all(|next| next.now_or_never().is_none()));
        let mut late = Box::pin(turns.next("late", 9));
        assert!((&mut late).now_or_never().is_none());
        held.pop_front();
        let turn = late.now_or_never().expect("who has none is next");
        // It keeps its place until it has as many as the other.
        let mut again = Box::pin(turns.next("late", 9));
        assert!((&mut again).now_or_never().is_none());
        drop(turn);
        assert!(again.now_or_never().is_some());
    }

    #[tokio::test]
    async fn equals_take_turns() {
        let turns = Turns::new(1);
        let mut turn = Some(turns.next("a", 1).await);
        let mut waiting: Vec<_> = ["a", "a", "b", "b"].map(|name| (name, Box::pin(turns.next(name, 1)))).into();
        assert!(waiting.iter_mut().all(|(_, next)| next.now_or_never().is_none()));
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(turn.take());
            let at = waiting.iter_mut().position(|(_, next)| match next.now_or_never() {
                Some(given) => {
                    turn = Some(given);
                    true
                }
                None => false,
            });
            order.push(waiting.remove(at.unwrap()).0);
        }
        assert_eq!(order, ["b", "a", "b", "a"]);
    }

    #[tokio::test]
    async fn who_goes_away_leaves_nothing_behind() {
        let turns = Turns::new(1);
        let held = turns.next("a", 1).await;
        let mut gone: Vec<_> = (0..10_000).map(|_| Box::pin(turns.next("a", 1))).collect();
        assert!(gone.iter_mut().all(|next| next.now_or_never().is_none()));
        let mut given = gone.pop().unwrap();
        drop(gone);
        drop(held);
        assert!(given.as_mut().now_or_never().is_some());
        let unread = Box::pin(turns.next("a", 1));
        drop(given);
        drop(unread);
        assert!(turns.next("a", 1).now_or_never().is_some());
    }
}
