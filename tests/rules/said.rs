//! A status that somebody else gave is told from everything that may change a decision.

use icp_filing_operator::{
    api::{Filing, FilingStatus, Review, ReviewState},
    rules::world::{Observation, Seen, Work, World},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::things::{Things, by_request, filing, kept, key, time};

/// A filing as a watch shows it at a revision, with a status that speaks of a generation.
fn shown(revision: &str, generation: Option<i64>) -> Filing {
    let mut filing = filing("site", by_request("r"));
    filing.metadata.resource_version = Some(revision.to_owned());
    filing.status = Some(FilingStatus { observed_generation: generation, ..FilingStatus::default() });
    filing
}

fn heard(world: &World, filing: Filing) -> Option<Work> {
    world.only_said(&Observation::Filing(Seen::Applied(kept(filing))))
}

#[test]
fn a_new_status_alone_is_somebody_elses_word() {
    let world = Things { filings: vec![shown("1", Some(1))], ..Things::default() }.world();
    assert_eq!(heard(&world, shown("2", Some(1))), Some(Work::Filing(key("site"))));
    // Who owns which field is no word of its own.
    let mut owned = shown("2", Some(1));
    owned.metadata.managed_fields = Some(Vec::new());
    assert_eq!(heard(&world, owned), Some(Work::Filing(key("site"))));
}

#[test]
fn what_may_change_a_decision_is_more_than_a_word() {
    let world = Things { filings: vec![shown("1", Some(1))], ..Things::default() }.world();
    assert_eq!(heard(&world, shown("1", Some(1))), None, "it is what is known");
    assert_eq!(heard(&world, shown("2", None)), None, "it was wiped");
    let mut annotated = shown("2", Some(1));
    annotated.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into());
    assert_eq!(heard(&world, annotated), None);
    let mut again = shown("2", Some(1));
    again.metadata.uid = Some("another".to_owned());
    assert_eq!(heard(&world, again), None);
    let mut edited = shown("2", Some(1));
    edited.metadata.generation = Some(9);
    assert_eq!(heard(&world, edited), None);
    for change in [
        |filing: &mut Filing| filing.metadata.deletion_timestamp = Some(time("2026-02-01T00:00:00Z")),
        |filing: &mut Filing| filing.metadata.creation_timestamp = Some(time("2026-02-01T00:00:00Z")),
        |filing: &mut Filing| filing.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()),
        |filing: &mut Filing| filing.metadata.finalizers = Some(vec!["a/b".to_owned()]),
        |filing: &mut Filing| filing.metadata.owner_references = Some(vec![OwnerReference::default()]),
    ] {
        let mut changed = shown("2", Some(1));
        change(&mut changed);
        assert_eq!(heard(&world, changed.clone()), None, "{changed:?}");
    }
    let mut reviewed = shown("2", Some(1));
    if let Some(status) = &mut reviewed.status {
        let record_name = "instance.i-1-0".to_owned();
        status.review =
            Some(Review { record_name, state: ReviewState::InReview, icp_number: None, message: None });
    }
    assert_eq!(heard(&world, reviewed), None);
    assert_eq!(heard(&Things::default().world(), shown("2", Some(1))), None, "it is new");
}
