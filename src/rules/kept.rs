//! Objects as they are kept: what decisions read of them, in little memory, since there may be a hundred thousand of a
//! kind. Where they come from is not known here, and nothing is decided.

mod id;

use std::{collections::BTreeMap, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::{Resource, core::ObjectMeta};

use super::kind::Ours;
use crate::api::{Claim, ClaimKind};

pub use id::Id;

/// A namespaced object, by name. Copies share the text: one object is named in many places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// An object by namespace and name.
    pub fn new(namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        Self { namespace: namespace.as_ref().into(), name: name.as_ref().into() }
    }

    /// What an object of this name asks for a number as.
    #[must_use]
    pub fn claim(&self, kind: ClaimKind) -> Claim {
        Claim { kind, namespace: self.namespace.to_string(), name: self.name.to_string() }
    }

    /// The key of an object.
    pub fn of<K: Resource>(object: &K) -> Self {
        let meta = object.meta();
        Self::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<K: Ours> {
    /// Its namespace, empty where there is none, and its name.
    pub key: ObjectKey,
    /// What else its metadata says.
    pub metadata: Metadata,
    /// What is asked for.
    pub spec: K::Spec,
    /// What became of it.
    pub status: Option<K::Status>,
}

/// Metadata of an object, but for its name and for who owns which field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Tells it from others that had its name.
    pub uid: Option<Id>,
    /// Which state of it this is.
    pub resource_version: Option<Id>,
    /// Counts the changes of its spec.
    pub generation: Option<i64>,
    /// When it was created.
    pub creation_timestamp: Option<Time>,
    /// What most objects have nothing of.
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct More {
    deletion_timestamp: Option<Time>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<OwnerReference>,
    finalizers: Vec<String>,
}

impl Metadata {
    /// Whether its deletion was asked for.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.deletion_timestamp.is_some())
    }

    /// Whether its end takes it away.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.owner_references.is_empty())
    }

    /// Whether its deletion waits for somebody.
    #[must_use]
    pub fn has_finalizers(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.finalizers.is_empty())
    }

    /// Whether it says the same in another state of the object.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        let Self { uid, resource_version: _, generation, creation_timestamp, more } = self;
        (uid, generation, creation_timestamp, more)
            == (&other.uid, &other.generation, &other.creation_timestamp, &other.more)
    }

    fn of(meta: ObjectMeta) -> Self {
        let id = |text: Option<String>| text.map(|text| Id::from(&*text));
        let more = More {
            deletion_timestamp: meta.deletion_timestamp,
            labels: meta.labels.unwrap_or_default(),
            annotations: meta.annotations.unwrap_or_default(),
            owner_references: meta.owner_references.unwrap_or_default(),
            finalizers: meta.finalizers.unwrap_or_default(),
        };
        Self {
            uid: id(meta.uid),
            resource_version: id(meta.resource_version),
            generation: meta.generation,
            creation_timestamp: meta.creation_timestamp,
            more: (more != More::default()).then(|| Box::new(more)),
        }
    }
}

impl<K: Ours> From<K> for Kept<K> {
    fn from(object: K) -> Self {
        let key = ObjectKey::of(&object);
        let (metadata, spec, status) = object.into_parts();
        Self { key, metadata: Metadata::of(metadata), spec, status }
    }
}

impl<K: Ours> Kept<K> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// Its namespace; empty where there is none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.key.namespace
    }

    /// Its uid, if the server gave it one.
    #[must_use]
    pub fn uid(&self) -> Option<String> {
        self.metadata.uid.as_ref().map(Id::to_string)
    }

    /// Its revision, if the server gave it one.
    #[must_use]
    pub fn resource_version(&self) -> Option<String> {
        self.metadata.resource_version.as_ref().map(Id::to_string)
    }

    /// Its revision as a number: revisions of one store are ordered as such (Kubernetes API concepts, "resource
    /// versions").
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.metadata.resource_version.as_ref().and_then(Id::number).unwrap_or(0)
    }

    /// Whether it has this uid.
    #[must_use]
    pub fn is(&self, uid: &str) -> bool {
        self.metadata.uid.as_ref().is_some_and(|own| own.is(uid))
    }
}
