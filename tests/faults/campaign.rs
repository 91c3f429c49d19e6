//! Plays many plans: so many at a time, on a control plane that is judged and replaced when it has seen enough, with
//! progress and a table. Which plans they are is for `sweeps`.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use tokio::task::JoinHandle;

use crate::crew::play_alone;
use crate::lab::Lab;
use crate::people::People;
use crate::plan::{Election, Plan};
use crate::rig::{Played, Shared};
use crate::table::Table;

/// How many tenants one operator serves at a time.
const TENANTS: usize = 160;
/// How many tenants with operators of their own are there at a time.
const CREWS: usize = 28;
/// The same where a lease has to expire, which is a time in which nothing happens.
const PATIENT_CREWS: usize = 70;
/// How many plans one control plane sees: every operator that is started lists the whole ledger.
const PLANS: usize = 1000;
/// How often it is said how far it is.
const PROGRESS: Duration = Duration::from_secs(15);

/// A run of sweeps.
#[derive(Default)]
pub struct Campaign {
    lab: Option<(Lab, People)>,
    /// How many plans the lab has seen.
    seen: usize,
    /// The lab before, which is being judged.
    ending: Option<JoinHandle<Vec<String>>>,
    /// What was wrong when a lab or its operators ended.
    wrong: Vec<String>,
    all: Table,
}

impl Campaign {
    /// Plays plans, and gives what came of them.
    pub async fn play(&mut self, title: &str, mut plans: Vec<Plan>) -> Vec<Played> {
        let (since, total) = (Instant::now(), plans.len());
        let mut table = Table::default();
        let mut played = Vec::new();
        let mut said = Instant::now();
        while !plans.is_empty() {
            if self.seen >= PLANS {
                self.retire().await;
            }
            if self.lab.is_none() {
                let lab = Lab::start().await;
                let people = People::new(&lab.cluster).await;
                self.lab = Some((lab, people));
            }
            let Some((lab, people)) = &self.lab else { continue };
            let batch: Vec<Plan> = plans.drain(..plans.len().min(PLANS - self.seen)).collect();
            self.seen += batch.len();
            let (alone, shared): (Vec<_>, Vec<_>) = batch.into_iter().partition(Plan::is_private);
            let mut add = |one: Played| {
                table.add(&one);
                played.push(one);
                if said.elapsed() > PROGRESS {
                    said = Instant::now();
                    let (done, wrong) = (played.len(), table.wrong());
                    let each =
                        since.elapsed().as_secs_f64() / f64::from(u32::try_from(done).unwrap_or(u32::MAX));
                    eprintln!("{title}: {done} of {total}, {:.1} a second, {wrong} wrong", each.recip());
                }
            };
            for operators in 1..=3 {
                let plans: Vec<_> =
                    shared.iter().filter(|plan| plan.operators == operators).cloned().collect();
                if plans.is_empty() {
                    continue;
                }
                let rig = Shared::start(lab, people, operators).await;
                let mut playing = stream::iter(plans).map(|plan| rig.play(plan)).buffer_unordered(TENANTS);
                while let Some(one) = playing.next().await {
                    add(one);
                }
                drop(playing);
                self.wrong.extend(rig.end().await);
            }
            let patient = alone.iter().any(|plan| plan.election == Election::On);
            let playing = stream::iter(alone).map(|plan| play_alone(lab, people, plan));
            let mut playing = playing.buffer_unordered(if patient { PATIENT_CREWS } else { CREWS });
            while let Some(one) = playing.next().await {
                add(one);
            }
        }
        eprintln!("{title}, in {} s:\n{table}\n", since.elapsed().as_secs());
        self.all.merge(table);
        played
    }

    /// Has the lab judged, beside what comes next.
    async fn retire(&mut self) {
        self.seen = 0;
        let Some((lab, _)) = self.lab.take() else { return };
        let runtime = tokio::runtime::Handle::current();
        let next = tokio::task::spawn_blocking(move || runtime.block_on(lab.conclude()));
        if let Some(before) = self.ending.replace(next) {
            self.judged(before).await;
        }
    }

    async fn judged(&mut self, ending: JoinHandle<Vec<String>>) {
        let wrong = ending.await.unwrap_or_else(|error| vec![format!("a lab was not judged: {error}")]);
        if let Some(first) = wrong.first() {
            eprintln!("{} things were wrong with a lab: {first}", wrong.len());
        }
        self.wrong.extend(wrong);
    }

    /// Judges what is left, and gives the table of everything.
    pub async fn end(mut self) -> Table {
        self.retire().await;
        if let Some(last) = self.ending.take() {
            self.judged(last).await;
        }
        self.all.blame(&self.wrong);
        self.all
    }
}
