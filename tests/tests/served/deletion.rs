//! Deletion, which is the client's work but hangs on the list, its rules and its errors.

use crate::field::everywhere;

everywhere! {
    before: "-a", "--delete-before";
    during: "-a", "--delete-during";
    with_a_delay: "-a", "--delete-delay";
    after: "-a", "--delete-after";
    of_whichever_kind: "-a", "--delete";
    of_everything: "-aHAX", "--numeric-ids", "--delete";
    what_is_excluded_too: "-a", "--delete-excluded", "--exclude=*.so", "--exclude=/crowd/";
    what_is_excluded_too_at_once: "-a", "--delete-excluded", "--exclude=keep.me", "--no-inc-recursive";
    what_is_excluded_stays: "-a", "--delete", "--exclude=keep.me", "--exclude=*.so";
    what_is_protected_stays: "-a", "--delete", "-f", "P keep.me", "-f", "R *~";
    by_rules_of_directories: "-a", "--delete", "-F", "-f", "P extra";
    excluded_by_rules_of_directories: "-a", "--delete-excluded", "-FF";
    at_most_three: "-a", "--delete-before", "--max-delete=3";
    with_force: "-a", "--force";
    with_backups: "-ab", "--delete";
    only_small_ones_come: "-a", "--delete", "--max-size=1k";
    empty_directories_do_not_come: "-am", "--delete";
    despite_errors: "-a", "--delete", "--ignore-errors";
}
