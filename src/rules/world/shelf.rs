//! What the world is made of: the objects of one kind as a watch shows them, and who refers to what.
//! Nothing is decided here, and nothing outside of `world` puts anything in.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::ObjectKey;
use crate::{
    planted::{self, Bug},
    rules::{kept::Kept, kind::Ours},
};

/// What a watch says of one kind.
#[derive(Clone, Debug)]
pub enum Seen<K: Ours> {
    /// An object was created or changed.
    Applied(Arc<Kept<K>>),
    /// An object is gone.
    Deleted(Arc<Kept<K>>),
    /// An object is there and cannot be read: what was known of it no longer holds.
    Unreadable(ObjectKey),
    /// All there is, as one consistent list.
    Listed(Vec<Arc<Kept<K>>>),
}

/// An object before and after an observation.
type Changed<K> = (ObjectKey, Option<Arc<Kept<K>>>, Option<Arc<Kept<K>>>);

/// An object that is found by its name.
#[derive(Debug)]
struct Named<K: Ours>(Arc<Kept<K>>);

impl<K: Ours> Borrow<ObjectKey> for Named<K> {
    fn borrow(&self) -> &ObjectKey {
        &self.0.key
    }
}

impl<K: Ours> PartialEq for Named<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl<K: Ours> Eq for Named<K> {}

impl<K: Ours> Hash for Named<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

/// The objects of one kind.
#[derive(Debug)]
pub struct Shelf<K: Ours> {
    objects: HashSet<Named<K>>,
    pub(super) listed: bool,
}

impl<K: Ours> Default for Shelf<K> {
    fn default() -> Self {
        Self { objects: HashSet::new(), listed: false }
    }
}

impl<K: Ours> Shelf<K> {
    /// An object by name.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Kept<K>>> {
        self.objects.get(key).map(|Named(object)| object)
    }

    /// The names of all objects.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().map(|Named(object)| &object.key)
    }

    /// Every object, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Kept<K>>> {
        self.objects.iter().map(|Named(object)| object)
    }

    /// Takes the answer of an own status write that was decided from `observed`, if that is still what is here:
    /// then no write came between, and the next decision need not wait for the watch.
    pub fn echo(&mut self, observed: &Kept<K>, written: Arc<Kept<K>>) {
        if let Some(object) = self.get(&observed.key)
            && object.metadata.uid == written.metadata.uid
            && (same_revision(object, observed) || planted::is_on(Bug::EchoOverNewer))
        {
            self.put(written);
        }
    }

    /// Puts an object in the place of what has its name.
    fn put(&mut self, object: Arc<Kept<K>>) -> Option<Arc<Kept<K>>> {
        self.objects.replace(Named(object)).map(|Named(old)| old)
    }

    fn drop_object(&mut self, key: ObjectKey) -> Vec<Changed<K>> {
        let old = self.objects.take(&key).map(|Named(old)| old);
        vec![(key, old, None)]
    }

    /// Takes an observation and returns what it changed.
    pub(super) fn take(&mut self, seen: Seen<K>) -> Vec<Changed<K>> {
        match seen {
            Seen::Applied(object) => {
                let key = object.key.clone();
                let old = self.put(object.clone());
                // The echo of an own write was taken already.
                if old.as_ref().is_some_and(|o| same_revision(o, &object)) {
                    return Vec::new();
                }
                vec![(key, old, Some(object))]
            }
            Seen::Deleted(object) => self.drop_object(object.key.clone()),
            Seen::Unreadable(key) => self.drop_object(key),
            Seen::Listed(objects) => {
                self.listed = true;
                let mut before = std::mem::take(&mut self.objects);
                let mut changes = Vec::new();
                for object in objects {
                    let key = object.key.clone();
                    let old = before.take(&key).map(|Named(old)| old);
                    let same = old.as_ref().is_some_and(|o| same_revision(o, &object));
                    self.put(object.clone());
                    if !same {
                        changes.push((key, old, Some(object)));
                    }
                }
                changes.extend(before.into_iter().map(|Named(old)| (old.key.clone(), Some(old), None)));
                changes
            }
        }
    }
}

fn same_revision<K: Ours>(Kept { metadata: a, .. }: &Kept<K>, Kept { metadata: b, .. }: &Kept<K>) -> bool {
    a.uid == b.uid && a.resource_version.is_some() && a.resource_version == b.resource_version
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
