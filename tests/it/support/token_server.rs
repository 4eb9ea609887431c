//! A token server for CNCF's registry: it signs what the registry verifies
//! (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{Certificate, CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;

use crate::registry_client::server::{Reply, Seen, Server, reply};

const ISSUER: &str = "tokens of the tests";
const SERVICE: &str = "registry of the tests";

/// A server that gives tokens to who knows the password.
pub(crate) struct TokenServer {
    pub(crate) server: Server,
    pem: String,
}

/// What signs tokens.
struct Signer {
    key: EcdsaKeyPair,
    certificate: Certificate,
    /// `Basic …`, as it must be shown
    login: String,
}

impl TokenServer {
    pub(crate) async fn start(user: &str, password: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new([]).unwrap().self_signed(&pair).unwrap();
        let pem = certificate.pem();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der(), &random).unwrap();
        let login = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let signer = Signer { key, certificate, login };
        Self { server: Server::http(move |seen| signer.answer(seen)).await, pem }
    }

    /// What verifies its tokens.
    pub(crate) fn certificate(&self) -> &str {
        &self.pem
    }

    /// What the registry is told of it, with the certificate in the file `bundle`.
    pub(crate) fn config(&self, bundle: &str) -> String {
        let realm = format!("http://{}/token", self.server.address);
        format!("{{realm: '{realm}', service: '{SERVICE}', issuer: '{ISSUER}', rootcertbundle: '{bundle}'}}")
    }
}

impl Signer {
    fn answer(&self, seen: &Seen) -> Reply {
        let url = url::Url::parse(&format!("http://x{}", seen.path)).unwrap();
        let asked = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if seen.authorization() != Some(self.login.as_str()) {
            return reply(401, r#"{"details":"wrong login"}"#);
        }
        assert_eq!(asked("service").as_deref(), Some(SERVICE));
        let scope = asked("scope").unwrap();
        let [kind, name, actions] = scope.split(':').collect::<Vec<_>>()[..] else { panic!("{scope}") };
        reply(200, json!({"token": self.token(kind, name, actions), "expires_in": 300}).to_string())
    }

    fn token(&self, kind: &str, name: &str, actions: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let chain = [STANDARD.encode(self.certificate.der())];
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": chain});
        let access = json!([{"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}]);
        let claims = json!({"iss": ISSUER, "sub": "x", "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": format!("{name}{now}"), "access": access});
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
