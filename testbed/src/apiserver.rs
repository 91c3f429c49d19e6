//! One API server of a control plane: the first, or one beside it on the same etcd. It does not know the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::files::create_folder;
use crate::plan::{Plan, Seat, kubeconfig_path};
use crate::process::Process;
use crate::servers::{GRACE, Slot, spawn};
use crate::{ADMIN, kubeconfig, ready};

/// An API server, on a port that stays its own while it is killed and started again.
#[derive(Debug)]
pub struct Apiserver {
    plan: Arc<Plan>,
    seat: Seat,
    running: Slot,
}

impl Apiserver {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(plan: &Arc<Plan>, seat: Seat) -> Result<Self, Error> {
        let process = start(plan, &seat).await?;
        Ok(Self { plan: Arc::clone(plan), seat, running: Slot::new(process) })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.seat.url()
    }

    /// The process that runs now. Not to be kept over a restart.
    pub fn process(&self) -> Arc<Process> {
        self.running.get()
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub async fn kill(&self) -> Result<(), Error> {
        self.end(Duration::ZERO).await
    }

    /// Starts it again, on the same port, and waits until it is ready; ends it before if it runs.
    pub async fn restart(&self) -> Result<(), Error> {
        self.end(GRACE).await?;
        self.running.set(start(&self.plan, &self.seat).await?);
        Ok(())
    }

    /// What somebody's kubeconfig says, for this API server.
    pub fn kubeconfig(&self, theirs: &Path) -> Result<PathBuf, Error> {
        let folder = self.plan.root.join(format!("kubeconfigs-{}", self.seat.name));
        create_folder(&folder)?;
        let path = folder.join(theirs.file_name().unwrap_or_default());
        kubeconfig::kubeconfig_at(theirs, &self.url(), &path)?;
        Ok(path)
    }

    pub(crate) async fn end(&self, grace: Duration) -> Result<(), Error> {
        self.process().end(grace).await.map(drop)
    }
}

async fn start(plan: &Plan, seat: &Seat) -> Result<Process, Error> {
    let process = spawn(plan, &seat.name, &plan.apiserver(seat))?;
    let admin = kubeconfig_path(&plan.root, ADMIN);
    let client = kubeconfig::client_at(&admin, Some(&seat.url())).await?;
    ready::serves(&process, &client, plan.options.ready_within).await?;
    Ok(process)
}
