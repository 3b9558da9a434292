//! How green was built: sizes that do not deploy, opcodes the chain may lack, known bugs of the compiler.

mod bugs;
pub(crate) mod evm;

use crate::{Options, Side, rules};
use cutover_types::{Finding, Hardfork, Severity, text::terminal};
use evm::Level;
use semver::Version;

/// EIP-3860.
const MAX_CREATION: usize = 49_152;

/// Compares how both sides were built, and looks at green's build alone.
pub(crate) fn compare(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let contract = green.contract.unwrap_or(green.reference);
    if let Some(creation) = green.creation
        && creation.len() > MAX_CREATION
        && options
            .hardfork
            .is_none_or(|fork| fork >= Hardfork::Shanghai)
    {
        findings.push(rules::CREATION_CODE_TOO_LARGE.finding(
            contract,
            format!(
                "the creation code has {} bytes without its arguments, {MAX_CREATION} are allowed",
                creation.len()
            ),
        ));
    }
    findings.extend(newer_evm(blue, green, options));
    if let Some(message) = compiled_otherwise(blue, green) {
        findings.push(rules::COMPILER_CHANGED.finding(contract, message));
    }
    bugs::look(green, &mut findings);
    findings
}

/// Whether green needs an EVM that blue does not prove the chain to have.
fn newer_evm(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> Option<Finding> {
    let level = |side: &Side<'_>| match side.runtime {
        Some(code) => Some(evm::needed(code)),
        None => {
            let level = Level::named(side.evm_version?)?;
            Some((level, Vec::new()))
        }
    };
    let (needed, opcodes) = level(green)?;
    // Every chain has what came before: nobody needs to be told.
    if needed < Level::Shanghai {
        return None;
    }
    let uses = if opcodes.is_empty() {
        format!("green is compiled for {}", needed.name())
    } else {
        format!(
            "green uses {}, which need{} {}",
            opcodes.join(", "),
            if opcodes.len() == 1 { "s" } else { "" },
            needed.name()
        )
    };
    let contract = green.contract.unwrap_or(green.reference);
    if let Some(fork) = options.hardfork {
        let has = Level::of(fork);
        return (needed > has).then(|| Finding {
            severity: Severity::Error,
            ..rules::NEWER_EVM.finding(contract, format!("{uses}: the chain has {}", has.name()))
        });
    }
    // What runs on the chain says what it has.
    let before = match &options.live {
        Some(live) => evm::needed(&live.code).0,
        None => level(blue)?.0,
    };
    (needed > before).then(|| {
        rules::NEWER_EVM.finding(
            contract,
            format!("{uses}: blue needs no more than {}", before.name()),
        )
    })
}

fn compiled_otherwise(blue: &Side<'_>, green: &Side<'_>) -> Option<String> {
    let (before, after) = (blue.compiler?, green.compiler?);
    let mut changes = Vec::new();
    let vyper = |text: &str| text.starts_with("vyper");
    let breaking = match (version(before), version(after)) {
        (Some(old), Some(new)) => (old.major, old.minor) != (new.major, new.minor),
        _ => false,
    };
    if vyper(before) != vyper(after) || breaking {
        changes.push(format!(
            "the compiler was {} and is {}",
            terminal(before, 60),
            terminal(after, 60)
        ));
    }
    if let (Some(old), Some(new)) = (blue.via_ir, green.via_ir)
        && old != new
    {
        let names = [
            "the legacy code generator",
            "the intermediate representation",
        ];
        changes.push(format!(
            "the code came from {} and comes from {}",
            names[usize::from(old)],
            names[usize::from(new)]
        ));
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

/// `0.8.28` of `0.8.28+commit.7893614a`.
fn version(text: &str) -> Option<Version> {
    let text = text.trim_start_matches("vyper ").trim_start_matches('v');
    let parsed = Version::parse(text).ok()?;
    Some(Version::new(parsed.major, parsed.minor, parsed.patch))
}

#[cfg(test)]
mod tests;
