//! Objects in an order by which they are found and parted into groups: a pass over a hundred thousand of them is to
//! take little memory beside what is audited.

use std::cmp::Ordering;

/// Borrowed objects in an order.
pub(super) struct Sorted<'a, T>(Vec<&'a T>);

impl<'a, T> Sorted<'a, T> {
    /// Puts objects into an order; those that are equal in it stay in the order in which they come.
    pub(super) fn of(objects: impl Iterator<Item = &'a T>, order: impl Fn(&T, &T) -> Ordering) -> Self {
        let mut objects: Vec<_> = objects.collect();
        objects.sort_by(|a, b| order(a, b));
        Self(objects)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a T> {
        self.0.iter().copied()
    }

    /// Those that are equal to what is looked for, by how each compares with it in the order of this.
    pub(super) fn range(&self, compare: impl Fn(&'a T) -> Ordering) -> &[&'a T] {
        let from = self.0.partition_point(|object| compare(object).is_lt());
        let rest = &self.0[from..];
        &rest[..rest.partition_point(|object| compare(object).is_eq())]
    }

    /// Neighbours that are the same, together.
    pub(super) fn groups(&self, same: impl Fn(&T, &T) -> bool) -> impl Iterator<Item = &[&'a T]> {
        self.0.chunk_by(move |a, b| same(a, b))
    }
}
