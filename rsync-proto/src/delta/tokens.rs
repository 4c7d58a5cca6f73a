//! The stream that makes up a file's content, uncompressed: each token is a number; a positive one is the
//! length of literal bytes that follow, a negative one refers to a block of the basis, zero ends the file.

use crate::error::Malformed;
use crate::wire::{Cursor, Parse};

/// One step in rebuilding a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// This many literal bytes follow; never 0.
    Literal(u32),
    /// The block with this number in the basis.
    Block(u32),
    /// Nothing more; the whole-file sum follows.
    End,
}

impl Token {
    /// Reads the number that a token begins with.
    pub fn read(cursor: &mut Cursor<'_>) -> Parse<Self> {
        match cursor.i32()? {
            0 => Ok(Token::End),
            len @ 1.. => Ok(Token::Literal(len as u32)),
            i32::MIN => Err(Malformed::new("a token", "the smallest number".to_owned()).into()),
            reference => Ok(Token::Block((-(reference + 1)) as u32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart_by_sign() {
        let read = |value: i32| Token::read(&mut Cursor::new(&value.to_le_bytes()));
        assert_eq!(read(0).unwrap(), Token::End);
        assert_eq!(read(32_768).unwrap(), Token::Literal(32_768));
        assert_eq!(read(-1).unwrap(), Token::Block(0));
        assert_eq!(read(-100).unwrap(), Token::Block(99));
        assert!(read(i32::MIN).is_err());
    }
}
