//! The network: finds the card, and gives it an address.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::address::{Address, Card, Method, Network};
use super::dhcp::{self, Lease};
use super::error::InitError;
use super::tell;
use crate::system;

/// Where the kernel names them.
const CARDS: &str = "/sys/class/net";
/// How long all of it may take. Some drivers find their cards late, and switches are slow.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long one card's network is asked for an address, before that of the next.
const ASKED: Duration = Duration::from_secs(20);
/// How often it is looked whether something came.
const LOOK: Duration = Duration::from_millis(200);
/// The least time between two questions for the same address; as long after one without an answer.
const LEAST: Duration = Duration::from_secs(30);

/// A card that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    hardware: [u8; 6],
}

/// Brings the network up, and says how.
pub(super) fn bring_up(network: &Network) -> Result<(), InitError> {
    system::bring_up("lo").map_err(|source| InitError::Card {
        action: "bring up",
        card: "lo".to_owned(),
        source,
    })?;
    let mut cards = Cards::default();
    let until = Instant::now() + PATIENCE;
    loop {
        cards.look(network.card.as_ref());
        let linked = cards.linked();
        match &network.method {
            Method::Off if network.card.is_none() || !cards.up.is_empty() => return Ok(()),
            Method::Static(address) if !linked.is_empty() => return take(&linked[0], address),
            Method::Dhcp if lease(&linked)? => return Ok(()),
            _ if Instant::now() >= until => return Err(cards.failure(network.card.as_ref(), &linked)),
            _ => thread::sleep(LOOK),
        }
    }
}

/// The cards that are meant, as far as they were found.
#[derive(Default)]
struct Cards {
    up: Vec<Found>,
    /// Those that cannot be used, with the reason.
    unfit: Vec<(Found, std::io::Error)>,
}

impl Cards {
    /// Brings up what has come since it was looked last.
    fn look(&mut self, card: Option<&Card>) {
        for found in among(Path::new(CARDS)) {
            let is_meant = match card {
                None => true,
                Some(Card::Name(name)) => *name == found.name,
                Some(Card::Hardware(address)) => *address == found.hardware,
            };
            let is_known = self.up.contains(&found) || self.unfit.iter().any(|(unfit, _)| *unfit == found);
            if !is_meant || is_known {
                continue;
            }
            match system::bring_up(&found.name) {
                Ok(()) => self.up.push(found),
                Err(error) => {
                    tell(&format!("cannot bring up the network card {}: {error}", found.name));
                    self.unfit.push((found, error));
                }
            }
        }
    }

    fn linked(&self) -> Vec<Found> {
        let has_link = |card: &&Found| {
            let carrier = fs::read_to_string(Path::new(CARDS).join(&card.name).join("carrier"));
            carrier.is_ok_and(|carrier| carrier.trim() == "1")
        };
        self.up.iter().filter(has_link).cloned().collect()
    }

    fn failure(self, card: Option<&Card>, linked: &[Found]) -> InitError {
        match self.unfit.into_iter().next() {
            _ if !linked.is_empty() => {
                InitError::NoLease { seconds: PATIENCE.as_secs(), cards: names(linked) }
            }
            _ if !self.up.is_empty() => InitError::NoLink { cards: names(&self.up) },
            Some((found, source)) => InitError::Card { action: "bring up", card: found.name, source },
            None => InitError::NoCard { wanted: card.map_or(String::new(), wanted) },
        }
    }
}

fn wanted(card: &Card) -> String {
    match card {
        Card::Name(name) => format!(" with the name {name}"),
        Card::Hardware(address) => format!(" with the address {}", shown(*address)),
    }
}

fn shown(hardware: [u8; 6]) -> String {
    hardware.map(|byte| format!("{byte:02x}")).join(":")
}

/// Cards for Ethernet that a device stands behind, by name.
fn among(directory: &Path) -> Vec<Found> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut cards: Vec<Found> = names
        .filter_map(|entry| {
            let (path, name) = (entry.path(), entry.file_name().into_string().ok()?);
            let is_ethernet = fs::read_to_string(path.join("type")).is_ok_and(|kind| kind.trim() == "1");
            if !is_ethernet || !path.join("device").exists() {
                return None;
            }
            let hardware = hardware(fs::read_to_string(path.join("address")).ok()?.trim())?;
            Some(Found { name, hardware })
        })
        .collect();
    // The second of them before the tenth.
    cards.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    cards
}

fn hardware(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

fn names(cards: &[Found]) -> String {
    let names: Vec<String> =
        cards.iter().map(|card| format!("{}, {}", card.name, shown(card.hardware))).collect();
    names.join("; ")
}

/// Asks on each card in turn. Whether one has an address now.
fn lease(cards: &[Found]) -> Result<bool, InitError> {
    for card in cards {
        match ask(card) {
            Ok(Some(lease)) => {
                take(card, &lease.address)?;
                keep(card.clone(), lease);
                return Ok(true);
            }
            Ok(None) => {}
            Err(why) => tell(&why),
        }
    }
    Ok(false)
}

/// Asks on a card. The library gives up by a panic when the card goes away.
fn ask(card: &Found) -> Result<Option<Lease>, String> {
    let asked = catch_unwind(|| dhcp::ask(&card.name, card.hardware, ASKED));
    let failed = |why: &dyn std::fmt::Display| format!("cannot ask for an address with {}: {why}", card.name);
    match asked {
        Ok(Ok(lease)) => Ok(lease),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&"it was turned off meanwhile")),
    }
}

/// Gives the card its address, the kernel its way out, and programs their name servers.
fn take(card: &Found, address: &Address) -> Result<(), InitError> {
    let failed = |action| move |source| InitError::Card { action, card: card.name.clone(), source };
    system::set_address(&card.name, address.address, address.mask()).map_err(failed("give an address to"))?;
    let mut told = format!("{} has {}/{}", card.name, address.address, address.prefix);
    if let Some(gateway) = address.gateway {
        let is_beyond = (gateway.to_bits() ^ address.address.to_bits()) & address.mask().to_bits() != 0;
        if is_beyond {
            system::add_host_route(&card.name, gateway)
                .map_err(failed("send what is for the gateway through"))?;
        }
        system::add_default_route(&card.name, gateway).map_err(failed("send what is for others through"))?;
        told += &format!(", gateway {gateway}");
    }
    let lines: String = address.name_servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    let path = "/etc/resolv.conf";
    let written = fs::create_dir_all("/etc").and_then(|()| fs::write(path, lines));
    written.map_err(InitError::system("write", path))?;
    tell(&told);
    Ok(())
}

/// The lease that is kept now. A new one takes the place of the old.
static KEPT: Mutex<Option<(Found, Lease)>> = Mutex::new(None);

/// Asks for the same address again, in time, for as long as this process lives: otherwise one that is lent for less than a
/// deployment takes may go to another machine.
fn keep(card: Found, lease: Lease) {
    let old = KEPT.lock().expect("no thread panics with the lock").replace((card, lease));
    if old.is_some() {
        return;
    }
    if let Err(error) = thread::Builder::new().name("lease".into()).spawn(renew) {
        tell(&format!("nobody asks for the address again before its time is over: {error}"));
    }
}

fn renew() {
    let mut answered = true;
    loop {
        let kept = || KEPT.lock().expect("no thread panics with the lock").clone();
        let (card, lease) = kept().expect("there is one from the beginning");
        thread::sleep(if answered { (lease.lasts / 2).max(LEAST) } else { LEAST });
        if kept() != Some((card.clone(), lease.clone())) {
            continue;
        }
        let asked = ask(&card);
        answered = matches!(&asked, Ok(Some(_)));
        match asked {
            Ok(Some(new)) if new.address.address == lease.address.address => {
                *KEPT.lock().expect("no thread panics with the lock") = Some((card, new));
            }
            Ok(Some(new)) => tell(&format!(
                "the DHCP server gives another address now, {}; the old one is kept",
                new.address.address
            )),
            Ok(None) => tell("no DHCP server answers any more; the address is kept"),
            Err(why) => tell(&why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn cards_are_those_with_a_device() {
        let scratch = tempfile::tempdir().unwrap();
        let make = |name: &str, kind: &str, address: &str, device: bool| {
            let path = scratch.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("type"), kind).unwrap();
            fs::write(path.join("address"), address).unwrap();
            if device {
                symlink("..", path.join("device")).unwrap();
            }
        };
        make("lo", "772\n", "00:00:00:00:00:00\n", false);
        make("eth10", "1\n", "52:54:00:00:00:10\n", true);
        make("eth2", "1\n", "52:54:00:00:00:02\n", true);
        make("dummy0", "1\n", "52:54:00:00:00:03\n", false);
        make("ib0", "32\n", "80:00:02:08:fe\n", true);
        make("odd0", "1\n", "", true);
        let names: Vec<String> = among(scratch.path()).into_iter().map(|card| card.name).collect();
        assert_eq!(names, ["eth2", "eth10"]);
        assert_eq!(among(scratch.path())[0].hardware, [0x52, 0x54, 0, 0, 0, 2]);
    }
}
