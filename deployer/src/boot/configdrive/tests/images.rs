//! What is an image of a config drive, and what is not.

use super::*;

#[test]
fn other_labels_are_refused() {
    for (image, wanted) in [
        (iso("cidata"), "the label \"cidata\""),
        (iso("config-20"), "the label \"config-20\""),
        (iso(""), "no label"),
        (fat(3 << 20, 512, "CIDATA"), "the label \"CIDATA\""),
        (fat(3 << 20, 512, "NO NAME"), "the label \"NO NAME\""),
    ] {
        let refused = load(&encoded(&image));
        let Err(ConfigDriveError::Label { found, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(found, wanted);
    }
}

#[test]
fn labels_of_all_kinds_of_fat_are_found() {
    for (size, cluster, kind) in [(1 << 20, 512, "FAT12"), (8 << 20, 512, "FAT16"), (40 << 20, 512, "FAT32")]
    {
        let mut image = fat(size, cluster, "config-2");
        let at = if kind == "FAT32" { 71 } else { 43 };
        assert_eq!(&image[at + 11..at + 16], kind.as_bytes());
        // The one in the root directory is what counts.
        image[at..at + 11].copy_from_slice(b"OTHER      ");
        assert_eq!(load(&encoded(&image)).unwrap().kind(), Kind::Vfat, "{kind}");
        let root = image.windows(12).position(|bytes| bytes == b"config-2   \x08").unwrap();
        image[root] = b'x';
        let other = load(&encoded(&image));
        assert!(matches!(&other, Err(ConfigDriveError::Label { found, .. }) if found.contains("xonfig-2")));
        image[root] = 0xe5;
        image[at..at + 11].copy_from_slice(b"CONFIG-2   ");
        let (_directory, path) = device(0);
        fs::write(&path, &image).unwrap();
        assert_eq!(blkid(&path).get("LABEL"), None, "{kind}");
        let deleted = load(&encoded(&image));
        assert!(matches!(&deleted, Err(ConfigDriveError::Label { found, .. }) if found == "no label"));
    }
}

#[test]
fn a_root_directory_that_is_a_circle_ends() {
    let mut image = fat(40 << 20, 512, "config-2");
    let table = 512 * usize::from(u16::from_le_bytes([image[14], image[15]]));
    image[table + 8..table + 12].copy_from_slice(&2u32.to_le_bytes());
    let root = image.windows(12).position(|bytes| bytes == b"config-2   \x08").unwrap();
    image[root..root + 512].fill(0xe5);
    let circle = load(&encoded(&image));
    assert!(matches!(&circle, Err(ConfigDriveError::Label { found, .. }) if found == "no label"));
    // But it is followed to the end.
    image[table + 8..table + 12].copy_from_slice(&3u32.to_le_bytes());
    image[root + 512..root + 524].copy_from_slice(b"config-2   \x08");
    assert!(load(&encoded(&image)).is_ok());
}

#[test]
fn no_header_makes_trouble() {
    for (size, cluster) in [(1 << 20, 512), (40 << 20, 512)] {
        let mut image = fat(size, cluster, "config-2");
        let mut refused = 0;
        for (first, second) in (11..48).flat_map(|first| (first..48).map(move |second| (first, second))) {
            for value in [0, 1, 0x80, 0xff] {
                let kept = (image[first], image[second]);
                (image[first], image[second]) = (value, value);
                refused += usize::from(image::check(&image, "it").is_err());
                image[second] = kept.1;
                image[first] = kept.0;
            }
        }
        assert!(refused > 500, "{refused}");
        assert!(image::check(&image, "it").is_ok());
    }
}

#[test]
fn incomplete_images_are_refused() {
    for (mut image, kind) in [(iso("config-2"), Kind::Iso9660), (fat(3 << 20, 512, "config-2"), Kind::Vfat)] {
        let wanted = image.len() as u64;
        image.truncate(image.len() - 512);
        let cut = in_file(&image);
        let Err(ConfigDriveError::Incomplete { kind: seen, have, wanted: said, .. }) = cut else {
            panic!("{cut:?}")
        };
        assert_eq!((seen, have, said), (kind, wanted - 512, wanted));
    }
}

#[test]
fn what_is_no_image_is_described() {
    let again = gzip(&gzip(b"x"));
    for (bytes, wanted) in [
        (b"".as_slice(), "empty"),
        (&[0; 5000], "nothing but zeros"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (&again, "gzip once more"),
        (b"{\"error\": 1}", "text that begins with \"{\\\"error\\\": 1}\""),
        (b"QFI\xfb\0\0\0\x03", "a qcow2 image"),
        (b"\x7fELF", "something that begins with the bytes 7f 45 4c 46"),
    ] {
        let refused = in_file(bytes);
        let Err(ConfigDriveError::Foreign { found, .. }) = refused else { panic!("{wanted}: {refused:?}") };
        assert_eq!(found, wanted);
    }
    // A character of which only a part is looked at.
    let text = "ä".repeat(400);
    assert!(image::describe(&text.as_bytes()[..511]).starts_with("text that begins"));
}
