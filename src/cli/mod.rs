//! What can be typed: clap types and nothing else. Their doc comments are the help.

mod cache;
mod mirror;
mod registries;
mod registry;
mod reports;
mod values;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::cache::{CacheAction, CacheArgs};
pub use self::mirror::MirrorArg;
pub use self::registries::{FallbackArg, FallbackArgs, RegistryArgs};
pub use self::reports::{DiffArgs, FilterArgs, OptimizeArgs, ReportFormat, SectionArgs, ShowArgs, ValidateArgs};
use self::values::{duration, namespace, positive, selector, whole};
pub use self::words::{AttachmentsArg, ProgressArg, RedactArg};
use crate::image::Platform;

pub use registry::{CheckArgs, RegistryCommand};

/// Learn everything about the container images of a Kubernetes cluster.
///
/// imagefacts finds every image that a cluster uses, asks its registry what it is, says what is wrong with it, and
/// writes all of it into a support bundle to attach to a ticket.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = MAIN_EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Say less: no progress and no messages, only the result and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more, on stderr: -v what is done, -vv each request, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

const MAIN_EXAMPLES: &str = "\
Examples:
  imagefacts demo                                   see it work, with nothing but this program
  imagefacts collect --include-images               the cluster of your current context
  imagefacts collect --include-images -n shop       one namespace of it
  kubectl get pods,deploy -A -o json | imagefacts collect --include-images --from -
  imagefacts inspect nginx:1.29                     one image, no cluster
  imagefacts show support-bundle.tar.gz             what is wrong, and the way out
  imagefacts diff old.tar.gz new.tar.gz             what changed since then";

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "a comment here would take the place of the command's own help")]
pub enum Command {
    Collect(Box<CollectArgs>),
    Inspect(Box<InspectArgs>),
    #[command(subcommand)]
    Registry(RegistryCommand),
    Show(ShowArgs),
    Diff(DiffArgs),
    Optimize(OptimizeArgs),
    Validate(ValidateArgs),
    Schema(SchemaArgs),
    Cache(CacheArgs),
    Demo(DemoArgs),
}

/// Discover every image that the cluster uses, and write a support bundle.
///
/// Without --include-images no registry is asked: the facts hold what the cluster knows. With it, each image is
/// resolved at its registry: digest, manifests, config, platforms, sizes, and what is wrong with it.
///
/// The path of the bundle is printed to stdout.
#[derive(Debug, Args)]
#[command(after_help = COLLECT_EXAMPLES)]
pub struct CollectArgs {
    /// Resolve each image at its registry
    #[arg(long, env = "IMAGEFACTS_INCLUDE_IMAGES")]
    pub include_images: bool,
    /// Which objects
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// For which platforms
    #[command(flatten)]
    pub platforms: PlatformArgs,
    /// Where to
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to reach registries
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// What to do with images that fail
    #[command(flatten)]
    pub fallback: FallbackArgs,
    /// How much, how often and how long
    #[command(flatten)]
    pub limits: LimitArgs,
}

const COLLECT_EXAMPLES: &str = "\
Examples:
  # Everything that the current context may read, into ./support-bundle-<time>.tar.gz
  imagefacts collect --include-images

  # Two namespaces, as another user, to a path of your choice
  imagefacts collect --include-images -n shop -n payments --as system:serviceaccount:ops:reader -o /tmp/shop.tar.gz

  # No cluster at hand: what somebody dumped, or the manifests in a directory
  kubectl get nodes,pods,deploy,rs -A -o json > dump.json
  imagefacts collect --include-images --from dump.json
  imagefacts collect --include-images --from deploy/

  # For a script: JSON lines on stdout, the last of which names the bundle
  imagefacts collect --include-images --progress json | tail -n 1

  # The bundle itself on stdout
  imagefacts collect -o - | tar -tz

Exit codes:
  0 a bundle was written; what failed is in it    1 nothing was done    2 wrong usage
  3 with --strict: something in it is incomplete  130, 143 interrupted; what was collected is in the bundle";

/// Which objects.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scope")]
pub struct ScopeArgs {
    /// Every namespace that may be read (the default)
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only this namespace (repeatable)
    #[arg(short, long, value_name = "NS", env = "IMAGEFACTS_NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub namespace: Vec<String>,
    /// Not this namespace (repeatable)
    #[arg(long, value_name = "NS", env = "IMAGEFACTS_EXCLUDE_NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub exclude_namespace: Vec<String>,
    /// Only pods and workloads with these labels: app=web,tier!=cache,env in (prod,test)
    #[arg(short = 'l', long, value_name = "LABELS", env = "IMAGEFACTS_SELECTOR", value_parser = selector)]
    pub selector: Option<String>,
    /// The kubeconfig file (default: $KUBECONFIG, ~/.kube/config, or the pod's own service account)
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, env = "IMAGEFACTS_CONTEXT")]
    pub context: Option<String>,
    /// Act as this user
    #[arg(long = "as", value_name = "USER", env = "IMAGEFACTS_AS")]
    pub impersonate: Option<String>,
    /// Act as a member of this group (repeatable)
    #[arg(long = "as-group", value_name = "GROUP", env = "IMAGEFACTS_AS_GROUP", value_delimiter = ',')]
    pub impersonate_groups: Vec<String>,
    /// Read objects from files in place of a cluster: YAML or JSON manifests, `kubectl get -o json` dumps, directories
    /// of them, or - for stdin (repeatable)
    #[arg(long, value_name = "PATH", env = "IMAGEFACTS_FROM", value_delimiter = ',')]
    pub from: Vec<PathBuf>,
    /// Do not look for images in custom resources
    #[arg(long, env = "IMAGEFACTS_NO_CUSTOM_RESOURCES")]
    pub no_custom_resources: bool,
    /// Do not read the pull secrets that pods name
    #[arg(long, env = "IMAGEFACTS_NO_PULL_SECRETS")]
    pub no_pull_secrets: bool,
}

/// For which platforms an image is described.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Platforms")]
pub struct PlatformArgs {
    /// Describe images for this platform (repeatable; default: the platforms of the nodes that an image may run on,
    /// linux/amd64 and linux/arm64 when no node is known)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", env = "IMAGEFACTS_PLATFORM", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Describe images for each platform that they offer
    #[arg(long, env = "IMAGEFACTS_ALL_PLATFORMS")]
    pub all_platforms: bool,
}

/// Where to, and how to show it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The bundle: a path, an existing directory, or - for stdout (default: ./support-bundle-<local time>.tar.gz)
    #[arg(short, long, value_name = "PATH", env = "IMAGEFACTS_OUTPUT")]
    pub output: Option<PathBuf>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t, env = "IMAGEFACTS_PROGRESS")]
    pub progress: ProgressArg,
    /// How to mask secrets that were baked into images
    #[arg(long, value_enum, default_value_t, env = "IMAGEFACTS_REDACT")]
    pub redact: RedactArg,
    /// Exit with 3 when something in the bundle is incomplete
    #[arg(long, env = "IMAGEFACTS_STRICT")]
    pub strict: bool,
}

/// How much, how often and how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Requests in flight, over all registries
    #[arg(long, value_name = "N", default_value_t = 96, env = "IMAGEFACTS_CONCURRENCY", value_parser = positive)]
    pub concurrency: u32,
    /// The most requests in flight to one registry (default: 32 at first, then as many as it answers well)
    #[arg(long, value_name = "N", env = "IMAGEFACTS_PER_REGISTRY", value_parser = positive)]
    pub per_registry: Option<u32>,
    /// How often a request is tried again
    #[arg(long, value_name = "N", default_value_t = 3, env = "IMAGEFACTS_RETRIES", value_parser = whole)]
    pub retries: u32,
    /// For one request
    #[arg(long, value_name = "DURATION", default_value = "15s", env = "IMAGEFACTS_REGISTRY_TIMEOUT", value_parser = duration)]
    pub registry_timeout: Duration,
    /// For one image
    #[arg(long, value_name = "DURATION", default_value = "60s", env = "IMAGEFACTS_IMAGE_TIMEOUT", value_parser = duration)]
    pub image_timeout: Duration,
    /// For the run; what was collected by then is in the bundle
    #[arg(long, value_name = "DURATION", default_value = "10m", env = "IMAGEFACTS_TIMEOUT", value_parser = duration)]
    pub timeout: Duration,
}

/// Look at images without a cluster.
///
/// Prints what their registries say of them. Credentials come from the environment, podman's and docker's login.
#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub struct InspectArgs {
    /// Image references
    #[arg(required = true, value_name = "REF")]
    pub references: Vec<String>,
    /// For which platforms
    #[command(flatten)]
    pub platforms: PlatformArgs,
    /// As a table for a person, or as JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormat,
    /// How to mask secrets that were baked into images
    #[arg(long, value_enum, default_value_t, env = "IMAGEFACTS_REDACT")]
    pub redact: RedactArg,
    /// How to reach registries
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// How much, how often and how long
    #[command(flatten)]
    pub limits: LimitArgs,
}

const INSPECT_EXAMPLES: &str = "\
Examples:
  imagefacts inspect nginx:1.29
  imagefacts inspect --all-platforms -o json ghcr.io/acme/web:v3 | jq '.images[0].resolved.digest'

Exit codes:
  0 all is well    1 nothing was done    2 wrong usage    3 a reference failed";

/// Print a JSON Schema.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts schema facts > facts.schema.json
  imagefacts schema progress | jq -r '.oneOf[].properties.event.const'")]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaArg,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaArg {
    /// facts.json
    Facts,
    /// a line of `--progress json`
    Progress,
}

/// Do the whole of `collect --include-images` on a built-in sample cluster and registry.
///
/// A registry with some twenty images is started on a loopback port, a cluster that runs them is read from built-in
/// objects, and a bundle is written. No network, no cluster and no other program is needed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  imagefacts demo
  imagefacts demo -o /tmp/demo.tar.gz && imagefacts validate /tmp/demo.tar.gz")]
pub struct DemoArgs {
    /// Where to
    #[command(flatten)]
    pub output: OutputArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
