//! Events in words: the lines that console and plain share.

use anstyle::{AnsiColor, Style};

use crate::event::{Event, EventError};
use crate::text::{self, clean, count};
use crate::vocabulary::{ImageStatus, Severity};

/// Colours words, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) colour: bool,
}

impl Paint {
    pub(super) const NONE: Self = Self { colour: false };

    /// As `NO_COLOR`, `CLICOLOR_FORCE` and the terminal that stderr may be allow.
    pub(super) fn for_stderr() -> Self {
        Self { colour: anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never }
    }

    /// What went wrong.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What may go wrong.
    pub(super) fn warn(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    /// What matters less.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// A finding's severity, in a column of its own.
    pub(super) fn severity(self, severity: Severity) -> String {
        let word = format!("{severity:7}");
        match severity {
            Severity::Error => self.bad(&word),
            Severity::Warning => self.warn(&word),
            Severity::Info => self.dim(&word),
        }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// What a person should read at once, if anything: starts, images that are not complete, gaps.
///
/// Findings are left to the summary at the end: they come all at once, and there are many.
pub(super) fn line(event: &Event, paint: Paint) -> Option<String> {
    match event {
        Event::Started { namespaces, include_images } => Some(started(namespaces, *include_images)),
        Event::Discovered { workloads, pods, references, registries } => Some(format!(
            "found {} at {} in {} and {}",
            count(*references, "reference"),
            registry_count(*registries),
            count(*workloads, "workload"),
            count(*pods, "pod")
        )),
        Event::Image { reference, status: ImageStatus::Failed, error, .. } => {
            Some(image(&paint.bad("failed "), reference, error.as_ref()))
        }
        Event::Image { reference, status: ImageStatus::Partial, error, .. } => {
            Some(image(&paint.warn("partial"), reference, error.as_ref()))
        }
        Event::Gap { resource, namespace, host, reason, message, .. } => {
            let place: Vec<_> = [resource, namespace, host].into_iter().flatten().map(|part| clean(part)).collect();
            let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(" in ")) };
            Some(format!("{}  {place}{}: {}", paint.warn("gap    "), clean(reason), clean(message)))
        }
        _ => None,
    }
}

/// Why a host is not asked, and for how long still.
pub(super) fn paused(host: &str, seconds: u64, reason: &str) -> String {
    format!("waiting for {}: {} ({})", clean(host), text::seconds(seconds), clean(reason))
}

fn started(namespaces: &[String], include_images: bool) -> String {
    let scope = match namespaces {
        [] => "all namespaces".to_owned(),
        some => {
            let names: Vec<_> = some.iter().map(|name| clean(name)).collect();
            format!("{} {}", if some.len() == 1 { "namespace" } else { "namespaces" }, names.join(", "))
        }
    };
    let registries = if include_images { "registries are asked about each image" } else { "no registry is asked" };
    format!("looking at {scope}; {registries}")
}

fn image(status: &str, reference: &str, error: Option<&EventError>) -> String {
    let error = error.map_or_else(String::new, |error| {
        // The message stands alone elsewhere, and names the image for that; here it is named already.
        let message = error.message.strip_prefix(reference).and_then(|rest| rest.strip_prefix(": "));
        format!(": {}: {}", error.class, clean(message.unwrap_or(&error.message)))
    });
    format!("{status}  {}{error}", clean(reference))
}

fn registry_count(n: u64) -> String {
    format!("{n} {}", if n == 1 { "registry" } else { "registries" })
}
