//! Whose turn it is: so many requests at once, and no registry before those that have fewer in flight.
//!
//! Registries that never answer hold what they have until their time is over. Served in the order of asking, they
//! would soon hold everything, and come back as soon as they lose it. Here what becomes free goes to who has least.
//!
//! A request counts twice. For fairness, and for the limit that a user sets, it counts for the registry that its image
//! names, whichever server it goes to: else a registry could take more by sending us to many. For what a server
//! bears it counts for the server that it goes to, be that a mirror, a token server or where blobs lie: trouble there
//! says nothing of the others.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::host::lock;
use super::window::{Nth, Sign, Window};

/// How long others wait for a server's first answer. Whether it speaks HTTP/2, and one connection is enough for all, the
/// client knows when it is connected: until then it would open a connection for each request.
const FIRST_ANSWER: Duration = Duration::from_millis(500);

/// The turns of a run.
pub(super) struct Turns(Mutex<State>);

struct State {
    /// the most requests at once
    all: usize,
    /// requests that may still be made
    free: usize,
    /// who has asked for a turn so far
    asked: u64,
    /// turns given so far
    given: u64,
    registries: IndexMap<String, Share>,
    /// by origin
    servers: IndexMap<String, Window>,
    /// those who wait
    lines: BTreeMap<Place, Line>,
}

/// Where a turn counts: the registry and the server, as they are numbered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    registry: usize,
    server: usize,
}

/// What a registry has of all turns.
struct Share {
    /// the most that may be in flight
    limit: usize,
    in_flight: usize,
    /// when it was last given a turn, counted in turns
    served: u64,
}

/// Those who want to ask one server on behalf of images of one registry.
#[derive(Default)]
struct Line {
    /// whose image has begun, so that its time runs
    begun: VecDeque<Waiting>,
    others: VecDeque<Waiting>,
}

struct Waiting {
    /// how many had asked before
    number: u64,
    sender: oneshot::Sender<Turn>,
}

/// For what a turn is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    /// the registry, as the reference names it
    pub registry: &'a str,
    /// how many requests may be in flight for it
    pub limit: usize,
    /// the server that is asked: scheme, host and port
    pub origin: &'a str,
    /// whether the image has made a request before
    pub has_begun: bool,
}

/// The right to make one request; it is given back when this is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    place: Place,
    nth: Nth,
    sign: Sign,
}

impl Turns {
    /// At most `all` requests at once.
    pub(super) fn new(all: usize) -> Arc<Self> {
        let all = all.max(1);
        let (registries, servers, lines) = (IndexMap::new(), IndexMap::new(), BTreeMap::new());
        Arc::new(Self(Mutex::new(State { all, free: all, asked: 0, given: 0, registries, servers, lines })))
    }

    /// Waits until a request may be made.
    pub(super) async fn next(self: &Arc<Self>, wish: Wish<'_>) -> Turn {
        loop {
            let (sender, receiver) = oneshot::channel();
            lock(&self.0).line_up(wish, sender);
            self.give();
            // Nobody drops the other end before a turn went through it.
            if let Ok(turn) = receiver.await {
                return turn;
            }
        }
    }

    /// Gives away what is free.
    fn give(self: &Arc<Self>) {
        loop {
            // The lock is not held while a turn is sent: whoever went away in this very moment drops it.
            let next = lock(&self.0).choose();
            let Some((sender, place, nth)) = next else { return };
            drop(sender.send(Turn { turns: Arc::clone(self), place, nth, sign: Sign::Nothing }));
        }
    }
}

impl Turn {
    /// Waits for the answer to the request that this turn is for.
    pub(super) async fn answer<T>(&self, mut answer: Pin<&mut impl Future<Output = T>>) -> T {
        if self.nth.is_first() {
            if let Ok(answer) = timeout(FIRST_ANSWER, &mut answer).await {
                return answer;
            }
            lock(&self.turns.0).window(self.place).into_iter().for_each(Window::open);
            self.turns.give();
        }
        answer.await
    }

    /// Gives the turn back at `until` and not before, if the server answers many others. One that is down is asked in vain
    /// however seldom.
    pub(super) fn keep(mut self, until: Instant) {
        let sign = std::mem::replace(&mut self.sign, Sign::Nothing);
        let is_crowded = lock(&self.turns.0).window(self.place).is_some_and(|window| {
            let is_crowded = window.is_crowded();
            window.note(self.nth, sign);
            is_crowded
        });
        if !is_crowded {
            return;
        }
        tokio::spawn(async move {
            sleep_until(until).await;
            drop(self);
        });
    }

    /// Notes what the answer tells of the server.
    pub(super) fn note(&mut self, sign: Sign) {
        self.sign = sign;
    }
}

impl Line {
    fn queue(&mut self, has_begun: bool) -> &mut VecDeque<Waiting> {
        if has_begun { &mut self.begun } else { &mut self.others }
    }

    /// Forgets those in front who went away. Returns whether anybody is left.
    fn is_waiting(&mut self) -> bool {
        for queue in [&mut self.begun, &mut self.others] {
            while queue.front().is_some_and(|waiting| waiting.sender.is_closed()) {
                queue.pop_front();
            }
        }
        !self.begun.is_empty() || !self.others.is_empty()
    }

    /// Who is next has the least: first whose time runs, then who has waited longest.
    fn rank(&self) -> (bool, u64) {
        let front = self.begun.front().or(self.others.front());
        (self.begun.is_empty(), front.map_or(u64::MAX, |waiting| waiting.number))
    }
}

impl State {
    fn line_up(&mut self, wish: Wish<'_>, sender: oneshot::Sender<Turn>) {
        let Wish { registry, limit, origin, has_begun } = wish;
        self.asked += 1;
        let new = || Share { limit: limit.max(1), in_flight: 0, served: 0 };
        let window = if origin.starts_with("https:") { Window::shy } else { Window::new };
        let place = Place {
            registry: number(&mut self.registries, registry, new),
            server: number(&mut self.servers, origin, || window(self.all)),
        };
        let line = self.lines.entry(place).or_default();
        line.queue(has_begun).push_back(Waiting { number: self.asked, sender });
    }

    fn choose(&mut self) -> Option<(oneshot::Sender<Turn>, Place, Nth)> {
        if self.free == 0 {
            return None;
        }
        self.lines.retain(|_, line| line.is_waiting());
        let (registries, servers) = (&self.registries, &self.servers);
        let open = self.lines.iter().filter_map(|(place, line)| {
            let (_, share) = registries.get_index(place.registry).filter(|(_, share)| share.in_flight < share.limit)?;
            let has_room = servers.get_index(place.server).is_some_and(|(_, window)| window.has_room());
            has_room.then(|| ((share.in_flight, share.served, line.rank()), *place))
        });
        let (_, place) = open.min()?;
        let line = self.lines.get_mut(&place)?;
        let waiting = line.begun.pop_front().or_else(|| line.others.pop_front())?;
        let nth = self.window(place)?.begin();
        let (_, share) = self.registries.get_index_mut(place.registry)?;
        self.free -= 1;
        self.given += 1;
        (share.in_flight, share.served) = (share.in_flight + 1, self.given);
        Some((waiting.sender, place, nth))
    }

    fn window(&mut self, place: Place) -> Option<&mut Window> {
        self.servers.get_index_mut(place.server).map(|(_, window)| window)
    }

    fn take_back(&mut self, turn: &Turn) {
        self.free += 1;
        if let Some((_, share)) = self.registries.get_index_mut(turn.place.registry) {
            share.in_flight -= 1;
        }
        if let Some(window) = self.window(turn.place) {
            window.end(turn.nth, turn.sign);
        }
    }
}

/// The number of `name`, which comes in with `new` when it is not known yet.
fn number<T>(known: &mut IndexMap<String, T>, name: &str, new: impl FnOnce() -> T) -> usize {
    known.get_index_of(name).unwrap_or_else(|| known.insert_full(name.to_owned(), new()).0)
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.turns.0).take_back(self);
        self.turns.give();
    }
}

#[cfg(test)]
mod tests;
