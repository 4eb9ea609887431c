//! Objects that hold a pod template, whatever their kind.

use serde::Deserialize;

use super::{Kind, Metadata, PodSpec, TemplateAt, or_default};

/// An object that holds a pod template. Where, and what makes it idle, depends on its [`Kind`].
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Workload {
    /// name, namespace, labels, owners
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// of most kinds
    #[serde(default, deserialize_with = "or_default")]
    pub spec: WorkloadSpec,
    /// of a PodTemplate
    pub template: Option<PodTemplate>,
}

/// `spec`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSpec {
    /// how many pods shall run; absent for one
    pub replicas: Option<i64>,
    /// of Jobs and CronJobs
    pub suspend: Option<bool>,
    /// of most kinds
    pub template: Option<PodTemplate>,
    /// of CronJobs
    pub job_template: Option<JobTemplate>,
    /// of Argo's Rollouts that borrow the template of another workload
    pub workload_ref: Option<WorkloadReference>,
}

/// `spec.workloadRef` (<https://argo-rollouts.readthedocs.io/en/stable/migrating/>)
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference {
    /// `apps/v1`
    pub api_version: Option<String>,
    /// `Deployment`
    pub kind: Option<String>,
    /// its name, in the same namespace
    pub name: Option<String>,
}

/// A pod template.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PodTemplate {
    /// of its pods
    #[serde(default, deserialize_with = "or_default")]
    pub spec: PodSpec,
}

/// `spec.jobTemplate`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JobTemplate {
    /// of its jobs
    #[serde(default, deserialize_with = "or_default")]
    pub spec: JobTemplateSpec,
}

/// `spec.jobTemplate.spec`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JobTemplateSpec {
    /// of the pods of its jobs
    pub template: Option<PodTemplate>,
}

impl Workload {
    /// The spec of its pods, from where `kind` holds it.
    pub fn pod_spec(&self, kind: &Kind) -> Option<&PodSpec> {
        let template = match kind.template {
            TemplateAt::Root => self.template.as_ref(),
            TemplateAt::Spec => self.spec.template.as_ref(),
            TemplateAt::JobTemplate => self.spec.job_template.as_ref().and_then(|job| job.spec.template.as_ref()),
        };
        template.map(|template| &template.spec)
    }
}
