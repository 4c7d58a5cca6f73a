//! An address from a DHCP server.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, SocketSet};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RawSocket, wait};
use smoltcp::socket::dhcpv4::{Event, Socket};
use smoltcp::time::{Duration as Span, Instant as Now};
use smoltcp::wire::{DhcpPacket, DhcpRepr, EthernetAddress};

use super::address::Address;

/// After so long a server that says nothing is asked again: some try the address first. Switches drop what comes in the
/// first moments of a link.
const AGAIN: Span = Span::from_secs(5);
/// What an address is lent for where the server does not say.
const USUAL: Duration = Duration::from_secs(3600);
/// The largest answer, in bytes.
const LARGEST: usize = 1500;
/// Frames that are looked at before the clock is. The card may have many that are for others.
const AT_ONCE: usize = 64;
/// The option that names routers, of which the library takes only a single one.
const ROUTERS: u8 = 3;

/// An address that was lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) address: Address,
    /// For how long.
    pub(super) lasts: Duration,
}

/// A card whose sums of UDP are not compared: a server on the same machine leaves them to hardware that is not there.
struct Card(RawSocket);

impl Device for Card {
    type RxToken<'a> = <RawSocket as Device>::RxToken<'a>;
    type TxToken<'a> = <RawSocket as Device>::TxToken<'a>;

    fn receive(&mut self, now: Now) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.0.receive(now)
    }

    fn transmit(&mut self, now: Now) -> Option<Self::TxToken<'_>> {
        self.0.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.checksum.udp = Checksum::Tx;
        capabilities
    }
}

/// Asks on a card that is up and has a link. Nothing if no server answers in time.
///
/// Only the question is asked on a socket below the kernel's: it has no address, and takes none of what is for others.
pub(super) fn ask(card: &str, hardware: [u8; 6], patience: Duration) -> io::Result<Option<Lease>> {
    let mut device = Card(RawSocket::new(card, Medium::Ethernet)?);
    let mut config = Config::new(EthernetAddress(hardware).into());
    (config.random_seed, _) = uuid::Uuid::new_v4().as_u64_pair();
    let mut interface = Interface::new(config, &mut device, Now::now());
    let mut answer = [0; LARGEST];
    let mut socket = Socket::new();
    let mut pace = socket.get_retry_config();
    (pace.discover_timeout, pace.initial_request_timeout) = (AGAIN, AGAIN);
    socket.set_retry_config(pace);
    socket.set_receive_packet_buffer(&mut answer);
    let mut sockets = SocketSet::new(Vec::with_capacity(1));
    let handle = sockets.add(socket);
    let until = Instant::now() + patience;
    loop {
        for _ in 0..AT_ONCE {
            let came = interface.poll_ingress_single(Now::now(), &mut device, &mut sockets);
            if matches!(came, PollIngressSingleResult::None) {
                break;
            }
        }
        interface.poll_egress(Now::now(), &mut device, &mut sockets);
        if let Some(Event::Configured(told)) = sockets.get_mut::<Socket<'_>>(handle).poll() {
            let packet = told.packet.as_ref();
            let lasts = packet.and_then(|packet| DhcpRepr::parse(packet).ok()?.lease_duration);
            let address = Address {
                address: told.address.address(),
                prefix: told.address.prefix_len(),
                gateway: told.router.or_else(|| first_router(packet?)),
                name_servers: told.dns_servers.iter().copied().collect::<Vec<Ipv4Addr>>(),
            };
            let lasts = lasts.map_or(USUAL, |seconds| Duration::from_secs(seconds.into()));
            return Ok(Some(Lease { address, lasts }));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let left = Span::from(left);
        let pause = interface.poll_delay(Now::now(), &sockets).map_or(left, |delay| delay.min(left));
        wait(device.0.as_raw_fd(), Some(pause))?;
    }
}

fn first_router(packet: &DhcpPacket<&[u8]>) -> Option<Ipv4Addr> {
    let routers = packet.options().find(|option| option.kind == ROUTERS)?;
    routers.data.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}
