//! Seeds of real sessions still lead where the sessions led. When the order of an input's bytes changes, or what they
//! mean, they have to be made anew.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use rsync_proto::flist::EntryRef;
use rsync_proto::handshake::{Handshake, Outcome};

use crate::choices::Choices;
use crate::clients::Client;
use crate::player::{Player, everything};
use crate::shape;

const STALE: &str = "the seeds are stale: scripts/fuzz-seeds makes them anew";

fn seeds(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}

/// The names of all recorded sessions.
fn sessions() -> Vec<String> {
    let files = fs::read_dir(seeds("session_raw")).expect("there are seeds");
    let names = files.map(|file| file.expect("it can be listed").file_name().into_string().expect("text"));
    // Those that once crashed the target have other names.
    let names: Vec<String> = names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert!(names.len() >= 12, "{STALE}: {names:?}");
    names
}

#[test]
fn recorded_sessions_end_well() {
    for name in sessions() {
        let input = fs::read(seeds("session_raw").join(&name)).expect("it can be read");
        let mut choices = Choices::new(&input);
        let agreed = shape::read(&mut choices);
        let (with_basis, _) = (choices.flag(), choices.u8());
        let wants = |entry: EntryRef<'_>| everything(entry, with_basis);
        let played = Player::new(&agreed, &wants).play([choices.rest()]);
        assert!(played.result.is_ok(), "{name}: {STALE}: {:?}", played.result);
        assert!(!played.files.is_empty() && played.files.iter().all(|file| file.verified), "{name}: {STALE}");
    }
}

#[test]
fn their_handshakes_agree() {
    for name in sessions() {
        let input = fs::read(seeds("handshake").join(&name)).expect("it can be read");
        let mut choices = Choices::new(&input);
        let client = Client::new(&mut choices);
        choices.u8();
        let mut bytes = BytesMut::from(choices.rest());
        let Client { location, options, credentials, list_only } = client;
        let outcome = Handshake::new(location, options, credentials, list_only).advance(&mut bytes);
        let agreed = matches!(outcome, Ok(Some(Outcome::Agreed(_))));
        assert!(agreed && bytes.is_empty(), "{name}: {STALE}: {outcome:?}");
    }
}
