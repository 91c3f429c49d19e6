//! Bugs that are planted on purpose, one at a time, so that the tests show that they find them (`make planted`).
//! Where the shipped code makes the right choice it asks [`is_on`], which is a constant `false` unless the feature
//! `planted` is on: the product compiles to what it would be without. Nothing else belongs here.

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` is for tests: no release build has it");

macro_rules! bugs {
    ($($(#[$doc:meta])+ $bug:ident = $name:literal,)+) => {
        /// A bug. The environment variable ICP_PLANTED chooses one by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[$doc])+ $bug,)+
        }

        #[cfg(feature = "planted")]
        const NAMED: &[(&str, Bug)] = &[$(($name, Bug::$bug)),+];
    };
}

bugs! {
    /// A number is written into the status before its record is created.
    NumberBeforeRecord = "number-before-record",
    /// AlreadyExists is taken for "mine" without a look at whose it is.
    TakenIsMine = "taken-is-mine",
    /// AlreadyExists is taken for an error.
    TakenIsAnError = "taken-is-an-error",
    /// A slot that is free in the cache is held to be taken, without a create.
    SlotWithoutCreate = "slot-without-create",
    /// The quota is judged by the counter in the status of the instance.
    QuotaFromCounter = "quota-from-counter",
    /// A record has a random name instead of its slot.
    RandomName = "random-name",
    /// A number is given back because the status of its filing looks like a draft's.
    ReleasedAsDraft = "released-as-draft",
    /// A binding is known by the name of its filing alone.
    BoundByName = "bound-by-name",
    /// A record is bound and sealed in one write.
    BindAndSeal = "bind-and-seal",
    /// The seal is decided from answers of own calls, record by record, instead of one snapshot.
    SealFromAnswers = "seal-from-answers",
    /// A status is written without the revision that it was decided from.
    StatusWithoutRevision = "status-without-revision",
    /// `submittedTime` is written before the seal.
    SubmittedBeforeSeal = "submitted-before-seal",
    /// The API server accepts a review that names another record than the status.
    ReviewOfAnyRecord = "review-of-any-record",
    /// A create of unknown outcome is tried again under a fresh name.
    FreshName = "fresh-name",
    /// A record is deleted with its request.
    RecordDeleted = "record-deleted",
    /// Consumed is what the status of the filing says.
    ConsumedFromStatus = "consumed-from-status",
    /// Nothing is looked at when the operator starts, only what happens afterwards.
    StartLooksAtNothing = "start-looks-at-nothing",
    /// A number is given back when the deletion of its filing is seen, not when the operator starts or resyncs.
    ReleasedOnDeletionOnly = "released-on-deletion-only",
    /// What the API server refused once is not tried again.
    RefusalIsFinal = "refusal-is-final",
    /// A conflict is not tried again.
    ConflictIsFinal = "conflict-is-final",
    /// A filing that was deleted and created again is held to be the same one, where the deletion was not seen.
    RecreationNotSeen = "recreation-not-seen",
    /// A watch that ended with an error, such as 410, is not begun anew.
    WatchNotBegunAnew = "watch-not-begun-anew",
    /// An event that comes twice is held to be impossible.
    RepeatPanics = "repeat-panics",
    /// A refused call is held to be impossible.
    RefusalPanics = "refusal-panics",
    /// Claims that wait for an instance are not looked at when it appears.
    InstanceWakesNobody = "instance-wakes-nobody",
    /// The answer of an own write replaces what was seen since.
    EchoOverNewer = "echo-over-newer",
    /// A record whose time of issue has not come, by the clock of this machine, does not count yet.
    ForeignClockTrusted = "foreign-clock-trusted",
    /// A store that went back in time is believed.
    StoreGoesBack = "store-goes-back",
    /// A record is changed by writing all of it that this version knows.
    WholeRecordWritten = "whole-record-written",
    /// SIGTERM is not heeded.
    TermNotHeeded = "term-not-heeded",
    /// A connection that cannot be taken for want of file descriptors is the last one that is tried.
    ConnectionsGivenUp = "connections-given-up",
    /// A lease expires when the time that its holder wrote into it is over by the clock of this machine.
    LeaseTimeTrusted = "lease-time-trusted",
    /// A leader counts its deadline from the answer to a renewal, not from before it was sent.
    RenewedWhenAnswered = "renewed-when-answered",
}

/// What a bug holds to be impossible: a panic where it has happened and the bug is on.
///
/// # Panics
///
/// See above.
pub fn impossible(bug: Bug, happened: bool) {
    assert!(!(happened && is_on(bug)), "{bug:?}");
}

/// Whether a bug is on.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is_on(_: Bug) -> bool {
    false
}

/// Whether a bug is on: the one that ICP_PLANTED names.
///
/// # Panics
///
/// Where it names none.
#[cfg(feature = "planted")]
#[must_use]
pub fn is_on(bug: Bug) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<Bug>> = std::sync::LazyLock::new(|| {
        let name = std::env::var("ICP_PLANTED").unwrap_or_default();
        let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug);
        assert!(name.is_empty() || named.is_some(), "ICP_PLANTED={name} is none of {NAMED:?}");
        named
    });
    *CHOSEN == Some(bug)
}
