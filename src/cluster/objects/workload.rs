//! Objects that hold a pod template, whatever their kind.

use serde::Deserialize;

use super::{Kind, Metadata, PodSpec, TemplateAt, Text, or_default};

/// An object that holds a pod template. Where, and what makes it idle, depends on its [`Kind`].
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Workload<'a> {
    /// name, namespace, labels, owners
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// of most kinds
    #[serde(default, deserialize_with = "or_default")]
    pub spec: WorkloadSpec<'a>,
    /// of a PodTemplate
    pub template: Option<PodTemplate<'a>>,
}

/// `spec`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSpec<'a> {
    /// how many pods shall run; absent for one
    pub replicas: Option<i64>,
    /// of Jobs and CronJobs
    pub suspend: Option<bool>,
    /// of most kinds
    #[serde(borrow)]
    pub template: Option<PodTemplate<'a>>,
    /// of CronJobs
    pub job_template: Option<JobTemplate<'a>>,
    /// of Argo's Rollouts that borrow the template of another workload
    pub workload_ref: Option<WorkloadReference<'a>>,
}

/// `spec.workloadRef` (<https://argo-rollouts.readthedocs.io/en/stable/migrating/>)
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference<'a> {
    /// `apps/v1`
    #[serde(borrow)]
    pub api_version: Option<Text<'a>>,
    /// `Deployment`
    pub kind: Option<Text<'a>>,
    /// its name, in the same namespace
    pub name: Option<Text<'a>>,
}

/// A pod template.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PodTemplate<'a> {
    /// of its pods
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub spec: PodSpec<'a>,
}

/// `spec.jobTemplate`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JobTemplate<'a> {
    /// of its jobs
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub spec: JobTemplateSpec<'a>,
}

/// `spec.jobTemplate.spec`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JobTemplateSpec<'a> {
    /// of the pods of its jobs
    #[serde(borrow)]
    pub template: Option<PodTemplate<'a>>,
}

impl<'a> Workload<'a> {
    /// The spec of its pods, from where `kind` holds it.
    pub fn pod_spec(&self, kind: &Kind) -> Option<&PodSpec<'a>> {
        let template = match kind.template {
            TemplateAt::Root => self.template.as_ref(),
            TemplateAt::Spec => self.spec.template.as_ref(),
            TemplateAt::JobTemplate => self.spec.job_template.as_ref().and_then(|job| job.spec.template.as_ref()),
        };
        template.map(|template| &template.spec)
    }
}
