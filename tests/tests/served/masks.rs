//! What of a client's output is the same from every server that sends the same.

use end_to_end::run::Outcome;

/// Lines that hold figures of time or of bytes on the wire: only what stands in front of the figure is compared.
const FIGURES: [&str; 7] = [
    "sent ",
    "total size is ",
    "Total bytes sent: ",
    "Total bytes received: ",
    "File list size: ",
    "Literal data: ",
    "Matched data: ",
];

/// How far the literal data may be apart: a sender need not find every block that another one finds.
const APART: u64 = 8192;

/// Lines of standard output, sorted.
pub fn output(outcome: &Outcome) -> Vec<String> {
    comparable(&outcome.stdout)
}

/// Lines of standard error, sorted.
pub fn errors(outcome: &Outcome) -> Vec<String> {
    comparable(&outcome.stderr)
}

fn comparable(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().filter(|line| !is_luck(line)).map(masked).collect();
    lines.sort_unstable();
    lines
}

/// Lines that come or not: times, which are left out where they would be 0, and how fast rsync's daemon hangs up.
fn is_luck(line: &str) -> bool {
    line.starts_with("File list ") && line.contains(" time: ")
        || line.contains("read error: Connection reset by peer")
}

fn masked(line: &str) -> String {
    if let Some(figure) = FIGURES.iter().find(|figure| line.starts_with(**figure)) {
        return (*figure).to_owned();
    }
    // The daemons have ports of their own, and which of rsync's processes speaks last is a matter of luck.
    // In a chroot rsync begins paths with a slash, elsewhere not always. The name of a file that it links to in a dry run
    // is at times a dot.
    let line = ports(line).replace("\"/", "\"");
    let line = line.strip_suffix(" => .").map_or(line.clone(), str::to_owned);
    // And so is where a symlink leads that is such a file.
    let further = line.split_once(" -> ").filter(|_| line.starts_with("hL"));
    let line = further.map_or(line.clone(), |(name, _)| name.to_owned());
    // It names a call and the attribute, the own one the file.
    for (call, name_end) in
        [("get_xattr_data: lgetxattr(", " (in "), ("reading extended attributes of ", " (in ")]
    {
        if let Some((_, rest)) = line.split_once(call) {
            return format!("attributes of {}", rest.split(name_end).next().unwrap_or_default());
        }
    }
    let Some(end) = line.strip_prefix("rsync error: ").and_then(|_| line.find(") at ")) else { return line };
    line[..end].to_owned()
}

/// The line with `PORT` for each port of loopback.
fn ports(line: &str) -> String {
    let mut parts = line.split("127.0.0.1:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("127.0.0.1:PORT");
        masked.push_str(part.trim_start_matches(|it: char| it.is_ascii_digit()));
    }
    masked
}

/// Fails unless about as much came as itself. Says nothing where a client printed no figures.
#[track_caller]
pub fn assert_close(what: &str, rsync: &Outcome, own: &Outcome) {
    if !rsync.stdout.contains("Literal data: ") {
        return;
    }
    let [theirs, ours] = [rsync, own].map(Outcome::stats);
    let sum = theirs.literal() + theirs.matched();
    assert_eq!(ours.literal() + ours.matched(), sum, "{what}: as much content was expected\n{rsync}\n{own}");
    let most = theirs.literal() + theirs.literal() / 50 + APART;
    assert!(ours.literal() <= most, "{what}: the own daemon sends more than rsync's\n{rsync}\n{own}");
}

#[test]
fn figures_and_ports_are_masked() {
    assert_eq!(masked("sent 17 bytes  received 3 bytes"), "sent ");
    assert_eq!(
        masked("at rsync://127.0.0.1:123/tree and 127.0.0.1:4"),
        "at rsync://127.0.0.1:PORT/tree and 127.0.0.1:PORT"
    );
    assert_eq!(masked("rsync error: it (code 23) at main.c(1) [generator=3]"), "rsync error: it (code 23");
    assert_eq!(masked(">f+++++++++ sent"), ">f+++++++++ sent");
}
