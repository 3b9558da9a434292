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
    let tokens = tokens(text);
    let mut depth = 0_usize;
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            Token::Word("import") if depth == 0 => {
                // `import {A} from "x";`: the one string before the semicolon.
                while let Some(token) = tokens.get(i) {
                    match token {
                        Token::Text(path) => {
                            scan.imports.push(path.clone());
                            break;
                        }
                        Token::Mark(';') => break,
                        _ => i += 1,
                    }
                }
            }
            Token::Word("pragma") if depth == 0 => {
                if let (Some(Token::Word("solidity")), Some(Token::Rest(rest))) =
                    (tokens.get(i + 1), tokens.get(i + 2))
                {
                    scan.pragmas.push((*rest).to_owned());
                }
            }
            Token::Word(word @ ("contract" | "interface" | "library")) if depth == 0 => {
                if let Some(Token::Word(name)) = tokens.get(i + 1) {
                    scan.contracts
                        .push(((*name).to_owned(), *word == "contract"));
                }
            }
            _ => {}
        }
        i += 1;
    }
    scan
}

enum Token<'a> {
    Word(&'a str),
    Text(String),
    /// The version after `pragma solidity`.
    Rest(&'a str),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest[2..].find("*/").map_or("", |end| &rest[end + 4..]);
        } else if c == '"' || c == '\'' {
            let (string, after) = string(&rest[1..], c);
            tokens.push(Token::Text(string));
            rest = after;
        } else if is_word(c) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let versions = word == "solidity"
                && matches!(tokens.last(), Some(Token::Word(last)) if *last == "pragma");
            tokens.push(Token::Word(word));
            rest = after;
            if versions {
                let end = rest.find(';').unwrap_or(rest.len());
                tokens.push(Token::Rest(rest[..end].trim()));
                rest = &rest[end..];
            }
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Mark(c));
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    tokens
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
