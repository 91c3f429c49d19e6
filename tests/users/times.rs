//! Times as people and scripts write them: far away, at the end of a month, on a leap day, malformed. Each is
//! refused by the API server with a message that says what to do, or settles with the right reasons.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::fixture::{Who, must, unique};
use crate::lab::lab;
use crate::objects;
use crate::operator_process::Operator;
use crate::people::People;
use crate::plan::Kind;
use crate::said::{answered, text};

/// What becomes of a subscription from and to these times, of a class that asks for three months in all and one
/// that is left.
enum End {
    /// The API server refuses it in words that contain these.
    Refused(&'static str),
    /// It does not qualify for exactly these reasons, or for none.
    Reasons(&'static [&'static str]),
}
use End::{Reasons, Refused};

const OVER: &[&str] = &["SubscriptionExpired", "TooFewMonthsRemaining"];
const OVER_AND_SHORT: &[&str] = &["SubscriptionExpired", "TooFewMonthsPurchased", "TooFewMonthsRemaining"];

const CASES: &[(&str, &str, End)] = &[
    ("2020-01-01T00:00:00Z", "9000-01-01T00:00:00Z", Reasons(&[])),
    ("0001-01-01T00:00:00Z", "9000-01-01T00:00:00Z", Reasons(&[])),
    ("0001-01-01T00:00:00Z", "0001-06-01T00:00:00Z", Reasons(OVER)),
    ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", Reasons(OVER_AND_SHORT)),
    ("8000-01-01T00:00:00Z", "9000-01-01T00:00:00Z", Reasons(&["SubscriptionNotStarted"])),
    (
        "8000-01-01T00:00:00Z",
        "8000-01-02T00:00:00Z",
        Reasons(&["SubscriptionNotStarted", "TooFewMonthsPurchased"]),
    ),
    // The day after the last of a short month is the same day of no month: its end stands for it.
    ("2020-11-30T00:00:00+08:00", "2021-02-28T00:00:00+08:00", Reasons(OVER)),
    ("2020-11-30T00:00:00+08:00", "2021-02-27T23:59:59+08:00", Reasons(OVER_AND_SHORT)),
    ("2023-11-30T00:00:00+08:00", "2024-02-29T00:00:00+08:00", Reasons(OVER)),
    ("2023-11-30T00:00:00+08:00", "2024-02-28T00:00:00+08:00", Reasons(OVER_AND_SHORT)),
    ("2024-02-29T00:00:00+08:00", "2024-05-29T00:00:00+08:00", Reasons(OVER)),
    ("2024-02-29T00:00:00+08:00", "2024-05-28T23:59:59+08:00", Reasons(OVER_AND_SHORT)),
    // Months are those of China: in UTC these are the 31st of January and the 30th of April.
    ("2021-01-31T16:00:00Z", "2021-04-30T16:00:00Z", Reasons(OVER)),
    ("2024-02-29T00:00:00+08:00", "9000-02-28T00:00:00+08:00", Reasons(&[])),
    ("2020-01-01T00:00:00-00:00", "9000-01-01T00:00:00.5Z", Reasons(&[])),
    ("0000-01-01T00:00:00Z", "8998-12-31T23:59:59.999999999-12:00", Reasons(&[])),
    ("2020-01-01T00:00:00Z", "9998-12-31T23:59:59Z", Reasons(&[])),
    ("2023-02-29T00:00:00Z", "2099-01-01T00:00:00Z", Refused("must be of type date-time")),
    ("2020-01-01T00:00:00", "2099-01-01T00:00:00Z", Refused("must be of type date-time")),
    ("2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z", Refused("must be later than startTime")),
    ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", Refused("must be later than startTime")),
    ("2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", Refused("must be before the year 9999")),
    ("9999-01-01T00:00:00Z", "9999-12-01T00:00:00Z", Refused("must be before the year 9999")),
    ("2020-01-01T00:00:00.0123456789Z", "2099-01-01T00:00:00Z", Refused("should match")),
    ("2020-01-01T00:00:00,5Z", "2099-01-01T00:00:00Z", Refused("should match")),
    ("2020-01-01t00:00:00z", "2099-01-01T00:00:00Z", Refused("should match")),
    ("2020-01-01T00:00:00+99:99", "2099-01-01T00:00:00Z", Refused("Invalid date-time")),
    ("2020-01-01T23:59:60Z", "2099-01-01T00:00:00Z", Refused("must be of type date-time")),
    ("2020-01-01T24:00:00Z", "2099-01-01T00:00:00Z", Refused("must be of type date-time")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_is_refused_or_settles_with_the_right_reasons() {
    let lab = lab().await;
    let people = People::new(lab.cluster).await;
    let _turn = lab.turn().await;
    let operator = Operator::start(lab.cluster, &[]).await;
    let tenant = lab.cluster.tenant(Who::Alice).await;
    let class = format!("c-{}", unique());
    let apply = async |kind: Kind, name: &str, mut manifest: serde_json::Value| {
        manifest["metadata"]["name"] = json!(name);
        let params = PatchParams::apply("user").force();
        people
            .api(Who::PlatformAdmin, kind, &tenant.namespace)
            .patch(name, &params, &Patch::Apply(manifest))
            .await
    };
    let mut asks = objects::instance_class();
    asks["spec"]["requirements"] = json!({"minMonthsPurchased": 3, "minMonthsRemaining": 1});
    must("apply a class", apply(Kind::Class, &class, asks).await);
    let mut wrong = Vec::new();
    for (start, end, due) in CASES {
        let mut manifest = objects::instance();
        manifest["spec"]["className"] = json!(class);
        manifest["spec"]["subscription"] = json!({"startTime": start, "expirationTime": end});
        let name = format!("i-{}", unique());
        let applied = apply(Kind::Instance, &name, manifest).await;
        let said = match &applied {
            Err(kube::Error::Api(status)) => Err(status.message.clone()),
            Err(error) => panic!("{error}"),
            Ok(_) => {
                let key = format!("{}/{name}", tenant.namespace);
                let settled = lab.mirror.until(0, Duration::from_secs(10), |objects| {
                    let instance = objects.get(Kind::Instance, &key).ok_or("it is not there")?;
                    answered(instance)?;
                    let refusals = instance["status"]["refusals"].as_array();
                    Ok(refusals
                        .into_iter()
                        .flatten()
                        .map(|r| text(r, "/reason").to_owned())
                        .collect::<Vec<_>>())
                });
                settled.await.map_err(|why| format!("never settled: {why}"))
            }
        };
        let right = match (due, &said) {
            (Refused(words), Err(message)) => applied.is_err() && message.contains(words),
            (Reasons(reasons), Ok(said)) => said == reasons,
            _ => false,
        };
        if !right {
            wrong.push(format!("from {start} to {end}: {said:?}"));
        }
    }
    operator.finish().await;
    lab.ended(operator);
    lab.sound_logs();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
