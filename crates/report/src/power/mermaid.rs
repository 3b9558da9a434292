//! The controller tree as a Mermaid flowchart, for Markdown pages that draw it.

use super::{DEPTH, NODES, State, marks, role, state, who};
use crate::hex;
use cutover_types::{Inspection, inspection::Controller, text};
use std::fmt::Write as _;

/// Longest piece of text in a node.
const LIMIT: usize = 120;

/// The tree as a Mermaid flowchart, from who acts to the proxy.
pub fn mermaid(report: &Inspection) -> String {
    let mut out = String::from("flowchart TD\n");
    let _ = writeln!(
        out,
        "    n0[\"proxy<br/>{}\"]",
        hex::address(report.address)
    );
    let mut count = 1;
    for controller in &report.controllers {
        draw(&mut out, controller, 0, 0, &mut count);
    }
    out.push_str(
        "    classDef proven stroke:#1a7f37,stroke-width:2px\n    \
         classDef claimed stroke:#9a6700,stroke-dasharray:5 3\n    \
         classDef powerless stroke:#8c959f,color:#5c6670\n    \
         classDef unclear stroke:#a40e26,stroke-dasharray:2 2\n",
    );
    out
}

fn draw(out: &mut String, controller: &Controller, above: usize, depth: usize, count: &mut usize) {
    if *count >= NODES || depth >= DEPTH {
        return;
    }
    let id = *count;
    *count += 1;
    let class = match state(controller) {
        State::Proven => "proven",
        State::Claimed => "claimed",
        State::Powerless => "powerless",
        State::Unclear => "unclear",
    };
    let mut label = escaped(&controller.kind);
    for mark in marks(controller) {
        let _ = write!(label, " · {}", escaped(&mark));
    }
    let _ = writeln!(
        out,
        "    n{id}[\"{label}<br/>{}\"]:::{class}",
        who(controller)
    );
    let line = if state(controller) == State::Powerless {
        "-.->"
    } else {
        "-->"
    };
    let role = role(controller).map(escaped).unwrap_or_default();
    let _ = if role.is_empty() {
        writeln!(out, "    n{id} {line} n{above}")
    } else {
        writeln!(out, "    n{id} {line}|\"{role}\"| n{above}")
    };
    for member in &controller.members {
        draw(out, member, id, depth + 1, count);
    }
}

/// Text inside quotes: Mermaid's own entities, nothing it reads as Markdown or markup.
fn escaped(untrusted: &str) -> String {
    let mut out = String::new();
    for c in text::terminal(untrusted, LIMIT).chars() {
        match c {
            c if c.is_alphanumeric() || " .,:-()·…/+".contains(c) => out.push(c),
            c => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}
