//! What rsync 3.2.7 sends, word by word as it was recorded, and what comes of it.

use super::super::super::request::Abilities;
use super::*;

const RECENT: &str = "e.iLsfxCIvu";

fn wish(words: &str) -> Wish {
    let words: Vec<_> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    parse(&words, "m", false)
}

fn request(words: &str) -> Request {
    let wish = wish(&format!("--server --sender {words} . m/p"));
    assert_eq!(wish.refused, None, "{words}");
    assert_eq!(wish.request.paths, [b"p".to_vec()], "{words}");
    wish.request
}

fn refused(words: &str) -> String {
    wish(&format!("--server --sender {words} . m/p")).refused.expect(words)
}

fn all_abilities() -> Abilities {
    Abilities {
        inc_recurse: true,
        safe_flist: true,
        avoid_xattr_optimisation: true,
        checksum_seed_fix: true,
        inplace_partial: true,
        varint_flags: true,
        id0_names: true,
    }
}

/// What comes of `-a`.
fn archive() -> Request {
    let mut draft = Draft::default();
    (draft.request.can, draft.request.paths) = (all_abilities(), vec![b"p".to_vec()]);
    let request = &mut draft.request;
    (request.recursive, request.links, request.owner, request.group) = (true, true, true, true);
    (request.devices, request.specials) = (true, true);
    draft.request
}

#[test]
fn an_archive() {
    assert_eq!(request("-logDtpre.iLsfxCIvu"), archive());
}

#[test]
fn what_counts_on_the_other_side_leaves_no_trace() {
    for words in [
        "-vvvlogDtpre.iLsfxCIvu",
        "-qlogDtpre.iLsfxCIvu",
        "-ulogDtpre.iLsfxCIvu",
        "-blogDtpre.iLsfxCIvu --suffix=.x",
        "-blogDtpre.iLsfxCIvu --backup-dir bk",
        "-logDtprIe.iLsfxCIvu",
        "-logDtprSe.iLsfxCIvu",
        "-logDtpre.iLsfxCIvu --msgs2stderr",
        "-logDtpre.iLsfxCIvu --no-msgs2stderr",
        "-logDtpre.iLsfxCIvu --info=NAME",
        "-logDtpre.iLsfxCIvu -B700",
        "-logDtpre.iLsfxCIvu --open-noatime",
        "-logDtpre.iLsfxCIvu --iconv=-",
    ] {
        assert_eq!(request(words), archive(), "{words}");
    }
}

#[test]
fn each_option_does_one_thing() {
    type Change = fn(&mut Request);
    let changes: [(&str, Change); 37] = [
        ("-logDtprRe.iLsfxCIvu", |it| it.relative = true),
        ("-logDtprRe.iLsfxCIvu --no-implied-dirs", |it| (it.relative, it.no_implied_dirs) = (true, true)),
        ("-logDtpre.iLsfxCIvu --inplace", |it| it.inplace = true),
        ("-logDtpre.iLsfxCIvu --append", |it| it.append = 1),
        ("-logDtpre.iLsfxCIvu --append --append", |it| it.append = 2),
        ("-LlogDtpre.iLsfxCIvu", |it| it.copy_links = true),
        ("-klogDtpre.iLsfxCIvu", |it| it.copy_dirlinks = true),
        ("-logDtpre.iLsfxCIvu --copy-unsafe-links", |it| it.copy_unsafe_links = true),
        ("-logDtpre.iLsfxCIvu --safe-links", |it| it.safe_links = true),
        ("-lHlogDtpre.iLsfxCIvu", |it| it.hard_links = true),
        ("-lHHogDtpre.iLsfxCIvu", |it| it.hard_links = true),
        ("-logDtpAre.iLsfxCIvu", |it| it.acls = true),
        ("-logDtpXre.iLsfxCIvu", |it| it.xattrs = 1),
        ("-logDtpXXre.iLsfxCIvu", |it| it.xattrs = 2),
        ("-logDtUpre.iLsfxCIvu", |it| it.access_times = true),
        ("-nlogDtpre.iLsfxCIvu", |it| it.dry_run = true),
        ("-logDtprxe.iLsfxCIvu", |it| it.one_file_system = 1),
        ("-logDtprxxe.iLsfxCIvu", |it| it.one_file_system = 2),
        ("-logDtprce.iLsfxCIvu", |it| it.checksum = true),
        ("-logDtprCe.iLsfxCIvu", |it| it.cvs_exclude = true),
        ("-logDtpre.iLsfxCIvu --no-specials", |it| it.specials = false),
        ("-logtpre.iLsfxCIvu --specials", |it| it.devices = false),
        ("-logDtpre.LsfxCIvu", |it| it.can.inc_recurse = false),
        ("-logDtpre.iLsfxCIvu --ignore-missing-args", |it| it.ignore_missing_args = true),
        ("-logDtpre.iLsfxCIvu --ignore-errors", |it| it.ignore_errors = true),
        ("-logDtpre.iLsfxCIvu --numeric-ids", |it| it.numeric_ids = true),
        ("-logDtpre.iLsfxCIvu --timeout=9", |it| it.timeout = 9),
        ("-logDtpre.iLsfxCIvu --bwlimit=100", |it| it.bandwidth = 102_400),
        ("-logDtpre.iLsfxCIvu --checksum-seed=-1", |it| it.checksum_seed = -1),
        ("-logDtpre.iLsfxCIvu --list-only", |it| it.list_only = true),
        ("-logDtpRe.iLsfxCIvu --files-from=- --from0", |it| {
            (it.names, it.from0, it.relative) = (Names::FromClient, true, true);
            (it.recursive, it.dirs) = (false, true);
        }),
        ("-logDtpe.iLsfxCIvu --files-from=- --from0 --no-relative", |it| {
            (it.names, it.from0) = (Names::FromClient, true);
            (it.recursive, it.dirs) = (false, true);
        }),
        ("-logDtpRe.iLsfxCIvu --files-from /l", |it| {
            (it.names, it.relative) = (Names::File(b"/l".to_vec()), true);
            (it.recursive, it.dirs) = (false, true);
        }),
        ("-logDtpre.iLsfxCIvu --skip-compress=gz/mp[34]", |it| {
            it.skip_compress = Some([&b"gz"[..], b"mp3", b"mp4"].map(<[u8]>::to_vec).to_vec());
        }),
        ("-logDtpre.iLsfxCIvu --checksum-choice=md5", |it| {
            it.checksum_choice = Some((ChecksumKind::Md5, ChecksumKind::Md5));
        }),
        ("-logDtpre.iLsfxCIvu --checksum-choice=xxh64,md5", |it| {
            it.checksum_choice = Some((ChecksumKind::Xxh64, ChecksumKind::Md5));
        }),
        ("-logDtpre31.14iLsfxCIvu", |_| {}),
    ];
    for (words, change) in changes {
        let mut expected = archive();
        change(&mut expected);
        assert_eq!(request(words), expected, "{words}");
    }
    let dirs = request(&format!("-d{RECENT}"));
    assert!(dirs.dirs && !dirs.recursive);
    assert!(request("-de.LsfxCIvu --list-only").dirs);
}

#[test]
fn compression_is_wished_for_in_several_words() {
    let wish = |words: &str| request(words).compression;
    assert_eq!(wish("-re.iLsfxCIvu"), CompressionWish::Off);
    assert_eq!(wish("-rze.iLsfxCIvu"), CompressionWish::Negotiated);
    assert_eq!(wish("-re.iLsfxCIvu --compress-level=3"), CompressionWish::Negotiated);
    assert_eq!(wish("-re.iLsfxCIvu --compress-choice=none"), CompressionWish::Off);
    #[cfg(feature = "zlib")]
    {
        assert_eq!(wish("-re.iLsfxCIvu --new-compress"), CompressionWish::Fixed(CompressionKind::Zlibx));
        assert_eq!(wish("-rze.iLsfxCIvu --old-compress"), CompressionWish::Fixed(CompressionKind::Zlib));
    }
    #[cfg(feature = "lz4")]
    assert_eq!(wish("-re.iLsfxCIvu --compress-choice=lz4"), CompressionWish::Fixed(CompressionKind::Lz4));
}

#[test]
fn what_this_server_does_not_do_is_refused_by_name() {
    for (words, part) in [
        ("-re.iLsfxCIvu --remove-source-files", "--remove-source-files is refused: it would change"),
        ("-re.iLsfxCIvu --copy-devices", "--copy-devices is refused"),
        ("-re.iLsfxCIvu --delete-missing-args", "--delete-missing-args is refused"),
        ("-re.iLsfxCIvu --iconv=.", "does not convert names"),
        ("-re.iLsfxCIvu --iconv=utf8", "does not convert names"),
        ("-re.iLsfxCIvu --log-file=x", "--log-file is refused"),
        ("-re.iLsfxCIvu --daemon", "--daemon is refused"),
        ("-re.iLsfxCIvu --config=/x", "--config is refused"),
        ("-re.iLsfxCIvu --foo", "--foo is not known"),
        ("-Ne.iLsfxCIvu", "-N is refused"),
        ("-Ze.iLsfxCIvu", "-Z is not known"),
        ("-re.iLsfxCIvu --checksum-choice=none", "does not have that checksum"),
        ("-re.iLsfxCIvu --compress-choice=snappy", "does not have that compression"),
        ("-re.iLsfxCIvu --timeout=x", "--timeout=x: no number"),
        ("-re.iLsfxCIvu --timeout=-1", "no number"),
        ("-re.iLsfxCIvu --numeric-ids=1", "takes no value"),
        ("stray", "means nothing"),
        ("-re.iLsfxCIvu --skip-compress=[a-z][a-z][a-z]", "more suffixes"),
    ] {
        let text = refused(words);
        assert!(text.contains(part), "{words}: {text}");
    }
    let negotiated = wish("--server --sender -Zre.iLsfxCIvu . m/");
    assert!(negotiated.request.can.varint_flags, "the handshake goes on although something is refused");
    let choice = wish("--server --sender -re.iLsfxCIvu --checksum-choice=none . m/");
    assert!(choice.names_checksum, "the client does not negotiate what it has named");
    let pushed = wish("--server -vlogDtpre.iLsfxCIvu . m/").refused.unwrap();
    assert!(pushed.contains("read only"), "{pushed}");
    assert!(wish("--server --sender -re.iLsfxCIvu").refused.unwrap().contains("no path"));
    assert!(wish("--server --sender --timeout").refused.unwrap().contains("nothing stands behind"));
}

#[test]
fn paths_lose_the_module_and_blanks_divide_them() {
    let paths = |argument: &str| {
        let arguments = [&b"--sender"[..], b".", argument.as_bytes()].map(<[u8]>::to_vec);
        parse(&arguments, "m", false)
            .request
            .paths
            .into_iter()
            .map(|path| String::from_utf8(path).unwrap())
            .collect()
    };
    let check = |argument: &str, expected: &[&str]| {
        let found: Vec<String> = paths(argument);
        assert_eq!(found, expected, "{argument}");
    };
    check("m/p/", &["p/"]);
    check("m/", &[""]);
    check("m", &[""]);
    check("m//a//b", &["a//b"]);
    check("m/a b", &["a b"]);
    check("m/a m/b m/c/", &["a", "b", "c/"]);
    check("m/a[ ]m/b", &["a[ ]m/b"]);
    check("mm/a", &["mm/a"]);
    check("m/../../etc", &["../../etc"]);
    check("m/-x", &["-x"]);
}

#[test]
fn secluded_arguments_come_in_a_second_round() {
    let first = wish("--server --sender -slogDtpre.iLsfxCIvu");
    assert!(first.secluded && first.refused.is_none() && first.request.paths.is_empty());
    let all: Vec<_> = "--server --sender -slogDtpre.iLsfxCIvu --numeric-ids . m/p"
        .split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect();
    let both = parse(&all, "m", true);
    assert_eq!((both.refused, both.request.numeric_ids, both.secluded), (None, true, false));
    assert_eq!(both.request.paths, [b"p".to_vec()]);
    // A client that writes hides it no better this way.
    assert!(parse(&[b"--server".to_vec(), b"-s".to_vec()], "m", true).refused.is_some());
}
