//! Whether an instance qualifies for service numbers: every unmet requirement at once, and when the answer
//! changes by itself. Sources: the seeds' restrictions and the provider's table of supported instances.

use k8s_openapi::jiff::{Timestamp, ToSpan};

use super::calendar;
use crate::api::{
    InstanceClassSpec, InstanceSpec, InstanceState, Reason, Refusal, Regions, Requirements, Subscription,
};

/// What was found out about an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Every unmet requirement; empty when the instance qualifies.
    pub refusals: Vec<Refusal>,
    /// The next instant at which the answer may differ although nobody changes anything.
    pub next_change: Option<Timestamp>,
}

/// A refusal with its observation, requirement and remedy.
pub(super) fn refusal(
    reason: Reason,
    observed: impl Into<String>,
    required: impl Into<String>,
    remedy: impl Into<String>,
) -> Refusal {
    Refusal { reason, observed: observed.into(), required: required.into(), remedy: remedy.into() }
}

/// Judges an instance by its class at a time, in whole seconds.
#[must_use]
pub fn judge(
    instance: &InstanceSpec,
    class: Option<&InstanceClassSpec>,
    duplicate: bool,
    now: Timestamp,
) -> Judgement {
    let now = whole_second(now);
    let mut refusals = Vec::new();
    if duplicate {
        refusals.push(refusal(
            Reason::DuplicateInstance,
            "an Instance of the same ID was declared earlier in another namespace",
            "one Instance for each provider ID",
            "Delete this Instance, or ask its owner to delete the earlier one; numbers already issued count for both.",
        ));
    }
    if class.is_none() {
        refusals.push(refusal(
            Reason::ClassNotFound,
            format!("no InstanceClass {}", instance.class_name),
            "an InstanceClass of that name",
            "List the classes with `kubectl get instanceclasses`; className is immutable, so delete this Instance and declare it again.",
        ));
    }
    // What holds of every instance is said without its class too.
    let nothing_asked = Requirements::default();
    let Requirements {
        regions,
        billing_methods,
        min_months_purchased,
        min_months_remaining,
        min_bandwidth_mbps,
        public_address,
        min_first_order_months,
        min_first_order_yuan,
    } = class.map_or(&nothing_asked, |class| &class.requirements);

    if let Some(class) = class
        && instance.provider != class.provider
    {
        refusals.push(refusal(
            Reason::ProviderNotSupported,
            &instance.provider,
            &class.provider,
            "Apply on the filing platform of the provider that runs the server.",
        ));
    }
    if let Some(regions) = regions
        && !region_qualifies(regions, &instance.region)
    {
        refusals.push(refusal(
            Reason::RegionNotSupported,
            &instance.region,
            describe_regions(regions),
            "Use a server in mainland China; a website served from Hong Kong or abroad needs no filing.",
        ));
    }
    if !billing_methods.is_empty() && !billing_methods.contains(&instance.billing_method) {
        refusals.push(refusal(
            Reason::BillingMethodNotSupported,
            instance.billing_method.as_str(),
            billing_methods.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(" or "),
            "Change the instance to a subscription, or buy one.",
        ));
    }
    let mut next_change = None;
    subscription(
        instance,
        *min_months_purchased,
        *min_months_remaining,
        now,
        &mut refusals,
        &mut next_change,
    );
    network(instance, *min_bandwidth_mbps, *public_address, &mut refusals);
    first_order(instance, *min_first_order_months, *min_first_order_yuan, &mut refusals);
    match instance.state {
        InstanceState::Running | InstanceState::Expired => {}
        InstanceState::Stopped => {
            refusals.push(refusal(Reason::InstanceStopped, "Stopped", "Running", "Start the instance."));
        }
        InstanceState::Released => refusals.push(refusal(
            Reason::InstanceReleased,
            "Released",
            "Running",
            "Buy another instance; what was issued for this one stays in the ledger.",
        )),
    }
    Judgement { refusals, next_change }
}

fn subscription(
    instance: &InstanceSpec,
    purchased: Option<i32>,
    remaining: Option<i32>,
    now: Timestamp,
    refusals: &mut Vec<Refusal>,
    next_change: &mut Option<Timestamp>,
) {
    let mut changes_at = |at: Timestamp| {
        if at > now {
            *next_change = Some(next_change.map_or(at, |next| next.min(at)));
        }
    };
    let term = instance.subscription.as_ref().map(|s| (whole_second(s.start_time.0), end_of(s)));
    if let Some((start, end)) = term {
        changes_at(start);
        changes_at(end);
        if now < start {
            refusals.push(refusal(
                Reason::SubscriptionNotStarted,
                format!("begins {start}"),
                "a subscription that has begun",
                "Wait until it begins.",
            ));
        }
    }
    if let Some(expired) = expired(instance, now) {
        refusals.push(expired);
    }
    if let Some(months) = purchased {
        let bought = term.map_or(0, |(start, end)| calendar::whole_months(start, end));
        if bought < months {
            refusals.push(refusal(
                Reason::TooFewMonthsPurchased,
                counted(bought),
                format!("{} in all, renewals included", counted(months)),
                "Renew the subscription; renewals count, but add no numbers.",
            ));
        }
    }
    if let Some(months) = remaining {
        // The last moment that still qualifies; the answer changes one second later.
        let last = term.map(|(_, end)| calendar::months_before(end, months));
        if let Some(last) = last {
            changes_at(last.checked_add(1.second()).unwrap_or(Timestamp::MAX));
        }
        if last.is_none_or(|last| now > last) {
            refusals.push(refusal(
                Reason::TooFewMonthsRemaining,
                term.map_or_else(|| "no subscription".to_owned(), |(_, end)| format!("ends {end}")),
                format!("{} from now to its end", counted(months)),
                "Renew the subscription.",
            ));
        }
    }
}

/// Why an instance counts as expired, from its subscription or from what its provider says.
pub(super) fn expired(instance: &InstanceSpec, now: Timestamp) -> Option<Refusal> {
    let end = instance.subscription.as_ref().map(end_of);
    let over = end.is_some_and(|end| whole_second(now) >= end);
    (over || instance.state == InstanceState::Expired).then(|| {
        refusal(
            Reason::SubscriptionExpired,
            match end {
                Some(end) if over => format!("ended {end}"),
                _ => "the provider says Expired".to_owned(),
            },
            "a subscription that has not ended",
            "Renew the instance.",
        )
    })
}

/// When a subscription ends, in whole seconds.
pub(super) fn end_of(subscription: &Subscription) -> Timestamp {
    whole_second(subscription.expiration_time.0)
}

fn network(instance: &InstanceSpec, bandwidth: Option<i32>, address: bool, refusals: &mut Vec<Refusal>) {
    let network = instance.public_network.as_ref();
    let has = network.map_or(0, |n| n.bandwidth_mbps);
    if let Some(needed) = bandwidth.filter(|needed| has < *needed) {
        refusals.push(refusal(
            Reason::NoPublicBandwidth,
            format!("{has} Mbit/s"),
            format!("{needed} Mbit/s"),
            "Buy public bandwidth for the instance.",
        ));
    }
    if address && network.is_none_or(|n| n.addresses.is_empty()) {
        refusals.push(refusal(
            Reason::NoPublicAddress,
            "no public address",
            "a public address",
            "Give the instance a public IP address.",
        ));
    }
}

fn first_order(instance: &InstanceSpec, months: Option<i32>, yuan: Option<i32>, refusals: &mut Vec<Refusal>) {
    let order = instance.first_order.as_ref();
    let bought = order.map_or(0, |o| o.months);
    if let Some(needed) = months.filter(|needed| bought < *needed) {
        refusals.push(refusal(
            Reason::FirstOrderTooShort,
            counted(bought),
            format!("{} in the first order", counted(needed)),
            "Buy a product whose first order is long enough; renewals do not count here.",
        ));
    }
    let paid = order.map_or(0, |o| o.amount_yuan);
    if let Some(needed) = yuan.filter(|needed| paid < *needed) {
        refusals.push(refusal(
            Reason::FirstOrderTooSmall,
            format!("{paid} yuan"),
            format!("{needed} yuan in the first order"),
            "Buy a product whose first order is large enough.",
        ));
    }
}

/// Whether a region is allowed and not denied.
#[must_use]
pub fn region_qualifies(regions: &Regions, region: &str) -> bool {
    let listed = |patterns: &[String]| {
        patterns.iter().any(|p| p.strip_suffix('*').map_or(p == region, |start| region.starts_with(start)))
    };
    (regions.allowed.is_empty() || listed(&regions.allowed)) && !listed(&regions.denied)
}

fn describe_regions(regions: &Regions) -> String {
    let allowed = if regions.allowed.is_empty() { "any".to_owned() } else { regions.allowed.join(" or ") };
    let text = if regions.denied.is_empty() {
        allowed
    } else {
        format!("{allowed}, but not {}", regions.denied.join(" or "))
    };
    bounded(text)
}

/// Fits a text into the bound that the schema puts on it.
fn bounded(text: String) -> String {
    if text.chars().count() <= 500 { text } else { text.chars().take(499).chain(['…']).collect() }
}

fn counted(months: i32) -> String {
    if months == 1 { "1 month".to_owned() } else { format!("{months} months") }
}

/// Times in statuses and manifests have whole seconds, so answers change on whole seconds too.
pub(super) fn whole_second(t: Timestamp) -> Timestamp {
    Timestamp::from_second(t.as_second()).unwrap_or(t)
}
