//! What a server says is shown to people, in every place where they look, and nowhere takes effect there.

use std::fs;

use end_to_end::run::Program;
use end_to_end::scratch::Scratch;
use end_to_end::scripted::{Point, ScriptedServer, Shape, Tale};
use end_to_end::server::Server;
use rsync_proto::wire::frame::Tag;

use crate::count;

/// C0, C1, DEL, and marks that turn the direction of text; and what is no text.
const SPELL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{8}\u{7f}\u{9b}31m\u{202e}\u{2066}";

fn assert_harmless(what: &str, text: &[u8]) {
    let text =
        std::str::from_utf8(text).unwrap_or_else(|_| panic!("{what} is no text: {}", text.escape_ascii()));
    let is_harmful = |c: &char| c.is_control() && *c != '\n' || "\u{202e}\u{2066}".contains(*c);
    let harmful = text.chars().find(is_harmful);
    assert_eq!(harmful, None, "in {what}:\n{}", text.escape_debug());
}

#[test]
pub fn have_no_power() {
    for shape in [Shape::RECENT, Shape::ALL[0]] {
        let mut tale = Tale::honest(shape);
        tale.reply = [SPELL.as_bytes(), b"\xff\n@RSYNCD: OK\n"].concat();
        tale.file(&format!("name {SPELL}"), b"content");
        tale.symlink("to", &format!("target {SPELL}"));
        tale.then(Point::AfterList, |s| {
            for tag in [Tag::Info, Tag::Warning, Tag::Error, Tag::ErrorUtf8, Tag::ErrorTransfer] {
                s.message(tag, [SPELL.as_bytes(), b"\xff\n"].concat());
            }
        });
        if count::lie("words with power", &[], &tale) {
            continue;
        }
        let scratch = Scratch::new();
        let server = ScriptedServer::telling(tale);
        let [log, events] = ["log", "events"].map(|name| scratch.join(name));
        let [to_log, to_events] = [("--log-file", &log), ("--events", &events)]
            .map(|(option, path)| format!("{option}={}", path.display()));
        let options = ["-avvi", "--numeric-ids", "--progress", &to_log, &to_events];
        let outcome =
            Program::deployer().pull(&options, &server.url("module/"), &scratch.join("destination"));
        assert_eq!(outcome.code(), 23, "the server told of an error\n{outcome}");
        for (what, text) in [
            ("standard output", outcome.stdout.as_bytes()),
            ("standard error", outcome.stderr.as_bytes()),
            ("the log file", &fs::read(&log).expect("it was asked for")),
            ("the file of events", &fs::read(&events).expect("it was asked for")),
        ] {
            assert!(text.windows(5).any(|part| part == b"owned"), "{what} does not tell of it\n{outcome}");
            assert_harmless(what, text);
        }
    }
}

#[test]
pub fn of_a_refusal_have_none_either() {
    let mut tale = Tale::honest(Shape::RECENT);
    tale.reply = format!("@ERROR: {SPELL}\n").into_bytes();
    if count::lie("a refusal with power", &[], &tale) {
        return;
    }
    let server = ScriptedServer::telling(tale);
    for verb in ["pull", "list"] {
        let outcome = Program::deployer().invoke(verb, &[]).arg(server.url("module/")).run();
        assert_eq!(outcome.code(), 5, "{outcome}");
        assert_harmless("standard error", outcome.stderr.as_bytes());
    }
}
