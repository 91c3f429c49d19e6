//! The CRDs as they are shipped: the derived schema, hardened where the derive cannot say it. No I/O.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::{Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest, condition_type};
use crate::planted::{self, Bug};

/// Every CRD of ours, in the order in which the documents introduce them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    [InstanceClass::crd(), Instance::crd(), ServiceNumberRequest::crd(), Filing::crd(), ServiceNumber::crd()]
        .into_iter()
        .map(harden)
        .collect()
}

fn harden(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    // GitOps engines prune what leaves the repository; a pruned CRD takes every record with it.
    let keep = [
        ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false,ServerSideApply=true"),
        ("helm.sh/resource-policy", "keep"),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ];
    crd.metadata.annotations = Some(keep.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    crd.metadata.labels =
        Some([("app.kubernetes.io/part-of".to_owned(), "icp-filing-operator".to_owned())].into());
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else {
            continue;
        };
        walk(root, &mut |schema| {
            // An absent field is left out; an explicit null is bad input and is refused as such.
            schema.nullable = None;
            if let Some(values) = &mut schema.enum_ {
                values.retain(|v| !v.0.is_null());
            }
            // The server knows no unsigned formats, and the bounds say it already.
            if schema.format.as_deref().is_some_and(|f| f.starts_with("uint")) {
                schema.format = None;
            }
            schema.title = None;
            if let (true, Some(rules)) =
                (planted::is_on(Bug::ReviewOfAnyRecord), &mut schema.x_kubernetes_validations)
            {
                rules.retain(|r| !r.rule.contains("review.recordName == self.status.recordName"));
            }
        });
        if let Some(status) = root.properties.as_mut().and_then(|p| p.get_mut("status")) {
            status.description.get_or_insert_with(|| "What was found out and done.".to_owned());
            untouched(status);
        }
        if let Some(spec) = root.properties.as_mut().and_then(|p| p.get_mut("spec")) {
            spec.description.get_or_insert_with(|| "What is asked for.".to_owned());
        }
        root.properties.get_or_insert_default().insert("metadata".to_owned(), metadata());
    }
    crd
}

/// What the server says of metadata by itself, spelt out so that a rule about a name can point at the name and
/// knows how long it can be.
fn metadata() -> JSONSchemaProps {
    let name = JSONSchemaProps {
        type_: Some("string".to_owned()),
        description: Some("The name of the object.".to_owned()),
        max_length: Some(253),
        ..Default::default()
    };
    // The server takes nothing else here, not even a description.
    JSONSchemaProps {
        type_: Some("object".to_owned()),
        properties: Some([("name".to_owned(), name)].into()),
        ..Default::default()
    }
}

/// An object that no controller has looked at says so, instead of looking healthy to kstatus and Argo CD.
fn untouched(status: &mut JSONSchemaProps) {
    let Some(conditions) = status.properties.as_mut().and_then(|p| p.get_mut("conditions")) else { return };
    bound_conditions(conditions);
    status.default = Some(JSON(json!({"conditions": [{
        "type": condition_type::READY,
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }]})));
}

/// The bounds that the API conventions put on `metav1.Condition` and that the generated type lacks.
fn bound_conditions(conditions: &mut JSONSchemaProps) {
    let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut conditions.items else { return };
    let Some(properties) = &mut item.properties else { return };
    for (name, schema) in properties {
        match name.as_str() {
            "status" => {
                schema.enum_ = Some(["True", "False", "Unknown"].map(|v| JSON(json!(v))).into());
            }
            "message" => schema.max_length = Some(32_768),
            "reason" => {
                schema.min_length = Some(1);
                schema.max_length = Some(1024);
                schema.pattern = Some("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$".to_owned());
            }
            "type" => schema.max_length = Some(316),
            "observedGeneration" => schema.minimum = Some(0.0),
            _ => {}
        }
    }
}

fn walk(schema: &mut JSONSchemaProps, visit: &mut impl FnMut(&mut JSONSchemaProps)) {
    visit(schema);
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        walk(property, visit);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => walk(item, visit),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|item| walk(item, visit)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        walk(values, visit);
    }
}
