//! Writing and reading kubeconfigs. Who may have one is not decided here.

use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::error::Error;
use crate::files::write_private;

/// A kubeconfig with one cluster, one user and one context, all called after `name`.
pub(crate) fn write(path: &Path, name: &str, cluster: &Value, user: &Value) -> Result<(), Error> {
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": "testbed", "user": name, "namespace": "default"}}],
        "current-context": name,
    });
    // JSON is YAML, so every reader of kubeconfigs takes it.
    write_private(path, &format!("{text:#}\n"))
}

/// The cluster and the user of a kubeconfig's current context, with paths made absolute.
pub(crate) fn current(path: &Path) -> Result<(Value, Value), Error> {
    let wrong = |reason: &str| Error::Kubeconfig { path: path.to_owned(), reason: reason.to_owned() };
    let config = Kubeconfig::read_from(path).map_err(Error::kubeconfig(path))?;
    let name = config.current_context.as_deref().ok_or_else(|| wrong("it has no current-context"))?;
    let context = config
        .contexts
        .iter()
        .find(|named| named.name == name)
        .and_then(|named| named.context.as_ref())
        .ok_or_else(|| wrong("its current-context does not exist"))?;
    let cluster = config.clusters.iter().find(|named| named.name == context.cluster);
    let user = config.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
    let cluster = serde_json::to_value(cluster.and_then(|named| named.cluster.as_ref()));
    let user = serde_json::to_value(user.and_then(|named| named.auth_info.as_ref()));
    match (cluster, user) {
        (Ok(cluster @ Value::Object(_)), Ok(user @ Value::Object(_))) => Ok((cluster, user)),
        _ => Err(wrong("the cluster or the user of its current-context does not exist")),
    }
}

/// Writes what `kubeconfig`'s current context says to `to`, with another address of the API server, such as that of
/// a relay in front of it.
pub fn kubeconfig_at(kubeconfig: &Path, server_url: &str, to: &Path) -> Result<(), Error> {
    let (mut cluster, user) = current(kubeconfig)?;
    cluster["server"] = json!(server_url);
    let name = kubeconfig.file_name().map_or_else(|| "user".into(), |name| name.to_string_lossy());
    write(to, &name, &cluster, &user)
}

/// A client for what a kubeconfig's current context names. It does not repeat requests by itself, so
/// a test sees what the server said.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, Error> {
    client_at(kubeconfig, None).await
}

/// The same, at another address if one is given.
pub(crate) async fn client_at(kubeconfig: &Path, server_url: Option<&str>) -> Result<kube::Client, Error> {
    let mut config = Kubeconfig::read_from(kubeconfig).map_err(Error::kubeconfig(kubeconfig))?;
    if let Some(url) = server_url {
        for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(url.to_owned());
        }
    }
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(config, &options)
        .await
        .map_err(Error::kubeconfig(kubeconfig))?;
    config.default_retry = false;
    kube::Client::try_from(config).map_err(Error::kubeconfig(kubeconfig))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("ann");
        let cluster = json!({"server": "https://127.0.0.1:1", "certificate-authority": "/ca.crt"});
        let user = json!({"token": "t", "as": "bob", "as-groups": ["g"]});
        write(&path, "ann", &cluster, &user)?;
        let (read_cluster, read_user) = current(&path)?;
        assert_eq!(read_cluster["server"], cluster["server"]);
        assert_eq!(read_cluster["certificate-authority"], cluster["certificate-authority"]);
        assert_eq!(read_user, user);

        let elsewhere = folder.path().join("elsewhere");
        kubeconfig_at(&path, "https://127.0.0.1:2", &elsewhere)?;
        let (moved, same_user) = current(&elsewhere)?;
        assert_eq!(moved["server"], "https://127.0.0.1:2");
        assert_eq!(moved["certificate-authority"], cluster["certificate-authority"]);
        assert_eq!(same_user, user);
        Ok(())
    }
}
