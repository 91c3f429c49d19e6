//! What people do: each scenario acts in a fresh tenant and says what has to come of it, whatever goes wrong
//! underneath. Nothing here knows of faults.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::fixture::must;
use crate::plan::Kind::{Class, Filing, Instance, Record, Request};
use crate::tenant::{Outcome, Tenant, draft, text, with};

/// A scenario.
pub struct Scenario {
    /// What plans call it.
    pub name: &'static str,
    run: for<'a> fn(&'a Tenant<'a>) -> BoxFuture<'a, Outcome>,
}

impl Scenario {
    /// Plays it.
    pub async fn run<'a>(&self, tenant: &'a Tenant<'a>) -> Outcome {
        (self.run)(tenant).await
    }

    /// The one of a name.
    pub fn named(name: &str) -> &'static Self {
        must("find a scenario", ALL.iter().find(|scenario| scenario.name == name).ok_or(name))
    }
}

macro_rules! scenarios {
    ($($name:literal => $run:ident),+ $(,)?) => {
        /// Every scenario.
        pub const ALL: &[Scenario] = &[$(Scenario { name: $name, run: |tenant| $run(tenant).boxed() }),+];
    };
}

scenarios! {
    "issue" => issue,
    "per-account" => per_account,
    "by-request" => by_request,
    "by-value" => by_value,
    "by-instance" => by_instance,
    "review" => review,
    "cancel" => cancel,
    "request-again" => request_again,
    "draft-again" => draft_again,
    "draft-moves" => draft_moves,
    "submitted-again" => submitted_again,
    "instance-again" => instance_again,
    "quota" => quota,
    "expiry" => expiry,
    "wiped" => wiped,
    "class-again" => class_again,
    "unfit" => unfit,
}

fn submitted(filing: &Value) -> Value {
    with(filing.clone(), &json!({"spec": {"submit": true}}))
}

fn by(request: &str) -> Value {
    json!({"requestRef": {"name": request}})
}

/// A class and an instance of it.
async fn server(t: &Tenant<'_>, quota: i32) -> Outcome {
    t.apply(&t.class(quota, "Instance")).await?;
    t.apply(&t.instance("a")).await
}

/// As many numbers as the quota allows, and a reason for who comes last.
async fn issue(t: &Tenant<'_>) -> Outcome {
    server(t, 2).await?;
    for name in ["one", "two"] {
        t.apply(&t.request(name, "a")).await?;
        t.ready(Request, name, "Issued").await?;
    }
    t.apply(&t.request("three", "a")).await?;
    t.stalled(Request, "three", &["QuotaExhausted"]).await?;
    t.issued(2).await
}

/// Servers that share their account's numbers, asked at the same time.
async fn per_account(t: &Tenant<'_>) -> Outcome {
    t.apply(&t.class(2, "Account")).await?;
    t.apply(&t.instance("a")).await?;
    t.apply(&t.instance("b")).await?;
    t.apply(&t.request("one", "a")).await?;
    t.apply(&t.direct("two", "b")).await?;
    t.ready(Request, "one", "Issued").await?;
    t.ready(Filing, "two", "Bound").await?;
    t.apply(&t.request("three", "b")).await?;
    t.stalled(Request, "three", &["QuotaExhausted"]).await?;
    t.issued(2).await
}

/// The manifests in the wrong order, then the submission.
async fn by_request(t: &Tenant<'_>) -> Outcome {
    let shop = draft("shop", by("one"));
    t.apply(&shop).await?;
    t.apply(&t.request("one", "a")).await?;
    server(t, 5).await?;
    t.ready(Filing, "shop", "Bound").await?;
    t.apply(&submitted(&shop)).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.ready(Request, "one", "Submitted").await?;
    t.issued(1).await
}

/// Another account files with a number that it was told.
async fn by_value(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    t.apply(&t.request("one", "a")).await?;
    let number = t.number(Request, "one").await?;
    let shop = with(draft("shop", json!({"serviceNumber": number})), &json!({"spec": {"accountID": "2002"}}));
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Bound").await?;
    t.apply(&submitted(&shop)).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.ready(Request, "one", "Submitted").await?;
    t.issued(1).await
}

/// The recommended way: the number comes with the filing, which is submitted at once.
async fn by_instance(t: &Tenant<'_>) -> Outcome {
    server(t, 1).await?;
    t.apply(&submitted(&t.direct("shop", "a"))).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.apply(&t.direct("blog", "a")).await?;
    t.stalled(Filing, "blog", &["QuotaExhausted"]).await?;
    t.issued(1).await
}

/// Draft, submission, rejection, another look, approval.
async fn review(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    let shop = t.direct("shop", "a");
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Bound").await?;
    t.apply(&submitted(&shop)).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.review("shop", "Rejected").await?;
    t.stalled(Filing, "shop", &["Rejected"]).await?;
    t.review("shop", "InReview").await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.review("shop", "Approved").await?;
    t.ready(Filing, "shop", "Completed").await?;
    t.record(&format!("instance.{}-0", t.server("a")), "Consumed").await
}

/// A cancellation spends the number.
async fn cancel(t: &Tenant<'_>) -> Outcome {
    server(t, 1).await?;
    let shop = draft("shop", by("one"));
    t.apply(&t.request("one", "a")).await?;
    t.apply(&submitted(&shop)).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.review("shop", "Cancelled").await?;
    t.stalled(Filing, "shop", &["Cancelled"]).await?;
    t.ready(Request, "one", "Cancelled").await?;
    t.apply(&t.request("two", "a")).await?;
    t.stalled(Request, "two", &["QuotaExhausted"]).await?;
    t.issued(1).await
}

/// The same manifest deleted and applied again gets the same number back; on other terms it is told so.
async fn request_again(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    t.apply(&t.request("one", "a")).await?;
    let number = t.number(Request, "one").await?;
    t.delete(Request, "one").await?;
    t.apply(&t.request("one", "a")).await?;
    t.ready(Request, "one", "Issued").await?;
    same(&number, &t.number(Request, "one").await?)?;
    t.delete(Request, "one").await?;
    t.apply(&with(t.request("one", "a"), &json!({"spec": {"filingAccountID": "2002"}}))).await?;
    t.stalled(Request, "one", &["ClaimDiffers"]).await?;
    // What becomes of the number is not this request's to show, whoever still sees the one that was deleted.
    t.apply(&draft("shop", json!({"serviceNumber": number}))).await?;
    t.ready(Filing, "shop", "Bound").await?;
    t.stalled(Request, "one", &["ClaimDiffers"]).await?;
    t.issued(1).await
}

/// A draft is deleted and applied again at once, for the same domain and for another.
async fn draft_again(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    let shop = t.direct("shop", "a");
    t.apply(&shop).await?;
    let number = t.number(Filing, "shop").await?;
    t.delete(Filing, "shop").await?;
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Bound").await?;
    same(&number, &t.number(Filing, "shop").await?)?;
    t.delete(Filing, "shop").await?;
    t.apply(&submitted(&with(shop, &json!({"spec": {"website": {"domain": "other.example.cn"}}})))).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    same(&number, &t.number(Filing, "shop").await?)?;
    t.issued(1).await
}

/// A draft that is deleted gives its number to the one that waits for it.
async fn draft_moves(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    t.apply(&t.request("one", "a")).await?;
    t.apply(&draft("shop", by("one"))).await?;
    t.ready(Filing, "shop", "Bound").await?;
    t.apply(&submitted(&draft("blog", by("one")))).await?;
    t.stalled(Filing, "blog", &["NumberInUse"]).await?;
    t.delete(Filing, "shop").await?;
    t.ready(Filing, "blog", "Submitted").await?;
    t.apply(&draft("shop", by("one"))).await?;
    t.stalled(Filing, "shop", &["NumberSpent"]).await?;
    t.ready(Request, "one", "Submitted").await?;
    t.issued(1).await
}

/// A submitted filing is deleted and applied again, for the same domain and for another.
async fn submitted_again(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    let shop = submitted(&t.direct("shop", "a"));
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    let number = t.number(Filing, "shop").await?;
    t.delete(Filing, "shop").await?;
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    same(&number, &t.number(Filing, "shop").await?)?;
    t.delete(Filing, "shop").await?;
    t.apply(&with(shop, &json!({"spec": {"website": {"domain": "other.example.cn"}}}))).await?;
    t.stalled(Filing, "shop", &["DomainDiffers"]).await?;
    t.issued(1).await
}

/// Declaring a server anew refunds nothing.
async fn instance_again(t: &Tenant<'_>) -> Outcome {
    server(t, 2).await?;
    t.apply(&t.request("one", "a")).await?;
    t.ready(Request, "one", "Issued").await?;
    t.delete(Instance, &t.server("a")).await?;
    // Whether this one waits for its server depends on which watch is faster: no kinds have an order among them.
    t.apply(&t.request("two", "a")).await?;
    t.apply(&t.instance("a")).await?;
    t.ready(Request, "two", "Issued").await?;
    t.apply(&t.request("three", "a")).await?;
    t.stalled(Request, "three", &["QuotaExhausted"]).await?;
    t.issued(2).await
}

/// The quota is raised for one who waits, then lowered below what is issued.
async fn quota(t: &Tenant<'_>) -> Outcome {
    server(t, 1).await?;
    t.apply(&t.request("one", "a")).await?;
    t.ready(Request, "one", "Issued").await?;
    t.apply(&t.request("two", "a")).await?;
    t.stalled(Request, "two", &["QuotaExhausted"]).await?;
    t.apply(&t.class(2, "Instance")).await?;
    t.ready(Request, "two", "Issued").await?;
    t.apply(&t.class(1, "Instance")).await?;
    t.apply(&t.request("three", "a")).await?;
    t.stalled(Request, "three", &["QuotaExhausted"]).await?;
    t.issued(2).await
}

/// A server expires by itself while a draft holds its number, and is renewed.
async fn expiry(t: &Tenant<'_>) -> Outcome {
    let term = |end: &str| json!({"spec": {"subscription": {"startTime": "2026-01-01T00:00:00Z", "expirationTime": end}}});
    let shop = draft("shop", by("one"));
    server(t, 5).await?;
    t.apply(&t.request("one", "a")).await?;
    t.apply(&shop).await?;
    t.ready(Filing, "shop", "Bound").await?;
    let soon = k8s_openapi::jiff::Timestamp::now() + k8s_openapi::jiff::SignedDuration::from_secs(1);
    let soon = format!("{}Z", soon.strftime("%Y-%m-%dT%H:%M:%S"));
    t.apply(&with(t.instance("a"), &term(&soon))).await?;
    t.stalled(Instance, &t.server("a"), &["SubscriptionExpired"]).await?;
    t.apply(&submitted(&shop)).await?;
    t.stalled_or(Filing, "shop", &["SubscriptionExpired"], "Submitted").await?;
    t.apply(&t.request("late", "a")).await?;
    t.stalled_or(Request, "late", &["SubscriptionExpired"], "Issued").await?;
    t.apply(&t.instance("a")).await?;
    t.ready(Instance, &t.server("a"), "Eligible").await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.ready(Request, "one", "Submitted").await?;
    t.ready(Request, "late", "Issued").await?;
    t.issued(2).await
}

/// Every status is lost, as in a restore of manifests, and written again as it was.
async fn wiped(t: &Tenant<'_>) -> Outcome {
    server(t, 5).await?;
    let shop = draft("shop", by("one"));
    t.apply(&t.request("one", "a")).await?;
    t.apply(&submitted(&shop)).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    let number = t.number(Filing, "shop").await?;
    t.wipe(Filing, "shop").await?;
    t.wipe(Request, "one").await?;
    t.wipe(Instance, &t.server("a")).await?;
    t.ready(Filing, "shop", "Submitted").await?;
    t.ready(Request, "one", "Submitted").await?;
    same(&number, &t.number(Filing, "shop").await?)?;
    t.record(&format!("instance.{}-0", t.server("a")), "Submitted").await?;
    t.look(Record, &format!("instance.{}-0", t.server("a")), |record| {
        same(&number, text(record, "/spec/number"))
    })
    .await
}

/// Declaring a class anew refunds nothing either.
async fn class_again(t: &Tenant<'_>) -> Outcome {
    server(t, 1).await?;
    t.apply(&t.request("one", "a")).await?;
    t.ready(Request, "one", "Issued").await?;
    let meant = json!({"metadata": {"annotations": {"icp-filing.dev/allow-deletion": "true"}}});
    t.apply(&with(t.class(1, "Instance"), &meant)).await?;
    t.delete(Class, &t.class_name()).await?;
    t.apply(&t.request("two", "a")).await?;
    t.stalled(Request, "two", &["ClassNotFound"]).await?;
    t.stalled(Instance, &t.server("a"), &["ClassNotFound"]).await?;
    t.apply(&t.class(1, "Instance")).await?;
    t.stalled(Request, "two", &["QuotaExhausted"]).await?;
    t.ready(Instance, &t.server("a"), "Eligible").await?;
    t.apply(&t.class(2, "Instance")).await?;
    t.ready(Request, "two", "Issued").await?;
    t.issued(2).await
}

/// Every reason is given, and each goes when its cause does.
async fn unfit(t: &Tenant<'_>) -> Outcome {
    let requirements =
        json!({"regions": {"allowed": ["cn-*"]}, "billingMethods": ["Subscription"], "publicAddress": true});
    let strict = with(t.class(5, "Instance"), &json!({"spec": {"requirements": requirements}}));
    let abroad = json!({"spec": {
        "region": "ap-southeast-1", "billingMethod": "PayAsYouGo", "publicNetwork": {"addresses": null},
    }});
    t.apply(&strict).await?;
    t.apply(&with(t.instance("a"), &abroad)).await?;
    t.apply(&t.request("one", "a")).await?;
    let reasons = ["RegionNotSupported", "BillingMethodNotSupported", "NoPublicAddress"];
    t.stalled(Request, "one", &reasons).await?;
    t.stalled(Instance, &t.server("a"), &reasons).await?;
    t.apply(&with(t.request("other", "a"), &json!({"spec": {"accountID": "2002"}}))).await?;
    t.stalled(Request, "other", &[&reasons[..], &["WrongAccount"]].concat()).await?;
    t.apply(&t.instance("a")).await?;
    t.ready(Instance, &t.server("a"), "Eligible").await?;
    t.ready(Request, "one", "Issued").await?;
    t.stalled(Request, "other", &["WrongAccount"]).await?;
    t.issued(1).await
}

fn same(before: &str, after: &str) -> Outcome {
    if before == after { Ok(()) } else { Err("it has another number than before".to_owned()) }
}
