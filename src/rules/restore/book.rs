//! A copy of the ledger as a file for people: a header, then one record a line, as JSON, in the order of keys and
//! slots. Text in, text out; where it lies is not known here.
//!
//! A line is read only if it is exactly as it would be written: a field that this version does not know, a doubled
//! one, or a hand that slipped is an error and not a loss.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use crate::{
    api::ServiceNumberSpec,
    rules::{key::Key, life, number},
};

/// The version of the format that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// The format.
    icp_filing_ledger: u32,
    /// Which ledger it is a copy of: the uid of the CustomResourceDefinition of its records.
    pub store: String,
    /// The revision of the list that it was made from.
    pub resource_version: String,
    /// How many records follow, so that a file that was cut short is not taken for a whole one.
    records: usize,
}

/// What is looked at first: another format may have other fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Format {
    icp_filing_ledger: u32,
}

/// Where a record is: its key and slot, in the order in which a person would list them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    key: Key,
    slot: i32,
}

impl Place {
    /// The place of a record, from its facts.
    #[must_use]
    pub fn of(spec: &ServiceNumberSpec) -> Self {
        Self { key: Key::of_record(spec), slot: spec.slot }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.record(self.slot))
    }
}

/// The records of a ledger, each in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(BTreeMap<Place, ServiceNumberSpec>);

/// Why a text is no copy of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The first line is none of ours.
    #[error("line 1 is no header of a ledger: {0}. Name a file that `ledger export` wrote")]
    Header(String),
    /// Another format.
    #[error(
        "the file has format {0}, and this version reads {FORMAT}. Run the version that wrote it, or a newer one"
    )]
    Format(u32),
    /// A line that is no record.
    #[error(
        "line {line} is no record as `ledger export` writes it: {why}. Take the line from the file as it was exported"
    )]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Lines are missing, or there are too many.
    #[error(
        "the header speaks of {said} records and {found} follow. The file was cut short or joined: take it as it was exported"
    )]
    Count {
        /// As the header says.
        said: usize,
        /// What there is.
        found: usize,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    #[serde(flatten)]
    spec: ServiceNumberSpec,
}

impl Book {
    /// Every record with its place, in order.
    pub fn records(&self) -> impl Iterator<Item = (&Place, &ServiceNumberSpec)> {
        self.0.iter()
    }

    /// The record in a place.
    #[must_use]
    pub fn get(&self, place: &Place) -> Option<&ServiceNumberSpec> {
        self.0.get(place)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a record in its place.
    pub(super) fn put(&mut self, spec: ServiceNumberSpec) {
        self.0.insert(Place::of(&spec), spec);
    }

    /// Adds a record that is called `name`, or says why there can be no such record.
    pub fn add(&mut self, name: &str, spec: ServiceNumberSpec) -> Result<(), String> {
        let place = Place::of(&spec);
        if place.to_string() != name {
            return Err(format!("its facts are those of {place}"));
        }
        unsound(&spec).map_or(Ok(()), |why| Err(why.to_owned()))?;
        match self.0.insert(place, spec) {
            None => Ok(()),
            Some(_) => Err(format!("{name} is there twice")),
        }
    }

    /// The file of these records.
    pub fn text(&self, store: &str, resource_version: &str) -> serde_json::Result<String> {
        let header = Header {
            icp_filing_ledger: FORMAT,
            store: store.to_owned(),
            resource_version: resource_version.to_owned(),
            records: self.len(),
        };
        let mut text = serde_json::to_string(&header)? + "\n";
        for (place, spec) in &self.0 {
            let line = Line { name: place.to_string(), spec: spec.clone() };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", serde_json::to_string(&line)?);
        }
        Ok(text)
    }

    /// Reads a file.
    pub fn parse(text: &str) -> Result<(Header, Self), Unreadable> {
        let mut lines = text.lines();
        let first = lines.next().ok_or_else(|| Unreadable::Header("the file is empty".to_owned()))?;
        let bad_header = |e: serde_json::Error| Unreadable::Header(e.to_string());
        let format: Format = serde_json::from_str(first).map_err(bad_header)?;
        if format.icp_filing_ledger != FORMAT {
            return Err(Unreadable::Format(format.icp_filing_ledger));
        }
        let header: Header = serde_json::from_str(first).map_err(bad_header)?;
        let mut book = Self::default();
        for (at, line) in lines.enumerate() {
            book.read_line(line).map_err(|why| Unreadable::Line { line: at + 2, why })?;
        }
        if header.records != book.len() {
            return Err(Unreadable::Count { said: header.records, found: book.len() });
        }
        Ok((header, book))
    }

    fn read_line(&mut self, line: &str) -> Result<(), String> {
        let Line { name, spec } = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let again = serde_json::to_string(&Line { name: name.clone(), spec: spec.clone() });
        if again.map_err(|e| e.to_string())? != line {
            return Err("it was edited, or a newer version wrote it".to_owned());
        }
        self.add(&name, spec)
    }
}

/// What the schema of records would refuse: better known before anything is written.
fn unsound(spec: &ServiceNumberSpec) -> Option<&'static str> {
    let ended = spec.consumed_time.is_some() || spec.cancelled_time.is_some();
    [
        (
            number::normalize(&spec.number).as_ref() != Some(&spec.number),
            "its number is no UUID in lower case",
        ),
        (spec.slot < 0 || spec.slot >= spec.quota, "its slot is not below its quota"),
        (spec.submitted_time.is_some() && spec.filing.is_none(), "it is submitted and bound to no filing"),
        (spec.consumed_time.is_some() != spec.icp_number.is_some(), "consumedTime and icpNumber go together"),
        (spec.consumed_time.is_some() && spec.cancelled_time.is_some(), "it is consumed and cancelled"),
        (ended && spec.submitted_time.is_none(), "it ended and was not submitted"),
        (spec.state != life::state_of(spec), "its state is not what its other fields say"),
    ]
    .into_iter()
    .find_map(|(wrong, why)| wrong.then_some(why))
}
