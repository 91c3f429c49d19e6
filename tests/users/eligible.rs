//! Why an instance does not qualify, read from manifests alone: the table of the README and `docs/api.md`, written
//! down a second time. No rule of the product is called.

use std::collections::BTreeSet;

use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// Reasons.
pub type Reasons = BTreeSet<&'static str>;

/// Every reason that holds for an instance at a time.
pub fn reasons(instance: &Value, class: Option<&Value>, is_duplicate: bool, now: Timestamp) -> Reasons {
    let spec = &instance["spec"];
    let mut reasons = Reasons::new();
    let mut hold = |reason, holds: bool| {
        if holds {
            reasons.insert(reason);
        }
    };
    let term = term(spec);
    hold("DuplicateInstance", is_duplicate);
    hold("SubscriptionNotStarted", term.is_some_and(|(start, _)| now < start));
    hold("SubscriptionExpired", is_expired(spec, now));
    hold("InstanceStopped", spec["state"] == "Stopped");
    hold("InstanceReleased", spec["state"] == "Released");
    let Some(class) = class else {
        hold("ClassNotFound", true);
        return reasons;
    };
    let asks = &class["spec"]["requirements"];
    hold("ProviderNotSupported", spec["provider"] != class["spec"]["provider"]);
    hold("RegionNotSupported", !region_is_allowed(&asks["regions"], spec["region"].as_str().unwrap_or("")));
    let methods = asks["billingMethods"].as_array().filter(|methods| !methods.is_empty());
    hold(
        "BillingMethodNotSupported",
        methods.is_some_and(|methods| !methods.contains(&spec["billingMethod"])),
    );
    if let Some(months) = asks["minMonthsPurchased"].as_i64() {
        hold("TooFewMonthsPurchased", term.is_none_or(|(start, end)| later(start, months) > end));
    }
    if let Some(months) = asks["minMonthsRemaining"].as_i64() {
        hold("TooFewMonthsRemaining", term.is_none_or(|(_, end)| now > later(end, -months)));
    }
    let network = &spec["publicNetwork"];
    let falls_short =
        |has: &Value, asked: &Value| asked.as_i64().is_some_and(|asked| has.as_i64().unwrap_or(0) < asked);
    hold("NoPublicBandwidth", falls_short(&network["bandwidthMbps"], &asks["minBandwidthMbps"]));
    let addresses = network["addresses"].as_array().map_or(0, Vec::len);
    hold("NoPublicAddress", asks["publicAddress"] == true && addresses == 0);
    let order = &spec["firstOrder"];
    hold("FirstOrderTooShort", falls_short(&order["months"], &asks["minFirstOrderMonths"]));
    hold("FirstOrderTooSmall", falls_short(&order["amountYuan"], &asks["minFirstOrderYuan"]));
    reasons
}

/// Why a number of an instance is void, as far as a declaration of it says.
pub fn void(instance: &Value, now: Timestamp) -> Reasons {
    let spec = &instance["spec"];
    let expired = is_expired(spec, now).then_some("SubscriptionExpired");
    let released = (spec["state"] == "Released").then_some("InstanceReleased");
    expired.into_iter().chain(released).collect()
}

fn is_expired(spec: &Value, now: Timestamp) -> bool {
    spec["state"] == "Expired" || term(spec).is_some_and(|(_, end)| now >= end)
}

fn term(spec: &Value) -> Option<(Timestamp, Timestamp)> {
    let time = |field: &str| spec["subscription"][field].as_str()?.parse::<Timestamp>().ok();
    Some((time("startTime")?, time("expirationTime")?))
}

/// Calendar months later in China, or earlier.
fn later(time: Timestamp, months: i64) -> Timestamp {
    let china = TimeZone::fixed(k8s_openapi::jiff::tz::offset(8));
    let end = if months < 0 { Timestamp::MIN } else { Timestamp::MAX };
    time.to_zoned(china).checked_add(months.months()).map_or(end, |zoned| zoned.timestamp())
}

fn region_is_allowed(regions: &Value, region: &str) -> bool {
    let named = |list: &str| {
        let patterns = regions[list].as_array().into_iter().flatten().filter_map(Value::as_str);
        patterns.filter(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => region.starts_with(beginning),
            None => *pattern == region,
        })
    };
    let allows_all = regions["allowed"].as_array().is_none_or(Vec::is_empty);
    (allows_all || named("allowed").count() > 0) && named("denied").count() == 0
}
