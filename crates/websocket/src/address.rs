//! Counts connections, in all and per address.

use crate::limits::ListenLimits;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of a listener.
#[derive(Debug, Default)]
pub(crate) struct Census {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    per_network: HashMap<IpAddr, usize>,
}

/// The right to one connection, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    census: Arc<Census>,
    network: Option<IpAddr>,
}

/// Which limit a connection would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    InAll,
    FromAddress,
}

impl Census {
    /// Counts a connection before anything is known of it but that it is there.
    pub(crate) fn enter(self: &Arc<Census>, limits: &ListenLimits) -> Result<Permit, Crowded> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= limits.connections {
            return Err(Crowded::InAll);
        }
        counts.all += 1;
        Ok(Permit { census: self.clone(), network: None })
    }

    pub(crate) fn all(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Permit {
    /// Counts the connection for its address too.
    pub(crate) fn assign(&mut self, address: IpAddr, limits: &ListenLimits) -> Result<(), Crowded> {
        let network = network(address);
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.per_network.entry(network).or_default();
        if *count >= limits.connections_per_address {
            return Err(Crowded::FromAddress);
        }
        *count += 1;
        drop(counts);
        self.network = Some(network);
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let Some(network) = self.network else { return };
        if let Some(count) = counts.per_network.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.per_network.remove(&network);
            }
        }
    }
}

/// The addresses that count as one: one IPv4 address, or an IPv6 network as providers give it out.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_back() {
        let census = Arc::new(Census::default());
        let limits = ListenLimits { connections: 3, connections_per_address: 2 };
        let here = IpAddr::from([127, 0, 0, 1]);
        let there = IpAddr::from([127, 0, 0, 2]);
        let enter = |address| {
            let mut permit = census.enter(&limits)?;
            permit.assign(address, &limits).map(|()| permit)
        };
        let first = enter(here).unwrap();
        let _second = enter(here).unwrap();
        assert_eq!(enter(here).unwrap_err(), Crowded::FromAddress);
        assert_eq!(census.all(), 2);
        let _third = enter(there).unwrap();
        assert_eq!(enter(there).unwrap_err(), Crowded::InAll);
        drop(first);
        enter(here).unwrap();
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
