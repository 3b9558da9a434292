//! Where a proxy stands, and what a run did.

use crate::{Document, Line, Report, Tone, hex, inspection::words};
use cutover_types::rollout::{Colour, Direction, Progression, Receipt, SentTransaction, Standing};

impl Report for Standing {
    fn document(&self) -> Document {
        let mut document = Document::new("Status");
        let word = match self.colour {
            Colour::Blue => "blue",
            Colour::Green => "green",
            Colour::Other => "neither blue nor green",
        };
        let tone = match (self.disagreements.is_empty(), self.colour) {
            (true, Colour::Blue | Colour::Green) => Tone::Good,
            _ => Tone::Bad,
        };
        let line = Line::default()
            .code(hex::address(self.proxy))
            .text(" runs ")
            .and(tone, word);
        document.verdict(tone, line);
        let finalized = self.finalized.map(hex::count);
        document.facts(vec![
            (
                "implementation",
                Line::default()
                    .code(hex::address(self.implementation.address))
                    .and(
                        Tone::Dim,
                        format!("  code {}", hex::short(self.implementation.code_hash)),
                    ),
            ),
            (
                "blue",
                Line::default().code(hex::address(self.blue.address)),
            ),
            (
                "green",
                Line::default().code(hex::address(self.green.address)),
            ),
            (
                "block",
                format!(
                    "{} on chain {}, final up to {}",
                    hex::count(self.block.number),
                    self.chain_id,
                    finalized.unwrap_or_else(|| "unknown".into())
                )
                .into(),
            ),
            ("next", self.next.as_str().into()),
        ]);
        document.section("Record and chain disagree", words(&self.disagreements));
        if !self.transactions.is_empty() {
            document.heading("Transactions");
            let rows = self.transactions.iter().map(|sent| {
                vec![
                    way(sent.direction).into(),
                    Line::default().code(sent.hash.to_string()),
                    sent.nonce.to_string().into(),
                    state(sent),
                    sent.block
                        .map(|b| hex::count(b.number))
                        .unwrap_or_default()
                        .into(),
                ]
            });
            let columns = ["way", "transaction", "#nonce", "state", "#block"];
            document.table(&columns, rows.collect());
        }
        document
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Back => "back",
    }
}

fn state(sent: &SentTransaction) -> Line {
    let failed = sent.success == Some(false);
    match sent.state {
        Progression::Included if failed => Line::of(Tone::Bad, "failed, not final"),
        Progression::Abandoned if failed => Line::of(Tone::Bad, "failed"),
        Progression::Abandoned if sent.success == Some(true) => Line::of(Tone::Bad, "did nothing"),
        Progression::Signed => Line::of(Tone::Warn, "signed"),
        Progression::Broadcast => Line::of(Tone::Warn, "broadcast"),
        Progression::Included => Line::of(Tone::Warn, "included"),
        Progression::Finalized => Line::of(Tone::Good, "final"),
        Progression::Abandoned => Line::of(Tone::Dim, "abandoned"),
    }
}

impl Report for Receipt {
    fn document(&self) -> Document {
        let mut document = Document::new(match self.direction {
            Direction::Forward => "Upgrade",
            Direction::Back => "Rollback",
        });
        let tone = if self.is_final {
            Tone::Good
        } else {
            Tone::Warn
        };
        let line = Line::default()
            .code(hex::address(self.proxy))
            .text(" runs ")
            .code(hex::address(self.implementation))
            .text(if self.is_final {
                ", final"
            } else {
                ", not final yet"
            });
        document.verdict(tone, line);
        let mut facts = vec![("chain", self.chain_id.to_string().into())];
        if let Some(hash) = self.transaction {
            facts.push(("transaction", Line::default().code(hash.to_string())));
        }
        if let Some(block) = self.block {
            let line = Line::from(format!("{} ", hex::count(block.number)));
            facts.push(("block", line.and(Tone::Dim, block.hash.to_string())));
        }
        if let Some(gas) = self.gas_used {
            facts.push(("gas", hex::count(gas).into()));
        }
        document.facts(facts);
        document.section("Notes", words(&self.notes));
        document
    }
}
