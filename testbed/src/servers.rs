//! The running servers of one control plane: starting, ending and restarting them. What users see of
//! it is in `control_plane`.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::apiserver::Apiserver;
use crate::error::Error;
use crate::files::write_private;
use crate::plan::{Plan, Seat};
use crate::process::Process;
use crate::{binaries, ports, ready};

/// How long a server gets to end by itself before it is killed. The API server would wait a minute
/// for watches; nothing is lost by not letting it.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) plan: Arc<Plan>,
    etcd: Slot,
    pub(crate) apiserver: Apiserver,
    /// The API servers beside the first.
    others: Mutex<Vec<Arc<Apiserver>>>,
    controller_manager: Option<Slot>,
}

/// A server that can be replaced by its successor.
#[derive(Debug)]
pub(crate) struct Slot(Mutex<Arc<Process>>);

impl Slot {
    pub(crate) fn new(process: Process) -> Self {
        Self(Mutex::new(Arc::new(process)))
    }

    pub(crate) fn get(&self) -> Arc<Process> {
        Arc::clone(&lock(&self.0))
    }

    pub(crate) fn set(&self, process: Process) {
        *lock(&self.0) = Arc::new(process);
    }
}

impl Servers {
    /// Starts everything and waits until it serves. On an error whatever was started is ended.
    pub(crate) async fn start(plan: Plan) -> Result<Self, Error> {
        plan.prepare()?;
        let plan = Arc::new(plan);
        let etcd = Slot::new(start_etcd(&plan).await?);
        let apiserver = Apiserver::start(&plan, plan.first()).await?;
        let manager = plan.options.controller_manager.then(|| start_controller_manager(&plan)).transpose()?;
        let controller_manager = manager.map(Slot::new);
        Ok(Self { plan, etcd, apiserver, others: Mutex::default(), controller_manager })
    }

    pub(crate) fn etcd(&self) -> Arc<Process> {
        self.etcd.get()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        // In the order in which they are to end: each before what it talks to.
        let manager = self.controller_manager.as_ref().map(Slot::get);
        let others = self.others();
        let apiservers = others.iter().map(|other| other.process()).chain([self.apiserver.process()]);
        manager.into_iter().chain(apiservers).chain([self.etcd()]).collect()
    }

    /// Starts an API server beside the others, on a port of its own.
    pub(crate) async fn add_apiserver(&self, etcd: Option<&str>) -> Result<Arc<Apiserver>, Error> {
        let etcd = etcd.map_or_else(|| self.plan.etcd_endpoint(), str::to_owned);
        let [port] = ports::free().ok_or(Error::NoPort { tries: 1 })?;
        let seat = Seat::another(self.others().len() + 2, port, etcd);
        let added = Arc::new(Apiserver::start(&self.plan, seat).await?);
        lock(&self.others).push(Arc::clone(&added));
        Ok(added)
    }

    fn others(&self) -> Vec<Arc<Apiserver>> {
        lock(&self.others).clone()
    }

    pub(crate) async fn restart_etcd(&self) -> Result<(), Error> {
        self.etcd().end(GRACE).await?;
        self.etcd.set(start_etcd(&self.plan).await?);
        Ok(())
    }

    /// Starts every server that does not run, on its own port and data, each after what it talks to.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        if !self.etcd().is_running() {
            self.restart_etcd().await?;
        }
        for apiserver in std::iter::once(&self.apiserver).chain(self.others().iter().map(|other| &**other)) {
            if !apiserver.process().is_running() {
                apiserver.restart().await?;
            }
        }
        if let Some(slot) = self.controller_manager.as_ref().filter(|slot| !slot.get().is_running()) {
            slot.set(start_controller_manager(&self.plan)?);
        }
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

fn start_controller_manager(plan: &Plan) -> Result<Process, Error> {
    spawn(plan, binaries::CONTROLLER_MANAGER, &plan.controller_manager())
}

pub(crate) fn spawn(plan: &Plan, name: &str, command: &Command) -> Result<Process, Error> {
    let process = Process::spawn(name, command, &plan.log(name))?;
    write_private(&pid_file(&plan.root, name), &format!("{}\n", process.pid()))?;
    Ok(process)
}

fn pid_file(root: &Path, name: &str) -> std::path::PathBuf {
    root.join(format!("{name}.pid"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
