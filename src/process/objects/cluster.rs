//! Every object of a cluster: one consistent list of each kind, in pages of one revision.
//!
//! The kinds are listed one after the other while the cluster moves. Claims, whose statuses tell of records, come
//! before the records: a record that a status tells of was there when the status was written, and stays.

use std::{fmt::Debug, time::Duration};

use kube::{Api, Client, Resource, api::ListParams};
use serde::de::DeserializeOwned;
use std::sync::Arc;

use super::sort;
use crate::{
    controllers::{
        api_error::{CALL_TIMEOUT, with_sources},
        readable::Readable,
    },
    rules::{
        kept::Kept,
        kind::{Kind, Ours},
        snapshot::{Snapshot, Unreadable},
    },
};

/// Objects a page: what the API server reads at a time.
const PAGE: u32 = 500;
/// How often a list is begun in all.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// Why a cluster could not be read, and what to do.
#[derive(Debug, thiserror::Error)]
pub(in crate::process) enum Unlisted {
    /// The kind is not served.
    #[error(
        "{kind}: the API server does not serve this kind: apply the CRDs with `kubectl apply --server-side -k crds/`, or name another cluster"
    )]
    NotServed {
        /// The kind.
        kind: Kind,
    },
    /// The user may not.
    #[error(
        "{kind}: {message}. Bind the ClusterRole icp-filing-auditor to this user with a ClusterRoleBinding, or use another context"
    )]
    Forbidden {
        /// The kind.
        kind: Kind,
        /// What the server said.
        message: String,
    },
    /// The API server does not know the user.
    #[error(
        "{kind}: the API server does not know this user: {message}. Check the credentials of the kubeconfig"
    )]
    Unknown {
        /// The kind.
        kind: Kind,
        /// What the server said.
        message: String,
    },
    /// Something else, after every try.
    #[error("{kind}: the API server does not answer: {message}. Try again when it does")]
    Unreachable {
        /// The kind.
        kind: Kind,
        /// What went wrong last.
        message: String,
    },
}

/// Everything there is.
pub(in crate::process) async fn read(client: &Client) -> Result<Snapshot, Unlisted> {
    let mut snapshot = Snapshot::default();
    let (c, u) = (client, &mut snapshot.unreadable);
    snapshot.filings = Some(list(c, u).await?);
    snapshot.requests = Some(list(c, u).await?);
    snapshot.instances = Some(list(c, u).await?);
    snapshot.classes = Some(list(c, u).await?);
    snapshot.records = Some(list(c, u).await?);
    Ok(snapshot)
}

/// One kind, in every namespace, as of one revision.
pub(in crate::process) async fn list<K>(
    client: &Client,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<Arc<Kept<K>>>, Unlisted>
where
    K: Ours + Clone + DeserializeOwned + Debug,
{
    let kind = K::KIND;
    let api: Api<Readable<K>> = Api::all(client.clone());
    let mut tries = 0;
    loop {
        tries += 1;
        let message = match pages(&api).await {
            Ok(objects) => {
                let mut readable = Vec::with_capacity(objects.len());
                for object in objects {
                    sort(object, &mut readable, unreadable);
                }
                return Ok(readable);
            }
            Err(kube::Error::Api(status)) => match status.code {
                404 => return Err(Unlisted::NotServed { kind }),
                403 => return Err(Unlisted::Forbidden { kind, message: status.message.clone() }),
                401 => return Err(Unlisted::Unknown { kind, message: status.message.clone() }),
                // 410: the revision of the first page was compacted away; a list of half of two is none.
                code => format!("{code} {}", status.message),
            },
            Err(error) => with_sources(&error),
        };
        if tries == TRIES {
            return Err(Unlisted::Unreachable { kind, message });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn pages<K>(api: &Api<Readable<K>>) -> kube::Result<Vec<Readable<K>>>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = match tokio::time::timeout(CALL_TIMEOUT, api.list(&params)).await {
            Ok(page) => page?,
            Err(late) => return Err(kube::Error::Service(late.into())),
        };
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}
