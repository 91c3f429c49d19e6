//! What a test holds: one control plane and everything to be asked of it. How its servers are run is
//! in `servers`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::apiserver::Apiserver;
use crate::error::Error;
use crate::folder::{Folder, token_kubeconfig, user_kubeconfig};
use crate::kubectl::Kubectl;
use crate::options::{ADMIN, Options, User};
use crate::plan::{Plan, kubeconfig_path};
use crate::process::Process;
use crate::servers::Servers;
use crate::{binaries, kubeconfig, ports, servers};

/// How often another set of ports is tried.
const TRIES: usize = 5;

/// A control plane. Fine to share: nothing in it belongs to the async runtime that started it.
///
/// If it is dropped without [`ControlPlane::stop`], as a failing test does, its servers are ended all
/// the same, but its folder is kept and named on stderr. If the holding process dies, no matter how,
/// the servers are ended and a temporary folder is removed.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in order: first the servers, then the folder they write to.
    servers: Option<Servers>,
    folder: Option<Folder>,
    root: PathBuf,
    bin: PathBuf,
    admin: PathBuf,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready, about four seconds; the first time on a
    /// machine the binaries are built before that, which takes minutes.
    ///
    /// If `ICP_TEST_KUBECONFIG` names a kubeconfig, no server is started and the cluster of its
    /// current context is used: its user is the admin, and other users are impersonated by it.
    pub async fn start(options: Options) -> Result<Self, Error> {
        options.users.iter().try_for_each(User::check)?;
        match std::env::var_os("ICP_TEST_KUBECONFIG").filter(|value| !value.is_empty()) {
            Some(theirs) => Self::borrow(options, Path::new(&theirs)).await,
            None => Self::start_own(options).await,
        }
    }

    async fn start_own(options: Options) -> Result<Self, Error> {
        let mut names = binaries::SERVERS.to_vec();
        if options.controller_manager {
            names.push(binaries::CONTROLLER_MANAGER);
        }
        let bin = binaries::binaries(&names).await?;
        for _ in 0..TRIES {
            let ports = ports::free().ok_or(Error::NoPort { tries: TRIES })?;
            let mut folder = Folder::new(options.keep.as_deref())?;
            let plan = Plan::new(folder.path.clone(), bin.clone(), options.clone(), ports);
            match Servers::start(plan).await {
                Ok(servers) => return Ok(Self::new(Some(servers), folder, bin)),
                // Somebody else was faster to take one of the ports.
                Err(Error::DiedEarly { tail, .. }) if tail.contains("address already in use") => {
                    folder.sweep();
                }
                Err(error) => {
                    folder.keep("the control plane did not start");
                    return Err(error);
                }
            }
        }
        Err(Error::NoPort { tries: TRIES })
    }

    /// Uses a cluster that is there already.
    async fn borrow(options: Options, theirs: &Path) -> Result<Self, Error> {
        let bin = binaries::binaries(&["kubectl"]).await?;
        let (cluster, user) = kubeconfig::current(theirs)?;
        let folder = Folder::new(options.keep.as_deref())?;
        crate::files::create_folder(&folder.path.join("kubeconfigs"))?;
        kubeconfig::write(&kubeconfig_path(&folder.path, ADMIN), ADMIN, &cluster, &user)?;
        for User { name, groups } in &options.users {
            let mut acting = user.clone();
            acting["as"] = json!(name);
            acting["as-groups"] = json!(groups);
            kubeconfig::write(&kubeconfig_path(&folder.path, name), name, &cluster, &acting)?;
        }
        Ok(Self::new(None, folder, bin))
    }

    fn new(servers: Option<Servers>, folder: Folder, bin: PathBuf) -> Self {
        let root = folder.path.clone();
        let admin = kubeconfig_path(&root, ADMIN);
        Self { servers, folder: Some(folder), root, bin, admin }
    }

    /// Whether the servers are ours, so that they can be killed, and their etcd be read.
    pub fn is_ours(&self) -> bool {
        self.servers.is_some()
    }

    /// The kubeconfig of the admin, who may do everything.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin
    }

    /// The kubeconfig of a user named in [`Options::users`].
    pub fn kubeconfig_for_user(&self, name: &str) -> Result<PathBuf, Error> {
        user_kubeconfig(&self.root, name)
    }

    /// A kubeconfig for whoever `token` stands for, such as a service account; `name` is only a label.
    pub fn kubeconfig_for_token(&self, name: &str, token: &str) -> Result<PathBuf, Error> {
        token_kubeconfig(&self.root, name, token)
    }

    /// A client for the admin. It does not repeat requests by itself.
    pub async fn client(&self) -> Result<kube::Client, Error> {
        kubeconfig::client(&self.admin).await
    }

    /// A client for a user named in [`Options::users`]. It does not repeat requests by itself.
    pub async fn client_as(&self, name: &str) -> Result<kube::Client, Error> {
        kubeconfig::client(&self.kubeconfig_for_user(name)?).await
    }

    /// kubectl as the admin.
    pub fn kubectl(&self) -> Result<Kubectl, Error> {
        self.kubectl_with(&self.admin)
    }

    /// kubectl as a user named in [`Options::users`].
    pub fn kubectl_as(&self, name: &str) -> Result<Kubectl, Error> {
        self.kubectl_with(&self.kubeconfig_for_user(name)?)
    }

    /// kubectl with some kubeconfig.
    pub fn kubectl_with(&self, kubeconfig: &Path) -> Result<Kubectl, Error> {
        Kubectl::new(self.bin.join("kubectl"), kubeconfig, self.root.join("home"))
    }

    /// The folder that holds kubectl and, for servers of our own, their binaries.
    pub fn bin_dir(&self) -> &Path {
        &self.bin
    }

    /// One of the binaries that [`crate::binaries`] knows, built if need be.
    pub async fn bin(&self, name: &str) -> Result<PathBuf, Error> {
        binaries::binaries(&[name]).await.map(|folder| folder.join(name))
    }

    /// The folder of this control plane, readable by nobody else. Of use in it, for servers of our
    /// own: `logs/*.log`, `*.pid`, and `pki/` with `ca.crt`, `serving.crt` and `serving.key`, a pair
    /// for 127.0.0.1 that a proxy in front of the API server can use too.
    pub fn dir(&self) -> &Path {
        &self.root
    }

    /// Where the API server listens.
    pub fn server_url(&self) -> Result<String, Error> {
        Ok(self.servers("the address")?.apiserver.url())
    }

    /// Where etcd listens, without TLS.
    pub fn etcd_endpoint(&self) -> Result<String, Error> {
        Ok(self.servers("etcd")?.plan.etcd_endpoint())
    }

    /// The audit log, if one was asked for; see [`crate::audit::events`].
    pub fn audit_log(&self) -> Option<PathBuf> {
        let plan = &self.servers.as_ref()?.plan;
        plan.options.audit.then(|| plan.audit_log())
    }

    /// The API server that runs now. Not to be kept over a restart.
    pub fn apiserver(&self) -> Result<Arc<Process>, Error> {
        Ok(self.servers("the API server's process")?.apiserver.process())
    }

    /// The etcd that runs now. Not to be kept over a restart.
    pub fn etcd(&self) -> Result<Arc<Process>, Error> {
        Ok(self.servers("etcd's process")?.etcd())
    }

    /// The pids of all servers of our own.
    pub fn pids(&self) -> Vec<u32> {
        let servers = self.servers.iter().flat_map(Servers::all);
        servers.map(|process| process.pid()).collect()
    }

    /// Kills the API server (SIGKILL) and waits until it is gone.
    pub async fn kill_apiserver(&self) -> Result<(), Error> {
        self.servers("killing the API server")?.apiserver.kill().await
    }

    /// Starts the API server again, on the same port, and waits until it is ready; ends it before if
    /// it runs.
    pub async fn restart_apiserver(&self) -> Result<(), Error> {
        self.servers("a restart of the API server")?.apiserver.restart().await
    }

    /// Starts the API server again with a pair of another CA, which takes the place of the one before in the file that
    /// every kubeconfig names. Whoever goes by what was read of that file before cannot reach it any more.
    pub async fn replace_ca(&self) -> Result<(), Error> {
        self.servers("another CA")?.plan.replace_ca()?;
        self.restart_apiserver().await
    }

    /// Starts one more API server on the same etcd, on a port of its own, and waits until it is ready. It talks to
    /// etcd at `etcd` if that is given, as for a relay that lies between.
    pub async fn add_apiserver(&self, etcd: Option<&str>) -> Result<Arc<Apiserver>, Error> {
        self.servers("another API server")?.add_apiserver(etcd).await
    }

    /// Kills etcd (SIGKILL) and waits until it is gone.
    pub async fn kill_etcd(&self) -> Result<(), Error> {
        self.etcd()?.end(Duration::ZERO).await.map(drop)
    }

    /// Starts etcd again, on the same port and data, and waits until it serves; ends it before if it
    /// runs. The API server finds it again by itself, a little later.
    pub async fn restart_etcd(&self) -> Result<(), Error> {
        self.servers("a restart of etcd")?.restart_etcd().await
    }

    /// Ends all servers and waits until they are gone; etcd leaves its data in order. What they had stays theirs:
    /// [`Self::start_servers`] starts them again.
    pub async fn stop_servers(&self) -> Result<(), Error> {
        self.servers("a stop of the servers")?.stop(servers::GRACE).await
    }

    /// Starts every server that does not run, on the same port and data, and waits until all serve.
    pub async fn start_servers(&self) -> Result<(), Error> {
        self.servers("a start of the servers")?.resume().await
    }

    /// Where etcd keeps its data. Whoever replaces them stops the servers before.
    pub fn etcd_data(&self) -> Result<PathBuf, Error> {
        Ok(self.plan("etcd's data")?.etcd_data())
    }

    /// Ends all servers, waits until they are gone, and removes a temporary folder. To be called at
    /// the end of a test that went well.
    pub async fn stop(mut self) -> Result<(), Error> {
        if let Some(servers) = &self.servers {
            // What is about to be removed need not be left in order.
            let temporary = self.folder.as_ref().is_some_and(Folder::is_temporary);
            servers.stop(if temporary { Duration::ZERO } else { servers::GRACE }).await?;
        }
        if let Some(folder) = self.folder.take() {
            folder.sweep();
        }
        Ok(())
    }

    /// The names of the servers that run.
    pub(crate) fn running(&self, what: &'static str) -> Result<Vec<String>, Error> {
        let all = self.servers(what)?.all();
        Ok(all.iter().filter(|server| server.is_running()).map(|server| server.name().to_owned()).collect())
    }

    pub(crate) fn plan(&self, what: &'static str) -> Result<&Plan, Error> {
        Ok(&self.servers(what)?.plan)
    }

    fn servers(&self, what: &'static str) -> Result<&Servers, Error> {
        self.servers.as_ref().ok_or(Error::NotOurs { what })
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(folder) = &mut self.folder {
            folder.keep("a control plane was dropped without stop(), as by a failing test");
        }
    }
}
