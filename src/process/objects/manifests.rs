//! Objects from files or from standard input: YAML or JSON, any number of documents, lists of objects, as
//! `kubectl get -o yaml` prints them and as GitOps repositories hold them. Kinds of others are counted and left out.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::sort;
use crate::{
    api::{GROUP, VERSION},
    controllers::readable::Readable,
    rules::{
        kept::Kept,
        kind::{Kind, Ours},
        snapshot::{Snapshot, Unreadable},
        world::ObjectKey,
    },
};

/// What was read.
#[derive(Debug, Default)]
pub(in crate::process) struct Manifests {
    /// The objects of ours. A kind of which there is neither an object nor an empty list is absent.
    pub(in crate::process) snapshot: Snapshot,
    /// How many of other kinds there were, by `apiVersion` and `kind`.
    pub(in crate::process) ignored: BTreeMap<String, usize>,
}

/// Why files could not be read, and what to do.
#[derive(Debug, thiserror::Error)]
pub(in crate::process) enum Unread {
    /// The file itself.
    #[error("{file}: {error}. Give files that you may read, or - for standard input")]
    File {
        /// Its name.
        file: String,
        /// What is wrong.
        error: std::io::Error,
    },
    /// Standard input can be read once.
    #[error("- is given twice: standard input is read once")]
    TwiceStandardInput,
    /// No YAML and no JSON.
    #[error("{file}: no YAML or JSON: {error}")]
    Syntax {
        /// Its name.
        file: String,
        /// What is wrong.
        error: String,
    },
    /// There is nothing in it.
    #[error("{file}: there is no manifest in it. Give what `kubectl get icp -A -o yaml` prints")]
    Empty {
        /// Its name.
        file: String,
    },
    /// A document that is no object.
    #[error(
        "{file}, document {document}: no manifest: {missing}. Give what `kubectl get icp -A -o yaml` prints"
    )]
    NoManifest {
        /// Its name.
        file: String,
        /// Which document, from 1.
        document: usize,
        /// What it lacks.
        missing: &'static str,
    },
    /// A kind or version of ours that is not known here.
    #[error(
        "{file}, document {document}: {kind} of {version} is not known to this version of the program. Use the one that wrote it"
    )]
    Newer {
        /// Its name.
        file: String,
        /// Which document, from 1.
        document: usize,
        /// The kind.
        kind: String,
        /// The version.
        version: String,
    },
    /// One object in two states.
    #[error("{kind} {key} is given twice, and the two differ. Give files of one moment")]
    Contradiction {
        /// The kind.
        kind: Kind,
        /// The object.
        key: ObjectKey,
    },
}

/// Reads files in order; `-` is standard input.
pub(in crate::process) fn read(files: &[PathBuf]) -> Result<Manifests, Unread> {
    let mut read = Manifests::default();
    let is_stdin = |file: &&PathBuf| file.as_os_str() == "-";
    if files.iter().filter(is_stdin).count() > 1 {
        return Err(Unread::TwiceStandardInput);
    }
    for file in files {
        let name = if is_stdin(&file) { "standard input".to_owned() } else { file.display().to_string() };
        let text = text(file).map_err(|error| Unread::File { file: name.clone(), error })?;
        read.take(&name, &text)?;
    }
    read.settle()?;
    Ok(read)
}

fn text(file: &Path) -> std::io::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        Ok(text)
    } else {
        std::fs::read_to_string(file)
    }
}

impl Manifests {
    /// Takes every document of a text.
    fn take(&mut self, file: &str, text: &str) -> Result<(), Unread> {
        let documents = documents(text).map_err(|error| Unread::Syntax { file: file.to_owned(), error })?;
        if documents.is_empty() {
            return Err(Unread::Empty { file: file.to_owned() });
        }
        for (at, document) in documents.into_iter().enumerate() {
            self.object(file, at + 1, document, None)?;
        }
        Ok(())
    }

    /// Takes an object, or each of a list. What an item of a list lacks, the list says of all.
    fn object(
        &mut self,
        file: &str,
        document: usize,
        mut object: Value,
        of: Option<(&str, &str)>,
    ) -> Result<(), Unread> {
        let no_manifest = |missing| Unread::NoManifest { file: file.to_owned(), document, missing };
        let fields = object.as_object_mut().ok_or_else(|| no_manifest("it has no fields"))?;
        if let Some((version, kind)) = of {
            fields.entry("apiVersion").or_insert_with(|| version.into());
            fields.entry("kind").or_insert_with(|| kind.into());
        }
        let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (field("apiVersion"), field("kind"));
        if version.is_empty() || kind.is_empty() {
            return Err(no_manifest("it has no apiVersion or no kind"));
        }
        let of_ours = version.split_once('/').is_some_and(|(group, _)| group == GROUP);
        if let Some(item) = kind.strip_suffix("List") {
            let Some(Value::Array(items)) = fields.remove("items") else {
                return Err(no_manifest("it is a list without items"));
            };
            let of = (!item.is_empty()).then_some((version.as_str(), item));
            if let Some(kind) = known(item).filter(|_| of_ours) {
                self.looked_at(kind);
            }
            return items.into_iter().try_for_each(|item| self.object(file, document, item, of));
        }
        if !of_ours {
            *self.ignored.entry(format!("{version} {kind}")).or_default() += 1;
            return Ok(());
        }
        let Some(known) = known(&kind).filter(|_| version == format!("{GROUP}/{VERSION}")) else {
            return Err(Unread::Newer { file: file.to_owned(), document, kind, version });
        };
        let named = |field: &str| object["metadata"][field].as_str().is_some_and(|name| !name.is_empty());
        if !named("name") {
            return Err(no_manifest("it has no metadata.name"));
        }
        if known.is_namespaced() && !named("namespace") {
            return Err(no_manifest("it has no metadata.namespace"));
        }
        if !known.is_namespaced()
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            // The server takes it away too.
            metadata.remove("namespace");
        }
        let Snapshot { classes, instances, requests, filings, records, unreadable, namespace: _, lost: _ } =
            &mut self.snapshot;
        let put = match known {
            Kind::InstanceClass => put(object, classes, unreadable),
            Kind::Instance => put(object, instances, unreadable),
            Kind::ServiceNumberRequest => put(object, requests, unreadable),
            Kind::Filing => put(object, filings, unreadable),
            Kind::ServiceNumber => put(object, records, unreadable),
        };
        put.map_err(|_| no_manifest("its metadata cannot be read"))
    }

    /// A kind of which there may be none.
    fn looked_at(&mut self, kind: Kind) {
        let Snapshot { classes, instances, requests, filings, records, unreadable: _, namespace: _, lost: _ } =
            &mut self.snapshot;
        match kind {
            Kind::InstanceClass => drop(classes.get_or_insert_default()),
            Kind::Instance => drop(instances.get_or_insert_default()),
            Kind::ServiceNumberRequest => drop(requests.get_or_insert_default()),
            Kind::Filing => drop(filings.get_or_insert_default()),
            Kind::ServiceNumber => drop(records.get_or_insert_default()),
        }
    }

    /// An object that several files hold is one object.
    fn settle(&mut self) -> Result<(), Unread> {
        let Snapshot { classes, instances, requests, filings, records, unreadable: _, namespace: _, lost: _ } =
            &mut self.snapshot;
        once(classes)?;
        once(instances)?;
        once(requests)?;
        once(filings)?;
        once(records)
    }
}

fn known(kind: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|known| known.as_str() == kind)
}

/// The documents of a text that are not empty.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    // JSON is read as such, which takes a tenth of the time.
    if text.trim_start().starts_with('{') {
        let stream = serde_json::Deserializer::from_str(text).into_iter();
        if let Ok(documents) = stream.collect() {
            return Ok(documents);
        }
    }
    let size = text.len();
    let options = serde_saphyr::options! {
        // What is read may be large, but no larger than it is written: the bounds on aliases stay.
        budget: serde_saphyr::budget! {
            max_events: size.saturating_add(16),
            max_nodes: size.saturating_add(16),
            max_documents: size.saturating_add(16),
            max_total_scalar_bytes: size.saturating_add(16),
        },
        // What is shown of a text could be a number.
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.to_string())
}

fn put<K: Ours + DeserializeOwned>(
    object: Value,
    readable: &mut Option<Vec<Arc<Kept<K>>>>,
    unreadable: &mut Vec<Unreadable>,
) -> serde_json::Result<()> {
    let object: Readable<K> = serde_json::from_value(object)?;
    sort(object, readable.get_or_insert_default(), unreadable);
    Ok(())
}

fn once<K: Ours + PartialEq>(objects: &mut Option<Vec<Arc<Kept<K>>>>) -> Result<(), Unread> {
    let Some(objects) = objects else { return Ok(()) };
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    let same = |a: &Kept<K>, b: &Kept<K>| a.key == b.key;
    if let Some(pair) = objects.windows(2).find(|pair| same(&pair[0], &pair[1]) && pair[0] != pair[1]) {
        return Err(Unread::Contradiction { kind: K::KIND, key: pair[0].key.clone() });
    }
    objects.dedup_by(|b, a| same(a, b));
    Ok(())
}
