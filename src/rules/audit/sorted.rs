//! Objects in an order by which they are found and parted into groups: a pass over a hundred thousand of them is to
//! take little memory beside what is audited.

use std::cmp::Ordering;

/// Borrowed objects in an order.
pub(super) struct Sorted<'a, T> {
    objects: Vec<&'a T>,
    order: fn(&T, &T) -> Ordering,
}

impl<'a, T> Sorted<'a, T> {
    /// Puts objects into an order; those that are equal in it stay in the order in which they come.
    pub(super) fn of(objects: impl Iterator<Item = &'a T>, order: fn(&T, &T) -> Ordering) -> Self {
        let mut objects: Vec<_> = objects.collect();
        objects.sort_by(|a, b| order(a, b));
        Self { objects, order }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a T> {
        self.objects.iter().copied()
    }

    /// Those that are equal to what is looked for, by how each compares with it in the order of this, or in the
    /// beginning of that order.
    pub(super) fn range(&self, compare: impl Fn(&'a T) -> Ordering) -> &[&'a T] {
        let from = self.objects.partition_point(|object| compare(object).is_lt());
        let rest = &self.objects[from..];
        &rest[..rest.partition_point(|object| compare(object).is_eq())]
    }

    /// Those that are equal in the order, together; none is empty.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[&'a T]> {
        self.objects.chunk_by(|a, b| (self.order)(a, b).is_eq())
    }
}
