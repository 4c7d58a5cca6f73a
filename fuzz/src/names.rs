//! The rule about names, told again in the plainest way, to hold the library's against.

/// Whether these bytes are a path below a root, whose root itself has no bytes.
pub fn is_safe(path: &[u8]) -> bool {
    let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    path.is_empty()
        || path.len() <= 4095 && components.len() <= 256 && components.iter().all(|it| is_name(it))
}

/// Whether these bytes are the name of a file in a directory.
pub fn is_name(name: &[u8]) -> bool {
    (1..=255).contains(&name.len())
        && name != b"."
        && name != b".."
        && name.iter().all(|byte| *byte != 0 && *byte != b'/')
}
