//! What is written into a control plane's folder before it starts, and the command line of each
//! server. Nothing here runs anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::error::Error;
use crate::files::{create_folder, secret, write_private};
use crate::options::{ADMIN, Options, User};
use crate::{audit, binaries, certs, kubeconfig};

/// The API server of [`Plan::first`], and its process.
const FIRST: &str = "kube-apiserver";
/// What etcd calls itself, its only member.
const MEMBER: &str = "testbed";

/// Where Services have their addresses; the first is the API server's own.
const SERVICES: &str = "10.96.0.0/16";

/// Says in a kept folder that a testbed made it.
const MARKER: &str = ".testbed";

/// One control plane on paper: its folder, its ports, its options.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: PathBuf,
    pub(crate) bin: PathBuf,
    pub(crate) options: Options,
    etcd_port: u16,
    etcd_peer_port: u16,
    apiserver_port: u16,
}

/// What tells one API server of a control plane from the others.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// What its process, its log and its pid file are called after.
    pub(crate) name: String,
    port: u16,
    /// Where it finds etcd.
    etcd: String,
}

impl Seat {
    /// One beside the first.
    pub(crate) fn another(number: usize, port: u16, etcd: String) -> Self {
        Self { name: format!("{FIRST}-{number}"), port, etcd }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

impl Plan {
    pub(crate) fn new(root: PathBuf, bin: PathBuf, options: Options, ports: [u16; 3]) -> Self {
        let [etcd_port, etcd_peer_port, apiserver_port] = ports;
        Self { root, bin, options, etcd_port, etcd_peer_port, apiserver_port }
    }

    pub(crate) fn etcd_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }

    /// The API server that everybody talks to who asked for no other.
    pub(crate) fn first(&self) -> Seat {
        Seat { name: FIRST.to_owned(), port: self.apiserver_port, etcd: self.etcd_endpoint() }
    }

    pub(crate) fn etcd_data(&self) -> PathBuf {
        self.root.join("etcd")
    }

    pub(crate) fn log(&self, server: &str) -> PathBuf {
        self.root.join("logs").join(format!("{server}.log"))
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.audit_log_of(FIRST)
    }

    fn audit_log_of(&self, server: &str) -> PathBuf {
        let file = if server == FIRST { "audit.log".to_owned() } else { format!("audit-{server}.log") };
        self.root.join("audit").join(file)
    }

    fn pki(&self, file: &str) -> PathBuf {
        self.root.join("pki").join(file)
    }

    /// Writes everything the servers read, and a kubeconfig for each user.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        for folder in ["etcd", "logs", "audit", "pki", "kubeconfigs"] {
            create_folder(&self.root.join(folder))?;
        }
        certs::write(&self.root.join("pki"), self.options.pods)?;
        write_private(&self.root.join("audit/policy.json"), &audit::policy())?;

        let masters = ["system:masters"];
        let mut users = vec![User::in_groups(ADMIN, masters)];
        if self.options.controller_manager {
            users.push(User::in_groups(audit::CONTROLLER_MANAGER_USER, masters));
        }
        users.extend(self.options.users.iter().cloned());
        let mut tokens = String::new();
        let cluster = self.cluster();
        for user in &users {
            user.check()?;
            let token = format!("{:032x}", secret()?);
            let line = format!("{token},{0},{0},\"{1}\"\n", user.name, user.groups.join(","));
            tokens.push_str(&line);
            let path = kubeconfig_path(&self.root, &user.name);
            kubeconfig::write(&path, &user.name, &cluster, &json!({ "token": token }))?;
        }
        write_private(&self.root.join("tokens.csv"), &tokens)
    }

    /// Replaces what the API server proves itself by from its next start on.
    pub(crate) fn replace_ca(&self) -> Result<(), Error> {
        certs::write_serving(&self.root.join("pki"), self.options.pods)
    }

    fn cluster(&self) -> serde_json::Value {
        json!({ "server": self.first().url(), "certificate-authority": self.pki("ca.crt") })
    }

    pub(crate) fn etcd(&self) -> Command {
        let client = self.etcd_endpoint();
        let mut etcd = Command::new(self.bin.join("etcd"));
        etcd.args(self.membership())
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={}", self.peer_url()));
        if !self.options.fsync {
            etcd.arg("--unsafe-no-fsync");
        }
        etcd
    }

    /// Who the one member of etcd is and where its data are, said alike to whoever runs or restores it.
    pub(crate) fn membership(&self) -> [std::ffi::OsString; 4] {
        let peer = self.peer_url();
        [
            format!("--name={MEMBER}").into(),
            flag("data-dir", &self.etcd_data()),
            format!("--initial-advertise-peer-urls={peer}").into(),
            format!("--initial-cluster={MEMBER}={peer}").into(),
        ]
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_peer_port)
    }

    pub(crate) fn apiserver(&self, seat: &Seat) -> Command {
        let mut apiserver = Command::new(self.bin.join("kube-apiserver"));
        apiserver
            .arg(format!("--etcd-servers={}", seat.etcd))
            .arg(format!("--secure-port={}", seat.port))
            .arg(flag("cert-dir", &self.root.join("pki")))
            .arg(flag("tls-cert-file", &self.pki("serving.crt")))
            .arg(flag("tls-private-key-file", &self.pki("serving.key")))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(flag("service-account-key-file", &self.pki("service-accounts.pub")))
            .arg(flag("service-account-signing-key-file", &self.pki("service-accounts.key")))
            .arg(flag("token-auth-file", &self.root.join("tokens.csv")))
            .arg(format!("--service-cluster-ip-range={SERVICES}"));
        match self.options.pods {
            Some(address) => apiserver
                .arg("--bind-address=0.0.0.0")
                .arg(format!("--advertise-address={address}"))
                .arg("--authorization-mode=Node,RBAC")
                .arg("--enable-admission-plugins=NodeRestriction")
                // Nobody resolves the names of nodes.
                .arg("--kubelet-preferred-address-types=InternalIP")
                .arg("--allow-privileged"),
            None => apiserver
                .arg("--bind-address=127.0.0.1")
                // The machine may have no other address, and nothing looks for one: hence no endpoints.
                .arg("--advertise-address=127.0.0.1")
                .arg("--endpoint-reconciler-type=none")
                .arg("--authorization-mode=RBAC")
                // Without nodes no pod runs, and none should wait for a token it will never read.
                .arg("--disable-admission-plugins=ServiceAccount"),
        };
        if self.options.audit {
            apiserver
                .arg(flag("audit-policy-file", &self.root.join("audit/policy.json")))
                .arg(flag("audit-log-path", &self.audit_log_of(&seat.name)))
                // Written before the answer is sent, and never moved aside.
                .arg("--audit-log-mode=blocking")
                .arg("--audit-log-maxsize=65536");
        }
        apiserver.args(&self.options.extra_apiserver_args);
        apiserver
    }

    pub(crate) fn controller_manager(&self) -> Command {
        let kubeconfig = kubeconfig_path(&self.root, audit::CONTROLLER_MANAGER_USER);
        let mut manager = Command::new(self.bin.join(binaries::CONTROLLER_MANAGER));
        manager
            .arg(flag("kubeconfig", &kubeconfig))
            .arg(flag("root-ca-file", &self.pki("ca.crt")))
            .arg(flag("service-account-private-key-file", &self.pki("service-accounts.key")))
            // One of it is enough, so it need not wait for a lease; and nobody asks it anything.
            .arg("--leader-elect=false")
            .arg("--secure-port=0");
        manager
    }
}

/// Where the kubeconfig of a user is, in the folder of a control plane.
pub(crate) fn kubeconfig_path(root: &Path, user: &str) -> PathBuf {
    root.join("kubeconfigs").join(user)
}

/// Makes `root` a testbed's folder, for its owner alone, and gives its absolute path. It has to be new,
/// empty, or a testbed's already.
pub fn claim_folder(root: &Path) -> Result<PathBuf, Error> {
    let free = match std::fs::read_dir(root) {
        Ok(mut entries) => entries.next().is_none() || root.join(MARKER).exists(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !free {
        return Err(Error::FolderInUse { path: root.to_owned() });
    }
    create_folder(root)?;
    write_private(&root.join(MARKER), "A testbed keeps its servers' files here.\n")?;
    root.canonicalize().map_err(Error::io("resolve", root))
}

fn flag(name: &str, path: &Path) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(format!("--{name}="));
    flag.push(path);
    flag
}
