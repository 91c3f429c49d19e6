//! The election on virtual time, with a server that breaks in every way there is.
#![expect(clippy::unchecked_time_subtraction, reason = "of constants")]

#[path = "../../../tests/simulate/rng.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod rng;
mod server;

use futures::FutureExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::super::lease::{LEASE, RENEW_DEADLINE, RENEW_PERIOD, RETRY_PERIOD};
use super::*;
use rng::Rng;
use server::{Line, Server};

/// The pace at which a test looks.
const TICK: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);

/// A candidate at work, on a line of its own.
struct Rival {
    leadership: Leadership,
    retire: CancellationToken,
    task: JoinHandle<()>,
}

fn join(server: &Server, name: &str) -> Rival {
    let (announcer, leadership) = channel();
    let lease = LeaseName { namespace: "n".to_owned(), name: "l".to_owned() };
    let election = Election::new(server.client(), lease, name.to_owned(), announcer, Meter::default());
    let retire = CancellationToken::new();
    Rival { leadership, task: tokio::spawn(election.run(retire.clone())), retire }
}

impl Rival {
    fn leads(&self) -> bool {
        self.leadership.is_held()
    }

    /// How long it takes until it leads.
    async fn gains(&mut self) -> Duration {
        let since = Instant::now();
        timeout(Duration::from_mins(2), self.leadership.gained()).await.expect("it leads");
        since.elapsed()
    }

    /// How long it takes until it leads no more.
    async fn loses(&mut self) -> Duration {
        let since = Instant::now();
        timeout(Duration::from_mins(2), self.leadership.lost()).await.expect("it leads no more");
        assert!(!self.leads());
        since.elapsed()
    }

    async fn retires(self) {
        self.retire.cancel();
        timeout(CALL + TICK, self.task).await.expect("it ends in time").expect("it does not panic");
    }

    fn dies(self) {
        self.task.abort();
    }

    fn role(&self) -> String {
        self.leadership.role().unwrap_or_else(|why| format!("barred: {why}"))
    }
}

/// A server and two candidates, the first of which leads.
async fn two() -> (Server, Rival, Rival) {
    let server = Server::default();
    let mut first = join(&server, "first");
    first.gains().await;
    let second = join(&server, "second");
    sleep(3 * SECOND).await;
    (server, first, second)
}

fn held(holder: &str, renewed: &str) -> Value {
    json!({
        "holderIdentity": holder, "renewTime": renewed, "acquireTime": renewed,
        "leaseDurationSeconds": 15, "leaseTransitions": 3,
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_the_other_stands_by_without_a_write() {
    let (server, first, second) = two().await;
    let before = server.writes(0).len();
    sleep(Duration::from_mins(10)).await;
    assert!(first.leads() && !second.leads());
    assert_eq!((first.role().as_str(), second.role().as_str()), ("ok: leads", "ok: standby, first leads"));
    assert_eq!(server.writes(1), []);
    let renewals = server.writes(0).len() - before;
    assert!((290..=300).contains(&renewals), "{renewals} renewals in ten minutes");
    assert_eq!(server.spec()["leaseTransitions"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_released_is_taken_at_the_next_look() {
    let (server, first, mut second) = two().await;
    first.retires().await;
    assert_eq!(server.spec()["holderIdentity"], Value::Null);
    let waited = second.gains().await;
    assert!(waited <= RETRY_PERIOD + TICK, "{waited:?}");
    assert_eq!(server.spec()["leaseTransitions"], 1);
    // The second released it too, so a newcomer leads at once.
    second.retires().await;
    assert!(join(&server, "third").gains().await < TICK);
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_retires_leaves_the_lease_alone() {
    let (server, first, second) = two().await;
    second.retires().await;
    assert_eq!(server.writes(1), []);
    sleep(SECOND).await;
    assert!(first.leads());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_followed_when_its_record_was_unchanged_for_long_enough() {
    let (server, first, mut second) = two().await;
    let renewed = *server.writes(0).last().expect("a renewal");
    first.dies();
    second.gains().await;
    let waited = renewed.elapsed();
    assert!((LEASE..=LEASE + RETRY_PERIOD + TICK).contains(&waited), "{waited:?}");
    assert_eq!(server.spec()["holderIdentity"], "second");
    assert_eq!(server.spec()["leaseTransitions"], 1);
}

/// Whatever the record of somebody dead says, it is taken after the same time; what names nobody is taken at once.
#[tokio::test(start_paused = true)]
async fn garbage_in_the_record_makes_nobody_wait_longer_or_less_long() {
    let with = |change: Value| {
        let mut spec = held("other", "2026-01-01T00:00:00.000000Z");
        for (field, value) in change.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        spec
    };
    let of_somebody = [
        held("other", "2026-01-01T00:00:00.000000Z"),
        held("other", "1970-01-01T00:00:00.000000Z"),
        // Later than a library can tell, and not a time at all.
        held("other", "9999-12-31T23:59:59.999999Z"),
        held("other", "yesterday"),
        with(json!({"renewTime": null, "acquireTime": null})),
        with(json!({"leaseDurationSeconds": i32::MAX, "leaseTransitions": i32::MAX})),
        with(json!({"leaseDurationSeconds": -1, "leaseTransitions": i32::MIN})),
        with(
            json!({"leaseDurationSeconds": 0, "strategy": "OldestEmulationVersion", "preferredHolder": "x"}),
        ),
        json!({"holderIdentity": " "}),
        json!({"holderIdentity": "x".repeat(100_000)}),
    ];
    let of_nobody =
        [Value::Null, json!({}), json!({"holderIdentity": ""}), with(json!({"holderIdentity": null}))];
    let all = of_somebody
        .iter()
        .map(|spec| (spec, LEASE))
        .chain(of_nobody.iter().map(|spec| (spec, Duration::ZERO)));
    for (spec, expected) in all {
        let server = Server::default();
        server.put(spec.clone());
        let mut rival = join(&server, "me");
        let waited = rival.gains().await;
        assert!((expected..expected + 2 * TICK).contains(&waited), "{waited:?} for {spec:.200}");
        let now = server.spec();
        assert_eq!(
            (&now["holderIdentity"], &now["leaseDurationSeconds"]),
            (&json!("me"), &json!(15)),
            "{spec:.200}"
        );
        assert!(now["leaseTransitions"].as_i64().is_some_and(|n| n >= 0), "{now}");
        assert_eq!((&now["strategy"], &now["preferredHolder"]), (&Value::Null, &Value::Null));
        rival.retires().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_renews_is_believed_however_wrong_its_clock_is_and_a_label_is_no_renewal() {
    let server = Server::default();
    server.put(held("other", "2026-01-01T00:00:00.000000Z"));
    let mut rival = join(&server, "me");
    for n in 0..60 {
        // Backwards, a year at a time.
        server.put(held("other", &format!("{}-01-01T00:00:00.000000Z", 2025 - n)));
        sleep(LEASE - SECOND - TICK).await;
        assert!(!rival.leads());
    }
    let since = Instant::now();
    for n in 0..10 {
        server.label(n);
        sleep(SECOND).await;
    }
    rival.gains().await;
    assert!(since.elapsed() <= LEASE + RETRY_PERIOD, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_is_deleted_or_emptied_or_labelled_leads_on() {
    let server = Server::default();
    let mut rival = join(&server, "me");
    rival.gains().await;
    for round in 0..30 {
        match round % 3 {
            0 => server.delete(),
            1 => server.put(Value::Null),
            _ => server.label(round),
        }
        for _ in 0..250 {
            sleep(TICK).await;
            assert!(rival.leads(), "round {round}");
        }
        assert_eq!(server.spec()["holderIdentity"], "me");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stolen_lease_is_noticed_at_the_next_renewal_and_won_back_when_the_thief_is_gone() {
    let (server, mut first, _second) = two().await;
    server.put(held("thief", "2026-01-01T00:00:00.000000Z"));
    let waited = first.loses().await;
    assert!(waited <= RENEW_PERIOD + TICK, "{waited:?}");
    assert_eq!(first.role(), "ok: standby, thief leads");
    let waited = timeout(LEASE + RETRY_PERIOD, async {
        while server.spec()["holderIdentity"] == "thief" {
            sleep(TICK).await;
        }
    });
    waited.await.expect("the thief is dead, and a lease of the dead expires");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_loses_nothing() {
    for line in [Line::Deaf, Line::Liar] {
        // Of the write that takes the lease.
        let server = Server::default();
        server.put(held("other", "2026-01-01T00:00:00.000000Z"));
        let mut rival = join(&server, "me");
        sleep(LEASE - TICK).await;
        server.set(0, line);
        sleep(2 * TICK).await;
        assert!(server.spec()["holderIdentity"] == "me" && !rival.leads());
        server.set(0, Line::Good);
        let waited = rival.gains().await;
        assert!(waited <= CALL + RETRY_PERIOD, "{waited:?}");
        // Of a renewal, again and again.
        for _ in 0..10 {
            server.set(0, line);
            sleep(RENEW_PERIOD).await;
            server.set(0, Line::Good);
            sleep(CALL + RETRY_PERIOD).await;
            assert!(rival.leads(), "{line:?}");
        }
        assert_eq!(server.spec()["leaseTransitions"], 4, "it never changed hands");
        // Of the release.
        server.set(0, Line::Liar);
        rival.retire.cancel();
        sleep(TICK).await;
        assert_eq!(server.spec()["holderIdentity"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_before_the_renewal_was_sent() {
    let server = Server::default();
    let mut rival = join(&server, "me");
    rival.gains().await;
    // Each half of the way takes a second.
    server.set(0, Line::Slow(SECOND));
    let carried_out = server.writes(0).len() + 2;
    while server.writes(0).len() < carried_out {
        sleep(TICK).await;
    }
    let sent = *server.writes(0).last().expect("a renewal") - SECOND;
    sleep(SECOND).await;
    server.set(0, Line::Silent);
    rival.loses().await;
    let led = sent.elapsed();
    assert!((RENEW_DEADLINE - TICK..=RENEW_DEADLINE + 2 * TICK).contains(&led), "{led:?}");
    // And leads again without a restart as soon as the line is good again.
    server.set(0, Line::Good);
    let waited = rival.gains().await;
    assert!(waited <= CALL + RETRY_PERIOD, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_wait_is_asked_less_often_and_in_time() {
    let (server, first, _second) = two().await;
    server.set(0, Line::Says(429));
    sleep(RENEW_DEADLINE - LONGEST_PAUSE - RENEW_PERIOD).await;
    server.set(0, Line::Good);
    for _ in 0..500 {
        sleep(TICK).await;
        assert!(first.leads());
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_use_the_lease_says_so_and_takes_part_when_it_may() {
    for (code, words) in [(403, "Bind the Role"), (404, "is there a namespace n?"), (401, "Bind the Role")] {
        let server = Server::default();
        let mut rival = join(&server, "me");
        server.set(0, Line::Says(code));
        sleep(SECOND).await;
        assert!(rival.role().starts_with("barred: ") && rival.role().contains(words), "{}", rival.role());
        server.set(0, Line::Good);
        assert!(rival.gains().await <= LONGEST_PAUSE);
        // A leader that loses its rights leads until its deadline.
        server.set(0, Line::Says(code));
        sleep(RENEW_DEADLINE - RENEW_PERIOD - TICK).await;
        assert!(rival.leads());
        rival.loses().await;
        sleep(LONGEST_PAUSE + TICK).await;
        assert!(rival.role().contains(words), "{}", rival.role());
    }
}

/// Three candidates, each on a line that breaks at random, one of which dies or retires now and then: never do two
/// lead, and when all lines are good one does.
#[tokio::test(start_paused = true)]
async fn whatever_breaks_two_never_lead_and_in_the_end_one_does() {
    let seed = std::env::var("ELECTION_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut chance = Rng::new(seed);
    let server = Server::default();
    let mut rivals: Vec<Rival> = (0..3).map(|n| join(&server, &format!("r{n}"))).collect();
    let mut lines = [0, 1, 2];
    let (mut next, mut led) = (3, 0);
    for year in 2000..2600 {
        let one = chance.below(3);
        match chance.below(12) {
            0 => server.put(held("thief", &format!("{year}-01-01T00:00:00.000000Z"))),
            1 => {
                // What is under way when one is killed may still be carried out.
                std::mem::replace(&mut rivals[one], join(&server, &format!("r{next}"))).dies();
                lines[one] = next;
                next += 1;
            }
            2 => {
                let gone = std::mem::replace(&mut rivals[one], join(&server, &format!("r{next}")));
                gone.retire.cancel();
                lines[one] = next;
                next += 1;
            }
            _ => {
                let how = [
                    Line::Good,
                    Line::Good,
                    Line::Slow(Duration::from_millis(700)),
                    Line::Silent,
                    Line::Deaf,
                    Line::Liar,
                    Line::Says(429),
                    Line::Says(500),
                    Line::Says(409),
                    Line::Says(403),
                    Line::Babbles,
                ];
                server.set(lines[one], how[chance.below(how.len())]);
            }
        }
        for _ in 0..chance.below(80) {
            sleep(10 * TICK).await;
            let leaders = rivals.iter().filter(|rival| rival.leads()).count();
            assert!(leaders < 2, "two lead; ELECTION_SEED={seed}");
            led += leaders;
        }
    }
    assert!(led > 2_000, "{led}; ELECTION_SEED={seed}");
    for line in lines {
        server.set(line, Line::Good);
    }
    sleep(LEASE + CALL + 2 * RETRY_PERIOD).await;
    assert_eq!(rivals.iter().filter(|rival| rival.leads()).count(), 1, "ELECTION_SEED={seed}");
    assert!(rivals.iter().all(|rival| rival.task.is_finished() == rival.retire.is_cancelled()));
}

#[tokio::test(start_paused = true)]
async fn without_rivals_it_always_leads() {
    let mut alone = Leadership::alone();
    alone.gained().await;
    assert!(alone.is_held() && alone.lost().now_or_never().is_none());
    assert_eq!(alone.role(), Ok("ok".to_owned()));
    assert!(timeout(Duration::from_hours(1), alone.lost()).await.is_err());
}
