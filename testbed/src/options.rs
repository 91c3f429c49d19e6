//! What a caller may ask of a control plane. Nothing here starts or touches anything.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;

/// The user that is always there, a member of `system:masters`.
pub const ADMIN: &str = "admin";

/// A user the API server knows by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, as RBAC sees it.
    pub name: String,
    /// The groups, as RBAC sees them.
    pub groups: Vec<String>,
}

impl User {
    /// A user without groups of its own.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), groups: Vec::new() }
    }

    /// A user with groups.
    pub fn in_groups<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Self {
        Self { name: name.into(), groups: groups.into_iter().map(Into::into).collect() }
    }

    /// Reads `name` or `name=group1,group2`, as the command line has it; `name:group1,group2` is
    /// understood too as long as the name has no colon of its own.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, groups) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((text, ""));
        let user = Self::in_groups(name, groups.split(',').filter(|group| !group.is_empty()));
        user.check()?;
        Ok(user)
    }

    /// Names end up in a CSV file and in file names, so they must not break either.
    pub(crate) fn check(&self) -> Result<(), Error> {
        std::iter::once(&self.name).chain(&self.groups).try_for_each(|name| check_name(name))
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._@:".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(harmless) {
        return Err(Error::BadName { name: name.to_owned() });
    }
    Ok(())
}

/// How a control plane is to be. [`Options::default`] is what most tests want.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Users beside [`ADMIN`]. They may do what RBAC grants them: at first, nothing.
    pub users: Vec<User>,
    /// Also run kube-controller-manager: garbage collection, namespace deletion, deployments.
    pub controller_manager: bool,
    /// Be the control plane of nodes, which reach the API server at this address of the machine: it listens on every
    /// address, so the caller gives it a network of its own, and pods get accounts as they do on any cluster.
    pub pods: Option<Ipv4Addr>,
    /// Also write an audit log; see [`crate::audit`].
    pub audit: bool,
    /// Arguments put after our own when the API server is started.
    pub extra_apiserver_args: Vec<String>,
    /// Where everything is kept, and stays; by default a private temporary folder that goes away.
    pub keep: Option<PathBuf>,
    /// Let etcd flush to disk. Only a test of lost power could tell, and everything is slower.
    pub fsync: bool,
    /// How long the servers may take to become ready.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            controller_manager: false,
            pods: None,
            audit: false,
            extra_apiserver_args: Vec::new(),
            keep: None,
            fsync: false,
            ready_within: Duration::from_secs(90),
        }
    }
}

impl Options {
    /// With these users beside the admin.
    #[must_use]
    pub fn users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users.extend(users);
        self
    }

    /// With kube-controller-manager.
    #[must_use]
    pub fn controller_manager(mut self, yes: bool) -> Self {
        self.controller_manager = yes;
        self
    }

    /// For pods on nodes that reach the API server at this address.
    #[must_use]
    pub fn pods(mut self, address: Ipv4Addr) -> Self {
        self.pods = Some(address);
        self
    }

    /// With an audit log.
    #[must_use]
    pub fn audit(mut self, yes: bool) -> Self {
        self.audit = yes;
        self
    }

    /// With more arguments for the API server.
    #[must_use]
    pub fn apiserver_args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.extra_apiserver_args.extend(args.into_iter().map(Into::into));
        self
    }

    /// In this folder, which is kept.
    #[must_use]
    pub fn keep(mut self, folder: impl Into<PathBuf>) -> Self {
        self.keep = Some(folder.into());
        self
    }

    /// With an etcd that flushes to disk.
    #[must_use]
    pub fn fsync(mut self, yes: bool) -> Self {
        self.fsync = yes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_from_the_command_line() -> Result<(), Error> {
        assert_eq!(User::parse("ann")?, User::new("ann"));
        assert_eq!(User::parse("ann:a,b")?, User::in_groups("ann", ["a", "b"]));
        let account = "system:serviceaccount:ns:op=system:serviceaccounts";
        assert_eq!(
            User::parse(account)?,
            User::in_groups("system:serviceaccount:ns:op", ["system:serviceaccounts"])
        );
        Ok(())
    }

    #[test]
    fn names_that_would_break_a_file_are_refused() {
        for bad in ["", "a,b", "../x", "a/b", "a\"b", "a\nb", "a:b\"c"] {
            assert!(User::new(bad).check().is_err(), "{bad:?}");
        }
    }
}
