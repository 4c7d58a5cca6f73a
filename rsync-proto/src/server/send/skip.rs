//! Names of files that are not worth packing, by their suffixes.

/// What is packed already, as rsync has it.
const PACKED: &[&str] = &[
    "3g2", "3gp", "7z", "aac", "ace", "apk", "avi", "bz2", "deb", "dmg", "ear", "f4v", "flac", "flv", "gpg",
    "gz", "iso", "jar", "jpeg", "jpg", "lrz", "lz", "lz4", "lzma", "lzo", "m1a", "m1v", "m2a", "m2ts", "m2v",
    "m4a", "m4b", "m4p", "m4r", "m4v", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4", "mpa", "mpeg", "mpg",
    "mpv", "mts", "odb", "odf", "odg", "odi", "odm", "odp", "ods", "odt", "oga", "ogg", "ogm", "ogv", "ogx",
    "opus", "otg", "oth", "otp", "ots", "ott", "oxt", "png", "qt", "rar", "rpm", "rz", "rzip", "spx",
    "squashfs", "sxc", "sxd", "sxg", "sxm", "sxw", "sz", "tbz", "tbz2", "tgz", "tlz", "ts", "txz", "tzo",
    "vob", "war", "webm", "webp", "xz", "z", "zip", "zst",
];

/// Whether a file of this path is not worth packing; `wanted` are the suffixes that the client named, in lower case.
pub(super) fn is_packed(path: &[u8], wanted: Option<&[Vec<u8>]>) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0) else { return false };
    let suffix = &name[dot + 1..];
    match wanted {
        Some(wanted) => wanted.iter().any(|known| known.eq_ignore_ascii_case(suffix)),
        None => PACKED.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(suffix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_count_behind_the_last_dot_of_a_name() {
        for path in ["a/b.JPG", "x.tar.gz", "a.b/c.zst"] {
            assert!(is_packed(path.as_bytes(), None), "{path}");
        }
        for path in ["a/b.txt", ".gz", "gz", "a.gz/b", "a.gz.", ""] {
            assert!(!is_packed(path.as_bytes(), None), "{path}");
        }
        let wanted = [b"txt".to_vec()];
        assert!(is_packed(b"a.TXT", Some(&wanted)));
        assert!(!is_packed(b"a.gz", Some(&wanted)));
    }
}
