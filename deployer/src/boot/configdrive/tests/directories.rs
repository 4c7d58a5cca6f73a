//! Images that are made of directories.

use super::*;

#[test]
fn a_directory_becomes_an_image_with_the_same_files() {
    let mut wanted = BTreeMap::new();
    let drive = in_directory(|top| wanted = usual(top, false)).unwrap();
    assert_eq!((drive.kind(), drive.kind().name()), (Kind::Vfat, "vfat"));
    assert_eq!(files(&drive.image), wanted);
    // Names lead to their own files, whatever short names there are.
    let volume = FileSystem::new(Cursor::new(drive.image.clone()), FsOptions::new()).unwrap();
    for (path, wanted) in wanted.iter().filter(|(path, _)| !path.ends_with('/')) {
        let mut content = Vec::new();
        volume.root_dir().open_file(path).unwrap().read_to_end(&mut content).unwrap();
        assert!(content == *wanted, "{path}");
    }
    // And to others it is what it is to this crate.
    let (_directory, path) = device(LIMIT);
    drive.write_to(&path).unwrap();
    let seen = blkid(&path);
    assert_eq!((seen["TYPE"].as_str(), seen["LABEL"].as_str()), ("vfat", "config-2"));
    fsck(&path);
}

#[test]
fn the_same_files_give_the_same_image() {
    let drives = [false, true].map(|backwards| {
        in_directory(|top| {
            usual(top, backwards);
        })
        .unwrap()
    });
    assert!(drives[0].image == drives[1].image);
}

#[test]
fn images_have_the_size_that_their_files_need() {
    // The larger ones have larger clusters; and the last is what just fits.
    for (content, most) in [(1, 3 * MIB), (20 * MIB, 22 * MIB), (32 * MIB, 34 * MIB), (63 * MIB, LIMIT)] {
        let bytes: Vec<u8> = (0..content).map(|index| (index / 512) as u8).collect();
        let drive = in_directory(|top| fs::write(top.join("file"), &bytes).unwrap()).unwrap();
        assert!(drive.size() <= most, "{content}: {}", drive.size());
        assert!(files(&drive.image)["file"] == bytes, "{content}");
        let (_directory, path) = device(LIMIT);
        drive.write_to(&path).unwrap();
        fsck(&path);
    }
}

#[test]
fn many_names_fit_in_the_root_and_below() {
    let name = |index| format!("{index:0100}");
    let drive = in_directory(|top| {
        fs::create_dir(top.join("below")).unwrap();
        for index in 0..300 {
            fs::write(top.join(name(index)), [1]).unwrap();
            fs::write(top.join("below").join(name(index)), [2]).unwrap();
        }
    })
    .unwrap();
    let (_directory, path) = device(LIMIT);
    drive.write_to(&path).unwrap();
    fsck(&path);
    let found = files(&drive.image);
    assert_eq!(found.len(), 601);
    assert_eq!((&found[&name(299)], &found[&format!("below/{}", name(299))]), (&vec![1], &vec![2]));
}

#[test]
fn directories_that_are_too_large_are_refused() {
    for size in [64 * MIB - 4096, 1 << 40] {
        let large = in_directory(|top| File::create(top.join("file")).unwrap().set_len(size).unwrap());
        assert!(matches!(large, Err(ConfigDriveError::TooLarge { .. })), "{size}: {large:?}");
    }
    let crowded = in_directory(|top| {
        for index in 0..2001 {
            File::create(top.join(index.to_string())).unwrap();
        }
    });
    assert!(matches!(crowded, Err(ConfigDriveError::Crowded { most: 2000, .. })), "{crowded:?}");
}

#[test]
fn a_directory_without_files_is_refused() {
    let empty = in_directory(|_| {});
    assert!(matches!(empty, Err(ConfigDriveError::Empty { .. })), "{empty:?}");
    let hollow = in_directory(|top| fs::create_dir_all(top.join("openstack/latest")).unwrap());
    assert!(matches!(hollow, Err(ConfigDriveError::Empty { .. })), "{hollow:?}");
    let missing = load(&ConfigSource::Directory(PathBuf::from("/no/such/place")));
    assert!(matches!(missing, Err(ConfigDriveError::Local { .. })), "{missing:?}");
}

#[test]
fn what_is_no_file_is_refused_by_its_name() {
    type Fill = fn(&Path);
    let cases: [(&str, Fill); 3] = [
        ("a symbolic link", |path| symlink("/etc/hostname", path).unwrap()),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
        ("a FIFO", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
    ];
    for (wanted, fill) in cases {
        let refused = in_directory(|top| {
            fs::create_dir(top.join("openstack")).unwrap();
            fs::write(top.join("openstack/file"), "x").unwrap();
            fill(&top.join("openstack/odd"));
        });
        let Err(ConfigDriveError::Special { path, found }) = refused else { panic!("{refused:?}") };
        assert!(path.ends_with("openstack/odd"));
        assert_eq!(found, wanted);
    }
    let device = load(&ConfigSource::Directory(PathBuf::from("/dev/zero")));
    assert!(matches!(device, Err(ConfigDriveError::Special { .. })), "{device:?}");
}

#[test]
fn names_that_fat_cannot_hold_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let cases: [&[&[u8]]; 8] = [
        &[b"dot."],
        &[b"blank "],
        &[b"a:b"],
        &[b"a\\b"],
        &[b"a\nb"],
        &[b"\xff"],
        &[b"User_Data", b"user_data"],
        &["ÄRGER".as_bytes(), "ärger".as_bytes()],
    ];
    for names in cases {
        let refused = in_directory(|top| {
            for name in names {
                fs::write(top.join(OsStr::from_bytes(name)), name).unwrap();
            }
        });
        let Err(ConfigDriveError::Name { path, .. }) = refused else { panic!("{names:?}: {refused:?}") };
        assert_eq!(path.file_name().unwrap().as_bytes(), *names.last().unwrap());
    }
}
