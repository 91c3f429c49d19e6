//! Everybody but the operator: applicants, a registrar with slow fingers, platform admins, and time.
//! What they do is drawn by chance from a small world, so that they get in each other's way.

use icp_filing_operator::{
    api::{
        BillingMethod, Filing, FilingSource, FilingSpec, FilingType, Instance, InstanceClass,
        InstanceClassSpec, InstanceSpec, InstanceState, NameRef, PublicNetwork, QuotaScope, Requirements,
        Review, ReviewState, ServiceNumberRequest, ServiceNumberRequestSpec, ServiceNumberSpec as RecordSpec,
        Subscription, Website,
    },
    rules::world::ObjectKey,
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{Timestamp, ToSpan},
};
use kube::ResourceExt;

use super::{
    policies::{ALLOW_DELETION, Who},
    rng::Rng,
    store::Store,
};

const NAMESPACES: [&str; 2] = ["a", "b"];
const DOMAINS: [&str; 2] = ["x.cn", "y.cn"];
const ACCOUNTS: [&str; 3] = ["1", "2", "3"];
const CLASSES: [(&str, QuotaScope); 2] = [("ecs", QuotaScope::Instance), ("web", QuotaScope::Account)];
/// Namespace, name, class and account: the last two never change, which is what design §4 asks of admins.
const INSTANCES: [(&str, &str, &str, &str); 5] = [
    ("a", "i-1", "ecs", "1"),
    ("a", "i-2", "web", "1"),
    ("b", "i-3", "web", "1"),
    ("b", "i-1", "ecs", "2"),
    ("b", "i-2", "ecs", "1"),
];

/// What a registrar decides, as often as it stands here.
const STATES: [ReviewState; 7] = [
    ReviewState::InReview,
    ReviewState::InReview,
    ReviewState::Rejected,
    ReviewState::Approved,
    ReviewState::Approved,
    ReviewState::Approved,
    ReviewState::Cancelled,
];

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

fn place(rng: &mut Rng, names: [&str; 2]) -> ObjectKey {
    // Most of it in one place, where it collides.
    let namespace = if rng.chance(75) { NAMESPACES[0] } else { NAMESPACES[1] };
    key(namespace, names[rng.below(names.len())])
}

/// A review that a registrar has decided on and not written yet. It carries no revision, only what it is about.
#[derive(Clone, Debug)]
pub struct Late {
    filing: ObjectKey,
    review: Review,
}

/// What people are mostly after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Everything,
    /// Filings of one or two names that come and go over two numbers.
    Binding,
}

/// Classes and, mostly, instances.
pub fn settle_in(store: &mut Store, rng: &mut Rng, focus: Focus) {
    for (name, _) in CLASSES {
        declare_class(store, rng, name);
    }
    for at in 0..INSTANCES.len() {
        if rng.chance(if at < 3 { 90 } else { 40 }) {
            declare_instance(store, rng, at, rng.clone().chance(85));
        }
    }
    if focus == Focus::Binding {
        for name in ["r1", "r2"] {
            create_request(store, rng, &key(NAMESPACES[0], name));
        }
    }
}

fn declare_class(store: &mut Store, rng: &mut Rng, name: &str) {
    let quota = i32::try_from(1 + rng.below(3)).expect("small");
    let Some((_, quota_scope)) = CLASSES.into_iter().find(|(n, _)| *n == name) else { return };
    let spec = InstanceClassSpec {
        title: name.to_owned(),
        provider: "AlibabaCloud".to_owned(),
        quota,
        quota_scope,
        suspend: false,
        requirements: Requirements {
            billing_methods: vec![BillingMethod::Subscription],
            min_months_remaining: Some(3),
            min_bandwidth_mbps: Some(1),
            ..Requirements::default()
        },
    };
    store.quotas.entry(name.to_owned()).or_default().insert(quota);
    _ = store.by(Who::PlatformAdmin).create(InstanceClass::new(name, spec));
}

fn declare_instance(store: &mut Store, rng: &mut Rng, at: usize, qualifies: bool) {
    let (namespace, name, class, account) = INSTANCES[at];
    let months = if qualifies { 12 } else { 2 };
    let spec = InstanceSpec {
        class_name: class.to_owned(),
        provider: "AlibabaCloud".to_owned(),
        account_id: account.to_owned(),
        region: "cn-hangzhou".to_owned(),
        billing_method: BillingMethod::Subscription,
        subscription: Some(Subscription {
            start_time: Time(months_from(store.now, -1)),
            expiration_time: Time(months_from(store.now, months)),
        }),
        first_order: None,
        public_network: Some(PublicNetwork {
            bandwidth_mbps: i32::from(qualifies || rng.chance(50)),
            addresses: vec![],
        }),
        state: InstanceState::Running,
    };
    let mut instance = Instance::new(name, spec);
    instance.metadata.namespace = Some(namespace.to_owned());
    _ = store.by(Who::PlatformAdmin).create(instance);
}

fn months_from(t: Timestamp, months: i64) -> Timestamp {
    t.checked_add((months * 30 * 24).hours()).expect("within the calendar")
}

/// An applicant does something, or finds that there is nothing to do it to.
pub fn apply(store: &mut Store, rng: &mut Rng, focus: Focus) -> String {
    let mut filing = place(rng, ["f1", "f2"]);
    let request = place(rng, ["r1", "r2"]);
    if focus == Focus::Binding && rng.chance(85) {
        filing = key(NAMESPACES[0], "f1");
    }
    let weights = match focus {
        Focus::Everything => [10, 2, 16, 4, 10, 1, 3, 3],
        Focus::Binding => [2, 1, 24, 14, 8, 0, 6, 4],
    };
    match rng.weighted(&weights) {
        Some(0) => create_request(store, rng, &request),
        Some(1) => format!(
            "deletes request {request}: {:?}",
            store.by(Who::Applicant).delete::<ServiceNumberRequest>(&request)
        ),
        Some(2) => create_filing(store, rng, &filing),
        Some(3) => {
            format!("deletes filing {filing}: {:?}", store.by(Who::Applicant).delete::<Filing>(&filing))
        }
        Some(4) => {
            let done = store.by(Who::Applicant).patch::<Filing>(&filing, None, |f| f.spec.submit = true);
            format!("submits {filing}: {}", done.is_ok())
        }
        Some(5) => {
            let done =
                store.by(Who::Applicant).patch::<Filing>(&filing, None, |f| f.spec.entity_name.push('.'));
            format!("edits {filing}: {}", done.is_ok())
        }
        Some(6) => apply_again(store, &filing),
        _ => {
            let done =
                store.by(Who::Applicant).patch::<Filing>(&filing, None, |f| f.metadata.finalizers = None);
            format!("takes the finalizer of {filing}: {}", done.is_ok())
        }
    }
}

fn create_request(store: &mut Store, rng: &mut Rng, key: &ObjectKey) -> String {
    let account = if rng.chance(80) { "1" } else { "2" };
    let grant = rng.chance(30).then(|| *rng.pick(&ACCOUNTS)).filter(|g| *g != account);
    let instance = rng.pick(&INSTANCES[..3]).1;
    let spec = ServiceNumberRequestSpec {
        instance_ref: NameRef { name: instance.to_owned() },
        account_id: account.to_owned(),
        filing_account_id: grant.map(str::to_owned),
    };
    let mut request = ServiceNumberRequest::new(&key.name, spec);
    request.metadata.namespace = Some(key.namespace.to_string());
    let done = store.by(Who::Applicant).create(request).is_ok();
    format!("creates request {key} on {instance} by {account} grant {grant:?}: {done}")
}

fn create_filing(store: &mut Store, rng: &mut Rng, key: &ObjectKey) -> String {
    let mut source = FilingSource::default();
    match rng.weighted(&[4, 4, 4]) {
        Some(0) => source.request_ref = Some(NameRef { name: (*rng.pick(&["r1", "r2"])).to_owned() }),
        Some(1) => source.instance_ref = Some(NameRef { name: rng.pick(&INSTANCES[..3]).1.to_owned() }),
        _ => {
            let known: Vec<_> = store.records.live.values().map(|r| r.spec.number.clone()).collect();
            let number =
                if known.is_empty() || rng.chance(5) { rng.number() } else { rng.pick(&known).clone() };
            source.service_number = Some(if rng.chance(30) { number.to_uppercase() } else { number });
        }
    }
    let spec = FilingSpec {
        type_: FilingType::FirstFiling,
        account_id: if rng.chance(75) { "1" } else { "2" }.to_owned(),
        entity_name: "An entity".to_owned(),
        website: Website {
            name: "A website".to_owned(),
            domain: DOMAINS[usize::from(rng.chance(20))].to_owned(),
        },
        source,
        submit: rng.chance(40),
    };
    let text =
        format!("{} {:?} submit {} by {}", spec.website.domain, spec.source, spec.submit, spec.account_id);
    let mut filing = Filing::new(&key.name, spec);
    filing.metadata.namespace = Some(key.namespace.to_string());
    if rng.chance(15) {
        filing.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    }
    format!("creates filing {key} {text}: {}", store.by(Who::Applicant).create(filing).is_ok())
}

/// Deletes a filing and applies the same manifest again, as a restore without statuses does.
fn apply_again(store: &mut Store, key: &ObjectKey) -> String {
    let Some(old) = store.get::<Filing>(key).cloned() else {
        return "finds nothing to apply again".to_owned();
    };
    _ = store.by(Who::Applicant).delete::<Filing>(key);
    let mut filing = Filing::new(&key.name, old.spec.clone());
    filing.metadata.namespace = Some(key.namespace.to_string());
    format!("applies {key} again: {}", store.by(Who::Applicant).create(filing).is_ok())
}

/// The registrar decides, and writes later what was decided earlier.
pub fn review(store: &mut Store, rng: &mut Rng, late: &mut Vec<Late>) -> String {
    if !late.is_empty() && rng.chance(60) {
        let at = rng.below(late.len());
        let Late { filing, review } = late.swap_remove(at);
        let text = format!("{review:?}");
        let done = store.by(Who::Registrar).patch_status::<Filing>(&filing, None, |f| {
            f.status.get_or_insert_default().review = Some(review);
        });
        return format!("registrar writes on {filing} {text}: {:?}", done.err());
    }
    let submitted: Vec<_> = store
        .filings
        .live
        .iter()
        .filter(|(_, f)| f.spec.submit && f.status.as_ref().is_some_and(|s| s.record_name.is_some()))
        .collect();
    if submitted.is_empty() {
        return "registrar has nothing to do".to_owned();
    }
    let (key, filing) = *rng.pick(&submitted);
    let record_name = filing.status.as_ref().and_then(|s| s.record_name.clone()).unwrap_or_default();
    let state = *rng.pick(&STATES);
    let icp_number = (state == ReviewState::Approved).then(|| format!("浙ICP备1101234{}号-1", rng.below(3)));
    late.push(Late { filing: key.clone(), review: Review { record_name, state, icp_number, message: None } });
    format!("registrar decides on {key}: {state:?}")
}

/// An admin changes a class, a server or a status, or time goes by.
pub fn administer(store: &mut Store, rng: &mut Rng) -> String {
    let class = key("", rng.pick(&CLASSES).0);
    let at = rng.below(INSTANCES.len());
    let instance = key(INSTANCES[at].0, INSTANCES[at].1);
    match rng.weighted(&[4, 2, 1, 5, 3, 3, 6, 3, 2]) {
        Some(0) => {
            let quota = i32::try_from(1 + rng.below(4)).expect("small");
            if store.get::<InstanceClass>(&class).is_some() {
                store.quotas.entry(class.name.to_string()).or_default().insert(quota);
            }
            let done =
                store.by(Who::PlatformAdmin).patch::<InstanceClass>(&class, None, |c| c.spec.quota = quota);
            format!("admin sets the quota of {class} to {quota}: {}", done.is_ok())
        }
        Some(1) => {
            let done = store
                .by(Who::PlatformAdmin)
                .patch::<InstanceClass>(&class, None, |c| c.spec.suspend = !c.spec.suspend);
            format!("admin suspends or resumes {class}: {}", done.is_ok())
        }
        Some(2) => {
            let meant = [(ALLOW_DELETION.to_owned(), "true".to_owned())];
            _ = store.by(Who::PlatformAdmin).patch::<InstanceClass>(&class, None, |c| {
                c.metadata.annotations = Some(meant.into());
            });
            _ = store.by(Who::PlatformAdmin).delete::<InstanceClass>(&class);
            if rng.chance(70) {
                declare_class(store, rng, &class.name);
            }
            format!("admin deletes class {class} and may declare it again")
        }
        Some(3) => {
            let state = *rng.pick(&[
                InstanceState::Running,
                InstanceState::Running,
                InstanceState::Stopped,
                InstanceState::Expired,
                InstanceState::Released,
            ]);
            let renewed = months_from(store.now, 1 + i64::try_from(rng.below(12)).expect("small"));
            let done = store.by(Who::PlatformAdmin).patch::<Instance>(&instance, None, |i| {
                i.spec.state = state;
                if let Some(s) = &mut i.spec.subscription {
                    s.expiration_time = Time(renewed);
                }
            });
            format!("admin sets {instance} to {state:?} until {renewed}: {}", done.is_ok())
        }
        Some(4) => format!(
            "admin deletes instance {instance}: {:?}",
            store.by(Who::PlatformAdmin).delete::<Instance>(&instance)
        ),
        Some(5) => {
            let qualifies = rng.chance(80);
            declare_instance(store, rng, at, qualifies);
            format!("admin declares instance {instance}, qualifies: {qualifies}")
        }
        Some(6) => wipe(store, rng),
        Some(7) => {
            // Seldom for long: while it is held nothing happens.
            store.held = !store.held && rng.chance(60);
            format!("admin holds the operator: {}", store.held)
        }
        _ => {
            store.now =
                store.now.checked_add(rng.pick(&[1, 24, 24 * 40, 24 * 90]).hours()).expect("in range");
            format!("it is {}", store.now)
        }
    }
}

/// A status is lost, as in a restore from a backup.
fn wipe(store: &mut Store, rng: &mut Rng) -> String {
    let (filing, request) = (place(rng, ["f1", "f2"]), place(rng, ["r1", "r2"]));
    let instance = rng.pick(&INSTANCES);
    let instance = key(instance.0, instance.1);
    match rng.below(3) {
        0 => {
            let done = store.by(Who::Admin).patch_status::<Filing>(&filing, None, |f| f.status = None);
            format!("the status of filing {filing} is wiped: {}", done.is_ok())
        }
        1 => {
            let done = store
                .by(Who::Admin)
                .patch_status::<ServiceNumberRequest>(&request, None, |r| r.status = None);
            format!("the status of request {request} is wiped: {}", done.is_ok())
        }
        _ => {
            let done = store.by(Who::Admin).patch_status::<Instance>(&instance, None, |i| i.status = None);
            format!("the status of instance {instance} is wiped: {}", done.is_ok())
        }
    }
}

/// What a finding needs to be read: everything there is.
pub fn describe(store: &Store) -> String {
    let records = store.records.live.values().map(|r| {
        let RecordSpec { state, claim, filing, .. } = &r.spec;
        format!("  {} {state:?} claim {claim:?} filing {filing:?}", r.name_any())
    });
    let filings = store
        .filings
        .live
        .iter()
        .map(|(key, f)| format!("  filing {key} {:?} {:?} {:?}", f.metadata.uid, f.spec, f.status));
    let requests =
        store.requests.live.iter().map(|(key, r)| format!("  request {key} {:?} {:?}", r.spec, r.status));
    records.chain(filings).chain(requests).collect::<Vec<_>>().join("\n")
}
