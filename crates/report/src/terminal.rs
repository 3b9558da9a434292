//! A document on a terminal.

use crate::{
    document::{Block, Document, Line, Tone, Tree},
    snippet::Finding,
};
use cutover_types::text;
use std::fmt::Write as _;

/// Longest piece of text shown; what is longer is cut with an ellipsis.
pub(crate) const LIMIT: usize = 600;

/// How a terminal looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it has colours.
    pub colour: bool,
    /// Its width in characters; text is wrapped to it, tables are not cut.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            colour: false,
            width: 100,
        }
    }
}

impl Style {
    /// A terminal of this width.
    pub fn new(width: usize, colour: bool) -> Self {
        Self { colour, width }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain | Tone::Code => "",
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31;1",
            Tone::Dim => "2",
        };
        if !self.colour || code.is_empty() || text.is_empty() {
            text.to_owned()
        } else {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        }
    }

    fn line(self, line: &Line) -> String {
        let spans = line.0.iter();
        spans
            .map(|span| self.paint(span.tone, &text::terminal(&span.text, LIMIT)))
            .collect()
    }

    /// The line in rows of at most `width`, broken at spaces; a longer word keeps its own row.
    pub(crate) fn wrapped(self, line: &Line, width: usize) -> Vec<String> {
        let mut rows = vec![String::new()];
        let mut used = 0;
        for span in &line.0 {
            let shown = text::terminal(&span.text, LIMIT);
            for word in shown.split_inclusive(' ') {
                let length = word.trim_end().chars().count();
                if used > 0 && used + length > width {
                    let row = rows.last_mut().map(std::mem::take).unwrap_or_default();
                    if let Some(last) = rows.last_mut() {
                        *last = row.trim_end().to_owned();
                    }
                    rows.push(String::new());
                    used = 0;
                }
                if let Some(last) = rows.last_mut() {
                    last.push_str(&self.paint(span.tone, word));
                }
                used += word.chars().count();
            }
        }
        rows
    }
}

fn length(line: &Line) -> usize {
    let spans = line.0.iter();
    spans
        .map(|span| text::terminal(&span.text, LIMIT).chars().count())
        .sum()
}

impl Document {
    /// The document for a terminal; ends in a newline.
    pub fn text(&self, style: &Style) -> String {
        let style = Style {
            width: style.width.max(40),
            ..*style
        };
        let mut out = String::new();
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 && needs_space(&self.blocks[index - 1], block) {
                out.push('\n');
            }
            write_block(&mut out, block, style);
        }
        out
    }
}

fn needs_space(before: &Block, block: &Block) -> bool {
    !matches!(
        (before, block),
        (Block::Heading(_), _) | (Block::Verdict(..), Block::Paragraph(_))
    )
}

fn write_block(out: &mut String, block: &Block, style: Style) {
    match block {
        Block::Verdict(tone, line) => {
            let mark = match tone {
                Tone::Good => "✓ ",
                Tone::Bad => "✗ ",
                Tone::Warn => "! ",
                _ => "",
            };
            out.push_str(&style.paint(*tone, mark));
            write_rows(out, &style.wrapped(line, style.width - 2), 0, 2);
        }
        Block::Heading(title) => {
            let title = text::terminal(title, LIMIT);
            let _ = writeln!(out, "{}", style.paint(Tone::Strong, &title));
        }
        Block::Paragraph(line) => write_rows(out, &style.wrapped(line, style.width), 0, 0),
        Block::Facts(facts) => {
            let widest = facts.iter().map(|(name, _)| name.chars().count()).max();
            let widest = widest.unwrap_or_default();
            for (name, line) in facts {
                let pad = widest - name.chars().count();
                let name = style.paint(Tone::Dim, &text::terminal(name, LIMIT));
                let _ = write!(out, "  {name}{}  ", " ".repeat(pad));
                let room = style.width.saturating_sub(widest + 4).max(24);
                write_rows(out, &style.wrapped(line, room), 0, widest + 4);
            }
        }
        Block::List { numbered, items } => {
            for (index, line) in items.iter().enumerate() {
                let mark = if *numbered {
                    format!("{}. ", index + 1)
                } else {
                    "- ".to_owned()
                };
                let indent = 2 + mark.chars().count();
                let _ = write!(out, "  {mark}");
                write_rows(
                    out,
                    &style.wrapped(line, style.width.saturating_sub(indent)),
                    0,
                    indent,
                );
            }
        }
        Block::Table { columns, rows } => write_table(out, columns, rows, style),
        Block::Tree(tree) => write_tree(out, tree, style, "  ", "  "),
        Block::Hex(hex) => {
            let shown = text::terminal(hex, usize::MAX);
            let characters: Vec<char> = shown.chars().collect();
            for row in characters.chunks(style.width - 2) {
                let _ = writeln!(out, "  {}", row.iter().collect::<String>());
            }
        }
        Block::Verbatim { title, text } => {
            if !title.is_empty() {
                let title = text::terminal(title, LIMIT);
                let _ = writeln!(out, "{}", style.paint(Tone::Strong, &title));
            }
            for line in text.lines() {
                let _ = writeln!(out, "{}", text::terminal(line, LIMIT));
            }
        }
        Block::Finding {
            tone,
            head,
            message,
            place,
            spans,
            notes,
        } => {
            if !spans.is_empty() {
                let finding = Finding {
                    tone: *tone,
                    head,
                    message,
                    spans,
                    notes,
                };
                out.push_str(&finding.draw(style));
                return;
            }
            let head = Line::of(*tone, head.clone())
                .and(Tone::Strong, ": ")
                .and(Tone::Strong, message.clone());
            write_rows(out, &style.wrapped(&head, style.width), 0, 2);
            if let Some(place) = place {
                let arrow = style.paint(Tone::Dim, "  --> ");
                let _ = writeln!(out, "{arrow}{}", text::terminal(place, LIMIT));
            }
            for (name, note) in notes {
                let name = text::terminal(name, LIMIT);
                let mark = style.paint(Tone::Dim, "   = ");
                let strong = style.paint(Tone::Strong, &format!("{name}: "));
                let _ = write!(out, "{mark}{strong}");
                let indent = 5 + name.chars().count() + 2;
                let room = style.width.saturating_sub(indent).max(24);
                write_rows(out, &style.wrapped(&note.as_str().into(), room), 0, indent);
            }
        }
    }
}

fn write_rows(out: &mut String, rows: &[String], first: usize, hanging: usize) {
    for (index, row) in rows.iter().enumerate() {
        let indent = if index == 0 { first } else { hanging };
        let _ = writeln!(out, "{}{row}", " ".repeat(indent));
    }
}

fn write_table(out: &mut String, columns: &[String], rows: &[Vec<Line>], style: Style) {
    let is_number = |column: usize| columns[column].starts_with('#');
    let names: Vec<&str> = columns.iter().map(|c| c.trim_start_matches('#')).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(length);
            cells.max().unwrap_or(0).max(names[column].chars().count())
        })
        .collect();
    let mut write_row = |cells: Vec<(String, usize)>| {
        let mut row = String::from(" ");
        for (column, (cell, length)) in cells.into_iter().enumerate() {
            let pad = " ".repeat(widths[column].saturating_sub(length));
            let _ = if is_number(column) {
                write!(row, " {pad}{cell} ")
            } else {
                write!(row, " {cell}{pad} ")
            };
        }
        let _ = writeln!(out, "{}", row.trim_end());
    };
    write_row(
        names
            .iter()
            .map(|name| (style.paint(Tone::Dim, name), name.chars().count()))
            .collect(),
    );
    for row in rows {
        let cells = row.iter().take(columns.len());
        write_row(cells.map(|cell| (style.line(cell), length(cell))).collect());
    }
}

fn write_tree(out: &mut String, tree: &Tree, style: Style, first: &str, rest: &str) {
    let room = style.width.saturating_sub(rest.chars().count()).max(24);
    for (index, row) in style.wrapped(&tree.line, room).iter().enumerate() {
        let lead = if index == 0 { first } else { rest };
        let _ = writeln!(out, "{lead}{row}");
    }
    // Deeper than this is no tree a person reads; hostile input stops here.
    if rest.chars().count() > 64 {
        return;
    }
    for (index, child) in tree.children.iter().enumerate() {
        let is_last = index + 1 == tree.children.len();
        let (branch, trunk) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        write_tree(
            out,
            child,
            style,
            &format!("{rest}{branch}"),
            &format!("{rest}{trunk}"),
        );
    }
}
