//! The cut of a diamond on the command line: what becomes of the functions of the facet that is replaced.

use crate::{
    context::Context,
    exit::{Exit, stop, usage},
    run_folder::Stored,
};
use alloy_json_abi::{Function, JsonAbi};
use alloy_primitives::Address;
use clap::{Args, ValueEnum};
use cutover_types::{
    Inspection, ProxyKind, Recording, UpgradePath,
    diamond::{self, Cut, Functions, Lost, Selector, Wishes},
};

/// What a cut shall do beyond putting green's functions in the place of the facet's.
#[derive(Debug, Args)]
#[command(next_help_heading = "Diamonds")]
pub(super) struct CutArguments {
    /// What becomes of functions that the old facet has and green does not
    #[arg(long, value_enum, value_name = "WHAT")]
    lost: Option<LostArgument>,
    /// A function of green the diamond shall not have of it, `name(type)` or selector; may be repeated
    #[arg(long, value_name = "FUNCTION", value_parser = selector)]
    leave_out: Vec<Selector>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LostArgument {
    /// The diamond has them no more
    Remove,
    /// The old facet goes on answering them
    Keep,
}

fn selector(text: &str) -> Result<Selector, String> {
    if let Ok(selector) = text.parse::<Selector>() {
        return Ok(selector);
    }
    let function = Function::parse(text).map_err(|error| error.to_string())?;
    Ok(function.selector())
}

impl CutArguments {
    pub(super) fn wishes(&self) -> Wishes {
        Wishes {
            lost: self.lost.map(|lost| match lost {
                LostArgument::Remove => Lost::Remove,
                LostArgument::Keep => Lost::Keep,
            }),
            leave_out: self.leave_out.iter().copied().collect(),
        }
    }

    /// The cut that replaces the facet `inspect` was about, and the path that sends it; nothing when the
    /// proxy is no diamond.
    pub(super) fn plan(
        &self,
        context: &Context,
        inspection: Option<&Stored<Inspection>>,
        recording: &Recording,
        green: Address,
        functions: Option<&Functions>,
    ) -> eyre::Result<Option<(Cut, UpgradePath)>> {
        let wishes = self.wishes();
        let inspected = inspection
            .map(|stored| &stored.content)
            .filter(|found| {
                (found.address, found.chain_id) == (recording.proxy, recording.chain_id)
            })
            .and_then(|found| found.proxy.as_ref().zip(found.upgrade.as_ref()))
            .filter(|(proxy, _)| proxy.kind == ProxyKind::Diamond);
        let Some((proxy, upgrade)) = inspected else {
            if wishes != Wishes::default() {
                return Err(usage(
                    "--lost and --leave-out are about diamonds, and inspect.json is not about this one",
                    "run `cutover inspect` on the proxy first",
                ));
            }
            if recorded_cut(recording) {
                context.output.warn(
                    "the diamond was not inspected: green replaces the functions of its most used facet, \
                     and none are added or removed",
                );
            }
            return Ok(None);
        };
        let Some(functions) = functions else {
            if wishes != Wishes::default() {
                return Err(usage(
                    "green's functions are not known, so none can be left out or removed",
                    "name green by its source or its artifact",
                ));
            }
            context.output.warn(
                "green's functions are not known: it replaces those of the facet, and none are added or removed",
            );
            return Ok(None);
        };
        let before = diamond::routes(&proxy.facets);
        let old = proxy.implementation.address;
        let none = Functions::new();
        let cut = diamond::plan(&before, old, green, functions, &none, &wishes);
        let cut = cut.map_err(|error| {
            let hint = match &error {
                diamond::PlanError::Clashes { .. } => {
                    "leave functions out with --leave-out, or inspect the diamond about another facet with --facet"
                }
                diamond::PlanError::Lost { .. } => {
                    "say what becomes of them: --lost remove, or --lost keep"
                }
                _ => "",
            };
            stop(Exit::PreflightRefused, error.to_string(), hint)
        })?;
        let path = cut
            .path(&upgrade.path, &before)
            .map_err(|error| stop(Exit::PreflightRefused, error.to_string(), ""))?;
        Ok(Some((cut, path)))
    }
}

/// Whether the recording is of a diamond.
pub(super) fn recorded_cut(recording: &Recording) -> bool {
    let steps = recording.upgrade.as_ref().map(|path| &path.steps);
    let first = steps.and_then(|steps| steps.first());
    first.is_some_and(|step| step.name() == "diamondCut")
}

/// The functions of an ABI with their signatures.
pub(super) fn functions(abi: &JsonAbi) -> Functions {
    abi.functions()
        .map(|function| (function.selector(), function.signature()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_its_signature_or_its_selector() {
        let transfer = selector("transfer(address,uint256)").unwrap();
        assert_eq!(transfer, selector("0xa9059cbb").unwrap());
        assert!(selector("transfer").is_err());
        assert!(selector("0xa9059c").is_err());
    }
}
