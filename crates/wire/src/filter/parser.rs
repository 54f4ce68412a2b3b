//! Reads the tokens of a filter into a tree, by recursive descent:
//!
//! ```text
//! or        = and { "or" and }
//! and       = unary { [ "and" ] unary }
//! unary     = "not" unary | "(" or ")" | condition
//! condition = column operator value | word
//! ```

use regex::RegexBuilder;

use super::expression::{Comparison, Expression, NumberColumn, Pattern, TextColumn};
use super::lexer::{Operator, Token, TokenKind, tokens};
use super::{FilterError, MAX_CONDITIONS, MAX_DEPTH, MAX_PATTERNS, value};

/// The most bytes of a compiled regular expression. One with `\w{50}` in it needs about so many.
const PATTERN_BYTES: usize = 1 << 19;

/// How deep groups of a regular expression may be nested.
const PATTERN_DEPTH: u32 = 50;

const COLUMNS: &str =
    "name, command, user, state, pid, ppid, cpu, memory, threads, unit, cgroup, container";

pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        conditions: 0,
        patterns: 0,
    };
    let expression = parser.or("expected a condition such as `cpu > 5`, or a word")?;
    match parser.peek().kind {
        TokenKind::End => Ok(expression),
        // Everything else begins or continues a condition.
        _ => Err(parser.error("expected the end of the filter: this `)` closes nothing")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    conditions: usize,
    patterns: usize,
}

enum Column {
    Text(TextColumn),
    Number(NumberColumn),
}

impl Parser {
    /// The next token. The last one is the end, which is never passed.
    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        error_at(self.peek(), message)
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        matches!(&self.peek().kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// `missing` is the error where no condition begins.
    fn or(&mut self, missing: &str) -> Result<Expression, FilterError> {
        let mut parts = vec![self.and(missing)?];
        while self.at_keyword("or") {
            self.next += 1;
            parts.push(self.and("expected a condition after `or`")?);
        }
        Ok(join(parts, Expression::Or))
    }

    fn and(&mut self, missing: &str) -> Result<Expression, FilterError> {
        let mut parts = vec![self.unary(missing)?];
        loop {
            if self.at_keyword("and") {
                self.next += 1;
                parts.push(self.unary("expected a condition after `and`")?);
            } else if self.at_keyword("or")
                || matches!(self.peek().kind, TokenKind::Close | TokenKind::End)
            {
                return Ok(join(parts, Expression::And));
            } else {
                parts.push(self.unary(missing)?);
            }
        }
    }

    fn unary(&mut self, missing: &str) -> Result<Expression, FilterError> {
        if self.at_keyword("not") {
            self.enter()?;
            self.next += 1;
            let part = self.unary("expected a condition after `not`")?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(part)));
        }
        if self.peek().kind != TokenKind::Open {
            return self.condition(missing);
        }
        self.enter()?;
        let open = self.take();
        let inner = self.or("expected a condition after `(`")?;
        if self.peek().kind != TokenKind::Close {
            let column = open.column;
            return Err(self.error(format!("expected `)` for the `(` at column {column}")));
        }
        self.next += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn enter(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!(
                "expected at most {MAX_DEPTH} nested parentheses and `not`"
            )));
        }
        Ok(())
    }

    fn condition(&mut self, missing: &str) -> Result<Expression, FilterError> {
        let first = self.peek().clone();
        match &first.kind {
            TokenKind::Close | TokenKind::End => return Err(self.error(missing)),
            TokenKind::Word(word) if is_keyword(word) => return Err(self.error(missing)),
            TokenKind::Operator(operator) => {
                let operator = operator.as_str();
                return Err(self.error(format!(
                    "expected a column before `{operator}`: one of {COLUMNS}"
                )));
            }
            TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Open => {}
        }
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(self.error(format!("expected at most {MAX_CONDITIONS} conditions")));
        }
        self.next += 1;
        match (first.kind, &self.peek().kind) {
            (TokenKind::Word(word), TokenKind::Operator(operator)) => {
                let operator = *operator;
                let name = word.to_ascii_lowercase();
                let Some(column) = column(&name) else {
                    let message = format!("unknown column `{word}`: expected one of {COLUMNS}");
                    return Err(FilterError {
                        column: first.column,
                        message,
                    });
                };
                self.comparison(&column, operator)
            }
            (TokenKind::Quoted(_), TokenKind::Operator(operator)) => {
                let operator = operator.as_str();
                Err(FilterError {
                    column: first.column,
                    message: format!("expected a column without quotes before `{operator}`"),
                })
            }
            (TokenKind::Word(word) | TokenKind::Quoted(word), _) => {
                let regex = RegexBuilder::new(&regex::escape(&word))
                    .case_insensitive(true)
                    .size_limit(PATTERN_BYTES)
                    .build();
                let regex = regex.map_err(|_| FilterError {
                    column: first.column,
                    message: "expected a shorter word".to_owned(),
                })?;
                Ok(Expression::Word(Pattern { text: word, regex }))
            }
            _ => Err(self.error(missing)),
        }
    }

    /// What follows the column.
    fn comparison(
        &mut self,
        column: &Column,
        operator: Operator,
    ) -> Result<Expression, FilterError> {
        let sign = self.take();
        let token = self.peek().clone();
        let value = match &token.kind {
            TokenKind::Word(value) | TokenKind::Quoted(value) => value.clone(),
            TokenKind::Open => {
                return Err(self.error(format!(
                    "expected a value after `{}`: put a value with `(` in it in quotes",
                    operator.as_str()
                )));
            }
            _ => {
                let operator = operator.as_str();
                return Err(self.error(format!("expected a value after `{operator}`")));
            }
        };
        let wrong_value = |message| error_at(&token, message);
        let expression = match (column, operator) {
            (Column::Number(column), operator) => {
                let Some(operator) = Comparison::from_operator(operator) else {
                    let name = column.as_str();
                    let message = format!(
                        "`{name}` is a number: expected =, !=, <, <=, > or >= in place of ~"
                    );
                    return Err(error_at(&sign, message));
                };
                Expression::Number {
                    column: *column,
                    operator,
                    value: value::number(*column, &value).map_err(wrong_value)?,
                }
            }
            (Column::Text(column), Operator::Matches) => {
                let value = self.pattern(&token, value)?;
                Expression::Matches {
                    column: *column,
                    value,
                }
            }
            (Column::Text(column), Operator::Equal | Operator::NotEqual) => {
                let equal = operator == Operator::Equal;
                if *column == TextColumn::State {
                    let value = value::state(&value).map_err(wrong_value)?;
                    Expression::State { equal, value }
                } else {
                    Expression::Text {
                        column: *column,
                        equal,
                        value,
                    }
                }
            }
            (Column::Text(column), operator) => {
                let (name, operator) = (column.as_str(), operator.as_str());
                let message =
                    format!("`{name}` is text: expected =, != or ~ in place of {operator}");
                return Err(error_at(&sign, message));
            }
        };
        self.next += 1;
        Ok(expression)
    }

    fn pattern(&mut self, token: &Token, text: String) -> Result<Pattern, FilterError> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            let message = format!("expected at most {MAX_PATTERNS} regular expressions");
            return Err(error_at(token, message));
        }
        let regex = RegexBuilder::new(&text)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES)
            .nest_limit(PATTERN_DEPTH)
            .build();
        match regex {
            Ok(regex) => Ok(Pattern { text, regex }),
            Err(regex::Error::CompiledTooBig(_)) => Err(error_at(
                token,
                "expected a smaller regular expression: this one needs too much memory",
            )),
            Err(error) => {
                // The message has several lines; the last one says what is wrong.
                let drawn = error.to_string();
                let reason = drawn.lines().next_back().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Err(error_at(
                    token,
                    format!("expected a regular expression: {reason}"),
                ))
            }
        }
    }
}

fn error_at(token: &Token, message: impl Into<String>) -> FilterError {
    FilterError {
        column: token.column,
        message: message.into(),
    }
}

fn is_keyword(word: &str) -> bool {
    ["and", "or", "not"]
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

fn join(mut parts: Vec<Expression>, joined: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            joined(parts)
        }
        (None, _) => joined(parts),
    }
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "name" => Column::Text(TextColumn::Name),
        "command" => Column::Text(TextColumn::Command),
        "user" => Column::Text(TextColumn::User),
        "state" => Column::Text(TextColumn::State),
        "unit" => Column::Text(TextColumn::Unit),
        "cgroup" => Column::Text(TextColumn::Cgroup),
        "container" => Column::Text(TextColumn::Container),
        "pid" => Column::Number(NumberColumn::Pid),
        "ppid" => Column::Number(NumberColumn::Ppid),
        "cpu" => Column::Number(NumberColumn::Cpu),
        "memory" => Column::Number(NumberColumn::Memory),
        "threads" => Column::Number(NumberColumn::Threads),
        _ => return None,
    })
}
