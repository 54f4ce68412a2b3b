//! Splits the text of a filter into tokens, each with its place.

use super::{FilterError, MAX_CHARACTERS};

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// The first character, from 1.
    pub(super) column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    Open,
    Close,
    Operator(Operator),
    /// Characters without quotes around them: a keyword, a column, a value or a bare word.
    Word(String),
    /// Characters in quotes, which are never a keyword or a column.
    Quoted(String),
    /// After the last character.
    End,
}

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// A regular expression is found in the column.
    Matches,
}

impl Operator {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Matches => "~",
        }
    }
}

/// The tokens of a filter, the last of them [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let characters: Vec<char> = text.chars().take(MAX_CHARACTERS + 1).collect();
    if characters.len() > MAX_CHARACTERS {
        return Err(FilterError {
            column: MAX_CHARACTERS + 1,
            message: format!("expected at most {MAX_CHARACTERS} characters"),
        });
    }
    Lexer {
        characters,
        next: 0,
    }
    .run()
}

struct Lexer {
    characters: Vec<char>,
    next: usize,
}

impl Lexer {
    fn run(mut self) -> Result<Vec<Token>, FilterError> {
        let mut tokens: Vec<Token> = Vec::new();
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.next += 1;
            }
            let column = self.next + 1;
            // After an operator comes a value, in which operator signs are ordinary characters:
            // `command ~ --mode=fast`.
            let is_value = matches!(
                tokens.last(),
                Some(Token {
                    kind: TokenKind::Operator(_),
                    ..
                })
            );
            let kind = self.token(is_value)?;
            let is_end = kind == TokenKind::End;
            tokens.push(Token { kind, column });
            if is_end {
                return Ok(tokens);
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.next).copied()
    }

    fn token(&mut self, is_value: bool) -> Result<TokenKind, FilterError> {
        let Some(first) = self.peek() else {
            return Ok(TokenKind::End);
        };
        match first {
            '(' | ')' => {
                self.next += 1;
                Ok(if first == '(' {
                    TokenKind::Open
                } else {
                    TokenKind::Close
                })
            }
            '"' | '\'' => self.quoted(first),
            '=' | '!' | '<' | '>' | '~' => self.operator(first),
            _ => Ok(self.word(is_value)),
        }
    }

    fn operator(&mut self, first: char) -> Result<TokenKind, FilterError> {
        let column = self.next + 1;
        self.next += 1;
        let with_equal = self.peek() == Some('=') && matches!(first, '!' | '<' | '>');
        if with_equal {
            self.next += 1;
        }
        let operator = match (first, with_equal) {
            ('=', _) => Operator::Equal,
            ('!', true) => Operator::NotEqual,
            ('<', false) => Operator::Less,
            ('<', true) => Operator::LessOrEqual,
            ('>', false) => Operator::Greater,
            ('>', true) => Operator::GreaterOrEqual,
            ('~', _) => Operator::Matches,
            _ => {
                return Err(FilterError {
                    column,
                    message: "expected `!=`, or `not` in place of `!`".to_owned(),
                });
            }
        };
        Ok(TokenKind::Operator(operator))
    }

    fn word(&mut self, is_value: bool) -> TokenKind {
        let start = self.next;
        while let Some(character) = self.peek() {
            let ends = match character {
                '(' | ')' | '"' | '\'' => true,
                '=' | '!' | '<' | '>' | '~' => !is_value,
                other => other.is_whitespace(),
            };
            if ends {
                break;
            }
            self.next += 1;
        }
        TokenKind::Word(self.characters[start..self.next].iter().collect())
    }

    /// A backslash takes the meaning from the quote and from another backslash; before anything
    /// else it stands for itself, so that regular expressions keep theirs.
    fn quoted(&mut self, quote: char) -> Result<TokenKind, FilterError> {
        let column = self.next + 1;
        self.next += 1;
        let mut text = String::new();
        while let Some(character) = self.peek() {
            self.next += 1;
            if character == quote {
                return Ok(TokenKind::Quoted(text));
            }
            match self.peek() {
                Some(escaped) if character == '\\' && (escaped == quote || escaped == '\\') => {
                    text.push(escaped);
                    self.next += 1;
                }
                _ => text.push(character),
            }
        }
        Err(FilterError {
            column,
            message: format!("expected a closing `{quote}` for this one"),
        })
    }
}
