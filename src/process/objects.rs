//! Objects of ours read for a look at all of them: from a cluster (`cluster`) or from files (`manifests`).
//! What they mean is decided in `rules`; nothing is written anywhere.

pub(super) mod cluster;
pub(super) mod manifests;

use std::sync::Arc;

use crate::{
    controllers::readable::Readable,
    rules::{kept::Kept, kind::Ours, snapshot::Unreadable},
};

/// Puts an object to the others of its kind, or to those that cannot be read.
fn sort<K: Ours>(object: Readable<K>, readable: &mut Vec<Arc<Kept<K>>>, unreadable: &mut Vec<Unreadable>) {
    match object.read() {
        Ok(object) => readable.push(Arc::new(object.into())),
        Err((key, error)) => unreadable.push(Unreadable { kind: K::KIND, key, error }),
    }
}
