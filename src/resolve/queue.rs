//! Images that wait: fair to registries, and within each those that were begun before and those of failing pods first.

use std::collections::{BTreeMap, VecDeque};

use super::Want;
use super::image::Effort;
use crate::image::Reference;

/// An image that waits, with what was learned of it when less was wanted.
pub(super) struct Job {
    pub(super) want: Want,
    /// boxed, as of thousands that wait few have one
    pub(super) earlier: Option<Box<Effort>>,
}

/// The images that wait, by registry.
#[derive(Default)]
pub(super) struct Queue {
    lines: BTreeMap<String, Line>,
    /// each stands in one line; boxed, as a map has room for more than is in it
    jobs: BTreeMap<Reference, Box<Job>>,
    started: u64,
}

/// The images of one registry.
#[derive(Default)]
struct Line {
    /// for most of them little is left to do
    begun: VecDeque<Reference>,
    urgent: VecDeque<Reference>,
    others: VecDeque<Reference>,
    /// those that are being resolved
    running: usize,
    /// when one was last started, counted in images
    started: u64,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        let reference = job.want.reference.clone();
        let line = self.lines.entry(reference.registry().to_owned()).or_default();
        let queue = match job.earlier {
            Some(_) => &mut line.begun,
            None if job.want.is_urgent() => &mut line.urgent,
            None => &mut line.others,
        };
        queue.push_back(reference.clone());
        self.jobs.insert(reference, Box::new(job));
    }

    /// Makes `want` what is wanted of an image that waits; it is handed back if the image does not.
    pub(super) fn replace(&mut self, want: Want) -> Option<Want> {
        match self.jobs.get_mut(&want.reference) {
            Some(job) => {
                job.want = want;
                None
            }
            None => Some(want),
        }
    }

    /// The next image to start: of the registry of which fewest are running, so that one that does not answer cannot
    /// keep the others from being asked; among equals those that were begun and urgent ones first.
    pub(super) fn start(&mut self) -> Option<Job> {
        let open = self.lines.values_mut().filter(|line| !line.is_empty());
        let line = open.min_by_key(|line| (line.running, line.is_patient(), line.started))?;
        let next = line.begun.pop_front().or_else(|| line.urgent.pop_front()).or_else(|| line.others.pop_front())?;
        self.started += 1;
        (line.running, line.started) = (line.running + 1, self.started);
        self.jobs.remove(&next).map(|job| *job)
    }

    /// Notes that an image of `registry` that was started is done.
    pub(super) fn done(&mut self, registry: &str) {
        if let Some(line) = self.lines.get_mut(registry) {
            line.running = line.running.saturating_sub(1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        self.is_patient() && self.others.is_empty()
    }

    /// Whether none of it goes before others.
    fn is_patient(&self) -> bool {
        self.begun.is_empty() && self.urgent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::inventory::PullContext;
    use crate::image::Reference;
    use crate::resolve::WantedPlatforms;
    use crate::sorted::SortedMap;

    fn job(reference: &str) -> Job {
        let failing = reference.ends_with("failing");
        let context = PullContext { namespace: "n".into(), secrets: [].into(), service_account: None, failing };
        let want = Want {
            reference: Reference::parse(reference).unwrap(),
            platforms: WantedPlatforms::All,
            running: SortedMap::new(),
            contexts: [context].into(),
        };
        Job { want, earlier: None }
    }

    fn queue(references: &[&str]) -> Queue {
        let mut queue = Queue::default();
        references.iter().for_each(|reference| queue.push(job(reference)));
        queue
    }

    fn started(queue: &mut Queue, count: usize) -> Vec<String> {
        (0..count).map(|_| queue.start().unwrap().want.reference.to_string()).collect()
    }

    #[test]
    fn failing_pods_go_first_at_each_registry_and_no_registry_before_the_others() {
        let mut queue = queue(&["a.io/x:1", "a.io/x:2", "a.io/x:failing", "b.io/x:1", "c.io/x:failing"]);
        let expected = ["a.io/x:failing", "c.io/x:failing", "b.io/x:1", "a.io/x:1", "a.io/x:2"];
        assert_eq!(started(&mut queue, 5), expected);
        assert!(queue.is_empty() && queue.start().is_none());
    }

    #[test]
    fn a_registry_whose_images_end_gets_on() {
        let mut queue =
            queue(&["slow.io/x:1", "slow.io/x:2", "slow.io/x:3", "fast.io/x:1", "fast.io/x:2", "fast.io/x:3"]);
        assert_eq!(started(&mut queue, 2), ["fast.io/x:1", "slow.io/x:1"]);
        for tag in [2, 3] {
            queue.done("fast.io");
            assert_eq!(started(&mut queue, 1), [format!("fast.io/x:{tag}")]);
        }
        assert_eq!(started(&mut queue, 2), ["slow.io/x:2", "slow.io/x:3"]);
    }
}
