//! Figures, as people and programs read them. What they mean is said where they are measured.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::repository;
use crate::settings::Settings;

/// Where the report is written.
const FILE: &str = "target/bench/report.json";

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// This, or less.
    AtMost(f64),
    /// This, or more.
    AtLeast(f64),
}

impl Aim {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
        }
    }
}

/// How a figure is compared with that of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A count: the same on every machine, but for races.
    Count,
    /// A ratio within one run: much the same on every machine.
    Ratio,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be.
    pub aim: Option<Aim>,
    /// How it is compared with an earlier run, if it can be.
    pub kept: Option<Kept>,
}

impl Figure {
    /// A figure without an aim, of this run and machine alone.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, aim: None, kept: None }
    }

    /// A ratio within this run.
    pub fn ratio(name: impl Into<String>, value: f64) -> Self {
        Self { kept: Some(Kept::Ratio), ..Self::new(name, value, "×") }
    }

    /// A count per something.
    pub fn count(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { kept: Some(Kept::Count), ..Self::new(name, value, unit) }
    }

    /// With an upper bound as its aim.
    pub fn at_most(self, most: f64) -> Self {
        Self { aim: Some(Aim::AtMost(most)), ..self }
    }

    /// With a lower bound as its aim.
    pub fn at_least(self, least: f64) -> Self {
        Self { aim: Some(Aim::AtLeast(least)), ..self }
    }

    /// Whether it is what it should be, if it should be anything.
    pub fn is_met(&self) -> Option<bool> {
        self.aim.map(|aim| aim.is_met_by(self.value))
    }

    fn json(&self) -> Value {
        let aim = match self.aim {
            Some(Aim::AtMost(most)) => json!({"atMost": most}),
            Some(Aim::AtLeast(least)) => json!({"atLeast": least}),
            None => Value::Null,
        };
        json!({"name": self.name, "value": self.value, "unit": self.unit, "aim": aim, "met": self.is_met()})
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.value.abs() >= 100.0 || self.value.fract() == 0.0 {
            format!("{:.0}", self.value)
        } else {
            format!("{:.3}", self.value)
        };
        write!(f, "{:<66} {value:>9} {:<6}", self.name, self.unit)?;
        match (self.aim, self.is_met()) {
            (Some(aim), Some(true)) => write!(f, " {aim}"),
            (Some(aim), _) => write!(f, " {aim}  MISSED"),
            _ => Ok(()),
        }
    }
}

/// What one measure writes on while it goes on, so that what it has found outlives its failure.
#[derive(Clone, Debug, Default)]
pub struct Sheet(Arc<Mutex<(Vec<Figure>, Vec<String>)>>);

impl Sheet {
    /// Writes a figure down, and shows it.
    pub fn add(&self, figure: Figure) {
        eprintln!("      {figure}");
        self.lines().0.push(figure);
    }

    /// Writes down what has to be known to read the figures.
    pub fn note(&self, text: impl Into<String>) {
        let text = text.into();
        eprintln!("      {text}");
        self.lines().1.push(text);
    }

    /// Shows how far it is.
    #[expect(clippy::unused_self, reason = "what shows progress has a sheet to write on")]
    pub fn progress(&self, text: impl fmt::Display) {
        eprintln!("      … {text}");
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, (Vec<Figure>, Vec<String>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one measure came to.
#[derive(Debug)]
struct Part {
    measure: &'static str,
    took: Duration,
    figures: Vec<Figure>,
    notes: Vec<String>,
    failure: Option<String>,
}

/// A whole run.
#[derive(Debug)]
pub struct Report {
    settings: Settings,
    parts: Vec<Part>,
}

impl Report {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self { settings, parts: Vec::new() }
    }

    /// Takes the sheet of a measure.
    pub fn add(&mut self, measure: &'static str, sheet: &Sheet, took: Duration, failure: Option<String>) {
        let (figures, notes) = sheet.lines().clone();
        self.parts.push(Part { measure, took, figures, notes, failure });
    }

    /// How the run was.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Whether a measure could not be taken. That an aim was missed is no failure.
    pub fn failed(&self) -> bool {
        self.parts.iter().any(|part| part.failure.is_some())
    }

    /// Every figure by the name that it is known by from run to run.
    pub fn figures(&self) -> impl Iterator<Item = (String, &Figure)> {
        let of = |part: &Part, figure: &Figure| format!("{}: {}", part.measure, figure.name);
        self.parts.iter().flat_map(move |part| part.figures.iter().map(move |f| (of(part, f), f)))
    }

    /// The table.
    pub fn print(&self) {
        let flushes = if self.settings.fsync { "flushes to disk" } else { "does not flush to disk" };
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        println!(
            "\nOperator, etcd, API server and the measuring program on {cores} cores; etcd {flushes}; {} % of every \
             count. Ratios (×) and counts are what can be compared elsewhere.",
            self.settings.percent
        );
        for part in &self.parts {
            println!("\n{} ({:.0} s)", part.measure, part.took.as_secs_f64());
            for figure in &part.figures {
                println!("  {figure}");
            }
            for note in part.notes.iter().chain(&part.failure) {
                println!("  {note}");
            }
        }
        let (met, all) = self
            .parts
            .iter()
            .flat_map(|part| &part.figures)
            .filter_map(Figure::is_met)
            .fold((0, 0), |(met, all), is_met| (met + u32::from(is_met), all + 1));
        println!("\n{met} of {all} aims are met");
    }

    /// Writes it for programs.
    pub fn write(&self) -> std::io::Result<()> {
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|part| {
                json!({
                    "measure": part.measure, "seconds": part.took.as_secs_f64(), "notes": part.notes,
                    "failure": part.failure, "figures": part.figures.iter().map(Figure::json).collect::<Vec<_>>(),
                })
            })
            .collect();
        let report = json!({
            "percent": self.settings.percent, "etcdFlushes": self.settings.fsync, "measures": parts,
        });
        let file = repository(FILE);
        std::fs::create_dir_all(file.parent().map(PathBuf::from).unwrap_or_default())?;
        std::fs::write(&file, format!("{report:#}\n"))?;
        println!("{}", file.display());
        Ok(())
    }
}

/// A count as a figure.
pub fn number(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::INFINITY, f64::from)
}

/// Milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The middle one of some values.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value that so many percent are not above.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}
