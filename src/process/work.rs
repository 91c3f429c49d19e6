//! When objects are looked at: while this process leads. What is done about them is in `controllers`.

use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use super::election::Leadership;
use crate::controllers::{
    self, Context,
    meter::Meter,
    observe,
    queue::{Adder, Queue},
};

/// What looks at objects are made with.
pub(super) struct Work {
    pub(super) context: Arc<Context>,
    pub(super) adder: Adder,
    pub(super) meter: Meter,
    pub(super) concurrency: u16,
    pub(super) leadership: Leadership,
}

impl Work {
    /// Looks at what is observed while this process leads. A standby only watches, so that it knows everything when
    /// it leads. What was begun when the lease is lost is dropped where it stands, like by a crash.
    pub(super) async fn run(self, mut queue: Queue, stop: CancellationToken) {
        let Self { context, adder, meter, concurrency, mut leadership } = self;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = leadership.gained() => {}
                () = queue.forget() => {}
            }
            adder.add(observe::everything(&context));
            let look = |work| controllers::reconcile(context.clone(), work);
            tokio::select! {
                () = queue.run(usize::from(concurrency), meter.clone(), stop.clone(), look) => return,
                () = leadership.lost() => meter.queue_dropped(),
            }
        }
    }
}
