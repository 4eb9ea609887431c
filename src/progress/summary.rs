//! The block at a run's end that tells a person how it went.

use std::collections::BTreeSet;

use super::lines::Paint;
use crate::event::{Event, FindingCounts};
use crate::text::{clean, count, duration};
use crate::vocabulary::{FindingCode, Severity};

/// How many findings are shown; the bundle has them all.
const SHOWN: usize = 10;

/// What is kept for the end of a run: the worst findings, never all of them.
#[derive(Debug, Default)]
pub(super) struct Summary {
    worst: BTreeSet<(Severity, FindingCode, Option<String>, String)>,
    gaps: u64,
}

impl Summary {
    /// Keeps what `event` adds.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Finding { code, severity, image, message } => {
                self.worst.insert((*severity, *code, image.clone(), message.clone()));
                if self.worst.len() > SHOWN {
                    self.worst.pop_last();
                }
            }
            Event::Gap { .. } => self.gaps += 1,
            _ => {}
        }
    }

    /// The block's lines; none unless `event` says that the run finished.
    pub(super) fn lines(&self, event: &Event, paint: Paint) -> Vec<String> {
        let Event::Finished { complete, resolved, partial, failed, unqueried, findings, duration_ms, reason, .. } =
            event
        else {
            return Vec::new();
        };
        let total = resolved + partial + failed + unqueried;
        let states = some([
            (*resolved, format!("{resolved} resolved")),
            (*partial, paint.warn(&format!("{partial} partial"))),
            (*failed, paint.bad(&format!("{failed} failed"))),
            (*unqueried, format!("{unqueried} not asked for")),
        ]);
        let colon = if states.is_empty() { "" } else { ": " };
        let mut lines =
            vec![String::new(), format!("{}{colon}{} in {}", count(total, "image"), states, duration(*duration_ms))];
        lines.extend(self.finding_lines(*findings, paint));
        if self.gaps > 0 {
            lines.push(paint.warn(&format!("{}: not everything could be looked at", count(self.gaps, "gap"))));
        }
        if !complete {
            lines.push(paint.warn(&incomplete(reason.as_deref())));
        }
        lines
    }

    fn finding_lines(&self, counts: FindingCounts, paint: Paint) -> Vec<String> {
        let FindingCounts { error, warning, info } = counts;
        let total = error + warning + info;
        if total == 0 {
            return vec!["no findings".to_owned()];
        }
        let kinds = some([
            (error, count(error, "error")),
            (warning, count(warning, "warning")),
            (info, format!("{info} info")),
        ]);
        let mut lines = vec![format!("{}: {kinds}", count(total, "finding"))];
        lines.extend(self.worst.iter().map(|(severity, code, image, message)| {
            let image = image.as_deref().map_or_else(String::new, |image| format!("{}: ", clean(image)));
            format!("  {}  {code:19}  {image}{}", paint.severity(*severity), clean(message))
        }));
        let more = total.saturating_sub(self.worst.len() as u64);
        if more > 0 {
            lines.push(paint.dim(&format!("  and {more} more; image-facts/summary.txt in the bundle has them")));
        }
        lines
    }
}

/// The parts of which there are any.
fn some<const N: usize>(parts: [(u64, String); N]) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(_, part)| part).collect();
    parts.join(", ")
}

fn incomplete(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("incomplete ({}): the bundle holds what was collected until then", clean(reason)),
        None => "incomplete: part of the cluster could not be read; the bundle's gaps say which".to_owned(),
    }
}
