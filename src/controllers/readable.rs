//! Objects as they come from the API server: one that cannot be read does not hide the others of its list, and what
//! nobody reads of one is left out while it is read. What is then done with an object is not decided here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// An object without its managed fields, which are half of it and say nothing here; or what is known of one that
/// cannot be read.
#[derive(Clone, Debug)]
pub struct Readable<K>(pub Result<K, Unreadable>);

/// An object that is not as its kind is, or is of a newer version.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// What is wrong with it.
    pub error: String,
    /// Which one it is.
    pub metadata: ObjectMeta,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::Object(deserializer.deserialize_map(Object)?);
        Ok(Self(K::deserialize(&object).map_err(|error| Unreadable {
            error: error.to_string(),
            metadata: ObjectMeta::deserialize(&object["metadata"]).unwrap_or_default(),
        })))
    }
}

/// Reads an object, but for its managed fields.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = if key == "metadata" { map.next_value::<Metadata>()?.0 } else { map.next_value()? };
            object.insert(key, value);
        }
        Ok(object)
    }
}

struct Metadata(Value);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata of an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut fields = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "managedFields" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        fields.insert(key, map.next_value()?);
                    }
                }
                Ok(Metadata(Value::Object(fields)))
            }
        }
        deserializer.deserialize_map(Fields)
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
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ServiceNumberRequest;
    use kube::{ResourceExt, core::WatchEvent};
    use serde_json::json;

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
                (Some("7"), &None)
            );
        }
    }

    #[test]
    fn one_that_cannot_be_read_says_which_it_is_and_hides_no_other() {
        let both = json!([request(&json!(7)), request(&json!("i"))]);
        let read: Vec<Readable<ServiceNumberRequest>> = serde_json::from_value(both).expect("a list");
        assert!(read[1].0.is_ok());
        assert!(read[0].0.as_ref().is_err_and(|unreadable| unreadable.error.contains("string")), "{read:?}");
        assert_eq!((read[0].name_any(), read[0].namespace().as_deref()), ("a".to_owned(), Some("b")));
    }
}
