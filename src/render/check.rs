//! What `registry check` shows: a list of what works and what does not.

use crate::check::{
    AccessCheck, AuthCheck, CertificateCheck, CheckError, EndpointCheck, RegistryCheck, Report, TlsCheck,
};
use crate::text::{clean, columns, duration};
use crate::vocabulary::{ErrorClass, Via};

/// How it is marked what works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// `ok` and `FAIL`, for what reads lines
    Words,
    /// `✓` and `✗`, for who looks at a terminal
    Signs,
}

/// How many addresses and names are shown.
const MOST: usize = 3;

/// What a row tells: that something works, that it does not, or merely what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    Bad,
    Plain,
}

/// A mark, what it is about, and what is said of it.
struct Row(Mark, &'static str, String);

/// The report for a person: a list for each registry.
pub fn check(report: &Report, marks: Marks) -> String {
    let lists: Vec<_> = report.registries.iter().map(|registry| list(registry, marks)).collect();
    lists.join("\n")
}

fn list(registry: &RegistryCheck, marks: Marks) -> String {
    let repository = registry.repository.iter().map(|path| format!("/{path}")).collect::<String>();
    let (mark, verdict) = match registry.pullable {
        true => (Mark::Good, "can be pulled from"),
        false => (Mark::Bad, "cannot be pulled from"),
    };
    let mut text = format!("{} {}{repository} {verdict}\n", mark.shown(marks), registry.host);
    for endpoint in &registry.endpoints {
        let via = if endpoint.via == Via::Mirror { " (mirror)" } else { "" };
        text.push_str(&format!("  {}{via}\n", clean(&endpoint.endpoint)));
        add(&mut text, "    ", endpoint_rows(endpoint, registry), marks);
    }
    add(&mut text, "  ", registry_rows(registry), marks);
    text
}

fn add(text: &mut String, indent: &str, rows: Vec<Row>, marks: Marks) {
    let cells: Vec<_> = rows
        .into_iter()
        .map(|Row(mark, about, said)| vec![mark.shown(marks).to_owned(), about.to_owned(), clean(&said).into_owned()])
        .collect();
    text.extend(columns(&cells).lines().map(|line| format!("{indent}{line}\n")));
}

impl Mark {
    fn shown(self, marks: Marks) -> &'static str {
        match (self, marks) {
            (Self::Good, Marks::Words) => "ok",
            (Self::Good, Marks::Signs) => "✓",
            (Self::Bad, Marks::Words) => "FAIL",
            (Self::Bad, Marks::Signs) => "✗",
            (Self::Plain, Marks::Words) => "-",
            (Self::Plain, Marks::Signs) => "·",
        }
    }
}

fn endpoint_rows(endpoint: &EndpointCheck, registry: &RegistryCheck) -> Vec<Row> {
    let failed = |class: ErrorClass| endpoint.error.as_ref().filter(|error| error.class == class);
    let mut rows = Vec::new();
    rows.push(match (failed(ErrorClass::Dns), endpoint.proxied) {
        (Some(error), _) => Row(Mark::Bad, "name", error.message.clone()),
        (None, true) => Row(Mark::Plain, "name", "resolved by the proxy, which is asked to connect".to_owned()),
        (None, false) => Row(Mark::Good, "name", some(&endpoint.addresses)),
    });
    if let Some(tls) = &endpoint.tls {
        rows.extend(tls_rows(tls, failed(ErrorClass::Tls)));
    }
    let is_told = failed(ErrorClass::Dns).is_some() || (endpoint.tls.is_some() && failed(ErrorClass::Tls).is_some());
    if let (Some(status), Some(latency), None) = (endpoint.status, endpoint.latency_ms, &endpoint.error) {
        rows.push(Row(Mark::Good, "answer", format!("{status} to GET /v2/ after {}", duration(latency))));
    }
    rows.extend(
        endpoint.error.iter().filter(|_| !is_told).map(|error| Row(Mark::Bad, "answer", error.message.clone())),
    );
    rows.extend(endpoint.auth.iter().map(|auth| Row(Mark::Plain, "login", login(auth))));
    rows.extend(endpoint.access.iter().map(|access| access_row(access, registry)));
    if endpoint.access.is_empty() && endpoint.error.is_none() && endpoint.via == Via::Registry {
        let hint = format!(
            "no credential applies; what is open to all depends on the repository: name {}/REPO",
            registry.host
        );
        rows.push(Row(Mark::Plain, "access", hint));
    }
    rows
}

fn tls_rows(tls: &TlsCheck, error: Option<&CheckError>) -> Vec<Row> {
    let untrusted = if tls.trusted || error.is_some() { "" } else { ", not verified: the host was named insecure" };
    let shown = tls.certificates.first().map(certificate).unwrap_or_default();
    let mark = if error.is_some() { Mark::Bad } else { Mark::Good };
    let mut rows = vec![Row(mark, "TLS", format!("{}, {shown}{untrusted}", tls.protocol))];
    if let Some(end) = tls.certificates.last() {
        let chain = match tls.certificates.len() {
            1 => String::new(),
            length => format!(", at the end of a chain of {length}"),
        };
        rows.push(Row(Mark::Plain, "issuer", format!("{}{chain}", end.issuer)));
    }
    rows.extend(error.map(|error| Row(Mark::Bad, "trust", error.message.clone())));
    rows
}

fn certificate(certificate: &CertificateCheck) -> String {
    let names = if certificate.names.is_empty() { certificate.subject.clone() } else { some(&certificate.names) };
    format!("certificate for {names}, valid until {}", certificate.not_after.0.strftime("%Y-%m-%d"))
}

fn login(auth: &AuthCheck) -> String {
    let realm = auth.realm.as_ref().map(|realm| format!(" token of {realm}")).unwrap_or_default();
    let service = auth.service.as_ref().map(|service| format!(" for {service}")).unwrap_or_default();
    format!("{}{realm}{service}", auth.scheme)
}

fn access_row(access: &AccessCheck, registry: &RegistryCheck) -> Row {
    let name = access.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let who = format!("{}{name}", access.source);
    match (&access.error, access.found) {
        (Some(error), _) => Row(Mark::Bad, "access", format!("{who}: {}: {}", error.class, error.message)),
        (None, Some(false)) => {
            let target = registry.target.as_deref().unwrap_or_default();
            Row(
                Mark::Good,
                "access",
                format!("{who}: accepted; nothing is tagged {target} there, or there is no such repository"),
            )
        }
        (None, _) => Row(Mark::Good, "access", format!("{who}: accepted")),
    }
}

fn registry_rows(registry: &RegistryCheck) -> Vec<Row> {
    let credential = |error: &CheckError| Row(Mark::Bad, "credentials", error.message.clone());
    let mut rows: Vec<_> = registry.errors.iter().map(credential).collect();
    rows.extend(registry.rate_limit.map(|limit| {
        let mark = if limit.remaining == 0 { Mark::Bad } else { Mark::Plain };
        Row(mark, "rate limit", format!("{} of {} pulls left", limit.remaining, limit.limit))
    }));
    rows
}

/// The first few of `items`, and how many more there are.
fn some(items: &[String]) -> String {
    let more = items.len().saturating_sub(MOST);
    let shown = items.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::document::RateLimit;
    use crate::vocabulary::AccessSource;

    fn endpoint(endpoint: &str, via: Via) -> EndpointCheck {
        EndpointCheck {
            endpoint: endpoint.to_owned(),
            via,
            addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(str::to_owned).to_vec(),
            proxied: false,
            tls: None,
            status: Some(401),
            latency_ms: Some(42),
            auth: Some(AuthCheck { scheme: "basic".to_owned(), realm: None, service: None }),
            access: Vec::new(),
            error: None,
        }
    }

    fn access(source: AccessSource, error: Option<CheckError>) -> AccessCheck {
        AccessCheck { source, name: Some("a\u{1b}[31m".to_owned()), accepted: error.is_none(), found: None, error }
    }

    #[test]
    fn each_server_has_its_list() {
        let refused = CheckError { class: ErrorClass::Unauthorized, message: "no; log in".to_owned() };
        let mut mirror = endpoint("http://mirror.example", Via::Mirror);
        mirror.error = Some(CheckError { class: ErrorClass::Connect, message: "refuses the connection".to_owned() });
        let mut origin = endpoint("https://r.example", Via::Registry);
        origin.access =
            vec![access(AccessSource::Environment, Some(refused)), access(AccessSource::DockerConfig, None)];
        let registry = RegistryCheck {
            host: "r.example".to_owned(),
            repository: Some("web".to_owned()),
            target: Some("latest".to_owned()),
            pullable: true,
            endpoints: vec![mirror, origin],
            rate_limit: Some(RateLimit { limit: 100, remaining: 0 }),
            errors: Vec::new(),
        };
        let shown = check(&Report { schema_version: "1.0", registries: vec![registry] }, Marks::Signs);
        insta::assert_snapshot!(shown, @r"
        ✓ r.example/web can be pulled from
          http://mirror.example (mirror)
            ✓  name    192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more
            ✗  answer  refuses the connection
            ·  login   basic
          https://r.example
            ✓  name    192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more
            ✓  answer  401 to GET /v2/ after 42 ms
            ·  login   basic
            ✗  access  environment a\u{1b}[31m: unauthorized: no; log in
            ✓  access  docker-config a\u{1b}[31m: accepted
          ✗  rate limit  0 of 100 pulls left
        ");
    }
}
