//! A finding with the source it points at, drawn as rustc draws its own.

use crate::{
    document::Tone,
    terminal::{LIMIT, Style},
};
use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
    renderer::{AnsiColor, Effects, Style as Paint},
};
use cutover_types::{check::Span, text};

/// Places shown of one finding.
const MAX_SPANS: usize = 8;

/// A finding, before it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding<'a> {
    pub(crate) tone: Tone,
    pub(crate) head: &'a str,
    pub(crate) message: &'a str,
    pub(crate) spans: &'a [Span],
    pub(crate) notes: &'a [(String, String)],
}

impl Finding<'_> {
    /// The finding in lines; ends in a newline.
    pub(crate) fn draw(&self, style: Style) -> String {
        let level = match self.tone {
            Tone::Bad => Level::ERROR,
            Tone::Warn => Level::WARNING,
            _ => Level::NOTE,
        };
        let head = text::terminal(self.head, LIMIT);
        let (name, id) = match head.strip_suffix(']').and_then(|h| h.split_once('[')) {
            Some((name, id)) => (name.to_owned(), Some(id.to_owned())),
            None => (head.clone(), None),
        };
        let room = style.width.saturating_sub(head.chars().count() + 2);
        let mut title = level
            .clone()
            .with_name(name)
            .primary_title(wrap(self.message, room));
        if let Some(id) = id {
            title = title.id(id);
        }
        let mut group = Group::with_title(title);
        let shown: Vec<_> = self.spans.iter().take(MAX_SPANS).map(Shown::of).collect();
        for (index, span) in shown.iter().enumerate() {
            group = group.elements(span.elements(index == 0));
        }
        let last = shown.iter().map(|span| span.line).max();
        let margin = last.unwrap_or_default().to_string().len() + 4;
        for (name, note) in self.notes {
            let name = text::terminal(name, LIMIT);
            let level = if name == "help" {
                Level::HELP
            } else {
                Level::NOTE
            };
            let room = style.width.saturating_sub(margin + name.len() + 2);
            let note = level.with_name(name).message(wrap(note, room));
            group = group.element(note);
        }
        let mut drawn = renderer(style).render(&[group]);
        drawn.push('\n');
        drawn
    }
}

/// A span made harmless, with the byte range of what it marks.
struct Shown {
    line: usize,
    column: usize,
    file: String,
    text: String,
    mark: std::ops::Range<usize>,
    note: String,
}

impl Shown {
    fn of(span: &Span) -> Self {
        let first = usize::try_from(span.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let length = usize::try_from(span.length).unwrap_or(usize::MAX);
        let last = first.saturating_add(length.max(1));
        let mut source = String::new();
        let (mut start, mut end) = (None, None);
        for (index, c) in span.text.chars().take(LIMIT).enumerate() {
            if index == first {
                start = Some(source.len());
            }
            if index == last {
                end = Some(source.len());
            }
            match c {
                // The renderer expands it, and counts it as one column.
                '\t' => source.push(c),
                _ => source.push_str(&text::terminal(c.encode_utf8(&mut [0; 4]), 1)),
            }
        }
        let end = end.unwrap_or(source.len());
        Self {
            line: usize::try_from(span.line).unwrap_or(usize::MAX),
            column: first.saturating_add(1),
            file: text::terminal(&span.file, LIMIT),
            mark: start.map_or(0..0, |start| start..end),
            text: source,
            note: text::terminal(&span.note, LIMIT),
        }
    }

    /// The line with its mark, or the bare place when the source is not at hand.
    fn elements(&self, is_first: bool) -> Vec<Element<'_>> {
        if self.mark.is_empty() {
            let mut bare = vec![Element::from(
                Origin::path(self.file.as_str())
                    .line(self.line)
                    .char_column(self.column),
            )];
            if !self.note.is_empty() {
                bare.push(Level::NOTE.no_name().message(self.note.as_str()).into());
            }
            return bare;
        }
        let kind = if is_first {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let mark = kind.span(self.mark.clone());
        let mark = if self.note.is_empty() {
            mark
        } else {
            mark.label(self.note.as_str())
        };
        let snippet = Snippet::source(self.text.as_str())
            .line_start(self.line)
            .path(self.file.as_str())
            .annotation(mark);
        vec![snippet.into()]
    }
}

/// Rows of at most `width` characters, broken at spaces.
pub(crate) fn wrap(shown: &str, width: usize) -> String {
    let width = width.max(24);
    let mut rows = String::new();
    let mut used = 0;
    for word in text::terminal(shown, LIMIT).split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            rows.push('\n');
            used = 0;
        } else if used > 0 {
            rows.push(' ');
            used += 1;
        }
        rows.push_str(word);
        used += length;
    }
    rows
}

fn renderer(style: Style) -> Renderer {
    if !style.colour {
        return Renderer::plain().term_width(style.width);
    }
    let bold = |colour: AnsiColor| Paint::new().fg_color(Some(colour.into())) | Effects::BOLD;
    Renderer::styled()
        .term_width(style.width)
        .error(bold(AnsiColor::Red))
        .warning(bold(AnsiColor::Yellow))
        .note(Paint::new() | Effects::BOLD)
        .help(bold(AnsiColor::Cyan))
        .context(bold(AnsiColor::Blue))
        .line_num(bold(AnsiColor::Blue))
        .emphasis(Paint::new() | Effects::BOLD)
}
