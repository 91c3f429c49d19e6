//! The one control plane of this program, its users, and a fresh tenant for every test.
//! What is applied to it, and when it counts as installed, is in `install`. No expectation lives here.

// By path, so that other test programs can take this file in with `#[path]`.
#[path = "fixture/install.rs"]
mod install;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testbed::{ControlPlane, Kubectl, Options, Output, User};
use tokio::sync::OnceCell;

pub use install::install;

/// The operator's own identity, as `deploy/` creates it.
pub const OPERATOR: &str = "system:serviceaccount:icp-filing-system:icp-filing-operator";
/// The group that may repair the ledger. Nobody is in it; an administrator impersonates it.
pub const BREAK_GLASS: &str = "icp-filing.dev:break-glass";
/// How long anything may take that the API server does by itself.
pub const SOON: Duration = Duration::from_secs(30);

/// Who acts. Each is a user of the API server with the rights that `deploy/rbac` gives such a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A member of `system:masters`.
    Admin,
    /// Has icp-filing-platform-admin, everywhere.
    PlatformAdmin,
    /// Has icp-filing-registrar in every tenant.
    Registrar,
    /// Has icp-filing-applicant in her own tenants, which are those of [`Cluster::tenant`].
    Alice,
    /// Has icp-filing-applicant in his own tenants.
    Bob,
    /// Has icp-filing-viewer in every tenant.
    Viewer,
    /// Was granted to write statuses, as by a careless wildcard, and nothing else.
    StatusWriter,
    /// The operator's service account, by a token.
    Operator,
}

impl Who {
    /// Every user with a token in the API server's file.
    const USERS: [Self; 6] =
        [Self::PlatformAdmin, Self::Registrar, Self::Alice, Self::Bob, Self::Viewer, Self::StatusWriter];

    /// The name that RBAC sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => testbed::ADMIN,
            Self::PlatformAdmin => "platform-admin",
            Self::Registrar => "registrar",
            Self::Alice => "alice",
            Self::Bob => "bob",
            Self::Viewer => "viewer",
            Self::StatusWriter => "status-writer",
            Self::Operator => OPERATOR,
        }
    }
}

/// Why a cluster did not start.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A control plane with `deploy/` in force.
#[derive(Debug)]
pub struct Cluster {
    control_plane: ControlPlane,
    operator: PathBuf,
}

/// The cluster that all tests share. The first caller starts it; it ends with the process.
pub async fn cluster() -> &'static Cluster {
    // Nothing in a Cluster belongs to the runtime of the test that was first, so a plain cell will do.
    // A failure is kept too: every test then says at once why, instead of trying again.
    static CLUSTER: OnceCell<Result<Cluster, String>> = OnceCell::const_new();
    let started = CLUSTER.get_or_init(|| async { Cluster::start().await.map_err(|error| error.to_string()) });
    started.await.as_ref().unwrap_or_else(|error| panic!("the cluster of the tests did not start: {error}"))
}

/// Alice's: see [`Cluster::tenant`].
pub async fn tenant() -> Tenant<'static> {
    cluster().await.tenant(Who::Alice).await
}

impl Cluster {
    /// A control plane of its own, for what would disturb others. Everybody else uses [`cluster`].
    pub async fn start() -> Result<Self, Failure> {
        let control_plane = ControlPlane::start(Self::options()).await?;
        let operator = install(&control_plane).await?;
        Ok(Self { control_plane, operator })
    }

    /// What a control plane needs to know of the users here.
    pub fn options() -> Options {
        Options::default().users(Who::USERS.map(|who| User::new(who.name())))
    }

    /// A control plane in which nothing is in force yet, with the operator's kubeconfig.
    pub fn bare(control_plane: ControlPlane, operator: PathBuf) -> Self {
        Self { control_plane, operator }
    }

    /// For what only the control plane itself can do: kill it, read its etcd.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// Ends a cluster that was started for one test.
    pub async fn stop(self) {
        must("stop the control plane", self.control_plane.stop().await);
    }

    /// The kubeconfig of a user.
    pub fn kubeconfig(&self, who: Who) -> PathBuf {
        match who {
            Who::Admin => self.control_plane.admin_kubeconfig().to_owned(),
            Who::Operator => self.operator.clone(),
            _ => must("find a kubeconfig", self.control_plane.kubeconfig_for_user(who.name())),
        }
    }

    /// kubectl as a user.
    pub fn kubectl(&self, who: Who) -> Kubectl {
        must("use kubectl", self.control_plane.kubectl_with(&self.kubeconfig(who)))
    }

    /// A client as a user. It belongs to the runtime that calls, so every test makes its own.
    pub async fn client(&self, who: Who) -> kube::Client {
        must("make a client", testbed::client(&self.kubeconfig(who)).await)
    }

    /// A fresh namespace in which `owner` is an applicant, the registrar registers and the viewer views.
    pub async fn tenant(&self, owner: Who) -> Tenant<'_> {
        let tenant = Tenant { namespace: format!("t-{}", unique()), cluster: self };
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.namespace},
        });
        let mut objects = vec![namespace];
        for (who, role) in [
            (owner, "icp-filing-applicant"),
            (Who::Registrar, "icp-filing-registrar"),
            (Who::Viewer, "icp-filing-viewer"),
            (Who::StatusWriter, install::STATUS_WRITER),
        ] {
            objects.push(json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": who.name(), "namespace": tenant.namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who.name()}],
            }));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        must("make a tenant", self.kubectl(Who::Admin).ok_with_input(&["create", "-f", "-"], &list).await);
        // The authorizer learns of bindings from a watch, one after the other, so a right may be a moment late.
        let latest = tenant.kubectl(Who::StatusWriter);
        eventually("rights in a fresh namespace", SOON, async || {
            let can = latest
                .run(&["auth", "can-i", "patch", "filings.icp-filing.dev", "--subresource=status"])
                .await;
            if can.status.success() { Ok(()) } else { Err(can.stdout + &can.stderr) }
        })
        .await;
        tenant
    }
}

/// A namespace that nobody else uses. It is not deleted: nothing in it disturbs anybody.
#[derive(Debug)]
pub struct Tenant<'a> {
    /// Its name.
    pub namespace: String,
    cluster: &'a Cluster,
}

impl Tenant<'_> {
    /// kubectl as a user, in this namespace.
    pub fn kubectl(&self, who: Who) -> Here {
        Here { kubectl: self.cluster.kubectl(who), namespace: self.namespace.clone() }
    }

    /// A client as a user.
    pub async fn client(&self, who: Who) -> kube::Client {
        self.cluster.client(who).await
    }
}

/// kubectl in one namespace.
#[derive(Debug)]
pub struct Here {
    kubectl: Kubectl,
    namespace: String,
}

impl Here {
    /// Runs it and gives whatever it gave.
    pub async fn run(&self, args: &[&str]) -> Output {
        self.run_with_input(args, "").await
    }

    /// Runs it with `input` on its stdin and gives whatever it gave.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        let args = [&["-n", &self.namespace], args].concat();
        must("run kubectl", self.kubectl.run_with_input(&args, input).await)
    }

    /// Runs it and gives what it printed; it has to succeed.
    pub async fn ok(&self, args: &[&str]) -> String {
        succeeded(args, self.run(args).await)
    }

    /// Runs it and gives its complaint; it has to fail.
    pub async fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(!output.status.success(), "kubectl {} was not refused: {}", args.join(" "), output.stdout);
        output.stderr
    }

    /// `kubectl apply` of one object or text; it has to succeed.
    pub async fn apply(&self, manifest: impl Display) -> String {
        let args = ["apply", "-f", "-"];
        succeeded(&args, self.run_with_input(&args, &manifest.to_string()).await)
    }

    /// `kubectl create` of one object or text, giving its complaint; it has to fail.
    pub async fn create_refused(&self, manifest: impl Display) -> String {
        let output = self.run_with_input(&["create", "-f", "-"], &manifest.to_string()).await;
        assert!(!output.status.success(), "this was not refused: {}\n{manifest}", output.stdout);
        output.stderr
    }

    /// `kubectl get -o json` of one object.
    pub async fn json(&self, kind: &str, name: &str) -> Value {
        let text = self.ok(&["get", kind, name, "-o", "json"]).await;
        must("read what kubectl printed", serde_json::from_str(&text))
    }
}

fn succeeded(args: &[&str], output: Output) -> String {
    assert!(output.status.success(), "kubectl {} failed: {}", args.join(" "), output.stderr);
    output.stdout
}

/// A name that no other test uses, in this run or another on the same cluster: letters and digits.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static RUN: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}{:x}", now.as_millis() & 0xff_ffff_ffff, std::process::id())
    });
    format!("{}x{}", *RUN, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A provider's instance ID that no other test uses.
pub fn instance_id() -> String {
    format!("i-{}", unique())
}

/// A folder or file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The value, or the end of the test with what went wrong.
pub fn must<T, E: Display>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("cannot {what}: {error}"))
}

/// Asks until the answer is there, and ends the test with the last reason why not at the deadline.
pub async fn eventually<T, E: Display>(
    what: &str,
    within: Duration,
    ask: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    in_time(what, within, ask).await.unwrap_or_else(|late| panic!("{late}"))
}

/// Asks until the answer is there, and gives the last reason why not at the deadline.
async fn in_time<T, E: Display>(
    what: &str,
    within: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, String> {
    let since = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(why) if since.elapsed() >= within => {
                return Err(format!("no {what} after {} s: {why}", within.as_secs()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
