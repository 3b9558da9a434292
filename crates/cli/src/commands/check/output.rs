//! What `check` prints and writes, in the forms that people and CI systems read.

use crate::{
    context::Context,
    exit::Exit,
    output,
    staged::Staged,
    target::{self, Target},
};
use clap::{Args, ValueEnum};
use cutover_artifacts::Code;
use cutover_report::{Ci, Map, Report, RuleText, Style};
use cutover_types::{CheckReport, check::Category, check::Role, file::Inputs};
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

/// The rules as people read them: the help of each in SARIF.
const RULES: &str = include_str!("../../../docs/rules.md");

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArguments {
    /// The form of what is printed; `--json` is `--format json`
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// Write the report to a file, too, in the form its name ends in: .json, .sarif, .xml (JUnit), .md,
    /// .html, .txt or .svg (the map); may be given several times
    #[arg(short, long, value_name = "FILE", value_parser = Target::<Form>::parse)]
    output: Vec<Target<Form>>,
    /// Show both storages side by side, slot by slot; with a FILE, draw them there (.svg)
    #[arg(long, value_name = "FILE", num_args = 0..=1, value_parser = Target::<Form>::parse)]
    map: Option<Option<Target<Form>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, in the manner of a compiler
    Text,
    /// The JSON that scripts rely on
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for test reports
    Junit,
    /// For comments on pull requests
    Markdown,
    /// A page that loads nothing
    Html,
    /// The map as a picture
    #[value(skip)]
    Svg,
}

impl target::Form for Form {
    const TEXT: Self = Self::Text;
    const JSON: Self = Self::Json;
    const ENDINGS: &'static [(&'static str, Self)] = &[
        (".sarif.json", Self::Sarif),
        (".sarif", Self::Sarif),
        (".json", Self::Json),
        (".xml", Self::Junit),
        (".md", Self::Markdown),
        (".html", Self::Html),
        (".txt", Self::Text),
        (".svg", Self::Svg),
    ];
    const NAMED: &'static str = ".json, .sarif, .xml, .md, .html, .txt or .svg";
}

/// A check that is to be shown.
pub(super) struct Shown<'a> {
    pub(super) report: &'a CheckReport,
    pub(super) inputs: &'a Inputs,
    pub(super) blue: &'a Code,
    pub(super) green: &'a Code,
    /// The projects blue and green are in.
    pub(super) roots: [&'a Path; 2],
    /// Rules that were switched off.
    pub(super) off: &'a BTreeSet<String>,
    /// Whether a proxy was looked at.
    pub(super) live: bool,
    pub(super) exit: Exit,
}

impl OutputArguments {
    /// Refuses what contradicts itself, before any work is done.
    pub(super) fn refuse_nonsense(&self, context: &Context) -> eyre::Result<()> {
        target::refuse_nonsense(context, self.format, self.targets())
    }

    fn targets(&self) -> impl Iterator<Item = &Target<Form>> {
        self.output.iter().chain(self.map.iter().flatten())
    }

    /// Makes everything ready: nothing is in its place yet, and nothing is printed.
    pub(super) fn stage(&self, context: &Context, shown: &Shown<'_>) -> eyre::Result<Staged> {
        let form = target::printed(context, self.format);
        let printed = shown.in_form(form, &context.style(), matches!(self.map, Some(None)))?;
        let plain = Style::default();
        let mut staged = Staged::printing(printed);
        for target in self.targets() {
            let is_map = self.map.iter().flatten().any(|map| map.path == target.path);
            let text = match target.form {
                Form::Text if is_map => shown.map().text(&plain),
                form => shown.in_form(form, &plain, self.map.is_some())?,
            };
            staged.add(&target.path, &text)?;
        }
        Ok(staged)
    }
}

impl Shown<'_> {
    fn in_form(&self, form: Form, style: &Style, with_map: bool) -> eyre::Result<String> {
        let repository = repository(self.roots[1]);
        let locate = |role: Role, file: &str| {
            let root = match role {
                Role::Blue => self.roots[0],
                Role::Green => self.roots[1],
            };
            located(&repository, root, file)
        };
        let ci = || Ci {
            rules: self.rules(),
            version: env!("CARGO_PKG_VERSION"),
            exit: self.exit as u8,
            locate: &locate,
        };
        let document = || {
            let mut document = self.report.document();
            if with_map {
                document.blocks.push(self.map().block());
            }
            document
        };
        Ok(match form {
            // The verdict comes last.
            Form::Text if with_map => {
                format!(
                    "{}\n{}",
                    self.map().text(style),
                    self.report.document().text(style)
                )
            }
            Form::Text => self.report.document().text(style),
            Form::Json => output::json("check", self.inputs, self.report)?,
            Form::Sarif => cutover_report::sarif(self.report, &ci())?,
            Form::Junit => cutover_report::junit(self.report, &ci())?,
            Form::Markdown => document().markdown(),
            Form::Html => document().html(),
            Form::Svg => self.map().svg(),
        })
    }

    fn map(&self) -> Map {
        let name = |contract: &str, reference: &str| match contract {
            "" => reference.to_owned(),
            contract => contract.to_owned(),
        };
        let (blue, green) = (&self.report.blue, &self.report.green);
        Map::of(
            (
                &name(&blue.contract, &blue.reference),
                self.blue.layout.as_ref(),
            ),
            (
                &name(&green.contract, &green.reference),
                self.green.layout.as_ref(),
            ),
            &self.report.findings,
        )
    }

    fn rules(&self) -> Vec<RuleText<'static>> {
        let text = |rule: &&'static cutover_check::Rule| RuleText {
            id: rule.id,
            category: rule.category,
            severity: rule.severity,
            summary: rule.summary,
            help: rule.help,
            markdown: section(RULES, rule.id).to_owned(),
            page: format!(
                "{}/blob/main/crates/cli/docs/rules.md#{}",
                env!("CARGO_PKG_REPOSITORY"),
                rule.id
            ),
            skipped: if self.off.contains(rule.id) {
                Some("switched off on the command line".to_owned())
            } else if rule.category == Category::Chain && !self.live {
                Some("the proxy was not looked at: --live PROXY does".to_owned())
            } else {
                None
            },
        };
        cutover_check::RULES.iter().map(text).collect()
    }
}

/// What the rules' page says under a rule's heading.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let heading = format!("### `{id}`\n");
    let Some(at) = page.find(&heading) else {
        return "";
    };
    let rest = &page[at + heading.len()..];
    let end = ["\n### ", "\n## "]
        .iter()
        .filter_map(|next| rest.find(next));
    rest[..end.min().unwrap_or(rest.len())].trim()
}

/// The folder that file names of a CI system are relative to.
fn repository(root: &Path) -> PathBuf {
    let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let here = std::env::current_dir().ok();
    root.ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_path_buf)
        .or_else(|| here.filter(|here| root.starts_with(here)))
        .unwrap_or(root)
}

/// A source unit's path in the repository; units the project does not have keep their name.
fn located(repository: &Path, root: &Path, file: &str) -> String {
    let resolved = fs::canonicalize(root.join(file)).ok();
    // Hardhat 3 and truffle put the project's own sources below a folder that is not there.
    let resolved = resolved.or_else(|| {
        let own = ["project/", "project:/"]
            .iter()
            .find_map(|folder| file.strip_prefix(folder))?;
        fs::canonicalize(root.join(own)).ok()
    });
    let inside = resolved.as_deref().and_then(|full| {
        let path = full.strip_prefix(repository).ok()?;
        let parts: Vec<_> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        Some(parts.join("/"))
    });
    inside.unwrap_or_else(|| file.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_section_to_show() {
        for rule in cutover_check::RULES {
            let text = section(RULES, rule.id);
            assert!(text.contains("What to do"), "{}: {text}", rule.id);
            assert!(!text.contains("\n#"), "{}", rule.id);
        }
        assert_eq!(section(RULES, "no-such-rule"), "");
    }

    #[test]
    fn the_form_is_in_the_name() {
        for (name, form) in [
            ("a/check.SARIF", Form::Sarif),
            ("check.sarif.json", Form::Sarif),
            ("check.json", Form::Json),
            ("junit.xml", Form::Junit),
            ("map.svg", Form::Svg),
        ] {
            assert_eq!(Target::<Form>::parse(name).unwrap().form, form, "{name}");
        }
        for name in ["check", "check.pdf", "sarif", ""] {
            assert!(Target::<Form>::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_repository_whatever_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        let root = top.join("contracts");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir(top.join(".git")).unwrap();
        fs::write(root.join("src/A.sol"), "").unwrap();
        let repository = repository(&root);
        assert_eq!(repository, top);
        for (file, expected) in [
            ("src/A.sol", "contracts/src/A.sol"),
            ("src/../src/A.sol", "contracts/src/A.sol"),
            ("project/src/A.sol", "contracts/src/A.sol"),
            ("project/src/Lost.sol", "project/src/Lost.sol"),
            (
                root.join("src/A.sol").to_str().unwrap(),
                "contracts/src/A.sol",
            ),
            (
                "@openzeppelin/contracts/B.sol",
                "@openzeppelin/contracts/B.sol",
            ),
            ("../../../etc/passwd", "../../../etc/passwd"),
        ] {
            assert_eq!(located(&repository, &root, file), expected);
        }
    }
}
