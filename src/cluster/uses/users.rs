//! Who uses an image in the end: top owners, by role.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::counts::Counts;
use super::draft::{Common, Part, Use, context};
use super::manners::Access;
use super::owners::{ObjectId, Owners};
use crate::cluster::inventory::{Container, Example, Field, PullContext, User, UserKey};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{Certainty, Role};

/// A use, with the user that it counts for.
struct Counted {
    top: ObjectId,
    role: Role,
    own: Use,
    pods: u64,
}

/// Whether a pod of these fails to pull, by namespace and what they pull with.
type Contexts<'a> = BTreeMap<(&'a Arc<str>, &'a Access), bool>;

/// The users of an image, and what its pods pull with.
pub(super) fn users(
    uses: &Counts<Use>,
    examples: &SortedMap<ObjectId, SortedSet<Example>>,
    common: &Common,
) -> (SortedMap<UserKey, User>, SortedSet<PullContext>) {
    let owners = &common.owners;
    let counted = |(own, pods): (Use, u64)| Counted { top: owners.top(own.holder), role: role(own, owners), own, pods };
    let mut uses: Vec<_> = uses.iter().map(counted).collect();
    uses.sort_unstable_by(|one, other| order(one, other, common));
    let by_user = uses.chunk_by(|one, other| by_user(one, other, owners).is_eq());
    let mut contexts = Contexts::new();
    let mut users = Vec::with_capacity(by_user.clone().count());
    for uses in by_user {
        let Some(first) = uses.first() else { continue };
        users.push((owners.user_key(first.top, first.role), user(first, uses, examples, common, &mut contexts)));
    }
    (users.into_iter().collect(), contexts.into_iter().map(context).collect())
}

/// An idle template is no mere template once something has been made from it: a CronJob with a pod is current.
fn role(own: Use, owners: &Owners) -> Role {
    match own.part {
        Part::Idle if !owners.is_busy(own.holder) => Role::Template,
        Part::Revision => Role::History,
        _ => Role::Current,
    }
}

fn by_user(one: &Counted, other: &Counted, owners: &Owners) -> Ordering {
    owners.compare_users(one.top, other.top).then(one.role.cmp(&other.role))
}

/// By user; for each the pods before the templates, by name.
fn order(one: &Counted, other: &Counted, common: &Common) -> Ordering {
    let is_template = |of: &Counted| of.own.part != Part::Pods;
    let access = |of: &Counted| &common.manners.get(of.own.manner).access;
    by_user(one, other, &common.owners)
        .then_with(|| is_template(one).cmp(&is_template(other)))
        .then_with(|| common.owners.compare(one.own.holder, other.own.holder))
        .then_with(|| one.own.part.cmp(&other.own.part))
        .then_with(|| access(one).cmp(access(other)))
}

/// The user that all of `uses`, of which there is a `first`, count for.
fn user<'a>(
    first: &Counted,
    uses: &[Counted],
    examples: &SortedMap<ObjectId, SortedSet<Example>>,
    common: &'a Common,
    contexts: &mut Contexts<'a>,
) -> User {
    let containers = Arc::clone(&common.manners.get(first.own.manner).containers);
    let mut user = User { pods: 0, containers, pull_secrets: Arc::default(), examples: SortedSet::new(), field: None };
    for Counted { top, own, pods, .. } in uses {
        let manner = common.manners.get(own.manner);
        let is_own = common.owners.is_user(own.holder, *top);
        let field = manner.field.clone().map(|field| if is_own { field } else { Field { path: None, ..field } });
        user.field = Field::better(user.field.take(), field);
        // Pods know better than their template: a ServiceAccount's secrets were added to them.
        let told_by_pods = own.part != Part::Pods && user.pods > 0;
        user.pods += pods;
        add_containers(&mut user.containers, &manner.containers);
        if let Some(examples) = examples.get(&own.holder) {
            user.examples.clone_from(examples);
        }
        if !told_by_pods {
            // Where pods of one owner differ, the first list that names any stands for all.
            if user.pull_secrets.is_empty() {
                user.pull_secrets = Arc::clone(&manner.access.secrets);
            }
            let namespace = common.owners.namespace(own.holder);
            *contexts.entry((namespace, &manner.access)).or_default() |= manner.failing;
        }
    }
    if user.pods > 0 {
        // What runs is an image, whatever names it.
        user.field.iter_mut().for_each(|field| field.certainty = Certainty::Certain);
    }
    user
}

/// Adds `others`; those of the first use are shared with all that have the same.
fn add_containers(containers: &mut Arc<SortedSet<Container>>, others: &Arc<SortedSet<Container>>) {
    if containers.is_empty() {
        *containers = Arc::clone(others);
    } else if !others.iter().all(|container| containers.contains(container)) {
        Arc::make_mut(containers).extend(others.iter().cloned());
    }
}
