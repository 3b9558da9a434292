//! What a report says, before it has a form.

use cutover_types::check;

/// What a piece of text means; a form decides how that looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Names of a heading or a column.
    Strong,
    /// Addresses, hashes, calldata.
    Code,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Stops the upgrade.
    Bad,
    /// Less important.
    Dim,
}

/// A piece of text with one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Untrusted text.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

/// Spans side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Span>);

impl Line {
    /// One span.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self(vec![Span {
            text: text.into(),
            tone,
        }])
    }

    /// The line with one more span.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push(Span {
            text: text.into(),
            tone,
        });
        self
    }

    /// The line with more plain text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.and(Tone::Plain, text)
    }

    /// The line with an address, a hash or a name from code.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Self {
        self.and(Tone::Code, text)
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::of(Tone::Plain, text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::of(Tone::Plain, text)
    }
}

/// A node of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// What it says.
    pub line: Line,
    /// Under it.
    pub children: Vec<Tree>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The answer, in one line.
    Verdict(Tone, Line),
    /// A title over what follows.
    Heading(String),
    /// Text.
    Paragraph(Line),
    /// Names and values.
    Facts(Vec<(String, Line)>),
    /// Items, numbered or not.
    List {
        /// Whether they are steps.
        numbered: bool,
        /// The items.
        items: Vec<Line>,
    },
    /// Rows under column names; columns named with a leading `#` hold numbers.
    Table {
        /// Column names.
        columns: Vec<String>,
        /// Rows.
        rows: Vec<Vec<Line>>,
    },
    /// A tree.
    Tree(Tree),
    /// Long hex shown in full.
    Hex(String),
    /// A finding, the way a compiler says it.
    Finding {
        /// How bad.
        tone: Tone,
        /// `error[insert]`.
        head: String,
        /// What is wrong.
        message: String,
        /// `src/Vault.sol:12`.
        place: Option<String>,
        /// Source it points at, the place that is wrong first.
        spans: Vec<check::Span>,
        /// Further lines: what, where, what to do.
        notes: Vec<(String, String)>,
    },
    /// Text whose columns matter: code, a map.
    Verbatim {
        /// What it is.
        title: String,
        /// Its lines.
        text: String,
    },
}

/// What a report says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its parts.
    pub blocks: Vec<Block>,
}

impl Document {
    /// An empty document.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn verdict(&mut self, tone: Tone, line: impl Into<Line>) {
        self.blocks.push(Block::Verdict(tone, line.into()));
    }

    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn paragraph(&mut self, line: impl Into<Line>) {
        self.blocks.push(Block::Paragraph(line.into()));
    }

    pub(crate) fn facts(&mut self, facts: Vec<(&str, Line)>) {
        let facts = facts.into_iter().map(|(name, line)| (name.into(), line));
        self.blocks.push(Block::Facts(facts.collect()));
    }

    /// A list under a heading; nothing when there are no items.
    pub(crate) fn section(&mut self, heading: &str, items: Vec<Line>) {
        if !items.is_empty() {
            self.heading(heading);
            self.list(items);
        }
    }

    pub(crate) fn list(&mut self, items: Vec<Line>) {
        self.blocks.push(Block::List {
            numbered: false,
            items,
        });
    }

    pub(crate) fn steps(&mut self, items: Vec<Line>) {
        self.blocks.push(Block::List {
            numbered: true,
            items,
        });
    }

    pub(crate) fn table(&mut self, columns: &[&str], rows: Vec<Vec<Line>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table {
                columns: columns.iter().map(|name| (*name).into()).collect(),
                rows,
            });
        }
    }
}
