//! The span of one look at a thing, which a trace begins with. Whether and where spans are sent is in `process`; without
//! that there are none, and nothing is spent on them.

use std::{fmt::Display, time::Duration};
use tracing::{Span, field::Empty, info_span};

use super::queue::Outcome;
use crate::rules::world::Work;

/// What every span of a trace is called after, so that logs leave them out and traces nothing else in.
pub const TARGET: &str = "icp_filing_operator::spans";

/// A span for looking at something that waited so long in the queue, since what it is about was observed.
pub(super) fn look(work: &Work, waited: Duration) -> Span {
    let (name, object): (_, &dyn Display) = match work {
        Work::Instance(object) => ("look at Instance", object),
        Work::Request(object) => ("look at ServiceNumberRequest", object),
        Work::Filing(object) => ("look at Filing", object),
        Work::Record(record) => ("look at ServiceNumber", record),
    };
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    // The macro writes the object out only where somebody takes the span: this is done for every look.
    info_span!(
        target: TARGET, parent: None, "look",
        "otel.name" = name, %object, waited_ms = waited, outcome = Empty, "otel.status_code" = Empty,
    )
}

/// Says in the current span what became of the look.
pub(super) fn looked(outcome: Outcome) {
    let span = Span::current();
    span.record("outcome", outcome.in_a_word());
    if matches!(outcome, Outcome::Failed { .. }) {
        span.record("otel.status_code", "ERROR");
    }
}
