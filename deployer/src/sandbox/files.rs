//! Which files and ports can be reached: rules for Landlock.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use rsync_proto::local::{Access, Reach};

use super::Lack;

/// Without this version no file can be renamed or linked from one directory to another.
const LEAST: ABI = ABI::V2;
/// What later kernels can forbid is forbidden there.
const LATEST: ABI = ABI::V9;

/// Restricts this thread, and those that it starts, to these places and this TCP port, or none. Sets `no_new_privs`.
pub(super) fn restrict(places: &[Reach], port: Option<u16>) -> Result<(), Lack> {
    let handled = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))
        .map_err(Lack::Landlock)?;
    let mut rules = handled
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LATEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LATEST)))
        .and_then(|rules| rules.scope(Scope::from_all(LATEST)))
        .and_then(Ruleset::create)
        .map_err(Lack::Rules)?;
    if let Some(port) = port {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(Lack::Rules)?;
    }
    for place in places {
        let opened =
            PathFd::new(&place.path).map_err(|source| Lack::Place { path: place.path.clone(), source })?;
        let mut rights = rights(place.access);
        if !place.path.is_dir() {
            rights &= AccessFs::from_file(LATEST);
        }
        rules = rules.add_rule(PathBeneath::new(opened, rights)).map_err(Lack::Rules)?;
    }
    rules.restrict_self().map_err(Lack::Rules)?;
    Ok(())
}

/// Nothing is ever executed, and no device is spoken to.
fn rights(access: Access) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    match access {
        Access::Read => read,
        // A link must not give a file more rights than it has: the same as where it is linked to.
        Access::Link => read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::Refer,
        Access::Write { devices } => {
            let never = BitFlags::from(AccessFs::Execute);
            let nodes = AccessFs::MakeChar | AccessFs::MakeBlock;
            AccessFs::from_all(ABI::V3) & !if devices { never } else { never | nodes }
        }
    }
}
