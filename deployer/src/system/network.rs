//! Network cards, through the kernel's old calls: they take one structure each, and need no library.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use rustix::ioctl::{Opcode, Setter, Updater, ioctl};

/// Of the kernel's `linux/sockios.h`.
const SIOCADDRT: Opcode = 0x890b;
const SIOCGIFFLAGS: Opcode = 0x8913;
const SIOCSIFFLAGS: Opcode = 0x8914;
const SIOCSIFADDR: Opcode = 0x8916;
const SIOCSIFNETMASK: Opcode = 0x891c;
/// Of `linux/route.h`: the route is usable, leads to a gateway, leads to one address.
const RTF_UP: u16 = 1;
const RTF_GATEWAY: u16 = 2;
const RTF_HOST: u16 = 4;

/// `struct ifreq` of the kernel, for addresses: 40 bytes where a pointer has 8.
#[repr(C)]
struct CardRequest {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

/// `struct rtentry` of the kernel.
#[repr(C)]
struct RouteRequest {
    pad1: libc::c_ulong,
    destination: [u8; 16],
    gateway: [u8; 16],
    mask: [u8; 16],
    flags: u16,
    pad2: i16,
    pad3: libc::c_ulong,
    pad4: *mut libc::c_void,
    metric: i16,
    card: *mut libc::c_char,
    mtu: libc::c_ulong,
    window: libc::c_ulong,
    round_trip: u16,
}

/// Brings a card up.
pub(crate) fn bring_up(card: &str) -> io::Result<()> {
    let socket = socket()?;
    let mut request = CardRequest::new(card)?;
    // SAFETY: the opcode takes a pointer to this structure, into which the kernel writes no more than it is long.
    unsafe { ioctl(&socket, Updater::<SIOCGIFFLAGS, CardRequest>::new(&mut request))? };
    let flags = u16::from_ne_bytes([request.value[0], request.value[1]]) | libc::IFF_UP as u16;
    request.value[..2].copy_from_slice(&flags.to_ne_bytes());
    set::<SIOCSIFFLAGS>(&socket, request)
}

/// Gives a card its address, in place of the one that it has.
pub(crate) fn set_address(card: &str, address: Ipv4Addr, mask: Ipv4Addr) -> io::Result<()> {
    let socket = socket()?;
    for (is_mask, value) in [(false, address), (true, mask)] {
        let mut request = CardRequest::new(card)?;
        request.value[..16].copy_from_slice(&internet(value));
        match is_mask {
            false => set::<SIOCSIFADDR>(&socket, request)?,
            true => set::<SIOCSIFNETMASK>(&socket, request)?,
        }
    }
    Ok(())
}

/// Sends through this gateway what is for other networks.
pub(crate) fn add_default_route(card: &str, gateway: Ipv4Addr) -> io::Result<()> {
    add_route(card, Ipv4Addr::UNSPECIFIED, gateway, RTF_UP | RTF_GATEWAY)
}

/// Sends through this card what is for one address that lies outside of its network.
pub(crate) fn add_host_route(card: &str, host: Ipv4Addr) -> io::Result<()> {
    add_route(card, host, Ipv4Addr::UNSPECIFIED, RTF_UP | RTF_HOST)
}

/// That it is there already is no error.
fn add_route(card: &str, destination: Ipv4Addr, gateway: Ipv4Addr, flags: u16) -> io::Result<()> {
    let mut name = CardRequest::new(card)?.name;
    let route = RouteRequest {
        pad1: 0,
        destination: internet(destination),
        gateway: internet(gateway),
        mask: internet(if flags & RTF_HOST == 0 { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::BROADCAST }),
        flags,
        pad2: 0,
        pad3: 0,
        pad4: std::ptr::null_mut(),
        metric: 0,
        card: name.as_mut_ptr().cast(),
        mtu: 0,
        window: 0,
        round_trip: 0,
    };
    // SAFETY: the opcode takes a pointer to this structure, which leads to a name that ends with a NUL and lives longer
    // than the call; the kernel only reads both.
    match unsafe { ioctl(socket()?, Setter::<SIOCADDRT, RouteRequest>::new(route)) } {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        other => Ok(other?),
    }
}

/// Any socket: the calls are about the network that it belongs to.
fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
}

fn set<const CALL: Opcode>(socket: &UdpSocket, request: CardRequest) -> io::Result<()> {
    // SAFETY: each opcode that this is called with takes a pointer to this structure, which the kernel only reads.
    unsafe { ioctl(socket, Setter::<CALL, CardRequest>::new(request))? };
    Ok(())
}

impl CardRequest {
    fn new(card: &str) -> io::Result<Self> {
        let mut name = [0; libc::IFNAMSIZ];
        // The last byte is the NUL.
        let place = name[..libc::IFNAMSIZ - 1].get_mut(..card.len());
        place.ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(card.as_bytes());
        Ok(Self { name, value: [0; 24] })
    }
}

/// `struct sockaddr_in`, without a port.
fn internet(address: Ipv4Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&address.octets());
    bytes
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<CardRequest>() == 40 && size_of::<RouteRequest>() == 120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_that_are_not_there() {
        assert_eq!(bring_up("no-such-card").unwrap_err().raw_os_error(), Some(libc::ENODEV));
        assert_eq!(bring_up("a-name-too-long-").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let address = Ipv4Addr::new(192, 0, 2, 1);
        assert!(set_address("no-such-card", address, Ipv4Addr::BROADCAST).is_err());
        assert!(add_default_route("no-such-card", address).is_err());
        assert!(add_host_route("no-such-card", address).is_err());
    }

    #[test]
    fn addresses_lie_as_the_kernel_reads_them() {
        let bytes = internet(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(bytes[4..8], [192, 0, 2, 1]);
        assert_eq!(bytes[8..], [0; 8]);
    }
}
