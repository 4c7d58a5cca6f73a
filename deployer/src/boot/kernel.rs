//! The kernels of a system, its name, and the parameters that it starts with.

use std::io;

use crate::confined::Root;

/// A kernel of a system, by its files in `/boot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) file: String,
    pub(crate) initrd: Option<String>,
    pub(crate) version: String,
}

/// The kernels of a tree, the newest first.
pub(crate) fn kernels(root: &Root) -> io::Result<Vec<Kernel>> {
    Ok(among(&root.names("/boot")?))
}

/// The version of a kernel, by the name of its file. Names that would mean something else in the configuration of a boot
/// loader are not taken.
pub(crate) fn version(name: &str) -> Option<&str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._+~-".contains(letter);
    let version = name.strip_prefix("vmlinuz-").or_else(|| name.strip_prefix("vmlinux-"))?;
    (!version.is_empty() && version.chars().all(plain)).then_some(version)
}

fn among(names: &[String]) -> Vec<Kernel> {
    let kernel = |name: &String| {
        let version = version(name)?.to_owned();
        let initrds = [
            format!("initrd.img-{version}"),
            format!("initramfs-{version}.img"),
            format!("initramfs-{version}"),
            format!("initrd-{version}"),
            format!("initrd-{version}.img"),
        ];
        let initrd = initrds.into_iter().find(|initrd| names.contains(initrd));
        Some(Kernel { file: name.clone(), initrd, version })
    };
    let mut kernels: Vec<Kernel> = names.iter().filter_map(kernel).collect();
    // Rescue kernels are no one's first choice.
    kernels.sort_by_key(|kernel| (!kernel.version.contains("rescue"), numbers(&kernel.version)));
    kernels.reverse();
    kernels
}

/// The numbers of a version, which compare as versions do.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

/// What the system calls itself.
pub(crate) fn system_name(root: &Root) -> Option<String> {
    let text =
        ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| root.read(path).ok().flatten())?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let words = shlex::split(value)?;
    // It becomes part of a configuration file.
    let plain = |letter: &char| !letter.is_control() && !"'\"\\{}$`".contains(*letter);
    words.first().map(|name| name.chars().filter(plain).collect())
}

/// The parameters that deployed kernels start with: those of the description, and the network card that the
/// machine was started from, as its firmware told it.
pub(crate) fn parameters(described: &str, command_line: &str) -> String {
    let card = command_line.split_whitespace().find(|word| word.starts_with("BOOTIF="));
    let words = described.split_whitespace().chain(card.filter(|card| !described.contains(*card)));
    words.collect::<Vec<_>>().join(" ")
}

/// A serial line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serial {
    pub(crate) unit: String,
    /// In bits per second.
    pub(crate) speed: String,
}

/// The serial line that a kernel with these parameters talks to.
pub(crate) fn serial(parameters: &str) -> Option<Serial> {
    let console = parameters.split_whitespace().find_map(|word| word.strip_prefix("console=ttyS"))?;
    let (unit, rest) = console.split_once(',').unwrap_or((console, ""));
    let speed: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let speed = if speed.is_empty() { "115200".to_owned() } else { speed };
    let digits = !unit.is_empty() && unit.chars().all(|letter| letter.is_ascii_digit());
    digits.then(|| Serial { unit: unit.to_owned(), speed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_comes_first() {
        let names = [
            "config-6.1.0-9-amd64",
            "initrd.img-6.1.0-10-amd64",
            "vmlinuz-0-rescue-abc",
            "vmlinuz-6.1.0-10-amd64",
            "vmlinuz-6.1.0-9-amd64",
            "vmlinuz-7'; insmod x",
            "vmlinuz-",
        ];
        let kernels = among(&names.map(str::to_owned));
        let versions: Vec<&str> = kernels.iter().map(|kernel| kernel.version.as_str()).collect();
        assert_eq!(versions, ["6.1.0-10-amd64", "6.1.0-9-amd64", "0-rescue-abc"]);
        assert_eq!(kernels[0].initrd.as_deref(), Some("initrd.img-6.1.0-10-amd64"));
        assert_eq!(kernels[1].initrd, None);
    }

    #[test]
    fn the_network_card_is_passed_on() {
        let line = "BOOT_IMAGE=x BOOTIF=01-52-54-00 quiet";
        assert_eq!(parameters("console=ttyS0  ro", line), "console=ttyS0 ro BOOTIF=01-52-54-00");
        assert_eq!(parameters("", "quiet"), "");
    }
}
