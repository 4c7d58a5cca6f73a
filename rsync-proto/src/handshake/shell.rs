//! What a remote shell is told to run, and what it may not make of it: it hands its arguments to a shell over there, which
//! splits and expands them once more.

use super::arguments::{arguments, short};
use crate::location::Location;
use crate::options::{Options, RemoteArguments};

/// The arguments of the server's command line, for a remote shell to put behind the program's name, in order. What a shell
/// would change is behind backslashes; in paths, `*`, `?` and `[…]` are left to it, and so is `~user/` at their
/// beginning.
pub fn shell_arguments(options: &Options, location: &Location, list_only: bool) -> Vec<Vec<u8>> {
    if options.transport.remote_arguments == RemoteArguments::Secluded {
        let letters = short(options, options.protocol);
        let letters = format!("-s{}", letters.trim_start_matches('-'));
        return ["--server", "--sender", &letters].map(|word| word.as_bytes().to_vec()).to_vec();
    }
    let mut all = arguments(options, location, list_only, options.protocol);
    let paths = all.split_off(all.len() - location.paths().count());
    let mut quoted: Vec<Vec<u8>> = all.iter().map(|argument| quote(argument, Kind::Option)).collect();
    let kind = Kind::Path { keeps_tilde: !options.selection.relative };
    quoted.extend(paths.iter().map(|path| quote(path, kind)));
    quoted
}

/// What the server reads before everything else: the arguments that are not on its command line, each with a NUL, and one
/// NUL more. Nothing where all of them are.
pub(super) fn preface(options: &Options, location: &Location, list_only: bool) -> Vec<u8> {
    if options.transport.remote_arguments != RemoteArguments::Secluded {
        return Vec::new();
    }
    let has_letters = short(options, options.protocol) != "-";
    let all = arguments(options, location, list_only, options.protocol);
    // What is not left out stands on the command line.
    let rest = all.into_iter().skip(2 + usize::from(has_letters));
    let mut bytes = b"rsync\0".to_vec();
    rest.for_each(|argument| bytes.extend(argument.into_iter().chain([0])));
    bytes.push(0);
    bytes
}

/// A path as the server's program takes it: never an option, and never empty.
pub(super) fn server_path(path: &str) -> Vec<u8> {
    match path.as_bytes() {
        b"" => b".".to_vec(),
        [b'-', ..] => format!("./{path}").into_bytes(),
        path => path.to_vec(),
    }
}

/// The pattern that a path is, as the server resolves it: a backslash that does not protect a wildcard is one.
pub(super) fn as_pattern(path: &str, arguments: RemoteArguments) -> Vec<u8> {
    let path = server_path(path);
    if arguments == RemoteArguments::Secluded {
        return path;
    }
    let mut pattern = Vec::with_capacity(path.len());
    for (at, byte) in path.iter().enumerate() {
        pattern.push(*byte);
        if *byte == b'\\' && !path.get(at + 1).is_some_and(is_wildcard) {
            pattern.push(b'\\');
        }
    }
    pattern
}

#[derive(Clone, Copy)]
enum Kind {
    Option,
    Path { keeps_tilde: bool },
}

fn is_wildcard(byte: &u8) -> bool {
    b"*?[]".contains(byte)
}

fn quote(argument: &[u8], kind: Kind) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(argument.len() + 8);
    for (at, byte) in argument.iter().enumerate() {
        let protects = |byte: u8| argument.get(at + 1).is_some_and(is_wildcard) && byte == b'\\';
        let special = match (*byte, kind) {
            // Behind a backslash it would be nothing at all.
            (b'\n', _) => {
                quoted.extend(b"'\n'");
                continue;
            }
            (b'*' | b'?' | b'[' | b']', kind) => matches!(kind, Kind::Option),
            (b'\\', Kind::Path { .. }) => !protects(b'\\'),
            (b'~', Kind::Path { keeps_tilde }) => at == 0 && !(keeps_tilde && argument.contains(&b'/')),
            (b'~', Kind::Option) => at == 0,
            (byte, _) => b" \t!\"#$&'();<>\\`{|}".contains(&byte),
        };
        if special {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    if quoted.is_empty() { b"''".to_vec() } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(options: &Options, source: &str) -> Vec<String> {
        let location = Location::parse(source).unwrap();
        let arguments = shell_arguments(options, &location, false);
        arguments.iter().map(|one| String::from_utf8(one.clone()).unwrap()).collect()
    }

    fn path(source: &str) -> String {
        text(&Options::archive(), source).pop().unwrap()
    }

    #[test]
    fn a_command_line_is_as_the_reference_has_it() {
        let mut options = Options::archive();
        assert_eq!(text(&options, "h:dir/").join(" "), "--server --sender -logDtpre.iLfxCIvu . dir/");
        options.protocol = 29;
        assert_eq!(text(&options, "h:a").join(" "), "--server --sender -logDtpr . a");
        options.transport.skip_compress = Some("gz/mp[34]".to_owned());
        assert!(text(&options, "h:a").contains(&"--skip-compress=gz/mp\\[34\\]".to_owned()));
    }

    #[test]
    fn nothing_is_left_to_the_shell_but_wildcards_and_homes() {
        for (source, quoted) in [
            ("h:", "."),
            ("h:/srv/a b", "/srv/a\\ b"),
            ("h:-x", "./-x"),
            ("h:~/a", "~/a"),
            ("h:~user/a b", "~user/a\\ b"),
            ("h:~", "\\~"),
            ("h:/~/a~b", "/~/a~b"),
            ("h:a*[b]?c", "a*[b]?c"),
            ("h:a\\*b", "a\\*b"),
            ("h:a\\b\\[c\\\\*d", "a\\\\b\\[c\\\\\\*d"),
            (
                "h:a$(b);c'd\"e`f|g&h<i>j{k}l!n#o",
                "a\\$\\(b\\)\\;c\\'d\\\"e\\`f\\|g\\&h\\<i\\>j\\{k\\}l\\!n\\#o",
            ),
            ("h:a\tb", "a\\\tb"),
            ("h:a\nb", "a'\n'b"),
            ("h:ä", "ä"),
        ] {
            assert_eq!(path(source), quoted, "{source}");
        }
        let mut options = Options::archive();
        options.selection.relative = true;
        assert_eq!(text(&options, "h:~/a").pop().unwrap(), "\\~/a");
    }

    #[test]
    fn secluded_arguments_stay_off_the_command_line() {
        let mut options = Options { numeric_ids: true, ..Options::archive() };
        options.transport.remote_arguments = RemoteArguments::Secluded;
        let location = Location::parse("h:a b*").unwrap().and(":-c").unwrap().and(":").unwrap();
        assert_eq!(
            shell_arguments(&options, &location, false).concat(),
            b"--server--sender-slogDtpre.iLfxCIvu"
        );
        assert_eq!(preface(&options, &location, false), b"rsync\0--numeric-ids\0.\0a b*\0./-c\0.\0\0");
        assert_eq!(preface(&Options::archive(), &location, false), b"");
    }

    #[test]
    fn patterns_are_those_that_the_server_sees() {
        for (path, escaped, secluded) in
            [("", ".", "."), ("a\\b\\*", "a\\\\b\\*", "a\\b\\*"), ("-x", "./-x", "./-x")]
        {
            assert_eq!(as_pattern(path, RemoteArguments::Escaped), escaped.as_bytes());
            assert_eq!(as_pattern(path, RemoteArguments::Secluded), secluded.as_bytes());
        }
    }
}
