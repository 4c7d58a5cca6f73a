//! The sources of a transfer: what was named, and, where whole paths are kept, the directories on the way to it.

use std::sync::Arc;

use rustix::fs::{AtFlags, OFlags, statat};
use rustix::io::Errno;

use super::look::{LinkRules, Look, Unseen};
use super::segment::Segment;
use super::shown;
use super::source::{Ending, Source, join};
use super::tree::{HELD, Place};
use super::visit::{Later, Role, Visit, Within};
use super::walk::Walk;
use crate::filter::{Scope, Verdict};
use crate::server::failure::Failure;
use crate::server::voice::Voice;
use crate::wire::flags::io_error;
use crate::wire::frame::Tag;

/// How a directory comes that only leads to something.
const IMPLIED: Role = Role { top: false, content: false, implied: true, judged: false };

/// What is remembered from one source to the next.
#[derive(Debug)]
pub(super) struct Sources {
    rules: Scope,
    /// The rules as they count for a transfer with its root at each place.
    scopes: Vec<Arc<Scope>>,
    /// The root of the transfer came for the sake of a `./`.
    dotted: bool,
    /// The directories on the way to the last source, with the rules in effect within each: of lists in one piece.
    way: Vec<(Vec<u8>, Arc<Scope>)>,
    /// Where the transfer of the last source has its root.
    base: u32,
}

impl Sources {
    pub fn new(rules: Scope) -> Self {
        Self { rules, scopes: Vec::new(), dotted: false, way: Vec::new(), base: 0 }
    }

    fn scope(&mut self, base: u32, bases: &[Vec<u8>]) -> Arc<Scope> {
        while self.scopes.len() <= base as usize {
            let root = &bases[self.scopes.len()];
            let plain = root.is_empty() || self.rules.is_empty();
            let scope = if plain { self.rules.clone() } else { self.rules.with_root(root) };
            self.scopes.push(Arc::new(scope));
        }
        Arc::clone(&self.scopes[base as usize])
    }
}

impl Walk {
    /// Lists a source. `within` is the directory that it is relative to.
    pub fn source(
        &mut self,
        sources: &mut Sources,
        within: &[u8],
        path: &[u8],
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        voice.breathe()?;
        let source = Source::new(within, path, self.relative);
        let Some(base) = self.base(&source.base, voice) else { return Ok(()) };
        let scope = sources.scope(base, &self.bases);
        let top = Within { base, path: Arc::default(), scope, depth: 0, up: None, device: None };
        if source.dotted && !sources.dotted {
            sources.dotted = true;
            self.named(&top, b"", self.links, Role { judged: false, ..IMPLIED }, segment, out, voice)?;
        }
        let follow = source.ending != Ending::Name;
        let look = match self.look(&top, &source.path, self.links.and_directories(follow)) {
            Ok(look) => look,
            Err(unseen) => {
                self.missing(&top, &source.path, unseen, voice);
                return Ok(());
            }
        };
        let is_directory = look.is_directory();
        if source.ending != Ending::Root
            && top.scope.verdict(&source.path, is_directory, false) == Verdict::Excluded
        {
            return Ok(());
        }
        if is_directory && !self.directories {
            let name = if source.path.is_empty() { b"." } else { &source.path[..] };
            voice.say(Tag::Info, &[b"skipping directory ", name].concat());
            return Ok(());
        }
        let mut within = top;
        if self.relative && source.path.contains(&b'/') {
            if self.segments {
                let later = Later { path: source.path, follow };
                return self.lead_to(&within, &later, segment, out, voice);
            }
            within = self.way_to(sources, within, &source.path, segment, out, voice)?;
        }
        let content = self.recursive || self.directories && follow;
        let role = Role { top: content, content, implied: false, judged: false };
        let dir = segment.dir(within.base, &within.path);
        let before = self.stack.len();
        let visit = self.list(&within, dir, &source.path, &look, None, role, segment, out, voice)?;
        if source.ending == Ending::Root
            && let Some(visit) = visit.and_then(|at| self.fresh[at as usize].as_mut())
        {
            // With segments, the content of the root is part of the first one.
            let own = Visit {
                path: Arc::clone(&visit.path),
                above: Arc::clone(&visit.above),
                later: Vec::new(),
                up: visit.up.clone(),
                ..*visit
            };
            visit.content = false;
            return self.visit(own, segment, out, voice);
        }
        while self.stack.len() > before {
            let visit = self.stack.pop().expect("there is one more");
            self.visit(visit, segment, out, voice)?;
        }
        Ok(())
    }

    /// The number of the place where a transfer has its root, if that is a directory.
    fn base(&mut self, base: &[u8], voice: &mut dyn Voice) -> Option<u32> {
        if let Some(number) = self.numbers.get(base) {
            return Some(*number);
        }
        let place = Place { base: b"", path: base, follow: true };
        // It has to be possible to look for something in it.
        let entered = self.tree.at(place, HELD | OFlags::DIRECTORY);
        if let Err(error) = entered.and_then(|dir| statat(&dir, ".", AtFlags::empty())) {
            self.sender.io_error |= io_error::GENERAL;
            shown::failed(voice, &self.tree, "change_dir", place, error);
            return None;
        }
        let number = self.bases.len() as u32;
        self.bases.push(base.to_vec());
        self.numbers.insert(base.to_vec(), number);
        Some(number)
    }

    fn look(&mut self, within: &Within, path: &[u8], links: LinkRules) -> Result<Look, Unseen> {
        let place = Place { base: &self.bases[within.base as usize], path, follow: true };
        links.look_at(&self.tree, place, &mut self.target)
    }

    /// Says that a source cannot be looked at. Where it is just not there, nothing is missing from the list.
    fn missing(&mut self, within: &Within, path: &[u8], unseen: Unseen, voice: &mut dyn Voice) {
        let error = match unseen {
            Unseen::Dangling if self.links.follow_all() => Errno::NOENT,
            // The source is there, and cannot be what it shall stand for.
            Unseen::Dangling => return self.unseen(within, path, unseen, IMPLIED, voice),
            Unseen::Failed(error) => error,
        };
        if error == Errno::NOENT && self.ignores_missing {
            return;
        }
        if error != Errno::NOENT {
            self.sender.io_error |= io_error::GENERAL;
        }
        shown::failed(voice, &self.tree, "link_stat", self.place(within.base, path), error);
    }

    /// Looks at a name and lists it. Returns its visit.
    #[allow(clippy::too_many_arguments, reason = "one entry, and all that it depends on")]
    fn named(
        &mut self,
        within: &Within,
        path: &[u8],
        links: LinkRules,
        role: Role,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<Option<u32>, Failure> {
        match self.look(within, path, links) {
            Ok(look) => {
                let dir = segment.dir(within.base, &within.path);
                self.list(within, dir, path, &look, None, role, segment, out, voice)
            }
            Err(unseen) => {
                self.unseen(within, path, unseen, role, voice);
                Ok(None)
            }
        }
    }

    /// With segments: lists the first directory on the way from `within`, and remembers the rest for its segment.
    fn lead_to(
        &mut self,
        within: &Within,
        later: &Later,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        let slash = later.path.iter().position(|byte| *byte == b'/').expect("it has a directory");
        let path = join(&within.path, &later.path[..slash]);
        let rest = Later { path: later.path[slash + 1..].to_vec(), follow: later.follow };
        let known = self.on_the_way.as_ref().filter(|(base, last, _)| *base == within.base && *last == path);
        let visit = match known {
            Some((_, _, visit)) => *visit,
            None => {
                let visit =
                    self.named(within, &path, self.links.following(), IMPLIED, segment, out, voice)?;
                self.on_the_way = Some((within.base, path, visit));
                visit
            }
        };
        if let Some(visit) = visit.and_then(|at| self.fresh[at as usize].as_mut()) {
            visit.later.push(rest);
        }
        Ok(())
    }

    /// Lists what was asked for below a directory on the way.
    pub fn names_below(
        &mut self,
        within: &Within,
        names: Vec<Later>,
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<(), Failure> {
        for later in names {
            if later.path.contains(&b'/') {
                self.lead_to(within, &later, segment, out, voice)?;
                continue;
            }
            let path = join(&within.path, &later.path);
            let role = Role { top: true, content: true, implied: false, judged: true };
            let links = self.links.and_directories(later.follow);
            self.named(within, &path, links, role, segment, out, voice)?;
        }
        Ok(())
    }

    /// In one piece: lists the directories on the way to `path` that were not listed on the way to the source before.
    /// Returns the directory that it lies in.
    fn way_to(
        &mut self,
        sources: &mut Sources,
        mut within: Within,
        path: &[u8],
        segment: &mut Segment,
        out: &mut Vec<u8>,
        voice: &mut dyn Voice,
    ) -> Result<Within, Failure> {
        if std::mem::replace(&mut sources.base, within.base) != within.base {
            sources.way.clear();
        }
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let on_the_way = &names[..names.len() - 1];
        let shared =
            sources.way.iter().zip(on_the_way).take_while(|((known, _), name)| known == *name).count();
        if shared < on_the_way.len() {
            sources.way.truncate(shared);
        }
        for (at, name) in on_the_way.iter().enumerate() {
            let here = join(&within.path, name);
            if at >= shared {
                let base = within.base;
                self.named(&within, &here, self.links.following(), IMPLIED, segment, out, voice)?;
                let scope = self.enter(&within.scope, base, &here, voice)?;
                sources.way.push((name.to_vec(), scope));
            }
            within.scope = Arc::clone(&sources.way[at].1);
            within.path = here.into();
            within.depth += 1;
        }
        Ok(within)
    }
}
