//! The form of a command's output: of what is printed, and of files by the endings of their names.

use crate::{context::Context, exit::usage, staged};
use std::path::PathBuf;

/// The forms a command's output can have.
pub(crate) trait Form: Copy + PartialEq + 'static {
    /// What is printed without an option.
    const TEXT: Self;
    /// What `--json` prints.
    const JSON: Self;
    /// Endings of file names in lower case, longer ones before those they end in.
    const ENDINGS: &'static [(&'static str, Self)];
    /// The endings, as an error names them.
    const NAMED: &'static str;
}

/// A file to write and what goes into it.
#[derive(Clone, Debug)]
pub(crate) struct Target<F> {
    pub(crate) path: PathBuf,
    pub(crate) form: F,
}

impl<F: Form> Target<F> {
    /// For clap: a file name that tells its form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let mut endings = F::ENDINGS.iter();
        let found = endings.find(|(ending, _)| name.ends_with(ending));
        let (_, form) = found.ok_or_else(|| format!("the name has to end in {}", F::NAMED))?;
        Ok(Self {
            path: PathBuf::from(text),
            form: *form,
        })
    }
}

/// The form of what is printed.
pub(crate) fn printed<F: Form>(context: &Context, format: Option<F>) -> F {
    match format {
        Some(form) => form,
        None if context.output.json => F::JSON,
        None => F::TEXT,
    }
}

/// Refuses what contradicts itself, before any work is done.
pub(crate) fn refuse_nonsense<'t, F: Form>(
    context: &Context,
    format: Option<F>,
    targets: impl IntoIterator<Item = &'t Target<F>>,
) -> eyre::Result<()> {
    if context.output.json && format.is_some_and(|form| form != F::JSON) {
        return Err(usage(
            "--json and another --format were given",
            "leave one out; -o FILE writes further forms",
        ));
    }
    for target in targets {
        staged::refuse_folder(&target.path)?;
    }
    Ok(())
}
