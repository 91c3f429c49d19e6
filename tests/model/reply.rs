//! What an API server answers, in words that the model and the real one share. Nothing is compared here.

use serde_json::{Value, json};

use crate::caller::Refused;

/// What stands for all that a schema says of an object that lacks fields.
pub const MALFORMED: &str = "Required value";

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The object as it stands, where the request answers with one.
    Done(Option<Value>),
    NotFound,
    AlreadyExists,
    Conflict,
    /// With what is said of it, one text for each cause.
    Forbidden(Vec<String>),
    Invalid(Vec<String>),
    /// Nothing that the model knows.
    Other(String),
}

impl Reply {
    /// For people.
    pub fn brief(&self) -> String {
        match self {
            Self::Done(Some(object)) => format!("@{}", object["metadata"]["resourceVersion"]),
            other => format!("{other:?}"),
        }
    }
}

/// Where two values differ.
pub fn differences(path: &str, ours: &Value, real: &Value) -> String {
    let (Value::Object(a), Value::Object(b)) = (ours, real) else {
        return if ours == real { String::new() } else { format!("{path} is {ours}, really {real}; ") };
    };
    let fields: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    fields.into_iter().map(|f| differences(&format!("{path}.{f}"), &ours[f], &real[f])).collect()
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        let texts = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect();
        match refused {
            Refused::Forbidden(denied) => Self::Forbidden(texts(denied)),
            Refused::NotFound => Self::NotFound,
            Refused::AlreadyExists => Self::AlreadyExists,
            Refused::Conflict => Self::Conflict,
            Refused::Invalid(broken) => Self::Invalid(texts(broken)),
        }
    }
}

impl From<kube::Error> for Reply {
    fn from(error: kube::Error) -> Self {
        let kube::Error::Api(status) = &error else { return Self::Other(error.to_string()) };
        let causes = status.details.iter().flat_map(|d| &d.causes);
        // A note that there may be more is no cause.
        let causes = causes.filter(|c| !c.message.contains("some validation rules were not checked"));
        let mut texts: Vec<_> = causes.map(|c| format!("{} {}", c.field, c.message)).collect();
        if texts.is_empty() {
            texts.push(status.message.clone());
        }
        match (status.code, status.reason.as_str()) {
            (404, _) => Self::NotFound,
            (409, "AlreadyExists") => Self::AlreadyExists,
            (409, _) => Self::Conflict,
            (403, _) => Self::Forbidden(texts),
            (422, _) => Self::Invalid(texts),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// An object as it is compared: without what only a real server fills in, and with times that are its own clock's
/// told by whether they are there.
pub fn plain(object: Value) -> Value {
    let mut object = object;
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("managedFields");
        for time in ["creationTimestamp", "deletionTimestamp"] {
            if let Some(value) = meta.get_mut(time) {
                *value = json!("some time");
            }
        }
    }
    object
}
