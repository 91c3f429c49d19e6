//! The table of a sweep: scenario by fault, how often it was played and what was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::rig::{Played, is_of};

/// How many failing plans are printed in full.
const PRINTED: usize = 10;

/// What was counted of a scenario and a class of faults.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    played: usize,
    wrong: usize,
    unreached: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.played > 0 {
            write!(f, "{}", self.played)?;
        }
        if self.unreached > 0 {
            write!(f, "({})", self.unreached)?;
        }
        if self.wrong > 0 {
            write!(f, " !{}", self.wrong)?;
        }
        Ok(())
    }
}

/// The counts of one sweep or of all.
#[derive(Debug, Default)]
pub struct Table {
    counts: BTreeMap<(String, String), Count>,
    /// Tenant to what it is counted with, and its plan.
    tenants: BTreeMap<String, ((String, String), String)>,
    wrong: usize,
    /// The tenants of which something wrong was said already.
    guilty: BTreeSet<String>,
    /// The longest execution, in mutating calls of the operators, and its plan.
    longest: (usize, String),
}

impl Table {
    /// Counts what came of a plan, and prints it where something was wrong.
    pub fn add(&mut self, played: &Played) {
        let Played { plan, token, problems, kinds: _, report, requests } = played;
        let cell = (plan.class(), plan.scenario.clone());
        self.tenants.insert(token.clone(), (cell.clone(), plan.to_string()));
        let count = self.counts.entry(cell).or_default();
        count.played += 1;
        // The operator may need fewer calls than without the fault, as when two things are said in one status.
        count.unreached += usize::from(report.fired < plan.rules.len());
        if report.calls.len() > self.longest.0 {
            self.longest = (report.calls.len(), plan.to_string());
        }
        if problems.is_empty() {
            return;
        }
        count.wrong += 1;
        self.wrong += 1;
        self.guilty.insert(token.clone());
        if self.wrong <= PRINTED {
            let (problems, calls) = (problems.join("\n    "), report.calls.join("\n    "));
            let requests = requests.join("\n    ");
            eprintln!(
                "WRONG {}='{plan}'\n    {problems}\n  the operators' calls:\n    {calls}\n  who wrote what:\n    {requests}",
                crate::plan::REPLAY
            );
        }
    }

    /// Counts what was found wrong when everything was over, with the tenant that it is about if it is.
    pub fn blame(&mut self, problems: &[String]) {
        for problem in problems {
            let tenant = self.tenants.iter().find(|(token, _)| is_of(problem, token));
            let Some((token, (cell, plan))) = tenant else {
                self.wrong += 1;
                eprintln!("WRONG {problem}");
                continue;
            };
            if self.guilty.insert(token.clone()) {
                self.wrong += 1;
                eprintln!("WRONG {}='{plan}'\n    {problem}", crate::plan::REPLAY);
                if let Some(count) = self.counts.get_mut(cell) {
                    count.wrong += 1;
                }
            }
        }
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: Self) {
        let Self { counts, tenants, wrong, guilty, longest } = other;
        for (cell, count) in counts {
            let sum = self.counts.entry(cell).or_default();
            sum.played += count.played;
            sum.wrong += count.wrong;
            sum.unreached += count.unreached;
        }
        self.tenants.extend(tenants);
        self.guilty.extend(guilty);
        self.wrong += wrong;
        self.longest = std::mem::take(&mut self.longest).max(longest);
    }

    /// How many things were wrong.
    pub fn wrong(&self) -> usize {
        self.wrong
    }

    /// How many plans were played.
    pub fn played(&self) -> usize {
        self.counts.values().map(|count| count.played).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: BTreeSet<&String> = self.counts.keys().map(|(class, _)| class).collect();
        let scenarios: BTreeSet<&String> = self.counts.keys().map(|(_, scenario)| scenario).collect();
        let width = |text: &str| text.len().max(9) + 1;
        let first = classes.iter().map(|class| class.len()).max().unwrap_or(0);
        write!(f, "{:first$}", "")?;
        for scenario in &scenarios {
            write!(f, "{scenario:>0$}", width(scenario))?;
        }
        for class in classes {
            write!(f, "\n{class:first$}")?;
            for scenario in &scenarios {
                let cell =
                    self.counts.get(&(class.clone(), (*scenario).clone())).copied().unwrap_or_default();
                write!(f, "{:>1$}", cell.to_string(), width(scenario))?;
            }
        }
        let unreached: usize = self.counts.values().map(|count| count.unreached).sum();
        let (calls, plan) = &self.longest;
        write!(
            f,
            "\nexecutions (of them not reached) !violations: {} executions, {unreached} not reached, {} violations\nthe longest: {calls} mutating calls in {plan}",
            self.played(),
            self.wrong
        )
    }
}
