//! What the kernel's command line tells the first process.

use std::path::PathBuf;

use super::address::{self, Method, Network};

/// The keys, for `--help`.
pub(crate) const TABLE: &str = "\
Parameters on the kernel's command line:
  deployer.config=WHERE      the description: http://, https:// or rsync:// URL, or a path in the ramdisk
  deployer.driver=NAME       how images are copied: rsync (the default) or swift
  deployer.events=FILE       write what happens as JSON lines, for programs; it may be a device, such as /dev/ttyS1
  deployer.ca-file=FILE      certificates of the authorities by which web servers are known
  deployer.options=\"…\"       further options of `deployer provision`
  deployer.then=WHAT         when all is well: reboot (the default), poweroff, or rescue
  deployer.on-failure=WHAT   when it is not: rescue (the default), reboot, or poweroff
  ip=…                       dhcp (the default), off, CARD:dhcp, or CLIENT::GATEWAY:NETMASK::CARD:none:DNS
  BOOTIF=…                   the card that is used, by its hardware address, as boot loaders give it";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) config: Config,
    pub(super) driver: Option<String>,
    pub(super) events: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) options: Vec<String>,
    pub(super) network: Network,
}

/// Where the description is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Config {
    /// On a web server.
    Web(String),
    /// On an rsync daemon.
    Rsync(String),
    File(PathBuf),
}

/// What becomes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Reboot,
    PowerOff,
    /// It waits for somebody.
    Rescue,
}

/// What becomes of the machine in both cases: known even where the rest makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) then: End,
    pub(super) on_failure: End,
}

impl Ends {
    /// What is not understood leads to somebody who looks at it.
    pub(super) fn of(words: &[String]) -> Self {
        let value = |key: &str| words.iter().rev().find_map(|word| word.strip_prefix(key)).map(end);
        Self {
            then: value("deployer.then=").map_or(End::Reboot, |end| end.unwrap_or(End::Rescue)),
            on_failure: value("deployer.on-failure=").and_then(Result::ok).unwrap_or(End::Rescue),
        }
    }
}

impl Parameters {
    /// Reads the words of a command line; of two that say the same, the later one counts.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(words: &[String]) -> Result<Self, String> {
        let (mut config, mut driver, mut events, mut ca_file) = (None, None, None, None);
        let mut options = Vec::new();
        let (mut network, mut card) = (Network { card: None, method: Method::Dhcp }, None);
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = |why: String| format!("{word} on the kernel's command line: {why}");
            match key {
                "ip" => network = address::parse(value).map_err(wrong)?,
                "BOOTIF" => card = address::boot_card(value),
                _ if !key.starts_with("deployer.") => {}
                _ if value.is_empty() => return Err(wrong("a value is missing".to_owned())),
                "deployer.config" => config = Some(self::config(value).map_err(wrong)?),
                "deployer.driver" => driver = Some(value.to_owned()),
                "deployer.events" => events = Some(value.to_owned()),
                "deployer.ca-file" => ca_file = Some(value.into()),
                "deployer.options" => {
                    let split =
                        shlex::split(value).ok_or_else(|| wrong("a quotation mark is missing".to_owned()));
                    options = split?;
                }
                // Read by themselves, whatever else is wrong.
                "deployer.then" | "deployer.on-failure" => {
                    end(value).map_err(wrong)?;
                }
                _ => {
                    return Err(wrong(
                        "this key is not known; `deployer init --help` shows those that are".to_owned(),
                    ));
                }
            }
        }
        network.card = network.card.or(card);
        let missing = "nothing says what to deploy: deployer.config= is missing on the kernel's command line";
        let config = config.ok_or(missing)?;
        Ok(Self { config, driver, events, ca_file, options, network })
    }
}

fn config(value: &str) -> Result<Config, String> {
    match value.split_once("://") {
        Some(("http" | "https", _)) => Ok(Config::Web(value.to_owned())),
        Some(("rsync", _)) => Ok(Config::Rsync(value.to_owned())),
        None if value.starts_with('/') => Ok(Config::File(value.into())),
        _ => Err("a description is at an http://, https:// or rsync:// URL, or at a path that begins with /"
            .to_owned()),
    }
}

fn end(value: &str) -> Result<End, String> {
    match value {
        "reboot" => Ok(End::Reboot),
        "poweroff" => Ok(End::PowerOff),
        "rescue" => Ok(End::Rescue),
        _ => Err("it can end with reboot, poweroff, or rescue".to_owned()),
    }
}

/// The words of a command line, as the kernel reads it: double quotes keep spaces together.
pub(super) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if letter.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::super::address::Card;
    use super::*;

    fn read(line: &str) -> Result<Parameters, String> {
        Parameters::read(&words(line))
    }

    #[test]
    fn a_whole_line() {
        let line = "BOOT_IMAGE=/vmlinuz quiet ip=dhcp BOOTIF=01-52-54-00-12-34-56 console=ttyS0 \
                    deployer.config=https://images/node.json?sig=a=b deployer.driver=swift \
                    deployer.events=/dev/ttyS1 deployer.ca-file=/etc/ca.pem \
                    deployer.options=\"--force --receipt='/a b'\" deployer.then=poweroff\n";
        let read = read(line).unwrap();
        assert_eq!(read.config, Config::Web("https://images/node.json?sig=a=b".to_owned()));
        assert_eq!((read.driver.as_deref(), read.events.as_deref()), (Some("swift"), Some("/dev/ttyS1")));
        assert_eq!(read.ca_file, Some("/etc/ca.pem".into()));
        assert_eq!(read.options, ["--force", "--receipt=/a b"]);
        let card = Some(Card::Hardware([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        assert_eq!(read.network, Network { card, method: Method::Dhcp });
        assert_eq!(Ends::of(&words(line)), Ends { then: End::PowerOff, on_failure: End::Rescue });
    }

    #[test]
    fn little_is_needed() {
        let read = read("deployer.config=/node.json").unwrap();
        assert_eq!(read.config, Config::File("/node.json".into()));
        assert_eq!(read.network, Network { card: None, method: Method::Dhcp });
        assert_eq!(Ends::of(&[]), Ends { then: End::Reboot, on_failure: End::Rescue });
    }

    #[test]
    fn the_later_one_counts() {
        let read = read("deployer.config=/a ip=off deployer.config=rsync://b/c ip=dhcp").unwrap();
        assert_eq!(read.config, Config::Rsync("rsync://b/c".to_owned()));
        assert_eq!(read.network.method, Method::Dhcp);
        let words = words("deployer.then=reboot deployer.then=rescue");
        assert_eq!(Ends::of(&words).then, End::Rescue);
    }

    #[test]
    fn a_card_that_is_named_wins() {
        let read = read("deployer.config=/a BOOTIF=01-52-54-00-12-34-56 ip=:::::eth1:dhcp").unwrap();
        assert_eq!(read.network.card, Some(Card::Name("eth1".to_owned())));
    }

    #[test]
    fn what_is_wrong_says_so() {
        for (line, why) in [
            ("quiet", "deployer.config= is missing"),
            ("deployer.config", "a value is missing"),
            ("deployer.config=node.json", "a path that begins with /"),
            ("deployer.config=ftp://a/b", "a path that begins with /"),
            ("deployer.config=/a deployer.confg=/b", "not known"),
            ("deployer.config=/a deployer.then=halt", "reboot, poweroff, or rescue"),
            ("deployer.config=/a deployer.options='a", "quotation mark"),
            ("deployer.config=/a ip=dhpc", "neither an address nor a method"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        let ends = Ends::of(&words("deployer.then=halt deployer.on-failure=halt"));
        assert_eq!(ends, Ends { then: End::Rescue, on_failure: End::Rescue });
    }

    #[test]
    fn quotes_keep_spaces() {
        assert_eq!(words("a \"b c\"  d=\"e f\"g \n"), ["a", "b c", "d=e fg"]);
    }
}
