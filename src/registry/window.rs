//! How many requests may be in flight to one server: more while it answers well, half as many when it is in trouble.
//!
//! It works as TCP does (RFC 5681), counted in requests: up to a threshold each good answer lets one more in, from there on
//! a whole window of good answers does. Requests that were sent together tend to fail together, so what was sent before a
//! halving tells nothing any more.
//!
//! Unlike a line, a server can be down. Then nothing is gained by asking less, and the run would last for ever with its images
//! one after the other. So what fails halves the window once, and again only when something was answered in between; a
//! server that asks to slow down always gets its way.

use std::time::Duration;

use tokio::time::Instant;

/// Where a window begins. A registry's frontend bears so much at once, and most clients ask for as much.
const START: usize = 32;

/// What a window is never halved below, unless a user allows less. A server that wants still less says when to come back, and
/// is left in peace until then; asked one by one, each of its refusals would cost a whole pause.
pub(super) const LEAST: usize = 16;

/// A server of which nothing was heard for so long may be down.
const QUIET: Duration = Duration::from_secs(1);

/// Any server bears so many at once.
const FEW: usize = 8;

/// The window of one server.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    /// it never grows beyond
    most: usize,
    /// below it the window grows with each good answer
    threshold: usize,
    /// good answers since it last grew, from the threshold on
    good: usize,
    in_flight: usize,
    /// requests sent so far
    sent: u64,
    /// of these, how many before the last halving
    settled: u64,
    /// whether nothing was answered well since the last halving
    is_mute: bool,
    /// whether the first request is still to be made, or to be answered
    is_new: bool,
    /// when it last answered well; before it did, when it was first asked
    heard: Instant,
}

/// One request's place in the order of all that were sent to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nth(u64);

/// What an answer, or its absence, tells of how a server bears what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// it answers as it should, be it with a refusal
    Good,
    /// it asks for less
    SlowDown,
    /// it is asked too much, or it is down
    Trouble,
    /// nothing: nobody waited for its answer, or it was not reached
    Nothing,
}

impl Nth {
    /// Whether none was sent before it.
    pub(super) fn is_first(self) -> bool {
        self.0 == 1
    }
}

impl Window {
    /// A window that grows up to `most` requests, but holds at least one.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let size = START.min(most);
        Self {
            size,
            most,
            threshold: most,
            good: 0,
            in_flight: 0,
            sent: 0,
            settled: 0,
            is_mute: false,
            is_new: false,
            heard: Instant::now(),
        }
    }

    /// The same for a server whose first answer is waited for before it is asked for more.
    pub(super) fn shy(most: usize) -> Self {
        Self { is_new: true, ..Self::new(most) }
    }

    /// Whether it may be asked more at once than it bears: it answers, or was first asked a short while ago, and not a few
    /// requests are in flight.
    pub(super) fn is_crowded(&self) -> bool {
        self.in_flight > FEW && self.heard.elapsed() < QUIET
    }

    /// Waits for the first answer no longer.
    pub(super) fn open(&mut self) {
        self.is_new = false;
    }

    /// Whether one more request may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight < if self.is_new { 1 } else { self.size }
    }

    /// Notes that a request is sent.
    pub(super) fn begin(&mut self) -> Nth {
        self.in_flight += 1;
        self.sent += 1;
        Nth(self.sent)
    }

    /// Notes how a request has ended, and that it is in flight no more.
    pub(super) fn end(&mut self, nth: Nth, sign: Sign) {
        self.note(nth, sign);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Notes how a request has ended, which still counts as one in flight.
    pub(super) fn note(&mut self, nth: Nth, sign: Sign) {
        self.open();
        if nth.0 > self.settled {
            match sign {
                Sign::Good => {
                    self.heard = Instant::now();
                    self.grow();
                }
                Sign::Trouble if self.is_mute => {}
                Sign::SlowDown | Sign::Trouble => self.halve(),
                Sign::Nothing => {}
            }
        }
    }

    fn grow(&mut self) {
        self.is_mute = false;
        self.good += 1;
        if self.size < self.threshold || self.good >= self.size {
            (self.size, self.good) = ((self.size + 1).min(self.most), 0);
        }
    }

    /// Half of what was really in flight: a window that is not filled would give way in name alone.
    fn halve(&mut self) {
        let least = LEAST.min(self.most);
        self.threshold = (self.size / 2).max(least);
        self.size = (self.size.min(self.in_flight) / 2).max(least);
        (self.good, self.settled, self.is_mute) = (0, self.sent, true);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends as many as there is room for, and ends all of them with `sign`.
    fn round(window: &mut Window, sign: Sign) -> usize {
        let mut sent = Vec::new();
        while window.has_room() {
            sent.push(window.begin());
        }
        sent.iter().for_each(|nth| window.end(*nth, sign));
        sent.len()
    }

    #[test]
    fn a_window_grows_while_all_goes_well_and_is_halved_once_for_those_that_fail_together() {
        use Sign::{Good, Nothing, SlowDown, Trouble};
        for (name, most, rounds, expected) in [
            ("a good server", 64, vec![Good; 3], vec![32, 64, 64]),
            ("few at all", 8, vec![Good; 2], vec![8, 8]),
            ("none at all", 0, vec![Good; 2], vec![1, 1]),
            ("a round that fails", 64, vec![Good, Trouble, Good, Good], vec![32, 64, 32, 33]),
            ("a server that is down", 64, vec![Trouble; 4], vec![32, 16, 16, 16]),
            ("one that goes down", 64, vec![Good, Trouble, Trouble], vec![32, 64, 32]),
            ("one that has enough", 64, vec![SlowDown; 8], vec![32, 16, 16, 16, 16, 16, 16, 16]),
            ("one that is well now and then", 64, vec![Trouble, Good, Trouble, Trouble], vec![32, 16, 17, 16]),
            ("one of few that has enough", 4, vec![SlowDown; 2], vec![4, 4]),
            ("what tells nothing", 64, vec![Nothing; 2], vec![32, 32]),
        ] {
            let mut window = Window::new(most);
            let sizes: Vec<_> = rounds.into_iter().map(|sign| round(&mut window, sign)).collect();
            assert_eq!(sizes, expected, "{name}");
        }
    }

    #[test]
    fn a_shy_window_waits_for_the_first_answer() {
        for sign in [Sign::Good, Sign::SlowDown, Sign::Trouble, Sign::Nothing] {
            let mut window = Window::shy(64);
            let first = window.begin();
            assert!(first.is_first() && !window.has_room());
            window.end(first, sign);
            assert!(window.has_room() && !window.begin().is_first(), "{sign:?}");
        }
        let mut window = Window::shy(64);
        window.begin();
        window.open();
        assert_eq!(round(&mut window, Sign::Good), START - 1);
    }

    #[test]
    fn one_bad_answer_is_made_good() {
        let mut window = Window::new(64);
        round(&mut window, Sign::Good);
        let nth = window.begin();
        window.end(nth, Sign::Trouble);
        assert_eq!(window.size, LEAST, "nothing else was in flight");
        // It doubles up to half of what it was, and then grows by one in each round.
        let sizes: Vec<_> = (0..34).map(|_| round(&mut window, Sign::Good)).collect();
        assert_eq!(sizes[..4], [16, 32, 33, 34]);
        assert_eq!(sizes[33], 64);
    }

    #[test]
    fn what_was_sent_before_a_halving_tells_nothing_any_more() {
        let mut window = Window::new(64);
        let sent: Vec<_> = (0..32).map(|_| window.begin()).collect();
        for (at, nth) in sent.into_iter().enumerate() {
            window.end(nth, if at % 2 == 0 { Sign::Trouble } else { Sign::Good });
        }
        assert_eq!((window.size, window.good), (16, 0));
    }

    proptest! {
        #[test]
        fn bounds_hold_whatever_happens(most in 0..100_usize, steps in prop::collection::vec((any::<u16>(), 0..4_usize), 0..2000)) {
            let (mut window, mut open) = (Window::new(most), Vec::new());
            for (at, sign) in steps {
                if window.has_room() && at % 2 == 0 {
                    open.push(window.begin());
                } else if !open.is_empty() {
                    let nth = open.swap_remove(usize::from(at) % open.len());
                    window.end(nth, [Sign::Good, Sign::SlowDown, Sign::Trouble, Sign::Nothing][sign]);
                }
                prop_assert_eq!(window.in_flight, open.len());
                prop_assert!((1..=most.max(1)).contains(&window.size), "{:?}", window);
                prop_assert!(window.in_flight <= most.max(1));
            }
            open.into_iter().for_each(|nth| window.end(nth, Sign::Nothing));
            prop_assert!(window.has_room(), "nobody waits for ever");
        }
    }
}
