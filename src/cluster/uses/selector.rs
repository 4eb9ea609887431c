//! Label selectors as `kubectl -l` takes them: `app=web,tier!=cache,env in (prod, test),!canary`.

use std::collections::BTreeMap;

use crate::cluster::objects::Text;

/// A label selector; all its requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    requirements: Vec<Requirement>,
}

/// Why a text is no label selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a label selector: {why}; expected such as app=web,tier!=cache,env in (prod, test),!canary")]
pub struct InvalidSelector {
    /// as it was given
    pub text: String,
    /// what is wrong with it
    pub why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    /// Parses a selector
    /// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>).
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        let invalid = |why| InvalidSelector { text: text.to_owned(), why };
        let requirements = split(text)
            .map_err(invalid)?
            .into_iter()
            .map(|part| Requirement::parse(part.trim()))
            .collect::<Result<_, _>>()
            .map_err(invalid)?;
        Ok(Self { text: text.to_owned(), requirements })
    }

    /// As it was given: what an API server takes as `labelSelector`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `labels` fulfil it. A label that is missing fulfils `!=` and `notin`, as for Kubernetes.
    pub fn matches(&self, labels: &BTreeMap<Text<'_>, Text<'_>>) -> bool {
        let is_among = |value: &str, values: &[String]| values.iter().any(|known| known == value);
        self.requirements.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => labels.contains_key(key.as_str()),
            Requirement::Missing(key) => !labels.contains_key(key.as_str()),
            Requirement::In(key, values) => labels.get(key.as_str()).is_some_and(|value| is_among(value, values)),
            Requirement::NotIn(key, values) => labels.get(key.as_str()).is_none_or(|value| !is_among(value, values)),
        })
    }
}

/// Splits at the commas that stand outside of parentheses.
fn split(text: &str) -> Result<Vec<&str>, &'static str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' if inside => return Err("a parenthesis opens inside another"),
            '(' => inside = true,
            ')' if !inside => return Err("a parenthesis closes that was not opened"),
            ')' => inside = false,
            ',' if !inside => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err("a parenthesis is not closed");
    }
    parts.extend(text.get(start..));
    Ok(parts)
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(list) = text.strip_suffix(')') {
            return Self::parse_set(list);
        }
        if let Some(name) = text.strip_prefix('!') {
            return Ok(Self::Missing(key(name)?));
        }
        if let Some((name, wanted)) = text.split_once("!=") {
            return Ok(Self::NotIn(key(name)?, vec![value(wanted)?]));
        }
        if let Some((name, wanted)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Ok(Self::In(key(name)?, vec![value(wanted)?]));
        }
        Ok(Self::Exists(key(text)?))
    }

    /// `env in (prod, test` or `env notin (prod, test`.
    fn parse_set(text: &str) -> Result<Self, &'static str> {
        let (head, list) = text.split_once('(').ok_or("a list of values has no opening parenthesis")?;
        let values = list.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        let head = head.trim();
        match head.rsplit_once(char::is_whitespace) {
            Some((name, "in")) => Ok(Self::In(key(name)?, values)),
            Some((name, "notin")) => Ok(Self::NotIn(key(name)?, values)),
            _ => Err("before a list of values stands a label and in or notin"),
        }
    }
}

/// `[prefix/]name`
fn key(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let valid = !name.is_empty() && is_word(name) && prefix.is_none_or(|prefix| !prefix.is_empty() && is_word(prefix));
    if valid { Ok(text.to_owned()) } else { Err("a label's name is missing or not valid") }
}

fn value(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if is_word(text) { Ok(text.to_owned()) } else { Err("a label's value is not valid") }
}

/// At most 63 characters for names and values; prefixes are longer, and the API server would say so.
fn is_word(text: &str) -> bool {
    let is_end = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && is_end(bytes.first())
        && is_end(bytes.last())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels<'a>(pairs: &[(&'a str, &'a str)]) -> BTreeMap<Text<'a>, Text<'a>> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_selector_selects_as_kubectl_does() {
        let web = labels(&[("app", "web"), ("example.com/tier", "front"), ("empty", "")]);
        for (text, selected) in [
            ("app=web", true),
            ("app == web", true),
            ("app=db", false),
            ("app!=db", true),
            ("app!=web", false),
            ("missing!=x", true),
            ("app", true),
            ("missing", false),
            ("!missing", true),
            ("! app", false),
            ("app in (db, web)", true),
            ("app in (db)", false),
            ("app notin (db,x)", true),
            ("app notin (web)", false),
            ("missing notin (web)", true),
            ("empty=", true),
            ("empty in (,x)", true),
            ("app=web,example.com/tier in (front),!missing", true),
            ("app=web,example.com/tier=back", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&web), selected, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "",
            ",",
            "app=web,",
            "=web",
            "app=we b",
            "app in web",
            "app in (web",
            "app in web)",
            "app of (x)",
            "a((b))",
            "app>3",
            "/x=1",
            "x/=1",
            "app=-a",
            "!",
            "app=a=b",
            "in (x)",
        ] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,40}", alike in "[a-z!=,() ]{0,40}") {
            for text in [text, alike] {
                if let Ok(selector) = Selector::parse(&text) {
                    prop_assert_eq!(selector.as_str(), text);
                }
            }
        }

        #[test]
        fn equality_and_its_opposite_never_agree(key in "[a-z]{1,3}", value in "[a-z]{0,3}", has in "[a-z]{0,3}") {
            let labels = labels(&[("a", &has)]);
            let equal = Selector::parse(&format!("{key}={value}")).unwrap();
            let other = Selector::parse(&format!("{key}!={value}")).unwrap();
            prop_assert_ne!(equal.matches(&labels), other.matches(&labels));
        }
    }
}
