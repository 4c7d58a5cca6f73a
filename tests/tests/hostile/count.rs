//! How many lies are told, and how many honest twins they have: none of them is lost unnoticed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use end_to_end::scripted::Tale;

use crate::{
    answers, attributes, bombs, compressions, contents, deflate, ends, floods, frames, listings, lists, lz4,
    names, openings, packed, references, segments, silence, values, words, zstd,
};

/// So many there are: whoever adds one, or takes one away, says so here.
const LIES: usize = 245;
const TWINS: usize = 188;

/// What was to be told while one counts.
#[derive(Default)]
struct Ledger {
    /// By what they are called, with what the client asked for and all that the server says.
    lies: BTreeMap<String, BTreeSet<Vec<u8>>>,
    /// What clients asked for and heard honestly.
    truths: BTreeSet<Vec<u8>>,
    /// By all that the server says.
    twins: BTreeMap<Vec<u8>, String>,
}

thread_local! {
    static LEDGER: RefCell<Option<Ledger>> = const { RefCell::new(None) };
}

/// Counts this lie, if one counts; then it need not be told.
pub fn lie(what: &str, options: &[&str], tale: &Tale) -> bool {
    counted(|ledger| {
        let told = told(options, &tale.speech());
        ledger.lies.entry(what.to_owned()).or_default().insert(told);
    })
}

/// The same for honest tales. They are told apart by what they say in one shape, so that a tale counts once however
/// many lies it is the twin of, and in however many shapes.
pub fn twin(what: &str, options: &[&str], tale: impl Fn() -> Tale) -> bool {
    counted(|ledger| {
        let speech = tale().speech();
        ledger.truths.insert(told(options, &speech));
        ledger.twins.entry(speech).or_insert_with(|| what.to_owned());
    })
}

fn told(options: &[&str], speech: &[u8]) -> Vec<u8> {
    [options.join(" ").as_bytes(), speech].concat()
}

fn counted(count: impl FnOnce(&mut Ledger)) -> bool {
    LEDGER.with_borrow_mut(|ledger| ledger.as_mut().map(count).is_some())
}

/// All tests that tell something.
const TELLINGS: &[fn()] = &[
    crate::honest_in_every_shape,
    bombs::of_zeros,
    bombs::of_blocks,
    compressions::names_of_compressions,
    compressions::not_asked_for,
    deflate::blocks,
    deflate::codes,
    deflate::before_the_beginning,
    lz4::blocks,
    references::to_blocks,
    references::of_content,
    references::behind_the_end,
    references::whose_sum_is_wrong,
    references::with_another_length_than_they_have,
    zstd::frames,
    zstd::blocks_of_frames,
    zstd::literals,
    zstd::sequences,
    zstd::that_are_cut,
    answers::for_what_was_not_asked,
    answers::that_are_no_echo,
    attributes::of_names_and_sizes,
    attributes::of_lists,
    attributes::of_values,
    contents::literals_and_blocks,
    contents::that_is_longer_or_shorter_than_announced,
    contents::whose_sum_is_wrong,
    ends::before_everything_has_come,
    ends::wherever_the_line_is_cut,
    frames::of_no_kind_or_another_length,
    frames::that_say_what_cannot_be,
    floods::of_the_same_entry,
    lists::of_one_piece,
    lists::of_any_shape,
    segments::of_directories,
    lists::not_asked_for,
    listings::of_modules,
    lists::nothing_is_deleted_on_the_way,
    lists::nothing_is_deleted_for_an_empty_list,
    lists::nothing_is_deleted_after_an_error_of_the_server,
    names::of_one_component,
    names::of_several_components,
    names::too_deep_and_too_long,
    openings::greetings,
    openings::answers_to_the_name_of_the_module,
    openings::capabilities,
    openings::passwords,
    packed::as_negotiated,
    packed::as_asked_for,
    packed::between_long_blocks,
    silence::nothing_at_all,
    silence::nothing_that_leads_on,
    silence::messages_for_ever,
    silence::next_to_nothing,
    values::of_files,
    values::of_symlinks,
    values::of_hard_links,
    words::have_no_power,
    words::of_a_refusal_have_none_either,
];

/// A lie counts once, and only if nothing else that is told is the same; so does a twin.
#[test]
fn no_lie_is_lost() {
    LEDGER.set(Some(Ledger::default()));
    TELLINGS.iter().for_each(|telling| telling());
    let Ledger { lies, truths, twins } = LEDGER.take().expect("it was just put there");
    for (what, told) in &lies {
        assert!(told.is_disjoint(&truths), "{what}: it is told as the truth, too");
    }
    let told: BTreeSet<_> = lies.values().flatten().collect();
    let lies = lies.len().min(told.len());
    println!("{lies} lies, {} honest twins", twins.len());
    assert_eq!((lies, twins.len()), (LIES, TWINS), "lies, and honest twins");
}
