//! Clients that ask for different things, as four bytes: so seeds of real handshakes say whose they are.

use rsync_proto::checksum::ChecksumKind;
use rsync_proto::compression::CompressionKind;
use rsync_proto::handshake::{Credentials, Digest};
use rsync_proto::options::CompressionChoice;
use rsync_proto::{Location, Options};

use crate::choices::Choices;

pub const USER: &str = "the-user";
pub const PASSWORD: &[u8] = b"the-password";

/// What the client asks for.
pub struct Client {
    pub location: Location,
    pub options: Options,
    pub credentials: Option<Credentials>,
    pub list_only: bool,
}

impl Client {
    pub fn new(choices: &mut Choices<'_>) -> Self {
        let (first, second) = (choices.u8(), choices.u8());
        let mut options = Options::archive();
        options.protocol = 29 + (first & 3);
        options.hard_links = first & 4 == 4;
        (options.acls, options.xattrs) = (first & 8 == 8, first & 16 == 16);
        options.recursive = first & 32 == 0;
        options.checksum = first & 64 == 64;
        options.transport.compress = second & 3;
        options.transport.compress_choice = match second >> 2 & 7 {
            5 => Some(CompressionChoice::Auto),
            6 => Some(CompressionChoice::None),
            kind => CompressionKind::ALL.get(usize::from(kind)).map(|kind| CompressionChoice::Kind(*kind)),
        };
        options.checksum_choice =
            ChecksumKind::ALL.get(usize::from(choices.u8() % 12)).map(|kind| (*kind).into());
        let third = choices.u8();
        let credentials = (third & 1 == 1).then(|| {
            let mut credentials = Credentials::new(USER, PASSWORD);
            credentials.least_digest = Digest::ALL.get(usize::from(third >> 1 & 7)).copied();
            credentials
        });
        let url = if third & 0x30 == 0x30 { "rsync://host" } else { "rsync://host/tree/" };
        let location = Location::parse(url).expect("a good URL");
        Self { location, options, credentials, list_only: third & 0x40 == 0x40 }
    }
}
