//! The arguments that tell the server what to send, as rsync's own client words them.

use crate::location::Location;
use crate::options::Options;

/// The arguments that tell the server what to send, in order, without the NULs between them.
pub fn arguments(options: &Options, location: &Location, list_only: bool) -> Vec<Vec<u8>> {
    let mut arguments: Vec<Vec<u8>> = vec![b"--server".to_vec(), b"--sender".to_vec()];
    arguments.push(short(options).into_bytes());
    let mut long = |argument: String| arguments.push(argument.into_bytes());
    if list_only {
        long("--list-only".to_owned());
    }
    match (options.devices, options.specials) {
        (true, false) => long("--no-specials".to_owned()),
        (false, true) => long("--specials".to_owned()),
        _ => {}
    }
    if options.server_timeout > 0 {
        long(format!("--timeout={}", options.server_timeout));
    }
    if let Some(kind) = options.checksum_choice {
        long(format!("--checksum-choice={}", kind.name()));
    }
    if options.numeric_ids {
        long("--numeric-ids".to_owned());
    }
    if let Some(info) = options.reports.argument() {
        long(info);
    }
    arguments.push(b".".to_vec());
    arguments.push(path(location));
    arguments
}

fn short(options: &Options) -> String {
    let mut flags = String::from("-");
    flags.extend(std::iter::repeat_n('v', usize::from(options.verbose.min(9))));
    for (set, flag) in [
        (options.dry_run, 'n'),
        (options.links, 'l'),
        (options.dirs && !options.recursive, 'd'),
        (options.whole_file, 'W'),
        (options.hard_links, 'H'),
        (options.owner, 'o'),
        (options.group, 'g'),
        (options.devices, 'D'),
        (options.times, 't'),
        (options.perms, 'p'),
        (options.acls, 'A'),
        (options.xattrs, 'X'),
        (options.recursive, 'r'),
        (options.checksum, 'c'),
        (options.ignore_times, 'I'),
    ] {
        if set {
            flags.push(flag);
        }
    }
    // What this client can do, in letters behind "e.": segments, times of symlinks, errors at the end of
    // segments, whole attribute lists, fixed seeds, in-place partial files, varint flags with negotiation,
    // names for number 0.
    flags.push_str("e.");
    if options.recursive && options.inc_recursive {
        flags.push('i');
    }
    flags.push_str("LfxCIvu");
    flags
}

/// Module and path. The server splits its arguments again where a space is followed by the module's name
/// and a slash, so such a space is hidden in a pattern that matches just it.
fn path(location: &Location) -> Vec<u8> {
    let full = format!("{}/{}", location.module, location.path);
    let separator = format!(" {}/", location.module);
    full.replace(&separator, &format!("[ ]{}/", location.module)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &Options, url: &str) -> String {
        let arguments = arguments(options, &Location::parse(url).unwrap(), false);
        arguments.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_archive_is_asked_for_as_the_reference_asks() {
        let options =
            Options { hard_links: true, acls: true, xattrs: true, numeric_ids: true, ..Options::archive() };
        assert_eq!(
            text(&options, "h::m/sub/"),
            "--server --sender -lHogDtpAXre.iLfxCIvu --numeric-ids . m/sub/"
        );
    }

    #[test]
    fn devices_and_specials_are_told_apart() {
        let options = Options { specials: false, ..Options::archive() };
        assert!(text(&options, "h::m").contains(" --no-specials "));
        let options = Options { devices: false, ..Options::archive() };
        assert!(text(&options, "h::m").contains(" --specials "));
    }

    #[test]
    fn a_path_cannot_turn_into_two() {
        assert!(text(&Options::default(), "h::m/a m/b").ends_with(" . m/a[ ]m/b"));
    }
}
