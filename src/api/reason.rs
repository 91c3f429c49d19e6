//! Why something is refused: the reasons that users read and machines match. Which one applies is decided in `rules`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A machine-readable cause of a refusal, in `status.refusals` and in the reasons of conditions.
        #[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }
        impl Reason {
            /// Every reason there is, in the order in which they are listed to users.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            /// The reason as it stands in a status.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => stringify!($name),)+ } }
            /// What it means, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str { match self { $(Self::$name => concat!($($doc,)+),)+ } }
        }
    };
}

reasons! {
    /// No InstanceClass has the name that the instance gives.
    ClassNotFound,
    /// Another Instance of the same provider ID was declared earlier, and is the one that is served.
    DuplicateInstance,
    /// The class covers the instances of another provider.
    ProviderNotSupported,
    /// Numbers are issued for servers in mainland China only; Hong Kong and regions abroad need no filing.
    RegionNotSupported,
    /// The class does not accept how the instance is paid for: pay-as-you-go and trials never qualify.
    BillingMethodNotSupported,
    /// The subscription has not begun.
    SubscriptionNotStarted,
    /// The subscription has run out.
    SubscriptionExpired,
    /// The whole subscription, renewals included, is shorter than the class asks for.
    TooFewMonthsPurchased,
    /// The rest of the subscription is shorter than the class asks for.
    TooFewMonthsRemaining,
    /// The instance has less public bandwidth than the class asks for.
    NoPublicBandwidth,
    /// The instance has no public address.
    NoPublicAddress,
    /// The first order was for fewer months than the class asks for.
    FirstOrderTooShort,
    /// The first order was for less money than the class asks for.
    FirstOrderTooSmall,
    /// The instance is stopped; only a running one gets numbers.
    InstanceStopped,
    /// The instance was released.
    InstanceReleased,
    /// There is no Instance of that name in this namespace.
    InstanceNotFound,
    /// The account is not the one that bought the instance, nor one that the number was granted to.
    WrongAccount,
    /// Every number that the instance, or its account, can have was issued.
    QuotaExhausted,
    /// An administrator holds the issuing of numbers for this class.
    IssuingSuspended,
    /// A number was issued to this name before, on other terms; the ledger's terms hold.
    ClaimDiffers,
    /// The ledger misses a record that must have existed; issuing stops until it is restored.
    LedgerIncomplete,
    /// There is no ServiceNumberRequest of that name in this namespace.
    RequestNotFound,
    /// The request has no number yet.
    RequestNotReady,
    /// Nobody was issued this number.
    NumberNotFound,
    /// The number is bound to another filing.
    NumberInUse,
    /// The number was submitted with another filing, or is consumed or cancelled; it never comes back.
    NumberSpent,
    /// This name was submitted for another domain; a submission is for ever.
    DomainDiffers,
    /// The registrar rejected the filing; it is reviewed again with the same number.
    Rejected,
    /// The filing was cancelled; its number is spent.
    Cancelled,
    /// The registrar's review and the outcome in the ledger contradict each other; the ledger holds.
    OutcomeDiffers,
    /// The API server refused the operator's write.
    LedgerUnavailable,
}

/// One unmet requirement: what was seen, what is asked for, and what to do.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Machine-readable cause.
    pub reason: Reason,
    /// What was seen.
    #[schemars(length(max = 512))]
    pub observed: String,
    /// What is asked for.
    #[schemars(length(max = 512))]
    pub required: String,
    /// What to do about it.
    #[schemars(length(max = 512))]
    pub remedy: String,
}
