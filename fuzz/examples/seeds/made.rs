//! What there is no session of: inputs that are decisions, paths, patterns, descriptions.

use end_to_end::random::Random;
use rsync_proto::compression::CompressionKind;
use rsync_proto_fuzz::packer::packer;
use rsync_proto_fuzz::player::pattern;

use crate::Seeds;

pub fn write(seeds: &Seeds) {
    let mut random = Random::new(1);
    for protocol in 29..=32u8 {
        for compression in 0..5u32 {
            // Everything that the protocol has, and one of the sums.
            let bits =
                u32::from(protocol - 29) | 0x01_9ffc & !(u32::from(protocol == 30) << 3) | compression << 20;
            let shape =
                [bits | ((compression + u32::from(protocol)) % 6) << 17, 7].map(u32::to_le_bytes).concat();
            let name = format!(
                "{protocol}-{}",
                CompressionKind::ALL.get(compression as usize).map_or("plain", |kind| kind.name())
            );
            let decisions = random.bytes(500);
            seeds.write("session", &name, &[&shape, &decisions]);
            if compression < 4 {
                for (mode, kind) in [(1, "honest"), (2, "lie")] {
                    seeds.write(
                        "flist",
                        &format!("{protocol}-{kind}-{compression}"),
                        &[&shape, &[mode], &random.bytes(300)],
                    );
                }
                for (mode, kind) in [(1, "names"), (2, "request")] {
                    seeds.write(
                        "metadata",
                        &format!("{protocol}-{kind}-{compression}"),
                        &[&shape, &[mode], &random.bytes(300)],
                    );
                }
            }
        }
    }
    tokens(seeds, &mut random);
    paths(seeds);
    filters(seeds);
    seeds.write("deploy_config", "example", &[include_bytes!("../../../docs/provision.json")]);
}

fn tokens(seeds: &Seeds, random: &mut Random) {
    for (level, name) in [(0, "fast"), (4, "1"), (6, "3"), (10, "7"), (15, "12")] {
        let content =
            [pattern(700), random.text(600), random.bytes(90), vec![b'0'; 5_000], pattern(700)].concat();
        let stream = packer(CompressionKind::Zstd, 32, level).pack(&content).concat();
        seeds.write("tokens", &format!("zstd-level-{name}"), &[&[0], &stream]);
        seeds.write("tokens", &format!("zstd-blocks-{name}"), &[&[1], &stream[5..]]);
        seeds.write("tokens", &format!("zstd-damaged-{name}"), &[&[2, level], &random.bytes(60)]);
    }
    for kind in 0..4 {
        seeds.write("tokens", &format!("comes-back-{kind}"), &[&[6, kind], &random.bytes(200)]);
    }
}

fn paths(seeds: &Seeds) {
    let deep = b"d/".repeat(255);
    let long = vec![b'n'; 255];
    for (name, path) in [
        ("plain", &b"usr/share/doc/README"[..]),
        ("dots", b"a/.../..b/.c"),
        ("up", b"a/../b"),
        ("absolute", b"/etc/passwd"),
        ("empty-component", b"a//b"),
        ("nul", b"a/b\0c"),
        ("bytes", b"\xff\n \x1b[0m/\xc3\xbc"),
        ("long", &long),
        ("deep", &[&deep[..], b"d"].concat()),
        ("too-deep", &[&deep[..], b"d/d"].concat()),
    ] {
        seeds.write("path", name, &[&[0], path]);
    }
    seeds.write("path", "repeated", &[&[1], &255u16.to_le_bytes(), &[16], b"fifteen bytes../", b"end"]);
    for (name, url) in [
        ("url", "rsync://user@host:8730/module/path/to/"),
        ("url-v6", "rsync://[fe80::1]:99/module"),
        ("colons", "user@host::module/path"),
        ("described", "rsync:10.0.0.10::images/debian-12/"),
    ] {
        seeds.write("path", name, &[&[2], url.as_bytes()]);
    }
}

fn filters(seeds: &Seeds) {
    for (number, (pattern, path)) in (0..).zip([
        ("*.o", "src/a.o"),
        ("/a/*/c", "a/b/c"),
        ("a/**", "x/a/b/c"),
        ("**/cache/", "var/cache"),
        ("/home/***", "home"),
        ("[!a-f[:digit:]x]?", "gz"),
        ("a\\[b", "a[b"),
        ("foo/bar", "x/foo/bar"),
    ]) {
        let rule = [&[0, 0, 0, pattern.len() as u8 - 1], pattern.as_bytes()].concat();
        seeds.write("filter", &format!("pattern-{number}"), &[&rule, &[1], path.as_bytes()]);
    }
    for (number, (rule, file)) in (0..).zip([
        ("- *.bak", ""),
        (". merged", "+ /a\n- *\n# no rule\nP kept\n"),
        (":n- .gitignore", "*.o\n!\n"),
        ("dir-merge,es .rules", "exclude,! *.c\n"),
        ("hide,p lost+found/", "R x\n"),
        ("-x user.*", "- *\n"),
        (":C", "a b c"),
    ]) {
        seeds.write(
            "filter",
            &format!("rule-{number}"),
            &[&[1, 0, 1], rule.as_bytes(), b"\xff", file.as_bytes()],
        );
    }
}
