//! Options about what entries get here: permissions, owners, access times, and what only root may.

use clap::{Arg, ArgAction, ArgMatches};
use rsync_proto::Options;
use rsync_proto::chmod::ModeChanges;
use rsync_proto::local::umask;
use rsync_proto::options::{IdRules, Privileges};

use super::switches::{Implied, Switch, switch};
use crate::exit::Failure;

pub(super) const SWITCHES: &[Switch] = &[
    switch("executability", Some('E'), "Keep whether files can be executed, without -p", |options, on| {
        options.attributes.executability = on;
    }),
    switch(
        "atimes",
        Some('U'),
        "Keep access times; twice, and let the server not change its own by reading",
        |options, on| {
            options.attributes.open_noatime |= on && options.attributes.access_times;
            options.attributes.access_times = on;
        },
    ),
    switch(
        "open-noatime",
        None,
        "Let the server read files without changing their access times, as it is always done here",
        |options, on| {
            options.attributes.open_noatime = on;
        },
    ),
    switch("omit-link-times", Some('J'), "Leave times of symlinks alone", |options, on| {
        options.attributes.omit_link_times = on;
    }),
    switch("super", None, "Try what only root may, even if not root", |options, on| {
        options.attributes.privileges = if on { Privileges::Super } else { Privileges::Ordinary };
    }),
    switch(
        "fake-super",
        None,
        "Keep what only root may give a file in its extended attributes",
        |options, on| {
            options.attributes.privileges = if on { Privileges::Fake } else { Privileges::Own };
        },
    ),
];

/// The options of this group that have values.
pub(super) fn arguments() -> impl Iterator<Item = Arg> {
    let text = |long: &'static str, value: &'static str, help: &'static str| {
        Arg::new(long).long(long).value_name(value).help(help).action(ArgAction::Append)
    };
    [
        text("chmod", "CHANGES", "Change permissions on the way: F644, Dg+s, go-w, a+rX, with commas"),
        text("chown", "USER:GROUP", "Give everything to this user, this group, or both; means -o, -g"),
        text("usermap", "RULES", "Give users other numbers: FROM:TO, with commas; means -o"),
        text("groupmap", "RULES", "Give groups other numbers: FROM:TO, with commas; means -g"),
    ]
    .into_iter()
}

/// What these options come to.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    for text in values(matches, "chmod") {
        let changes = ModeChanges::parse(text, umask())?;
        options.attributes.chmod = options.attributes.chmod.then(&changes);
    }
    let owners = Owners::read(matches)?;
    // Whoever types --no-owner behind them does without them.
    if let Some(rules) = owners.users.filter(|_| options.owner) {
        options.attributes.users = rules;
    }
    if let Some(rules) = owners.groups.filter(|_| options.group) {
        options.attributes.groups = rules;
    }
    Ok(())
}

/// Switches that these options mean.
pub(super) fn implied(matches: &ArgMatches) -> Vec<Implied> {
    let mut implied: Vec<Implied> = Vec::new();
    for id in ["chown", "usermap", "groupmap"] {
        let places = matches.indices_of(id);
        for (at, text) in places.into_iter().flatten().zip(values(matches, id)) {
            let (user, group) = match id {
                "usermap" => (true, false),
                "groupmap" => (false, true),
                _ => parts(text),
            };
            if user {
                implied.push((at, |options| options.owner = true));
            }
            if group {
                implied.push((at, |options| options.group = true));
            }
        }
    }
    implied
}

/// Whether a `USER:GROUP` names a user, and whether it names a group.
fn parts(text: &str) -> (bool, bool) {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    (!user.is_empty(), !group.is_empty())
}

/// The rules for users and groups. Each may be given once, by one option or the other.
#[derive(Default)]
struct Owners {
    users: Option<IdRules>,
    groups: Option<IdRules>,
}

impl Owners {
    fn read(matches: &ArgMatches) -> Result<Self, Failure> {
        let mut owners = Self::default();
        for text in values(matches, "chown") {
            let (user, group) = text.split_once(':').unwrap_or((text, ""));
            if !user.is_empty() {
                once(
                    &mut owners.users,
                    IdRules::everybody("--chown", user)?,
                    "users: --chown and --usermap",
                )?;
            }
            if !group.is_empty() {
                once(
                    &mut owners.groups,
                    IdRules::everybody("--chown", group)?,
                    "groups: --chown and --groupmap",
                )?;
            }
        }
        for text in values(matches, "usermap") {
            once(&mut owners.users, IdRules::parse("--usermap", text)?, "users: --chown and --usermap")?;
        }
        for text in values(matches, "groupmap") {
            once(&mut owners.groups, IdRules::parse("--groupmap", text)?, "groups: --chown and --groupmap")?;
        }
        Ok(owners)
    }
}

fn once(place: &mut Option<IdRules>, rules: IdRules, whose: &str) -> Result<(), Failure> {
    match place.replace(rules) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!("too many rules for {whose} can be given once together"))),
    }
}

fn values<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(id).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::parse_line;
    use super::*;

    fn attributes(text: &str) -> (rsync_proto::options::Attributes, bool, bool) {
        let options = parse_line(text).unwrap().options;
        (options.attributes, options.owner, options.group)
    }

    #[test]
    fn changes_of_permissions_add_up() {
        let (attributes, ..) = attributes("-a --chmod=F600 --chmod=a+r,D755");
        assert_eq!((attributes.chmod.apply(0, false), attributes.chmod.apply(0, true)), (0o644, 0o755));
    }

    #[test]
    fn rules_mean_that_owners_are_kept_unless_that_is_taken_back() {
        let everybody = |to| IdRules::everybody("--chown", to).unwrap();
        let (attributes_, owner, group) = attributes("-r --chown=root:7");
        assert!(owner && group);
        assert_eq!((attributes_.users, attributes_.groups), (everybody("root"), everybody("7")));
        let (attributes_, owner, group) = attributes("-r --no-o --no-g --groupmap=1:2 --chown=root --no-o");
        assert!(!owner && group);
        assert!(attributes_.users.is_empty() && !attributes_.groups.is_empty());
    }

    #[test]
    fn switches_take_effect_in_order() {
        let (both, ..) = attributes("-aUU -XX");
        assert!(both.access_times && both.open_noatime && both.hidden_xattrs);
        let (one, ..) = attributes("-aU -X --no-U -J -E --fake-super --no-super");
        assert!(!one.access_times && !one.open_noatime && !one.hidden_xattrs);
        assert!(one.omit_link_times && one.executability);
        assert_eq!(one.privileges, Privileges::Ordinary);
    }

    #[test]
    fn what_cannot_be_is_explained() {
        for (text, part) in [
            ("-a --chmod=rwx", "no change of permissions"),
            ("-a --chown=a --usermap=b:c", "can be given once together"),
            ("-a --groupmap=a:b --groupmap=c:d", "can be given once together"),
            ("-a --usermap=a", "has no colon"),
            ("-a --chown=4294967295", "neither a name nor the number"),
            ("-aN", "-N is not here: Linux cannot set"),
            ("-a --copy-as=nobody", "setpriv"),
            ("-aXX --fake-super", "contradict each other"),
        ] {
            let message = parse_line(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
