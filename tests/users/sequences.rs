//! Random sequences: a selection of seeds in every test run, more where the environment asks for them. A failing
//! one is shrunk and printed with the command that replays it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::act::{Clock, REPLAY, SEED, Sequence};
use crate::fixture::must;
use crate::generate;
use crate::history;
use crate::lab::{Lab, lab};
use crate::operator_process::Operator;
use crate::people::People;
use crate::play::play;
use crate::shrink::shrunk;

/// What replays one, with the variable in front.
const COMMAND: &str = "cargo test --locked --test users whatever_users_do -- --nocapture";
/// How many are played: `all`, a count, or absent for a selection.
const MORE: &str = "USERS";
/// The seeds of the selection.
const SELECTION: u64 = 36;
/// The seeds of all.
const ALL: u64 = 300;
/// How many are played at a time.
const AT_A_TIME: usize = 16;
/// How long anything may take, on a machine that is busy with other things.
const PATIENT: Duration = Duration::from_mins(2);
/// The same where a sequence is expected to fail.
const IMPATIENT: Duration = Duration::from_secs(20);
/// How often candidates for a shorter sequence are played.
const ATTEMPTS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_users_do_the_ledger_holds_and_everything_settles() {
    let lab = lab().await;
    let people = People::new(lab.cluster).await;
    let since = Instant::now();
    let mut by_operators: BTreeMap<Vec<Clock>, Vec<(String, Sequence)>> = BTreeMap::new();
    for (name, sequence) in chosen() {
        by_operators.entry(sequence.operators.clone()).or_default().push((name, sequence));
    }
    let (mut count, mut acts) = (0, 0);
    for (operators, some) in by_operators {
        for some in some.chunks(AT_A_TIME) {
            let (begun, before) = (Instant::now(), changes(lab).await);
            let sequences: Vec<_> = some.iter().map(|(_, sequence)| sequence.clone()).collect();
            let problems = play(lab, &people, &sequences, PATIENT).await;
            count += some.len();
            let done: usize = sequences.iter().map(Sequence::acts).sum();
            acts += done;
            let (took, writes) = (begun.elapsed(), changes(lab).await - before);
            println!("{operators:?}: {} sequences, {done} acts, {writes} writes, {took:.1?}", some.len());
            let failures = some.iter().zip(problems).filter(|(_, problems)| !problems.is_empty());
            let failures: Vec<_> = failures.collect();
            for ((name, _), problems) in &failures {
                println!("{name} {COMMAND}\nfailed:\n{}", problems.join("\n"));
            }
            if let Some(((_, sequence), problems)) = failures.first() {
                failed(lab, &people, sequence, problems).await;
            }
        }
    }
    quiet(lab).await;
    lab.sound_logs();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for (_, record) in lab.oracle.records(|_| true).await {
        *states.entry(format!("{:?}", record.state)).or_default() += 1;
    }
    println!("users: {count} sequences, {acts} acts, {:.1?}; numbers: {states:?}", since.elapsed());
}

fn chosen() -> Vec<(String, Sequence)> {
    let of_seed = |seed: u64| (format!("{SEED}={seed}"), generate::sequence(seed));
    if let Some(sequence) = Sequence::asked_for() {
        return vec![(REPLAY.to_owned(), sequence)];
    }
    let asked = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(seed) = asked(SEED) {
        return vec![of_seed(must(SEED, seed.parse()))];
    }
    let count = match asked(MORE).as_deref() {
        None => SELECTION,
        Some("all") => ALL,
        Some(count) => must(MORE, count.parse()),
    };
    (0..count).map(of_seed).collect()
}

/// Shortens a sequence that failed and ends the test with it.
async fn failed(lab: &'static Lab, people: &People, sequence: &Sequence, problems: &[String]) {
    println!("making it shorter: {sequence}");
    let fails = async |candidates: &[Sequence]| {
        let mut failed = Vec::new();
        // Candidates that are served by other operators are played apart.
        for candidates in candidates.chunk_by(|a, b| a.operators == b.operators) {
            let problems = play(lab, people, candidates, IMPATIENT).await;
            failed.extend(problems.iter().map(|problems| !problems.is_empty()));
        }
        failed
    };
    let short = shrunk(sequence.clone(), ATTEMPTS, fails).await;
    panic!("{}\n{} acts, by hand: {REPLAY}='{short}' {COMMAND}", problems.join("\n"), short.acts());
}

/// An operator that finds everything done looks at it again and again and writes nothing.
async fn quiet(lab: &'static Lab) {
    let _turn = lab.turn().await;
    let operator = Operator::start(lab.cluster, &["--resync-seconds", "1"]).await;
    let before = changes(lab).await;
    // Three rounds of looking at everything: a time that is no luck, as nothing is waited for.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let after = changes(lab).await;
    operator.finish().await;
    lab.ended(operator);
    assert_eq!(before, after, "an operator that finds everything done writes nothing");
}

/// How often anything was written up to now.
pub async fn changes(lab: &Lab) -> usize {
    let etcd = must("find etcd", lab.cluster.control_plane().etcd_endpoint());
    let mark = must("reach etcd", history::mark(etcd.trim_start_matches("http://")).await);
    must("read up to now", lab.mirror.until(mark, Duration::from_secs(30), |_| Ok(())).await);
    lab.mirror.changes()
}
