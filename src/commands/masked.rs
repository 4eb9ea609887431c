//! Events as they may be shown: words from clusters and registries may hold secrets, as they may in the facts.

use std::sync::Arc;

use crate::event::{Event, Sink};
use crate::facts::redact::{hidden, hidden_reference};

/// Masks what looks like a secret in an event before `inner` shows it.
pub(super) struct Masked {
    /// who shows it
    pub(super) inner: Arc<dyn Sink>,
}

impl Sink for Masked {
    fn emit(&self, event: &Event) {
        let mut event = event.clone();
        match &mut event {
            Event::Image { reference, error, .. } => {
                *reference = hidden_reference(reference);
                error.iter_mut().for_each(|error| mask(&mut error.message));
            }
            Event::Finding { image, message, .. } => {
                image.iter_mut().for_each(|image| *image = hidden_reference(image));
                mask(message);
            }
            Event::Gap { message, .. } | Event::Failed { message } => mask(message),
            Event::Started { .. }
            | Event::Discovering { .. }
            | Event::Discovered { .. }
            | Event::Progress { .. }
            | Event::Paused { .. }
            | Event::Finished { .. } => {}
        }
        self.inner.emit(&event);
    }
}

fn mask(text: &mut String) {
    *text = hidden(text);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::vocabulary::GapScope;

    #[derive(Default)]
    struct Seen(Mutex<Vec<Event>>);

    impl Sink for Seen {
        fn emit(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn a_servers_words_are_masked() {
        let seen = Arc::new(Seen::default());
        let masked = Masked { inner: Arc::clone(&seen) as Arc<dyn Sink> };
        masked.emit(&Event::Failed { message: "the server says token=s3cr3tk8s".to_owned() });
        masked.emit(&Event::Gap {
            scope: GapScope::Kubernetes,
            resource: Some("pods".to_owned()),
            namespace: None,
            host: None,
            reason: "forbidden".to_owned(),
            message: "https://u:s3cr3tpw@h.example refuses".to_owned(),
        });
        let shown = format!("{:?}", seen.0.lock().unwrap());
        assert!(!shown.contains("s3cr3t") && shown.contains("***HIDDEN***"), "{shown}");
    }
}
