//! How it ends: restart, off, or somebody who looks at it.

use std::fs;
use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use rustix::system::{RebootCommand, reboot};
use rustix::termios::{QueueSelector, tcflush};

use super::parameters::End;
use super::{OWN, mounts};
use crate::command::Command;

/// How long what went wrong can be read before the machine restarts or turns itself off.
const READ: Duration = Duration::from_secs(10);

/// The command that shows and chooses which system starts.
const BOOT_ENTRY: &str = "boot-entry";

/// What somebody types at the console.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Wish(Wish),
    /// The boot menu of systems that are on the disks is to be shown or changed, as these arguments say.
    BootEntry(Vec<String>),
}

/// How it goes on.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Again,
    End(End),
}

/// Ends after a failure. Returns only to do it again.
pub(super) fn after_failure(how: End) {
    if how != End::Rescue {
        super::tell(&format!("the machine does what deployer.on-failure says in {} s", READ.as_secs()));
        thread::sleep(READ);
    }
    end(how);
}

/// Ends. Returns only to do it again.
pub(super) fn end(how: End) {
    let mut wish = Wish::End(how);
    loop {
        match wish {
            Wish::Again => return,
            Wish::End(End::Reboot) => stop(RebootCommand::Restart),
            Wish::End(End::PowerOff) => stop(RebootCommand::PowerOff),
            Wish::End(End::Rescue) => {}
        }
        wish = ask();
    }
}

/// Returns only where the machine cannot do that.
fn stop(how: RebootCommand) {
    let _ = io::stderr().flush();
    rustix::fs::sync();
    if let Err(error) = reboot(how) {
        super::tell(&format!("the machine does not do that: {}", io::Error::from(error)));
    }
}

/// What is shown where nothing goes on by itself.
const RESCUE: &str = "\
deployer: nothing more happens by itself. Type one of these, and Enter:
  again                begin anew, with the same parameters
  boot-entry list      show which of several systems on the disks starts
  boot-entry set NAME  choose another one
  reboot               restart the machine
  poweroff             turn it off";

/// Waits for somebody at the console.
fn ask() -> Wish {
    // From here on the keyboard may restart the machine: no work is under way.
    let _ = reboot(RebootCommand::CadOn);
    // What was typed before was no answer.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = writeln!(io::stderr().lock(), "{RESCUE}");
    loop {
        let mut line = Vec::new();
        match io::stdin().lock().read_until(b'\n', &mut line) {
            // A line that was hung up, or nobody there.
            Ok(0) | Err(_) => {
                thread::sleep(Duration::from_secs(1));
                mounts::open_console();
            }
            Ok(_) => match parse(&String::from_utf8_lossy(&line)) {
                Some(Typed::Wish(wish)) => {
                    let _ = reboot(RebootCommand::CadOff);
                    return wish;
                }
                Some(Typed::BootEntry(arguments)) => boot_entry(&arguments),
                None => drop(writeln!(io::stderr().lock(), "{RESCUE}")),
            },
        }
    }
}

fn parse(line: &str) -> Option<Typed> {
    let words = shlex::split(line.trim())?;
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["again"] => Some(Typed::Wish(Wish::Again)),
        ["reboot"] => Some(Typed::Wish(Wish::End(End::Reboot))),
        ["poweroff"] => Some(Typed::Wish(Wish::End(End::PowerOff))),
        [BOOT_ENTRY, ..] => Some(Typed::BootEntry(words[1..].to_vec())),
        _ => None,
    }
}

/// As `deployer boot-entry`, which says itself what became of it.
fn boot_entry(arguments: &[String]) {
    let own = fs::read_link(OWN).map_err(|error| format!("cannot find {OWN}: {error}"));
    let run = |own| Command::new(own).arg(BOOT_ENTRY).args(arguments).attended();
    if let Err(error) = own.and_then(|own| run(own).map_err(|error| error.to_string())) {
        super::tell(&error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_count() {
        assert_eq!(parse("again\n"), Some(Typed::Wish(Wish::Again)));
        assert_eq!(parse(" reboot \r\n"), Some(Typed::Wish(Wish::End(End::Reboot))));
        assert_eq!(parse("poweroff"), Some(Typed::Wish(Wish::End(End::PowerOff))));
        let arguments = ["set", "--once", "two words"].map(str::to_owned).to_vec();
        assert_eq!(parse("boot-entry set --once 'two words'\r\n"), Some(Typed::BootEntry(arguments)));
        for wrong in ["", "\n", "off", "reboot now", "y", "\u{fffd}again", "boot-entry 'one", "boot-entr"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
