//! `cutover inspect`: which proxy this is, who can upgrade it, and the way back.

mod output;

use super::fleet::Many;
use crate::{
    commands::{
        code,
        cut::{self, CutArguments},
        deploy,
    },
    context::{Context, chain_stop},
    exit::{Exit, OrStop, chain, inconclusive, usage},
};
use alloy_primitives::{Address, B256, Bytes};
use clap::{ArgGroup, Args};
use cutover_artifacts::Need;
use cutover_chain::Node;
use cutover_inspect::{Candidate, CandidateCode, InspectError};
use cutover_types::{
    code::{Fingerprint, Match},
    file::{Input, Inputs},
    inspection::RoundTrip,
    progress::Progress,
};
use std::path::PathBuf;

/// Show a proxy: its kind, its implementation, how it is upgraded and by whom, and the way back
///
/// Nothing is sent. The upgrade and the rollback are executed on local state to prove them.
/// "Not a proxy" and "could not tell" are different answers: the first exits 0, the second 14.
/// With --candidate the upgrade to it, the way back and the upgrade again are executed one after the
/// other in one state: exits 0 when the way back is open (it may be lossy: the report says what stays),
/// 12 when the upgrade or a way after it is refused, 14 when it cannot tell.
#[derive(Debug, Args)]
#[command(after_long_help = code::HELP, group(ArgGroup::new("code").multiple(true)))]
pub(crate) struct Inspect {
    /// Address of the proxy; `proxy` in cutover.toml when not given
    #[arg(value_parser = cutover_types::address::parse, conflicts_with = "fleet")]
    proxy: Option<Address>,
    /// Block to look at; the latest when not given
    #[arg(long, value_name = "NUMBER")]
    block: Option<u64>,
    /// The facet of a diamond the report is about: its address, or the build it runs; the one with most
    /// functions when not given
    #[arg(
        long,
        value_name = "ADDRESS|REF",
        conflicts_with = "fleet",
        group = "code"
    )]
    facet: Option<String>,
    /// What is meant to be installed: go forward, back and forward again with it
    #[arg(long, value_name = "REF", conflicts_with = "fleet", group = "code")]
    candidate: Option<String>,
    /// Calldata the upgrade to the candidate runs on the proxy
    #[arg(long, value_name = "HEX", default_value = "0x", requires = "candidate")]
    initializer: Bytes,
    /// ABI-encoded constructor arguments of the candidate
    #[arg(long, value_name = "HEX", default_value = "0x", requires = "candidate")]
    constructor_args: Bytes,
    /// The project the candidate, or the facet, is compiled in
    #[arg(long, value_name = "DIR", requires = "code")]
    root: Option<PathBuf>,
    /// The compiler for it
    #[arg(long, value_name = "PATH", requires = "code")]
    solc: Option<PathBuf>,
    #[command(flatten)]
    cut: CutArguments,
    #[command(flatten)]
    output: output::OutputArguments,
    #[command(flatten)]
    many: Many,
}

impl Inspect {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        self.output.refuse_nonsense(context)?;
        if let Some(source) = self.many.source() {
            return self.many.run(source, self.block, context).await;
        }
        let proxy = context.proxy(self.proxy)?;
        let node = context.node().await?;
        let progress = context.progress();
        let facet = match &self.facet {
            None => None,
            Some(reference) => Some(
                self.facet(context, &node, proxy, reference, &progress)
                    .await?,
            ),
        };
        let (inspection, inputs) = match &self.candidate {
            None => {
                let block = self.block;
                let found = match facet {
                    None => cutover_inspect::inspect(&node, proxy, block, &progress).await,
                    Some(facet) => {
                        cutover_inspect::inspect_facet(&node, proxy, block, facet, &progress).await
                    }
                };
                (found, Inputs::new())
            }
            Some(reference) => {
                let (mut candidate, input) = self.candidate(context, reference).await?;
                candidate.facet = facet;
                let found = cutover_inspect::inspect_candidate(
                    &node, proxy, self.block, &candidate, &progress,
                )
                .await;
                (found, Inputs::from([("candidate".to_owned(), input)]))
            }
        };
        let inspection = inspection.map_err(stop)?;
        let staged = self.output.stage(context, &inspection, &inputs)?;
        context.run.write(&inspection, &inputs)?;
        staged.show(context)?;
        let verdict = inspection.candidate.map(|candidate| candidate.verdict);
        Ok(match verdict {
            None | Some(RoundTrip::Yes | RoundTrip::Lossy) => Exit::Ok,
            Some(RoundTrip::No) => Exit::PreflightRefused,
            Some(RoundTrip::Unknown) => Exit::Inconclusive,
        })
    }

    /// The facet a reference names: an address, or the build that one of the facets runs.
    async fn facet(
        &self,
        context: &Context,
        node: &Node,
        proxy: Address,
        reference: &str,
        progress: &dyn Progress,
    ) -> eyre::Result<Address> {
        if let Ok(address) = cutover_types::address::parse(reference) {
            return Ok(address);
        }
        let root = context.root(self.root.as_deref());
        let loaded =
            code::load(context, reference, root, self.solc.clone(), Need::BYTECODE).await?;
        let runtime = loaded.require_runtime().or_stop(Exit::Usage, "")?;
        let ranges = loaded.immutables.iter();
        let build = Fingerprint::of(runtime, ranges.map(|range| (range.start, range.end)));
        let inspection = cutover_inspect::inspect(node, proxy, self.block, progress).await;
        let facets = inspection.map_err(stop)?.proxy.map(|proxy| proxy.facets);
        let mut runs = Vec::new();
        for facet in facets.unwrap_or_default() {
            let live = code::code_at_block(node, facet.address, self.block).await?;
            if build.compare(&live) != Match::None {
                runs.push(facet.address);
            }
        }
        match runs.as_slice() {
            [facet] => Ok(*facet),
            [] => Err(usage(
                format!("no facet of {proxy} runs {reference}"),
                "give the facet's address: `cutover inspect` lists them",
            )),
            several => Err(usage(
                format!("{} facets of {proxy} run {reference}", several.len()),
                "give the facet's address: `cutover inspect` lists them",
            )),
        }
    }

    async fn candidate(
        &self,
        context: &Context,
        reference: &str,
    ) -> eyre::Result<(Candidate, Input)> {
        let root = context.root(self.root.as_deref());
        let need = Need {
            ast: false,
            ..Need::ALL
        };
        let solc = self.solc.clone();
        let loaded = code::load_at(context, reference, root, solc, need, self.block).await?;
        let input = code::as_input(&loaded)?;
        let (address, code) = if let Ok(address) = cutover_types::address::parse(reference) {
            (address, CandidateCode::Deployed)
        } else if loaded.creation.is_some() {
            let init_code = deploy::init_code(&loaded, &self.constructor_args)?;
            let address = deploy::create2_address(B256::ZERO, &init_code);
            (address, CandidateCode::Creation(init_code.into()))
        } else {
            let runtime = loaded.runtime.filter(|runtime| !runtime.is_empty());
            let runtime = runtime.ok_or_else(|| {
                usage(
                    format!("{reference} has no code"),
                    "an interface or abstract contract cannot be a candidate",
                )
            })?;
            if !loaded.immutables.is_empty() || !loaded.unlinked.is_empty() {
                return Err(inconclusive(
                    format!(
                        "{reference} has runtime code whose immutables or libraries are not filled in"
                    ),
                    "give a source or an artifact with creation code, or the address it is deployed at",
                ));
            }
            (runtime_address(&runtime), CandidateCode::Runtime(runtime))
        };
        let candidate = Candidate {
            reference: reference.to_owned(),
            address,
            code,
            initializer: self.initializer.clone(),
            layout: loaded.layout,
            facet: None,
            functions: loaded.abi.as_ref().map(cut::functions),
            wishes: self.cut.wishes(),
        };
        Ok((candidate, input))
    }
}

/// Where runtime code is put that is nowhere yet.
fn runtime_address(runtime: &Bytes) -> Address {
    cutover_replay::GreenCode::Runtime(runtime.clone()).default_address()
}

/// What an inspection that failed means for the command.
pub(super) fn stop(error: InspectError) -> eyre::Report {
    match &error {
        InspectError::Chain { source, .. } => chain_stop(source),
        InspectError::Contradicts { .. } => inconclusive(
            chain(&error),
            "try again; if it stays so, do not trust this node",
        ),
        InspectError::NotTaken { .. } => inconclusive(
            chain(&error),
            "give a block at which it handed calls on, with --block",
        ),
        InspectError::NoFacet { .. } => usage(
            chain(&error),
            "`cutover inspect` without --facet lists the facets",
        ),
        _ => inconclusive(
            chain(&error),
            "use a node that has this state, for example an archive node",
        ),
    }
}
