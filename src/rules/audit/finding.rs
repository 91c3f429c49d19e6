//! What an audit can find: the codes, how bad each is, and what to do. When one applies is judged beside this.

use std::fmt;

use super::index::Name;
use crate::rules::{
    kept::Kept,
    kind::{Kind, Ours},
    world::ObjectKey,
};
use Invariant::{OneFilingPerNumber, OnePerClaim, OneWay, Unique, WithinQuota};
use Severity::{Broken, Odd};

/// What the ledger promises (design §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No two records carry one number.
    Unique,
    /// A record's slot is below the quota written on it, and its name is its key and slot.
    WithinQuota,
    /// A claim gets one number on an instance.
    OnePerClaim,
    /// A number is submitted with one filing, and a review needs that submission.
    OneFilingPerNumber,
    /// Issued, in use, submitted, consumed or cancelled; nothing issued disappears.
    OneWay,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: [Self; 5] =
        [Self::Unique, Self::WithinQuota, Self::OnePerClaim, Self::OneFilingPerNumber, Self::OneWay];

    /// The invariant as reports and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unique => "Unique",
            Self::WithinQuota => "WithinQuota",
            Self::OnePerClaim => "OnePerClaim",
            Self::OneFilingPerNumber => "OneFilingPerNumber",
            Self::OneWay => "OneWay",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An invariant of the ledger does not hold. This must never be.
    Broken(Invariant),
    /// An orphan or an oddity: allowed, and worth a look.
    Odd,
}

/// How much it takes to know that a finding is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// One list of the records shows it: no moment between two of them can look like it.
    Records,
    /// Records that are looked at after the claim show it: what a status tells of was in the ledger by then.
    Order,
    /// What is on its way can look like it: it has to stay.
    Moments,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident: $severity:expr, $proof:ident, $remedy:literal;)+) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }
        impl Code {
            /// Every code there is, the worst first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            /// The code as reports and metrics write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => stringify!($name),)+ } }
            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity { match self { $(Self::$name => $severity,)+ } }
            /// What it takes to know it.
            #[must_use]
            pub const fn proof(self) -> Proof { match self { $(Self::$name => Proof::$proof,)+ } }
            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str { match self { $(Self::$name => concat!($($doc,)+),)+ } }
            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str { match self { $(Self::$name => $remedy,)+ } }
        }
    };
}

codes! {
    /// Several records carry one number.
    NumberIssuedTwice: Broken(Unique), Records,
        "Stop the operators. Find in the audit log who wrote these records; keep the one whose filing is submitted, and mend the others by break-glass.";
    /// A record is not named after its key and slot, so its name does not keep others from its slot.
    NameDiffers: Broken(WithinQuota), Records,
        "Stop the operators. Compare the record with a backup, and make it anew by break-glass under the name that its facts give.";
    /// A record's slot is not below the quota that is written on it.
    SlotBeyondQuota: Broken(WithinQuota), Records,
        "Find in the audit log who wrote it. The number stays issued; have the provider confirm that it is valid before it is used.";
    /// One claim has several records on one instance.
    ClaimIssuedTwice: Broken(OnePerClaim), Records,
        "Was the server declared again with another class or account while the claim waited? The claim uses one of them; the other is spent for the quota, and stays.";
    /// One namespace, name and domain was submitted with several numbers.
    FilingSubmittedTwice: Broken(OneFilingPerNumber), Records,
        "Stop the operators. Ask the registrar which number the real filing carries; the others are spent and stay.";
    /// A filing says that it is submitted or reviewed, and the record that it names is not submitted to it.
    SubmissionNotInLedger: Broken(OneFilingPerNumber), Order,
        "Stop the operators. Was the ledger restored from an older backup, or the status written by hand? Restore the record as it was, or take status.submittedTime and the review away by an administrator.";
    /// A record's state is not what its other fields say.
    StateDiffers: Broken(OneWay), Records,
        "The other fields hold. Find in the audit log who wrote the state, and mend it by break-glass.";
    /// A record is submitted and bound to no filing.
    SubmittedUnbound: Broken(OneWay), Records,
        "Stop the operators. Restore spec.filing of the record from a backup by break-glass.";
    /// A record is consumed or cancelled and was never submitted.
    OutcomeUnsubmitted: Broken(OneWay), Records,
        "Stop the operators. Ask the registrar what became of the filing, and mend the record by break-glass.";
    /// A record is both consumed and cancelled.
    OutcomeTwice: Broken(OneWay), Records,
        "Stop the operators. Ask the registrar what became of the filing, and mend the record by break-glass.";
    /// A record has a consumed time without an ICP number, or an ICP number without a consumed time.
    OutcomeIncomplete: Broken(OneWay), Records,
        "Ask the registrar for the ICP number and the time, and mend the record by break-glass.";
    /// Slots of a key are missing although later ones are taken: records were lost.
    SlotMissing: Broken(OneWay), Records,
        "Restore the records from a backup. Nothing is issued on this key before.";
    /// A record that was seen, or that a claim's status tells of, is not in the ledger.
    RecordLost: Broken(OneWay), Order,
        "Stop the operators, restore the record from a backup, start them again. Its slot must not be issued before.";
    /// A record cannot be read by this version.
    RecordUnreadable: Broken(OneWay), Records,
        "Run the version of the operator that wrote it, or restore the record from a backup.";
    /// A record is being deleted, or has an owner or a finalizer: something may end it.
    RecordMayVanish: Odd, Records,
        "Back the record up. Take owners and finalizers away by break-glass; restore the record if it vanishes.";
    /// A number is no UUID in lower case, so no filing finds it by its value.
    NumberMalformed: Odd, Records,
        "Compare the record with a backup, and mend it by break-glass.";
    /// The records of one instance are counted under several keys: it was declared again with another class, account or scope.
    InstanceUnderTwoKeys: Odd, Records,
        "Check with the provider which class and account are right, and how many numbers the server has. What was issued stays.";
    /// Several records are bound to one namespace, name and domain.
    FilingBoundTwice: Odd, Moments,
        "The operator gives the extra ones back. If it lasts: does an operator run, and what does it log about the filing?";
    /// The claim of a number that is not spent does not exist any more.
    ClaimGone: Odd, Moments,
        "Nothing, or apply the same manifest again to get the same number. Its holder may also file with it by value.";
    /// A claim's status tells another record, number or state than the ledger.
    StatusDiffers: Odd, Moments,
        "The ledger holds, and the operator writes the status again. If it lasts: does an operator run, and who else writes statuses?";
    /// A claim asks for other terms than its number was issued on.
    ClaimTermsDiffer: Odd, Moments,
        "The ledger holds. Apply the manifest with the terms of the record, or under another name.";
    /// A claim has neither a number nor a reason why not, although it is old enough.
    ClaimUnanswered: Odd, Moments,
        "Does an operator run, does it serve this namespace, and what does it log about the claim?";
    /// A draft's number is bound to a filing that is gone, or that was made anew.
    BoundFilingGone: Odd, Moments,
        "The operator gives the number back. If it lasts: does an operator run that serves this namespace?";
    /// A filing is submitted and under review, and the Filing does not exist any more.
    SubmittedFilingGone: Odd, Moments,
        "Apply the same manifest again, so that the registrar can write the outcome. The number stays with this name and domain for ever.";
    /// A review is final and the ledger does not have its outcome yet.
    OutcomeNotRecorded: Odd, Moments,
        "The operator records it. If it lasts: does an operator run, and what does it log about the filing?";
    /// A review says another outcome than the ledger.
    OutcomeDiffers: Odd, Moments,
        "The ledger holds. A cluster administrator takes the review away, and the registrar writes it as the ledger has it.";
    /// A class declares fewer numbers than were issued on a key.
    QuotaBelowIssued: Odd, Moments,
        "Nothing comes back. Raise the quota, or leave it: nothing more is issued on this key.";
    /// One instance is declared in several namespaces.
    InstanceDeclaredTwice: Odd, Moments,
        "Delete all but one; the oldest is served.";
    /// An instance is declared with another class or account than its numbers were issued under.
    InstanceRedeclared: Odd, Moments,
        "Check with the provider which class and account are right. New numbers count under the new key.";
    /// The instance of numbers that are not spent is not declared.
    InstanceGone: Odd, Moments,
        "Declare the server again: a draft's number is submitted only while its server is declared.";
    /// The class of numbers that are not spent does not exist.
    ClassGone: Odd, Moments,
        "Create the class again if servers of this type are still in use.";
    /// An object cannot be read by this version.
    ObjectUnreadable: Odd, Moments,
        "Correct it, or run the version of the operator that wrote it. Until then it is left alone.";
}

/// An object that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, empty where there is none, and its name.
    pub key: ObjectKey,
    /// The revision that was looked at. Absent where there is no such object.
    pub revision: Option<String>,
}

impl Subject {
    pub(super) fn of<K: Ours>(object: &Kept<K>) -> Self {
        Self { kind: K::KIND, key: object.key.clone(), revision: object.resource_version() }
    }

    pub(super) fn all<'a, K: Ours + 'a>(objects: &[&'a Kept<K>]) -> impl Iterator<Item = Self> {
        objects.iter().map(|object| Self::of(*object))
    }

    pub(super) fn absent(kind: Kind, (namespace, name): Name<'_>) -> Self {
        Self { kind, key: ObjectKey::new(namespace, name), revision: None }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, revision: _ } = self;
        if key.namespace.is_empty() { write!(f, "{kind} {}", key.name) } else { write!(f, "{kind} {key}") }
    }
}

/// One thing that is wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// What it is; codes are ordered with the worst first.
    pub code: Code,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// What was seen. It never holds a number.
    pub observed: String,
}

impl Finding {
    pub(super) fn new(
        code: Code,
        subjects: impl IntoIterator<Item = Subject>,
        observed: impl Into<String>,
    ) -> Self {
        let mut subjects: Vec<_> = subjects.into_iter().collect();
        subjects.sort();
        Self { code, subjects, observed: observed.into() }
    }

    /// The invariant that it breaks, if it breaks one.
    #[must_use]
    pub const fn breaks(&self) -> Option<Invariant> {
        match self.code.severity() {
            Broken(invariant) => Some(invariant),
            Odd => None,
        }
    }

    /// The record that it is about, if there is one.
    #[must_use]
    pub fn record(&self) -> Option<&str> {
        self.subjects.iter().find(|s| s.kind == Kind::ServiceNumber).map(|s| &*s.key.name)
    }
}
