//! Objects from files (`--from`): manifests, dumps and directories in place of a cluster.
