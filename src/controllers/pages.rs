//! How many objects of a list are asked for at a time. What is made of them is not known here.

use kube::{Api, Resource, api::ListParams};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, time::Duration};

/// A list comes in about so many pages.
const PAGES: usize = 40;
const SMALLEST: usize = 500;
const LARGEST: usize = 2_500;
/// Longer is not worth waiting for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How many objects there are, if the API server says so.
pub async fn objects<K>(api: &Api<K>) -> Option<usize>
where
    K: Resource + Clone + DeserializeOwned + Debug,
    K::DynamicType: Default,
{
    // A failure is met by the watch as well, which explains it and tries again.
    let one = ListParams::default().limit(1);
    let first = tokio::time::timeout(ANSWER_WITHIN, api.list_metadata(&one)).await.ok()?.ok()?;
    let remaining = first.metadata.remaining_item_count.unwrap_or_default();
    Some(first.items.len() + usize::try_from(remaining).ok()?)
}

/// How many to ask for at a time. For every page the API server goes through all that is still to come, so that with
/// pages of one size a list takes a time that grows with the square of its length; but a page is held twice while it
/// is read, which is to be little beside what is kept.
#[must_use]
pub fn size(objects: Option<usize>) -> u32 {
    let page = (objects.unwrap_or_default() / PAGES).clamp(SMALLEST, LARGEST);
    u32::try_from(page).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_grows_with_the_list_within_bounds() {
        let sizes = [None, Some(0), Some(20_000), Some(40_000), Some(usize::MAX)].map(size);
        assert_eq!(sizes, [500, 500, 500, 1_000, 2_500]);
    }
}
