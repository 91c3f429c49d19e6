//! The answer of an own status write, which is taken before the watch shows it, and only where nothing came between.

use icp_filing_operator::{
    api::{NumberState, ServiceNumberRequest},
    rules::world::{Observation, Seen, World},
};

use crate::things::{self, NAMESPACE, kept, key, stored};

fn request(uid: &str, revision: u64) -> ServiceNumberRequest {
    stored(things::request("r0", "i-1"), NAMESPACE, uid, revision)
}

/// What the world has of the request after an answer, where it had `seen` before.
fn after(
    seen: ServiceNumberRequest,
    observed: &ServiceNumberRequest,
    written: ServiceNumberRequest,
) -> String {
    let mut world = World::default();
    let list = Observation::Request(Seen::Listed(vec![kept(seen)]));
    world.observe(list).expect("a first list");
    world.requests.echo(&kept(observed.clone()), kept(written));
    let request = world.requests.get(&key("r0")).expect("it is there");
    format!("{} {}", request.uid().unwrap_or_default(), request.resource_version().unwrap_or_default())
}

fn said(mut request: ServiceNumberRequest) -> ServiceNumberRequest {
    request.status.get_or_insert_default().state = Some(NumberState::Issued);
    request
}

#[test]
fn an_answer_takes_the_place_of_what_it_was_decided_from() {
    assert_eq!(after(request("a", 5), &request("a", 5), said(request("a", 6))), "a 6");
}

#[test]
fn an_answer_does_not_take_the_place_of_what_was_seen_since() {
    assert_eq!(after(request("a", 7), &request("a", 5), said(request("a", 6))), "a 7");
    assert_eq!(after(request("b", 7), &request("a", 5), said(request("a", 6))), "b 7");
}

#[test]
fn an_answer_about_another_object_of_the_name_is_not_taken() {
    assert_eq!(after(request("a", 5), &request("a", 5), said(request("b", 6))), "a 5");
}
