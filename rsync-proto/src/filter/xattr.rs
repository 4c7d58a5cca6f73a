//! Rules about names of extended attributes (modifier `x`).

use super::Filters;
use super::pattern::Pattern;
use super::rule::Subject;

/// The rules about names of extended attributes, in their order.
#[derive(Debug, Clone)]
pub struct XattrRules(Vec<(Pattern, bool, bool)>);

impl Filters {
    /// The rules about names of extended attributes; nothing if there are none.
    pub fn xattr_rules(&self) -> Option<XattrRules> {
        let about = |rule: &super::rule::Rule| match &rule.subject {
            Subject::Pattern(pattern) if rule.marks.xattr => {
                Some((pattern.clone(), rule.marks.negated, rule.marks.include))
            }
            _ => None,
        };
        let rules: Vec<_> = self.rules.iter().filter_map(about).collect();
        (!rules.is_empty()).then_some(XattrRules(rules))
    }
}

impl XattrRules {
    /// Whether an attribute of this name takes no part, neither as one of the server's nor as one that is here.
    pub fn exclude(&self, name: &[u8]) -> bool {
        let first = self.0.iter().find(|(pattern, negated, _)| pattern.matches(name, false, b"") != *negated);
        first.is_some_and(|(_, _, include)| !include)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_about_attributes_count() {
        let rules = |lines: &[&str]| {
            let mut filters = Filters::default();
            for line in lines {
                filters.add(line.as_bytes(), &mut |_| Err(std::io::ErrorKind::Unsupported.into())).unwrap();
            }
            filters.xattr_rules()
        };
        assert!(rules(&["- user.*"]).is_none());
        let some = rules(&["+x user.kept", "-x user.*", "- security.*"]).unwrap();
        assert!(some.exclude(b"user.other") && !some.exclude(b"user.kept") && !some.exclude(b"security.x"));
    }
}
