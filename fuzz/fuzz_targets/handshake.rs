//! Whatever a server sends in the handshake, to clients that ask for different things: the outcome is the same however
//! the bytes are cut, and takes just the bytes that belong to it; nothing is switched on that was not asked for; the
//! password is not told, not even as a digest where that is too weak, and at most one answer is given.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use rsync_proto::checksum::{ChecksumKind, FileSummer};
use rsync_proto::handshake::{Agreed, Digest, Handshake, Outcome};
use rsync_proto::options::CompressionChoice;
use rsync_proto_fuzz::choices::Choices;
use rsync_proto_fuzz::clients::{Client, PASSWORD, USER};

/// A client before one server.
struct Play(Client);

impl Play {
    /// What came of the bytes, and how many of them were taken.
    fn play(&self, bytes: &[u8], step: usize) -> (String, usize, Option<Box<Agreed>>) {
        let (location, options) = (self.0.location.clone(), self.0.options.clone());
        let mut handshake = Handshake::new(location, options, self.0.credentials.clone(), self.0.list_only);
        let mut input = BytesMut::new();
        let (mut fed, mut agreed, mut end) = (0, None, String::new());
        for chunk in bytes.chunks(step) {
            fed += chunk.len();
            input.extend_from_slice(chunk);
            match handshake.advance(&mut input) {
                Ok(None) => continue,
                Ok(Some(Outcome::Agreed(all))) => {
                    end = format!("{all:?}");
                    agreed = Some(all);
                }
                Ok(Some(Outcome::Listed(lines))) => end = look_at(&lines),
                Err(error) => end = format!("{error:?}"),
            }
            break;
        }
        if end.is_empty() {
            end = format!("{:?}", handshake.end_of_input());
        }
        let lines = look_at(&handshake.take_lines());
        let output = handshake.output().to_vec();
        self.look_at_output(&output, bytes);
        (format!("{end} {lines} {}", output.escape_ascii()), fed - input.len(), agreed)
    }

    /// `said` is all that the server says.
    fn look_at_output(&self, output: &[u8], said: &[u8]) {
        let places = |text: &[u8]| output.windows(text.len()).filter(|window| *window == text).count();
        assert_eq!(places(PASSWORD), 0, "the password is told");
        let answers = places(format!("{USER} ").as_bytes());
        assert!(answers <= usize::from(self.0.credentials.is_some()), "{answers} answers");
        let least = self.0.credentials.as_ref().and_then(|it| it.least_digest);
        for line in output.split(|byte| *byte == b'\n') {
            let Some(answer) = line.strip_prefix(format!("{USER} ").as_bytes()) else { continue };
            let digest = digest_of(answer, said);
            // The digest of protocol 29 has no place among them: it is weaker than all.
            let rank = |digest| Digest::ALL.iter().position(|known| *known == digest).unwrap_or(usize::MAX);
            let weak = least.is_some_and(|least| rank(digest) > rank(least));
            assert!(!weak, "{digest:?} where {least:?} is required");
        }
    }

    fn look_at_agreed(&self, agreed: &Agreed) {
        let asked = &self.0.options;
        assert!((29..=asked.protocol).contains(&agreed.protocol) && agreed.list.protocol == agreed.protocol);
        assert!(agreed.list.inc_recurse <= (asked.takes_segments() && agreed.protocol >= 30));
        assert_eq!((agreed.list.acls, agreed.list.xattrs), (asked.acls, asked.xattrs));
        assert!(agreed.protocol >= 30 || !asked.acls && !asked.xattrs);
        let kind = asked.checksum_choice.map(|choice| choice.transfer);
        assert!(kind.is_none_or(|kind| kind == agreed.summer.kind));
        match (asked.transport.compress_choice, asked.transport.compress) {
            (Some(CompressionChoice::None), _) | (Some(CompressionChoice::Auto) | None, 0) => {
                assert_eq!(agreed.compression, None, "it was not asked for");
            }
            (Some(CompressionChoice::Kind(kind)), _) => assert_eq!(agreed.compression, Some(kind)),
            _ => assert!(agreed.compression.is_some()),
        }
    }
}

fn look_at(lines: &[String]) -> String {
    assert!(
        lines.len() <= 500 && lines.iter().all(|line| !line.chars().any(|c| c.is_control() && c != '\t'))
    );
    format!("{lines:?}")
}

/// The digest that an answer was made with: those of one length are told apart by computing them.
fn digest_of(answer: &[u8], said: &[u8]) -> Digest {
    // In base64 without padding.
    match answer.len() {
        86 => return Digest::Sha512,
        43 => return Digest::Sha256,
        27 => return Digest::Sha1,
        22 => {}
        other => panic!("an answer of {other} bytes"),
    }
    let lines = said.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let challenges = lines.filter_map(|line| line.strip_prefix(b"@RSYNCD: AUTHREQD "));
    let digests = [
        (Digest::Md5, ChecksumKind::Md5, &b""[..]),
        (Digest::Md4, ChecksumKind::Md4, b""),
        (Digest::OldMd4, ChecksumKind::Md4, &[0; 4]),
    ];
    let is_of = |kind: ChecksumKind, front: &[u8], challenge: &[u8]| {
        let digest = FileSummer::of(kind, &[front, PASSWORD, challenge].concat());
        base64(digest.as_bytes()) == answer
    };
    let mut found = challenges
        .flat_map(|challenge| digests.iter().filter(move |(_, kind, front)| is_of(*kind, front, challenge)));
    found.next().expect("an answer to a challenge that was sent").0
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letter = |from: usize| LETTERS[(from..from + 6).fold(0, |sum, at| sum << 1 | usize::from(bit(at)))];
    (0..bytes.len() * 8).step_by(6).map(letter).collect()
}

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let client = Play(Client::new(&mut choices));
    let step = 1 + choices.below(16);
    let bytes = choices.rest();
    let (whole, taken, agreed) = client.play(bytes, bytes.len().max(1));
    assert!(!client.0.location.module.is_empty() || agreed.is_none(), "a transfer in place of a list");
    for step in [1, step] {
        let (parts, parts_taken, _) = client.play(bytes, step);
        assert_eq!(whole, parts, "the outcome depends on how the bytes are cut");
        assert!(agreed.is_none() || taken == parts_taken, "{taken} bytes, or {parts_taken}");
    }
    if let Some(agreed) = agreed {
        client.look_at_agreed(&agreed);
    }
});
