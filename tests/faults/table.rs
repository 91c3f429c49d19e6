//! The table of a sweep: scenario by fault, how often it was played and what was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::rig::Played;

/// What was counted of a scenario and a class of faults.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    played: usize,
    wrong: usize,
    unreached: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.played)?;
        if self.unreached > 0 {
            write!(f, "({})", self.unreached)?;
        }
        if self.wrong > 0 {
            write!(f, " !{}", self.wrong)?;
        }
        Ok(())
    }
}

/// The counts of a sweep.
#[derive(Debug, Default)]
pub struct Table {
    counts: BTreeMap<(String, String), Count>,
    wrong: Vec<String>,
    /// The longest execution, in mutating calls of the operators.
    longest: usize,
}

impl Table {
    /// Counts what came of a plan.
    pub fn add(&mut self, played: &Played) {
        let count = self.counts.entry((played.plan.scenario.clone(), played.plan.class())).or_default();
        count.played += 1;
        // The operator may need fewer calls than without the fault, as when two things are said in one status.
        count.unreached += usize::from(played.report.fired < played.plan.rules.len());
        self.longest = self.longest.max(played.report.calls.len());
        if played.problems.is_empty() {
            return;
        }
        count.wrong += 1;
        let problems = played.problems.join("\n    ");
        let calls = played.report.calls.join("\n    ");
        let wrong =
            format!("{}='{}'\n    {problems}\n  its calls:\n    {calls}", crate::plan::REPLAY, played.plan);
        eprintln!("WRONG {wrong}");
        self.wrong.push(wrong);
    }

    /// Prints it, and fails if anything was wrong.
    pub fn conclude(self, title: &str) {
        let classes: BTreeSet<&String> = self.counts.keys().map(|(_, class)| class).collect();
        let scenarios: BTreeSet<&String> = self.counts.keys().map(|(scenario, _)| scenario).collect();
        let mut lines = vec![format!("{title}: executions (of them not reached) !violations")];
        let mut total = Count::default();
        let row = |name: &str, cells: Vec<String>| format!("{name:<16}{}", cells.join(""));
        lines.push(row("", classes.iter().map(|class| format!("{class:>16}")).collect()));
        for scenario in scenarios {
            let mut cells = Vec::new();
            for class in &classes {
                let count =
                    self.counts.get(&(scenario.clone(), (*class).clone())).copied().unwrap_or_default();
                total.played += count.played;
                total.wrong += count.wrong;
                total.unreached += count.unreached;
                cells.push(format!("{:>16}", count.to_string()));
            }
            lines.push(row(scenario, cells));
        }
        lines.push(format!(
            "{title}: {} executions, {} not reached, {} violations; at most {} mutating calls in one",
            total.played, total.unreached, total.wrong, self.longest
        ));
        eprintln!("{}", lines.join("\n"));
        assert!(self.wrong.is_empty(), "{} plans went wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}
