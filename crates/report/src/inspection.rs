//! What a proxy is, how it is upgraded, and by whom.

use crate::{Document, Line, Report, Tone, document::Block, hex, power};
use cutover_types::{
    Inspection,
    inspection::{Location, Possible, ProxyFacts, ProxyKind, RollbackFacts, UpgradeFacts},
};

impl Report for Inspection {
    fn document(&self) -> Document {
        let mut document = Document::new("Inspection");
        let place = format!(
            "chain {}, block {} ",
            self.chain_id,
            hex::count(self.block.number)
        );
        let place = Line::from(place).and(Tone::Dim, hex::short(self.block.hash));
        let Some(proxy) = &self.proxy else {
            let line = Line::default().code(hex::address(self.address));
            document.verdict(Tone::Plain, line.text(" is not a proxy"));
            document.paragraph(place);
            if let Some(candidate) = &self.candidate {
                crate::candidate::show(candidate, &mut document);
            }
            document.section("Notes", words(&self.notes));
            return document;
        };
        let line = Line::default().code(hex::address(self.address));
        let name = kind(proxy.kind);
        let line = line.text(format!(" is {} ", article(&name)));
        let rest = if name.ends_with("-proxy") {
            ""
        } else {
            " proxy"
        };
        let line = line.and(Tone::Strong, name);
        document.verdict(Tone::Plain, line.text(rest));
        document.paragraph(place);
        document.facts(facts(proxy));
        if !proxy.conflicts.is_empty() {
            document.section("Conflicting signs", words(&proxy.conflicts));
        }
        document.heading("Upgrade");
        match &self.upgrade {
            Some(upgrade) => document.facts(upgrade_facts(upgrade)),
            None => document.paragraph(Line::of(Tone::Warn, why_not(self))),
        }
        if !self.controllers.is_empty() {
            document.heading("Who can");
            for controller in &self.controllers {
                document
                    .blocks
                    .push(Block::Tree(power::tree(controller, 0)));
            }
        }
        if let Some(power) = &self.power {
            power::describe(&mut document, power);
        }
        if let Some(rollback) = &self.rollback {
            document.heading("The way back");
            document.paragraph(back(rollback));
        }
        if let Some(candidate) = &self.candidate {
            crate::candidate::show(candidate, &mut document);
        }
        if !self.history.is_empty() {
            document.heading("History");
            let rows = self.history.iter().map(|entry| {
                vec![
                    hex::count(entry.block).into(),
                    Line::default().code(hex::address(entry.implementation)),
                    match entry.transaction {
                        Some(transaction) => Line::of(Tone::Dim, hex::short(transaction)),
                        None => Line::of(Tone::Dim, "not known: found by a search"),
                    },
                ]
            });
            document.table(&["#block", "implementation", "transaction"], rows.collect());
        }
        document.section("Notes", words(&self.notes));
        document
    }
}

/// Why there is no upgrade call: nobody found is not nobody.
fn why_not(report: &Inspection) -> String {
    match &report.rollback {
        Some(RollbackFacts {
            possible: Possible::Unknown,
            why: Some(why),
            ..
        }) => why.clone(),
        _ => "nobody can upgrade it".into(),
    }
}

pub(crate) fn words(texts: &[String]) -> Vec<Line> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

/// The article of a name, by how it is said.
fn article(name: &str) -> &'static str {
    let said = ["uups", "eu", "uni"].iter().all(|like| {
        // A u as in "unit", not as in "unknown".
        !name.starts_with(like)
    });
    match name.as_bytes().first() {
        Some(b'a' | b'e' | b'i' | b'o' | b'u') if said => "an",
        // Spelt out: an l1.
        Some(b'l') if name.starts_with("l1") => "an",
        _ => "a",
    }
}

/// The name in JSON, so that text and scripts say the same.
/// The id of a kind.
pub(crate) fn kind(kind: ProxyKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "unknown".into(),
    }
}

fn facts(proxy: &ProxyFacts) -> Vec<(&'static str, Line)> {
    let implementation = Line::default()
        .code(hex::address(proxy.implementation.address))
        .and(Tone::Dim, "  code ")
        .and(Tone::Dim, hex::short(proxy.implementation.code_hash));
    let place = match proxy.location {
        Location::Slot(slot) => Line::from("slot ").and(Tone::Dim, hex::short(slot)),
        Location::Packed { slot, offset } => Line::from("slot ")
            .and(Tone::Dim, hex::short(slot))
            .text(format!(", shared with other values, from byte {offset}")),
        Location::Code => "in the proxy's code".into(),
        Location::Call(to) => Line::from("answered by ").code(hex::address(to)),
    };
    let mut facts = vec![("implementation", implementation), ("where", place)];
    if let Some(admin) = proxy.admin {
        facts.push(("admin", Line::default().code(hex::address(admin))));
    }
    if let Some(beacon) = proxy.beacon {
        facts.push(("beacon", Line::default().code(hex::address(beacon))));
    }
    facts
}

fn upgrade_facts(upgrade: &UpgradeFacts) -> Vec<(&'static str, Line)> {
    let proven = match (&upgrade.proven, &upgrade.why) {
        (true, _) => Line::of(Tone::Good, "yes: executed on the state of that block"),
        (false, Some(why)) => Line::of(Tone::Warn, "no: ").text(why.clone()),
        (false, None) => Line::of(Tone::Warn, "no"),
    };
    vec![
        ("call", Line::of(Tone::Strong, upgrade.verb.clone())),
        ("from", Line::default().code(hex::address(upgrade.from))),
        ("to", Line::default().code(hex::address(upgrade.to))),
        ("proven", proven),
    ]
}

fn back(rollback: &RollbackFacts) -> Line {
    let line = match rollback.possible {
        Possible::Yes => Line::of(Tone::Good, "open").text(": executed and seen"),
        Possible::No => Line::of(Tone::Bad, "closed"),
        Possible::Unknown => Line::of(Tone::Warn, "unknown"),
    };
    match &rollback.why {
        Some(why) => line.text(format!(": {why}")),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::article;

    #[test]
    fn the_article_is_that_of_how_a_name_is_said() {
        for name in [
            "eip1167",
            "unknown",
            "optimism-proxy",
            "ossifiable",
            "aave-immutable-admin",
            "l1-chugsplash",
        ] {
            assert_eq!(article(name), "an", "{name}");
        }
        for name in [
            "uups-v5",
            "transparent",
            "zos-admin",
            "beacon-proxy",
            "library-constant",
        ] {
            assert_eq!(article(name), "a", "{name}");
        }
    }
}
