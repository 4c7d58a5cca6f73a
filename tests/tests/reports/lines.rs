//! Lines of changes, names, figures, and what the topics of `--info` and `--debug` add.

use super::alike;

#[test]
fn itemized() {
    alike(&["-a", "-i"]);
}

#[test]
fn itemized_with_what_is_the_same() {
    alike(&["-a", "-ii"]);
}

#[test]
fn itemized_with_hard_links() {
    alike(&["-aH", "-ii"]);
}

#[test]
fn itemized_without_times() {
    alike(&["-r", "-i"]);
}

#[test]
fn itemized_with_sums() {
    alike(&["-ac", "-ii"]);
}

#[test]
fn itemized_in_a_dry_run() {
    alike(&["-an", "-ii", "-v"]);
}

#[test]
fn names() {
    alike(&["-av"]);
}

#[test]
fn names_of_all() {
    alike(&["-avv"]);
}

#[test]
fn names_of_all_with_hard_links() {
    alike(&["-aHvv"]);
}

#[test]
fn names_without_what_is_skipped() {
    alike(&["-rv"]);
    alike(&["-rv", "--info=nonreg0"]);
}

#[test]
fn names_with_a_whole_list() {
    alike(&["-av", "--no-i-r"]);
    alike(&["-a", "--no-i-r", "--info=flist2"]);
}

#[test]
fn names_and_codes() {
    alike(&["-aHvi"]);
    alike(&["-aivv"]);
}

#[test]
fn nothing() {
    alike(&["-a"]);
    alike(&["-aq", "-i"]);
}

#[test]
fn verbosity_can_be_taken_back() {
    alike(&["-av", "--no-v"]);
    alike(&["-ai", "--no-i", "-v"]);
}

#[test]
fn topics_alone() {
    alike(&["-a", "--info=name"]);
    alike(&["-a", "--info=name2"]);
    alike(&["-a", "--info=stats"]);
    alike(&["-av", "--info=name0,stats0"]);
    alike(&["-ai", "--info=NAME2"]);
}

#[test]
fn topics_all_and_none() {
    alike(&["-av", "--info=none"]);
    alike(&["-avv", "--info=none,name,flist"]);
    alike(&["-a", "--info=all1,progress0"]);
}

#[test]
fn inside() {
    alike(&["-a", "--debug=connect"]);
    for methods in
        ["-z", "-zz", "-z --zl=99", "-z --zl=0", "--zl=-7", "--zc=lz4 --zl=5", "--zc=zlib", "--cc=md5,xxh64"]
    {
        let options: Vec<&str> = ["-a", "--debug=nstr"].into_iter().chain(methods.split(' ')).collect();
        alike(&options);
    }
    alike(&["-aWvv"]);
}

#[test]
fn figures() {
    alike(&["-a", "--stats"]);
    alike(&["-av", "--stats"]);
}

#[test]
fn figures_of_an_older_protocol() {
    alike(&["-a", "--stats", "--protocol=30"]);
}

#[test]
fn figures_in_units() {
    alike(&["-a", "--stats", "-h"]);
    alike(&["-a", "--stats", "-hh"]);
    alike(&["-av", "-h", "--no-h"]);
    alike(&["-a", "--stats", "--no-h"]);
}
