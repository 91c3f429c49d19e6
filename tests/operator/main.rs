//! The built operator, as its own ServiceAccount, on a real etcd and kube-apiserver. Every test ends by asking
//! an oracle that read every revision of etcd whether the five invariants held. What the API server refuses by
//! itself is tested in `tests/server`.

#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../server/objects.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod objects;
#[path = "../simulate/rng.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod rng;

mod alone;
mod audits;
mod calls;
mod costs;
mod crashes;
mod credentials;
mod crowds;
mod filings;
mod history;
mod leadership;
mod lives;
mod load;
mod monitoring;
mod operator_process;
mod oracle;
mod orders;
mod process;
mod quotas;
mod requests;
mod reviews;
mod rights;
mod scene;
mod stage;
mod stalled;
mod statuses;
mod traces;
mod watches;
mod wire;
