//! Reading GraphQL documents.

use std::collections::BTreeMap;

/// Deepest nesting of selections and values.
const DEEPEST: usize = 48;

/// A value in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Enum(String),
    List(Vec<Input>),
    Object(BTreeMap<String, Input>),
    Variable(String),
}

/// `@include` and `@skip` with their condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) arguments: BTreeMap<String, Input>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) alias: String,
    pub(crate) name: String,
    pub(crate) arguments: BTreeMap<String, Input>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) selections: Vec<Selection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selection {
    Field(Field),
    Spread {
        name: String,
        directives: Vec<Directive>,
    },
    Inline {
        on: Option<String>,
        directives: Vec<Directive>,
        selections: Vec<Selection>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) default: Option<Input>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub(crate) mutation: bool,
    pub(crate) name: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) selections: Vec<Selection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fragment {
    pub(crate) on: String,
    pub(crate) selections: Vec<Selection>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fragments: BTreeMap<String, Fragment>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Punctuator(char),
    Spread,
    Name(String),
    Int(i64),
    Float(f64),
    String(String),
}

/// Reads a document. The error names what was not expected.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens, at: 0 };
    let mut document = Document::default();
    while reader.peek().is_some() {
        match reader.peek() {
            Some(Token::Punctuator('{')) => {
                let selections = reader.selections(0)?;
                document.operations.push(Operation {
                    mutation: false,
                    name: None,
                    variables: Vec::new(),
                    selections,
                });
            }
            Some(Token::Name(word)) if word == "query" || word == "mutation" => {
                let mutation = word == "mutation";
                document.operations.push(reader.operation(mutation)?);
            }
            Some(Token::Name(word)) if word == "fragment" => {
                reader.at += 1;
                let name = reader.name()?;
                reader.word("on")?;
                let on = reader.name()?;
                reader.directives()?;
                let selections = reader.selections(0)?;
                document.fragments.insert(name, Fragment { on, selections });
            }
            other => return Err(unexpected(other)),
        }
    }
    if document.operations.is_empty() {
        Err("Unexpected end of document".to_owned())
    } else {
        Ok(document)
    }
}

fn unexpected(token: Option<&Token>) -> String {
    match token {
        None => "Unexpected end of document".to_owned(),
        Some(Token::Punctuator(c)) => format!("Expected something else, actual: {c}"),
        Some(Token::Spread) => "Expected something else, actual: ...".to_owned(),
        Some(Token::Name(name)) => format!("Expected something else, actual: {name}"),
        Some(Token::Int(number)) => format!("Expected something else, actual: {number}"),
        Some(Token::Float(number)) => format!("Expected something else, actual: {number}"),
        Some(Token::String(_)) => "Expected something else, actual: a string".to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(c) = rest.chars().next() {
        match c {
            c if c.is_whitespace() || c == ',' => rest = &rest[c.len_utf8()..],
            '#' => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            '.' if rest.starts_with("...") => {
                tokens.push(Token::Spread);
                rest = &rest[3..];
            }
            '"' => {
                let (value, after) = string(rest)?;
                tokens.push(Token::String(value));
                rest = after;
            }
            c if c == '_' || c.is_ascii_alphabetic() => {
                let end = rest
                    .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                tokens.push(Token::Name(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            c if c == '-' || c.is_ascii_digit() => {
                let end = rest[1..]
                    .find(|c: char| {
                        !c.is_ascii_digit() && !matches!(c, '.' | 'e' | 'E' | '+' | '-')
                    })
                    .map_or(rest.len(), |end| end + 1);
                let number = &rest[..end];
                tokens.push(match number.parse() {
                    Ok(int) => Token::Int(int),
                    Err(_) => Token::Float(
                        number
                            .parse()
                            .map_err(|_| format!("Not a number: {number}"))?,
                    ),
                });
                rest = &rest[end..];
            }
            c if "{}()[]:!$=@|&".contains(c) => {
                tokens.push(Token::Punctuator(c));
                rest = &rest[1..];
            }
            c => return Err(format!("Unexpected character {c:?}")),
        }
    }
    Ok(tokens)
}

/// A string at the start of `text`, and what follows it.
fn string(text: &str) -> Result<(String, &str), String> {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let end = block.find("\"\"\"").ok_or("Unterminated string")?;
        return Ok((
            block[..end].trim_matches('\n').to_owned(),
            &block[end + 3..],
        ));
    }
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\n' => break,
            '\\' => match characters.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some('b') => value.push('\u{8}'),
                Some('f') => value.push('\u{c}'),
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&digits, 16)
                        .map_err(|_| "Bad escape in string".to_owned())?;
                    value.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(c @ ('"' | '\\' | '/')) => value.push(c),
                _ => return Err("Bad escape in string".to_owned()),
            },
            c => value.push(c),
        }
    }
    Err("Unterminated string".to_owned())
}

#[derive(Debug)]
struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(&Token::Punctuator(c));
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) {
            Ok(())
        } else {
            Err(unexpected(self.peek()))
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            other => Err(unexpected(other)),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        match self.name()? {
            name if name == word => Ok(()),
            name => Err(format!("Expected {word}, actual: {name}")),
        }
    }

    fn operation(&mut self, mutation: bool) -> Result<Operation, String> {
        self.at += 1;
        let name = if matches!(self.peek(), Some(Token::Name(_))) {
            Some(self.name()?)
        } else {
            None
        };
        let mut variables = Vec::new();
        if self.take('(') {
            while !self.take(')') {
                self.expect('$')?;
                let name = self.name()?;
                self.expect(':')?;
                let required = self.kind(0)?;
                let default = if self.take('=') {
                    Some(self.value(0)?)
                } else {
                    None
                };
                self.directives()?;
                variables.push(Variable {
                    name,
                    required,
                    default,
                });
            }
        }
        self.directives()?;
        Ok(Operation {
            mutation,
            name,
            variables,
            selections: self.selections(0)?,
        })
    }

    /// Reads a type and tells whether it is required.
    fn kind(&mut self, depth: usize) -> Result<bool, String> {
        if depth > DEEPEST {
            return Err("Type nested too deeply".to_owned());
        }
        if self.take('[') {
            self.kind(depth + 1)?;
            self.expect(']')?;
        } else {
            self.name()?;
        }
        Ok(self.take('!'))
    }

    fn directives(&mut self) -> Result<Vec<Directive>, String> {
        let mut directives = Vec::new();
        while self.take('@') {
            let name = self.name()?;
            directives.push(Directive {
                name,
                arguments: self.arguments()?,
            });
        }
        Ok(directives)
    }

    fn arguments(&mut self) -> Result<BTreeMap<String, Input>, String> {
        let mut arguments = BTreeMap::new();
        if self.take('(') {
            while !self.take(')') {
                let name = self.name()?;
                self.expect(':')?;
                arguments.insert(name, self.value(0)?);
            }
        }
        Ok(arguments)
    }

    fn selections(&mut self, depth: usize) -> Result<Vec<Selection>, String> {
        if depth > DEEPEST {
            return Err("Query nested too deeply".to_owned());
        }
        self.expect('{')?;
        let mut selections = Vec::new();
        while !self.take('}') {
            if self.peek() == Some(&Token::Spread) {
                self.at += 1;
                let on = match self.peek() {
                    Some(Token::Name(word)) if word == "on" => {
                        self.at += 1;
                        Some(self.name()?)
                    }
                    Some(Token::Name(_)) => {
                        let name = self.name()?;
                        selections.push(Selection::Spread {
                            name,
                            directives: self.directives()?,
                        });
                        continue;
                    }
                    _ => None,
                };
                let directives = self.directives()?;
                selections.push(Selection::Inline {
                    on,
                    directives,
                    selections: self.selections(depth + 1)?,
                });
                continue;
            }
            let first = self.name()?;
            let (alias, name) = if self.take(':') {
                (first, self.name()?)
            } else {
                (first.clone(), first)
            };
            let arguments = self.arguments()?;
            let directives = self.directives()?;
            let inner = if self.peek() == Some(&Token::Punctuator('{')) {
                self.selections(depth + 1)?
            } else {
                Vec::new()
            };
            selections.push(Selection::Field(Field {
                alias,
                name,
                arguments,
                directives,
                selections: inner,
            }));
        }
        if selections.is_empty() {
            Err("A selection must not be empty".to_owned())
        } else {
            Ok(selections)
        }
    }

    fn value(&mut self, depth: usize) -> Result<Input, String> {
        if depth > DEEPEST {
            return Err("Value nested too deeply".to_owned());
        }
        let token = self.peek().cloned().ok_or("Unexpected end of document")?;
        self.at += 1;
        Ok(match token {
            Token::Punctuator('$') => Input::Variable(self.name()?),
            Token::Int(number) => Input::Int(number),
            Token::Float(number) => Input::Float(number),
            Token::String(text) => Input::String(text),
            Token::Name(word) => match word.as_str() {
                "true" => Input::Bool(true),
                "false" => Input::Bool(false),
                "null" => Input::Null,
                _ => Input::Enum(word),
            },
            Token::Punctuator('[') => {
                let mut items = Vec::new();
                while !self.take(']') {
                    items.push(self.value(depth + 1)?);
                }
                Input::List(items)
            }
            Token::Punctuator('{') => {
                let mut members = BTreeMap::new();
                while !self.take('}') {
                    let name = self.name()?;
                    self.expect(':')?;
                    members.insert(name, self.value(depth + 1)?);
                }
                Input::Object(members)
            }
            other => return Err(unexpected(Some(&other))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, Selection, parse};

    #[test]
    fn reads_aliases_arguments_fragments_and_directives() {
        let document = parse(
            "query Q($n: [Int!]! = [1], $s: String) @x { a: repository(owner: \"o\\u0021\", name: $s) @include(if: true) { ...f ... on Repository { id } } } fragment f on Repository { name }",
        )
        .unwrap();
        let operation = &document.operations[0];
        assert_eq!(operation.name.as_deref(), Some("Q"));
        assert!(operation.variables[0].required && !operation.variables[1].required);
        let Selection::Field(field) = &operation.selections[0] else {
            panic!("not a field")
        };
        assert_eq!(
            (field.alias.as_str(), field.name.as_str()),
            ("a", "repository")
        );
        assert_eq!(field.arguments["owner"], Input::String("o!".to_owned()));
        assert_eq!(field.selections.len(), 2);
        assert_eq!(document.fragments["f"].on, "Repository");
    }

    #[test]
    fn hostile_documents_are_refused() {
        for text in [
            "",
            "{",
            "{a",
            "query(",
            "{a(b:)}",
            "{a(b:\"x)}",
            "{}",
            "fragment f on",
            "{a}}",
            "{...}",
            "mutation",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"{a".repeat(100_000)).is_err());
        assert!(parse(&format!("{{a(b:{})}}", "[".repeat(100_000))).is_err());
    }
}
