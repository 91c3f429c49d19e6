//! Where the servers' binaries come from. How they are built is the build script's business.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::Error;

/// What every control plane of ours needs.
pub(crate) const SERVERS: &[&str] = &["etcd", "kube-apiserver", "kubectl"];
/// What it needs as well if asked for.
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// The folder with the binaries named, which are built if they are not there: the first time on a
/// machine that takes minutes, and says so on stderr. `KUBEBUILDER_ASSETS` is used if it is set.
///
/// Known: `etcd`, `kube-apiserver`, `kubectl`, `kube-controller-manager`, `etcdctl`, `etcdutl`, `kubelet`, `kube-proxy`,
/// `kube-scheduler`.
pub async fn binaries(names: &[&str]) -> Result<PathBuf, Error> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/controlplane/build");
    // stderr is inherited, so that whoever waits for a cold build sees what it is doing.
    let output = tokio::process::Command::new(&script)
        .args(names)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::io("run", &script))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if !output.status.success() || folder.is_empty() {
        return Err(Error::Build { script, wanted: names.join(" "), outcome: output.status.to_string() });
    }
    Ok(PathBuf::from(folder))
}
