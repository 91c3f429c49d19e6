//! What the API server records of the requests it gets, and reading that. It judges nothing.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::Error;

/// The audit policy: whole requests and answers for the operator's own API group, who did what for
/// everything else, and nothing of what the control plane does for itself. Each request is recorded
/// once, when it is answered (a watch: when it ends).
pub(crate) fn policy() -> String {
    let itself = ["system:apiserver", CONTROLLER_MANAGER_USER];
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "omitManagedFields": true,
        "rules": [
            {"level": "None", "users": itself},
            {"level": "RequestResponse", "resources": [{"group": "icp-filing.dev"}]},
            {"level": "Metadata", "resources": [
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "", "resources": ["events"]},
            ]},
            // What a client asks for beside these tells whether it was granted more than it uses.
            {"level": "Metadata"},
        ],
    })
    .to_string()
}

/// The user kube-controller-manager runs as.
pub(crate) const CONTROLLER_MANAGER_USER: &str = "system:kube-controller-manager";

/// The events in an audit log, oldest first. A last line that is still being written is left out.
pub fn events(log: &Path) -> Result<Vec<Value>, Error> {
    let text = std::fs::read_to_string(log).map_err(Error::io("read", log))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
