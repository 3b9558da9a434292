//! The map for a terminal.

use super::{Cell, Map, Mark, Row, slots};
use crate::{
    document::Tone,
    terminal::{LIMIT, Style},
};
use alloy_primitives::U256;
use cutover_types::text;
use std::fmt::Write as _;

/// Characters of a slot's picture, two bytes each.
const BAR: usize = 16;

impl Map {
    /// The map in columns; ends in a newline.
    pub fn text(&self, style: &Style) -> String {
        let style = Style {
            width: style.width.max(60),
            ..*style
        };
        let rows: Vec<_> = self.frames.iter().flat_map(|frame| &frame.rows).collect();
        if rows.is_empty() {
            return format!("{}\n", self.empty());
        }
        let mut number = 4;
        let (mut widest, mut green_widest) = (self.blue_name().chars().count(), 0);
        for row in rows {
            let Row::Slots {
                first,
                count,
                lines,
            } = row
            else {
                continue;
            };
            number = number.max(slots(*first, *count).chars().count());
            for line in lines {
                widest = widest.max(length(line.blue.as_ref()));
                green_widest = green_widest.max(length(line.green.as_ref()));
            }
        }
        let fixed = 4 + number + 2 + BAR + 2 + 2;
        let room = style.width.saturating_sub(fixed);
        // The narrower side leaves its room to the other.
        let half = room / 2;
        let left = widest
            .min(half.max(room.saturating_sub(green_widest)))
            .max(12);
        let right = room.saturating_sub(left).max(12);
        let columns = Columns {
            style,
            number,
            left,
            right,
        };

        let mut out = String::new();
        for (index, frame) in self.frames.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            if let Some(title) = &frame.title {
                let title = text::terminal(title, LIMIT);
                let _ = writeln!(out, "{}", style.paint(Tone::Strong, &title));
            }
            columns.header(&mut out, &self.blue_name(), &self.green_name());
            for row in &frame.rows {
                columns.row(&mut out, row);
            }
            if frame.left_out > 0 {
                let _ = writeln!(out, "  … {} more rows", frame.left_out);
            }
        }
        out.push('\n');
        let legend = Mark::ALL.map(|mark| format!("{} {}", mark.sign(), mark.meaning()));
        let legend = format!("{}; ▀ blue only, ▄ green only, █ both", legend.join(", "));
        for row in style.wrapped(&crate::Line::of(Tone::Dim, legend), style.width) {
            let _ = writeln!(out, "{row}");
        }
        out
    }

    fn blue_name(&self) -> String {
        format!("blue {}", text::terminal(&self.blue, LIMIT))
    }

    fn green_name(&self) -> String {
        format!("green {}", text::terminal(&self.green, LIMIT))
    }
}

struct Columns {
    style: Style,
    number: usize,
    left: usize,
    right: usize,
}

impl Columns {
    fn header(&self, out: &mut String, blue: &str, green: &str) {
        let row = format!(
            "    {:>number$}  {:<BAR$}  {}  {}",
            "slot",
            "31  bytes      0",
            fit(blue, self.left),
            fit(green, self.right).trim_end(),
            number = self.number,
        );
        let _ = writeln!(out, "{}", self.style.paint(Tone::Dim, row.trim_end()));
    }

    fn row(&self, out: &mut String, row: &Row) {
        let (first, count, lines) = match row {
            Row::Slots {
                first,
                count,
                lines,
            } => (*first, *count, lines),
            Row::Folded(count) => {
                let s = if *count == U256::ONE { "" } else { "s" };
                let row = format!("    {:>n$}  {count} equal slot{s}", "…", n = self.number);
                let _ = writeln!(out, "{}", self.style.paint(Tone::Dim, &row));
                return;
            }
        };
        for (index, line) in lines.iter().enumerate() {
            let number = match index {
                0 => slots(first, count),
                _ => String::new(),
            };
            let row = format!(
                "  {} {number:>n$}  {}  {}  {}",
                line.mark.sign(),
                bar(line.blue.as_ref(), line.green.as_ref()),
                fit(&shown(line.blue.as_ref()), self.left),
                fit(&shown(line.green.as_ref()), self.right),
                n = self.number,
            );
            let tone = match line.mark {
                Mark::Same => Tone::Plain,
                Mark::Added => Tone::Good,
                Mark::Gone | Mark::Changed => Tone::Warn,
                Mark::Wrong => Tone::Bad,
            };
            let _ = writeln!(out, "{}", self.style.paint(tone, row.trim_end()));
        }
    }
}

fn shown(cell: Option<&Cell>) -> String {
    cell.map(|cell| text::terminal(&cell.shown(), LIMIT))
        .unwrap_or_default()
}

fn length(cell: Option<&Cell>) -> usize {
    shown(cell).chars().count()
}

/// Exactly `width` characters.
fn fit(shown: &str, width: usize) -> String {
    if shown.chars().count() > width {
        let mut cut: String = shown.chars().take(width.saturating_sub(1)).collect();
        cut.push('…');
        cut
    } else {
        format!("{shown:<width$}")
    }
}

/// The slot's bytes, the high ones left, as a hash is written.
fn bar(blue: Option<&Cell>, green: Option<&Cell>) -> String {
    let uses = |cell: Option<&Cell>, byte: u64| cell.is_some_and(|c| c.bytes.contains(&byte));
    (0..BAR as u64)
        .rev()
        .map(|pair| {
            let both = |cell| uses(cell, pair * 2) || uses(cell, pair * 2 + 1);
            match (both(blue), both(green)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => '·',
            }
        })
        .collect()
}
