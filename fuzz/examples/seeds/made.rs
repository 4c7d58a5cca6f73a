//! What there is no session of: inputs that are decisions, paths, patterns, descriptions.

use end_to_end::random::Random;
use rsync_proto::checksum::ChecksumKind;
use rsync_proto::compression::CompressionKind;
use rsync_proto::flist::ListOptions;
use rsync_proto::handshake::Agreed;
use rsync_proto::scripted::{Item, TestAcl, agreed, options};
use rsync_proto_fuzz::allowed::{asked_for, excluding};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::items::{lacks, tree, with_xattrs};
use rsync_proto_fuzz::lies::tell_lie;
use rsync_proto_fuzz::lists::{assert_comes_back, decode, encode};
use rsync_proto_fuzz::packer::packer;
use rsync_proto_fuzz::player::pattern;
use rsync_proto_fuzz::shape;
use rsync_proto_fuzz::story::Story;

use crate::Seeds;

pub fn write(seeds: &Seeds) {
    let mut random = Random::new(1);
    for protocol in 29..=32u8 {
        for number in 0..5 {
            let agreed = shape_of(protocol, number);
            let name = agreed.compression.map_or("plain", |kind| kind.name());
            let decisions = deciding(&mut random, 500, &agreed, &reaches_damage);
            seeds.write("session", &format!("{protocol}-{name}"), &[&shape::write(&agreed), &decisions]);
            if number == 4 {
                continue;
            }
            let kinds: [(&str, u8, &str, &Reaches); 4] = [
                ("flist", 1, "honest", &lists_several),
                ("flist", 2, "lie", &lies),
                ("metadata", 1, "names", &names_owners),
                ("metadata", 2, "request", &lacks_values),
            ];
            for (target, mode, kind, reaches) in kinds {
                let decisions = deciding(&mut random, 300, &agreed, reaches);
                let name = format!("{protocol}-{kind}-{number}");
                seeds.write(target, &name, &[&shape::write(&agreed), &[mode], &decisions]);
            }
        }
    }
    names(seeds);
    tokens(seeds, &mut random);
    paths(seeds);
    filters(seeds);
    seeds.write("deploy_config", "example", &[include_bytes!("../../../docs/provision.json")]);
}

/// Lists of what was asked for, and of what is not excluded.
fn names(seeds: &Seeds) {
    let in_directory = |name: &str, below: &[&str]| {
        let files = below.iter().map(|path| Item::file(path, 3));
        [Item::dir(name)].into_iter().chain(files).collect::<Vec<_>>()
    };
    for protocol in 29..=32u8 {
        for (asked, filter, items) in [
            (1, 0, in_directory("anything", &["anything/b", "c"])),
            (2, 1, in_directory("a", &["a/b.c", "a/o"])),
            (3, 2, in_directory("x.c", &["x.c/b", "y.c"])),
            (4, 1, [Item::dir("d"), Item::dir("d/e"), Item::file("d/e/f", 1)].to_vec()),
            (0, 2, in_directory(".", &["d", "e.o"])),
        ] {
            let mut agreed = agreed(options(protocol, protocol >= 31, false));
            (agreed.list.asked, agreed.list.filter) = (asked_for(asked), excluding(filter));
            let shape = shape::write(&agreed);
            let list = shape::read(&mut Choices::new(&shape)).list;
            let bytes = encode(&list, &vec![(None, items)]);
            assert!(decode(&list, &bytes).is_ok_and(|read| read[0].len() > 1), "{asked} {filter}");
            seeds.write("flist", &format!("{protocol}-asked-{asked}"), &[&shape, &[0], &bytes[0].1]);
        }
    }
}

/// A shape with everything that the protocol has; by its number, each compression, and some with sums, without names of
/// owners and without segments.
fn shape_of(protocol: u8, number: usize) -> Agreed {
    let inc_recurse = protocol >= 30 && number != 1;
    let mut agreed = agreed(options(protocol, protocol >= 31, inc_recurse));
    agreed.summer.kind = ChecksumKind::ALL[(number + usize::from(protocol)) % ChecksumKind::ALL.len()];
    agreed.list.sum_len = if number.is_multiple_of(2) { agreed.summer.kind.sum_len() } else { 0 };
    agreed.list.numeric_ids = number == 2;
    agreed.compression = CompressionKind::ALL.get(number).copied();
    // As the target sees it: what the shape has no place for would be missed here.
    shape::read(&mut Choices::new(&shape::write(&agreed)))
}

/// Whether decisions lead a target to what it is for.
type Reaches = dyn Fn(&mut Choices<'_>, &Agreed) -> bool;

/// Decisions of this length that do.
fn deciding(random: &mut Random, len: usize, agreed: &Agreed, reaches: &Reaches) -> Vec<u8> {
    let mut tries = (0..10_000).map(|_| random.bytes(len).to_vec());
    let found = tries.find(|decisions| reaches(&mut Choices::new(decisions), agreed));
    found.expect("some of so many decisions lead there")
}

/// Files are sent, one of them after a wrong sum, and something is left to make damage of.
fn reaches_damage(choices: &mut Choices<'_>, agreed: &Agreed) -> bool {
    let shape = shape::write(agreed);
    let input = [&shape[..], choices.rest()].concat();
    let mut choices = Choices::new(&input);
    let story = Story::new(&mut choices);
    story.contents.len() >= 2 && !story.wrong.is_empty() && choices.rest().len() > 20
}

fn lists_several(choices: &mut Choices<'_>, agreed: &Agreed) -> bool {
    let items = tree(choices, &agreed.list, 24);
    let has = |what: &dyn Fn(&Item) -> bool| items.iter().any(what);
    let (old, list) = (agreed.protocol < 30, &agreed.list);
    items.len() > 5
        && (list.sum_len == 0 || has(&|item| !item.sum.is_empty()))
        && (old || has(&|item| !item.xattrs.is_empty()) && has(&|item| item.acl != TestAcl::default()))
}

fn lies(choices: &mut Choices<'_>, agreed: &Agreed) -> bool {
    let mut items = tree(choices, &agreed.list, 12);
    items.len() > 2 && tell_lie(choices, &mut items, &mut agreed.list.clone()).is_some()
}

/// Owners have names, which are told where numbers are not all that counts.
fn names_owners(choices: &mut Choices<'_>, agreed: &Agreed) -> bool {
    let asked = ListOptions { sum_len: 0, ..agreed.list.clone() };
    let items = tree(choices, &asked, 20);
    let named = items.iter().any(|item| item.uid != 0 && item.user.is_some_and(|name| !name.is_empty()));
    let told = assert_comes_back(&asked, &items);
    let seen = told.iter().any(|segment| segment.users().iter().next().is_some());
    named && seen != asked.numeric_ids
}

fn lacks_values(choices: &mut Choices<'_>, _: &Agreed) -> bool {
    with_xattrs(choices).iter().flat_map(|item| &item.xattrs).any(lacks) && !choices.is_empty()
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
