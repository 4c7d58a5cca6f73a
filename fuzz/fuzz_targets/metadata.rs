//! Owners, access control lists and extended attributes: what a list says of them comes back, with the names of users
//! and groups; values that are asked for come as they are; and whatever bytes stand in their place, it makes no
//! difference how they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::flist::{EntryRef, ListOptions, Segment};
use rsync_proto::handshake::Agreed;
use rsync_proto::scripted::{Item, ListEncoder, Script, options, sorted};
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::damage::damage;
use rsync_proto_fuzz::items::{lacks, name_of, tree, with_xattrs};
use rsync_proto_fuzz::lists::{assert_comes_back, read_any};
use rsync_proto_fuzz::player::{Player, Want};
use rsync_proto_fuzz::shape;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let agreed = shape::read(&mut choices);
    match choices.below(3) {
        0 => in_place(&mut choices, agreed.list),
        1 => names(&mut choices, agreed.list),
        _ => on_request(&mut choices, agreed),
    }
});

/// Any bytes in the place of what follows an honest entry.
fn in_place(choices: &mut Choices<'_>, list: ListOptions) {
    let asked = ListOptions {
        acls: list.protocol >= 30,
        xattrs: list.protocol >= 30,
        numeric_ids: list.numeric_ids,
        limits: shape::limits(),
        ..options(list.protocol, list.varint_flags, list.inc_recurse)
    };
    let plain = ListOptions { acls: false, xattrs: false, ..asked.clone() };
    let mut encoder = ListEncoder::new(&plain);
    let item = if choices.flag() { Item::dir(".") } else { Item::file("f", 1) };
    encoder.entry(&item, 0);
    let mut bytes = encoder.unfinished();
    bytes.extend_from_slice(choices.rest());
    let whole = read_any(&asked, &bytes, bytes.len());
    assert_eq!(whole, read_any(&asked, &bytes, 1), "it depends on how the bytes are cut");
}

/// Names come with the numbers that they belong to, and every number comes with its name.
fn names(choices: &mut Choices<'_>, list: ListOptions) {
    let asked = ListOptions { access_times: false, sum_len: 0, ..shape::of_all(list) };
    let items = tree(choices, &asked, 20);
    let read = assert_comes_back(&asked, &items);
    let mut known: [Vec<(u32, Vec<u8>)>; 2] = [Vec::new(), Vec::new()];
    let collect = |segment: &Segment, known: &mut [Vec<(u32, Vec<u8>)>; 2]| {
        known[0].extend(segment.users().iter().map(|(id, name)| (*id, name.to_vec())));
        known[1].extend(segment.groups().iter().map(|(id, name)| (*id, name.to_vec())));
    };
    read.iter().for_each(|segment| collect(segment, &mut known));
    for (id, name) in known.iter().flatten().filter(|(id, _)| *id != 0) {
        assert_eq!(Some(&name[..]), name_of(*id).map(str::as_bytes), "the name of {id}");
    }
    if asked.numeric_ids {
        return;
    }
    for item in &items {
        let told = |names: &[(u32, Vec<u8>)], id: u32| id == 0 || names.iter().any(|(known, _)| *known == id);
        assert!(!asked.owner || item.user.is_none() || told(&known[0], item.uid), "user {}", item.uid);
        assert!(!asked.group || item.group.is_none() || told(&known[1], item.gid), "group {}", item.gid);
    }
}

/// Values that a session asks for.
fn on_request(choices: &mut Choices<'_>, mut agreed: Agreed) {
    let protocol = agreed.protocol.max(30);
    let shape = options(protocol, agreed.list.varint_flags, false);
    agreed.list =
        ListOptions { acls: false, xattrs: true, numeric_ids: true, limits: shape::limits(), ..shape };
    (agreed.protocol, agreed.compression) = (protocol, None);
    let items = with_xattrs(choices);
    let mut script = Script::new(&agreed);
    script.list(&items, 0);
    let want = Want { xattrs: true, ..Want::default() };
    let mut known: Vec<&[(Vec<u8>, Vec<u8>)]> = Vec::new();
    let mut expected = Vec::new();
    let listed = sorted(&items, b"");
    for item in &listed {
        if !item.xattrs.iter().any(lacks) {
            continue;
        }
        let first = !known.contains(&&item.xattrs[..]);
        let missing = (1..).zip(&item.xattrs).filter(|(_, xattr)| first && lacks(xattr));
        let values: Vec<(i32, &[u8])> = missing.map(|(number, (_, value))| (number, &value[..])).collect();
        script
            .answer(std::str::from_utf8(&item.path).expect("it is text"), want.flags())
            .xattr_values(&values);
        known.push(&item.xattrs);
        // A value of an attribute that takes no part is never asked for.
        let here = item.xattrs.iter().filter(|xattr| xattr.1.len() <= 32 || lacks(xattr));
        expected.extend(here.map(|(name, value)| (name[..name.len() - 1].to_vec(), value.clone())));
    }
    script.done(3).goodbye(protocol);
    let wants =
        |entry: EntryRef<'_>| entry.xattrs().is_some_and(|set| !set.is_complete()).then(|| want.clone());
    let mut bytes = script.bytes();
    let play = |bytes: &[u8], step: usize| Player::new(&agreed, &wants).play(bytes.chunks(step));
    let honest = play(&bytes, bytes.len());
    assert!(honest.result.is_ok(), "{:?} {}", honest.result, honest.course);
    assert_eq!(honest.values, expected);
    if !choices.is_empty() {
        damage(&mut bytes, choices);
        let (whole, cut) = (play(&bytes, bytes.len().max(1)), play(&bytes, 1));
        whole.assert_same(&cut, &agreed);
    }
}
