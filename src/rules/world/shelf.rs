//! What the world is made of: the objects of one kind as a watch shows them, and who refers to what.
//! Nothing is decided here, and nothing outside of `world` puts anything in.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

use kube::{Resource, ResourceExt};

use super::ObjectKey;
use crate::planted::{self, Bug};

/// What a watch says of one kind.
#[derive(Clone, Debug)]
pub enum Seen<K> {
    /// An object was created or changed.
    Applied(Arc<K>),
    /// An object is gone.
    Deleted(Arc<K>),
    /// An object is there and cannot be read: what was known of it no longer holds.
    Unreadable(ObjectKey),
    /// All there is, as one consistent list.
    Listed(Vec<Arc<K>>),
}

/// An object before and after an observation.
type Changed<K> = (ObjectKey, Option<Arc<K>>, Option<Arc<K>>);

/// The objects of one kind.
#[derive(Debug)]
pub struct Shelf<K> {
    objects: HashMap<ObjectKey, Arc<K>>,
    pub(super) listed: bool,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self { objects: HashMap::new(), listed: false }
    }
}

impl<K: Resource> Shelf<K> {
    /// An object by name.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<K>> {
        self.objects.get(key)
    }

    /// The names of all objects.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// Every object, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<K>> {
        self.objects.values()
    }

    /// Takes the answer of an own status write that was decided from `observed`, if that is still what is here:
    /// then no write came between, and the next decision need not wait for the watch.
    pub fn echo(&mut self, observed: &K, written: Arc<K>) {
        if let Some(object) = self.objects.get_mut(&ObjectKey::of(observed))
            && object.uid() == written.uid()
            && (same_revision(&**object, observed) || planted::is_on(Bug::EchoOverNewer))
        {
            *object = written;
        }
    }

    fn drop_object(&mut self, key: ObjectKey) -> Vec<Changed<K>> {
        let old = self.objects.remove(&key);
        vec![(key, old, None)]
    }

    /// Takes an observation and returns what it changed.
    pub(super) fn take(&mut self, seen: Seen<K>) -> Vec<Changed<K>> {
        match seen {
            Seen::Applied(object) => {
                let key = ObjectKey::of(&*object);
                let old = self.objects.insert(key.clone(), object.clone());
                // The echo of an own write was taken already.
                if old.as_ref().is_some_and(|o| same_revision::<K>(o, &object)) {
                    return Vec::new();
                }
                vec![(key, old, Some(object))]
            }
            Seen::Deleted(object) => self.drop_object(ObjectKey::of(&*object)),
            Seen::Unreadable(key) => self.drop_object(key),
            Seen::Listed(objects) => {
                self.listed = true;
                let mut before = std::mem::take(&mut self.objects);
                let mut changes = Vec::new();
                for object in objects {
                    let key = ObjectKey::of(&*object);
                    let old = before.remove(&key);
                    let same = old.as_ref().is_some_and(|o| same_revision::<K>(o, &object));
                    self.objects.insert(key.clone(), object.clone());
                    if !same {
                        changes.push((key, old, Some(object)));
                    }
                }
                changes.extend(before.into_iter().map(|(key, old)| (key, Some(old), None)));
                changes
            }
        }
    }
}

fn same_revision<K: Resource>(a: &K, b: &K) -> bool {
    a.uid() == b.uid() && a.resource_version().is_some() && a.resource_version() == b.resource_version()
}

/// Who refers to what.
#[derive(Debug)]
pub(super) struct Index<K, V>(HashMap<K, BTreeSet<V>>);

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V: Ord> Index<K, V> {
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = &V> + use<'_, K, V, Q>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).into_iter().flatten()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.0.entry(key).or_default().insert(value);
    }

    pub(super) fn remove(&mut self, key: &K, value: &V) {
        if let Some(values) = self.0.get_mut(key) {
            values.remove(value);
            if values.is_empty() {
                self.0.remove(key);
            }
        }
    }
}
