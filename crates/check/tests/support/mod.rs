//! What the tests of this crate share.

use cutover_artifacts::Code;
use cutover_check::Side;

/// Loaded code as the rules see it.
pub(crate) fn view(code: &Code) -> Side<'_> {
    Side {
        reference: &code.reference,
        contract: code.contract.as_deref(),
        layout: code.layout.as_ref(),
        sources: code.sources.as_ref(),
        index: None,
        abi: code.abi.as_ref(),
        runtime: code.runtime.as_ref(),
        compiler: code.compiler.as_deref(),
        layout_is_whole: code.layout_is_whole,
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
