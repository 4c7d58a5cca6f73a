//! What a client asks for, read from its arguments and checked.

use crate::checksum::ChecksumKind;
use crate::compression::CompressionKind;

/// What to send, and how. Options that matter on the receiving side only leave no trace here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The paths, relative to the module, without a leading slash. A slash at the end asks for the content of a
    /// directory; an empty path for the content of the module. Patterns of shells are not resolved yet.
    pub paths: Vec<Vec<u8>>,
    pub recursive: bool,
    /// Directories come without their content (`-d`).
    pub dirs: bool,
    /// Names keep the path that was asked for (`-R`).
    pub relative: bool,
    /// With `relative`, the directories on the way do not come as entries of their own (`--no-implied-dirs`).
    pub no_implied_dirs: bool,
    /// Once: mount points stay empty; twice: they do not come at all (`-x`, `-xx`).
    pub one_file_system: u8,
    pub links: bool,
    pub copy_links: bool,
    pub copy_unsafe_links: bool,
    pub copy_dirlinks: bool,
    pub safe_links: bool,
    pub munge_links: bool,
    pub hard_links: bool,
    pub owner: bool,
    pub group: bool,
    pub devices: bool,
    pub specials: bool,
    pub acls: bool,
    /// `-X` is 1; `-XX` is 2.
    pub xattrs: u8,
    pub access_times: bool,
    pub numeric_ids: bool,
    /// Whole-file sums come with the list (`-c`).
    pub checksum: bool,
    /// Content behind what the client has (`--append`); 2 if what it has is summed, too.
    pub append: u8,
    pub inplace: bool,
    /// Names of files come from the client, or from a file in the module (`--files-from`).
    pub names: Names,
    /// Those names end with a NUL in place of a line end (`-0`).
    pub from0: bool,
    pub cvs_exclude: bool,
    pub list_only: bool,
    pub dry_run: bool,
    /// The list tells of no errors (`--ignore-errors`).
    pub ignore_errors: bool,
    /// Sources that are not there are nothing to speak of (`--ignore-missing-args`).
    pub ignore_missing_args: bool,
    pub compression: CompressionWish,
    pub compression_level: Option<i32>,
    /// `--checksum-choice`: of transfers, and of whole files in the list.
    pub checksum_choice: Option<(ChecksumKind, ChecksumKind)>,
    /// `--checksum-seed`; 0 asks for one of the clock.
    pub checksum_seed: i32,
    /// Seconds without a sign of life; 0 means without end.
    pub timeout: u32,
    /// Bytes per second; 0 means without bound.
    pub bandwidth: u64,
    /// What the client can, from the letters behind `-e.`.
    pub can: Abilities,
    /// Compressed content leaves out nothing for suffixes (`--skip-compress`); suffixes without dots, lower case.
    pub skip_compress: Option<Vec<Vec<u8>>>,
}

/// Where names of files come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Names {
    #[default]
    None,
    FromClient,
    /// A file, by its path in the module.
    File(Vec<u8>),
}

/// What `-z` and its kin ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum CompressionWish {
    #[default]
    Off,
    Negotiated,
    Fixed(CompressionKind),
}

/// Letters of the client's capabilities. `L` and `s`, about symlinks, matter to those who receive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// `i`
    pub inc_recurse: bool,
    /// `f`
    pub safe_flist: bool,
    /// `x`
    pub avoid_xattr_optimisation: bool,
    /// `C`
    pub checksum_seed_fix: bool,
    /// `I`
    pub inplace_partial: bool,
    /// `v`
    pub varint_flags: bool,
    /// `u`
    pub id0_names: bool,
}
