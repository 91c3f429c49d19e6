//! Objects of ours read for a look at all of them: from a cluster (`cluster`) or from files (`manifests`).
//! What they mean is decided in `rules`; nothing is written anywhere.

pub(super) mod cluster;
pub(super) mod manifests;

use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};

use crate::rules::{
    snapshot::{Kind, Unreadable},
    world::ObjectKey,
};

/// Puts an object to the others of its kind, or to those that cannot be read.
fn sort<K: Resource>(
    kind: Kind,
    object: DeserializeGuard<K>,
    readable: &mut Vec<Arc<K>>,
    unreadable: &mut Vec<Unreadable>,
) {
    match object.0 {
        Ok(mut object) => {
            // Nothing reads them, and they are half of an object.
            object.managed_fields_mut().clear();
            readable.push(Arc::new(object));
        }
        Err(invalid) => {
            let meta = invalid.metadata;
            let key = ObjectKey::new(meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
            unreadable.push(Unreadable { kind, key, error: invalid.error });
        }
    }
}
