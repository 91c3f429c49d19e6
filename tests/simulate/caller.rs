//! Requests to the model of the API server, handled in the order in which a real one does: rights, the object, the
//! revision, the schema and its rules, the policies; then what is stored and what the watch shows.

use std::sync::Arc;

use icp_filing_operator::rules::world::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{
    policies::{self, Verb, Who, granted},
    store::{Kind, Store},
};

/// Why the API server did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No role grants it, or the policies that forbid it, by what they say.
    Forbidden(Vec<&'static str>),
    NotFound,
    AlreadyExists,
    Conflict,
    /// Every rule that it breaks, by what it says.
    Invalid(Vec<&'static str>),
}

/// What it says of a finalizer that is added too late.
pub const LATE_FINALIZER: &str = "no new finalizers can be added if the object is being deleted";

/// The store as one user reaches it.
#[derive(Debug)]
pub struct Caller<'a> {
    pub(super) store: &'a mut Store,
    pub(super) who: Who,
}

/// What of an object a patch is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All but the status.
    Main,
    /// The status and nothing else.
    Status,
}

impl Caller<'_> {
    pub fn create<K: Kind>(self, mut object: K) -> Result<Arc<K>, Refused> {
        self.has_right::<K>(Verb::Create)?;
        // A status that comes with a manifest is dropped.
        object.drop_status();
        object.default_status();
        valid(K::broken(None, &object))?;
        K::policy(self.who, None, Some(&object))?;
        self.is_free::<K>()?;
        let key = ObjectKey::of(&object);
        if K::table(self.store).live.contains_key(&key) {
            return Err(Refused::AlreadyExists);
        }
        let now = self.store.now;
        let meta = object.meta_mut();
        meta.uid = Some(self.store.next_uid());
        meta.generation = Some(1);
        meta.creation_timestamp = Some(Time(now));
        Ok(self.store.put(key, None, object))
    }

    /// A patch of an object: `revision` is the precondition that it carries, if it carries one.
    pub fn patch<K: Kind>(
        self,
        key: &ObjectKey,
        revision: Option<&str>,
        change: impl FnOnce(&mut K),
    ) -> Result<Arc<K>, Refused> {
        self.has_right::<K>(Verb::Patch)?;
        self.write(key, revision, Part::Main, change)
    }

    /// A patch of the status of an object.
    pub fn patch_status<K: Kind>(
        self,
        key: &ObjectKey,
        revision: Option<&str>,
        change: impl FnOnce(&mut K),
    ) -> Result<Arc<K>, Refused> {
        self.has_right::<K>(Verb::PatchStatus)?;
        self.write(key, revision, Part::Status, change)
    }

    /// The object, where a finalizer still holds it.
    pub fn delete<K: Kind>(self, key: &ObjectKey) -> Result<Option<Arc<K>>, Refused> {
        self.has_right::<K>(Verb::Delete)?;
        let old = K::table(self.store).live.get(key).cloned().ok_or(Refused::NotFound)?;
        K::policy(self.who, Some(&old), None)?;
        if old.finalizers().is_empty() {
            self.store.remove(key, (*old).clone());
            Ok(None)
        } else if old.meta().deletion_timestamp.is_none() {
            let mut new = (*old).clone();
            let now = self.store.now;
            let meta = new.meta_mut();
            meta.deletion_timestamp = Some(Time(now));
            meta.deletion_grace_period_seconds = Some(0);
            meta.generation = meta.generation.map(|g| g + 1);
            Ok(Some(self.store.put::<K>(key.clone(), Some(&*old), new)))
        } else {
            Ok(Some(old))
        }
    }

    fn has_right<K: Kind>(&self, verb: Verb) -> Result<(), Refused> {
        if granted(self.who, verb, K::PLURAL) { Ok(()) } else { Err(Refused::Forbidden(Vec::new())) }
    }

    fn is_free<K: Kind>(&self) -> Result<(), Refused> {
        if self.store.held { policies::hold(self.who, K::PLURAL) } else { Ok(()) }
    }

    fn write<K: Kind>(
        self,
        key: &ObjectKey,
        revision: Option<&str>,
        part: Part,
        change: impl FnOnce(&mut K),
    ) -> Result<Arc<K>, Refused> {
        let old = K::table(self.store).live.get(key).cloned().ok_or(Refused::NotFound)?;
        if revision.is_some() && revision != old.meta().resource_version.as_deref() {
            return Err(Refused::Conflict);
        }
        let mut new = (*old).clone();
        change(&mut new);
        if part == Part::Main {
            new.take_status(&old);
        } else {
            let status = std::mem::replace(&mut new, (*old).clone());
            new.take_status(&status);
        }
        new.default_status();
        let added = new.finalizers().iter().any(|f| !old.finalizers().contains(f));
        if old.meta().deletion_timestamp.is_some() && added {
            return Err(Refused::Invalid(vec![LATE_FINALIZER]));
        }
        valid(K::broken(Some(&old), &new))?;
        K::policy(self.who, Some(&old), Some(&new))?;
        self.is_free::<K>()?;
        if new == *old && !self.store.is_unstored::<K>(key) {
            return Ok(old);
        }
        if !new.same_spec(&old) {
            new.meta_mut().generation = old.meta().generation.map(|g| g + 1);
        }
        if new.meta().deletion_timestamp.is_some() && new.finalizers().is_empty() {
            // The write itself is never stored: what the watch shows last is what was there.
            self.store.remove(key, (*old).clone());
            return Ok(Arc::new(new));
        }
        Ok(self.store.put(key.clone(), Some(&old), new))
    }
}

fn valid(broken: Vec<&'static str>) -> Result<(), Refused> {
    if broken.is_empty() { Ok(()) } else { Err(Refused::Invalid(broken)) }
}
