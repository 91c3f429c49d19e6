//! Snapshots of etcd, putting one back, and dropping its past: what an administrator does with etcd's own tools.

use std::ffi::OsStr;
use std::path::Path;

use crate::binaries;
use crate::control_plane::ControlPlane;
use crate::error::Error;

impl ControlPlane {
    /// Saves a snapshot of the running etcd to a file.
    pub async fn save_snapshot(&self, file: &Path) -> Result<(), Error> {
        let endpoint = self.etcd_endpoint()?;
        self.tool("etcdctl", &["--endpoints", &endpoint, "snapshot", "save"], [file]).await.map(drop)
    }

    /// Puts a snapshot in the place of etcd's data. To be called between [`Self::stop_servers`] and
    /// [`Self::start_servers`].
    ///
    /// With `bump`, etcd goes on that many revisions later and takes all before for compacted, as its
    /// documentation asks for where clients may have watches: they are told that theirs are too old. Without, the
    /// store's revisions begin again where the snapshot left off.
    pub async fn restore_snapshot(&self, file: &Path, bump: Option<u64>) -> Result<(), Error> {
        const WHAT: &str = "a restore of etcd";
        let plan = self.plan(WHAT)?;
        if let Some(name) = self.running(WHAT)?.into_iter().next() {
            return Err(Error::InUse { name });
        }
        let data = plan.etcd_data();
        std::fs::remove_dir_all(&data).map_err(Error::io("remove", &data))?;
        let mut args = plan.membership().to_vec();
        if let Some(bump) = bump {
            args.extend([format!("--bump-revision={bump}").into(), "--mark-compacted".into()]);
        }
        args.push(file.as_os_str().to_owned());
        self.tool("etcdutl", &["snapshot", "restore"], args).await.map(drop)
    }

    /// Has the running etcd forget everything before its present revision, which is given.
    pub async fn compact(&self) -> Result<u64, Error> {
        let endpoint = self.etcd_endpoint()?;
        let status = ["--endpoints", &endpoint, "endpoint", "status", "--write-out=json"];
        let answer = self.tool("etcdctl", &status, None::<&OsStr>).await?;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
        // Where it has been asked for nothing yet, the first revision is named nowhere.
        let revision = answer[0]["Status"]["header"]["revision"].as_u64().unwrap_or(1);
        let compact = ["--endpoints", &endpoint, "compaction", "--physical"];
        self.tool("etcdctl", &compact, [revision.to_string()]).await?;
        Ok(revision)
    }

    async fn tool(
        &self,
        name: &str,
        args: &[&str],
        more: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<String, Error> {
        let program = binaries::binaries(&[name]).await?.join(name);
        let mut command = tokio::process::Command::new(&program);
        command.args(args).args(more).kill_on_drop(true);
        let output = command.output().await.map_err(Error::io("run", &program))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let tool = format!("{name} {}", args.join(" "));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::Tool { tool, status: output.status, stderr })
    }
}
