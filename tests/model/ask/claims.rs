//! What may be asked of requests and filings, and of the review in the status of a filing.

use serde_json::{Value, json};

use super::{ICP, What, anything, create, own_status, pick, revision, spec, spoil, status};
use crate::{objects::merge, policies::Who, rng::Rng};

pub(super) fn request(rng: &mut Rng, prefix: &str) -> (Who, String, What) {
    let name = format!("{prefix}-r{}", rng.below(2));
    let mut who = Who::Applicant;
    let what = match rng.below(10) {
        0..=2 => {
            let changes = vec![
                spec(json!({"instanceRef": {"name": "i-1"}})),
                spec(json!({"instanceRef": {"name": "i-1"}, "filingAccountID": "1001"})),
                spec(json!({"instanceRef": {"name": "i-2"}, "filingAccountID": "1002"})),
            ];
            create(rng, "ServiceNumberRequest", &name, changes)
        }
        3 | 4 => What::Patch(
            revision(rng),
            pick(
                rng,
                vec![
                    spec(json!({"accountID": "1001"})),
                    spec(json!({"accountID": "1002"})),
                    spec(json!({"filingAccountID": "1001"})),
                    spec(json!({"filingAccountID": null})),
                    spec(json!({"instanceRef": {"name": "i-2"}})),
                ],
            ),
        ),
        5 => {
            let number = "32a43232-a888-88e8-b9ec-00888be80000";
            let fields = pick(
                rng,
                vec![json!({"recordName": "r", "serviceNumber": number, "state": "Issued"}), json!({})],
            );
            who = Who::Operator;
            own_status(rng, &fields)
        }
        6 => {
            let (spoiler, what) = spoil(rng);
            who = spoiler;
            what
        }
        _ => anything(rng),
    };
    (who, name, what)
}

pub(super) fn filing(rng: &mut Rng, prefix: &str) -> (Who, String, What) {
    let name = format!("{prefix}-f{}", rng.below(2));
    let mut who = Who::Applicant;
    let what = match rng.below(20) {
        0..=3 => create(rng, "Filing", &name, filings()),
        4..=7 => {
            // A submission is what most of the rest builds on.
            let change =
                if rng.chance(40) { spec(json!({"submit": true})) } else { pick(rng, filing_changes()) };
            What::Patch(revision(rng), change)
        }
        8..=10 => {
            let submitted = json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"});
            let all = vec![
                submitted.clone(),
                submitted,
                json!({"recordName": "r"}),
                json!({"recordName": "q"}),
                json!({}),
            ];
            let fields = pick(rng, all);
            who = Who::Operator;
            own_status(rng, &fields)
        }
        11..=14 => {
            who = if rng.chance(85) { Who::Registrar } else { Who::Admin };
            What::PatchStatus(revision(rng), pick(rng, reviews()))
        }
        15 => {
            let (spoiler, what) = spoil(rng);
            who = spoiler;
            what
        }
        _ => anything(rng),
    };
    (who, name, what)
}

fn filings() -> Vec<Value> {
    let source = |source: Value| {
        let mut all = json!({"requestRef": null});
        merge(&mut all, &source);
        spec(json!({"source": all}))
    };
    let number = "32A43232-a888-88e8-b9ec-00888be80000";
    let domain = |domain: &str| spec(json!({"website": {"domain": domain}}));
    vec![
        spec(json!({"submit": true})),
        json!({}),
        source(json!({})),
        source(json!({"serviceNumber": number})),
        source(json!({"serviceNumber": "浙ICP备11012345号-1", "instanceRef": {"name": "i-1"}})),
        source(json!({"serviceNumber": number, "instanceRef": {"name": "i-1"}})),
        source(json!({"serviceNumber": "32a43232-a888-88e8-b9ec-00888be8000g"})),
        domain("xn--fiqs8s.xn--fiqs8s"),
        domain("Shop.example.cn"),
        domain("https://shop.example.cn"),
        domain("shop.example.cn."),
        domain("-shop.example.cn"),
        domain("example.1"),
        domain("cn"),
    ]
}

fn filing_changes() -> Vec<Value> {
    vec![
        spec(json!({"entityName": "Another Ltd."})),
        spec(json!({"submit": false})),
        spec(json!({"accountID": "1002"})),
        spec(json!({"accountID": "1002", "submit": false, "website": {"domain": "other.cn"}})),
        spec(json!({"source": {"requestRef": {"name": "other"}}})),
        spec(json!({"source": {"instanceRef": {"name": "i-1"}}})),
        spec(json!({"website": {"domain": "other.cn"}})),
        spec(json!({"website": {"domain": "Other.cn", "name": "x"}})),
        status(json!({"recordName": "mine"})),
    ]
}

fn reviews() -> Vec<Value> {
    let review = |record: &str, state: &str, icp: Option<&str>| {
        status(json!({"review": {"recordName": record, "state": state, "icpNumber": icp}}))
    };
    vec![
        review("r", "InReview", None),
        review("r", "InReview", None),
        review("r", "Rejected", None),
        review("r", "Approved", Some(ICP)),
        review("r", "Approved", Some("津ICP证2023010907号-12A")),
        review("r", "Cancelled", None),
        review("r", "Approved", None),
        review("r", "Rejected", Some(ICP)),
        review("q", "InReview", None),
        review("r", "Approved", Some("浙 ICP备11012345号-1")),
        review("q", "Approved", Some("ICP备11012345号")),
        status(json!({"review": null})),
        status(json!({"review": {"message": "Sent by post."}})),
        status(json!({"review": {"recordName": "r", "state": "InReview"}, "recordName": "q"})),
    ]
}
