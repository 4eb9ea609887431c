//! Secrets that are told by their shape, whatever they are called.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::bytes::Match;

use super::names;
use super::patterns::{Near, Patterns, Source};
use super::record::Rule;
use super::span::Span;
use super::tokens::TOKENS;

/// Secrets with something around them that stays: what is masked are the groups.
const AROUND: &[Source] = &[
    (
        Rule::HttpAuthorization,
        &["uthorization", "UTHORIZATION"],
        r#"(?i)\b(?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?(?:basic|bearer|token|digest|negotiate|apikey)?\s*([^\s"'\\,]{6,})"#,
    ),
    (
        Rule::HttpAuthorization,
        &["earer ", "EARER ", "asic ", "ASIC "],
        r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})",
    ),
    (
        Rule::HttpAuthorization,
        &["X-", "x-"],
        r#"(?i)\bx-(?:api-key|auth-token|vault-token|gitlab-token|amz-security-token)\s*:\s*([^\s"'\\]{6,})"#,
    ),
    (Rule::AzureKey, &["sig="], r"[?&;]sig=([A-Za-z0-9%+/=_-]{16,})"),
    (
        Rule::ConnectionString,
        &[";"],
        r#"(?i)\b(?:data source|server|location|initial catalog|database|user id|uid|password|pwd)[ \t]*=[ \t]*([^;{}\n"']{1,256});"#,
    ),
    (Rule::ConnectionString, &["@tcp", "@unix"], r#"([^\s:@/"'=]{1,128}):([^\s@"']{1,256})@(?:tcp[46]?|unix)\("#),
    // A URL without its scheme, as it is written where an image's name should stand.
    (
        Rule::UrlUserinfo,
        &["@"],
        r#"(?:^|[\s"'=(])([^\s:@/"'=(]{1,128}):([^\s@/"']{1,256})@[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/"#,
    ),
    (
        Rule::CommandArgument,
        &["-u", "-user"],
        r#"(?:^|\s)(?:-u|--user|--proxy-user)[ =]?["']?([^\s:"'=0-9][^\s:"'=]{0,127}):([^\s"']{1,256})"#,
    ),
    (Rule::CommandArgument, &["sshpass"], r#"\bsshpass\s+-p\s*["']?([^\s"']{1,256})"#),
    (
        Rule::CommandArgument,
        &[" -p"],
        r#"\b(?:mysql|mysqldump|mysqladmin|mariadb)\s(?:[^\n|;&]{0,200}\s)?-p([^\s"']{1,256})"#,
    ),
    (Rule::CommandArgument, &["login"], r#"\blogin\s(?:[^\n|;&]{0,200}\s)?-p[ =]["']?([^\s"']{1,256})"#),
    (
        Rule::CommandArgument,
        &["chpasswd"],
        r#"\becho\s+(?:-\w\s+)?["']?[\w.-]{1,64}:([^\s"'|]{1,256})["']?\s*\|\s*chpasswd"#,
    ),
    (
        Rule::CommandArgument,
        &["htpasswd"],
        r#"\bhtpasswd\s+-[A-Za-z]*b[A-Za-z]*\s+\S{1,256}\s+\S{1,256}\s+([^\s"']{1,256})"#,
    ),
    (Rule::CommandArgument, &["machine"], r"\bmachine\s+\S{1,256}\s+login\s+(\S{1,256})\s+password\s+(\S{1,256})"),
    (Rule::VendorToken, &["=="], r#"\\?"key\\?"\s*:\s*\\?"([A-Za-z0-9+/]{38}==)"#),
];

/// What tokens are told by, and [`AROUND`].
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::of(TOKENS.iter().chain(AROUND), names::hints()));

/// What the words of `text` hint at.
pub(super) fn near(text: &str) -> Near<'static> {
    PATTERNS.near(text)
}

/// Every secret in `text` that is told by its shape, of those that it is `near`.
pub(super) fn find(text: &str, near: &Near<'_>, spans: &mut Vec<Span>) {
    for (rule, regex) in near.patterns() {
        if regex.captures_len() == 1 {
            spans.extend(regex.find_iter(text.as_bytes()).map(|found| span(text, &found, rule)));
            continue;
        }
        for found in regex.captures_iter(text.as_bytes()) {
            let secrets = found.iter().skip(1).flatten().map(|group| span(text, &group, rule));
            spans.extend(secrets.filter(|span| !names::is_harmless(span.of(text))));
        }
    }
    userinfo(text, spans);
}

fn span(text: &str, group: &Match<'_>, rule: Rule) -> Span {
    Span::new(text, group.start(), group.end(), rule)
}

/// Ends a URL's scheme.
static SCHEME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));

/// How far behind a URL's host an `@` is looked for.
const URL_CHARS: usize = 512;

/// User and password of each URL in `text`: `scheme://user:password@host`.
fn userinfo(text: &str, spans: &mut Vec<Span>) {
    for at in SCHEME.find_iter(text.as_bytes()) {
        let start = at + SCHEME.needle().len();
        let Some(userinfo) = text.get(start..).and_then(userinfo_of) else { continue };
        let mut mask = |from: usize, part: &str| {
            if !names::is_harmless(part) {
                spans.push(Span::new(text, from, from + part.len(), Rule::UrlUserinfo));
            }
        };
        match userinfo.split_once(':') {
            Some((user, password)) => {
                mask(start, user);
                mask(start + user.len() + 1, password);
            }
            // Without a password the user is a token, but for ssh, where it is always git.
            None if userinfo != "git"
                && text.get(..at).is_some_and(|s| s.ends_with("http") || s.ends_with("https")) =>
            {
                mask(start, userinfo);
            }
            None => {}
        }
    }
}

/// What stands before the host of a URL without its scheme.
fn userinfo_of(url: &str) -> Option<&str> {
    let ends_url = |c: char| c.is_whitespace() || "\"'`<>\\".contains(c);
    let authority = url.split(|c: char| ends_url(c) || "/?#".contains(c)).next().unwrap_or_default();
    if let Some((userinfo, _)) = authority.rsplit_once('@') {
        return Some(userinfo);
    }
    // A password with a slash in it, which is no valid URL but often written. `host:80/@scope` is another thing.
    let (_, port_or_password) = authority.split_once(':')?;
    if port_or_password.starts_with('$') || port_or_password.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let end = url.char_indices().take(URL_CHARS).find(|(_, c)| ends_url(*c)).map_or(url.len(), |(at, _)| at);
    let end = end.min(url.floor_char_boundary(URL_CHARS * 4));
    url.get(..end)?.rsplit_once('@').map(|(userinfo, _)| userinfo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        let compiled = PATTERNS.all();
        let groups: Vec<bool> = compiled.map(|(_, regex)| regex.captures_len() > 1).collect();
        assert_eq!(groups, [vec![false; TOKENS.len()], vec![true; AROUND.len()]].concat());
    }

    /// Ends in reasonable time only when every text is read a bounded number of times.
    #[test]
    fn hostile_texts_are_read_to_the_end() {
        for part in
            ["eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "://a:b/", "://", "a:b@", "login -p", "Basic ", "-u a:"]
        {
            let mut spans = Vec::new();
            let text = part.repeat((1 << 18) / part.len());
            find(&text, &near(&text), &mut spans);
            assert!(spans.iter().all(|span| span.start < span.end));
        }
    }

    #[test]
    fn userinfo_is_told_from_ports_and_paths() {
        for (url, expected) in [
            ("u:p@h/x", Some("u:p")),
            ("u:p@q@h", Some("u:p@q")),
            ("u:pa/ss@h", Some("u:pa/ss")),
            (":p@h", Some(":p")),
            ("h:8080/@scope/pkg", None),
            ("h/a:b@c", None),
            ("h", None),
        ] {
            assert_eq!(userinfo_of(url), expected, "{url}");
        }
    }
}
