//! Where green is.

use crate::{Document, Line, Report, Tone, hex};
use cutover_types::deployment::Deployment;

impl Report for Deployment {
    fn document(&self) -> Document {
        let mut document = Document::new("Deployment");
        if self.verified {
            document.verdict(Tone::Good, "deployed, and its code is the compiler's");
        } else {
            document.verdict(Tone::Bad, "the code on the chain was not verified");
        }
        let name = self.contract.as_ref().unwrap_or(&self.reference);
        let mut facts = vec![
            ("green", Line::default().code(hex::address(self.address))),
            ("contract", name.as_str().into()),
            ("chain", self.chain_id.to_string().into()),
            (
                "code hash",
                Line::default().code(self.code_hash.to_string()),
            ),
        ];
        facts.push(match &self.transaction {
            Some(sent) => ("transaction", Line::default().code(sent.hash.to_string())),
            None => ("transaction", "none: the code was there already".into()),
        });
        if !self.build.immutables.is_empty() {
            let count = self.build.immutables.len() as u64;
            facts.push(("immutables", hex::plural(count, "place").into()));
        }
        document.facts(facts);
        document
    }
}
