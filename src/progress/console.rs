//! A bar for people who watch: the only module that knows indicatif.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::lines::{self, Paint};
use super::summary::Summary;
use crate::clock::{Clock, Stopwatch};
use crate::event::{Event, Sink};
use crate::text::{clean, seconds};

/// How often the spinner turns while nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// A bar at the bottom of the terminal, with lines above it and a summary in the end.
pub struct Console {
    bar: ProgressBar,
    clock: Clock,
    paint: Paint,
    state: Mutex<State>,
}

/// What the bar tells beside its position.
#[derive(Default)]
struct State {
    layout: Layout,
    listed: BTreeMap<String, u64>,
    listing: bool,
    resolving: bool,
    failed: u64,
    per_second: f64,
    eta_seconds: Option<u64>,
    paused: BTreeMap<String, Pause>,
    summary: Summary,
}

/// What the bar looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Layout {
    /// no image is known yet
    #[default]
    Discovering,
    /// images are resolved
    Resolving,
    /// images are resolved, and there is more to tell: what is waited for, what is still listed
    ResolvingAnd,
}

/// A host that is not asked for a while.
struct Pause {
    since: Stopwatch,
    seconds: u64,
    reason: String,
}

impl Console {
    /// A bar on stderr, coloured as `NO_COLOR`, `CLICOLOR_FORCE` and the terminal allow.
    pub fn stderr(clock: Clock) -> Self {
        let console = Self::on(ProgressDrawTarget::stderr(), Paint::for_stderr(), clock);
        console.bar.enable_steady_tick(TICK);
        console
    }

    /// A bar on `target`, which turns its spinner only when something happens.
    pub(super) fn on(target: ProgressDrawTarget, paint: Paint, clock: Clock) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(Layout::default().style());
        Self { bar, clock, paint, state: Mutex::default() }
    }

    fn show(&self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.bar.println(line);
        }
    }

    /// Redraws the bar with what `state` tells.
    fn redraw(&self, state: &mut State) {
        let notes = state.notes(self.paint);
        let layout = match (state.resolving, notes.is_empty()) {
            (false, _) => Layout::Discovering,
            (true, true) => Layout::Resolving,
            (true, false) => Layout::ResolvingAnd,
        };
        if layout != state.layout {
            state.layout = layout;
            self.bar.set_style(layout.style());
        }
        self.bar.set_prefix(state.numbers(self.paint));
        self.bar.set_message(notes);
    }
}

impl Layout {
    fn style(self) -> ProgressStyle {
        let template = match self {
            Self::Discovering => "{spinner} {wide_msg}",
            Self::Resolving => "{spinner} {bar:24} {pos}/{len} images {prefix}",
            Self::ResolvingAnd => "{spinner} {bar:24} {pos}/{len} images {prefix}\n  {wide_msg}",
        };
        // The templates are constants; were one wrong, the default style would still tell the position.
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

impl Sink for Console {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.observe(event, self.clock);
        self.show(lines::line(event, self.paint));
        match event {
            Event::Image { done, total, .. } | Event::Progress { done, total, .. } => {
                self.bar.update(|bar| {
                    bar.set_len(*total);
                    bar.set_pos(*done);
                });
            }
            Event::Finished { .. } | Event::Failed { .. } => {
                self.bar.finish_and_clear();
                self.show(state.summary.lines(event, self.paint));
                return;
            }
            _ => {}
        }
        self.redraw(&mut state);
    }
}

impl State {
    fn observe(&mut self, event: &Event, clock: Clock) {
        self.summary.observe(event);
        match event {
            Event::Image { .. } => self.resolving = true,
            Event::Started { .. } => self.listing = true,
            Event::Discovering { resource, listed } => {
                self.listed.insert(resource.clone(), *listed);
            }
            Event::Discovered { .. } => self.listing = false,
            Event::Progress { total, failed, per_second, eta_seconds, .. } => {
                self.resolving |= *total > 0;
                (self.failed, self.per_second, self.eta_seconds) = (*failed, *per_second, *eta_seconds);
            }
            Event::Paused { host, seconds, reason } => {
                let pause = Pause { since: clock.start(), seconds: *seconds, reason: reason.clone() };
                self.paused.insert(host.clone(), pause);
            }
            _ => {}
        }
        self.paused.retain(|_, pause| pause.left() > 0);
    }

    /// Speed, time left, failures.
    fn numbers(&self, paint: Paint) -> String {
        let mut parts = vec![format!("{:.1}/s", self.per_second)];
        parts.extend(self.eta_seconds.map(|eta| format!("{} left", seconds(eta))));
        if self.failed > 0 {
            parts.push(paint.bad(&format!("{} failed", self.failed)));
        }
        parts.join(", ")
    }

    /// What is waited for, and what is still listed.
    fn notes(&self, paint: Paint) -> String {
        let pauses = self.paused.iter().map(|(host, pause)| lines::paused(host, pause.left(), &pause.reason));
        let mut parts: Vec<_> = pauses.map(|pause| paint.warn(&pause)).collect();
        if self.listing {
            parts.push(format!("listing: {}", self.listed()));
        }
        parts.join(", ")
    }

    fn listed(&self) -> String {
        let counts: Vec<_> = self.listed.iter().map(|(resource, n)| format!("{n} {}", clean(resource))).collect();
        if counts.is_empty() { "nothing yet".to_owned() } else { counts.join(", ") }
    }
}

impl Pause {
    /// Seconds left.
    fn left(&self) -> u64 {
        self.seconds.saturating_sub(self.since.elapsed_ms() / 1_000)
    }
}
