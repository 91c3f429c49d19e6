//! Finding ports for servers that must be told one before they start.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below what systems hand to outgoing connections (32768 upwards on Linux): those could otherwise
/// take the port of a server while it restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Different ports of 127.0.0.1 that nobody listens on. Another process may be faster, so whoever
/// gets them has to cope with a clash; `None` if there seem to be none.
pub(crate) fn free<const N: usize>() -> Option<[u16; N]> {
    let random = RandomState::new();
    let width = u64::from(RANGE.end - RANGE.start);
    let mut found = BTreeSet::new();
    for attempt in 0..1000_u32 {
        let offset = u16::try_from(random.hash_one(attempt) % width).ok()?;
        let port = RANGE.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            found.insert(port);
        }
        if found.len() == N {
            return Vec::from_iter(found).try_into().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_are_free() {
        let ports = free::<3>().expect("a thousand tries find three free ports");
        let all: BTreeSet<u16> = ports.into_iter().collect();
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()));
    }
}
