//! How it ends: restart, off, or somebody who looks at it.

use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use rustix::system::{RebootCommand, reboot};
use rustix::termios::{QueueSelector, tcflush};

use super::mounts;
use super::parameters::End;

/// How long what went wrong can be read before the machine restarts or turns itself off.
const READ: Duration = Duration::from_secs(10);

/// What somebody at the console wants.
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
  again     begin anew, with the same parameters
  reboot    restart the machine
  poweroff  turn it off";

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
                Some(wish) => {
                    let _ = reboot(RebootCommand::CadOff);
                    return wish;
                }
                None => drop(writeln!(io::stderr().lock(), "{RESCUE}")),
            },
        }
    }
}

fn parse(line: &str) -> Option<Wish> {
    match line.trim() {
        "again" => Some(Wish::Again),
        "reboot" => Some(Wish::End(End::Reboot)),
        "poweroff" => Some(Wish::End(End::PowerOff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_count() {
        assert_eq!(parse("again\n"), Some(Wish::Again));
        assert_eq!(parse(" reboot \r\n"), Some(Wish::End(End::Reboot)));
        assert_eq!(parse("poweroff"), Some(Wish::End(End::PowerOff)));
        for wrong in ["", "\n", "off", "reboot now", "y", "\u{fffd}again"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
