//! Whether a symlink stays within the tree that it comes with.

/// Whether a symlink with so many directories around it may lead out of the tree, by its text alone: it is absolute, or
/// has more `..` than there are directories. Behind the beginning of a target, any `..` counts as leading out: what is
/// in front of it may be another symlink, so that it leads anywhere.
pub(crate) fn leads_out(depth: usize, target: &[u8]) -> bool {
    if target.is_empty() || target.starts_with(b"/") {
        return true;
    }
    let mut rest = target;
    let mut ups = 0;
    while let Some(behind) = rest.strip_prefix(b"../") {
        ups += 1;
        rest = behind;
        while let Some(behind) = rest.strip_prefix(b"/") {
            rest = behind;
        }
    }
    // `../..` is taken as rsync takes it.
    if target.ends_with(b"/..") || rest.windows(4).any(|four| four == b"/../") {
        return true;
    }
    ups + usize::from(rest == b"..") > depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_safe_as_for_rsync() {
        // Each was asked of rsync 3.2.7, in a/b/c.
        for safe in [
            "x",
            "../",
            "../../",
            "a/./b",
            "..//x",
            "../../.",
            "../.",
            ". .",
            "a/..b",
            "../x",
            "../../x",
            "../../../x",
            "..",
        ] {
            assert!(!leads_out(3, safe.as_bytes()), "{safe}");
        }
        for out in [
            "a...b/..",
            "a/../b",
            "./../x",
            ".//../x",
            "../a/../b",
            "x/..",
            "../../c/d/../../../e",
            "./x/../y",
            "./..",
            "x/../",
            "..a/../b",
            "../a/..",
            "../../../../x",
            "..//../..",
            "../..",
            "",
            "/x",
        ] {
            assert!(leads_out(3, out.as_bytes()), "{out}");
        }
    }

    #[test]
    fn at_the_top_nothing_leads_up() {
        for (depth, target, out) in
            [(0, "..", true), (0, "../x", true), (0, "x/y", false), (1, "../x", false), (1, "../../x", true)]
        {
            assert_eq!(leads_out(depth, target.as_bytes()), out, "{depth} {target}");
        }
    }
}
