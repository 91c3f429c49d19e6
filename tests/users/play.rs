//! Plays sequences, many at a time on one server as tenants of the same operators, and judges what came of each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;

use crate::act::{Act, Person, Sequence};
use crate::expected::View;
use crate::lab::Lab;
use crate::mirror::Objects;
use crate::people::People;
use crate::plan::Kind;
use crate::rig::Rig;
use crate::said::answered;
use crate::stage::Stage;

/// Plays sequences that have the same operators, at the same time, and gives what went wrong in each. Whatever
/// takes longer than the limit to become as it should goes wrong.
pub async fn play(
    lab: &'static Lab,
    people: &People,
    sequences: &[Sequence],
    limit: Duration,
) -> Vec<Vec<String>> {
    let Some(first) = sequences.first() else { return Vec::new() };
    let _turn = lab.turn().await;
    let rig = Rig::start(lab, &first.operators).await;
    let stages = join_all(sequences.iter().map(|_| Stage::new(lab, people, limit))).await;
    let mut problems = perform(&rig, &stages, sequences).await;
    // Nothing is left of a sequence that went well but its records: the next ones are not slower for it.
    let leaving = stages.iter().zip(&mut problems).map(|(stage, problems)| async {
        if problems.is_empty() {
            problems.extend(stage.leave().await.err());
            let left = stage.until(|objects| settled(objects, stage)).await;
            problems.extend(left.err().map(|why| format!("after everything was deleted: {why}")));
        }
    });
    join_all(leaving).await;
    rig.end().await;
    let (violations, lies) = (lab.oracle.violations().await, lab.mirror.lies());
    for (stage, problems) in stages.iter().zip(&mut problems) {
        problems.extend(violations.iter().chain(&lies).filter(|text| has_word(text, &stage.token)).cloned());
    }
    problems
}

/// Plays each sequence on its stage until everything is answered as it has to be, and gives what went wrong.
pub async fn perform(rig: &Rig, stages: &[Stage], sequences: &[Sequence]) -> Vec<Vec<String>> {
    let half = sequences.iter().map(|sequence| sequence.rounds.len()).sum::<usize>().div_ceil(2);
    let over = AtomicUsize::new(0);
    let played = stages.iter().zip(sequences).map(|(stage, sequence)| {
        let over = &over;
        async move {
            for round in &sequence.rounds {
                play_round(rig, stage, &round.acts).await?;
                if round.rest {
                    let rest = stage.until(|objects| rest(objects, stage)).await;
                    rest.map_err(|why| format!("no rest: {why}"))?;
                }
                if over.fetch_add(1, Ordering::Relaxed) + 1 == half {
                    rig.half_over();
                }
            }
            Ok(())
        }
    });
    let played = join_all(played).await;
    rig.right();
    let judged = stages.iter().zip(played).map(|(stage, played)| async {
        match played {
            Err(why) => vec![why],
            Ok(()) => stage.until(|objects| settled(objects, stage)).await.err().into_iter().collect(),
        }
    });
    join_all(judged).await
}

/// Each person does theirs in order, beside the others.
async fn play_round(rig: &Rig, stage: &Stage, acts: &[Act]) -> Result<(), String> {
    let mut people: BTreeMap<Person, Vec<&Act>> = BTreeMap::new();
    for act in acts {
        people.entry(act.person()).or_default().push(act);
    }
    let busy = people.values().map(|acts| async move {
        for act in acts {
            match act {
                Act::Kill { operator } => rig.kill(*operator).await,
                act => stage.act(act).await?,
            }
        }
        Ok(())
    });
    join_all(busy).await.into_iter().collect()
}

/// Everything is answered, whatever the answers are.
fn rest(objects: &Objects, stage: &Stage) -> Result<(), String> {
    for kind in [Kind::Instance, Kind::Request, Kind::Filing] {
        for home in [crate::act::Home::First, crate::act::Home::Second] {
            for (name, object) in objects.all(kind, &format!("{}/", stage.namespace(home))) {
                answered(object).map_err(|why| format!("{kind:?} {name} {why}"))?;
            }
        }
    }
    Ok(())
}

/// Everything is answered as it has to be.
fn settled(objects: &Objects, stage: &Stage) -> Result<(), String> {
    let wrong = View::of(objects, &stage.token, Timestamp::now()).wrong();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// Whether a text has a word in it.
pub fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word)
}
