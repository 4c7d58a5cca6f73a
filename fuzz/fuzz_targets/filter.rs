//! Filter rules: whether a list of patterns keeps a path out is the same as where every pattern is matched in the
//! plainest way; and whatever stands in a rule or a file of rules, it is read or refused in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsync_proto::filter::Filters;
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::globs::rule_matches;
use rsync_proto_fuzz::names::is_safe;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    if choices.flag() {
        return any(&mut choices);
    }
    let mut filters = Filters::default();
    let mut rules = Vec::new();
    for _ in 0..1 + choices.below(3) {
        let (include, len) = (choices.flag(), 1 + choices.below(40));
        let pattern = choices.bytes(len);
        if pattern.is_empty() || pattern.contains(&0) {
            return;
        }
        let prefix: &[u8] = if include { b"+ " } else { b"- " };
        // Its own prefix takes every meaning from what the pattern begins with.
        filters.exclude(&[prefix, pattern].concat()).expect("a short pattern without a NUL is one");
        rules.push((include, pattern));
    }
    let is_dir = choices.flag();
    let path = choices.rest();
    if path.is_empty() || path.len() > 200 || !is_safe(path) {
        return;
    }
    let first = rules.iter().find(|(_, pattern)| rule_matches(pattern, path, is_dir));
    let hidden = first.is_some_and(|(include, _)| !include);
    let shown = |text: &[u8]| text.escape_ascii().to_string();
    let told: Vec<_> = rules.iter().map(|(include, pattern)| (include, shown(pattern))).collect();
    assert_eq!(filters.offer_check().hides(path, is_dir), hidden, "{told:?} {} {is_dir}", shown(path));
});

/// Rules of any kind, and what they do to a name.
fn any(choices: &mut Choices<'_>) {
    let mut filters = Filters::default();
    let (from0, cvs) = (choices.flag(), choices.flag());
    let text = choices.rest();
    let (rule, file) = text.split_at(text.iter().position(|byte| *byte == 0xff).unwrap_or(text.len()));
    let mut reads = 0;
    let mut read = |_: &[u8]| {
        reads += 1;
        assert!(reads <= 10_000, "files of rules are read without end");
        // Each file is shorter than the one before, or they would name each other many times.
        Ok(if reads < 4 { file[file.len().min(1)..].to_vec() } else { Vec::new() })
    };
    filters.set_from0(from0);
    let results = [filters.add(rule, &mut read), filters.add_file(b"name", file, cvs)];
    for error in results.into_iter().filter_map(Result::err) {
        let text = error.to_string();
        assert!(!text.chars().any(|c| c.is_control() && c != '\t'), "{text:?}");
    }
    filters.set_cvs_exclude(cvs);
    for protocol in [29, 31] {
        filters.on_wire(protocol, from0);
    }
    let name: &[u8] = if is_safe(file) && !file.is_empty() { file } else { b"a/b" };
    filters.offer_check().hides(name, from0);
    let scope = filters.receiver(b"srv/tree", from0);
    scope.verdict(name, cvs, from0);
    if let Some(rules) = filters.xattr_rules() {
        rules.exclude(name);
    }
}
