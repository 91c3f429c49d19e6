//! Objects as they come from the API server: one that cannot be read does not hide the others of its list, and what
//! nobody reads of one is left out while it is read. What is then done with an object is not decided here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::error_boundary::InvalidObject};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

use crate::rules::world::ObjectKey;

/// An object without its managed fields and without the manifest that it was applied as; or what is known of one that
/// is not as its kind is, or is of a newer version.
#[derive(Clone, Debug)]
pub struct Readable<K>(Result<K, InvalidObject>);

impl<K> Readable<K> {
    /// The object, or which one cannot be read and what is wrong with it.
    pub fn read(self) -> Result<K, (ObjectKey, String)> {
        self.0.map_err(|InvalidObject { error, metadata }| {
            let (namespace, name) =
                (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default());
            (ObjectKey::new(namespace, name), error)
        })
    }
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Fields::OfObject.deserialize(deserializer)?;
        match K::deserialize(&object) {
            Ok(mut object) => {
                leave_out(object.meta_mut());
                Ok(Self(Ok(object)))
            }
            Err(error) => {
                let metadata = object.get("metadata").map(ObjectMeta::deserialize).transpose();
                let metadata = metadata.map_err(D::Error::custom)?.unwrap_or_default();
                Ok(Self(Err(InvalidObject { error: error.to_string(), metadata })))
            }
        }
    }
}

/// The manifest once more, as kubectl leaves it in an object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Leaves out what nobody reads and what is half of an object or more: who owns which field, and the manifest that it
/// was applied as. So does whoever keeps an answer of the API server: one object has one form.
pub(super) fn leave_out(metadata: &mut ObjectMeta) {
    metadata.managed_fields = Some(Vec::new());
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.annotations = None;
        }
    }
}

/// Reads an object, but for its managed fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    OfObject,
    OfMetadata,
}

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::OfObject { "an object" } else { "the metadata of an object" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(field) = map.next_key::<String>()? {
            let value = match (self, field.as_str()) {
                (Self::OfObject, "metadata") => map.next_value_seed(Self::OfMetadata)?,
                (Self::OfMetadata, "managedFields") => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                _ => map.next_value()?,
            };
            fields.insert(field, value);
        }
        Ok(Value::Object(fields))
    }
}

impl<K: Resource> Resource for Readable<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|invalid| &mut invalid.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ServiceNumberRequest;
    use kube::{ResourceExt, core::WatchEvent};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn request(instance: &Value) -> Value {
        json!({
            "apiVersion": "icp-filing.dev/v1alpha1",
            "kind": "ServiceNumberRequest",
            "metadata": {"name": "a", "namespace": "b", "resourceVersion": "7", "managedFields": [{"manager": "m"}]},
            "spec": {"instanceRef": {"name": instance}, "accountID": "100"},
        })
    }

    #[test]
    fn an_object_is_read_whatever_the_order_and_without_its_managed_fields() {
        for text in [
            format!(r#"{{"type":"ADDED","object":{}}}"#, request(&json!("i"))),
            format!(r#"{{"object":{},"type":"ADDED"}}"#, request(&json!("i"))),
        ] {
            let event: WatchEvent<Readable<ServiceNumberRequest>> =
                serde_json::from_str(&text).expect("an event");
            let WatchEvent::Added(Readable(Ok(read))) = event else { panic!("{text} is read as {event:?}") };
            assert_eq!((read.name_any().as_str(), read.spec.instance_ref.name.as_str()), ("a", "i"));
            assert_eq!(
                (read.resource_version().as_deref(), &read.metadata.managed_fields),
                (Some("7"), &Some(Vec::new()))
            );
        }
    }

    #[test]
    fn the_manifest_that_it_was_applied_as_is_left_out_and_other_annotations_are_not() {
        for (more, kept) in [(None, None), (Some("team"), Some(1))] {
            let mut object = request(&json!("i"));
            object["metadata"]["annotations"] = json!({LAST_APPLIED: "{}"});
            if let Some(more) = more {
                object["metadata"]["annotations"][more] = json!("a");
            }
            let read: Readable<ServiceNumberRequest> = serde_json::from_value(object).expect("an object");
            let annotations = read.meta().annotations.as_ref();
            assert_eq!(annotations.map(BTreeMap::len), kept);
            assert!(annotations.is_none_or(|annotations| !annotations.contains_key(LAST_APPLIED)));
        }
    }

    #[test]
    fn one_that_cannot_be_read_says_which_it_is_and_hides_no_other() {
        let both = json!([request(&json!(7)), request(&json!("i"))]);
        let read: Vec<Readable<ServiceNumberRequest>> = serde_json::from_value(both).expect("a list");
        assert!(read[1].0.is_ok());
        assert!(read[0].0.as_ref().is_err_and(|invalid| invalid.error.contains("string")), "{read:?}");
        assert_eq!((read[0].name_any(), read[0].namespace().as_deref()), ("a".to_owned(), Some("b")));
    }
}
