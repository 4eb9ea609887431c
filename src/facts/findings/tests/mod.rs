//! For each finding a scenario that must raise it, and a near miss that must not.

mod pull;
mod state;

use crate::cluster::inventory::Inventory;
use crate::facts::document::Finding;
use crate::facts::fixture;
use crate::resolve::Resolution;
use crate::vocabulary::FindingCode;

/// The findings of a valid document.
fn find(inventory: &Inventory, resolution: Option<&Resolution>) -> Vec<Finding> {
    fixture::facts(inventory, resolution).findings
}

fn codes(findings: &[Finding]) -> Vec<FindingCode> {
    findings.iter().map(|finding| finding.code).collect()
}

/// The only finding, which must be of this code.
fn only(code: FindingCode, inventory: &Inventory, resolution: Option<&Resolution>) -> Finding {
    let mut findings = find(inventory, resolution);
    assert_eq!(codes(&findings), [code], "{findings:#?}");
    findings.remove(0)
}

#[test]
fn what_is_shortened_holds_no_half_of_a_token() {
    assert_eq!(super::short("pull  ghp_0123456789", 12), "pull …");
    assert_eq!(super::short("pull\nit", 12), "pull it");
}
