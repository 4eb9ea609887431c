//! The objects of the cluster, with places for what differs between them.

use serde_json::{Value, json};

/// What a pod fills in.
pub(crate) const POD: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "set",
    "set-uid",
    "node",
    "image",
    "digest",
    "sidecar",
    "sidecar-digest",
    "label",
    "value",
    "container",
    "other-container",
    "ip",
    "app",
];
/// What a Deployment and its ReplicaSets fill in.
pub(crate) const WORKLOAD: &[&str] =
    &["name", "namespace", "uid", "owner", "owner-uid", "image", "sidecar", "label", "value", "replicas"];
/// What a node fills in.
pub(crate) const NODE: &[&str] = &["name", "uid", "architecture"];
/// What an event fills in.
pub(crate) const EVENT: &[&str] = &["uid", "namespace", "pod", "pod-uid", "image"];

const TIME: &str = "2026-11-20T08:00:00Z";

/// A pod of about `bytes` as JSON. What makes it long is its environment, and the record of who set it.
pub(crate) fn pod(is_owned: bool, bytes: usize) -> Value {
    let mut pod = bare_pod(is_owned);
    // Names, UIDs and digests are longer than their places.
    let filled = 1100;
    let variable = |number: usize| json!({"name": format!("SERVICE_OPTION_{number:03}"), "value": format!("value-{number}-of-what-is-set")});
    let missing = bytes.saturating_sub(pod.to_string().len() + filled);
    let each = variable(0).to_string().len() + 90;
    for number in 0..missing / each {
        push(&mut pod, "/spec/containers/0/env", variable(number));
        let set = json!({".": {}, "f:name": {}, "f:value": {}});
        let key = format!("k:{{\"name\":\"SERVICE_OPTION_{number:03}\"}}");
        let fields = "/metadata/managedFields/0/fieldsV1/f:spec/f:containers/k:{\"name\":\"service\"}/f:env";
        if let Some(Value::Object(fields)) = pod.pointer_mut(fields) {
            fields.insert(key, set);
        }
    }
    pod
}

fn push(value: &mut Value, place: &str, item: Value) {
    if let Some(Value::Array(items)) = value.pointer_mut(place) {
        items.push(item);
    }
}

fn bare_pod(is_owned: bool) -> Value {
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "@set@", "uid": "@set-uid@", "controller": true,
        "blockOwnerDeletion": true,
    });
    let owners = if is_owned { vec![owner] } else { Vec::new() };
    json!({
        "metadata": {
            "name": "@name@", "generateName": "@set@-", "namespace": "@namespace@", "uid": "@uid@",
            "resourceVersion": "48210977", "creationTimestamp": TIME,
            "labels": {"app.kubernetes.io/name": "@app@", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "6d4b75cb6"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
            "ownerReferences": owners,
            "managedFields": managed_fields(),
        },
        "spec": spec("@node@"),
        "status": status(),
    })
}

fn managed_fields() -> Value {
    let container = json!({
        ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {".": {}, "f:limits": {}, "f:requests": {}},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {}, "f:volumeMounts": {".": {}}, "f:env": {".": {}},
    });
    json!([
        {
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": TIME,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:annotations": {".": {}, "f:prometheus.io/scrape": {}, "f:prometheus.io/port": {}},
                    "f:generateName": {}, "f:labels": {".": {}, "f:app.kubernetes.io/name": {}, "f:pod-template-hash": {}},
                    "f:ownerReferences": {".": {}, "k:{\"uid\":\"@set-uid@\"}": {}},
                },
                "f:spec": {
                    "f:containers": {"k:{\"name\":\"service\"}": container, "k:{\"name\":\"proxy\"}": {".": {}, "f:image": {}}},
                    "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:nodeSelector": {}, "f:restartPolicy": {},
                    "f:schedulerName": {}, "f:securityContext": {}, "f:terminationGracePeriodSeconds": {}, "f:volumes": {".": {}},
                },
            },
        },
        {
            "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": TIME, "fieldsType": "FieldsV1",
            "subresource": "status",
            "fieldsV1": {"f:status": {"f:conditions": {}, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {},
                "f:podIPs": {".": {}, "k:{\"ip\":\"@ip@\"}": {".": {}, "f:ip": {}}}, "f:startTime": {}}},
        },
    ])
}

/// The spec of a pod on a node, or of a template's.
fn spec(node: &str) -> Value {
    let resources = json!({"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}});
    let mounts = json!([
        {"name": "config", "mountPath": "/etc/service", "readOnly": true},
        {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
    ]);
    let container = |name: &str, image: &str| {
        json!({
            "name": name, "image": image, "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
            "resources": resources, "volumeMounts": mounts, "imagePullPolicy": "IfNotPresent",
            "livenessProbe": {"httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    let mut spec = json!({
        "volumes": [
            {"name": "config", "configMap": {"name": "service-config", "defaultMode": 420}},
            {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ]}},
        ],
        "containers": [container("service", "@image@"), container("proxy", "@sidecar@")],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "nodeSelector": {"@label@": "@value@"}, "serviceAccountName": "default", "schedulerName": "default-scheduler",
        "securityContext": {"runAsNonRoot": true}, "enableServiceLinks": true,
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
    });
    if !node.is_empty() {
        spec["nodeName"] = node.into();
    }
    spec
}

fn status() -> Value {
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": TIME});
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let container = |name: &str, image: &str, digest: &str, id: &str| {
        json!({
            "name": name, "state": {"running": {"startedAt": TIME}}, "lastState": {}, "ready": true, "restartCount": 0,
            "image": image, "imageID": digest, "containerID": format!("containerd://{id}"), "started": true,
        })
    };
    json!({
        "phase": "Running", "conditions": conditions,
        "hostIP": "10.0.0.1", "podIP": "@ip@", "podIPs": [{"ip": "@ip@"}], "startTime": TIME, "qosClass": "Burstable",
        "containerStatuses": [
            container("service", "@image@", "@digest@", "@container@"),
            container("proxy", "@sidecar@", "@sidecar-digest@", "@other-container@"),
        ],
    })
}

/// A ReplicaSet of a Deployment.
pub(crate) fn replica_set() -> Value {
    let mut set = deployment();
    set["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "@owner@", "uid": "@owner-uid@", "controller": true,
        "blockOwnerDeletion": true,
    }]);
    set
}

/// A Deployment.
pub(crate) fn deployment() -> Value {
    json!({
        "metadata": {
            "name": "@name@", "namespace": "@namespace@", "uid": "@uid@", "resourceVersion": "48210977", "generation": 3,
            "creationTimestamp": TIME, "labels": {"app.kubernetes.io/name": "@owner@"},
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {
            "replicas": "@replicas@", "selector": {"matchLabels": {"app.kubernetes.io/name": "@owner@"}},
            "template": {"metadata": {"labels": {"app.kubernetes.io/name": "@owner@"}}, "spec": spec("")},
        },
        "status": {"observedGeneration": 3},
    })
}

/// A node.
pub(crate) fn node() -> Value {
    let image = |number: usize| {
        let repository = format!("registry.k8s.io/system-{number:02}");
        let names = [
            format!("{repository}@sha256:{}", format!("{number:02x}").repeat(32)),
            format!("{repository}:v1.{number}"),
        ];
        json!({"names": names, "sizeBytes": 1_000_000 * (50 - number)})
    };
    json!({
        "metadata": {
            "name": "@name@", "uid": "@uid@", "resourceVersion": "48210977", "creationTimestamp": TIME,
            "labels": {"kubernetes.io/arch": "@architecture@", "kubernetes.io/os": "linux", "kubernetes.io/hostname": "@name@"},
        },
        "spec": {"podCIDR": "10.0.0.0/24", "providerID": "example://@name@"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "nodeInfo": {
                "machineID": "m", "kernelVersion": "6.12.1", "osImage": "Debian GNU/Linux 13", "kubeletVersion": "v1.36.2",
                "containerRuntimeVersion": "containerd://2.1.4", "operatingSystem": "linux", "architecture": "@architecture@",
            },
            "images": (0..20).map(image).collect::<Vec<_>>(),
        },
    })
}

/// The pull of a pod's image.
pub(crate) fn event() -> Value {
    json!({
        "metadata": {"name": "@pod@.@uid@", "namespace": "@namespace@", "uid": "@uid@", "creationTimestamp": TIME},
        "involvedObject": {
            "kind": "Pod", "namespace": "@namespace@", "name": "@pod@", "uid": "@pod-uid@", "apiVersion": "v1",
            "fieldPath": "spec.containers{service}",
        },
        "reason": "Pulled", "type": "Normal", "count": 1, "firstTimestamp": TIME, "lastTimestamp": TIME,
        "message": "Successfully pulled image \"@image@\" in 1.2s (1.2s including waiting). Image size: 48211034 bytes.",
        "source": {"component": "kubelet"}, "reportingComponent": "kubelet",
    })
}
