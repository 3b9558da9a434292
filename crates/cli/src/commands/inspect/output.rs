//! What `inspect` prints and writes: text, JSON, and the tree of who can upgrade as a picture.

use crate::{
    context::Context,
    exit::usage,
    output,
    staged::{self, Staged},
};
use clap::{Args, ValueEnum};
use cutover_report::{Report, Style};
use cutover_types::{Inspection, file::Inputs};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArguments {
    /// The form of what is printed; `--json` is `--format json`
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "fleet")]
    format: Option<Form>,
    /// Write the inspection to a file, too, in the form its name ends in: .json, .txt, .md, .html, .mmd
    /// (Mermaid) or .svg (the tree of who can upgrade); may be given several times
    #[arg(short, long, value_name = "FILE", value_parser = Target::parse, conflicts_with = "fleet")]
    output: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// The JSON that scripts rely on
    Json,
    /// The tree of who can upgrade, as a Mermaid flowchart
    Mermaid,
    /// The tree of who can upgrade, as a picture
    Svg,
    /// For comments on pull requests
    Markdown,
    /// A page that loads nothing
    Html,
}

/// A file to write and what goes into it.
#[derive(Clone, Debug)]
struct Target {
    path: PathBuf,
    form: Form,
}

impl Target {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let endings = [
            (".json", Form::Json),
            (".txt", Form::Text),
            (".mmd", Form::Mermaid),
            (".mermaid", Form::Mermaid),
            (".svg", Form::Svg),
            (".md", Form::Markdown),
            (".html", Form::Html),
        ];
        let form = endings.iter().find(|(ending, _)| name.ends_with(ending));
        match form {
            Some((_, form)) => Ok(Self {
                path: PathBuf::from(text),
                form: *form,
            }),
            None => Err("the name has to end in .json, .txt, .md, .html, .mmd or .svg".to_owned()),
        }
    }
}

impl OutputArguments {
    /// Refuses what contradicts itself, before any work is done.
    pub(super) fn refuse_nonsense(&self, context: &Context) -> eyre::Result<()> {
        if context.output.json && self.format.is_some_and(|form| form != Form::Json) {
            return Err(usage(
                "--json and another --format were given",
                "leave one out; -o FILE writes further forms",
            ));
        }
        for target in &self.output {
            staged::refuse_folder(&target.path)?;
        }
        Ok(())
    }

    /// Makes everything ready: nothing is in its place yet, and nothing is printed.
    pub(super) fn stage(
        &self,
        context: &Context,
        inspection: &Inspection,
        inputs: &Inputs,
    ) -> eyre::Result<Staged> {
        let form = match self.format {
            Some(form) => form,
            None if context.output.json => Form::Json,
            None => Form::Text,
        };
        let mut staged = Staged::printing(shown(inspection, inputs, form, &context.style())?);
        for target in &self.output {
            let text = shown(inspection, inputs, target.form, &Style::default())?;
            staged.add(&target.path, &text)?;
        }
        Ok(staged)
    }
}

fn shown(
    inspection: &Inspection,
    inputs: &Inputs,
    form: Form,
    style: &Style,
) -> eyre::Result<String> {
    Ok(match form {
        Form::Text => cutover_report::inspection(inspection, style),
        Form::Json => output::json("inspect", inputs, inspection)?,
        Form::Mermaid => cutover_report::mermaid(inspection),
        Form::Svg => cutover_report::controllers_svg(inspection),
        Form::Markdown => inspection.document().markdown(),
        Form::Html => inspection.document().html(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_in_the_name() {
        for (name, form) in [
            ("a/inspect.JSON", Form::Json),
            ("tree.mmd", Form::Mermaid),
            ("tree.svg", Form::Svg),
            ("inspect.md", Form::Markdown),
        ] {
            assert_eq!(Target::parse(name).unwrap().form, form, "{name}");
        }
        for name in ["tree", "tree.png", "svg", ""] {
            assert!(Target::parse(name).is_err(), "{name}");
        }
    }
}
