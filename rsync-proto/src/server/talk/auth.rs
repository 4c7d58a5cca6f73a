//! Passwords: a challenge that is never the same, and what the client makes of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustix::rand::{GetRandomFlags, getrandom};

use super::super::failure::Failure;
use super::module::Module;
use crate::handshake::Digest;

/// How long a wrong answer takes.
pub(super) const PENALTY: Duration = Duration::from_millis(800);

/// Bytes that nobody can foresee.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let got = getrandom(&mut bytes[..], GetRandomFlags::empty());
    match got {
        Ok(len) if len == N => Ok(bytes),
        Ok(_) => Err(Failure::Refused("there are not enough random numbers".to_owned())),
        Err(error) => Err(Failure::Local { action: "get random numbers".to_owned(), source: error.into() }),
    }
}

/// A challenge, fit for a line.
pub(super) fn challenge() -> Result<String, Failure> {
    Ok(STANDARD_NO_PAD.encode(random::<24>()?))
}

/// The digest that a client uses: the first in its greeting that this server has. Without any there, MD5.
pub(super) fn digest(offered: Option<&[Vec<u8>]>) -> Option<Digest> {
    let Some(offered) = offered else { return Some(Digest::Md5) };
    offered.iter().find_map(|name| Digest::from_name(std::str::from_utf8(name).ok()?))
}

/// The user whose answer it is. Whether it is the name or the password that is wrong can be told neither from what comes of
/// it nor from the time that it takes.
pub(super) fn check<'a>(
    module: &'a Module,
    digest: Digest,
    challenge: &str,
    answer: &[u8],
) -> Option<&'a str> {
    let end = answer.iter().position(|byte| *byte == b' ')?;
    let (name, answer) = (&answer[..end], &answer[end + 1..]);
    let known = module.users.iter().find(|(user, _)| user.as_bytes() == name);
    // A password has to be there for those who have none.
    let password = known.map_or(&b"nobody has it"[..], |(_, password)| password);
    let right = digest.respond(password, challenge.as_bytes());
    (same(right.as_bytes(), answer) && known.is_some()).then(|| known.map(|(user, _)| user.as_str()))?
}

/// Whether two texts are the same, in a time that depends on their lengths only.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| std::hint::black_box(differ | (a ^ b)));
    one.len() == other.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> Module {
        Module::new("m", "/").users([("user", "a"), ("other", "b")])
    }

    #[test]
    fn the_right_answer_lets_its_user_in() {
        // Known from the algorithms' definitions: digests of "abc".
        let sha512 =
            "user 3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw";
        assert_eq!(check(&module(), Digest::Sha512, "bc", sha512.as_bytes()), Some("user"));
        assert_eq!(check(&module(), Digest::Md5, "bc", b"user kAFQmDzST7DWlj99KOF/cg"), Some("user"));
    }

    #[test]
    fn every_other_answer_is_wrong() {
        for answer in [
            &b"user kAFQmDzST7DWlj99KOF/cG"[..],
            b"user kAFQmDzST7DWlj99KOF/c",
            b"user ",
            b"user",
            b"",
            b" kAFQmDzST7DWlj99KOF/cg",
            b"other kAFQmDzST7DWlj99KOF/cg",
            b"nobody kAFQmDzST7DWlj99KOF/cg",
        ] {
            assert_eq!(
                check(&module(), Digest::Md5, "bc", answer),
                None,
                "{}",
                String::from_utf8_lossy(answer)
            );
        }
        // Not even who knows what stands in for a password.
        let unknown = Digest::Md5.respond(b"nobody has it", b"bc");
        assert_eq!(check(&module(), Digest::Md5, "bc", format!("nobody {unknown}").as_bytes()), None);
    }

    #[test]
    fn challenges_differ() {
        assert_ne!(challenge().unwrap(), challenge().unwrap());
    }

    #[test]
    fn the_client_s_first_digest_counts() {
        let offer = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(digest(Some(&offer(&["crc", "sha1", "sha512"]))), Some(Digest::Sha1));
        assert_eq!(digest(Some(&offer(&["crc"]))), None);
        assert_eq!(digest(None), Some(Digest::Md5));
    }
}
