//! Files of all kinds, good and bad.

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;
use crate::cluster::objects::PullSecret;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      serviceAccountName: robot
      containers:
      - {name: web, image: 'nginx:1.29'}
";

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn read_stdin(text: &str) -> Result<(Inventory, FileSecrets), FilesError> {
    read(&["-".into()], &mut || Ok((text.into(), false)), Scope::default())
}

fn read_path(path: &Path) -> Result<(Inventory, FileSecrets), FilesError> {
    read(&[path.into()], &mut || Ok((Vec::new(), false)), Scope::default())
}

fn images(inventory: &Inventory) -> Vec<String> {
    inventory.images.keys().map(ToString::to_string).collect()
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubernetes-1.36")
}

#[test]
fn a_manifest_without_namespace_is_in_the_default_one() {
    let (inventory, _) = read_stdin(DEPLOYMENT).unwrap();
    assert_eq!(images(&inventory), ["docker.io/library/nginx:1.29"]);
    let usage = inventory.images.values().next().unwrap();
    let (key, _) = usage.used_by.first_key_value().unwrap();
    assert_eq!((&*key.namespace, key.name.as_deref()), ("default", Some("web")));
    assert_eq!(usage.contexts.first().unwrap().service_account.as_deref(), Some("robot"));
    assert_eq!(inventory.nodes, None);
    assert_eq!(inventory.namespaces.iter().collect::<Vec<_>>(), ["default"]);
}

#[test]
fn lists_of_every_form_are_taken_apart() {
    let pod = |image: &str, of: &str| {
        format!(r#"{{{of}"metadata":{{"name":"{image}"}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}"#)
    };
    let (typed, bare) = (r#""apiVersion":"v1","kind":"Pod","#, "");
    let list = |kind: &str, items: &str| format!(r#"{{"apiVersion":"v1","items":[{items}],"kind":"{kind}"}}"#);
    for text in [
        list("List", &[pod("a", typed), pod("b", typed)].join(",")),
        list("PodList", &[pod("a", bare), pod("b", typed)].join(",")),
        list("List", &[list("PodList", &pod("a", bare)), list("List", &pod("b", typed))].join(",")),
        format!("{}\n{}", pod("a", typed), pod("b", typed)),
        format!("---\n# nothing\n---\n{}\n---\n{}", pod("a", typed), pod("b", typed)),
    ] {
        let (inventory, _) = read_stdin(&text).unwrap();
        assert_eq!(images(&inventory), ["docker.io/library/a:latest", "docker.io/library/b:latest"], "{text}");
    }
}

#[test]
fn an_empty_list_is_an_empty_cluster() {
    let (inventory, _) = read_stdin("apiVersion: v1\nkind: List\nitems: []\n").unwrap();
    assert_eq!(inventory, Inventory::default());
}

#[test]
fn a_dump_of_the_recorded_cluster_is_read_like_its_api() {
    let files = ["nodes", "pods", "events", "deployments", "replicasets", "serviceaccounts", "secrets"];
    let paths: Vec<_> = files.iter().map(|name| recordings().join(format!("{name}.json"))).collect();
    let (inventory, secrets) = read(&paths, &mut || Ok((Vec::new(), false)), Scope::default()).unwrap();
    assert_eq!((inventory.pods, inventory.workloads, inventory.nodes.as_ref().unwrap().len()), (9, 3, 4));
    assert_eq!((inventory.images.len(), inventory.gaps.len()), (14, 0));
    let Some(PullSecret::DockerConfigJson(new)) = secrets.pull_secret("shop", "ghcr-pull") else { panic!("missing") };
    assert!(new.expose_secret().starts_with(r#"{"auths": {"ghcr.io""#));
    let Some(PullSecret::DockerCfg(old)) = secrets.pull_secret("shop", "legacy-pull") else { panic!("missing") };
    assert!(old.expose_secret().starts_with(r#"{"registry.example.com:5000""#));
    assert!(!secrets.has_secret("shop", "does-not-exist"));
    assert_eq!(secrets.service_account("shop", "web").unwrap(), ["ghcr-pull"]);
    assert!(!format!("{secrets:?} {inventory:?}").contains("s3cr3t"));
}

#[test]
fn a_directory_gives_its_manifests_and_a_gap_for_each_broken_one() {
    let other = DEPLOYMENT.replace("web", "other").replace("nginx", "httpd");
    let directory = directory(&[
        ("a/deployment.yaml", DEPLOYMENT),
        ("a/b/other.yml", &other),
        ("values.yaml", "image: {tag: 1}"),
        ("broken.yaml", "a: [\n"),
        ("README.md", "kind: Pod"),
        ("script.yaml.sh", "kind: ["),
    ]);
    let (inventory, _) = read_path(directory.path()).unwrap();
    assert_eq!(images(&inventory), ["docker.io/library/httpd:1.29", "docker.io/library/nginx:1.29"]);
    let [gap] = inventory.gaps.as_slice() else { panic!("{:?}", inventory.gaps) };
    assert!(gap.incomplete && gap.message.contains("broken.yaml is not valid YAML: "), "{}", gap.message);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once() {
    let directory = directory(&[("..data/web.yaml", DEPLOYMENT)]);
    std::os::unix::fs::symlink("..data/web.yaml", directory.path().join("web.yaml")).unwrap();
    std::os::unix::fs::symlink("..", directory.path().join("..data/round")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("broken.yaml")).unwrap();
    let (inventory, _) = read_path(directory.path()).unwrap();
    assert_eq!((inventory.workloads, inventory.images.len(), inventory.gaps.len()), (1, 1, 1));
    assert!(inventory.gaps[0].message.contains("broken.yaml"), "{:?}", inventory.gaps);
}

#[test]
fn what_is_named_must_be_right() {
    let files = directory(&[
        ("text.txt", "just words"),
        ("values.yaml", "image: {tag: 1}\n---\nb: 2"),
        ("empty.yaml", ""),
        ("broken.yaml", "a: 1\nb: [\n"),
        ("broken.json", "{\n\"a\" 1}"),
        ("charts/values.yaml", "a: 1"),
    ]);
    std::fs::write(files.path().join("bundle.tar.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    for (name, expected) in [
        ("text.txt", "text.txt holds no Kubernetes object"),
        ("values.yaml", "values.yaml holds no Kubernetes object"),
        ("empty.yaml", "empty.yaml holds no Kubernetes object"),
        ("charts", "charts holds no Kubernetes object"),
        ("broken.yaml", "broken.yaml is not valid YAML: "),
        ("broken.json", "broken.json is not valid JSON: expected `:` at line 2 column 5"),
        ("bundle.tar.gz", "bundle.tar.gz is an archive; --from reads manifests"),
        ("missing.yaml", "cannot read "),
    ] {
        let message = read_path(&files.path().join(name)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let message = read_stdin("").unwrap_err().to_string();
    assert!(message.starts_with("stdin holds no Kubernetes object"), "{message}");
}

#[test]
fn a_broken_object_is_a_gap_and_a_broken_secret_stays_untold() {
    let text = "---
{apiVersion: v1, kind: Secret, metadata: {name: pull, namespace: shop}, data: s3cr3t}
---
{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: []}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: 1}
---
{apiVersion: v1, kind: PodList, items: 1}
";
    let (inventory, secrets) = read_stdin(text).unwrap();
    let gaps: Vec<_> = inventory.gaps.iter().map(|gap| gap.resource.as_deref().unwrap()).collect();
    assert_eq!(gaps, ["PodList", "pods", "secrets"]);
    assert!(!format!("{:?} {secrets:?}", inventory.gaps).contains("s3cr3t"));
    assert!(inventory.gaps[2].message.contains("pull"));
}
