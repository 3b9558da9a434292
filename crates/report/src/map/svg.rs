//! The map as a picture: 32 columns a slot, one for each byte, the high bytes left.
//!
//! No script, no font, nothing from elsewhere; the colours follow the reader's theme, and a sign and
//! an outline say the same without them.

use super::{Cell, Frame, Line, Map, Mark, Row, slots};
use cutover_types::text;
use std::{collections::BTreeMap, fmt::Write as _};

/// Width of one byte.
const BYTE: f64 = 12.5;
/// Width of one slot.
const WORD: f64 = 32.0 * BYTE;
/// Between the two slots: number and sign.
const MIDDLE: f64 = 104.0;
const MARGIN: f64 = 20.0;
/// Height of a slot.
const BOX: f64 = 24.0;
/// Height of a label under a slot.
const LABEL: f64 = 17.0;
/// Between rows.
const SPACE: f64 = 6.0;
/// Width of one character: an upper estimate of what the fonts below have.
const LETTER: f64 = 7.3;
const BLUE_X: f64 = MARGIN;
const GREEN_X: f64 = MARGIN + WORD + MIDDLE;
const WIDTH: f64 = GREEN_X + WORD + MARGIN;
/// Longest label.
const LIMIT: usize = 120;

const CSS: &str = "\
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1d2125}\
.paper{fill:#fff}.dim{fill:#5c6670}.head{font-weight:600}.mid{text-anchor:middle}.end{text-anchor:end}\
.free{fill:#f5f7f9;stroke:#d9dee3}.tick{stroke:#d9dee3}.lead{fill:none;stroke:#5c6670}\
.same{fill:#dbe6f2;stroke:#7d93aa}.new{fill:#d2f0d9;stroke:#1a7f37;stroke-width:2}\
.gone{fill:#f0eadb;stroke:#7d4e00;stroke-width:1.5;stroke-dasharray:5 3}\
.other{fill:#fbeecb;stroke:#9a6700;stroke-width:1.5;stroke-dasharray:2 2}\
.wrong{fill:#fcdcdc;stroke:#a40e26;stroke-width:2}.hatch{fill:url(#h)}.h{stroke:#a40e26;stroke-opacity:.28;stroke-width:2}\
.room{fill:none;stroke:#9aa4ad;stroke-dasharray:1 3}.move{fill:none;stroke:#a40e26;stroke-opacity:.65}.tip{fill:#a40e26}\
.slot{paint-order:stroke;stroke:#fff;stroke-width:4px}\
.s-new{fill:#116329}.s-gone,.s-other{fill:#7d4e00}.s-wrong{fill:#a40e26}.sign{font-weight:700;font-size:15px}\
@media(prefers-color-scheme:dark){text{fill:#e6e9ec}.paper{fill:#0d1117}.dim{fill:#9aa4ad}\
.free{fill:#161b21;stroke:#2d353d}.tick{stroke:#2d353d}.lead{stroke:#9aa4ad}\
.same{fill:#22303f;stroke:#5f7a95}.new{fill:#123d22;stroke:#57c478}.gone{fill:#3a2f17;stroke:#e0a94a}\
.other{fill:#443510;stroke:#e0a94a}.wrong{fill:#4a1a20;stroke:#ff7b87}.h{stroke:#ff7b87}.room{stroke:#5c6670}.move{stroke:#ff7b87}.tip{fill:#ff7b87}.slot{stroke:#0d1117}\
.s-new{fill:#57c478}.s-gone,.s-other{fill:#e0a94a}.s-wrong{fill:#ff7b87}}";

impl Mark {
    fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "new",
            Self::Gone => "gone",
            Self::Changed => "other",
            Self::Wrong => "wrong",
        }
    }
}

impl Map {
    /// The map as an SVG document.
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = MARGIN + 14.0;
        for (x, role, name) in [
            (BLUE_X, "blue", &self.blue),
            (GREEN_X, "green", &self.green),
        ] {
            let name = clip(name, WORD - 7.0 * LETTER);
            let _ = writeln!(
                body,
                "<text x=\"{x}\" y=\"{y}\"><tspan class=\"head\">{role}</tspan> \
                 <tspan class=\"dim\">{name}</tspan></text>"
            );
        }
        for frame in &self.frames {
            y += 12.0;
            y = draw_frame(&mut body, frame, y);
        }
        if self.frames.is_empty() {
            y += 24.0;
            let _ = writeln!(
                body,
                "<text class=\"dim\" x=\"{MARGIN}\" y=\"{y}\">{}</text>",
                self.empty()
            );
        }
        y = legend(&mut body, y + 16.0);
        let height = y + MARGIN;
        let title = text::html(
            &format!("Storage of {} and {}", self.blue, self.green),
            LIMIT * 2,
        );
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{title}</title>\n\
             <style>{CSS}</style>\n\
             <defs><pattern id=\"h\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><path class=\"h\" d=\"M0 0V7\"/></pattern></defs>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n"
        )
    }
}

/// Where a side's variables are drawn, by name.
type Places = BTreeMap<String, f64>;

fn draw_frame(out: &mut String, frame: &Frame, mut y: f64) -> f64 {
    if let Some(title) = &frame.title {
        y += 18.0;
        let title = clip(title, WIDTH - 2.0 * MARGIN);
        let _ = writeln!(
            out,
            "<text class=\"head\" x=\"{MARGIN}\" y=\"{y}\">{title}</text>"
        );
        y += 6.0;
    }
    y = scale(out, y + 12.0);
    let (mut blue, mut green) = (Places::new(), Places::new());
    let mut rows = String::new();
    for row in &frame.rows {
        y = match row {
            Row::Slots {
                first,
                count,
                lines,
            } => {
                for line in lines {
                    note_place(&mut blue, line.blue.as_ref(), y);
                    note_place(&mut green, line.green.as_ref(), y);
                }
                draw_row(&mut rows, &slots(*first, *count), lines, y)
            }
            Row::Folded(count) => {
                let x = WIDTH / 2.0;
                let s = if count.to_string() == "1" { "" } else { "s" };
                let _ = writeln!(
                    rows,
                    "<text class=\"dim mid\" x=\"{x}\" y=\"{}\">… {count} equal slot{s} …</text>",
                    y + 13.0
                );
                y + 18.0 + SPACE
            }
        };
    }
    draw_moves(out, &blue, &green);
    out.push_str(&rows);
    if frame.left_out > 0 {
        let _ = writeln!(
            out,
            "<text class=\"dim mid\" x=\"{}\" y=\"{}\">… {} more rows</text>",
            WIDTH / 2.0,
            y + 13.0,
            frame.left_out
        );
        y += 18.0;
    }
    y
}

fn note_place(places: &mut Places, cell: Option<&Cell>, y: f64) {
    if let Some(cell) = cell.filter(|cell| !cell.continued && !cell.gap) {
        places.entry(cell.label.clone()).or_insert(y + BOX / 2.0);
    }
}

/// From where each variable was to where it is, when that is another slot.
fn draw_moves(out: &mut String, blue: &Places, green: &Places) {
    let (from, to) = (BLUE_X + WORD, GREEN_X);
    for (label, before) in blue {
        let Some(after) = green.get(label).filter(|after| *after != before) else {
            continue;
        };
        let _ = writeln!(
            out,
            "<path class=\"move\" d=\"M{from} {before}C{} {before} {} {after} {} {after}\"/>\
             <path class=\"tip\" d=\"M{to} {after}l-7 -4v8z\"/>",
            from + MIDDLE / 2.0,
            to - MIDDLE / 2.0,
            to - 6.0
        );
    }
}

/// The numbers of the bytes over both words.
fn scale(out: &mut String, y: f64) -> f64 {
    for x in [BLUE_X, GREEN_X] {
        for byte in [31_u32, 24, 16, 8, 0] {
            let at = left(x, f64::from(byte) + 1.0) + BYTE / 2.0;
            let _ = writeln!(
                out,
                "<text class=\"dim mid\" x=\"{at}\" y=\"{y}\" style=\"font-size:10px\">{byte}</text>"
            );
        }
    }
    let _ = writeln!(
        out,
        "<text class=\"dim mid\" x=\"{}\" y=\"{y}\" style=\"font-size:10px\">slot</text>",
        WIDTH / 2.0
    );
    y + 6.0
}

/// Where the byte that ends below `end` begins: byte 31 is the first from the left.
fn left(word: f64, end: f64) -> f64 {
    word + (32.0 - end) * BYTE
}

fn draw_row(out: &mut String, number: &str, lines: &[Line], y: f64) -> f64 {
    let mark = lines
        .iter()
        .map(|line| line.mark)
        .max()
        .unwrap_or(Mark::Same);
    let _ = writeln!(
        out,
        "<text class=\"mid slot\" x=\"{x}\" y=\"{ty}\">{number} <tspan class=\"sign s-{class}\">{sign}</tspan></text>",
        x = WIDTH / 2.0,
        ty = y + BOX / 2.0 + 4.5,
        class = mark.class(),
        sign = mark.sign(),
    );
    let blue = lines
        .iter()
        .filter_map(|l| Some((l.blue.as_ref()?, l.mark)));
    let green = lines
        .iter()
        .filter_map(|l| Some((l.green.as_ref()?, l.mark)));
    let ours = draw_word(out, BLUE_X, y, &blue.collect::<Vec<_>>());
    let theirs = draw_word(out, GREEN_X, y, &green.collect::<Vec<_>>());
    y + BOX + ours.max(theirs) as f64 * LABEL + SPACE
}

/// One slot of one side; returns how many labels had to go under it.
fn draw_word(out: &mut String, x: f64, y: f64, cells: &[(&Cell, Mark)]) -> usize {
    let _ = writeln!(
        out,
        "<rect class=\"free\" x=\"{x}\" y=\"{y}\" width=\"{WORD}\" height=\"{BOX}\"/>"
    );
    for byte in 1..32_u32 {
        let at = x + f64::from(byte) * BYTE;
        let (top, length) = if byte % 8 == 0 {
            (y, BOX)
        } else {
            (y + BOX - 4.0, 4.0)
        };
        let _ = write!(out, "<path class=\"tick\" d=\"M{at} {top}v{length}\"/>");
    }
    out.push('\n');
    let mut under = Vec::new();
    for (cell, mark) in cells {
        let from = left(x, cell.bytes.end as f64);
        let width = (cell.bytes.end - cell.bytes.start) as f64 * BYTE;
        let class = match (cell.gap, mark) {
            (true, Mark::Same | Mark::Added | Mark::Gone) => "room",
            _ => mark.class(),
        };
        let shown = cell.shown();
        let hint = format!(
            "{shown}, bytes {} to {}: {}",
            cell.bytes.start,
            cell.bytes.end - 1,
            mark.meaning()
        );
        let frame = format!(
            "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"",
            from + 1.0,
            y + 1.0,
            width - 2.0,
            BOX - 2.0
        );
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" {frame}><title>{}</title></rect>",
            text::html(&hint, LIMIT * 2)
        );
        if class == "wrong" {
            let _ = writeln!(out, "<rect class=\"hatch\" {frame}/>");
        }
        let letters = text::terminal(&shown, LIMIT).chars().count() as f64;
        let is_wide = cell.bytes.end - cell.bytes.start > 8;
        if letters * LETTER + 8.0 <= width || is_wide {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\"{}>{}</text>",
                from + 6.0,
                y + BOX / 2.0 + 4.5,
                if cell.gap || cell.continued {
                    " class=\"dim\""
                } else {
                    ""
                },
                clip(&shown, width - 8.0)
            );
        } else {
            under.push((from + width / 2.0, shown));
        }
    }
    draw_labels(out, x, y + BOX, under)
}

/// Labels of boxes that are too small for them, each on a line of its own.
fn draw_labels(out: &mut String, x: f64, y: f64, labels: Vec<(f64, String)>) -> usize {
    let (mut to_left, mut to_right): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|(at, _)| *at > x + WORD / 2.0);
    // So that no lead crosses the label of another.
    to_left.sort_by(|a, b| a.0.total_cmp(&b.0));
    to_right.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = to_left.len() + to_right.len();
    let all = to_left
        .into_iter()
        .map(|label| (label, true))
        .chain(to_right.into_iter().map(|label| (label, false)));
    for (level, ((at, shown), is_left)) in all.enumerate() {
        let base = y + level as f64 * LABEL + 10.0;
        let (turn, anchor, room) = if is_left {
            (at - 8.0, "end", at - 12.0 - x)
        } else {
            (at + 8.0, "", x + WORD - at - 12.0)
        };
        let gap = if is_left { -4.0 } else { 4.0 };
        let _ = writeln!(
            out,
            "<path class=\"lead\" d=\"M{at} {y}V{base}H{turn}\"/>\
             <text class=\"{anchor}\" x=\"{}\" y=\"{}\">{}</text>",
            turn + gap,
            base + 4.0,
            clip(&shown, room)
        );
    }
    count
}

fn legend(out: &mut String, y: f64) -> f64 {
    let mut x = MARGIN;
    let mut line = y;
    let marks = Mark::ALL.map(|mark| (mark.class(), mark.sign(), mark.meaning()));
    let room = ("room", ' ', "kept free for later");
    for (class, sign, words) in marks.into_iter().chain([room]) {
        let width = 58.0 + words.chars().count() as f64 * LETTER;
        if x + width > WIDTH - MARGIN {
            x = MARGIN;
            line += 22.0;
        }
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{line}\" width=\"20\" height=\"14\" rx=\"2\"/>"
        );
        if class == "wrong" {
            let _ = writeln!(
                out,
                "<rect class=\"hatch\" x=\"{x}\" y=\"{line}\" width=\"20\" height=\"14\" rx=\"2\"/>"
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\"><tspan class=\"sign s-{class}\">{}</tspan> {words}</text>",
            x + 26.0,
            line + 11.5,
            sign
        );
        x += width;
    }
    line + 16.0
}

/// Escaped text that fits into `width`.
fn clip(shown: &str, width: f64) -> String {
    let room = (width / LETTER).max(1.0) as usize;
    let shown = text::terminal(shown, LIMIT);
    if shown.chars().count() <= room {
        return text::html(&shown, LIMIT);
    }
    text::html(&shown, room.saturating_sub(1))
}
