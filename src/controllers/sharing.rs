//! Texts that many objects say alike are kept once: most of a hundred thousand conditions read the same, and many
//! objects are in one namespace. What they say is not looked at.

use std::{collections::HashSet, sync::Arc};

use crate::{
    api::{Condition, Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest},
    rules::{kept::Kept, kind::Ours},
};

/// No more different texts than this are looked for; others are kept as often as they are said.
const MOST: usize = 1024;

/// A kind of which an object may have conditions.
pub trait Conditioned: Ours {
    /// The conditions of a status.
    #[must_use]
    fn conditions(_: &mut Self::Status) -> &mut [Condition] {
        &mut []
    }
}

macro_rules! conditioned {
    ($($kind:ident),+) => { $(
        impl Conditioned for $kind {
            fn conditions(status: &mut Self::Status) -> &mut [Condition] {
                &mut status.conditions
            }
        }
    )+ };
}
conditioned!(Instance, ServiceNumberRequest, Filing);

impl Conditioned for InstanceClass {}
impl Conditioned for ServiceNumber {}

/// The texts that were met.
#[derive(Debug, Default)]
pub struct Pool(HashSet<Arc<str>>);

impl Pool {
    /// Lets an object share its texts with those before it.
    pub fn share<K: Conditioned>(&mut self, object: &mut Kept<K>) {
        self.share_text(&mut object.key.namespace);
        for condition in object.status.as_mut().map_or(&mut [][..], K::conditions) {
            let Condition { type_, status, reason, message, observed_generation: _, last_transition_time: _ } =
                condition;
            for text in [type_, status, reason, message] {
                self.share_text(text.shared());
            }
        }
    }

    fn share_text(&mut self, text: &mut Arc<str>) {
        if let Some(met) = self.0.get(&**text) {
            text.clone_from(met);
            return;
        }
        if self.0.len() >= MOST {
            // What only this holds is said by nobody.
            self.0.retain(|text| Arc::strong_count(text) > 1);
        }
        if self.0.len() < MOST {
            self.0.insert(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(messages: &[String]) -> Kept<ServiceNumberRequest> {
        let condition = |message: &String| {
            json!({
                "type": "Ready", "status": "True", "reason": "Issued", "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        };
        let request: ServiceNumberRequest = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {"instanceRef": {"name": "i"}, "accountID": "100"},
            "status": {"conditions": messages.iter().map(condition).collect::<Vec<_>>()},
        }))
        .expect("a request");
        request.into()
    }

    fn messages(object: &mut Kept<ServiceNumberRequest>) -> Vec<(*const u8, String)> {
        let conditions = object.status.as_mut().map(|status| &mut status.conditions);
        conditions.into_iter().flatten().map(|c| (c.message.as_ptr(), c.message.to_string())).collect()
    }

    #[test]
    fn what_is_said_alike_is_kept_once_and_reads_as_before() {
        let mut pool = Pool::default();
        let [mut first, mut second] = [(); 2].map(|()| said(&["same".to_owned()]));
        let unshared = first.clone();
        pool.share(&mut first);
        pool.share(&mut second);
        assert_eq!(messages(&mut first), messages(&mut second));
        assert_eq!(first, unshared);
    }

    #[test]
    fn texts_without_end_are_not_all_kept_and_make_room_when_nobody_says_them_any_more() {
        let mut pool = Pool::default();
        let many: Vec<_> = (0..2 * MOST).map(|n| n.to_string()).collect();
        let mut object = said(&many);
        let unshared = object.clone();
        pool.share(&mut object);
        assert_eq!((pool.0.len(), &object), (MOST, &unshared));
        drop((object, unshared));
        let [mut first, mut second] = [(); 2].map(|()| said(&["new".to_owned()]));
        pool.share(&mut first);
        pool.share(&mut second);
        assert_eq!(messages(&mut first), messages(&mut second));
        assert!(pool.0.len() < 10);
    }
}
