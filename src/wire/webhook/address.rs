//! Which addresses a request may go to.
//!
//! Loopback and private networks are allowed: duban lives in an office's own network, where gateways are. Link-local
//! and metadata addresses are not: nothing that takes messages lives there, and what does gives out credentials.
//! Names are judged after they were resolved, each time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services outside the link-local range: Aliyun's, and AWS's over IPv6.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254))];

/// Whether no request may go there.
pub(super) fn is_denied(address: IpAddr) -> bool {
    METADATA.contains(&address)
        || match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
            IpAddr::V6(v6) => {
                v6.is_unicast_link_local()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || embedded(v6).is_some_and(|v4| is_denied(v4.into()))
            }
        }
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            two(high, low)
        }
        _ => None,
    }
}

/// The system's resolver, without the denied addresses.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.iter().copied().filter(|address| !is_denied(address.ip())).collect();
            match found.first() {
                Some(denied) if allowed.is_empty() => {
                    Err(format!("{} is at {}, where no request may go", name.as_str(), denied.ip()).into())
                }
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_are_denied_in_every_notation() {
        for denied in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(is_denied(denied.parse().expect(denied)), "{denied}");
        }
        for allowed in
            ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fd00::1", "8.8.8.8", "2400:3200::1"]
        {
            assert!(!is_denied(allowed.parse().expect(allowed)), "{allowed}");
        }
    }
}
