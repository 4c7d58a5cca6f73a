//! Options that are right for some pull, and never for that of a system: with them a machine would be left with a part of
//! it, or with something else.

use rsync_proto::Options;
use rsync_proto::options::Privileges;

/// The first such option, and why.
pub(super) fn misplaced(options: &Options) -> Option<(&'static str, &'static str)> {
    let (selection, content) = (&options.selection, &options.content);
    let part = "what is not there yet would not come";
    let elsewhere = "what it names is not on the disks that are deployed to";
    let checks = [
        (selection.existing, "--existing", part),
        (selection.ignore_existing, "--ignore-existing", "a second run would change nothing"),
        (selection.update, "--update (-u)", "what was changed on the machine would stay among what is new"),
        (selection.max_size.is_some(), "--max-size", "a system needs its large files, too"),
        (selection.min_size.is_some(), "--min-size", "a system needs its small files, too"),
        (
            selection.ignore_missing_args,
            "--ignore-missing-args",
            "an image that is missing has to be an error",
        ),
        (selection.munge_links, "--munge-links", "no symlink of the system would lead anywhere"),
        (
            selection.relative,
            "--relative (-R)",
            "an image goes to its target, whatever its path on the server",
        ),
        (content.append.is_some(), "--append", "files that were changed would stay as they are"),
        (content.alternates.is_some(), "--compare-dest, --copy-dest or --link-dest", elsewhere),
        (content.backup_dir.is_some(), "--backup-dir", elsewhere),
        (content.temp_dir.is_some(), "--temp-dir (-T)", elsewhere),
        (
            options.attributes.privileges == Privileges::Fake,
            "--fake-super",
            "the system would have neither owners nor devices",
        ),
    ];
    checks.into_iter().find(|(given, ..)| *given).map(|(_, option, why)| (option, why))
}

#[cfg(test)]
mod tests {
    use super::super::parse_text;

    #[test]
    fn a_part_of_a_system_is_refused() {
        for text in [
            "--existing",
            "--ignore-existing",
            "-u",
            "--max-size=1k",
            "--min-size=1",
            "--ignore-missing-args",
            "--munge-links",
            "-R",
            "--append",
            "--append-verify",
            "--link-dest=/x",
            "--compare-dest=/x",
            "-b --backup-dir=/x",
            "-T /x",
            "--fake-super",
            "-e ssh",
            "--rsh=ssh",
            "--rsync-path=rsync",
            "--unix-socket=/run/rsyncd",
        ] {
            let message = parse_text(&format!("-a {text}")).unwrap_err();
            assert!(message.contains("has no place in a description"), "{text}: {message}");
        }
        for text in [
            "--delete",
            "-b",
            "--inplace",
            "-z",
            "--exclude=/srv",
            "--partial",
            "--super",
            "--tls-ca=/etc/ca.pem",
        ] {
            assert!(parse_text(&format!("-a {text}")).is_ok(), "{text}");
        }
    }
}
