//! The arguments that tell the server what to send, as rsync's own client words them.

use super::shell::server_path;
use crate::compression::CompressionKind;
use crate::location::{Location, Scheme};
use crate::options::{Append, CompressionChoice, FilesFrom, Method, Options, Selection, Transport};

/// The arguments that tell a server of this protocol version what to send, in order, without what stands between them.
pub fn arguments(options: &Options, location: &Location, list_only: bool, protocol: u8) -> Vec<Vec<u8>> {
    let mut arguments: Vec<Vec<u8>> = vec![b"--server".to_vec(), b"--sender".to_vec()];
    let short = short(options, protocol);
    if short != "-" {
        arguments.push(short.into_bytes());
    }
    let mut long = |argument: String| arguments.push(argument.into_bytes());
    if list_only {
        long("--list-only".to_owned());
    }
    let transport = &options.transport;
    if let Some(level) = transport.compress_level {
        long(format!("--compress-level={level}"));
    }
    match (options.devices, options.specials) {
        (true, false) => long("--no-specials".to_owned()),
        (false, true) => long("--specials".to_owned()),
        _ => {}
    }
    let content = &options.content;
    if let Some(size) = content.block_size {
        long(format!("-B{size}"));
    }
    if options.server_timeout > 0 {
        long(format!("--timeout={}", options.server_timeout));
    }
    if transport.bwlimit > 0 {
        long(format!("--bwlimit={}", transport.bwlimit));
    }
    if let Some(choice) = options.checksum_choice {
        long(format!("--checksum-choice={choice}"));
    }
    if let Some(choice) = compression(transport) {
        long(choice);
    }
    if let Some(list) = &transport.skip_compress {
        long(format!("--skip-compress={list}"));
    }
    let selection = &options.selection;
    for (set, name) in [
        (selection.ignore_missing_args, "--ignore-missing-args"),
        (options.deletion.ignore_errors, "--ignore-errors"),
        (selection.copy_unsafe_links, "--copy-unsafe-links"),
        (selection.safe_links, "--safe-links"),
        (options.numeric_ids, "--numeric-ids"),
    ] {
        if set {
            long(name.to_owned());
        }
    }
    match content.append {
        // What is verified is told by saying it twice.
        Some(Append::Verifying) => (0..2).for_each(|_| long("--append".to_owned())),
        Some(Append::Trusting) => long("--append".to_owned()),
        None if content.inplace => long("--inplace".to_owned()),
        None => {}
    }
    list_of_files(selection).into_iter().for_each(&mut long);
    if options.attributes.open_noatime {
        long("--open-noatime".to_owned());
    }
    if let Some(info) = options.reports.argument() {
        long(info);
    }
    arguments.push(b".".to_vec());
    arguments.extend(location.paths().map(|path| match location.scheme {
        Scheme::Shell => server_path(path),
        _ => module_path(&location.module, path),
    }));
    arguments
}

fn list_of_files(selection: &Selection) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |argument: &str| arguments.push(argument.to_owned());
    match &selection.files_from {
        None => {}
        Some(FilesFrom::Names(_)) => ["--files-from=-", "--from0"].into_iter().for_each(&mut add),
        Some(FilesFrom::Server { path, nul }) => {
            add("--files-from");
            add(path);
            if *nul {
                add("--from0");
            }
        }
    }
    if selection.files_from.is_some() && !selection.relative {
        add("--no-relative");
    }
    if selection.relative && !selection.implied_dirs {
        add("--no-implied-dirs");
    }
    arguments
}

/// How an algorithm is named that is not left to negotiation; two of them have options of their own, which older
/// servers know.
fn compression(transport: &Transport) -> Option<String> {
    match transport.method() {
        Method::Off if transport.compress_choice == Some(CompressionChoice::None) => {
            Some("--compress-choice=none".to_owned())
        }
        Method::Fixed(CompressionKind::Zlibx) => Some("--new-compress".to_owned()),
        Method::Fixed(CompressionKind::Zlib) => Some("--old-compress".to_owned()),
        Method::Fixed(kind) => Some(format!("--compress-choice={}", kind.name())),
        Method::Off | Method::Negotiated => None,
    }
}

pub(super) fn short(options: &Options, protocol: u8) -> String {
    let mut flags = String::from("-");
    flags.extend(std::iter::repeat_n('v', usize::from(options.verbose.min(9))));
    let selection = &options.selection;
    for (set, flag) in [
        (options.content.backs_up(), 'b'),
        (selection.update, 'u'),
        (options.dry_run, 'n'),
        (options.links, 'l'),
        (options.dirs && !options.recursive, 'd'),
        (selection.copy_links, 'L'),
        (selection.copy_dirlinks, 'k'),
        (options.whole_file, 'W'),
        (options.hard_links, 'H'),
        (options.owner, 'o'),
        (options.group, 'g'),
        (options.devices, 'D'),
        (options.times, 't'),
        (options.attributes.access_times, 'U'),
        (options.perms, 'p'),
        (options.acls, 'A'),
        (options.xattrs, 'X'),
        (options.xattrs && options.attributes.hidden_xattrs, 'X'),
        (options.recursive, 'r'),
        (options.checksum, 'c'),
        (options.filters.cvs_exclude(), 'C'),
        (options.ignore_times, 'I'),
        (selection.relative, 'R'),
        (selection.one_file_system > 0, 'x'),
        (selection.one_file_system > 1, 'x'),
        (options.content.sparse, 'S'),
        (options.transport.has_letter(), 'z'),
    ] {
        if set {
            flags.push(flag);
        }
    }
    if protocol < 30 {
        return flags;
    }
    // What this client can do, in letters behind "e.": segments, times of symlinks, errors at the end of
    // segments, whole attribute lists, fixed seeds, in-place partial files, varint flags with negotiation,
    // names for number 0.
    flags.push_str("e.");
    if options.takes_segments() {
        flags.push('i');
    }
    flags.push_str("LfxCIvu");
    flags
}

/// Module and path. The server splits its arguments again where a space is followed by the module's name
/// and a slash, so such a space is hidden in a pattern that matches just it.
fn module_path(module: &str, path: &str) -> Vec<u8> {
    let full = format!("{module}/{path}");
    let separator = format!(" {module}/");
    full.replace(&separator, &format!("[ ]{module}/")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &Options, url: &str) -> String {
        let arguments = arguments(options, &Location::parse(url).unwrap(), false, options.protocol);
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
    fn protocol_29_knows_nothing_of_capabilities() {
        let options = Options { hard_links: true, protocol: 29, ..Options::archive() };
        assert_eq!(text(&options, "h::m/sub/"), "--server --sender -lHogDtpr . m/sub/");
    }

    #[test]
    fn devices_and_specials_are_told_apart() {
        let options = Options { specials: false, ..Options::archive() };
        assert!(text(&options, "h::m").contains(" --no-specials "));
        let options = Options { devices: false, ..Options::archive() };
        assert!(text(&options, "h::m").contains(" --specials "));
    }

    #[test]
    fn compression_is_asked_for_as_the_reference_asks() {
        let transport = |change: fn(&mut Transport)| {
            let mut options = Options::default();
            change(&mut options.transport);
            text(&options, "h::m")
        };
        let kind = |kind| Some(CompressionChoice::Kind(kind));
        assert!(transport(|it| it.compress = 1).starts_with("--server --sender -ze."));
        let none = transport(|it| it.compress_choice = Some(CompressionChoice::None));
        assert!(none.contains(" -e.LfxCIvu --compress-choice=none . "));
        assert!(transport(|it| it.compress = 2).contains(" -e.LfxCIvu --new-compress . "));
        let zlib = transport(|it| it.compress_choice = Some(CompressionChoice::Kind(CompressionKind::Zlib)));
        assert!(zlib.contains(" -ze.LfxCIvu --old-compress . "));
        let mut options = Options { specials: true, server_timeout: 9, ..Options::default() };
        options.transport.compress_choice = kind(CompressionKind::Zstd);
        options.transport.compress_level = Some(-3);
        options.transport.skip_compress = Some("gz/mp[34]".to_owned());
        options.transport.bwlimit = 70;
        options.checksum_choice = Some(crate::checksum::ChecksumKind::Md5.into());
        assert!(text(&options, "h::m").contains(
            " --compress-level=-3 --specials --timeout=9 --bwlimit=70 --checksum-choice=md5 \
             --compress-choice=zstd --skip-compress=gz/mp[34] . "
        ));
    }

    #[test]
    fn access_times_are_asked_for() {
        let mut options = Options { xattrs: true, ..Options::archive() };
        options.attributes.access_times = true;
        options.attributes.open_noatime = true;
        options.attributes.hidden_xattrs = true;
        assert_eq!(text(&options, "h::m/"), "--server --sender -logDtUpXXre.iLfxCIvu --open-noatime . m/");
    }

    #[test]
    fn a_path_cannot_turn_into_two() {
        assert!(text(&Options::default(), "h::m/a m/b").ends_with(" . m/a[ ]m/b"));
    }
}
