//! Where records are found: by one fact of theirs, or in lists of those that share one. What is kept here are pointers
//! to the records, which say everything else themselves: there may be a hundred thousand. Nothing is decided here.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    marker::PhantomData,
    sync::Arc,
};

use crate::{api::ServiceNumber, rules::kept::Kept};

/// A fact that one record alone has.
pub(super) trait Fact {
    fn of(record: &Kept<ServiceNumber>) -> &str;
}

/// Its name.
#[derive(Debug)]
pub(super) struct Name;

impl Fact for Name {
    fn of(record: &Kept<ServiceNumber>) -> &str {
        record.name()
    }
}

/// Its number.
#[derive(Debug)]
pub(super) struct Number;

impl Fact for Number {
    fn of(record: &Kept<ServiceNumber>) -> &str {
        &record.spec.number
    }
}

/// A record that is found by a fact.
#[derive(Debug)]
struct Found<F>(Arc<Kept<ServiceNumber>>, PhantomData<F>);

impl<F: Fact> Borrow<str> for Found<F> {
    fn borrow(&self) -> &str {
        F::of(&self.0)
    }
}

impl<F: Fact> PartialEq for Found<F> {
    fn eq(&self, other: &Self) -> bool {
        F::of(&self.0) == F::of(&other.0)
    }
}

impl<F: Fact> Eq for Found<F> {}

impl<F: Fact> Hash for Found<F> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        F::of(&self.0).hash(state);
    }
}

/// Records by a fact that each has alone.
#[derive(Debug)]
pub(super) struct By<F>(HashSet<Found<F>>);

impl<F> Default for By<F> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<F: Fact> By<F> {
    pub(super) fn get(&self, fact: &str) -> Option<&Arc<Kept<ServiceNumber>>> {
        self.0.get(fact).map(|found| &found.0)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Kept<ServiceNumber>>> {
        self.0.iter().map(|found| &found.0)
    }

    pub(super) fn put(&mut self, record: Arc<Kept<ServiceNumber>>) -> Option<Arc<Kept<ServiceNumber>>> {
        self.0.replace(Found(record, PhantomData)).map(|found| found.0)
    }

    pub(super) fn take(&mut self, fact: &str) -> Option<Arc<Kept<ServiceNumber>>> {
        self.0.take(fact).map(|found| found.0)
    }
}

/// Records that share something, in an order in which no two of a list are equal.
#[derive(Debug)]
pub(super) struct Lists<K> {
    lists: HashMap<K, Vec<Arc<Kept<ServiceNumber>>>>,
    order: fn(&Kept<ServiceNumber>, &Kept<ServiceNumber>) -> Ordering,
}

impl<K: Hash + Eq> Lists<K> {
    pub(super) fn new(order: fn(&Kept<ServiceNumber>, &Kept<ServiceNumber>) -> Ordering) -> Self {
        Self { lists: HashMap::new(), order }
    }

    /// A list in its order; empty where nothing shares that.
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, shared: &Q) -> &[Arc<Kept<ServiceNumber>>]
    where
        K: Borrow<Q>,
    {
        self.lists.get(shared).map_or(&[], Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &[Arc<Kept<ServiceNumber>>])> {
        self.lists.iter().map(|(shared, list)| (shared, list.as_slice()))
    }

    /// Puts a record into a list, in the place of one that is equal in its order.
    pub(super) fn put(&mut self, shared: K, record: Arc<Kept<ServiceNumber>>) {
        let list = self.lists.entry(shared).or_default();
        match list.binary_search_by(|other| (self.order)(other, &record)) {
            Ok(at) => list[at] = record,
            Err(at) => list.insert(at, record),
        }
    }

    /// Takes what is equal to a record in the order out of a list.
    pub(super) fn take<Q: Hash + Eq + ?Sized>(&mut self, shared: &Q, record: &Kept<ServiceNumber>)
    where
        K: Borrow<Q>,
    {
        let Some(list) = self.lists.get_mut(shared) else { return };
        if let Ok(at) = list.binary_search_by(|other| (self.order)(other, record)) {
            list.remove(at);
        }
        if list.is_empty() {
            self.lists.remove(shared);
        }
    }
}
