//! What needs an API server: one real etcd and kube-apiserver for this whole program, with `deploy/`
//! applied as an administrator would. Every test has namespaces, instances and classes of its own.
//! What needs no server is tested elsewhere.

mod api;
mod bad_input;
mod cel;
mod deploy;
#[allow(dead_code, reason = "shared with other test programs, which use the rest of it")]
mod fixture;
mod objects;
mod policies;
mod roles;
