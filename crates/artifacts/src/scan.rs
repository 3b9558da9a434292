//! What a source says before it is compiled: its imports, its pragma, its contracts.

/// Imports, version requirements and contract names of one source.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) imports: Vec<String>,
    pub(crate) pragmas: Vec<String>,
    /// Contracts, interfaces and libraries; the flag says whether it is a contract.
    pub(crate) contracts: Vec<(String, bool)>,
}

/// Reads a source without understanding it: comments and strings are told apart, no more.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    let mut tokens = Tokens::of(text).peekable();
    let mut depth = 0_usize;
    while let Some(token) = tokens.next() {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            // `import {A} from "x";`: the one string before the semicolon.
            Token::Word("import") if depth == 0 => loop {
                match tokens.next() {
                    Some(Token::Text(path)) => {
                        scan.imports.push(path);
                        break;
                    }
                    Some(Token::Mark(';')) | None => break,
                    Some(_) => {}
                }
            },
            Token::Versions(text) if depth == 0 => scan.pragmas.push(text.to_owned()),
            Token::Word(word @ ("contract" | "interface" | "library")) if depth == 0 => {
                if let Some(Token::Word(name)) = tokens.peek() {
                    scan.contracts
                        .push(((*name).to_owned(), word == "contract"));
                }
            }
            _ => {}
        }
    }
    scan
}

enum Token<'a> {
    Word(&'a str),
    Text(String),
    /// What follows `pragma solidity`.
    Versions(&'a str),
    Mark(char),
}

struct Tokens<'a> {
    rest: &'a str,
    /// The word that was the last token.
    before: Option<&'a str>,
    /// Whether `pragma solidity` was.
    versions: bool,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            before: None,
            versions: false,
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let before = self.before.take();
        if std::mem::take(&mut self.versions) {
            let end = self.rest.find(';').unwrap_or(self.rest.len());
            let (versions, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(Token::Versions(versions.trim()));
        }
        loop {
            let rest = self.rest;
            let c = rest.chars().next()?;
            if rest.starts_with("//") {
                self.rest = rest.find('\n').map_or("", |end| &rest[end..]);
            } else if let Some(inside) = rest.strip_prefix("/*") {
                self.rest = inside.split_once("*/").map_or("", |(_, after)| after);
            } else if c == '"' || c == '\'' {
                let (string, after) = string(&rest[1..], c);
                self.rest = after;
                return Some(Token::Text(string));
            } else if is_word(c) {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                self.versions = word == "solidity" && before == Some("pragma");
                self.before = Some(word);
                self.rest = after;
                return Some(Token::Word(word));
            } else {
                self.rest = &rest[c.len_utf8()..];
                if !c.is_whitespace() {
                    return Some(Token::Mark(c));
                }
            }
        }
    }
}

/// The string up to the closing quote, and what follows it.
fn string(text: &str, quote: char) -> (String, &str) {
    let mut found = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => found.extend(chars.next().map(|(_, c)| c)),
            '\n' => return (found, &text[at..]),
            c if c == quote => return (found, &text[at + 1..]),
            c => found.push(c),
        }
    }
    (found, "")
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_pragmas_and_contracts_are_seen() {
        let found = scan(
            r#"// import "no.sol";
            pragma solidity >=0.8.0 <0.9.0; pragma abicoder v2;
            /* contract No {} */
            import "a.sol"; import {A as B, C} from './b.sol'; import * as D from "c.sol";
            abstract contract T is A { string x = "contract F {"; function contract_() external { } }
            library L {} interface I {}"#,
        );
        assert_eq!(found.imports, ["a.sol", "./b.sol", "c.sol"]);
        assert_eq!(found.pragmas, [">=0.8.0 <0.9.0"]);
        let expected = [("T", true), ("L", false), ("I", false)];
        assert_eq!(found.contracts, expected.map(|(n, c)| (n.to_owned(), c)));
    }

    #[test]
    fn broken_sources_do_not_panic() {
        for text in [
            "\"",
            "/*",
            "//",
            "import",
            "pragma solidity",
            "contract",
            "'\\",
            "é\"é\\é",
        ] {
            scan(text);
        }
    }
}
