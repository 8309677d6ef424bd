//! Which of this machine's addresses a browser may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Config;

/// Names of interfaces that lead to containers and virtual machines on this very machine. A browser elsewhere cannot
/// reach them, and each would cost it a failing connectivity check.
const INTERNAL: [&str; 9] = ["docker", "br-", "veth", "cni", "virbr", "podman", "flannel", "cali", "lxc"];

/// One address of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    pub name: String,
    pub address: IpAddr,
}

/// Every address of this machine.
pub fn interfaces() -> std::io::Result<Vec<Interface>> {
    let found = if_addrs::get_if_addrs()?;
    Ok(found.into_iter().map(|interface| Interface { address: interface.ip(), name: interface.name }).collect())
}

/// Addresses to announce for media: those configured, else those of `interfaces` that lead out of this machine.
/// Loopback is added when there is no other, or when the page itself is served on loopback only. Never empty.
pub fn media_addresses(config: &Config, interfaces: &[Interface]) -> Vec<IpAddr> {
    if !config.media.announced_addresses.is_empty() {
        return config.media.announced_addresses.clone();
    }
    let mut addresses = lan_addresses(interfaces);
    if addresses.is_empty() || config.http.address.ip().is_loopback() {
        addresses.extend(interfaces.iter().map(|interface| interface.address).filter(IpAddr::is_loopback));
    }
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

/// Addresses by which other machines may reach this one, IPv4 first.
pub fn lan_addresses(interfaces: &[Interface]) -> Vec<IpAddr> {
    let outward = |interface: &&Interface| !INTERNAL.iter().any(|prefix| interface.name.starts_with(prefix));
    let mut addresses: Vec<IpAddr> =
        interfaces.iter().filter(outward).map(|interface| interface.address).filter(is_reachable).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses
}

fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        // A link-local address means nothing without its interface, and a candidate cannot name one.
        IpAddr::V6(v6) => !v6.is_loopback() && !is_link_local(*v6) && !v6.is_unspecified(),
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        Interface { name: name.to_owned(), address: address.parse().unwrap() }
    }

    fn machine() -> Vec<Interface> {
        vec![
            interface("lo", "127.0.0.1"),
            interface("lo", "::1"),
            interface("eth0", "2001:db8::5"),
            interface("eth0", "fe80::5"),
            interface("eth0", "192.168.1.5"),
            interface("docker0", "172.17.0.1"),
            interface("br-4f2a", "172.18.0.1"),
            interface("virbr0", "192.168.122.1"),
        ]
    }

    fn announced(config: &Config, interfaces: &[Interface]) -> Vec<String> {
        media_addresses(config, interfaces).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn container_bridges_loopback_and_link_local_addresses_are_not_announced() {
        assert_eq!(announced(&Config::default(), &machine()), ["192.168.1.5", "2001:db8::5"]);
    }

    #[test]
    fn loopback_is_announced_when_there_is_nothing_else() {
        assert_eq!(announced(&Config::default(), &machine()[..2]), ["127.0.0.1", "::1"]);
        assert_eq!(announced(&Config::default(), &[]), ["127.0.0.1"]);
    }

    #[test]
    fn loopback_is_announced_too_when_the_page_is_served_there_only() {
        let mut config = Config::default();
        config.http.address = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(announced(&config, &machine()), ["192.168.1.5", "2001:db8::5", "127.0.0.1", "::1"]);
    }

    #[test]
    fn configured_addresses_are_announced_as_they_are() {
        let mut config = Config::default();
        config.media.announced_addresses = vec!["203.0.113.7".parse().unwrap()];
        assert_eq!(announced(&config, &machine()), ["203.0.113.7"]);
    }
}
