//! What CVS ignores: some patterns everywhere, and those of the user.

use super::parse::is_space;
use super::rule::Marks;

/// What is ignored everywhere (cvs(1), and what later systems keep in a tree).
const BUILT_IN: &[u8] = b"RCS SCCS CVS CVS.adm RCSLOG cvslog.* tags TAGS .make.state .nse_depinfo *~ #* .#* ,* _$* *$ \
    *.old *.bak *.BAK *.orig *.rej .del-* *.a *.olb *.o *.obj *.so *.exe *.Z *.elc *.ln core .svn/ .git/ .hg/ .bzr/";

/// The marks of a rule with the modifier `C`.
pub(super) fn marks() -> Marks {
    Marks { no_prefixes: true, words: true, no_inherit: true, cvs: true, ..Marks::default() }
}

/// The patterns, in order, each with whether it is perishable. A `!` of the user clears what came before.
pub(super) fn patterns<'a>(home: &'a [u8], variable: &'a [u8]) -> Vec<(&'a [u8], bool)> {
    let mut all: Vec<_> = words(BUILT_IN).map(|word| (word, true)).collect();
    for word in words(home).chain(words(variable)) {
        if word == b"!" {
            all.clear();
        } else {
            all.push((word, false));
        }
    }
    all
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(is_space).filter(|word| !word.is_empty())
}
