//! The controller tree as a picture: one box for each member under the one it stands behind. No script, no
//! font, nothing from elsewhere; a line's form says the same as its colour.

use super::{DEPTH, NO_KEY, NODES, State, marks, role, state, time, who};
use crate::{hex, snippet::wrap};
use cutover_types::{
    Inspection,
    inspection::{Controller, Power},
    text,
};
use std::fmt::Write as _;

const MARGIN: f64 = 20.0;
/// Between one level and the next.
const INDENT: f64 = 34.0;
const BOX: f64 = 46.0;
const SPACE: f64 = 12.0;
/// Width of one character: an upper estimate of what the fonts below have.
const LETTER: f64 = 7.4;
/// Longest text in a box, and in one row of a line.
const LIMIT: usize = 160;
/// Where the rows of a line are broken, if they can be.
const ROW: usize = 110;
/// Lines about paths.
const LINES: usize = 40;

const CSS: &str = "\
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1d2125}\
.paper{fill:#fff}.dim{fill:#5c6670}.head{font-weight:600}.bad{fill:#a40e26}\
.proxy{fill:#dbe6f2;stroke:#7d93aa;stroke-width:2}.proven{fill:#d2f0d9;stroke:#1a7f37;stroke-width:2}\
.claimed{fill:#fbeecb;stroke:#9a6700;stroke-width:1.5;stroke-dasharray:5 3}\
.powerless{fill:#f5f7f9;stroke:#9aa4ad;stroke-dasharray:1 3}\
.unclear{fill:#fcdcdc;stroke:#a40e26;stroke-width:1.5;stroke-dasharray:2 2}.line{fill:none;stroke:#5c6670}\
@media(prefers-color-scheme:dark){text{fill:#e6e9ec}.paper{fill:#0d1117}.dim{fill:#9aa4ad}.bad{fill:#ff7b87}\
.proxy{fill:#22303f;stroke:#5f7a95}.proven{fill:#123d22;stroke:#57c478}.claimed{fill:#443510;stroke:#e0a94a}\
.powerless{fill:#161b21;stroke:#5c6670}.unclear{fill:#4a1a20;stroke:#ff7b87}.line{stroke:#9aa4ad}}";

struct Picture {
    body: String,
    y: f64,
    width: f64,
    nodes: usize,
}

/// The tree as an SVG document.
pub fn svg(report: &Inspection) -> String {
    let mut picture = Picture {
        body: String::new(),
        y: MARGIN,
        width: 480.0,
        nodes: 0,
    };
    let name = format!("chain {}, block {}", report.chain_id, report.block.number);
    let middle = picture.node(0, "proxy", &name, &hex::address(report.address), None);
    for controller in &report.controllers {
        picture.draw(controller, 1, middle);
    }
    if let Some(power) = &report.power {
        picture.describe(power);
    }
    let (width, height) = (picture.width + MARGIN, picture.y + MARGIN);
    let title = format!("Who can upgrade {}", hex::address(report.address));
    let title = text::html(&title, LIMIT);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n<style>{CSS}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{}</svg>\n",
        picture.body
    )
}

impl Picture {
    fn draw(&mut self, controller: &Controller, depth: usize, above: f64) {
        if self.nodes >= NODES || depth >= DEPTH {
            return;
        }
        self.nodes += 1;
        let (class, says) = match state(controller) {
            State::Proven => ("proven", "proven"),
            State::Claimed => ("claimed", "claimed"),
            State::Powerless => ("powerless", "cannot press"),
            State::Unclear => ("unclear", "not known whether it can"),
        };
        let mut words = match role(controller) {
            Some(role) => format!("{role}: {}", controller.kind),
            None => controller.kind.clone(),
        };
        for mark in marks(controller).iter().map(String::as_str).chain([says]) {
            let _ = write!(words, " · {mark}");
        }
        let who = who(controller);
        let middle = self.node(depth, class, &words, &who, Some(above));
        for member in &controller.members {
            self.draw(member, depth + 1, middle);
        }
    }

    /// A box, with a line from the one it stands under; the height its own members' lines begin at.
    fn node(
        &mut self,
        depth: usize,
        class: &str,
        words: &str,
        address: &str,
        above: Option<f64>,
    ) -> f64 {
        let x = MARGIN + depth as f64 * INDENT;
        let y = self.y;
        let letters = words.chars().count().min(LIMIT).max(address.len()) as f64;
        let width = (letters * LETTER + 20.0).round();
        if let Some(from) = above {
            let (left, middle) = (x - INDENT + 14.0, y + BOX / 2.0);
            let _ = writeln!(
                self.body,
                "<path class=\"line\" d=\"M{left} {from}V{middle}H{x}\"/>"
            );
        }
        let (words, address) = (text::html(words, LIMIT), text::html(address, LIMIT));
        let (left, first, second) = (x + 10.0, y + 18.0, y + 36.0);
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"5\"/>\n\
             <text class=\"head\" x=\"{left}\" y=\"{first}\">{words}</text>\n\
             <text x=\"{left}\" y=\"{second}\">{address}</text>"
        );
        self.width = self.width.max(x + width);
        self.y = y + BOX + SPACE;
        y + BOX
    }

    fn describe(&mut self, power: &Power) {
        let least = if power.complete { "" } else { "at most " };
        let told = |value: Option<String>| match value {
            Some(value) => format!("{least}{value}"),
            None if power.complete => "nobody can".into(),
            None => "not known".into(),
        };
        self.y += SPACE;
        let wait = told(power.delay_seconds.map(|seconds| match seconds {
            0 => "none".into(),
            seconds => time(seconds),
        }));
        let keys = match power.fewest_signers {
            Some(0) => NO_KEY.into(),
            keys => told(keys.map(hex::count)),
        };
        self.text("head", &format!("enforced wait: {wait}"));
        self.text("head", &format!("fewest keys: {keys}"));
        for words in power.bypasses.iter().take(LINES) {
            self.text("bad", &format!("around the timelock: {words}"));
        }
        for words in power.unknown.iter().take(LINES) {
            self.text("dim", &format!("not told: {words}"));
        }
    }

    /// A line about all paths, in rows.
    fn text(&mut self, class: &str, words: &str) {
        for row in wrap(words, ROW).lines() {
            let shown = row.chars().count().min(LIMIT) as f64;
            self.width = self.width.max(MARGIN + shown * LETTER);
            let row = text::html(row, LIMIT);
            let y = self.y + 12.0;
            let _ = writeln!(
                self.body,
                "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{row}</text>"
            );
            self.y += 18.0;
        }
    }
}
