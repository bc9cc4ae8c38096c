//! Which addresses a request may go to: the guard that stands between a name and a connection.
//!
//! For channels ([`Networks`]) public addresses are free. Private and other addresses that are not global are for those
//! whose `allow_networks` name them, loopback included. Link-local, metadata, multicast, broadcast and unspecified
//! addresses are for none: nothing that takes messages lives there, and what does gives out credentials.
//!
//! Sources ([`House`]) live in the house: private addresses are free too. Link-local and metadata addresses need a line,
//! and what names no single machine is for none.
//!
//! **Invariant:** an IPv6 address that stands for an IPv4 one counts as that one, in every notation; names are judged
//! by what they resolve to, each time, and a connection goes only to an address that was judged.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::{Deserialize, Deserializer};

use super::KeyError;

/// The networks beyond the public ones that a channel's requests may go to: `["10.0.0.0/8", "127.0.0.1"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether a request to `host` may go to this address of it.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let address = canonical(address);
        let refuse = |kind: Kind| {
            let can_be_allowed = !matches!(kind, Kind::Never(_));
            Err(Refusal { host: host.to_owned(), address, kind, can_be_allowed })
        };
        match Kind::of(address) {
            Kind::Public => Ok(()),
            kind @ Kind::Never(_) => refuse(kind),
            kind @ Kind::Loopback => {
                let listed = |net: &&IpNet| Kind::of(net.network()) == Kind::Loopback && net.contains(&address);
                if self.0.iter().any(|net| listed(&net)) { Ok(()) } else { refuse(kind) }
            }
            kind @ Kind::Private => {
                if self.0.iter().any(|net| net.contains(&address)) {
                    Ok(())
                } else {
                    refuse(kind)
                }
            }
        }
    }

    /// Judges a host that is written as an address; a name is judged when it has been resolved.
    pub fn judge_literal(&self, key: &'static str, url: &Url) -> Result<(), KeyError> {
        judge_literal(self, key, url)
    }

    /// Those of a name's addresses that a request may go to; an error if there is none.
    pub fn judge_all(&self, host: &str, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, Refusal> {
        judge_all(self, host, found)
    }
}

impl FromStr for Networks {
    type Err = String;

    /// One network, or one address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("expected a network such as \"10.0.0.0/8\" or an address, got {text:?}");
        let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| wrong())?;
        if let IpNet::V6(net) = net
            && net.prefix_len() >= 96
            && let Some(v4) = embedded(net.network())
        {
            return Err(format!(
                "expected the IPv4 network itself, such as {v4}/{}, got {text:?}",
                net.prefix_len() - 96
            ));
        }
        match Kind::of(net.network()) {
            Kind::Never(name) if Kind::of(net.broadcast()) == Kind::Never(name) => {
                Err(format!("expected a network that can be allowed, got {text:?}: {name} addresses never are"))
            }
            _ => Ok(Self(vec![net.trunc()])),
        }
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let parsed = texts.iter().map(|text| text.parse::<Self>());
        let nets = parsed.collect::<Result<Vec<_>, _>>().map_err(serde::de::Error::custom)?;
        Ok(Self(nets.into_iter().flat_map(|one| one.0).collect()))
    }
}

/// The networks beyond the usual ones that a source may be in: `["169.254.10.0/24"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House(Vec<IpNet>);

impl House {
    /// Judges a host that is written as an address; a name is judged when it has been resolved.
    pub fn judge_literal(&self, key: &'static str, url: &Url) -> Result<(), KeyError> {
        judge_literal(self, key, url)
    }
}

impl<'de> Deserialize<'de> for House {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let net = |text: &String| {
            let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| format!("expected a network such as \"169.254.10.0/24\" or an address, got {text:?}"))
        };
        let nets: Result<Vec<IpNet>, _> = Vec::<String>::deserialize(deserializer)?.iter().map(net).collect();
        nets.map(Self).map_err(serde::de::Error::custom)
    }
}

/// What says where requests may go.
pub trait Guard: Clone + Send + Sync + 'static {
    /// Whether a request to `host` may go to this address of it.
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Refusal>;
}

impl Guard for Networks {
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        Self::judge(self, host, address)
    }
}

impl Guard for House {
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let address = canonical(address);
        match Kind::of(address) {
            Kind::Never("link-local" | METADATA_SERVICE) if self.0.iter().any(|net| net.contains(&address)) => Ok(()),
            kind @ Kind::Never(name) => {
                let can_be_allowed = matches!(name, "link-local" | METADATA_SERVICE);
                Err(Refusal { host: host.to_owned(), address, kind, can_be_allowed })
            }
            Kind::Public | Kind::Private | Kind::Loopback => Ok(()),
        }
    }
}

fn judge_literal(guard: &impl Guard, key: &'static str, url: &Url) -> Result<(), KeyError> {
    let host = url.host_str().unwrap_or_default();
    let Ok(address) = host.trim_matches(['[', ']']).parse() else { return Ok(()) };
    guard.judge(host, address).map_err(|refusal| KeyError::new(key, "an address that requests may go to", refusal))
}

/// Those of a name's addresses that a request may go to; an error if there is none.
fn judge_all(guard: &impl Guard, host: &str, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, Refusal> {
    let judged: Vec<_> = found.iter().map(|to| guard.judge(host, to.ip()).map(|()| *to)).collect();
    let allowed: Vec<_> = judged.iter().filter_map(|to| to.as_ref().ok().copied()).collect();
    match judged.into_iter().find_map(Result::err) {
        Some(refusal) if allowed.is_empty() => Err(refusal),
        _ => Ok(allowed),
    }
}

/// Why no request goes to an address, and what to write if it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    host: String,
    address: IpAddr,
    kind: Kind,
    /// Whether a line can allow it.
    can_be_allowed: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address, kind, can_be_allowed } = self;
        match host.trim_matches(['[', ']']).parse() {
            Ok(literal) if canonical(literal) == *address => write!(f, "{host}")?,
            _ => write!(f, "{host} at {address}")?,
        }
        match kind {
            Kind::Never(name) if !can_be_allowed => write!(f, ", which is {name}: no request goes there"),
            kind => {
                let name = match kind {
                    Kind::Never(name) => name,
                    Kind::Loopback => "this machine",
                    _ => "no public address",
                };
                write!(f, ", which is {name}; if it is meant, write allow_networks = [\"{}\"]", IpNet::from(*address))
            }
        }
    }
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Loopback,
    Never(&'static str),
}

impl Kind {
    fn of(address: IpAddr) -> Self {
        if METADATA.contains(&address) {
            return Self::Never(METADATA_SERVICE);
        }
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    fn of_v4(v4: Ipv4Addr) -> Self {
        match v4 {
            _ if v4.is_link_local() => Self::Never("link-local"),
            _ if v4.octets()[0] == 0 => Self::Never("unspecified"),
            _ if v4.is_multicast() => Self::Never("multicast"),
            _ if v4.is_broadcast() => Self::Never("broadcast"),
            _ if v4.is_loopback() => Self::Loopback,
            _ if PRIVATE_V4.iter().any(|net| net.contains(&v4)) => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(v6: Ipv6Addr) -> Self {
        match v6 {
            _ if v6.is_unicast_link_local() => Self::Never("link-local"),
            _ if v6.is_unspecified() => Self::Never("unspecified"),
            _ if v6.is_multicast() => Self::Never("multicast"),
            _ if v6.is_loopback() => Self::Loopback,
            _ if !GLOBAL_V6.contains(&v6) || PRIVATE_V6.iter().any(|net| net.contains(&v6)) => Self::Private,
            _ => Self::Public,
        }
    }
}

const METADATA_SERVICE: &str = "a metadata service";

/// Metadata services outside the link-local ranges: Aliyun's, Azure's, Oracle's, and over IPv6 those of AWS, Google,
/// Oracle and Scaleway.
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042)),
];

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// Not globally reachable, after IANA's registry of special-purpose addresses.
const PRIVATE_V4: [Ipv4Net; 11] = [
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(240, 0, 0, 4),
];

/// All global unicast addresses are in here …
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// … but for these: protocols (Teredo among them) and documentation.
const PRIVATE_V6: [Ipv6Net; 3] = [v6(0x2001, 0, 23), v6(0x2001, 0x0db8, 32), v6(0x3fff, 0, 20)];

/// The address that a request really goes to.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 address inside a mapped, translated, compatible, NAT64 or 6to4 address.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => two(high, low),
        _ => None,
    }
}

/// The system's resolver, behind the guard.
#[derive(Debug)]
pub(crate) struct Resolver<G>(pub(crate) G);

impl<G: Guard> Resolve for Resolver<G> {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(judge_all(&guard, name.as_str(), &found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        let table = toml::Table::from_iter([("list".to_owned(), toml::Value::from(texts.to_vec()))]);
        table["list"].clone().try_into().expect("networks")
    }

    fn judged(allowed: &[&str], address: &str) -> Result<(), Refusal> {
        networks(allowed).judge("gateway.test", address.parse().expect(address))
    }

    const EVERYTHING: [&str; 4] = ["0.0.0.0/0", "::/0", "127.0.0.0/8", "::1"];

    #[test]
    fn some_addresses_are_for_nobody_in_any_notation() {
        for address in [
            "169.254.169.254",
            "169.254.0.23",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "64:ff9b::ffff:ffff",
        ] {
            let refusal = judged(&EVERYTHING, address).expect_err(address).to_string();
            assert!(refusal.ends_with("no request goes there"), "{refusal}");
        }
    }

    #[test]
    fn what_is_not_public_needs_a_line_and_the_refusal_says_which() {
        for (address, line) in [
            ("10.1.2.3", "10.1.2.3/32"),
            ("172.31.0.1", "172.31.0.1/32"),
            ("192.168.1.1", "192.168.1.1/32"),
            ("100.64.0.1", "100.64.0.1/32"),
            ("198.18.0.1", "198.18.0.1/32"),
            ("240.0.0.1", "240.0.0.1/32"),
            ("203.0.113.9", "203.0.113.9/32"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("127.9.9.9", "127.9.9.9/32"),
            ("::1", "::1/128"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::10.1.2.3", "10.1.2.3/32"),
            ("::ffff:127.0.0.1", "127.0.0.1/32"),
            ("64:ff9b::a01:203", "10.1.2.3/32"),
            ("2002:7f00:1::", "127.0.0.1/32"),
            ("fc00::1", "fc00::1/128"),
            ("fd12:3456::1", "fd12:3456::1/128"),
            ("fec0::1", "fec0::1/128"),
            ("2001::1", "2001::1/128"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("64:ff9b:1::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe/128"),
        ] {
            let refusal = judged(&[], address).expect_err(address).to_string();
            assert!(refusal.starts_with("gateway.test at "), "{refusal}");
            assert!(refusal.ends_with(&format!("write allow_networks = [\"{line}\"]")), "{refusal}");
            judged(&[line], address).expect("the line that it names");
        }
    }

    #[test]
    fn what_is_public_is_free() {
        for address in ["8.8.8.8", "223.5.5.5", "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"] {
            judged(&[], address).expect(address);
        }
    }

    #[test]
    fn loopback_is_allowed_only_by_its_own_line() {
        assert!(judged(&["0.0.0.0/0"], "127.0.0.1").is_err());
        assert!(judged(&["::/0"], "::1").is_err());
        assert!(judged(&["127.0.0.1"], "127.0.0.2").is_err());
        judged(&["127.0.0.0/8"], "127.0.0.2").expect("listed");
        judged(&["::1"], "::1").expect("listed");
    }

    #[test]
    fn a_name_goes_only_to_those_of_its_addresses_that_are_allowed() {
        let found = |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|t| t.parse().expect(t)).collect() };
        let both = found(&["169.254.169.254:0", "8.8.8.8:0", "[fd00::1]:0"]);
        assert_eq!(Networks::default().judge_all("a.test", &both), Ok(found(&["8.8.8.8:0"])));
        assert!(Networks::default().judge_all("a.test", &found(&["10.0.0.1:0", "[::1]:0"])).is_err());
        assert_eq!(Networks::default().judge_all("a.test", &[]), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_network_or_can_never_be_allowed_is_an_error() {
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "a.test",
            "::1/129",
            "169.254.0.0/16",
            "0.0.0.0",
            "fe80::/10",
            "ff00::/8",
            "::ffff:10.0.0.0/104",
            "100.100.100.200",
            "１０.0.0.0/8",
        ] {
            assert!(text.parse::<Networks>().is_err(), "{text}");
        }
        assert_eq!("10.1.2.3/8".parse::<Networks>(), "10.0.0.0/8".parse());
    }

    #[test]
    fn a_source_may_live_in_the_house_but_not_beside_credentials_unless_a_line_says_so() {
        let house = |texts: &[&str]| -> House {
            let table = toml::Table::from_iter([("list".to_owned(), toml::Value::from(texts.to_vec()))]);
            table["list"].clone().try_into().expect("networks")
        };
        let judged =
            |allowed: &[&str], address: &str| house(allowed).judge("api.test", address.parse().expect(address));
        for free in ["10.1.2.3", "127.0.0.1", "192.168.1.1", "fc00::1", "8.8.8.8", "::1"] {
            judged(&[], free).expect(free);
        }
        for address in ["169.254.169.254", "::ffff:169.254.0.1", "fe80::1", "100.100.100.200"] {
            let refusal = judged(&[], address).expect_err(address).to_string();
            assert!(refusal.contains("write allow_networks = [\""), "{refusal}");
        }
        judged(&["169.254.10.0/24"], "169.254.10.3").expect("listed");
        for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1"] {
            let refusal = judged(&["0.0.0.0/0", "::/0"], address).expect_err(address).to_string();
            assert!(refusal.ends_with("no request goes there"), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_address_breaks_the_guard(text in any::<String>(), bits in any::<u128>(), v4 in any::<u32>()) {
            let _ = text.parse::<Networks>();
            for address in [IpAddr::V6(Ipv6Addr::from_bits(bits)), IpAddr::V4(Ipv4Addr::from_bits(v4))] {
                let _ = Networks::default().judge(&text, address).map_err(|refusal| refusal.to_string());
            }
        }

        #[test]
        fn an_address_and_what_stands_for_it_are_judged_alike(v4 in any::<u32>()) {
            let address = Ipv4Addr::from_bits(v4);
            let outcome = |address: IpAddr| Networks::default().judge("x", address);
            prop_assert_eq!(outcome(address.into()), outcome(address.to_ipv6_mapped().into()));
            prop_assert_eq!(outcome(address.into()), outcome(Ipv6Addr::from_bits(0x64_ff9b_u128 << 96 | u128::from(v4)).into()));
        }

        #[test]
        fn a_network_that_is_read_holds_its_own_address(v4 in any::<u32>(), prefix in 0_u8..=32) {
            let address = Ipv4Addr::from_bits(v4);
            let (text, private) = (format!("{address}/{prefix}"), Kind::of(address.into()) == Kind::Private);
            let allowed = text.parse::<Networks>().is_ok_and(|nets| nets.judge("x", address.into()).is_ok());
            prop_assert!(allowed || !private);
        }
    }
}
