//! Patterns of filter rules, matched in the plainest way: a table of all beginnings of pattern and text.

/// What one place of a pattern stands for.
enum Token {
    One(Box<[bool; 256]>),
    /// `*`
    Name,
    /// `**`
    All,
}

/// Whether a rule's pattern matches a path below the root of a transfer.
pub fn rule_matches(pattern: &[u8], path: &[u8], is_dir: bool) -> bool {
    let (text, only_directories) = match pattern {
        [head @ .., b'/'] if !head.is_empty() => (head, true),
        _ => (pattern, false),
    };
    if only_directories && !is_dir {
        return false;
    }
    let (anchored, bare) = text.strip_prefix(b"/").map_or((false, text), |bare| (true, bare));
    if !text.iter().any(|byte| b"*?[".contains(byte)) {
        // Nothing of it has a meaning, not even a backslash.
        return path == bare || !anchored && path.ends_with(&[b"/", bare].concat());
    }
    let deep = text.windows(2).any(|pair| pair == b"**");
    let itself = deep && text.ends_with(b"***") && is_dir;
    let whole = if itself { [path, b"/"].concat() } else { path.to_vec() };
    if anchored {
        return matches(bare, &whole);
    }
    let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let slashes = bare.iter().filter(|byte| **byte == b'/').count();
    if !deep {
        let behind = components.len().checked_sub(slashes + 1);
        return behind.is_some_and(|from| matches(bare, &components[from..].join(&b'/')));
    }
    if bare.starts_with(b"**") {
        return matches(bare, &[b"/", &whole[..]].concat());
    }
    let starts = (0..whole.len()).filter(|at| *at == 0 || whole[at - 1] == b'/');
    starts.into_iter().any(|at| matches(bare, &whole[at..])) || itself && matches(bare, b"")
}

/// Whether a pattern matches a text as a whole.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let Some(tokens) = tokens(pattern) else { return false };
    // reached[n]: the tokens so far match the first n bytes.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        match token {
            Token::One(set) => {
                for (at, byte) in text.iter().enumerate() {
                    next[at + 1] = reached[at] && set[usize::from(*byte)];
                }
            }
            Token::Name | Token::All => {
                let all = matches!(token, Token::All);
                next[0] = reached[0];
                for (at, byte) in text.iter().enumerate() {
                    next[at + 1] = reached[at + 1] || next[at] && (all || *byte != b'/');
                }
            }
        }
        reached = next;
    }
    reached[text.len()]
}

/// The tokens of a pattern; nothing for one that is cut short, which nothing matches.
fn tokens(pattern: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        let byte = pattern[at];
        at += 1;
        tokens.push(match byte {
            b'*' => {
                let stars = pattern[at..].iter().take_while(|byte| **byte == b'*').count();
                at += stars;
                if stars > 0 { Token::All } else { Token::Name }
            }
            b'?' => one(|byte| byte != b'/'),
            b'[' => {
                let (set, len) = class(&pattern[at..])?;
                at += len;
                Token::One(set)
            }
            b'\\' => {
                let escaped = *pattern.get(at)?;
                at += 1;
                one(|byte| byte == escaped)
            }
            _ => one(|other| other == byte),
        });
    }
    Some(tokens)
}

fn one(holds: impl Fn(u8) -> bool) -> Token {
    Token::One(Box::new(std::array::from_fn(|byte| holds(byte as u8))))
}

/// A class, and how many bytes it takes behind its bracket.
fn class(text: &[u8]) -> Option<(Box<[bool; 256]>, usize)> {
    let mut set = Box::new([false; 256]);
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let begin = usize::from(negated);
    let mut at = begin;
    let mut before: Option<u8> = None;
    loop {
        let byte = *text.get(at)?;
        if byte == b']' && at > begin {
            break;
        }
        let next = text.get(at + 1).copied();
        if byte == b'\\' {
            set[usize::from(next?)] = true;
            before = next;
            at += 2;
        } else if let (b'-', Some(from), Some(to)) = (byte, before, next.filter(|next| *next != b']')) {
            let escaped = to == b'\\';
            let to = if escaped { *text.get(at + 2)? } else { to };
            for member in from..=to {
                set[usize::from(member)] = true;
            }
            before = None;
            at += 2 + usize::from(escaped);
        } else if byte == b'[' && next == Some(b':') {
            let close = at + 2 + text[at + 2..].iter().position(|byte| *byte == b']')?;
            let inside = &text[at + 2..close];
            if inside.last() == Some(&b':') {
                let holds = named(&inside[..inside.len() - 1])?;
                (0..=u8::MAX).filter(|byte| holds(*byte)).for_each(|byte| set[usize::from(byte)] = true);
                before = None;
                at = close + 1;
            } else {
                set[usize::from(b'[')] = true;
                before = Some(b'[');
                at += 1;
            }
        } else {
            set[usize::from(byte)] = true;
            before = Some(byte);
            at += 1;
        }
    }
    if negated {
        set.iter_mut().for_each(|member| *member = !*member);
    }
    set[usize::from(b'/')] = false;
    Some((set, at + 1))
}

fn named(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| byte == b' ' || byte == b'\t',
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| byte == b' ' || (9..=13).contains(&byte),
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}
