//! Lines in a form of one's own: `--out-format`.

use end_to_end::pair::{EQUAL_BLOCKS, Pair};

use super::{alike, fill};

#[test]
fn with_names() {
    alike(&["-a", "--out-format=%n"]);
    alike(&["-av", "--out-format=[%f]%L"]);
    alike(&["-aH", "--out-format=%o %n%L"]);
    alike(&["-a", "--log-format=%n %l %'l %''l %'''l"]);
}

#[test]
fn with_codes() {
    alike(&["-aH", "--out-format=%i|%n|%L|%B|%M"]);
    alike(&["-a", "-ii", "--out-format=%n %i"]);
}

#[test]
fn with_widths() {
    alike(&["-aH", "--out-format=%12l|%-12l|%20n|%-20n|%30L|%-30L|%3o|%15i|%5m|"]);
}

#[test]
fn with_owners() {
    alike(&["-a", "--numeric-ids", "--out-format=%U %G %5U %-8G|"]);
    alike(&["-rlt", "--out-format=%n %U %G"]);
}

#[test]
fn with_bytes() {
    alike(&["-a", EQUAL_BLOCKS, "--out-format=%n %b %'b %10b %c"]);
    alike(&["-a", "--no-W", "-I", EQUAL_BLOCKS, "--out-format=%n %b"]);
    alike(&["-an", "--out-format=%n %b"]);
}

#[test]
fn with_sums() {
    alike(&["-a", "--out-format=%n %C|"]);
    alike(&["-ac", "--out-format=%n %C|"]);
    alike(&["-acn", "--out-format=%40C|%n"]);
    alike(&["-a", "--checksum-choice=md5", "--out-format=%n %C|"]);
    alike(&["-a", "--checksum-choice=xxh64", "--out-format=%n %C|"]);
    alike(&["-ac", "--checksum-choice=xxh64,md4", "--out-format=%n %C|"]);
    alike(&["-ac", "--checksum-choice=md5,xxh64", "--out-format=%n %C|"]);
}

#[test]
fn with_what_is_no_escape() {
    alike(&["-a", "--out-format=%n %% %z %a %h %P %u %5q 100%"]);
    alike(&["-a", "--out-format=%%n %'%n %-5%"]);
}

#[test]
fn with_dates() {
    let pair = Pair::new(fill);
    let outcomes = pair.pull(&["-a", "--out-format=%t %p"]);
    for line in outcomes.deployer.stdout.lines().chain(outcomes.rsync.stdout.lines()) {
        let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert!(shape.starts_with("9999/99/99 99:99:99 9"), "{line}");
    }
}
