//! A document as one HTML page without scripts, links, fonts or images.

use crate::{
    document::{Block, Document, Line, Tone, Tree},
    snippet::Finding,
    terminal::{LIMIT, Style},
};
use cutover_types::text;
use std::fmt::Write as _;

const CSS: &str = "\
:root{--ink:#1d2125;--dim:#5c6670;--line:#d9dee3;--good:#116329;--warn:#7d4e00;--bad:#a40e26;--paper:#fff;--code:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--dim:#9aa4ad;--line:#333b43;--good:#57c478;--warn:#e0a94a;--bad:#ff7b87;--paper:#14181c;--code:#1d2329}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1.5rem;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1.05rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
code,.hex{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
code{background:var(--code);padding:.1em .3em;border-radius:3px}.hex{background:var(--code);padding:.75rem;border-radius:6px;margin:.5rem 0}
.verdict{border-left:.4rem solid var(--dim);padding:.75rem 1rem;margin:0 0 1rem;background:var(--code);font-size:1.1rem;font-weight:600}
.verdict.good{border-color:var(--good)}.verdict.warn{border-color:var(--warn)}.verdict.bad{border-color:var(--bad)}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad);font-weight:600}.dim{color:var(--dim)}.verdict{color:inherit}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{color:var(--dim)}dd{margin:0;min-width:0}
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:500}.n{text-align:right;font-variant-numeric:tabular-nums}ul,ol{padding-left:1.4rem;margin:.5rem 0}
.finding{margin:.75rem 0}pre{font:.85em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--code);color:var(--ink);padding:.75rem;border-radius:6px;overflow-x:auto}\
pre.finding{border-left:.3rem solid var(--dim);font-weight:400;color:var(--ink)}pre.bad{border-color:var(--bad)}pre.warn{border-color:var(--warn)}@media(max-width:40rem){dl{grid-template-columns:1fr}dt{margin-top:.5rem}}@media print{body{max-width:none;padding:0}}
";

impl Document {
    /// The document as a page of its own, safe to open from a file: no script runs and nothing is
    /// loaded.
    pub fn html(&self) -> String {
        let title = text::html(&self.title, LIMIT);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        );
        for block in &self.blocks {
            write_block(&mut out, block);
        }
        out.push_str("</body>\n</html>\n");
        out
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Dim => "dim",
        Tone::Plain | Tone::Strong | Tone::Code => "",
    }
}

fn write_block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Verdict(tone, row) => {
            writeln!(
                out,
                "<p class=\"verdict {}\">{}</p>",
                class(*tone),
                line(row)
            )
        }
        Block::Heading(title) => writeln!(out, "<h2>{}</h2>", text::html(title, LIMIT)),
        Block::Paragraph(row) => writeln!(out, "<p>{}</p>", line(row)),
        Block::Facts(facts) => {
            out.push_str("<dl>\n");
            for (name, row) in facts {
                let name = text::html(name, LIMIT);
                let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", line(row));
            }
            writeln!(out, "</dl>")
        }
        Block::List { numbered, items } => {
            let tag = if *numbered { "ol" } else { "ul" };
            let _ = writeln!(out, "<{tag}>");
            for row in items {
                let _ = writeln!(out, "<li>{}</li>", line(row));
            }
            writeln!(out, "</{tag}>")
        }
        Block::Table { columns, rows } => {
            let class = |column: usize| match columns.get(column) {
                Some(name) if name.starts_with('#') => " class=\"n\"",
                _ => "",
            };
            out.push_str("<table>\n<tr>");
            for (column, name) in columns.iter().enumerate() {
                let name = text::html(name.trim_start_matches('#'), LIMIT);
                let _ = write!(out, "<th{}>{name}</th>", class(column));
            }
            out.push_str("</tr>\n");
            for row in rows {
                out.push_str("<tr>");
                for (column, cell) in row.iter().enumerate() {
                    let _ = write!(out, "<td{}>{}</td>", class(column), line(cell));
                }
                out.push_str("</tr>\n");
            }
            writeln!(out, "</table>")
        }
        Block::Tree(tree) => {
            out.push_str("<ul>\n");
            write_tree(out, tree, 0);
            writeln!(out, "</ul>")
        }
        Block::Hex(hex) => writeln!(
            out,
            "<div class=\"hex\">{}</div>",
            text::html(hex, usize::MAX)
        ),
        Block::Verbatim { title, text } => {
            let title = text::html(title, LIMIT);
            let _ = writeln!(out, "<details open><summary>{title}</summary>");
            let _ = writeln!(out, "<pre>{}</pre>", verbatim(text));
            writeln!(out, "</details>")
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
            let drawn = verbatim(&drawn.draw(Style::default()));
            writeln!(out, "<pre class=\"finding {}\">{drawn}</pre>", class(*tone))
        }
        Block::Finding {
            tone,
            head,
            message,
            place,
            notes,
            ..
        } => {
            let head = text::html(head, LIMIT);
            let message = text::html(message, LIMIT);
            let _ = write!(
                out,
                "<div class=\"finding\"><span class=\"{}\">{head}</span>: {message}",
                class(*tone)
            );
            if let Some(place) = place {
                let _ = write!(out, " <code>{}</code>", text::html(place, LIMIT));
            }
            for (name, note) in notes {
                let (name, note) = (text::html(name, LIMIT), text::html(note, LIMIT));
                let _ = write!(out, "<br><span class=\"dim\">{name}:</span> {note}");
            }
            writeln!(out, "</div>")
        }
    };
}

/// Lines as they are.
fn verbatim(shown: &str) -> String {
    let lines: Vec<_> = shown.lines().map(|line| text::html(line, LIMIT)).collect();
    lines.join("\n")
}

fn write_tree(out: &mut String, tree: &Tree, depth: usize) {
    let _ = write!(out, "<li>{}", line(&tree.line));
    if !tree.children.is_empty() && depth < 20 {
        out.push_str("\n<ul>\n");
        for child in &tree.children {
            write_tree(out, child, depth + 1);
        }
        out.push_str("</ul>");
    }
    out.push_str("</li>\n");
}

fn line(line: &Line) -> String {
    let spans = line.0.iter().map(|span| {
        let shown = text::html(&span.text, LIMIT);
        match span.tone {
            Tone::Plain => shown,
            Tone::Strong => format!("<strong>{shown}</strong>"),
            Tone::Code => format!("<code>{shown}</code>"),
            tone => format!("<span class=\"{}\">{shown}</span>", class(tone)),
        }
    });
    spans.collect()
}
