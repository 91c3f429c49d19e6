//! What a trace and a tally call things. Nothing happens here.

use icp_filing_operator::rules::{
    filing, instance,
    life::Change,
    release, request,
    world::{Work, World},
};
use k8s_openapi::jiff::Timestamp;

use super::operator::{Answer, Call};

/// What a process decides on and why, in full.
pub fn described(world: &World, work: &Work, now: Timestamp, call: &Call) -> String {
    let step = match work {
        Work::Request(key) => format!("{:?}", request::decide(world, key, now)),
        Work::Filing(key) => format!("{:?}", filing::decide(world, key, now)),
        Work::Instance(key) => format!("{:?}", instance::decide(world, key, now)),
        Work::Record(name) => {
            format!("{:?}", world.ledger.record(name).and_then(|r| release::suspect(world, r)))
        }
    };
    format!("{} {step}", called(Some(call)))
}

pub fn called(call: Option<&Call>) -> String {
    match call {
        None => "nothing to do".to_owned(),
        Some(Call::Create(order)) => format!("CREATE {} for {:?}", order.record_name(), order.claim()),
        Some(Call::GetRecord(name)) => format!("GET {name}"),
        Some(Call::GetFiling(record, key)) => format!("GET filing {key} for {:?}", record.name()),
        Some(Call::Change(record, change)) => {
            format!("{change:?} on {:?}@{:?}", record.name(), record.metadata.resource_version)
        }
        Some(Call::SayOfRequest(of, s)) => format!(
            "STATUS of request @{:?} {:?} {:?}",
            of.metadata.resource_version, s.record_name, s.refusals
        ),
        Some(Call::SayOfFiling(of, s)) => format!(
            "STATUS of filing @{:?} {:?} {:?} {:?}",
            of.metadata.resource_version, s.record_name, s.submitted_time, s.refusals
        ),
        Some(Call::SayOfInstance(of, _)) => format!("STATUS of instance @{:?}", of.metadata.resource_version),
    }
}

pub fn brief(answer: &Answer) -> String {
    match answer {
        Answer::Record(record) => {
            format!("record @{:?}", record.as_ref().and_then(|r| r.metadata.resource_version.clone()))
        }
        Answer::Uid(uid) => format!("uid {uid:?}"),
        Answer::Request(_) | Answer::Filing(_) | Answer::Instance(_) => "done".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What is counted.
pub fn outcome(call: &Call, answer: &Answer) -> &'static str {
    match (call, answer) {
        (Call::Create(_), Answer::Record(_)) => "create",
        (Call::Create(_) | Call::Change(..), Answer::Forbidden(_)) => "write to a ledger that is held",
        (Call::Create(_), _) => "create meets a name",
        (Call::Change(_, change), Answer::Record(_)) => match change {
            Change::Bind(_) => "bind",
            Change::TakeOver(_) => "take-over",
            Change::GiveBack => "give-back",
            Change::Submit(_) => "submit",
            Change::Consume(..) => "consume",
            Change::Cancel(_) => "cancel",
        },
        (Call::Change(..), _) => "change meets a revision",
        (Call::GetRecord(_) | Call::GetFiling(..), _) => "get",
        (_, Answer::Invalid(_)) => "status refused",
        (_, Answer::Conflict | Answer::NotFound) => "status meets a revision",
        _ => "status",
    }
}
