//! What `inspect` prints and writes: text, JSON, and the tree of who can upgrade as a picture.

use crate::{
    context::Context,
    output,
    staged::Staged,
    target::{self, Target},
};
use clap::{Args, ValueEnum};
use cutover_report::{Report, Style};
use cutover_types::{Inspection, file::Inputs};

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArguments {
    /// The form of what is printed; `--json` is `--format json`
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "fleet")]
    format: Option<Form>,
    /// Write the inspection to a file, too, in the form its name ends in: .json, .txt, .md, .html, .mmd
    /// (Mermaid) or .svg (the tree of who can upgrade); may be given several times
    #[arg(short, long, value_name = "FILE", value_parser = Target::<Form>::parse, conflicts_with = "fleet")]
    output: Vec<Target<Form>>,
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

impl target::Form for Form {
    const TEXT: Self = Self::Text;
    const JSON: Self = Self::Json;
    const ENDINGS: &'static [(&'static str, Self)] = &[
        (".json", Self::Json),
        (".txt", Self::Text),
        (".mmd", Self::Mermaid),
        (".mermaid", Self::Mermaid),
        (".svg", Self::Svg),
        (".md", Self::Markdown),
        (".html", Self::Html),
    ];
    const NAMED: &'static str = ".json, .txt, .md, .html, .mmd or .svg";
}

impl OutputArguments {
    /// Refuses what contradicts itself, before any work is done.
    pub(super) fn refuse_nonsense(&self, context: &Context) -> eyre::Result<()> {
        target::refuse_nonsense(context, self.format, &self.output)
    }

    /// Makes everything ready: nothing is in its place yet, and nothing is printed.
    pub(super) fn stage(
        &self,
        context: &Context,
        inspection: &Inspection,
        inputs: &Inputs,
    ) -> eyre::Result<Staged> {
        let form = target::printed(context, self.format);
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
            assert_eq!(Target::<Form>::parse(name).unwrap().form, form, "{name}");
        }
        for name in ["tree", "tree.png", "svg", ""] {
            assert!(Target::<Form>::parse(name).is_err(), "{name}");
        }
    }
}
