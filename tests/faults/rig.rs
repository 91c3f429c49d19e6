//! What a plan is played on: operators behind proxies. One operator for many tenants where nothing dies; one for
//! each tenant that is killed and started again; two where one of them lives in the past.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::fixture::unique;
use crate::lab::{Lab, People};
use crate::operator_process::Operator;
use crate::plan::{At, Plan, Rule};
use crate::proxy::{Lanes, Proxy, Report};
use crate::scenarios::Scenario;
use crate::settled::settled;
use crate::tenant::{Outcome, Tenant};

/// What came of a plan.
#[derive(Debug)]
pub struct Played {
    /// The plan.
    pub plan: Plan,
    /// What went wrong that may not.
    pub problems: Vec<String>,
    /// The operator's calls, and whether the plan's faults came to pass.
    pub report: Report,
}

/// One operator, or two, that serve every tenant.
pub struct Shared {
    lab: &'static Lab,
    people: People,
    operators: Vec<Operator>,
    proxies: Vec<Proxy>,
}

impl Shared {
    /// Starts as many operators as asked for, each behind a proxy of its own.
    pub async fn start(lab: &'static Lab, people: &People, count: usize) -> Self {
        let mut shared = Self { lab, people: people.clone(), operators: Vec::new(), proxies: Vec::new() };
        for _ in 0..count {
            let (proxy, _) = Proxy::start(lab.cluster).await;
            shared.operators.push(spawn(lab, proxy.kubeconfig(), &[]));
            shared.proxies.push(proxy);
        }
        for operator in &shared.operators {
            operator.ready().await;
        }
        shared
    }

    /// Plays a plan. Its faults are those of the last operator.
    pub async fn play(&self, plan: Plan) -> Played {
        let token = token();
        let faulty = self.proxies.len() - 1;
        for (at, proxy) in self.proxies.iter().enumerate() {
            proxy.lanes().open(&token, if at == faulty { plan.rules.clone() } else { Vec::new() });
        }
        let lanes: Vec<Arc<Lanes>> = self.proxies.iter().map(|proxy| proxy.lanes().clone()).collect();
        let spare = || lanes.iter().for_each(|lanes| lanes.spare(&token));
        let outcome = act(self.lab, &self.people, &token, &plan, lanes.clone(), spare).await;
        let problems = judged(self.lab, &token, outcome).await;
        let mut report = Report::default();
        for proxy in &self.proxies {
            let Report { calls, fired, acts } = proxy.lanes().close(&token);
            report.calls.extend(calls);
            report.fired += fired;
            report.acts = acts;
        }
        Played { plan, problems, report }
    }

    /// Ends the operators, then has a new one look at everything again and again: it has nothing to write.
    pub async fn end_quietly(self) {
        for operator in self.operators {
            operator.finish().await;
            self.lab.ended(operator);
        }
        let (proxy, _) = Proxy::start(self.lab.cluster).await;
        let operator = spawn(self.lab, proxy.kubeconfig(), &["--resync-seconds", "1"]);
        operator.ready().await;
        // Three rounds of looking at everything: a time that is no luck, as nothing is waited for.
        tokio::time::sleep(Duration::from_millis(3500)).await;
        let writes = proxy.lanes().writes();
        operator.finish().await;
        self.lab.ended(operator);
        assert_eq!(writes, 0, "an operator that finds everything done writes nothing");
    }
}

/// Plays a plan with an operator of its own, which serves one namespace and is started again when it is killed.
pub async fn play_alone(lab: &'static Lab, people: &People, plan: Plan) -> Played {
    let token = token();
    let (proxy, mut deaths) = Proxy::start(lab.cluster).await;
    proxy.lanes().open(&token, plan.rules.clone());
    let living = async {
        loop {
            let operator = spawn(lab, proxy.kubeconfig(), &["--namespace", &format!("t-{token}")]);
            let ended = End { lab, operator: Some(operator) };
            if deaths.recv().await.is_none() {
                return;
            }
            if let Some(operator) = &ended.operator {
                operator.kill().await;
            }
            drop(ended);
            proxy.reopen();
        }
    };
    let acting = act(lab, people, &token, &plan, vec![proxy.lanes().clone()], || ());
    let outcome = tokio::select! {
        outcome = acting => outcome,
        () = living => Err("the proxy is gone".to_owned()),
    };
    let problems = judged(lab, &token, outcome).await;
    Played { plan, problems, report: proxy.lanes().close(&token) }
}

/// Hands an operator over to be judged when it is not needed any more.
struct End {
    lab: &'static Lab,
    operator: Option<Operator>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(operator) = self.operator.take() {
            // It may be dead already.
            let _ = operator.process().kill();
            self.lab.ended(operator);
        }
    }
}

async fn act(
    lab: &'static Lab,
    people: &People,
    token: &str,
    plan: &Plan,
    lanes: Vec<Arc<Lanes>>,
    spare: impl FnOnce(),
) -> Outcome {
    let tenant = Tenant::new(lab, people, token, lanes).await?;
    Scenario::named(&plan.scenario).run(&tenant).await?;
    // A view of the past that lasts ends here; what was done on it by then has to have harmed nothing.
    let lasts = |rule: &Rule| matches!(rule.at, At::Act(_));
    if plan.rules.iter().any(lasts) {
        settled(&tenant).await?;
        spare();
    }
    settled(&tenant).await
}

/// What went wrong for a tenant, in any revision.
async fn judged(lab: &Lab, token: &str, outcome: Outcome) -> Vec<String> {
    let of_tenant =
        |text: &String| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == token);
    let mut problems: Vec<String> = outcome.err().into_iter().collect();
    problems.extend(lab.oracle.violations().await.into_iter().filter(of_tenant));
    problems.extend(lab.mirror.lies().into_iter().filter(of_tenant));
    problems
}

fn spawn(lab: &Lab, kubeconfig: &Path, more: &[&str]) -> Operator {
    Operator::with(lab.cluster.control_plane().dir(), kubeconfig, more)
}

/// A word that no other tenant has in its names.
fn token() -> String {
    format!("{}z", unique())
}
