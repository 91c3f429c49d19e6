//! A real control plane, private to one test or demonstration: etcd and kube-apiserver, built from
//! their published sources, on free ports of 127.0.0.1, in a folder of their own.
//!
//! What lives here starts, ends and reaches servers and processes. What must not: anything that knows
//! the operator, its resources or what a test expects.
//!
//! ```no_run
//! # async fn example() -> Result<(), testbed::Error> {
//! use testbed::{ControlPlane, Options, User};
//!
//! let options = Options::default().users([User::in_groups("ann", ["registrars"])]);
//! let control_plane = ControlPlane::start(options).await?;
//! let namespaces = control_plane.kubectl()?.ok(&["get", "namespaces"]).await?;
//! control_plane.stop().await
//! # }
//! ```
#![forbid(unsafe_code)]

mod apiserver;
pub mod audit;
mod backup;
mod binaries;
mod certs;
mod control_plane;
mod error;
mod files;
mod folder;
mod kubeconfig;
mod kubectl;
mod options;
mod plan;
mod ports;
mod process;
mod ready;
mod relay;
mod servers;

pub use apiserver::Apiserver;
pub use binaries::binaries;
pub use control_plane::ControlPlane;
pub use error::Error;
pub use folder::{token_kubeconfig, user_kubeconfig};
pub use kubeconfig::{client, kubeconfig_at};
pub use kubectl::{Kubectl, Output};
pub use options::{ADMIN, Options, User};
pub use plan::claim_folder;
pub use process::{Leash, Process, Signal};
pub use relay::Relay;
