//! What a plan is played on: operators behind proxies, for many tenants where nothing is done to the operators
//! themselves. What a plan with operators of its own is played on is in `crew`.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::fixture::unique;
use crate::lab::Lab;
use crate::operator_process::Operator;
use crate::people::People;
use crate::plan::{Kind, Plan};
use crate::proxy::{Lanes, Proxy, Report};
use crate::requests;
use crate::scenarios::Scenario;
use crate::settled::settled;
use crate::tenant::{Outcome, Tenant};

/// What came of a plan.
#[derive(Debug)]
pub struct Played {
    /// The plan.
    pub plan: Plan,
    /// The word in the names of its tenant.
    pub token: String,
    /// What went wrong that may not.
    pub problems: Vec<String>,
    /// The kinds that it has objects of.
    pub kinds: Vec<Kind>,
    /// The operators' calls, and whether the plan's faults came to pass.
    pub report: Report,
    /// Where something went wrong: every mutating request about the tenant, as the API server answered it.
    pub requests: Vec<String>,
}

/// Operators that serve every tenant.
pub struct Shared<'l> {
    lab: &'l Lab,
    people: People,
    operators: Vec<Operator>,
    lanes: Arc<Lanes>,
    _proxies: Vec<Proxy>,
}

impl<'l> Shared<'l> {
    /// Starts as many operators as asked for, each behind a proxy of its own.
    pub async fn start(lab: &'l Lab, people: &People, count: usize) -> Self {
        let lanes = Arc::new(Lanes::of(count));
        let (mut operators, mut proxies) = (Vec::new(), Vec::new());
        for at in 0..count {
            // Nothing is done to these operators, so nobody has to be told.
            let (orders, _) = mpsc::unbounded_channel();
            let proxy = Proxy::start(&lab.cluster, lanes.clone(), at, orders, false).await;
            // A call that hangs must not keep the tenants of other plans waiting.
            operators.push(spawn(lab, proxy.kubeconfig(), &["--concurrency", "128"]));
            proxies.push(proxy);
        }
        for operator in &operators {
            operator.ready().await;
        }
        Self { lab, people: people.clone(), operators, lanes, _proxies: proxies }
    }

    /// Plays a plan.
    pub async fn play(&self, plan: Plan) -> Played {
        let token = token();
        self.lanes.open(&token, plan.rules.clone());
        let go_on = async || self.lanes.spare(&token);
        let outcome = act(self.lab, &self.people, &token, &plan, &self.lanes, go_on).await;
        judged(self.lab, plan, &token, &self.lanes, outcome.err().into_iter().collect()).await
    }

    /// Ends the operators, and says what was wrong with how they ended or what they logged.
    pub async fn end(self) -> Vec<String> {
        let mut wrong = Vec::new();
        for operator in &self.operators {
            if let Some(code) = operator.process().exit_code() {
                wrong.push(format!("an operator ended with {code}: {}", operator.process().log_tail()));
            } else {
                operator.finish().await;
            }
            wrong.extend(self.lab.judge_log(operator));
        }
        wrong
    }
}

/// Has people act, and waits until everything is as it should be. What lasts is ended by `go_on`.
pub async fn act(
    lab: &Lab,
    people: &People,
    token: &str,
    plan: &Plan,
    lanes: &Arc<Lanes>,
    go_on: impl AsyncFnOnce(),
) -> Outcome {
    let tenant = Tenant::new(lab, people, token, lanes.clone()).await?;
    Scenario::named(&plan.scenario).run(&tenant).await?;
    // A view of the past that lasts, or a stop, ends here; what was done by then has to have harmed nothing.
    if plan.rules.iter().any(|rule| rule.fault.lasts()) {
        settled(&tenant).await?;
        go_on().await;
        tenant.catch_up().await;
    }
    settled(&tenant).await
}

/// What went wrong for a tenant, in any revision.
pub async fn judged(lab: &Lab, plan: Plan, token: &str, lanes: &Lanes, mut problems: Vec<String>) -> Played {
    problems.extend(lab.oracle.violations().await.into_iter().filter(|text| is_of(text, token)));
    problems.extend(lab.mirror.lies().into_iter().filter(|text| is_of(text, token)));
    let log = lab.cluster.control_plane().audit_log().filter(|_| !problems.is_empty());
    let requests = log.map(|log| requests::read(&log)).unwrap_or_default();
    let requests = requests::of_tenant(&requests, token).map(ToString::to_string).collect();
    let kinds = lab.mirror.kinds_of(token);
    Played { plan, token: token.to_owned(), problems, kinds, report: lanes.close(token), requests }
}

/// Whether a text is about a tenant.
pub fn is_of(text: &str, token: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == token)
}

/// Starts an operator behind a proxy.
pub fn spawn(lab: &Lab, kubeconfig: &Path, more: &[&str]) -> Operator {
    Operator::with(lab.cluster.control_plane().dir(), kubeconfig, more)
}

/// A word that no other tenant has in its names.
pub fn token() -> String {
    format!("{}z", unique())
}
