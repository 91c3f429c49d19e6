//! Where a sequence is played: names and manifests of its own, and how each act is done. What has to come of it is
//! not known here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::act::{Account, Act, Ask, Class, Flaw, Home, Server, Source, Term, Thing, Word};
use crate::fixture::{Who, unique};
use crate::lab::Lab;
use crate::mirror::Objects;
use crate::objects::API_VERSION;
use crate::people::People;
use crate::plan::Kind;
use crate::refusals::is_lawful;
use crate::said::text;

/// How long the registrar waits for a submission to be recorded.
const PATIENCE: Duration = Duration::from_secs(2);
const DAY: i64 = 86_400;
/// A number that nobody was issued.
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

/// The names of a sequence, and the people in them.
pub struct Stage {
    /// A word in every name of its objects.
    pub token: String,
    lab: &'static Lab,
    people: People,
    /// The newest revision that its people made.
    made: AtomicU64,
    /// How long anything may take to become as it should.
    limit: Duration,
}

impl Stage {
    /// Makes its namespaces.
    pub async fn new(lab: &'static Lab, people: &People, limit: Duration) -> Self {
        let token = format!("{}z", unique());
        let stage = Self { token, lab, people: people.clone(), made: AtomicU64::new(0), limit };
        let namespaces: Api<Namespace> = Api::all(people.client(Who::Admin));
        for home in [Home::First, Home::Second] {
            let mut namespace = Namespace::default();
            namespace.metadata.name = Some(stage.namespace(home));
            let made = namespaces.create(&PostParams::default(), &namespace).await;
            crate::fixture::must("make a namespace", made);
        }
        stage
    }

    /// A namespace of it.
    pub fn namespace(&self, home: Home) -> String {
        match home {
            Home::First => format!("t-{}-first", self.token),
            Home::Second => format!("t-{}-second", self.token),
        }
    }

    fn class(&self, class: Class) -> String {
        match class {
            Class::Each => format!("c-{}-each", self.token),
            Class::Shared => format!("c-{}-shared", self.token),
        }
    }

    fn server(&self, server: Server) -> String {
        let which = match server {
            Server::A => "a",
            Server::B => "b",
            Server::C => "c",
            Server::D => "d",
        };
        format!("i-{}-{which}", self.token)
    }

    fn thing(&self, thing: Thing) -> (Kind, String) {
        match thing {
            Thing::Instance(server) => (Kind::Instance, self.server(server)),
            Thing::Request(name) => (Kind::Request, request(name)),
            Thing::Filing(name) => (Kind::Filing, filing(name)),
        }
    }

    /// Does an act that is somebody's. What was refused by a rule that says so is done too.
    pub async fn act(&self, act: &Act) -> Result<(), String> {
        // A conflict says to look again and to do it again.
        let mut tries = 0;
        let done = loop {
            match self.once(act).await {
                Err(kube::Error::Api(status)) if status.code == 409 && tries < 20 => tries += 1,
                done => break done,
            }
        };
        match done {
            Ok(object) => {
                let revision = object.and_then(|object| object.metadata.resource_version);
                if let Some(revision) = revision.and_then(|revision| revision.parse().ok()) {
                    self.made.fetch_max(revision, Ordering::Relaxed);
                }
                Ok(())
            }
            Err(kube::Error::Api(status)) if is_lawful(act, &status) => Ok(()),
            Err(error) => Err(format!("{act:?} was refused: {error}")),
        }
    }

    async fn once(&self, act: &Act) -> Result<Option<DynamicObject>, kube::Error> {
        match act {
            Act::Class { .. } | Act::Instance { .. } | Act::Request { .. } | Act::Filing { .. } => {
                self.apply(act).await.map(Some)
            }
            Act::DropClass { class, meant } => {
                let name = self.class(*class);
                let api = self.people.api(Who::PlatformAdmin, Kind::Class, "");
                if *meant {
                    let annotation =
                        json!({"metadata": {"annotations": {"icp-filing.dev/allow-deletion": "true"}}});
                    api.patch(&name, &PatchParams::default(), &Patch::Merge(annotation)).await?;
                }
                api.delete(&name, &DeleteParams::default()).await.map(|_| None)
            }
            Act::Submit { home, name } => {
                let patch = json!({"spec": {"submit": true}});
                self.filings(applicant(*home), *home)
                    .patch(&filing(*name), &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(Some)
            }
            Act::Edit { home, name } => {
                let patch = json!({"spec": {"entityName": format!("Example {} Ltd.", unique())}});
                self.filings(applicant(*home), *home)
                    .patch(&filing(*name), &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(Some)
            }
            Act::Drop { home, thing } => {
                let (kind, name) = self.thing(*thing);
                let who = if kind == Kind::Instance { Who::PlatformAdmin } else { applicant(*home) };
                let api = self.people.api(who, kind, &self.namespace(*home));
                api.delete(&name, &DeleteParams::default()).await.map(|_| None)
            }
            Act::Review { home, name, word } => self.review(*home, *name, *word).await.map(Some),
            Act::Wipe { home, thing } => {
                let (kind, name) = self.thing(*thing);
                let api = self.people.api(Who::Admin, kind, &self.namespace(*home));
                let patch = Patch::Merge(json!({"status": null}));
                api.patch_status(&name, &PatchParams::default(), &patch).await.map(Some)
            }
            // The rig's to do.
            Act::Kill { .. } => Ok(None),
        }
    }

    fn filings(&self, who: Who, home: Home) -> Api<DynamicObject> {
        self.people.api(who, Kind::Filing, &self.namespace(home))
    }

    async fn apply(&self, act: &Act) -> Result<DynamicObject, kube::Error> {
        let (who, kind, namespace, name, spec) = match act {
            Act::Class { class, quota, suspend, asks } => {
                let scope = if *class == Class::Each { "Instance" } else { "Account" };
                let provider =
                    if asks.contains(&Ask::OtherProvider) { "TencentCloud" } else { "AlibabaCloud" };
                let spec = json!({
                    "title": "Test", "provider": provider, "quota": quota, "quotaScope": scope,
                    "suspend": suspend, "requirements": requirements(asks),
                });
                (Who::PlatformAdmin, Kind::Class, String::new(), self.class(*class), spec)
            }
            Act::Instance { home, server, account, term, flaws } => {
                let class = match server {
                    Server::A | Server::B => Class::Each,
                    Server::C | Server::D => Class::Shared,
                };
                let mut spec = instance(*term, flaws);
                spec["className"] = json!(self.class(class));
                spec["accountID"] = json!(id(*account));
                (Who::PlatformAdmin, Kind::Instance, self.namespace(*home), self.server(*server), spec)
            }
            Act::Request { home, name, server, account, grant } => {
                let mut spec =
                    json!({"instanceRef": {"name": self.server(*server)}, "accountID": id(*account)});
                if *grant {
                    spec["filingAccountID"] = json!(id(other(*account)));
                }
                (applicant(*home), Kind::Request, self.namespace(*home), request(*name), spec)
            }
            Act::Filing { home, name, domain, source, account, submit } => {
                let source = match source {
                    Source::Instance(server) => json!({"instanceRef": {"name": self.server(*server)}}),
                    Source::Request(name) => json!({"requestRef": {"name": request(*name)}}),
                    Source::NumberOf(home, name) => json!({"serviceNumber": self.number(*home, *name).await}),
                };
                let spec = json!({
                    "type": "FirstFiling", "accountID": id(*account), "entityName": "Example Ltd.",
                    "website": {"name": "Example", "domain": format!("site-{domain}.example.cn")},
                    "source": source, "submit": submit,
                });
                (applicant(*home), Kind::Filing, self.namespace(*home), filing(*name), spec)
            }
            _ => unreachable!("only manifests are applied"),
        };
        let manifest = json!({
            "apiVersion": API_VERSION, "kind": kind.name(), "metadata": {"name": name}, "spec": spec,
        });
        let params = PatchParams::apply("user").force();
        self.people.api(who, kind, &namespace).patch(&name, &params, &Patch::Apply(manifest)).await
    }

    /// The number that a request shows.
    async fn number(&self, home: Home, name: u8) -> String {
        let key = format!("{}/{}", self.namespace(home), request(name));
        let shown = self.look(Duration::ZERO, |objects| {
            let number =
                objects.get(Kind::Request, &key).map(|request| text(request, "/status/serviceNumber"));
            number.filter(|number| !number.is_empty()).map(str::to_owned).ok_or_else(String::new)
        });
        shown.await.unwrap_or_else(|_| NOBODYS.to_owned())
    }

    /// The registrar waits for a submission that is on its way and reviews what the status names.
    async fn review(&self, home: Home, name: u8, word: Word) -> Result<DynamicObject, kube::Error> {
        let key = format!("{}/{}", self.namespace(home), filing(name));
        let seen = self.look(PATIENCE, |objects| match objects.get(Kind::Filing, &key) {
            Some(filing)
                if filing["spec"]["submit"] == true && filing["status"]["submittedTime"].is_null() =>
            {
                Err("it is not recorded".to_owned())
            }
            filing => Ok(filing.map(|filing| text(filing, "/status/recordName").to_owned())),
        });
        let record = seen.await.ok().flatten().filter(|name| !name.is_empty());
        let icp_number = (word == Word::Approved).then_some("浙ICP备11012345号-1");
        let review = json!({
            "recordName": record.unwrap_or_else(|| "unknown".to_owned()), "state": word, "icpNumber": icp_number,
        });
        self.filings(Who::Registrar, home)
            .patch_status(
                &filing(name),
                &PatchParams::default(),
                &Patch::Merge(json!({"status": {"review": review}})),
            )
            .await
    }

    /// Waits until the store has what is looked for, and everything that its people made before.
    pub async fn until<T>(&self, look: impl FnMut(&Objects) -> Result<T, String>) -> Result<T, String> {
        self.look(self.limit, look).await
    }

    /// Looks again from time to time too, as some answers change with the time alone.
    async fn look<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&Objects) -> Result<T, String>,
    ) -> Result<T, String> {
        const AGAIN: Duration = Duration::from_millis(300);
        let since = Instant::now();
        loop {
            let made = self.made.load(Ordering::Relaxed);
            match self.lab.mirror.until(made, AGAIN, &mut look).await {
                Err(why) if since.elapsed() >= within => {
                    return Err(why.split_once(": ").map_or(why.clone(), |(_, why)| why.to_owned()));
                }
                Err(_) => {}
                found => return found,
            }
        }
    }

    /// Deletes everything that people made, which gives no number back that was submitted.
    pub async fn leave(&self) -> Result<(), String> {
        for home in [Home::First, Home::Second] {
            for kind in [Kind::Filing, Kind::Request, Kind::Instance] {
                let api = self.people.api(Who::Admin, kind, &self.namespace(home));
                api.delete_collection(&DeleteParams::default(), &ListParams::default())
                    .await
                    .map_err(|error| format!("delete every {kind:?}: {error}"))?;
            }
        }
        Ok(())
    }
}

fn request(name: u8) -> String {
    format!("request-{name}")
}

fn filing(name: u8) -> String {
    format!("filing-{name}")
}

fn id(account: Account) -> &'static str {
    match account {
        Account::One => "1001",
        Account::Two => "2002",
    }
}

fn other(account: Account) -> Account {
    match account {
        Account::One => Account::Two,
        Account::Two => Account::One,
    }
}

fn applicant(home: Home) -> Who {
    match home {
        Home::First => Who::Alice,
        Home::Second => Who::Bob,
    }
}

fn requirements(asks: &[Ask]) -> Value {
    let mut asked = json!({});
    for ask in asks {
        match ask {
            Ask::Mainland => asked["regions"] = json!({"allowed": ["cn-*"], "denied": ["cn-hongkong"]}),
            Ask::Subscription => asked["billingMethods"] = json!(["Subscription"]),
            Ask::Purchased => asked["minMonthsPurchased"] = json!(3),
            Ask::Remaining => asked["minMonthsRemaining"] = json!(3),
            Ask::Bandwidth => asked["minBandwidthMbps"] = json!(1),
            Ask::Address => asked["publicAddress"] = json!(true),
            Ask::OrderMonths => asked["minFirstOrderMonths"] = json!(12),
            Ask::OrderYuan => asked["minFirstOrderYuan"] = json!(99),
            Ask::OtherProvider => {}
        }
    }
    asked
}

fn instance(term: Term, flaws: &[Flaw]) -> Value {
    let in_seconds = |seconds: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(seconds);
        json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let (start, end) = match term {
        Term::Long => (-400 * DAY, 4000 * DAY),
        Term::Short => (-5 * DAY, 30 * DAY),
        Term::Over => (-400 * DAY, -DAY),
        Term::BeginsInHalfAnHour => (1800, 4000 * DAY),
        Term::EndsInHalfAnHour => (-400 * DAY, 1800),
        Term::BeginsSoon => (4, 4000 * DAY),
        Term::EndsSoon => (-400 * DAY, 4),
    };
    let mut spec = json!({
        "provider": "AlibabaCloud", "region": "cn-hangzhou", "billingMethod": "Subscription", "state": "Running",
        "subscription": {"startTime": in_seconds(start), "expirationTime": in_seconds(end)},
        "publicNetwork": {"bandwidthMbps": 5, "addresses": ["203.0.113.7"]},
        "firstOrder": {"months": 12, "amountYuan": 99},
    });
    for flaw in flaws {
        match flaw {
            Flaw::HongKong => spec["region"] = json!("cn-hongkong"),
            Flaw::Abroad => spec["region"] = json!("eu-central-1"),
            Flaw::PayAsYouGo => spec["billingMethod"] = json!("PayAsYouGo"),
            Flaw::NoNetwork => spec["publicNetwork"] = json!({"bandwidthMbps": 0}),
            Flaw::NoAddress => spec["publicNetwork"] = json!({"bandwidthMbps": 5}),
            Flaw::SmallOrder => spec["firstOrder"] = json!({"months": 1, "amountYuan": 9}),
            Flaw::Stopped => spec["state"] = json!("Stopped"),
            Flaw::ProviderSaysExpired => spec["state"] = json!("Expired"),
            Flaw::Released => spec["state"] = json!("Released"),
        }
    }
    spec
}
