//! Collections as an API server keeps and pages them.

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::{Asked, Parts};

/// `/apis/apps/v1/namespaces/shop/deployments` is `/apis/apps/v1/deployments` in `shop`.
pub(super) fn cluster_wide(path: &str) -> (String, Option<String>) {
    if let Some((root, rest)) = path.split_once("/namespaces/")
        && let Some((namespace, rest)) = rest.split_once('/')
    {
        return (format!("{root}/{rest}"), Some(namespace.to_owned()));
    }
    (path.to_owned(), None)
}

pub(super) fn page(items: &[Value], namespace: Option<&str>, asked: &Asked) -> Bytes {
    let start = start(asked);
    let about_pods = asked.parameter("fieldSelector").is_some_and(|selector| selector == "involvedObject.kind=Pod");
    let mut rest: Vec<&Value> = items
        .iter()
        .filter(|item| in_namespace(item, namespace))
        .filter(|item| !about_pods || item["involvedObject"]["kind"] == "Pod")
        .filter(|item| labelled(item, asked.parameter("labelSelector").as_deref()))
        .collect();
    // etcd's order, which a continue token relies on.
    rest.sort_by_key(|item| key(item));
    rest.retain(|item| start.as_ref().is_none_or(|start| key(item) > *start));
    let limit = limit(asked);
    let items: Vec<Value> = rest.iter().take(limit).copied().cloned().collect();
    list(&items, items.last().filter(|_| rest.len() > limit))
}

/// A page, after whose `last` item there are others.
fn list(items: &[Value], last: Option<&Value>) -> Bytes {
    let mut metadata = json!({"resourceVersion": "301"});
    if let Some(last) = last {
        let token = json!({"v": "meta.k8s.io/v1", "rv": 301, "start": format!("{}\0", key(last))});
        metadata["continue"] = STANDARD_NO_PAD.encode(token.to_string()).into();
    }
    json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}).to_string().into()
}

fn key(item: &Value) -> String {
    let part = |name| item["metadata"][name].as_str();
    let name = part("name").unwrap_or_default();
    part("namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// The key after which a page begins, from a token in the form that real API servers use.
fn start(asked: &Asked) -> Option<String> {
    let token = STANDARD_NO_PAD.decode(asked.parameter("continue")?).unwrap();
    let token: Value = serde_json::from_slice(&token).unwrap();
    Some(token["start"].as_str().unwrap().trim_end_matches('\0').to_owned())
}

fn limit(asked: &Asked) -> usize {
    asked.parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap())
}

pub(super) fn in_namespace(item: &Value, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|namespace| item["metadata"]["namespace"] == namespace)
}

/// Only `key=value`.
fn labelled(item: &Value, selector: Option<&str>) -> bool {
    selector
        .and_then(|selector| selector.split_once('='))
        .is_none_or(|(key, value)| item["metadata"]["labels"][key] == value)
}

/// A page of `count` objects that are made when they are sent. Their names end in their numbers, from 0.
pub(super) fn page_of_texts(count: usize, asked: &Asked, make: impl Fn(usize) -> Bytes + Send + 'static) -> Parts {
    let first = start(asked).map_or(0, |start| number(&start) + 1);
    let last = first.saturating_add(limit(asked)).min(count);
    let last_item = json!({"metadata": {"name": format!("x-{}", last.saturating_sub(1))}});
    let empty = list(&[], (last < count).then_some(&last_item));
    let (head, tail) = empty.split_at(empty.len() - 2);
    let (head, tail) = (Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail));
    let comma = move |number| if number > first { "," } else { "" };
    let items = (first..last).flat_map(move |number| [comma(number).into(), make(number)]);
    Box::new(std::iter::once(head).chain(items).chain([tail]))
}

fn number(key: &str) -> usize {
    key.rsplit('-').next().unwrap().parse().unwrap()
}
