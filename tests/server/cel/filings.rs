//! The rules of Filing, and those of the review in its status.

use serde_json::{Value, json};

use super::{Change, Create, Rule, Status, Write, on_change, on_create};
use crate::objects::spec;

const KIND: &str = "Filing";

/// This source, instead of the one that the valid object has.
fn source(mut from: Value) -> Value {
    from["requestRef"] = Value::Null;
    spec(json!({"source": from}))
}

pub(super) fn rules() -> Vec<Rule> {
    let nothing = json!({});
    let number = "32A43232-a888-88e8-b9ec-00888be80000";
    vec![
        on_change(
            KIND,
            "accountID is immutable: create a filing of another name",
            &nothing,
            spec(json!({"entityName": "Another Ltd."})),
            spec(json!({"accountID": "1002"})),
        ),
        on_change(
            KIND,
            "source is immutable: create a filing of another name",
            &nothing,
            spec(json!({"type": "AddAccess"})),
            spec(json!({"source": {"requestRef": {"name": "other"}}})),
        ),
        Rule::new(
            KIND,
            "submit never goes back: a submission is irreversible; ask the registrar to cancel the filing",
            vec![Create(nothing.clone()), Change(spec(json!({"submit": true})))],
            vec![Create(spec(json!({"submit": true}))), Change(spec(json!({"submit": false})))],
        ),
        on_change(
            KIND,
            "domain is immutable: a number is bound to it; create a filing of another name",
            &nothing,
            spec(json!({"website": {"name": "Another name"}})),
            spec(json!({"website": {"domain": "other.example.cn"}})),
        ),
        on_create(
            KIND,
            "give a domain such as shop.example.cn: lower case, without scheme, port, path or final dot, an internationalised one in its xn-- form",
            spec(json!({"website": {"domain": "xn--fiqs8s.xn--fiqs8s"}})),
            spec(json!({"website": {"domain": "https://shop.example.cn"}})),
        ),
        on_create(
            KIND,
            "give exactly one of instanceRef (a number is issued for this filing), requestRef (a request of this namespace) and serviceNumber (a number that you were told)",
            source(json!({"instanceRef": {"name": "i-1"}})),
            source(json!({"instanceRef": {"name": "i-1"}, "serviceNumber": number})),
        ),
        on_create(
            KIND,
            "a service number is a UUID such as 32a43232-a888-88e8-b9ec-00888be80000; an ICP number is what the filing ends with",
            source(json!({"serviceNumber": number})),
            source(json!({"serviceNumber": "32a43232-a888-88e8-b9ec-00888be8000g"})),
        ),
    ]
}

fn submitted() -> Vec<Write> {
    let status = json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"});
    vec![Create(spec(json!({"submit": true}))), Status(status)]
}

fn review(state: &str) -> Value {
    json!({"review": {"recordName": "r", "state": state}})
}

fn approved() -> Value {
    json!({"review": {"recordName": "r", "state": "Approved", "icpNumber": "浙ICP备11012345号-1"}})
}

/// The writes of a submitted filing and then these reviews, one after the other.
fn reviews(reviews: impl IntoIterator<Item = Value>) -> Vec<Write> {
    submitted().into_iter().chain(reviews.into_iter().map(Status)).collect()
}

pub(super) fn review_rules() -> Vec<Rule> {
    let in_review = || review("InReview");
    let rejected = || review("Rejected");
    vec![
        Rule::new(
            KIND,
            "set spec.submit to true before a review: a draft has nothing to review",
            reviews([in_review()]),
            vec![
                Create(json!({})),
                Status(json!({"recordName": "r", "submittedTime": "2026-01-02T00:00:00Z"})),
                Status(in_review()),
            ],
        ),
        Rule::new(
            KIND,
            "wait for status.submittedTime before a review: the submission is not recorded yet",
            reviews([in_review(), rejected(), in_review(), review("Cancelled")]),
            vec![
                Create(spec(json!({"submit": true}))),
                Status(json!({"recordName": "r"})),
                Status(in_review()),
            ],
        ),
        Rule::new(
            KIND,
            "review.recordName must be the filing's own status.recordName: this review is about another filing",
            reviews([approved()]),
            reviews([json!({"review": {"recordName": "other", "state": "InReview"}})]),
        ),
        Rule::new(
            KIND,
            "give icpNumber with state Approved, and only then",
            reviews([in_review(), approved()]),
            reviews([review("Approved")]),
        ),
        Rule::new(
            KIND,
            "an approved or cancelled review is final",
            reviews([approved(), json!({"review": {"message": "Sent by post."}})]),
            reviews([approved(), json!({"review": {"state": "Cancelled", "icpNumber": null}})]),
        ),
        Rule::new(
            KIND,
            "a rejected filing is reviewed again first: set state to InReview",
            reviews([rejected(), in_review(), approved()]),
            reviews([rejected(), approved()]),
        ),
        Rule::new(
            KIND,
            "give the ICP number without spaces, such as 浙ICP备11012345号-1",
            reviews([
                json!({"review": {"recordName": "r", "state": "Approved", "icpNumber": "津ICP证2023010907号-12A"}}),
            ]),
            reviews([
                json!({"review": {"recordName": "r", "state": "Approved", "icpNumber": "浙 ICP备11012345号-1"}}),
            ]),
        ),
    ]
}
