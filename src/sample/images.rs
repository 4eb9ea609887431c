//! The images of the sample, and what became of them at the registry.

use std::io;

use super::image::{AMD64, ARM_V7, ARM64, Document, Format, Machine, Recipe, WINDOWS, image, index, legacy};

/// A password that a build left in an image's environment.
pub(super) const BAKED_PASSWORD: &str = "s3cr3t-canary-baked-into-env";
/// A token that a build left in an image's history.
pub(super) const BUILD_TOKEN: &str = "s3cr3t-canary-left-in-history";

/// An image, under the tag that it has or had.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) repository: &'static str,
    pub(super) tag: &'static str,
    pub(super) document: Document,
    /// false when the tag is gone, or names another image now
    pub(super) is_tagged: bool,
}

impl Image {
    fn new(repository: &'static str, tag: &'static str, document: Document) -> Self {
        Self { repository, tag, document, is_tagged: true }
    }

    /// An earlier build, whose tag was moved on.
    fn superseded(repository: &'static str, tag: &'static str, document: Document) -> Self {
        Self { is_tagged: false, ..Self::new(repository, tag, document) }
    }

    /// The name by tag: `host/acme/web:v3.2.1`.
    pub(super) fn name(&self, host: &str) -> String {
        format!("{host}/{}:{}", self.repository, self.tag)
    }

    /// The name by digest, as a runtime reports it.
    pub(super) fn id(&self, host: &str) -> String {
        format!("{host}/{}@{}", self.repository, self.document.digest)
    }
}

/// Declares the images, so that the cluster names them by field and none can be forgotten.
macro_rules! images {
    ($($(#[$doc:meta])* $field:ident: $image:expr;)+) => {
        /// All images of the sample.
        #[derive(Debug)]
        pub(super) struct Images {
            $($(#[$doc])* pub(super) $field: Image,)+
        }

        impl Images {
            /// Builds all of them.
            pub(super) fn build() -> io::Result<Self> {
                Ok(Self { $($field: $image,)+ })
            }

            /// All of them, also those that are gone.
            pub(super) fn all(&self) -> Vec<&Image> {
                vec![$(&self.$field),+]
            }
        }
    };
}

const LINUX: &[Machine] = &[AMD64, ARM64];

fn oci(recipe: &Recipe) -> io::Result<Document> {
    index(Format::Oci, LINUX, recipe)
}

fn docker(recipe: &Recipe) -> io::Result<Document> {
    index(Format::Docker, LINUX, recipe)
}

images! {
    /// what all is well with
    web: Image::new("acme/web", "v3.2.1", oci(&Recipe { ports: &[8080, 9090], ..Recipe::new("web", "3.2.1") })?);
    /// what a rollback of it would start
    web_before: Image::new("acme/web", "v3.1.0", oci(&Recipe { ports: &[8080], ..Recipe::new("web", "3.1.0") })?);
    /// has drifted: pods run the build before
    api: Image::new("acme/api", "v2.4", docker(&Recipe::new("api", "2.4.1"))?);
    /// what the tag of `api` named when the pods were started
    api_before: Image::superseded("acme/api", "v2.4", docker(&Recipe::new("api", "2.4.0"))?);
    /// two nodes run two builds of it
    worker: Image::new("acme/worker", "stable", oci(&Recipe::new("worker", "7.1.0"))?);
    /// the build before of `worker`
    worker_before: Image::superseded("acme/worker", "stable", oci(&Recipe::new("worker", "7.0.4"))?);
    /// runs, but is gone from the registry
    checkout: Image::superseded("acme/checkout", "1.8.0", oci(&Recipe::new("checkout", "1.8.0"))?);
    /// what came after `checkout`
    checkout_after: Image::new("acme/checkout", "1.9.0", oci(&Recipe::new("checkout", "1.9.0"))?);
    /// shall run on arm64, but is for amd64 alone
    reports: Image::new("acme/reports", "2026.11", index(Format::Oci, &[AMD64], &Recipe::new("reports", "2026.11"))?);
    /// goes by the tag `latest`
    cache: Image::new("acme/cache", "latest", image(Format::Docker, AMD64, &Recipe::new("cache", "1.6.2"))?);
    /// has secrets baked into it
    billing: Image::new("acme/billing", "5.1.2", oci(&Recipe {
        env: &["BILLING_DB_PASSWORD=s3cr3t-canary-baked-into-env", "BILLING_REGION=eu-1"],
        steps: &["RUN |1 NPM_TOKEN=s3cr3t-canary-left-in-history /bin/sh -c npm ci # buildkit"],
        ..Recipe::new("billing", "5.1.2")
    })?);
    /// data that `billing` mounts
    tax_tables: Image::new("acme/tax-tables", "2026.4", image(Format::Oci, AMD64, &Recipe::new("tax-tables", "2026.4"))?);
    /// is large, and took long to pull
    fraud_model: Image::new("acme/fraud-model", "2026-10", image(Format::Oci, AMD64, &Recipe {
        declared_bytes: Some(3 << 30),
        ..Recipe::new("fraud-model", "2026-10")
    })?);
    /// runs once
    migrate: Image::new("acme/migrate", "v12", image(Format::Docker, AMD64, &Recipe::new("migrate", "12"))?);
    /// was pushed by a Docker of 2015
    ledger: Image::new("acme/ledger", "1.0", legacy("acme/ledger", "1.0", &Recipe::new("ledger", "1.0"))?);
    /// a database
    postgres: Image::new("library/postgres", "17.2", oci(&Recipe { ports: &[5432], ..Recipe::new("postgres", "17.2") })?);
    /// for many machines
    busybox: Image::new("library/busybox", "1.37", index(
        Format::Docker,
        &[AMD64, ARM64, ARM_V7],
        &Recipe::new("busybox", "1.37"),
    )?);
    /// a sidecar, pinned by digest
    proxy: Image::new("platform/proxy", "1.27.0", oci(&Recipe::new("proxy", "1.27.0"))?);
    /// an ephemeral container
    debug_tools: Image::new("platform/debug-tools", "1.4", oci(&Recipe::new("debug-tools", "1.4"))?);
    /// on every Linux node
    node_exporter: Image::new("platform/node-exporter", "v1.9.1", docker(&Recipe::new("node-exporter", "1.9.1"))?);
    /// for Windows too
    log_agent: Image::new("platform/log-agent", "3.0.2", index(
        Format::Docker,
        &[AMD64, WINDOWS],
        &Recipe::new("log-agent", "3.0.2"),
    )?);
    /// runs each night
    backup: Image::new("platform/backup", "0.3", oci(&Recipe::new("backup", "0.3"))?);
    /// a static pod
    apiserver: Image::new("kubernetes/kube-apiserver", "v1.36.2", oci(&Recipe::new("kube-apiserver", "1.36.2"))?);
    /// the cluster's DNS
    coredns: Image::new("kubernetes/coredns", "v1.13.1", oci(&Recipe::new("coredns", "1.13.1"))?);
}

impl Images {
    /// All but the one that is gone.
    pub(super) fn in_registry(&self) -> Vec<&Image> {
        self.all().into_iter().filter(|image| image.document.digest != self.checkout.document.digest).collect()
    }
}
