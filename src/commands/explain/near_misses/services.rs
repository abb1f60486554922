//! Services that are not what their owner takes them for: named by another label, or shared by several releases.

use std::collections::{BTreeMap, BTreeSet};

use super::{NearMiss, Object, Words};
use crate::core::snapshot::{FALLBACK_SERVICE_LABEL, Service, service_of};
use crate::core::words::{PROGRAM, inert, quoted};

/// The label that tells the releases of one chart apart.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";
/// The most services that are listed.
const MOST_INSTANCES: usize = 5;

/// What names a service in the field where neither `app` nor `app.kubernetes.io/name` does, the most telling first: add-ons of
/// clusters, operators made with kubebuilder, charts, older manifests, `kubectl run`.
const OTHERS_USE: [&str; 10] =
    ["app", "k8s-app", "control-plane", INSTANCE, "app.kubernetes.io/component", "component", "application", "service", "name", "run"];

/// What pods say of their services. It does not matter whether a pod is added twice.
#[derive(Debug, Default)]
pub(in crate::commands::explain) struct Services {
    /// By the label that could name it: a pod without a service, and the label's value.
    unnamed: BTreeMap<&'static str, (String, String)>,
    instances: BTreeMap<Service, BTreeSet<String>>,
}

impl Services {
    pub(in crate::commands::explain) fn add(&mut self, pod: &Object, service_label: &str) {
        let Some(service) = service_of(&pod.labels, service_label) else {
            let named = |label: &&str| pod.labels.get(*label).is_some_and(|value| !value.is_empty());
            // Others are not replaced anyway.
            if let Some(label) = OTHERS_USE.into_iter().find(named).filter(|_| pod.controller.is_some()) {
                let value = pod.labels.get(label).cloned().unwrap_or_default();
                self.unnamed.entry(label).or_insert_with(|| (pod.name.clone(), value));
            }
            return;
        };
        if let Some(instance) = pod.labels.get(INSTANCE).filter(|_| service.label != INSTANCE) {
            let instances = self.instances.entry(service).or_default();
            if instances.len() < MOST_INSTANCES {
                instances.insert(instance.clone());
            }
        }
    }
}

impl Words<'_> {
    /// What is wrong with services.
    pub(in crate::commands::explain) fn of_services(&self, services: Services) -> Vec<NearMiss> {
        let mut misses = Vec::new();
        for (label, (pod, value)) in services.unnamed {
            let pod = inert(&pod, 253);
            misses.push(NearMiss {
                object: format!("pod/{pod}"),
                seen: format!("label {label}={}, and neither {} nor {FALLBACK_SERVICE_LABEL}", quoted(&value), self.service_label),
                advice: format!(
                    "it belongs to no service: set SERVICE_LABEL (--service-label) to {label}, if that names the services of this namespace; \
                     else add the label {} to the workload's template",
                    self.service_label
                ),
                command: Some(format!("{PROGRAM} explain {pod} -n {} --service-label {label}", self.namespace)),
            });
        }
        for (service, instances) in services.instances.into_iter().filter(|(_, instances)| instances.len() > 1) {
            let more = if instances.len() >= MOST_INSTANCES { " …" } else { "" };
            let named = instances.iter().map(|instance| quoted(instance)).collect::<Vec<_>>().join(", ");
            misses.push(NearMiss {
                object: format!("service {}", inert(&service.to_string(), 400)),
                seen: format!("its pods have several values of {INSTANCE}: {named}{more}"),
                advice: format!(
                    "these instances share cooldown, rate and breaker, and count as each other's Ready peers: if each is a service of its own, \
                     consider setting SERVICE_LABEL (--service-label) to {INSTANCE}"
                ),
                command: Some(match self.pod {
                    Some(pod) => format!("{PROGRAM} explain {} -n {} --service-label {INSTANCE}", inert(pod, 253), self.namespace),
                    None => format!("{PROGRAM} explain -n {} --service-label {INSTANCE}", self.namespace),
                }),
            });
        }
        misses
    }
}
