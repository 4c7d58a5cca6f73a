//! What else than everything may be asked for, and what may be excluded: a few of each, with the rule about them told
//! again in the plainest way.

use rsync_proto::filter::{Filters, ListFilter};
use rsync_proto::flist::{Asked, EntryRef, Kind, ListOptions};
use rsync_proto::scripted::{asked, everything};

/// What is asked for, by number: all, whatever the server has, a name, a pattern, a whole path.
pub fn asked_for(number: usize) -> Asked {
    match number {
        1 => Asked::anything(),
        2 => asked(true, false, &["x/a"]),
        3 => asked(true, false, &["*.c"]),
        4 => asked(true, true, &["d/e"]),
        _ => everything(),
    }
}

/// What is excluded, by number: nothing, an ending, a directory at the top.
pub fn excluding(number: usize) -> ListFilter {
    let rule: &[u8] = match number {
        1 => b"- *.o",
        2 => b"- /d/",
        _ => return ListFilter::default(),
    };
    let mut filters = Filters::default();
    filters.add(rule, &mut |_| unreachable!("no rule names a file")).expect("a good rule");
    ListFilter { offer: filters.offer_check(), prune: None }
}

/// The numbers of both.
pub fn numbers(list: &ListOptions) -> (usize, usize) {
    let asked = (0..5).find(|number| asked_for(*number) == list.asked);
    let filter = (0..3).find(|number| excluding(*number).offer == list.filter.offer);
    (asked.expect("it is one of these"), filter.expect("it is one of these"))
}

/// Asserts that an entry was asked for, and not excluded.
pub fn assert_allowed(list: &ListOptions, entry: EntryRef<'_>) {
    let (asked, filter) = numbers(list);
    let (path, is_directory) = (entry.path(), entry.kind() == Kind::Directory);
    let path = path.as_bytes();
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let covered = match asked {
        2 => names[0] == b"a",
        3 => names[0].ends_with(b".c"),
        4 => names == [b"d"] && is_directory || names[0] == b"d" && names.get(1) == Some(&&b"e"[..]),
        _ => true,
    };
    assert!(covered, "{path:?} was not asked for");
    // Rules do not count for directories that only lead to something; where the server has the names, any may.
    let may_lead = matches!(asked, 1 | 4);
    let excluded = match filter {
        1 if may_lead => !is_directory && names.last().is_some_and(|name| name.ends_with(b".o")),
        1 => names.iter().any(|name| name.ends_with(b".o")),
        2 => !may_lead && is_directory && path == b"d",
        _ => false,
    };
    assert!(!excluded, "{path:?} is excluded");
}
