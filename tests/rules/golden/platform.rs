//! Classes and records, which have no status, and instances.

use std::sync::Arc;

use icp_filing_operator::{
    api::{BillingMethod, Instance, InstanceClassSpec, InstanceState, NumberState, Reason, ServiceNumber},
    rules::{instance, kept::Kept, world::ObjectKey},
};

use super::{
    Golden,
    Verdict::{Degraded, Healthy},
    named_after,
};
use crate::things::{
    self, NAMESPACE, Things, bound, brought, claim_of_filing, claim_of_request, ecs, facts, now, record,
    server, stored_record, time,
};

pub fn classes() -> Vec<Golden> {
    let held = InstanceClassSpec { suspend: true, ..ecs() };
    vec![
        Golden::new("any", Healthy, "open", &things::class("ecs", ecs())),
        Golden::new("any", Healthy, "suspended", &things::class("ecs", held)),
    ]
}

pub fn records() -> Vec<Golden> {
    [
        ("issued", NumberState::Issued),
        ("in-use", NumberState::InUse),
        ("submitted", NumberState::Submitted),
        ("consumed", NumberState::Consumed),
        ("cancelled", NumberState::Cancelled),
    ]
    .map(|(name, state)| {
        let spec = brought(facts("i-1", 0, claim_of_request("r")), bound("site", "uid-1"), state);
        Golden::new::<ServiceNumber>("any", Healthy, name, &stored_record(spec, 5))
    })
    .into()
}

pub fn instances() -> Vec<Golden> {
    let usual = Things {
        records: vec![
            record(facts("i-1", 0, claim_of_request("spare")), 5),
            record(
                brought(
                    facts("i-1", 1, claim_of_filing("site")),
                    bound("site", "uid-1"),
                    NumberState::Submitted,
                ),
                6,
            ),
        ],
        ..Things::usual()
    };
    let eligible = Golden::new("qualifies", Healthy, "eligible", &settled(&usual));
    let mut all = vec![
        Golden::untouched(&things::instance("i-1", server("ecs"))),
        eligible.changed(),
        eligible.leaving(),
    ];
    all.push(eligible);
    for (name, spoil) in [
        (named_after(Reason::ClassNotFound), Box::new(no_class) as Box<dyn Fn(&mut Things)>),
        (named_after(Reason::DuplicateInstance), Box::new(twin)),
        (named_after(Reason::ProviderNotSupported), of(|i| i.spec.provider = "Elsewhere".to_owned())),
        (named_after(Reason::RegionNotSupported), of(|i| i.spec.region = "cn-hongkong".to_owned())),
        (
            named_after(Reason::BillingMethodNotSupported),
            of(|i| i.spec.billing_method = BillingMethod::Trial),
        ),
        (
            named_after(Reason::SubscriptionNotStarted),
            of(|i| term(i, "2026-04-01T00:00:00Z", "2027-04-01T00:00:00Z")),
        ),
        (named_after(Reason::SubscriptionExpired), of(|i| i.spec.state = InstanceState::Expired)),
        (named_after(Reason::TooFewMonthsPurchased), Box::new(long_terms)),
        (
            named_after(Reason::TooFewMonthsRemaining),
            of(|i| term(i, "2026-01-01T00:00:00Z", "2026-04-02T00:00:00Z")),
        ),
        (named_after(Reason::NoPublicBandwidth), of(|i| i.spec.public_network = None)),
        (named_after(Reason::NoPublicAddress), Box::new(no_address)),
        (named_after(Reason::FirstOrderTooShort), Box::new(long_order)),
        (named_after(Reason::FirstOrderTooSmall), Box::new(large_order)),
        (named_after(Reason::InstanceStopped), of(|i| i.spec.state = InstanceState::Stopped)),
        (named_after(Reason::InstanceReleased), of(|i| i.spec.state = InstanceState::Released)),
        ("several-reasons".to_owned(), of(overseas)),
    ] {
        let mut things = Things::usual();
        spoil(&mut things);
        let instance = settled(&things);
        let reasons: Vec<_> =
            instance.status.iter().flat_map(|s| &s.refusals).map(|r| named_after(r.reason)).collect();
        if name == "several-reasons" {
            assert!(reasons.len() > 1, "{reasons:?}");
        } else {
            assert_eq!(reasons, std::slice::from_ref(&name));
        }
        all.push(Golden::new("does not qualify, for any reason", Degraded, &name, &instance));
    }
    all
}

/// The first instance with what is decided of it.
fn settled(things: &Things) -> Instance {
    let mut instance = things.instances[0].clone();
    let name = instance.metadata.name.clone().expect("a name");
    let decided = instance::decide(&things.world(), &ObjectKey::new(NAMESPACE, &name), now());
    instance.status = Some(decided.expect("it is there").0);
    instance
}

fn of(spoil: impl Fn(&mut Instance) + 'static) -> Box<dyn Fn(&mut Things)> {
    Box::new(move |things| spoil(&mut things.instances[0]))
}

fn term(instance: &mut Instance, start: &str, end: &str) {
    let term = instance.spec.subscription.as_mut().expect("one");
    (term.start_time, term.expiration_time) = (time(start), time(end));
}

fn overseas(instance: &mut Instance) {
    instance.spec.region = "cn-hongkong".to_owned();
    instance.spec.state = InstanceState::Stopped;
}

fn no_class(things: &mut Things) {
    things.classes.clear();
}

/// Declared earlier, in another namespace.
fn twin(things: &mut Things) {
    let mut twin = things.instances[0].clone();
    twin.metadata.namespace = Some("earlier".to_owned());
    twin.metadata.uid = Some("uid-of-the-twin".to_owned());
    twin.metadata.creation_timestamp = Some(time("2025-12-31T00:00:00Z"));
    things.instances.push(twin);
}

fn long_terms(things: &mut Things) {
    things.classes[0].spec.requirements.min_months_purchased = Some(24);
}

fn no_address(things: &mut Things) {
    things.classes[0].spec.requirements.public_address = true;
    things.instances[0].spec.public_network.as_mut().expect("one").addresses.clear();
}

fn long_order(things: &mut Things) {
    things.classes[0].spec.requirements.min_first_order_months = Some(24);
}

fn large_order(things: &mut Things) {
    things.classes[0].spec.requirements.min_first_order_yuan = Some(100);
}

/// The records of an instance whose numbers are all issued.
pub fn all_issued() -> Vec<Arc<Kept<ServiceNumber>>> {
    (0..5).map(|slot| record(facts("i-1", slot, claim_of_request(&format!("other-{slot}"))), 5)).collect()
}
