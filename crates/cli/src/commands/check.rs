//! `cutover check`: storage layout and upgrade safety.

mod live;
mod output;
mod seen;

use crate::{
    commands::code,
    context::Context,
    exit::{Exit, OrStop, Stop, usage},
};
use alloy_primitives::Address;
use clap::{Args, ValueEnum};
use cutover_artifacts::{Code, Need, Reference, Revision};
use cutover_check::{Kind, Live, Options, Side, WaiverRule};
use cutover_types::{
    Hardfork, Verdict,
    file::{Input, Inputs},
    text,
};
use std::{collections::BTreeSet, path::PathBuf};

/// Compare the storage of two implementations and look for unsafe code in the new one
///
/// Exits 0 when nothing blocks, 10 when something does, 14 when it cannot tell, for example because
/// an artifact carries no storage layout.
#[derive(Debug, Args)]
#[command(after_long_help = code::HELP)]
pub(crate) struct Check {
    /// The implementation that is live
    #[arg(long, value_name = "REF")]
    blue: String,
    /// The candidate
    #[arg(long, value_name = "REF")]
    green: String,
    /// The kind of proxy green will run behind
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<KindArgument>,
    /// The project both are compiled in
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The project blue is compiled in
    #[arg(long, value_name = "DIR", conflicts_with = "blue_rev")]
    blue_root: Option<PathBuf>,
    /// The project green is compiled in
    #[arg(long, value_name = "DIR")]
    green_root: Option<PathBuf>,
    /// Take blue from this git revision of the project
    #[arg(long, value_name = "GITREV")]
    blue_rev: Option<String>,
    /// The compiler for blue
    #[arg(long, value_name = "PATH")]
    blue_solc: Option<PathBuf>,
    /// The compiler for green
    #[arg(long, value_name = "PATH")]
    green_solc: Option<PathBuf>,
    /// Hold both against what this proxy really runs and stores; needs a node
    #[arg(long, value_name = "PROXY", value_parser = cutover_types::address::parse)]
    live: Option<Address>,
    /// The block to read the chain at; the newest when not given
    #[arg(long, value_name = "NUMBER", requires = "live")]
    block: Option<u64>,
    /// A recording that shows which keys of mappings there are and what is written; with `--live`, the
    /// run folder's when not given
    #[arg(long, value_name = "DIR", requires = "live")]
    recording: Option<PathBuf>,
    /// The hardfork of the proxy's chain, such as `cancun`: green must not need a newer one
    #[arg(long, value_name = "NAME", value_parser = hardfork)]
    hardfork: Option<Hardfork>,
    /// Do not apply a safety rule; may be given several times. A waiver in cutover.toml says who and why
    #[arg(long, value_name = "RULE", num_args = 1.., value_delimiter = ',', value_parser = allowable)]
    unsafe_allow: Vec<String>,
    /// A variable renamed in place is a note, not an error
    #[arg(long)]
    allow_renames: bool,
    #[command(flatten)]
    output: output::OutputArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArgument {
    Transparent,
    Uups,
    Beacon,
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Transparent => Self::Transparent,
            KindArgument::Uups => Self::Uups,
            KindArgument::Beacon => Self::Beacon,
        }
    }
}

impl Check {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        self.output.refuse_nonsense(context)?;
        let root = context.root(self.root.as_deref());
        let revision = match &self.blue_rev {
            Some(revision) => {
                Some(cutover_artifacts::revision(&root, revision).or_stop(Exit::Usage, "")?)
            }
            None => None,
        };
        if revision.is_some() {
            source_alone(&self.blue)?;
        }
        let blue_root = match &revision {
            Some(revision) => revision.root(),
            None => self.blue_root.clone().unwrap_or_else(|| root.clone()),
        };
        let green_root = self.green_root.clone().unwrap_or(root);
        // A revision is checked out elsewhere; its files are green's, as they were.
        let blue_place = match &revision {
            Some(_) => green_root.clone(),
            None => blue_root.clone(),
        };
        let pinned = self.pin(context).await?;
        let block = pinned.as_ref().map(|pinned| pinned.block.number);
        let progress = context.progress();
        cutover_types::progress::Progress::start(&progress, "compiling", None);
        // Two compilers at once: one run for both would change the trees' ids, which some code
        // generators let through to the code, and compile blue again whenever green changes.
        let (blue, green) = tokio::join!(
            code::load_at(
                context,
                &self.blue,
                blue_root,
                self.blue_solc.clone(),
                Need::ALL,
                block,
            ),
            code::load_at(
                context,
                &self.green,
                green_root.clone(),
                self.green_solc.clone(),
                Need::ALL,
                block,
            ),
        );
        let (mut blue, green) = match (&revision, blue) {
            (Some(revision), blue) => (blue.map_err(|error| of_revision(error, revision))?, green?),
            (None, blue) => (blue?, green?),
        };
        drop(progress);
        blue.doubts.extend(doubts(revision.as_ref(), &blue));

        let seen = match &pinned {
            Some(pinned) => {
                let seen = self
                    .look(context, pinned, &side(&blue), &side(&green))
                    .await?;
                pinned.holds().await?;
                seen
            }
            None => live::Seen::default(),
        };
        let options = Options {
            kind: self.kind(context, seen.live.as_ref()),
            waivers: waivers(context),
            today: today(),
            unsafe_allow: self.unsafe_allow.iter().cloned().collect::<BTreeSet<_>>(),
            allow_renames: self.allow_renames,
            live: seen.live,
            proxy_code: seen.proxy_code,
            hardfork: self.hardfork.or(seen.hardfork),
        };
        let report = cutover_check::check(&side(&blue), &side(&green), &options);
        let mut inputs = Inputs::from([
            ("blue".to_owned(), code::as_input(&blue)?),
            ("green".to_owned(), code::as_input(&green)?),
        ]);
        if let Some(seen) = options.live.as_ref().and_then(|live| live.seen.as_ref()) {
            let digest = seen.digest;
            inputs.insert("recording".to_owned(), Input { digest, file: None });
        }
        let exit = match report.verdict {
            Verdict::Pass => Exit::Ok,
            Verdict::Blocked => Exit::CheckBlocked,
            Verdict::Inconclusive => Exit::Inconclusive,
        };
        let shown = output::Shown {
            report: &report,
            inputs: &inputs,
            blue: &blue,
            green: &green,
            roots: [&blue_place, &green_root],
            off: &options.unsafe_allow,
            live: self.live.is_some(),
            exit,
        };
        let staged = self.output.stage(context, &shown)?;
        context.run.write(&report, &inputs)?;
        staged.show(context)?;
        // The process ends now: giving back a million small values takes as long as judging them.
        std::mem::forget((blue, green, context.shelf()));
        Ok(exit)
    }
}

impl Check {
    /// The kind of proxy: what was said, or else what was found.
    fn kind(&self, context: &Context, live: Option<&Live>) -> Option<Kind> {
        let said = self.kind.map(Kind::from);
        let proxy = live.and_then(|live| Some((live.proxy, live.kind?)));
        let found = proxy.and_then(|(_, kind)| Kind::of(kind));
        if let (Some(said), Some(found), Some((proxy, _))) = (said, found, proxy)
            && said != found
        {
            let (said, found) = (said.name(), found.name());
            context.output.warn(&format!(
                "{proxy} is a {found} proxy, but --kind {said} was given: green is checked as {said}"
            ));
        }
        said.or(found)
    }
}

/// An id that switches nothing off is a typing error, not a wish.
fn allowable(text: &str) -> Result<String, String> {
    let id = text.trim();
    cutover_check::allowable(id).map(|()| id.to_owned())
}

fn hardfork(text: &str) -> Result<Hardfork, String> {
    Hardfork::named(text).ok_or_else(|| {
        let names: Vec<_> = Hardfork::ALL.iter().map(|fork| fork.name()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// A revision is compiled; a file that a build left is of no revision.
fn source_alone(blue: &str) -> eyre::Result<()> {
    match Reference::parse(blue) {
        Ok(Reference::Source { .. }) | Err(_) => Ok(()),
        Ok(_) => Err(usage(
            format!(
                "--blue-rev compiles blue from source, and {} is none",
                text::terminal(blue, 200)
            ),
            "name the source, `src/Token.sol:Token`, or leave --blue-rev out",
        )),
    }
}

/// Why blue may not be what the revision is.
fn doubts(revision: Option<&Revision>, blue: &Code) -> Vec<String> {
    let units = blue.sources.iter().flat_map(|sources| sources.units.keys());
    match revision {
        Some(revision) => revision.doubts(units.map(String::as_str)),
        None => Vec::new(),
    }
}

/// Says which revision failed, and where in the repository, not where it was laid out.
fn of_revision(error: eyre::Report, revision: &Revision) -> eyre::Report {
    match error.downcast::<Stop>() {
        Ok(stop) => eyre::Report::new(Stop {
            message: format!(
                "blue at revision {}: {}",
                revision.name(),
                revision.inside_repository(&stop.message)
            ),
            ..stop
        }),
        Err(error) => error,
    }
}

fn side(code: &Code) -> Side<'_> {
    Side {
        reference: &code.reference,
        contract: code.contract.as_deref(),
        layout: code.layout.as_ref(),
        sources: code.sources.as_ref(),
        index: None,
        layout_is_whole: code.layout_is_whole,
        abi: code.abi.as_ref(),
        runtime: code.runtime.as_ref(),
        compiler: code.compiler.as_deref(),
        evm_version: code.evm_version.as_deref(),
        via_ir: code.via_ir,
        optimizer: code.optimizer,
        creation: code.creation.as_ref(),
        immutables: &code.immutables,
        template: code.template.as_ref(),
        links: &code.links,
        libraries: &code.unlinked,
        missing: &code.missing,
        doubts: &code.doubts,
    }
}

fn waivers(context: &Context) -> Vec<WaiverRule> {
    let rule = |waiver: &crate::config::Waiver| WaiverRule {
        rule: waiver.rule.clone(),
        contract: waiver.contract.clone(),
        variable: waiver.variable.clone(),
        by: waiver.by.clone(),
        reason: waiver.reason.clone(),
        expires: waiver.expires.clone(),
    };
    context.config.waiver.iter().map(rule).collect()
}

/// Today as `YYYY-MM-DD` (UTC): waivers expire by day.
fn today() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now())
        .to_string()
        .chars()
        .take(10)
        .collect()
}
