//! Operators of one tenant's own, which are killed, told to end, stopped and started again as a plan has it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::fixture::SOON;
use crate::lab::Lab;
use crate::operator_process::Operator;
use crate::people::People;
use crate::plan::{Election, Plan};
use crate::proxy::{Lanes, Order, Proxy, What};
use crate::rig::{Played, act, judged, spawn, token};

/// The operators of one tenant.
struct Crew<'l> {
    lab: &'l Lab,
    flags: Vec<String>,
    lanes: Arc<Lanes>,
    proxies: Vec<Proxy>,
    operators: Mutex<Vec<Arc<Operator>>>,
    wrong: Mutex<Vec<String>>,
}

/// Plays a plan with operators that serve one namespace.
pub async fn play_alone(lab: &Lab, people: &People, plan: Plan) -> Played {
    let token = token();
    let lanes = Arc::new(Lanes::of(plan.operators));
    lanes.open(&token, plan.rules.clone());
    let (orders, told) = mpsc::unbounded_channel();
    let all_lead = plan.election == Election::AllLead;
    let mut proxies = Vec::new();
    for at in 0..plan.operators {
        proxies.push(Proxy::start(&lab.cluster, lanes.clone(), at, orders.clone(), all_lead).await);
    }
    let flags = ["--namespace".to_owned(), format!("t-{token}")];
    let elects = (plan.election != Election::Off).then(|| "--leader-elect=true".to_owned());
    let flags = flags.into_iter().chain(elects).collect();
    let crew = Crew { lab, flags, lanes, proxies, operators: Mutex::default(), wrong: Mutex::default() };
    for at in 0..plan.operators {
        let operator = crew.start(at);
        lock(&crew.operators).push(operator);
    }
    let acting = act(lab, people, &token, &plan, &crew.lanes, async || crew.go_on(&token).await);
    let outcome = tokio::select! {
        outcome = acting => outcome,
        () = crew.obey(told) => Err("nobody gives orders any more".to_owned()),
    };
    let mut problems: Vec<String> = outcome.err().into_iter().collect();
    if !problems.is_empty() {
        problems.extend(crew.last_words());
    }
    problems.extend(crew.end().await);
    judged(lab, plan, &token, &crew.lanes, problems).await
}

impl Crew<'_> {
    fn start(&self, at: usize) -> Arc<Operator> {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        Arc::new(spawn(self.lab, self.proxies[at].kubeconfig(), &flags))
    }

    /// Does to operators what their proxies say, for ever.
    async fn obey(&self, mut told: mpsc::UnboundedReceiver<Order>) {
        while let Some(Order { operator: at, what }) = told.recv().await {
            let operator = lock(&self.operators)[at].clone();
            match what {
                What::Stop(done) => {
                    self.note("stop", operator.process().stop());
                    let _ = done.send(());
                    continue;
                }
                What::Kill => operator.kill().await,
                What::Terminate(done) => {
                    self.note("terminate", operator.process().terminate());
                    let _ = done.send(());
                    match operator.process().wait_exit(SOON).await {
                        Ok(0) => {}
                        Ok(code) => self.wrong(format!("an operator that was told to end ended with {code}")),
                        Err(error) => {
                            self.wrong(format!("an operator that was told to end did not: {error}"));
                        }
                    }
                }
            }
            self.judge(&operator);
            self.proxies[at].reopen();
            let successor = self.start(at);
            lock(&self.operators)[at] = successor;
        }
    }

    /// Lets everybody go on, with the writes that were held, and waits until those are answered.
    async fn go_on(&self, token: &str) {
        self.lanes.spare(token);
        for operator in lock(&self.operators).iter() {
            self.note("continue", operator.process().cont());
        }
        self.lanes.nothing_held().await;
    }

    /// What they logged last.
    fn last_words(&self) -> Vec<String> {
        let operators = lock(&self.operators);
        let words = operators.iter().map(|operator| operator.process().log_tail());
        words.enumerate().map(|(at, words)| format!("operator {} logged\n{words}", at + 1)).collect()
    }

    /// Ends all of them and says what was wrong.
    async fn end(&self) -> Vec<String> {
        let operators = std::mem::take(&mut *lock(&self.operators));
        for operator in operators {
            if let Some(code) = operator.process().exit_code() {
                self.wrong(format!("an operator ended with {code}: {}", operator.process().log_tail()));
            }
            operator.kill().await;
            self.judge(&operator);
        }
        std::mem::take(&mut *lock(&self.wrong))
    }

    /// Judges the log of one that ended. Numbers of other tenants are not known to it.
    fn judge(&self, operator: &Operator) {
        lock(&self.wrong).extend(self.lab.judge_log(operator));
    }

    fn note<T, E: std::fmt::Display>(&self, what: &str, result: Result<T, E>) {
        if let Err(error) = result {
            self.wrong(format!("cannot {what} an operator: {error}"));
        }
    }

    fn wrong(&self, what: String) {
        lock(&self.wrong).push(what);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
