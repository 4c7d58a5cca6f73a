//! Images on devices.

use super::*;

#[test]
fn a_device_that_is_too_small_is_left_alone() {
    let drive = load(&encoded(&iso("config-2"))).unwrap();
    let (_directory, path) = device(0);
    let old = vec![7; drive.size() as usize - 1];
    fs::write(&path, &old).unwrap();
    let refused = drive.write_to(&path);
    let Err(ConfigDriveError::TooSmall { size, needed, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((size, needed), (36863, 36864));
    assert!(fs::read(&path).unwrap() == old);
    fs::write(&path, vec![7; 36864]).unwrap();
    drive.write_to(&path).unwrap();
    assert!(fs::read(&path).unwrap() == drive.image);
}

#[test]
fn a_device_that_is_not_there_is_not_made() {
    let drive = load(&encoded(&iso("config-2"))).unwrap();
    let (directory, _) = device(0);
    let path = directory.path().join("sda9");
    let refused = drive.write_to(&path);
    assert!(matches!(refused, Err(ConfigDriveError::Device { action: "open", .. })), "{refused:?}");
    assert!(!path.exists());
}

#[test]
fn old_signatures_do_not_outlive_the_image() {
    for image in [fat(3 << 20, 512, "config-2"), iso("config-2")] {
        let size = 80 * MIB;
        let (_directory, path) = device(size);
        let file = File::options().write(true).open(&path).unwrap();
        // Swap at the start, and the member of a mirror of version 0.90 at the end.
        file.write_all_at(b"SWAPSPACE2", 4086).unwrap();
        file.write_all_at(&1u32.to_le_bytes(), 1024).unwrap();
        file.write_all_at(&1000u32.to_le_bytes(), 1028).unwrap();
        assert_eq!(blkid(&path)["TYPE"], "swap");
        let mirror: Vec<u8> = [0xa92b_4efc_u32, 0, 90].iter().flat_map(|word| word.to_le_bytes()).collect();
        file.write_all_at(&mirror, size - 0x10000).unwrap();
        assert_eq!(blkid(&path).get("TYPE").map(String::as_str), Some("linux_raid_member"));
        // What an older config drive may have held, right behind the image and further on.
        file.write_all_at(b"secret", image.len() as u64).unwrap();
        file.write_all_at(b"secret", LIMIT - 6).unwrap();
        let drive = load(&encoded(&image)).unwrap();
        drive.write_to(&path).unwrap();
        let seen = blkid(&path);
        assert_eq!((seen["TYPE"].as_str(), seen["LABEL"].as_str()), (drive.kind().name(), "config-2"));
        let written = fs::read(&path).unwrap();
        assert_eq!(written.len() as u64, size);
        assert!(written.starts_with(&image));
        assert!(written[image.len()..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn what_is_cleared_is_around_the_image() {
    for (image, size, wanted) in [
        (1, 1, [1..1, 1..1]),
        (1, 10, [1..10, 10..10]),
        (MIB, 66 * MIB, [MIB..LIMIT, LIMIT..66 * MIB]),
        (MIB, 100 * MIB, [MIB..LIMIT, 96 * MIB..100 * MIB]),
        (LIMIT, 100 * MIB, [LIMIT..LIMIT, 96 * MIB..100 * MIB]),
    ] {
        assert_eq!(write::cleared(image, size), wanted);
    }
}

#[test]
fn what_a_device_does_not_keep_is_noticed() {
    let drive = load(&encoded(&fat(3 << 20, 512, "config-2"))).unwrap();
    let (_directory, path) = device(80 * MIB);
    drive.write_to(&path).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let cleared = write::cleared(drive.size(), 80 * MIB);
    let compare = || write::compare(&file, &drive.image, &cleared).unwrap();
    assert_eq!(compare(), None);
    for offset in [80 * MIB - 1, 76 * MIB, LIMIT - 1, 3 << 20, (3 << 20) - 1, MIB, 0] {
        file.write_all_at(&[0x99], offset).unwrap();
        assert_eq!(compare(), Some(offset));
    }
}
