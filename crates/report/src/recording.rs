//! What was recorded.

use crate::{Document, Line, Report, Tone, hex, inspection::words};
use cutover_types::{Recording, recording::Discovery};

impl Report for Recording {
    fn document(&self) -> Document {
        let mut document = Document::new("Recording");
        let counts = &self.counts;
        let line = Line::from(format!(
            "{} that reach ",
            hex::plural(counts.transactions, "transaction")
        ));
        let line = line.code(hex::address(self.proxy));
        if self.incomplete.is_empty() {
            document.verdict(Tone::Good, line);
        } else {
            let missing = hex::plural(self.incomplete.len() as u64, "transaction");
            document.verdict(Tone::Warn, line.text(format!(", {missing} not recorded")));
        }
        let found = match self.discovery {
            Discovery::Traces => Line::from("traces: every internal call"),
            Discovery::Logs => Line::of(Tone::Warn, "logs and recipients only"),
        };
        let blocks = format!(
            "{} to {} on chain {}, {} of them recorded",
            hex::count(self.window.from),
            hex::count(self.window.to),
            self.chain_id,
            hex::count(self.blocks.len() as u64)
        );
        document.facts(vec![
            ("blocks", blocks.into()),
            (
                "reach",
                format!(
                    "{} direct, {} internal",
                    hex::count(counts.direct),
                    hex::count(counts.internal)
                )
                .into(),
            ),
            ("found by", found),
            (
                "state",
                format!(
                    "{}, {}, {}",
                    hex::plural(counts.accounts, "account"),
                    hex::plural(counts.slots, "slot"),
                    hex::plural(counts.codes, "code")
                )
                .into(),
            ),
            (
                "proven",
                format!(
                    "{}, {}",
                    hex::plural(counts.proven_accounts, "account"),
                    hex::plural(counts.proven_slots, "slot")
                )
                .into(),
            ),
            ("digest", Line::default().code(self.digest.to_string())),
        ]);
        document.section("May have missed", words(&self.may_have_missed));
        let incomplete = self.incomplete.iter().map(|missing| {
            Line::default()
                .code(missing.transaction.to_string())
                .text(format!(": {}", missing.why))
        });
        document.section("Not recorded", incomplete.collect());
        document
    }
}
