//! Texts that many objects say alike are kept once: most of a hundred thousand conditions read the same. What they
//! say is not looked at.

use std::collections::HashSet;

use crate::api::{Condition, Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest, Text};

/// No more different texts than this are looked for; others are kept as often as they are said.
const MOST: usize = 1024;

/// An object that may have conditions.
pub trait Conditioned {
    /// Its conditions, as far as it has any.
    fn conditions(&mut self) -> &mut [Condition] {
        &mut []
    }
}

macro_rules! conditioned {
    ($($kind:ident),+) => { $(
        impl Conditioned for $kind {
            fn conditions(&mut self) -> &mut [Condition] {
                self.status.as_mut().map_or(&mut [], |status| &mut status.conditions)
            }
        }
    )+ };
}
conditioned!(Instance, ServiceNumberRequest, Filing);

impl Conditioned for InstanceClass {}
impl Conditioned for ServiceNumber {}

/// The texts that were met.
#[derive(Debug, Default)]
pub struct Pool(HashSet<Text>);

impl Pool {
    /// Lets an object share its texts with those before it.
    pub fn share(&mut self, object: &mut impl Conditioned) {
        for condition in object.conditions() {
            let Condition { type_, status, reason, message, observed_generation: _, last_transition_time: _ } =
                condition;
            for text in [type_, status, reason, message] {
                self.share_text(text);
            }
        }
    }

    fn share_text(&mut self, text: &mut Text) {
        if let Some(met) = self.0.get(&**text) {
            text.clone_from(met);
            return;
        }
        if self.0.len() >= MOST {
            self.0.retain(|text| !text.is_alone());
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

    fn said(messages: &[String]) -> ServiceNumberRequest {
        let condition = |message: &String| {
            json!({
                "type": "Ready", "status": "True", "reason": "Issued", "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        };
        serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "spec": {"instanceRef": {"name": "i"}, "accountID": "100"},
            "status": {"conditions": messages.iter().map(condition).collect::<Vec<_>>()},
        }))
        .expect("a request")
    }

    fn messages(object: &mut ServiceNumberRequest) -> Vec<(*const u8, String)> {
        object.conditions().iter().map(|c| (c.message.as_ptr(), c.message.to_string())).collect()
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
