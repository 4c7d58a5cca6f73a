//! `ip=` of the kernel's command line, as kernels with `CONFIG_IP_PNP`, PXE boot loaders and other ramdisks write it.
//!
//! `ip=dhcp`, `ip=off`, `ip=CARD:dhcp`, or
//! `ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:CARD:METHOD:DNS:DNS`, of which everything may be empty.

use std::net::Ipv4Addr;

/// How the network is brought up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// Nothing: the first one that works.
    pub(super) card: Option<Card>,
    pub(super) method: Method,
}

/// A network card, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Card {
    Name(String),
    /// By its hardware address.
    Hardware([u8; 6]),
}

/// Where its address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    Dhcp,
    Static(Address),
    /// It needs none, or the kernel finds one by itself (IPv6).
    Off,
}

/// What a card is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) address: Ipv4Addr,
    /// Bits of the address that are the network's, 0 to 32.
    pub(super) prefix: u8,
    pub(super) gateway: Option<Ipv4Addr>,
    pub(super) name_servers: Vec<Ipv4Addr>,
}

impl Address {
    /// The mask of its network.
    pub(super) fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0))
    }
}

/// The card that the boot loader used, as PXELINUX and GRUB give it in `BOOTIF=`.
pub(super) fn boot_card(value: &str) -> Option<Card> {
    let mut bytes = value.split(['-', ':']).map(|byte| u8::from_str_radix(byte, 16).ok());
    // The first says what kind of hardware it is: Ethernet.
    if bytes.next()? != Some(1) {
        return None;
    }
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    bytes.try_into().ok().map(Card::Hardware)
}

/// Reads `ip=`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(value: &str) -> Result<Network, String> {
    if value.contains('[') {
        return Err("addresses of IPv6 are not taken; with ip=off the kernel finds one by itself".to_owned());
    }
    if !value.contains(':') && !value.contains('.') {
        return Ok(Network { card: None, method: method(value)? });
    }
    if let Some((card, told)) = value.split_once(':')
        && let (Ok(method), false) = (method(told), told.is_empty())
    {
        return Ok(Network { card: Some(Card::Name(card.to_owned())).filter(|_| !card.is_empty()), method });
    }
    let mut fields = value.split(':');
    let mut next = || fields.next().unwrap_or_default();
    let (client, _server, gateway, mask, _host, card) = (next(), next(), next(), next(), next(), next());
    let (told, first, second) = (next(), next(), next());
    let card = Some(card).filter(|card| !card.is_empty()).map(|card| Card::Name(card.to_owned()));
    if client.is_empty() {
        return Ok(Network { card, method: method(told)? });
    }
    let name_servers = [first, second].into_iter().filter(|text| !text.is_empty());
    let address = Address {
        address: address(client)?,
        prefix: prefix(mask)?,
        gateway: (!gateway.is_empty()).then(|| address(gateway)).transpose()?,
        name_servers: name_servers.map(address).collect::<Result<_, _>>()?,
    };
    Ok(Network { card, method: Method::Static(address) })
}

fn method(text: &str) -> Result<Method, String> {
    match text {
        "dhcp" | "on" | "any" | "both" | "" => Ok(Method::Dhcp),
        "off" | "none" => Ok(Method::Off),
        _ => Err(format!("{text:?} is neither an address nor a method that is known here: dhcp, off")),
    }
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("{text:?} is no address of IPv4"))
}

/// A mask, or the number of its bits.
fn prefix(text: &str) -> Result<u8, String> {
    if text.is_empty() {
        return Err("an address needs its netmask, as in ip=192.0.2.10::192.0.2.1:255.255.255.0".to_owned());
    }
    let bits = match text.parse::<Ipv4Addr>() {
        Ok(mask) if mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() >= 32 => {
            Some(mask.to_bits().leading_ones() as u8)
        }
        Ok(_) => None,
        Err(_) => text.parse().ok().filter(|bits| *bits <= 32),
    };
    bits.ok_or_else(|| format!("{text:?} is no netmask"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for (text, method) in [("dhcp", Method::Dhcp), ("on", Method::Dhcp), ("off", Method::Off)] {
            assert_eq!(parse(text), Ok(Network { card: None, method }), "{text}");
        }
        let card = Some(Card::Name("eth1".to_owned()));
        for text in [":::::eth1:dhcp", "eth1:dhcp"] {
            assert_eq!(parse(text), Ok(Network { card: card.clone(), method: Method::Dhcp }), "{text}");
        }
    }

    #[test]
    fn addresses() {
        let network =
            parse("192.0.2.10::192.0.2.1:255.255.252.0:node:eth0:none:192.0.2.2:192.0.2.3").unwrap();
        assert_eq!(network.card, Some(Card::Name("eth0".to_owned())));
        let Method::Static(address) = network.method else { panic!("it is static") };
        assert_eq!((address.address, address.prefix), (Ipv4Addr::new(192, 0, 2, 10), 22));
        assert_eq!(address.mask(), Ipv4Addr::new(255, 255, 252, 0));
        assert_eq!(address.gateway, Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(address.name_servers, [Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3)]);
        // As PXELINUX appends it.
        let network = parse("192.0.2.10:192.0.2.4:192.0.2.1:24").unwrap();
        assert!(matches!(network.method, Method::Static(Address { prefix: 24, .. })), "{network:?}");
    }

    #[test]
    fn masks() {
        let mask = |prefix| {
            Address { address: Ipv4Addr::LOCALHOST, prefix, gateway: None, name_servers: vec![] }.mask()
        };
        assert_eq!(mask(0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(mask(1), Ipv4Addr::new(128, 0, 0, 0));
        assert_eq!(mask(32), Ipv4Addr::BROADCAST);
        assert_eq!(prefix("0.0.0.0"), Ok(0));
        assert_eq!(prefix("255.255.255.255"), Ok(32));
    }

    #[test]
    fn what_is_wrong_says_so() {
        for (text, why) in [
            ("dhpc", "neither an address nor a method"),
            ("192.0.2.10", "needs its netmask"),
            ("192.0.2.10:::255.0.255.0", "no netmask"),
            ("192.0.2.10:::33", "no netmask"),
            ("192.0.2.300:::24", "no address"),
            ("192.0.2.10::gate:24", "no address"),
            ("[2001:db8::1]:::64", "IPv6"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_card_of_the_boot_loader() {
        let card = Some(Card::Hardware([0x52, 0x54, 0, 0x12, 0x34, 0xff]));
        assert_eq!(boot_card("01-52-54-00-12-34-ff"), card);
        assert_eq!(boot_card("01:52:54:00:12:34:FF"), card);
        for wrong in
            ["", "52-54-00-12-34-56", "01-52-54-00-12-34", "20-52-54-00-12-34-56", "01-52-54-00-12-34-5g"]
        {
            assert_eq!(boot_card(wrong), None, "{wrong}");
        }
    }
}
