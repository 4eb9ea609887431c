//! The cluster of the sample: four nodes and three namespaces, with a problem of each kind.
//!
//! | problem | where |
//! |---|---|
//! | `tag-drift` | shop/api runs what its tag named before |
//! | `node-disagreement` | shop/worker runs two builds of one tag |
//! | `gone-from-registry` | shop/checkout runs what was deleted |
//! | `pull-platform` | shop/reports is for amd64, its node is arm64 |
//! | `pull-not-found` | shop/recommender names a tag that never was |
//! | `invalid-image-name` | shop/toolbox has upper-case letters in its repository |
//! | `mutable-tag` | shop/cache goes by `latest` |
//! | `slow-pull`, `large-image` | payments/fraud-model |
//! | `legacy-manifest` | payments/ledger |
//! | secrets baked into an image | payments/billing |

use base64::Engine;
use serde_json::{Value, json};

use super::image::WINDOWS_BUILD;
use super::images::{Image, Images};
use super::objects::{List, State, Template, event, lone_pod, object, pod};

/// The password of the pull secret.
pub(super) const PULL_PASSWORD: &str = "s3cr3t-canary-of-the-pull-secret";

const PULL_SECRET: &str = "registry-login";
const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const REPLICA_SET: (&str, &str) = ("apps/v1", "ReplicaSet");
const STATEFUL_SET: (&str, &str) = ("apps/v1", "StatefulSet");
const DAEMON_SET: (&str, &str) = ("apps/v1", "DaemonSet");
const JOB: (&str, &str) = ("batch/v1", "Job");
const CRON_JOB: (&str, &str) = ("batch/v1", "CronJob");

/// All objects, by the name of the file that holds them.
pub(super) fn objects(images: &Images, host: &str) -> Vec<(&'static str, Vec<Value>)> {
    let mut cluster = Cluster { host, images, workloads: Vec::new(), pods: Vec::new(), events: Vec::new() };
    cluster.system();
    cluster.shop();
    cluster.shop_that_fails();
    cluster.payments();
    vec![
        ("nodes", nodes(images, host)),
        ("workloads", cluster.workloads),
        ("pods", cluster.pods),
        ("events", cluster.events),
        ("secrets", vec![pull_secret(host)]),
    ]
}

struct Cluster<'a> {
    host: &'a str,
    images: &'a Images,
    workloads: Vec<Value>,
    pods: Vec<Value>,
    events: Vec<Value>,
}

impl Cluster<'_> {
    fn system(&mut self) {
        let images = self.images;
        let node = object(("v1", "Node"), ("", "node-a"), None, json!({}));
        let mut apiserver =
            pod(&node, "kube-apiserver-node-a", "node-a", &self.runs("kube-apiserver", &images.apiserver));
        apiserver["metadata"]["namespace"] = json!("kube-system");
        apiserver["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "0a1b2c"});
        self.pods.push(apiserver);
        let dns = self.runs("coredns", &images.coredns);
        self.deployment("kube-system", "coredns", &dns, &[("node-a", &dns), ("node-b", &dns)]);
        let exporter = self.runs("node-exporter", &images.node_exporter);
        self.workload(DAEMON_SET, "kube-system", "node-exporter", &exporter, &["node-a", "node-b", "node-c"]);
        let agent = Template { os: "windows", ..self.runs("log-agent", &images.log_agent) };
        self.workload(DAEMON_SET, "kube-system", "log-agent", &agent, &["node-w"]);
        let backup = self.ended("backup", &images.backup);
        let job = json!({"spec": {"template": backup.template()}});
        let cron_job = json!({"spec": {"schedule": "0 3 * * *", "suspend": false, "jobTemplate": job}});
        let cron_job = object(CRON_JOB, ("kube-system", "backup"), None, cron_job);
        self.finished_job(Some(&cron_job), "kube-system", "backup-29387", &backup);
        self.workloads.push(cron_job);
    }

    /// What runs, whatever the registry has come to since.
    fn shop(&mut self) {
        let (images, host) = (self.images, self.host);
        let pinned = format!("{}@{}", images.proxy.name(host), images.proxy.document.digest);
        let web = self
            .runs("web", &images.web)
            .with("prepare", List::Init, images.busybox.name(host), State::Ended(images.busybox.id(host)))
            .with("proxy", List::Sidecar, pinned, State::Running(images.proxy.id(host)));
        let tools = &images.debug_tools;
        let debugged = web.clone().with("debugger", List::Ephemeral, tools.name(host), State::Running(tools.id(host)));
        self.deployment("shop", "web", &web, &[("node-a", &debugged), ("node-b", &web), ("node-c", &web)]);
        self.history("shop", "web", &self.runs("web", &images.web_before));

        let api = self.runs_earlier("api", &images.api, &images.api_before);
        self.deployment("shop", "api", &api, &[("node-a", &api), ("node-b", &api)]);

        let worker = self.runs("worker", &images.worker);
        let earlier = self.runs_earlier("worker", &images.worker, &images.worker_before);
        self.deployment("shop", "worker", &worker, &[("node-a", &worker), ("node-b", &earlier)]);

        let checkout = self.runs("checkout", &images.checkout);
        self.deployment("shop", "checkout", &checkout, &[("node-a", &checkout), ("node-b", &checkout)]);
        self.history("shop", "checkout", &self.runs("checkout", &images.checkout_after));

        let cache = Template { architecture: "amd64", ..self.runs("cache", &images.cache) };
        self.workload(STATEFUL_SET, "shop", "cache", &cache, &["node-a", "node-b"]);
        self.note_pull("shop", "web-", "web", &images.web, ("4.215s (6.113s including waiting)", 187_334_512));
        self.note_pull("shop", "cache-", "cache", &images.cache, ("1.87s (1.87s including waiting)", 31_457_280));
    }

    /// What cannot be pulled.
    fn shop_that_fails(&mut self) {
        let host = self.host;
        let reports = self.images.reports.name(host);
        let cause = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{reports}\": no match for platform in \
             manifest: not found"
        );
        let template = Template { architecture: "arm64", ..self.runs("reports", &self.images.reports) };
        self.fails("reports", "node-c", template.waiting("ErrImagePull", &cause), &cause);

        let missing = format!("{host}/acme/recommender:v0.9");
        let cause = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{missing}\": failed to resolve \
             reference \"{missing}\": {missing}: not found"
        );
        let message = format!("Back-off pulling image \"{missing}\": ErrImagePull: {cause}");
        let template = Template::running("recommender", missing, String::new());
        self.fails("recommender", "node-b", template.waiting("ImagePullBackOff", &message), &cause);

        let invalid = format!("{host}/Acme/Toolbox:1.0");
        let message = format!(
            "Failed to apply default image tag \"{invalid}\": couldn't parse image name \"{invalid}\": invalid \
             reference format: repository name (Acme/Toolbox) must be lowercase"
        );
        let toolbox = Template::running("toolbox", invalid, String::new()).waiting("InvalidImageName", &message);
        let toolbox = lone_pod("shop", "toolbox", "node-a", &toolbox);
        self.events.push(event(&toolbox, "toolbox", "InspectFailed", &message, (12, "2026-11-20T09:50:00Z")));
        self.pods.push(toolbox);
    }

    fn payments(&mut self) {
        let images = self.images;
        let secret = Some(PULL_SECRET);
        let postgres = Template { pull_secret: secret, ..self.runs("postgres", &images.postgres) };
        self.workload(STATEFUL_SET, "payments", "postgres", &postgres, &["node-b"]);
        let billing = Template {
            pull_secret: secret,
            architecture: "amd64",
            volume: Some(images.tax_tables.name(self.host)),
            ..self.runs("billing", &images.billing)
        };
        self.deployment("payments", "billing", &billing, &[("node-a", &billing), ("node-b", &billing)]);
        let model =
            Template { pull_secret: secret, architecture: "amd64", ..self.runs("fraud-model", &images.fraud_model) };
        self.deployment("payments", "fraud-model", &model, &[("node-b", &model)]);
        let pull = ("1m34.3s (1m41.8s including waiting)", 3_221_229_568);
        self.note_pull("payments", "fraud-model-", "fraud-model", &images.fraud_model, pull);
        let ledger = Template { architecture: "amd64", ..self.runs("ledger", &images.ledger) };
        self.deployment("payments", "ledger", &ledger, &[]);
        self.finished_job(None, "payments", "migrate-v12", &self.ended("migrate", &images.migrate));
    }

    /// A template whose one container runs what its image's tag names.
    fn runs(&self, container: &'static str, image: &Image) -> Template {
        Template::running(container, image.name(self.host), image.id(self.host))
    }

    /// A template whose one container was started when the tag still named another build.
    fn runs_earlier(&self, container: &'static str, image: &Image, earlier: &Image) -> Template {
        Template::running(container, image.name(self.host), earlier.id(self.host))
    }

    /// A template whose one container has done its work.
    fn ended(&self, container: &'static str, image: &Image) -> Template {
        let template = Template { os: "linux", architecture: "amd64", ..Template::default() };
        template.with(container, List::Main, image.name(self.host), State::Ended(image.id(self.host)))
    }

    /// A workload that owns its pods itself, with one on each of `nodes`.
    fn workload(&mut self, kind: (&str, &str), namespace: &str, name: &str, template: &Template, nodes: &[&str]) {
        let mut content = json!({"spec": {"template": template.template()}});
        if kind != DAEMON_SET {
            content["spec"]["replicas"] = json!(nodes.len());
        }
        let owner = object(kind, (namespace, name), None, content);
        let pods = nodes.iter().enumerate().map(|(n, node)| pod(&owner, &format!("{name}-{n}"), node, template));
        self.pods.extend(pods);
        self.workloads.push(owner);
    }

    /// A Deployment with its current revision and its pods, at most three, each with its node.
    fn deployment(&mut self, namespace: &str, name: &str, template: &Template, pods: &[(&str, &Template)]) {
        let content = json!({"spec": {"replicas": pods.len(), "template": template.template()}});
        let deployment = object(DEPLOYMENT, (namespace, name), None, content.clone());
        let revision = format!("{name}-6d4f9c7b8");
        let replica_set = object(REPLICA_SET, (namespace, &revision), Some(&deployment), content);
        for ((node, template), suffix) in pods.iter().zip(["4xk2p", "9wqzr", "b7m5t"]) {
            self.pods.push(pod(&replica_set, &format!("{revision}-{suffix}"), node, template));
        }
        self.workloads.extend([deployment, replica_set]);
    }

    /// An earlier revision of a Deployment, to which it may be rolled back.
    fn history(&mut self, namespace: &str, name: &str, template: &Template) {
        let deployment = object(DEPLOYMENT, (namespace, name), None, json!({}));
        let content = json!({"spec": {"replicas": 0, "template": template.template()}});
        let revision = format!("{name}-5b8c6d9f4");
        self.workloads.push(object(REPLICA_SET, (namespace, &revision), Some(&deployment), content));
    }

    fn finished_job(&mut self, owner: Option<&Value>, namespace: &str, name: &str, template: &Template) {
        let content = json!({"spec": {"template": template.template()}, "status": {"succeeded": 1}});
        let job = object(JOB, (namespace, name), owner, content);
        self.pods.push(pod(&job, &format!("{name}-x7k2p"), "node-a", template));
        self.workloads.push(job);
    }

    /// A Deployment of the shop whose pod waits for its image, as its events tell.
    fn fails(&mut self, name: &str, node: &str, template: Template, cause: &str) {
        self.deployment("shop", name, &template, &[(node, &template)]);
        let (Some(pod), Some(container)) = (self.pods.last(), template.containers.first()) else { return };
        let failed = format!("Failed to pull image \"{}\": {cause}", container.image);
        let back_off = format!("Back-off pulling image \"{}\"", container.image);
        self.events.extend([
            event(pod, container.name, "Failed", &failed, (7, "2026-11-20T09:40:00Z")),
            event(pod, container.name, "BackOff", &back_off, (31, "2026-11-20T09:55:00Z")),
        ]);
    }

    /// Events of a pull on the first node, and of a start on the next that had the image.
    fn note_pull(&mut self, namespace: &str, prefix: &str, container: &str, image: &Image, pull: (&str, u64)) {
        let (name, (took, bytes)) = (image.name(self.host), pull);
        let messages = [
            format!("Successfully pulled image \"{name}\" in {took}. Image size: {bytes} bytes."),
            format!("Container image \"{name}\" already present on machine"),
        ];
        let is_meant = |pod: &&Value| {
            let metadata = &pod["metadata"];
            metadata["namespace"] == namespace && metadata["name"].as_str().is_some_and(|pod| pod.starts_with(prefix))
        };
        let events = self.pods.iter().filter(is_meant).zip(messages).map(|(pod, message)| {
            let at = (1, "2026-11-20T09:10:00Z");
            event(pod, container, "Pulled", &message, at)
        });
        self.events.extend(events);
    }
}

fn nodes(images: &Images, host: &str) -> Vec<Value> {
    let on_node = |image: &Image, bytes: u64| json!({"names": [image.id(host), image.name(host)], "sizeBytes": bytes});
    let unused = json!({"names": [format!("{host}/acme/web:v2.9.0")], "sizeBytes": 412_090_368});
    let nameless = json!({"names": ["<none>@<none>", "<none>:<none>"], "sizeBytes": 45_678_901});
    let node_a = json!([unused, on_node(&images.web, 398_458_880), nameless, on_node(&images.busybox, 4_501_504)]);
    let node_b = json!([on_node(&images.fraud_model, 3_321_888_768_u64), on_node(&images.postgres, 453_312_512)]);
    let node_c = json!([on_node(&images.web, 391_118_848)]);
    let linux = "6.12.48+deb13-amd64";
    [
        ("node-a", "linux", "amd64", linux, node_a),
        ("node-b", "linux", "amd64", linux, node_b),
        ("node-c", "linux", "arm64", "6.12.48+deb13-arm64", node_c),
        ("node-w", "windows", "amd64", WINDOWS_BUILD, json!([])),
    ]
    .map(|(name, os, architecture, kernel, images)| {
        let info = json!({
            "operatingSystem": os,
            "architecture": architecture,
            "kernelVersion": kernel,
            "containerRuntimeVersion": "containerd://2.1.4",
            "kubeletVersion": "v1.36.2",
        });
        let mut node =
            object(("v1", "Node"), ("", name), None, json!({"status": {"nodeInfo": info, "images": images}}));
        node["metadata"]["labels"] = json!({"kubernetes.io/os": os, "kubernetes.io/arch": architecture});
        node
    })
    .into()
}

fn pull_secret(host: &str) -> Value {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let auth = base64(&format!("payments:{PULL_PASSWORD}"));
    let config = json!({"auths": {host: {"username": "payments", "password": PULL_PASSWORD, "auth": auth}}});
    let data = json!({".dockerconfigjson": base64(&config.to_string())});
    let content = json!({"type": "kubernetes.io/dockerconfigjson", "data": data});
    object(("v1", "Secret"), ("payments", PULL_SECRET), None, content)
}
