//! Users and groups: from the server's numbers and names to the numbers of this machine. Names are looked up
//! in `/etc/passwd` and `/etc/group` themselves: a ramdisk has no other source, and a static executable
//! cannot ask one.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use rustix::process::{getegid, geteuid, getgroups};

use super::machine::{GROUPS, Ids, Machine, USERS};
use crate::error::Error;
use crate::flist::Segment;
use crate::options::{IdRules, Privileges, Rule, To};

/// Who runs this, and what follows from it.
#[derive(Debug)]
pub(super) struct Identity {
    /// What only root may do is done, or pretended.
    pub(super) root: bool,
    /// What only root may do is kept in an extended attribute instead.
    pub(super) fake: bool,
    pub(super) uid: u32,
    groups: Vec<u32>,
}

impl Identity {
    pub(super) fn current(privileges: Privileges) -> Self {
        let uid = geteuid().as_raw();
        let gid = getegid().as_raw();
        let mut groups: Vec<u32> =
            getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.push(gid);
        let root = match privileges {
            Privileges::Own => uid == 0,
            Privileges::Super | Privileges::Fake => true,
            Privileges::Ordinary => false,
        };
        Self { root, fake: privileges == Privileges::Fake, uid, groups }
    }

    /// Whether files may be given to this group.
    pub(super) fn may_give_to(&self, gid: u32) -> bool {
        self.root || self.groups.contains(&gid)
    }
}

/// A rule gives files to a name that is not in this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownName {
    kind: &'static str,
    file: &'static str,
    name: String,
}

impl UnknownName {
    pub(super) fn error(&self) -> Error {
        let Self { kind, file, name } = self;
        Error::Misuse(format!("no {kind} \"{name}\" is in {file} here, to give files to"))
    }
}

/// The numbers of this machine for those of the server: as the first rule says that fits, else by name, else
/// the same.
#[derive(Debug)]
pub(super) struct IdMap {
    users: Numbers,
    groups: Numbers,
}

/// The half of a map that is about users, or about groups.
#[derive(Debug)]
struct Numbers {
    by_name: bool,
    rules: Vec<(Rule, u32)>,
    local: Arc<Ids>,
    learned: RwLock<HashMap<u32, u32>>,
}

impl IdMap {
    #[cfg(test)]
    pub(super) fn new(by_name: bool) -> Self {
        let machine = Machine::of_nobody();
        Self::with_rules(by_name, &IdRules::default(), &IdRules::default(), &machine).0
    }

    /// A map by name, or one that keeps every number, but for what rules say. Also returns a name in the rules that is
    /// unknown here: such a rule would leave files to somebody else than was asked for.
    pub(super) fn with_rules(
        by_name: bool,
        users: &IdRules,
        groups: &IdRules,
        machine: &Machine,
    ) -> (Self, Option<UnknownName>) {
        let (users, user) = Numbers::new(&machine.users, by_name, users);
        let (groups, group) = Numbers::new(&machine.groups, by_name, groups);
        let user = user.map(|name| UnknownName { kind: "user", file: USERS, name });
        let group = group.map(|name| UnknownName { kind: "group", file: GROUPS, name });
        (Self { users, groups }, user.or(group))
    }

    pub(super) fn learn(&self, segment: &Segment) {
        let assumed = !segment.names_number_zero() && segment.directory().is_none();
        let zero = assumed.then(|| (0, b"root"[..].into()));
        self.users.learn(zero.iter().chain(segment.users()));
        self.groups.learn(zero.iter().chain(segment.groups()));
    }

    pub(super) fn uid(&self, id: u32) -> u32 {
        self.users.find(id)
    }

    pub(super) fn gid(&self, id: u32) -> u32 {
        self.groups.find(id)
    }
}

impl Numbers {
    /// Also returns the name of a rule that is unknown here.
    fn new(local: &Arc<Ids>, by_name: bool, rules: &IdRules) -> (Self, Option<String>) {
        let mut known = Vec::new();
        let mut unknown = None;
        for rule in rules.iter() {
            match &rule.to {
                To::Number(number) => known.push((rule.clone(), *number)),
                To::Name(name) => match local.get(name.as_bytes()) {
                    Some(number) => known.push((rule.clone(), *number)),
                    None => unknown = unknown.or_else(|| Some(name.to_string())),
                },
            }
        }
        (Self { by_name, rules: known, local: Arc::clone(local), learned: RwLock::default() }, unknown)
    }

    fn by_rule(&self, id: u32, name: &[u8]) -> Option<u32> {
        self.rules.iter().find(|(rule, _)| rule.fits(id, name)).map(|(_, number)| *number)
    }

    fn learn<'a>(&self, names: impl Iterator<Item = &'a (u32, Box<[u8]>)>) {
        if !self.by_name {
            return;
        }
        // Number 0 stays 0 whatever its name, unless a rule says otherwise.
        let by_name = |id: u32, name: &[u8]| if id == 0 { None } else { self.local.get(name).copied() };
        let number = |(id, name): &(u32, Box<[u8]>)| {
            let number = self.by_rule(*id, name).or_else(|| by_name(*id, name));
            // A name may keep a rule for numbers without one from its number.
            number.or((!self.rules.is_empty()).then_some(*id)).map(|number| (*id, number))
        };
        let pairs: Vec<_> = names.filter_map(number).collect();
        if !pairs.is_empty() {
            self.learned.write().expect("no thread panics with the lock").extend(pairs);
        }
    }

    fn find(&self, id: u32) -> u32 {
        if !self.by_name && self.rules.is_empty() {
            return id;
        }
        let learned = self.learned.read().expect("no thread panics with the lock").get(&id).copied();
        learned.or_else(|| self.by_rule(id, b"")).unwrap_or(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::parse;
    use super::*;

    fn learned(rules: &str, names: &[(u32, &str)]) -> Numbers {
        let rules = IdRules::parse("--usermap", rules).unwrap();
        let local = Arc::new(parse(b"root:x:0:\nbob:x:1000:\n"));
        let (numbers, unknown) = Numbers::new(&local, true, &rules);
        assert_eq!(unknown, None);
        let names: Vec<(u32, Box<[u8]>)> =
            names.iter().map(|(id, name)| (*id, name.as_bytes().into())).collect();
        numbers.learn(names.iter());
        numbers
    }

    #[test]
    fn rules_come_before_names_and_names_before_numbers() {
        let numbers = learned("5-6:50,root:60,:70", &[(0, "root"), (5, "bob"), (7, "bob"), (8, "eve")]);
        for (id, number) in [(0, 60), (5, 50), (6, 50), (7, 1000), (8, 8), (9, 70)] {
            assert_eq!(numbers.find(id), number, "{id}");
        }
        let numbers = learned("eve:50", &[(0, "bob"), (7, "root")]);
        assert_eq!((numbers.find(0), numbers.find(7), numbers.find(8)), (0, 0, 8));
    }

    #[test]
    fn a_rule_with_a_name_that_is_unknown_here_is_told() {
        let rules = IdRules::parse("--usermap", "*:nobody-has-this-name").unwrap();
        let (_, unknown) = IdMap::with_rules(false, &rules, &IdRules::default(), &Machine::of_nobody());
        let message = unknown.unwrap().error().to_string();
        assert!(message.contains("no user \"nobody-has-this-name\" is in /etc/passwd here"), "{message}");
    }
}
