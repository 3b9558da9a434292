//! A document in Markdown, for pull requests.

use crate::{
    document::{Block, Document, Line, Span, Tone, Tree},
    snippet::Finding,
    terminal::{LIMIT, Style},
};
use cutover_types::text;
use std::fmt::Write as _;

impl Document {
    /// The document in Markdown (the dialect of code hosts); ends in a newline.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n", escape(&self.title));
        for block in &self.blocks {
            out.push('\n');
            write_block(&mut out, block);
        }
        out
    }
}

fn write_block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Verdict(tone, row) => {
            let mark = match tone {
                Tone::Good => "✅ ",
                Tone::Bad => "❌ ",
                Tone::Warn => "⚠️ ",
                _ => "",
            };
            // One emphasis over the whole line: marks inside it would cancel out.
            let words: String = row.0.iter().map(|span| escape(&span.text)).collect();
            writeln!(out, "{mark}**{}**", words.trim())
        }
        Block::Heading(title) => writeln!(out, "## {}", escape(title)),
        Block::Paragraph(row) => writeln!(out, "{}", line(row)),
        Block::Facts(facts) => {
            for (name, row) in facts {
                let _ = writeln!(out, "- **{}**: {}", escape(name), line(row));
            }
            Ok(())
        }
        Block::List { numbered, items } => {
            for (index, row) in items.iter().enumerate() {
                let mark = if *numbered {
                    format!("{}.", index + 1)
                } else {
                    "-".to_owned()
                };
                let _ = writeln!(out, "{mark} {}", line(row));
            }
            Ok(())
        }
        Block::Table { columns, rows } => {
            let names: Vec<_> = columns
                .iter()
                .map(|name| escape(name.trim_start_matches('#')))
                .collect();
            let rules: Vec<_> = columns
                .iter()
                .map(|name| if name.starts_with('#') { "--:" } else { "---" })
                .collect();
            let _ = writeln!(out, "| {} |\n| {} |", names.join(" | "), rules.join(" | "));
            for row in rows {
                let cells: Vec<_> = row.iter().map(line).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
            Ok(())
        }
        Block::Tree(tree) => {
            write_tree(out, tree, 0);
            Ok(())
        }
        Block::Hex(hex) => writeln!(out, "{}", code(hex, usize::MAX)),
        Block::Verbatim { title, text } => {
            let summary = text::html(title, LIMIT);
            let _ = writeln!(out, "<details><summary>{summary}</summary>\n");
            fence(out, text);
            writeln!(out, "\n</details>")
        }
        Block::Finding {
            tone,
            head,
            message,
            spans,
            notes,
            ..
        } if !spans.is_empty() => {
            let drawn = Finding {
                tone: *tone,
                head,
                message,
                spans,
                notes,
            };
            fence(out, &drawn.draw(Style::default()));
            Ok(())
        }
        Block::Finding {
            head,
            message,
            place,
            notes,
            ..
        } => {
            let _ = write!(out, "- **{}**: {}", escape(head), escape(message));
            if let Some(place) = place {
                let _ = write!(out, " ({})", code(place, LIMIT));
            }
            out.push('\n');
            for (name, note) in notes {
                let _ = writeln!(out, "  - {}: {}", escape(name), escape(note));
            }
            Ok(())
        }
    };
}

/// Text as it is, behind a fence that none of its lines can close.
fn fence(out: &mut String, shown: &str) {
    let longest = shown
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    let _ = writeln!(out, "{fence}text");
    for line in shown.lines() {
        let line = text::terminal(line, LIMIT);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "{fence}");
}

fn write_tree(out: &mut String, tree: &Tree, depth: usize) {
    let _ = writeln!(out, "{}- {}", "  ".repeat(depth), line(&tree.line));
    if depth < 20 {
        for child in &tree.children {
            write_tree(out, child, depth + 1);
        }
    }
}

fn line(line: &Line) -> String {
    line.0.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span.tone {
        Tone::Code => code(&span.text, LIMIT),
        Tone::Strong | Tone::Bad if !span.text.trim().is_empty() => {
            format!("**{}**", escape(span.text.trim()))
        }
        _ => escape(&span.text),
    }
}

/// Inline code for what names and hashes are made of; anything else becomes plain text, so that no
/// renderer's idea of code matters.
fn code(text: &str, limit: usize) -> String {
    let is_tame = |c: char| c.is_ascii_alphanumeric() || " .,:/()_-+=…$".contains(c);
    let shown = text::terminal(text, limit);
    let inner = shown.trim();
    if inner.is_empty() || !inner.chars().all(is_tame) {
        return escape(text);
    }
    shown.replacen(inner, &format!("`{inner}`"), 1)
}

/// Text that means nothing in Markdown: no markup, no HTML, no links, no mentions.
fn escape(text: &str) -> String {
    let mut shown = String::new();
    for c in text::terminal(text, LIMIT).chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            '@' => shown.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '#' | '>' => {
                shown.push('\\');
                shown.push(c);
            }
            _ => shown.push(c),
        }
    }
    // Hosts link bare addresses: broken up, so that nobody is led away.
    shown.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        assert_eq!(
            escape("<img src=x> [a](http://x) @all |`*"),
            "&lt;img src=x\\> \\[a\\](http&#58;//x) &#64;all \\|\\`\\*"
        );
        assert_eq!(code("a`b|<c", 10), "a\\`b\\|&lt;c");
        assert_eq!(code(" x ", 10), " `x` ");
    }
}
