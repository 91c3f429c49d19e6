//! Which store the ledger is in.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, CustomResourceExt};

use crate::{
    api::ServiceNumber,
    controllers::api_error::{Failure, bounded},
};

/// The uid of the CustomResourceDefinition of the records: it is a new one wherever all records are gone.
pub(super) async fn identity(client: &Client) -> Result<String, Failure> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = bounded(crds.get_metadata(ServiceNumber::crd_name())).await?;
    crd.metadata.uid.ok_or(Failure::Gone)
}
