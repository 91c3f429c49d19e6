//! The folder of one control plane: whether it stays, and the kubeconfigs in it. No server is known here.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::error::Error;
use crate::files::create_folder;
use crate::kubeconfig;
use crate::options::{ADMIN, check_name};
use crate::plan::{claim_folder, kubeconfig_path};
use crate::process::Sweeper;

/// A folder that goes away with its holder unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    sweeper: Option<Sweeper>,
    /// Somebody asked for it by `ICP_TEST_KEEP`, and is to be told where it is.
    asked_for: bool,
}

impl Folder {
    /// `keep` itself, or a new private temporary folder.
    pub(crate) fn new(keep: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = keep {
            return Ok(Self { path: claim_folder(path)?, sweeper: None, asked_for: false });
        }
        let above = std::env::temp_dir();
        let path = tempfile::Builder::new()
            .prefix("icp-filing-testbed-")
            .permissions(Permissions::from_mode(0o700))
            .disable_cleanup(true)
            .tempdir_in(&above)
            .map_err(Error::io("create a folder in", &above))?
            .keep();
        let asked_for = std::env::var_os("ICP_TEST_KEEP").is_some_and(|value| value == "1");
        let sweeper = if asked_for { None } else { Some(Sweeper::of(&path)?) };
        Ok(Self { path, sweeper, asked_for })
    }

    /// Whether it goes away.
    pub(crate) fn is_temporary(&self) -> bool {
        self.sweeper.is_some()
    }

    /// Removes it if it is temporary.
    pub(crate) fn sweep(mut self) {
        if let Some(sweeper) = self.sweeper.take() {
            sweeper.sweep();
        }
    }

    /// Leaves it where it is, because something went wrong; says so if it would have gone.
    pub(crate) fn keep(&mut self, why: &str) {
        if let Some(sweeper) = self.sweeper.take() {
            sweeper.keep();
            eprintln!("testbed: {why}; logs and data are kept in {}", self.path.display());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.asked_for {
            eprintln!("testbed: ICP_TEST_KEEP is set; logs and data are kept in {}", self.path.display());
        }
    }
}

/// The kubeconfig of a declared user of the control plane whose folder is `root`.
pub fn user_kubeconfig(root: &Path, user: &str) -> Result<PathBuf, Error> {
    let path = kubeconfig_path(root, user);
    if check_name(user).is_ok() && path.is_file() {
        return Ok(path);
    }
    let folder = root.join("kubeconfigs");
    let entries = std::fs::read_dir(&folder).map_err(Error::io("list", &folder))?;
    let mut known: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    known.sort();
    Err(Error::UnknownUser { name: user.to_owned(), known: known.join(", ") })
}

/// Writes a kubeconfig for whoever `token` stands for, such as a service account.
pub fn token_kubeconfig(root: &Path, name: &str, token: &str) -> Result<PathBuf, Error> {
    check_name(name)?;
    let (cluster, _) = kubeconfig::current(&kubeconfig_path(root, ADMIN))?;
    // Not among those of the users, which it might replace.
    let folder = root.join("token-kubeconfigs");
    create_folder(&folder)?;
    let path = folder.join(name);
    kubeconfig::write(&path, name, &cluster, &json!({ "token": token }))?;
    Ok(path)
}
