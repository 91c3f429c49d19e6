//! The end of a lab: an operator that finds everything done has nothing to do, whoever wrote had the right to, and no
//! revision broke a promise.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::lab::Lab;
use crate::operator_process::Operator;
use crate::plan::Kind;
use crate::proxy::{Lanes, Proxy};
use crate::requests;

/// How often the last operator looks at everything, once a second: two hours' worth by its usual clock.
const ROUNDS: u64 = 12;
/// How often it looks at everything before that.
const FIRST: u64 = 3;
/// How often it looks at everything at most until what it said first is out.
const AT_MOST: u64 = 240;
/// How long that may take on a machine that is busy.
const WITHIN: Duration = Duration::from_mins(8);

impl Lab {
    /// Judges it, ends it, and says what was wrong.
    pub async fn conclude(self) -> Vec<String> {
        let mut wrong = self.quiet().await.err().into_iter().collect::<Vec<_>>();
        wrong.extend(self.oracle.violations().await);
        // What is tried out while the product is installed says that a filing shows a record, which there is none of.
        wrong.extend(self.mirror.lies().into_iter().filter(|lie| !lie.contains("/probe: ")));
        match self.cluster.control_plane().audit_log() {
            Some(log) => {
                let revisions = self.mirror.record_revisions();
                wrong.extend(requests::judge(&requests::read(&log), &revisions));
            }
            None => wrong.push("there is no audit log".to_owned()),
        }
        self.cluster.stop().await;
        wrong
    }

    /// What in the log of an operator that ended is the trace of a defect, or its audit's alarm.
    pub fn judge_log(&self, operator: &Operator) -> Vec<String> {
        let mut wrong = operator.defects(&self.oracle.numbers());
        wrong.extend(operator.alarms());
        wrong
    }

    /// Has a new operator look at everything again and again: it has nothing to write, not even an event.
    async fn quiet(&self) -> Result<(), String> {
        let lanes = Arc::new(Lanes::of(1));
        let (orders, _nobody) = mpsc::unbounded_channel();
        let proxy = Proxy::start(&self.cluster, lanes.clone(), 0, orders, false).await;
        let folder = self.cluster.control_plane().dir();
        let operator = Operator::with(folder, proxy.kubeconfig(), &["--resync-seconds", "1"]);
        operator.ready().await;
        // What operators that were killed left unsaid is said in the first looks; its events come after everything
        // else, with a pause between any two.
        let (mut looked, mut before) = (FIRST, 0);
        loop {
            self.rounds(&operator, looked).await?;
            let written = lanes.writes().len();
            if written == before || looked == AT_MOST {
                break;
            }
            (looked, before) = (looked + 1, written);
        }
        self.rounds(&operator, looked + ROUNDS).await?;
        let writes = lanes.writes().split_off(before);
        operator.kill().await;
        if let Some(defect) = self.judge_log(&operator).into_iter().next() {
            return Err(defect);
        }
        if writes.is_empty() {
            Ok(())
        } else {
            Err(format!("an operator that finds everything done wrote {writes:#?}"))
        }
    }
}

impl Lab {
    /// Waits until an operator has looked at everything so often.
    async fn rounds(&self, operator: &Operator, rounds: u64) -> Result<(), String> {
        let since = Instant::now();
        loop {
            let metrics = operator.get("/metrics").await.map_or_else(|_| String::new(), |(_, text)| text);
            let kinds = [
                (Kind::Instance, "instance"),
                (Kind::Request, "servicenumberrequest"),
                (Kind::Filing, "filing"),
            ];
            let short = kinds
                .map(|(kind, controller)| (controller, looks(&metrics, controller), self.mirror.count(kind)))
                .into_iter()
                .find(|(_, looks, count)| *looks < rounds * count);
            match short {
                None => return Ok(()),
                Some((controller, looks, count)) if since.elapsed() > WITHIN => {
                    return Err(format!(
                        "{looks} looks at {count} of {controller} in {} s",
                        WITHIN.as_secs()
                    ));
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// How often a controller looked at something, by its own count.
fn looks(metrics: &str, controller: &str) -> u64 {
    let label = format!("controller=\"{controller}\"");
    let lines = metrics.lines().filter(|line| line.starts_with("controller_runtime_reconcile_total{"));
    lines
        .filter(|line| line.contains(&label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}
