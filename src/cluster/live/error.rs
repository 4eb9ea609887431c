//! Why a live cluster could not be looked at, in words that say what to do.

use thiserror::Error;

/// Why nothing could be discovered.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// Neither a kubeconfig nor a pod's service account was found.
    #[error(
        "no kubeconfig found: looked at {looked}, and this is no pod of a cluster. \
         Name one with --kubeconfig or KUBECONFIG, or read objects from files with --from"
    )]
    NoKubeconfig {
        /// the places
        looked: String,
    },
    /// The kubeconfig does not have the wanted context.
    #[error("the kubeconfig {path} has no context '{context}'. {}", choices(known))]
    UnknownContext {
        /// where was looked
        path: String,
        /// as named by `--context` or by the kubeconfig itself
        context: String,
        /// the contexts that there are
        known: Vec<String>,
    },
    /// No context was named, by flag or by the kubeconfig.
    #[error("the kubeconfig {path} sets no current context. {}", choices(known))]
    NoContext {
        /// where was looked
        path: String,
        /// the contexts that there are
        known: Vec<String>,
    },
    /// The kubeconfig, or a file that it names, cannot be used.
    #[error("the kubeconfig {path} cannot be used: {cause}. Mend it, or name another with --kubeconfig or --context")]
    InvalidKubeconfig {
        /// where it lies
        path: String,
        /// what is wrong with it; holds no values of it
        cause: String,
    },
    /// No credential could be had for the user.
    #[error("no credential for user {user}: {cause}. Run `kubectl get namespaces` to see whether kubectl can log in")]
    NoCredential {
        /// the kubeconfig's name for the user
        user: String,
        /// what failed; holds no output of a plugin
        cause: String,
    },
    /// The API server cannot be reached.
    #[error(
        "the API server {server} cannot be reached: {cause}. Check that the cluster runs, and the network, \
         VPN or proxy on the way; --context chooses another cluster"
    )]
    Unreachable {
        /// its URL
        server: String,
        /// what failed
        cause: String,
    },
    /// The API server's certificate is not trusted, or ours is not.
    #[error(
        "no trusted connection to the API server {server}: {cause}. Check certificate-authority, client-certificate \
         and tls-server-name in the kubeconfig"
    )]
    Tls {
        /// its URL
        server: String,
        /// what failed
        cause: String,
    },
    /// The API server does not know who asks (401).
    #[error(
        "the API server {server} does not accept the credential of user {user}: log in again, or choose another --context"
    )]
    Unauthorized {
        /// its URL
        server: String,
        /// the kubeconfig's name for the user
        user: String,
    },
    /// What answers does not know pods and nodes.
    #[error(
        "{server} answers, but knows neither pods nor nodes: check that the kubeconfig's server is a Kubernetes API server"
    )]
    NotKubernetes {
        /// its URL
        server: String,
    },
    /// Every list was refused or failed.
    #[error(
        "nothing could be listed at {server}: {cause}. Name namespaces that you may read with -n, or ask for the right \
         to list pods and workloads"
    )]
    NothingListed {
        /// the API server's URL
        server: String,
        /// the first refusal
        cause: String,
    },
}

fn choices(known: &[String]) -> String {
    if known.is_empty() {
        "It has no contexts at all".to_owned()
    } else {
        format!("Choose one with --context: {}", known.join(", "))
    }
}
