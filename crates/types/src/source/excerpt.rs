//! The line a definition stands on, and where on it.

use super::{Index, Tree, kind};

/// Longest line that is kept; what lies behind it is not shown.
const MAX_LINE: usize = 200;

/// A definition's place in its file, with the line it starts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Source unit name.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// First column, from 1, in characters.
    pub column: u64,
    /// Length on that line, in characters.
    pub length: u64,
    /// The line, as far as it is kept; empty when the definition starts behind that.
    pub text: String,
}

impl Index<'_> {
    /// Where a node of `unit` is: contracts and functions by their name, all else from start to end,
    /// as far as it is on its first line. `None` when the source is not at hand or not this one.
    pub fn span(&self, unit: &str, tree: &Tree) -> Option<Excerpt> {
        let text = *self.texts.get(unit)?;
        let (start, end) = named(tree).or_else(|| numbers(&tree["src"]))?;
        let before = text.get(..start)?;
        let head = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(start..)?;
        let tail = rest.find('\n').map_or(text.len(), |at| start + at);
        let line = text.get(head..tail)?.trim_end();
        let mut marked = text.get(start..end.min(tail))?;
        if matches!(kind(tree), "ContractDefinition" | "FunctionDefinition") {
            marked = marked.split('{').next().unwrap_or_default();
        }
        let column = text.get(head..start)?.chars().count();
        let kept = column < MAX_LINE;
        Some(Excerpt {
            file: unit.to_owned(),
            line: before.bytes().filter(|byte| *byte == b'\n').count() as u64 + 1,
            column: column as u64 + 1,
            length: marked.trim_end().chars().count().max(1) as u64,
            text: line.chars().take(if kept { MAX_LINE } else { 0 }).collect(),
        })
    }
}

/// Where the name is, of what is better known by its name than by its body.
fn named(tree: &Tree) -> Option<(usize, usize)> {
    matches!(
        kind(tree),
        "ContractDefinition"
            | "FunctionDefinition"
            | "ModifierDefinition"
            | "StructDefinition"
            | "EnumDefinition"
    )
    .then(|| numbers(&tree["nameLocation"]))
    .flatten()
    .filter(|(start, end)| start < end)
}

/// `start:length:file`; -1 where the compiler has no place.
fn numbers(src: &Tree) -> Option<(usize, usize)> {
    let mut parts = src.as_str()?.split(':');
    let start: usize = parts.next()?.parse().ok()?;
    let length: usize = parts.next()?.parse().ok()?;
    Some((start, start.checked_add(length)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{SourceUnit, Sources};
    use super::*;
    use serde_json::json;

    fn span(text: &str, tree: &Tree) -> Option<Excerpt> {
        let unit = SourceUnit::new(Some(text.into()), json!({}));
        let sources = Sources {
            units: [("A.sol".to_owned(), unit.into())].into(),
        };
        sources.index().span("A.sol", tree)
    }

    fn variable(text: &str, what: &str) -> Tree {
        let start = text.find(what).unwrap();
        let src = format!("{start}:{}:0", what.len());
        json!({"nodeType": "VariableDeclaration", "src": src}).into()
    }

    #[test]
    fn columns_are_characters_and_line_ends_do_not_count() {
        let text = "// Ünïcödé\r\ncontract A {\r\n\t/* ü */ uint256 a;\r\n}\r\n";
        let found = span(text, &variable(text, "uint256 a")).unwrap();
        assert_eq!((found.line, found.column, found.length), (3, 10, 9));
        assert_eq!(found.text, "\t/* ü */ uint256 a;");
    }

    #[test]
    fn a_definition_of_many_lines_ends_with_its_first() {
        let text = "uint256[\n  50\n] private __gap;";
        let found = span(text, &variable(text, "uint256[\n  50\n] private __gap")).unwrap();
        assert_eq!((found.length, found.text.as_str()), (8, "uint256["));
        let text = "contract A is B { uint256 a; }";
        let tree = json!({"nodeType": "ContractDefinition", "src": format!("0:{}:0", text.len()),
                          "nameLocation": "9:1:0"});
        let found = span(text, &tree.into()).unwrap();
        assert_eq!((found.column, found.length), (10, 1));
        let nameless = json!({"nodeType": "ContractDefinition", "src": "0:30:0",
                              "nameLocation": "-1:-1:-1"});
        assert_eq!(span(text, &nameless.into()).unwrap().length, 15);
    }

    #[test]
    fn long_lines_are_cut_and_places_outside_the_text_are_none() {
        let text = format!("{}uint256 a; {}", " ".repeat(100), "x".repeat(5_000));
        let near = span(&text, &variable(&text, "uint256 a")).unwrap();
        assert_eq!(near.text.chars().count(), MAX_LINE);
        let text = format!("{}uint256 a;", " ".repeat(5_000));
        let far = span(&text, &variable(&text, "uint256 a")).unwrap();
        assert_eq!((far.column, far.text.as_str()), (5_001, ""));
        for src in [
            "9:1:0",
            "1:1:0",
            "-1:-1:-1",
            "18446744073709551615:2:0",
            "x",
            "",
        ] {
            assert_eq!(span("ü", &json!({"src": src}).into()), None, "{src}");
        }
    }
}
