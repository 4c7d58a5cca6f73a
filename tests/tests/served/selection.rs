//! Which entries come.

use end_to_end::scratch::Scratch;
use rustix::mount::{UnmountFlags, mount_bind, unmount};

use crate::field::{FEW, Field, Job, everywhere, from};
use crate::tree;

everywhere! {
    largest_size: "-a", "--max-size=10k";
    smallest_size: "-a", "--min-size=1k";
    between_sizes: "-a", "--max-size=100K", "--min-size=5";
    one_file_system: "-ax";
    one_file_system_twice: "-axx";
    directories_only: "-d";
    directories_with_attributes: "-dlptgo";
    neither_directories_nor_recursion: "-lpt";
}

from! {
    a_directory_itself: "-a" => "a";
    a_directory_as_content: "-a" => "a/";
    a_file: "-a" => "big";
    a_node: "-a" => "nodes/fifo";
    a_link: "-a" => "links/directory";
    two_directories: "-a" => "a", "b";
    two_directories_as_content: "-a" => "a/", "rules/src/";
    two_directories_at_once: "-a", "--no-inc-recursive" => "a/", "b", "big";
    one_twice: "-a" => "a", "a";
    one_within_another: "-a" => "a", "a/deep", "a/one";
    the_same_name_twice: "-a" => "rules/src/x.o", "rules/objects/x.o";
    without_recursion: "-lpt" => "a", "big", "links/file";
    with_directories: "-d" => "a", "b/";
    with_directories_and_links: "-dl" => "links/", "crowd";
    dots: "-a" => "./a/./deep/", ".//b";
    dots_at_the_end: "-a" => "a/.", "b/./";
    many_slashes: "-a" => "//a//deep//";
    above_the_module: "-a" => "../a", "a/../../b/";
    stars: "-a" => "patterns/*.txt";
    stars_in_directories: "-a" => "*/*.txt", "c*/h*";
    stars_with_nothing: "-a" => "no-such-*", "b";
    question_marks: "-a" => "patterns/???.txt";
    brackets: "-a" => "[ab]", "patterns/[[]bracket]";
    escaped: "-a" => "patterns/star\\*", "patterns/back\\\\slash";
    names_that_match_themselves: "-a" => "patterns/star*";
    a_name_in_brackets: "-a" => "patterns/[bracket]";
    hidden_names: "-a" => "rules/src/.*", "*filter";
    blanks: "-a" => "name with spaces";
    names_like_options: "-a" => "patterns/-dash";
    whole_paths: "-aR" => "a/deep/three";
    whole_paths_of_directories: "-aR" => "a/deep/", "rules/var/log";
    whole_paths_of_several: "-aR" => "a/one", "b/lib-1.2.so", "a/deep/four", "rules/src/";
    whole_paths_of_several_at_once: "-aR", "--no-inc-recursive" => "rules/src", "a/one", "a/deep";
    whole_paths_in_another_order: "-aR" => "rules/var/cache/", "a/deep/three", "crowd/03-3/y", "a/one", "rules/core";
    whole_paths_twice: "-aR" => "a/deep", "a/deep/three", "a";
    whole_paths_from_a_dot_on: "-aR" => "rules/./src/deep", "./crowd/02-2/x", "a/deep/./";
    whole_paths_without_directories_on_the_way: "-aR", "--no-implied-dirs" => "a/deep/three", "rules/src/deep/";
    whole_paths_without_recursion: "-lptR" => "a/deep/three", "big", "b/link";
    whole_paths_with_directories: "-dR" => "a/deep", "rules/var/";
    whole_paths_of_missing_ones: "-aR" => "a/no/such", "a/one", "nowhere/at/all";
    whole_paths_with_deletion: "-aR", "--delete" => "a/", "b/";
    missing: "-a" => "missing";
    missing_and_not: "-a" => "missing", "a", "also/missing", "big";
    missing_directories: "-a" => "missing/";
    missing_ones_ignored: "-a", "--ignore-missing-args" => "missing", "a", "no/such/*";
    below_a_file: "-a" => "big/", "big/below", "a";
}

/// Among what they match is a symlink that stands for a directory, with `..` in it: see `Pair::in_chroot`.
#[test]
fn whole_paths_by_pattern() {
    let job = Job::rsync(&["-aR", "-i", "--stats"]).paths(&["*/*/only.o", "*/[ds]*/", "a/*"]);
    Field::in_chroot(tree::plant).turns(&FEW, &job);
}

/// A file system that is mounted within the module stays empty, or does not come.
#[test]
fn another_file_system() {
    let other = Scratch::new();
    let _ = other.file("on the other one", "x", 0o644);
    let field = Field::with(|root| {
        tree::plant(root);
        std::fs::create_dir(root.join("mounted")).expect("memory is large enough");
    });
    let place = field.source().join("mounted");
    mount_bind(other.path(), &place).expect("a directory can be mounted again");
    for options in [&["-ax"][..], &["-axx"], &["-a"], &["-axR"], &["-axx", "--no-inc-recursive"]] {
        for paths in [&[""][..], &["mounted"], &["mounted/"], &["a", "mounted/on the other one"]] {
            let options = [options, &["-i", "--stats"]].concat();
            field.turns(&FEW[..1], &Job::rsync(&options).paths(paths));
        }
    }
    unmount(&place, UnmountFlags::DETACH).expect("it was mounted");
}
