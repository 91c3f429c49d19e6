//! Small worlds to be searched through: what there is, and what people may do in them how often.

use icp_filing_operator::rules::{
    issue::{Asking, allocate},
    world::{Observation, World},
};
use icp_filing_operator::{
    api::{
        ClaimKind, Filing, FilingSource, FilingSpec, FilingType, Instance, InstanceClass, InstanceClassSpec,
        InstanceSpec, InstanceState, NameRef, QuotaScope, Requirements, Review, ReviewState,
        ServiceNumberRequest, ServiceNumberRequestSpec, Website,
    },
    rules::{issue::Allocation, world::ObjectKey},
};
use kube::ResourceExt;
use std::sync::Arc;

use super::{
    policies::Who,
    store::{Store, listed},
};

/// A number that is told by the name of its record.
pub fn number_of(record: &str) -> String {
    let sum = record.bytes().fold(5_u64, |h, b| (h * 131 + u64::from(b)) & 0xffff_ffff);
    format!("{sum:08x}-0000-4000-a000-000000000000")
}

/// A filing as somebody may apply it: domain, source and account.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub domain: &'static str,
    pub source: FilingSource,
    pub account: &'static str,
}

/// How often people may still do what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub submit: u8,
    pub delete: u8,
    pub create: u8,
    pub review: u8,
    pub wipe: u8,
    pub request: u8,
    /// Operators may crash.
    pub crashes: bool,
}

/// A world and what may happen in it.
pub struct Small {
    pub name: &'static str,
    pub store: Store,
    pub operators: usize,
    pub budget: Budget,
    /// What a filing of any of these names may be applied as again.
    pub manifests: Vec<Manifest>,
    /// Deleted filings are held by somebody's finalizer first.
    pub held: bool,
}

pub fn by_number(record: &str) -> FilingSource {
    FilingSource { service_number: Some(number_of(record)), ..FilingSource::default() }
}

fn by_request(name: &str) -> FilingSource {
    FilingSource { request_ref: Some(NameRef { name: name.to_owned() }), ..FilingSource::default() }
}

fn by_instance(name: &str) -> FilingSource {
    FilingSource { instance_ref: Some(NameRef { name: name.to_owned() }), ..FilingSource::default() }
}

fn base(quota: i32, scope: QuotaScope) -> Store {
    let mut store = Store::new("2026-03-01T00:00:00Z".parse().expect("a timestamp"));
    let class = InstanceClassSpec {
        title: "A class".to_owned(),
        provider: "AlibabaCloud".to_owned(),
        quota,
        quota_scope: scope,
        suspend: false,
        requirements: Requirements::default(),
    };
    store.quotas.entry("ecs".to_owned()).or_default().insert(quota);
    store.by(Who::PlatformAdmin).create(InstanceClass::new("ecs", class)).expect("a class");
    for (namespace, name) in [("a", "i-1"), ("a", "i-2"), ("b", "i-3")] {
        let spec = InstanceSpec {
            class_name: "ecs".to_owned(),
            provider: "AlibabaCloud".to_owned(),
            account_id: "1".to_owned(),
            region: "cn-hangzhou".to_owned(),
            billing_method: icp_filing_operator::api::BillingMethod::PayAsYouGo,
            subscription: None,
            first_order: None,
            public_network: None,
            state: InstanceState::Running,
        };
        let mut instance = Instance::new(name, spec);
        instance.metadata.namespace = Some(namespace.to_owned());
        store.by(Who::PlatformAdmin).create(instance).expect("an instance");
    }
    store
}

pub fn request(store: &mut Store, namespace: &str, name: &str, instance: &str, grant: Option<&str>) {
    let spec = ServiceNumberRequestSpec {
        instance_ref: NameRef { name: instance.to_owned() },
        account_id: "1".to_owned(),
        filing_account_id: grant.map(str::to_owned),
    };
    let mut request = ServiceNumberRequest::new(name, spec);
    request.metadata.namespace = Some(namespace.to_owned());
    store.by(Who::Applicant).create(request).expect("a request");
}

/// Issues the number of a request at once, as an operator did long ago.
fn issued(store: &mut Store, name: &str) {
    let mut world = World::default();
    world.observe(Observation::Class(listed(store.classes.live.values()))).expect("first");
    world.observe(Observation::Instance(listed(store.instances.live.values()))).expect("first");
    world.observe(Observation::Record(listed(store.records.live.values()))).expect("first");
    let key = ObjectKey::new("a", name);
    let request: Arc<ServiceNumberRequest> = store.requests.live[&key].clone();
    let asking = Asking {
        claim: key.claim(ClaimKind::ServiceNumberRequest),
        instance: &request.spec.instance_ref.name,
        account: "1",
        grant: request.spec.filing_account_id.as_deref(),
        filing: None,
    };
    let Allocation::Issue(order) = allocate(&world, &asking, store.now) else {
        panic!("{name} gets no number")
    };
    store.by(Who::Operator).create(order.record(number_of(&order.record_name()))).expect("a record");
}

pub fn filing(store: &mut Store, name: &str, manifest: &Manifest, held: bool) -> bool {
    let spec = FilingSpec {
        type_: FilingType::FirstFiling,
        account_id: manifest.account.to_owned(),
        entity_name: "An entity".to_owned(),
        website: Website { name: "A website".to_owned(), domain: manifest.domain.to_owned() },
        source: manifest.source.clone(),
        submit: false,
    };
    let mut filing = Filing::new(name, spec);
    filing.metadata.namespace = Some("a".to_owned());
    filing.metadata.finalizers = held.then(|| vec!["example.com/hold".to_owned()]);
    store.by(Who::Applicant).create(filing).is_ok()
}

/// The approval that a registrar would write of a filing as it is.
pub fn approval(filing: &Filing) -> Option<Review> {
    let status = filing.status.as_ref()?;
    let record_name = status.record_name.clone().filter(|_| status.review.is_none())?;
    let icp_number = Some("浙ICP备11012345号-1".to_owned());
    Some(Review { record_name, state: ReviewState::Approved, icp_number, message: None })
}

/// Every small world that is searched.
#[expect(clippy::too_many_lines, reason = "a table of scopes, a few lines each")]
pub fn all() -> Vec<Small> {
    let x = |source| Manifest { domain: "x.cn", source, account: "1" };
    let y = |source| Manifest { domain: "y.cn", source, account: "1" };
    let (n0, n1) = (|| by_number("instance.i-1-0"), || by_number("instance.i-1-1"));
    let two = |grant| {
        let mut store = base(2, QuotaScope::Instance);
        request(&mut store, "a", "r0", "i-1", grant);
        request(&mut store, "a", "r1", "i-1", None);
        issued(&mut store, "r0");
        issued(&mut store, "r1");
        store
    };
    let once = Budget { submit: 2, delete: 1, create: 1, ..Budget::default() };
    let mut all = Vec::new();
    for quota in 1..=2 {
        let mut store = base(quota, QuotaScope::Instance);
        request(&mut store, "a", "r0", "i-1", None);
        request(&mut store, "a", "r1", "i-1", None);
        let budget = Budget { request: 1, crashes: true, wipe: 1, ..Budget::default() };
        all.push(Small {
            name: if quota == 1 {
                "two claims on the one number of an instance"
            } else {
                "two claims on two numbers"
            },
            store,
            operators: 2,
            budget,
            manifests: vec![],
            held: false,
        });
    }
    let mut store = base(2, QuotaScope::Account);
    request(&mut store, "a", "r0", "i-1", None);
    request(&mut store, "a", "r1", "i-2", None);
    request(&mut store, "b", "r0", "i-3", None);
    let budget = Budget { crashes: true, ..Budget::default() };
    all.push(Small {
        name: "three operators, an account's quota, two namespaces",
        store,
        operators: 3,
        budget,
        manifests: vec![],
        held: false,
    });
    let mut store = base(2, QuotaScope::Instance);
    request(&mut store, "a", "r0", "i-1", None);
    request(&mut store, "a", "r1", "i-1", None);
    filing(&mut store, "f", &x(by_request("r0")), false);
    filing(&mut store, "g", &y(by_request("r1")), false);
    all.push(Small {
        name: "two claims, two filings, crashes",
        store,
        operators: 2,
        budget: Budget { submit: 1, crashes: true, ..Budget::default() },
        manifests: vec![],
        held: false,
    });
    let mut store = base(2, QuotaScope::Account);
    request(&mut store, "b", "r0", "i-3", Some("2"));
    filing(&mut store, "f", &x(by_instance("i-1")), false);
    filing(&mut store, "g", &y(by_instance("i-2")), false);
    all.push(Small {
        name: "two direct filings and a granted claim of another namespace on an account's quota",
        store,
        operators: 2,
        budget: Budget { submit: 1, crashes: true, ..Budget::default() },
        manifests: vec![],
        held: false,
    });
    let mut store = two(None);
    filing(&mut store, "f", &x(n0()), false);
    all.push(Small {
        name: "one operator, a late review of a filing that was applied again for another domain",
        store,
        operators: 1,
        budget: Budget { review: 1, ..once.clone() },
        manifests: vec![y(n1())],
        held: false,
    });
    let mut add =
        |name, mut store: Store, first: Manifest, manifests: Vec<Manifest>, budget: Budget, held| {
            filing(&mut store, "f", &first, held);
            all.push(Small { name, store, operators: 2, budget, manifests, held });
        };
    add(
        "a filing by value, applied again for another number or domain",
        two(None),
        x(n0()),
        vec![x(n0()), x(n1()), y(n0())],
        once.clone(),
        false,
    );
    add(
        "the same, held by a finalizer",
        two(None),
        x(n0()),
        vec![x(n1())],
        Budget { submit: 1, ..once.clone() },
        true,
    );
    add(
        "an approval of a filing whose status is wiped",
        two(None),
        x(n0()),
        vec![],
        Budget { submit: 1, review: 1, wipe: 1, ..Budget::default() },
        false,
    );
    add(
        "a filing by request, the request re-created elsewhere",
        two(None),
        x(by_request("r0")),
        vec![x(by_request("r0"))],
        Budget { request: 1, ..once.clone() },
        false,
    );
    add(
        "a filing of another account, with and without a grant",
        two(Some("2")),
        Manifest { account: "2", ..x(n0()) },
        vec![Manifest { account: "2", ..x(n1()) }, Manifest { account: "3", ..x(n0()) }],
        once.clone(),
        false,
    );
    add(
        "a direct filing, applied again elsewhere or for another domain",
        base(2, QuotaScope::Instance),
        x(by_instance("i-1")),
        vec![x(by_instance("i-2")), y(by_instance("i-1"))],
        Budget { crashes: true, ..once.clone() },
        false,
    );
    let mut store = two(None);
    filing(&mut store, "g", &y(n0()), false);
    add(
        "two filings over one number",
        store,
        x(n0()),
        vec![x(n0())],
        Budget { submit: 2, delete: 1, create: 1, ..Budget::default() },
        false,
    );
    all
}

/// Who may be applied again, submitted or deleted.
pub fn names(store: &Store) -> Vec<ObjectKey> {
    let mut names: Vec<_> = store.filings.live.keys().cloned().collect();
    let f = ObjectKey::new("a", "f");
    if !names.contains(&f) {
        names.push(f);
    }
    names
}

/// Whether anybody's finalizer still holds a filing that was deleted.
pub fn is_held(filing: &Filing) -> bool {
    filing.metadata.deletion_timestamp.is_some() && !filing.finalizers().is_empty()
}
