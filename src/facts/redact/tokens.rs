//! Tokens that are told by their shape, and whose whole text is the secret.

use super::patterns::Source;
use super::record::Rule;

/// All of what fits is the secret.
pub(super) const TOKENS: &[Source] = &[
    (
        Rule::PrivateKey,
        &["-----BEGIN "],
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*(?:-----END[A-Z0-9 ]{0,60}-----)?",
    ),
    (Rule::Jwt, &["eyJ"], r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    (
        Rule::AwsKey,
        &["AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ANPA", "ANVA", "ABIA", "ACCA"],
        r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    (Rule::AzureKey, &["7Q~", "8Q~"], r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    (Rule::GoogleKey, &["AIza"], r"\bAIza[0-9A-Za-z_-]{35}"),
    (Rule::GoogleKey, &["ya29."], r"\bya29\.[0-9A-Za-z_-]{20,}"),
    (Rule::GoogleKey, &["GOCSPX-"], r"\bGOCSPX-[0-9A-Za-z_-]{20,}"),
    (Rule::GoogleKey, &["1//0"], r"\b1//0[0-9A-Za-z_-]{40,}"),
    (Rule::GithubToken, &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"\bgh[pousr]_[0-9A-Za-z]{36,}"),
    (Rule::GithubToken, &["github_pat_"], r"\bgithub_pat_[0-9A-Za-z_]{22,}"),
    (
        Rule::GitlabToken,
        &[
            "glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
            "glsoat-", "glffct-",
        ],
        r"\bgl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[0-9A-Za-z_.-]{20,}",
    ),
    (Rule::GitlabToken, &["GR1348941"], r"\bGR1348941[0-9A-Za-z_-]{20,}"),
    (Rule::SlackToken, &["xox"], r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    (Rule::SlackToken, &["xapp-"], r"\bxapp-[0-9]-[0-9A-Za-z-]{10,}"),
    (
        Rule::SlackToken,
        &["https://hooks.slack"],
        r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[0-9A-Za-z/_-]{20,}",
    ),
    (Rule::PackageToken, &["npm_"], r"\bnpm_[0-9A-Za-z]{36}"),
    (Rule::PackageToken, &["pypi-"], r"\bpypi-[0-9A-Za-z_-]{50,}"),
    (Rule::PackageToken, &["rubygems_"], r"\brubygems_[0-9a-f]{48}"),
    (Rule::PackageToken, &["dckr_"], r"\bdckr_(?:pat|oat)_[0-9A-Za-z_-]{20,}"),
    (Rule::PackageToken, &["cio"], r"\bcio[0-9A-Za-z]{32}\b"),
    (Rule::PackageToken, &["oy2"], r"\boy2[a-z0-9]{43}\b"),
    (Rule::VendorToken, &["k_live_", "k_test_"], r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    (Rule::VendorToken, &["whsec_"], r"\bwhsec_[0-9A-Za-z+/=]{24,}"),
    (Rule::VendorToken, &["sk-"], r"\bsk-(?:proj-|ant-|svcacct-|or-)?[0-9A-Za-z_-]{20,}"),
    (Rule::VendorToken, &["hf_"], r"\bhf_[0-9A-Za-z]{30,}"),
    (Rule::VendorToken, &["hvs.", "hvb.", "hvr."], r"\bhv[sbr]\.[0-9A-Za-z_-]{20,}"),
    (Rule::VendorToken, &[".atlasv1."], r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{40,}"),
    (Rule::VendorToken, &["_v1_"], r"\bdo[opr]_v1_[0-9a-f]{64}"),
    (Rule::VendorToken, &["dapi"], r"\bdapi[0-9a-f]{32}"),
    (Rule::VendorToken, &["SG."], r"\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}"),
    (Rule::VendorToken, &["key-"], r"\bkey-[0-9a-f]{32}\b"),
    (Rule::VendorToken, &["SK"], r"\bSK[0-9a-f]{32}\b"),
    (Rule::VendorToken, &["shpat_", "shpca_", "shppa_", "shpss_"], r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    (Rule::VendorToken, &["NRAK-"], r"\bNRAK-[0-9A-Z]{27}"),
    (Rule::VendorToken, &["glc_", "glsa_"], r"\bgl(?:c|sa)_[0-9A-Za-z+/=_]{32,}"),
    (Rule::VendorToken, &["lin_api_"], r"\blin_api_[0-9A-Za-z]{40}"),
    (Rule::VendorToken, &["dp."], r"\bdp\.(?:pt|st|ct|sa)\.[0-9A-Za-z._-]{40,}"),
    (Rule::VendorToken, &["AGE-SECRET-KEY-1"], r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}"),
    (Rule::VendorToken, &["ATATT3"], r"\bATATT3[0-9A-Za-z_=-]{60,}"),
    (Rule::VendorToken, &["ATBB"], r"\bATBB[0-9A-Za-z]{32}"),
    (Rule::VendorToken, &["pul-"], r"\bpul-[0-9a-f]{40}"),
    (Rule::VendorToken, &[":AA"], r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}"),
    (Rule::VendorToken, &["sntrys_", "sntryu_"], r"\bsntry[su]_[0-9A-Za-z+/=_-]{40,}"),
    (Rule::VendorToken, &["tskey-"], r"\btskey-[a-z]{2,10}-[0-9A-Za-z-]{20,}"),
    (
        Rule::VendorToken,
        &["/api/webhooks/"],
        r"https://discord(?:app)?\.com/api/webhooks/[0-9]{10,}/[0-9A-Za-z_-]{40,}",
    ),
    (Rule::VendorToken, &[".webhook.office.com/"], r#"https://[0-9a-z-]{1,63}\.webhook\.office\.com/[^\s"']{20,}"#),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::string::string_regex;
    use proptest::test_runner::{Config, TestRunner};

    use super::super::shapes::{find, near};
    use super::*;

    #[test]
    fn whatever_fits_a_pattern_holds_one_of_its_words_and_is_found() {
        for (rule, words, pattern) in TOKENS {
            let tokens = string_regex(&pattern.replace(r"\b", "")).unwrap();
            let mut runner = TestRunner::new(Config { cases: 32, ..Config::default() });
            let is_found = runner.run(&tokens, |token| {
                prop_assert!(words.iter().any(|word| token.contains(word)));
                let mut spans = Vec::new();
                let text = format!("is {token} here");
                find(&text, &near(&text), &mut spans);
                prop_assert!(spans.iter().any(|span| span.rule == *rule && span.start == 3), "{spans:?}");
                Ok(())
            });
            is_found.unwrap_or_else(|error| panic!("{pattern}: {error}"));
        }
    }
}
