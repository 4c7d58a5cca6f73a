//! The process's umask, which can only be asked for by setting it, or here.

pub(super) const UMASK: &str = "/proc/self/status";

/// Permissions that new files do not get where nothing else is asked for.
pub fn umask() -> u32 {
    let status = std::fs::read_to_string(UMASK).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    value.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).unwrap_or(0o022)
}
