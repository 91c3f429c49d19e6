//! Objects to decide about: a class, an instance, a request, a filing and a record that qualify in every way,
//! to be spoilt by each test as it needs. Nothing is asserted here.

use std::sync::Arc;

use icp_filing_operator::{
    api::{
        BillingMethod, BoundFiling, Claim, ClaimKind, Filing, FilingSource, FilingSpec, FilingStatus,
        FilingType, FirstOrder, Instance, InstanceClass, InstanceClassSpec, InstanceSpec, InstanceState,
        NameRef, NumberState, PublicNetwork, QuotaScope, Regions, Requirements, Review, ReviewState,
        ServiceNumber, ServiceNumberRequest, ServiceNumberRequestSpec, ServiceNumberSpec, Subscription,
        Website,
    },
    rules::{
        kept::Kept,
        key::Key,
        kind::Ours,
        life,
        world::{ObjectKey, Observation, Seen, World},
    },
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::Resource;

/// The time at which tests decide, unless they say otherwise.
pub const NOW: &str = "2026-03-01T00:00:00Z";
pub const NAMESPACE: &str = "shop";

pub fn t(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn now() -> Timestamp {
    t(NOW)
}

pub fn time(text: &str) -> Time {
    Time(t(text))
}

pub fn key(name: &str) -> ObjectKey {
    ObjectKey::new(NAMESPACE, name)
}

/// Name, namespace, uid, revision, generation and age, as the API server gives them.
pub fn stored<K: Resource>(mut object: K, namespace: &str, uid: &str, revision: u64) -> K {
    let meta = object.meta_mut();
    meta.namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    meta.uid = Some(uid.to_owned());
    meta.resource_version = Some(revision.to_string());
    meta.generation = Some(1);
    meta.creation_timestamp = Some(time("2026-01-01T00:00:00Z"));
    object
}

/// An object as a world keeps it.
pub fn kept<K: Ours>(object: K) -> Arc<Kept<K>> {
    Arc::new(object.into())
}

/// The class of the seeds' ECS row.
pub fn ecs() -> InstanceClassSpec {
    InstanceClassSpec {
        title: "ECS instance".to_owned(),
        provider: "AlibabaCloud".to_owned(),
        quota: 5,
        quota_scope: QuotaScope::Instance,
        suspend: false,
        requirements: Requirements {
            regions: Some(Regions {
                allowed: vec!["cn-*".to_owned()],
                denied: vec!["cn-hongkong".to_owned()],
            }),
            billing_methods: vec![BillingMethod::Subscription],
            min_months_purchased: Some(3),
            min_months_remaining: Some(3),
            min_bandwidth_mbps: Some(1),
            ..Requirements::default()
        },
    }
}

pub fn class(name: &str, spec: InstanceClassSpec) -> InstanceClass {
    stored(InstanceClass::new(name, spec), "", &format!("uid-of-class-{name}"), 1)
}

/// A server that qualifies under every class there is, for a year to come.
pub fn server(class: &str) -> InstanceSpec {
    InstanceSpec {
        class_name: class.to_owned(),
        provider: "AlibabaCloud".to_owned(),
        account_id: "1001".to_owned(),
        region: "cn-hangzhou".to_owned(),
        billing_method: BillingMethod::Subscription,
        subscription: Some(Subscription {
            start_time: time("2026-01-01T00:00:00Z"),
            expiration_time: time("2027-03-01T00:00:00Z"),
        }),
        first_order: Some(FirstOrder { months: 12, amount_yuan: 99 }),
        public_network: Some(PublicNetwork { bandwidth_mbps: 5, addresses: vec!["203.0.113.7".to_owned()] }),
        state: InstanceState::Running,
    }
}

pub fn instance(name: &str, spec: InstanceSpec) -> Instance {
    stored(Instance::new(name, spec), NAMESPACE, &format!("uid-of-{name}"), 1)
}

pub fn request(name: &str, instance: &str) -> ServiceNumberRequest {
    let spec = ServiceNumberRequestSpec {
        instance_ref: NameRef { name: instance.to_owned() },
        account_id: "1001".to_owned(),
        filing_account_id: None,
    };
    stored(ServiceNumberRequest::new(name, spec), NAMESPACE, &format!("uid-of-{name}"), 1)
}

pub fn by_request(name: &str) -> FilingSource {
    FilingSource { request_ref: Some(NameRef { name: name.to_owned() }), ..FilingSource::default() }
}

pub fn by_instance(name: &str) -> FilingSource {
    FilingSource { instance_ref: Some(NameRef { name: name.to_owned() }), ..FilingSource::default() }
}

pub fn by_number(number: &str) -> FilingSource {
    FilingSource { service_number: Some(number.to_owned()), ..FilingSource::default() }
}

/// A draft, of uid `uid-1`.
pub fn filing(name: &str, source: FilingSource) -> Filing {
    let spec = FilingSpec {
        type_: FilingType::FirstFiling,
        account_id: "1001".to_owned(),
        entity_name: "A company".to_owned(),
        website: Website { name: "A shop".to_owned(), domain: "shop.example.cn".to_owned() },
        source,
        submit: false,
    };
    stored(Filing::new(name, spec), NAMESPACE, "uid-1", 1)
}

/// A filing with the review that a registrar wrote after its submission was recorded.
pub fn reviewed(mut filing: Filing, record: &str, state: ReviewState, icp_number: Option<&str>) -> Filing {
    filing.spec.submit = true;
    filing.status = Some(FilingStatus {
        record_name: Some(record.to_owned()),
        submitted_time: Some(time("2026-02-01T00:00:00Z")),
        review: Some(Review {
            record_name: record.to_owned(),
            state,
            icp_number: icp_number.map(str::to_owned),
            message: None,
        }),
        ..FilingStatus::default()
    });
    filing
}

pub fn claim(kind: ClaimKind, name: &str) -> Claim {
    Claim { kind, namespace: NAMESPACE.to_owned(), name: name.to_owned() }
}

pub fn claim_of_request(name: &str) -> Claim {
    claim(ClaimKind::ServiceNumberRequest, name)
}

pub fn claim_of_filing(name: &str) -> Claim {
    claim(ClaimKind::Filing, name)
}

pub fn bound(name: &str, uid: &str) -> BoundFiling {
    BoundFiling {
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        domain: "shop.example.cn".to_owned(),
    }
}

/// A number for tests that tells which one it is.
pub fn number(which: u64) -> String {
    format!("{which:08x}-0000-4000-a000-000000000000")
}

/// The facts of a number issued for an instance of class `ecs`, which no filing uses.
pub fn facts(instance: &str, slot: i32, claim: Claim) -> ServiceNumberSpec {
    let salt = instance.bytes().fold(7_u64, |h, b| (h * 31 + u64::from(b)) & 0xff_ffff);
    ServiceNumberSpec {
        number: number(salt << 8 | u64::from(slot.unsigned_abs())),
        state: NumberState::Issued,
        slot,
        quota: 5,
        quota_scope: QuotaScope::Instance,
        class_name: "ecs".to_owned(),
        instance_name: instance.to_owned(),
        account_id: "1001".to_owned(),
        claim,
        filing_account_id: None,
        issued_time: time("2026-02-01T00:00:00Z"),
        filing: None,
        submitted_time: None,
        consumed_time: None,
        icp_number: None,
        cancelled_time: None,
    }
}

/// A record named as its facts say, in the state that they say.
pub fn record(spec: ServiceNumberSpec, revision: u64) -> Arc<Kept<ServiceNumber>> {
    kept(stored_record(spec, revision))
}

/// The same as the API server has it.
pub fn stored_record(mut spec: ServiceNumberSpec, revision: u64) -> ServiceNumber {
    spec.state = life::state_of(&spec);
    let name = Key::of_record(&spec).record(spec.slot);
    stored(ServiceNumber::new(&name, spec), "", &format!("uid-of-{name}"), revision)
}

/// Binds the facts of a number to a filing, and more, as far as `until`.
pub fn brought(mut spec: ServiceNumberSpec, filing: BoundFiling, until: NumberState) -> ServiceNumberSpec {
    let at = || Some(time("2026-02-01T00:00:00Z"));
    spec.filing = (until != NumberState::Issued).then(|| Box::new(filing));
    spec.submitted_time = (until >= NumberState::Submitted).then(at).flatten();
    spec.consumed_time = (until == NumberState::Consumed).then(at).flatten();
    spec.icp_number = (until == NumberState::Consumed).then(|| "浙ICP备11012345号-1".to_owned());
    spec.cancelled_time = (until == NumberState::Cancelled).then(at).flatten();
    spec
}

/// Everything that there is in a test, one list for each kind.
#[derive(Default)]
pub struct Things {
    pub classes: Vec<InstanceClass>,
    pub instances: Vec<Instance>,
    pub requests: Vec<ServiceNumberRequest>,
    pub filings: Vec<Filing>,
    pub records: Vec<Arc<Kept<ServiceNumber>>>,
}

impl Things {
    /// The class `ecs`, and `i-1` of it, which qualifies.
    pub fn usual() -> Self {
        Self {
            classes: vec![class("ecs", ecs())],
            instances: vec![instance("i-1", server("ecs"))],
            ..Self::default()
        }
    }

    /// A world that was shown all of it.
    pub fn world(&self) -> World {
        fn all<K: Ours + Clone>(objects: &[K]) -> Seen<K> {
            Seen::Listed(objects.iter().cloned().map(kept).collect())
        }
        let mut world = World::default();
        for observation in [
            Observation::Class(all(&self.classes)),
            Observation::Instance(all(&self.instances)),
            Observation::Request(all(&self.requests)),
            Observation::Filing(all(&self.filings)),
            Observation::Record(Seen::Listed(self.records.clone())),
        ] {
            world.observe(observation).expect("a first list goes nowhere back");
        }
        world
    }
}
