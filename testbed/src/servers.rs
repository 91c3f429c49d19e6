//! The running servers of one control plane: starting, ending and restarting them. What users see of
//! it is in `control_plane`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::files::write_private;
use crate::plan::{Plan, kubeconfig_path};
use crate::process::Process;
use crate::{ADMIN, binaries, kubeconfig, ready};

/// How long a server gets to end by itself before it is killed. The API server would wait a minute
/// for watches; nothing is lost by not letting it.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) plan: Plan,
    etcd: Slot,
    apiserver: Slot,
    controller_manager: Option<Slot>,
}

/// A server that can be replaced by its successor.
#[derive(Debug)]
struct Slot(Mutex<Arc<Process>>);

impl Slot {
    fn get(&self) -> Arc<Process> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, process: Process) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
    }
}

impl Servers {
    /// Starts everything and waits until it serves. On an error whatever was started is ended.
    pub(crate) async fn start(plan: Plan) -> Result<Self, Error> {
        plan.prepare()?;
        let etcd = start_etcd(&plan).await?;
        let apiserver = start_apiserver(&plan).await?;
        let mut controller_manager = None;
        if plan.options.controller_manager {
            let name = binaries::CONTROLLER_MANAGER;
            controller_manager = Some(slot(spawn(&plan, name, &plan.controller_manager())?));
        }
        Ok(Self { plan, etcd: slot(etcd), apiserver: slot(apiserver), controller_manager })
    }

    pub(crate) fn etcd(&self) -> Arc<Process> {
        self.etcd.get()
    }

    pub(crate) fn apiserver(&self) -> Arc<Process> {
        self.apiserver.get()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        // In the order in which they are to end: each before what it talks to.
        let manager = self.controller_manager.as_ref().map(Slot::get);
        manager.into_iter().chain([self.apiserver(), self.etcd()]).collect()
    }

    pub(crate) async fn restart_etcd(&self) -> Result<(), Error> {
        self.etcd().end(GRACE).await?;
        self.etcd.set(start_etcd(&self.plan).await?);
        Ok(())
    }

    pub(crate) async fn restart_apiserver(&self) -> Result<(), Error> {
        self.apiserver().end(GRACE).await?;
        self.apiserver.set(start_apiserver(&self.plan).await?);
        Ok(())
    }

    /// Ends all servers, by force after `grace`, and waits until they are gone.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<(), Error> {
        for process in self.all() {
            process.end(grace).await?;
            let _ = std::fs::remove_file(pid_file(&self.plan.root, process.name()));
        }
        Ok(())
    }
}

async fn start_etcd(plan: &Plan) -> Result<Process, Error> {
    let etcd = spawn(plan, "etcd", &plan.etcd())?;
    ready::says(&etcd, "ready to serve client requests", plan.options.ready_within).await?;
    Ok(etcd)
}

async fn start_apiserver(plan: &Plan) -> Result<Process, Error> {
    let apiserver = spawn(plan, "kube-apiserver", &plan.apiserver())?;
    let client = kubeconfig::client(&kubeconfig_path(&plan.root, ADMIN)).await?;
    ready::serves(&apiserver, &client, plan.options.ready_within).await?;
    Ok(apiserver)
}

fn spawn(plan: &Plan, name: &str, command: &Command) -> Result<Process, Error> {
    let process = Process::spawn(name, command, &plan.log(name))?;
    write_private(&pid_file(&plan.root, name), &format!("{}\n", process.pid()))?;
    Ok(process)
}

fn pid_file(root: &Path, name: &str) -> std::path::PathBuf {
    root.join(format!("{name}.pid"))
}

fn slot(process: Process) -> Slot {
    Slot(Mutex::new(Arc::new(process)))
}
