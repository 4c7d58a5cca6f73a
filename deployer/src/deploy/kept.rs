//! What a pull that deletes leaves alone in a deployed tree, although no image has it: what deployments write
//! themselves, what file systems have at their roots, and the places of other images.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rsync_proto::filter::Filters;

use crate::model::{Description, Image};

/// What deployments write, below the root of a system.
const WRITTEN: [&str; 5] = [
    "/.deployer-state.json*",
    "/etc/fstab",
    "/etc/default/grub.d/zz-deployer.cfg",
    "/boot/grub",
    "/boot/grub/**",
];
/// What boot loaders have on an EFI system partition, where that may be mounted.
const EFI: [&str; 2] = ["/boot/efi/**", "/efi/**"];

/// Adds the rules to those of a pull of this image.
pub(super) fn protect(description: &Description, image: &Image, filters: &mut Filters) {
    for pattern in patterns(description, image.target.as_path()) {
        let rule = [b"P ", &pattern[..]].concat();
        let added = filters.add(&rule, &mut |_| Err(std::io::ErrorKind::Unsupported.into()));
        debug_assert!(added.is_ok(), "{}", rule.escape_ascii());
    }
}

fn patterns(description: &Description, target: &Path) -> Vec<Vec<u8>> {
    let mut patterns: Vec<Vec<u8>> =
        WRITTEN.iter().chain(&EFI).filter_map(|path| below(target, path)).collect();
    let mounts = description.file_systems().filter_map(|file_system| file_system.mount.as_ref());
    patterns.extend(mounts.filter_map(|mount| inside(target, &mount.as_path().join("lost+found"))));
    let others = description.images.iter().filter(|other| other.target.as_path() != target);
    // With everything in it: this image may have an empty directory there.
    let others = others.filter_map(|other| inside(target, other.target.as_path()));
    patterns.extend(others.map(|place| [&place[..], b"/***"].concat()));
    patterns
}

/// A pattern of ours as it is seen from the directory that an image goes to, if it lies in there.
fn below(target: &Path, pattern: &str) -> Option<Vec<u8>> {
    let rest = Path::new(pattern).strip_prefix(target).ok()?;
    Some([b"/", rest.as_os_str().as_bytes()].concat())
}

/// A pattern for exactly this path, likewise.
fn inside(target: &Path, path: &Path) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(target).ok()?.as_os_str().as_bytes();
    // A backslash is itself, unless something in the pattern is not.
    let escapes = rest.iter().any(|byte| b"*?[".contains(byte));
    let mut pattern = vec![b'/'];
    for byte in rest {
        if escapes && b"*?[\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    (!rest.is_empty()).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pattern: Option<Vec<u8>>) -> Option<String> {
        pattern.map(|pattern| String::from_utf8(pattern).unwrap())
    }

    #[test]
    fn patterns_are_seen_from_where_an_image_goes() {
        let seen = |target: &str, path: &str| text(inside(Path::new(target), Path::new(path)));
        assert_eq!(seen("/", "/usr/lost+found").as_deref(), Some("/usr/lost+found"));
        assert_eq!(seen("/usr", "/usr/lost+found").as_deref(), Some("/lost+found"));
        assert_eq!(seen("/usr", "/var/lost+found"), None);
        assert_eq!(seen("/usr", "/usr"), None);
        assert_eq!(seen("/", "/a[1]\\*").as_deref(), Some("/a\\[1]\\\\\\*"));
        assert_eq!(seen("/", "/a\\b").as_deref(), Some("/a\\b"));
        assert_eq!(text(below(Path::new("/boot"), "/boot/grub/**")).as_deref(), Some("/grub/**"));
        assert_eq!(text(below(Path::new("/home"), "/boot/grub/**")), None);
    }
}
