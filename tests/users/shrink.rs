//! Makes a failing sequence shorter, then simpler: acts are taken out in ever smaller parts, then each is put in
//! plainer words. Candidates are tried many at a time, which a shrinker that asks for one answer after the other
//! (proptest's) cannot do, and each answer takes seconds.

use crate::act::{Act, Clock, Round, Sequence, Source, Term};

/// How many candidates are tried at a time.
const AT_A_TIME: usize = 12;

/// The shortest sequence that still fails, as far as the attempts last.
pub async fn shrunk(
    failing: Sequence,
    mut attempts: usize,
    mut fails: impl AsyncFnMut(&[Sequence]) -> Vec<bool>,
) -> Sequence {
    let mut best = failing;
    let mut parts = 2;
    loop {
        let count = best.acts();
        let mut candidates = if parts <= count { shorter(&best, parts) } else { simpler(&best) };
        let simplifying = parts > count;
        let mut found = None;
        while found.is_none() && !candidates.is_empty() && attempts > 0 {
            attempts -= 1;
            let some: Vec<_> = candidates.drain(..candidates.len().min(AT_A_TIME)).collect();
            let failed = fails(&some).await;
            let failed =
                some.into_iter().zip(failed).filter_map(|(candidate, failed)| failed.then_some(candidate));
            found = failed.min_by_key(Sequence::acts);
        }
        match found {
            Some(smaller) => {
                best = smaller;
                parts = if simplifying { best.acts() + 1 } else { parts.min(best.acts()).max(2) };
            }
            None if attempts == 0 || simplifying => return best,
            None => parts = (parts * 2).min(count.max(1)).max(parts + 1),
        }
    }
}

/// The sequence without each of that many parts of its acts.
fn shorter(sequence: &Sequence, parts: usize) -> Vec<Sequence> {
    let count = sequence.acts();
    let size = count.div_ceil(parts);
    let without = |from: usize| {
        let mut at = 0;
        let mut shorter = sequence.clone();
        for round in &mut shorter.rounds {
            round.acts.retain(|_| {
                at += 1;
                !(from..from + size).contains(&(at - 1))
            });
        }
        // A round without acts still is a rest.
        shorter.rounds.retain(|round| !round.acts.is_empty() || round.rest);
        shorter
    };
    (0..count).step_by(size).map(without).collect()
}

/// The sequence with one thing put in plainer words.
fn simpler(sequence: &Sequence) -> Vec<Sequence> {
    let mut all = Vec::new();
    let mut put = |change: &dyn Fn(&mut Sequence)| {
        let mut plainer = sequence.clone();
        change(&mut plainer);
        if plainer != *sequence {
            all.push(plainer);
        }
    };
    put(&|s| s.operators.truncate(1));
    put(&|s| s.operators.fill(Clock::Right));
    put(&|s| s.rounds = one_by_one(&s.rounds));
    for (at, round) in sequence.rounds.iter().enumerate() {
        put(&|s| s.rounds[at].rest = false);
        for (of, act) in round.acts.iter().enumerate() {
            if let Some(plainer) = plainer(act) {
                put(&|s| s.rounds[at].acts[of] = plainer.clone());
            }
        }
    }
    all
}

/// One act after the other, with a rest behind each.
fn one_by_one(rounds: &[Round]) -> Vec<Round> {
    let acts = rounds.iter().flat_map(|round| &round.acts);
    acts.map(|act| Round { acts: vec![act.clone()], rest: true }).collect()
}

fn plainer(act: &Act) -> Option<Act> {
    let mut plainer = act.clone();
    match &mut plainer {
        Act::Class { asks, suspend, .. } => {
            asks.clear();
            *suspend = false;
        }
        Act::Instance { term, flaws, .. } => {
            flaws.clear();
            *term = Term::Long;
        }
        Act::Request { grant, .. } => *grant = false,
        Act::Filing { domain, source: Source::Request(_) | Source::NumberOf(..), .. } => *domain = 0,
        Act::Filing { submit, .. } => *submit = false,
        _ => {}
    }
    (plainer != *act).then_some(plainer)
}

#[tokio::test]
async fn what_a_failure_needs_is_found_among_everything_else() {
    for seed in 0..20 {
        let whole = crate::generate::sequence(seed);
        let drops = |s: &Sequence| {
            s.rounds.iter().flat_map(|r| &r.acts).filter(|act| matches!(act, Act::Drop { .. })).count()
        };
        let wanted = drops(&whole).min(2);
        let fails = async |some: &[Sequence]| some.iter().map(|s| drops(s) >= wanted).collect();
        let found = shrunk(whole, 200, fails).await;
        assert_eq!((found.acts(), drops(&found)), (wanted, wanted), "seed {seed}: {found}");
    }
}
