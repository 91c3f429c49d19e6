//! Malformed filings, and the domains in them.

use serde_json::{Value, json};

use super::all_refused;
use crate::fixture::Who;
use crate::objects::spec;

#[tokio::test]
async fn malformed_filings_are_refused() {
    let source = |fields: Value| spec(json!({"source": fields}));
    let number = |number: &str| spec(json!({"source": {"requestRef": null, "serviceNumber": number}}));
    let not_a_number = "a service number is a UUID such as";
    let one_source = "give exactly one of instanceRef";
    let cases = vec![
        ("no type", spec(json!({"type": null})), "spec.type: Required value"),
        (
            "a type that needs no number",
            spec(json!({"type": "Modification"})),
            r#""FirstFiling", "AddWebsite", "AddAccess""#,
        ),
        ("no account", spec(json!({"accountID": null})), "spec.accountID: Required value"),
        ("an account without quotes", spec(json!({"accountID": 1001})), "must be of type string"),
        ("no entity", spec(json!({"entityName": ""})), "should be at least 1 chars long"),
        (
            "an entity too long",
            spec(json!({"entityName": "x".repeat(257)})),
            "may not be more than 256 bytes",
        ),
        ("no website", spec(json!({"website": null})), "spec.website: Required value"),
        (
            "a website without a name",
            spec(json!({"website": {"name": ""}})),
            "should be at least 1 chars long",
        ),
        (
            "several domains",
            spec(json!({"website": {"domains": ["a.cn", "b.cn"]}})),
            r#"unknown field "spec.website.domains""#,
        ),
        ("no source", source(Value::Null), "spec.source: Required value"),
        ("an empty source", source(json!({"requestRef": null})), one_source),
        ("two sources", source(json!({"instanceRef": {"name": "i-1"}})), one_source),
        (
            "a request of another namespace",
            source(json!({"requestRef": {"namespace": "x"}})),
            r#"unknown field "spec.source.requestRef.namespace""#,
        ),
        ("a request by its bare name", source(json!({"requestRef": "shop"})), "must be of type object"),
        ("a number that is none", number("12345"), not_a_number),
        ("an ICP number for a number", number("浙ICP备11012345号-1"), not_a_number),
        ("a number without dashes", number("32a43232a88888e8b9ec00888be80000"), not_a_number),
        ("a number in braces", number("{32a43232-a888-88e8-b9ec-00888be800}"), not_a_number),
        (
            "a number with a letter too many",
            number("32a43232-a888-88e8-b9ec-00888be80000a"),
            "may not be more than 36 bytes",
        ),
        ("an empty number", number(""), not_a_number),
        ("a word for submit", spec(json!({"submit": "yes"})), "must be of type boolean"),
        ("a figure for submit", spec(json!({"submit": 1})), "must be of type boolean"),
        (
            "a review of one's own",
            spec(json!({"review": {"state": "Approved"}})),
            r#"unknown field "spec.review""#,
        ),
    ];
    all_refused(Who::Alice, "Filing", cases).await;
}

#[tokio::test]
async fn malformed_domains_are_refused() {
    let give = "give a domain such as shop.example.cn";
    let long = format!("{}.cn", ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(68)].join("."));
    let label = format!("{}.cn", "a".repeat(64));
    let cases = [
        ("in upper case", "Shop.Example.cn", give),
        ("with a scheme", "https://shop.example.cn", give),
        ("with a port", "shop.example.cn:443", give),
        ("with a path", "shop.example.cn/index", give),
        ("with a final dot", "shop.example.cn.", give),
        ("with a dot in front", ".example.cn", give),
        ("with two dots", "shop..example.cn", give),
        ("with a star", "*.example.cn", give),
        ("with a space", "shop .example.cn", give),
        ("with an underscore", "my_shop.example.cn", give),
        ("with a dash in front", "-shop.example.cn", give),
        ("with a dash at the end", "shop-.example.cn", give),
        ("of one label", "localhost", give),
        ("in characters", "商店.中国", give),
        ("that is an address", "203.0.113.7", give),
        ("that is an e-mail address", "info@example.cn", give),
        ("with a label too long", label.as_str(), give),
        ("of several lines", "shop.example.cn\nother.example.cn", give),
        ("too long", long.as_str(), "may not be more than 253 bytes"),
        ("that is empty", "", "should be at least 1 chars long"),
    ];
    let cases = cases.map(|(what, domain, why)| (what, spec(json!({"website": {"domain": domain}})), why));
    all_refused(Who::Alice, "Filing", cases.to_vec()).await;
}
