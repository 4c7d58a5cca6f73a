//! What kind of terminal standard error goes to.

use std::io;

/// The terminal that standard error goes to: its name under `/dev`.
fn name() -> Option<String> {
    let name = rustix::termios::ttyname(io::stderr(), Vec::new()).ok()?.into_string().ok()?;
    Some(name.strip_prefix("/dev/").unwrap_or(&name).to_owned())
}

/// Whether standard error goes to a terminal on which a bar would be a nuisance: a serial line, which is slow and often
/// recorded, or one that cannot move its cursor.
pub(crate) fn is_plain() -> bool {
    const SERIAL: [&str; 7] = ["console", "ttyS", "ttyAMA", "ttyUSB", "hvc", "hvsi", "sclp"];
    let dumb = std::env::var("TERM").map_or(true, |term| matches!(term.as_str(), "" | "dumb"));
    dumb || name().is_some_and(|name| SERIAL.iter().any(|serial| name.starts_with(serial)))
}

/// Whether standard error goes to the console of the kernel, and it has no other.
pub(crate) fn is_only_console() -> bool {
    let active = std::fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    let consoles: Vec<&str> = active.split_whitespace().collect();
    name().is_some_and(|name| match &consoles[..] {
        [] => name == "console",
        [only] => name == "console" || name == *only,
        _ => false,
    })
}
