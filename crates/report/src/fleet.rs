//! Many proxies: a line for each, and how many are alike.

use crate::{Document, Line, Report, Tone, hex, inspection::kind};
use alloy_primitives::Address;
use cutover_types::{
    fleet::{FleetAnswer, FleetGroup, FleetMember, FleetSummary, Upgrader},
    text,
};

/// Groups in a table.
const ROWS: usize = 40;
/// Characters of a reason.
const REASON: usize = 300;

/// One member on one line, in columns.
pub fn fleet_line(member: &FleetMember) -> String {
    let address = member.address;
    let why = text::terminal(member.why.as_deref().unwrap_or_default(), REASON);
    match member.answer {
        FleetAnswer::NotAProxy => format!("{address}  not a proxy: {why}\n"),
        FleetAnswer::CouldNotTell => format!("{address}  could not tell: {why}\n"),
        FleetAnswer::Proxy => {
            let name = member.kind.map(kind).unwrap_or_default();
            let runs = member.implementation.as_ref().map(|at| at.address);
            let runs = runs.unwrap_or_default();
            let obeys = match (member.controller, member.proven) {
                _ if member.upgrader.is_some() => format!("  {}", who(member.upgrader)),
                (Some(controller), true) => format!("  {controller} (proven)"),
                (Some(controller), false) => format!("  {controller}"),
                (None, _) => String::new(),
            };
            let conflicts = match member.conflicts.is_empty() {
                true => "",
                false => "  (conflicting signs)",
            };
            format!("{address}  {name:<22}  {runs}{obeys}{conflicts}\n")
        }
    }
}

impl Report for FleetSummary {
    fn document(&self) -> Document {
        let mut document = Document::new("Fleet");
        let tone = match self.could_not_tell {
            0 => Tone::Plain,
            _ => Tone::Warn,
        };
        let mut verdict = format!(
            "{} addresses: {} proxies, {} not proxies, {} could not be told",
            hex::count(self.addresses),
            hex::count(self.proxies),
            hex::count(self.not_proxies),
            hex::count(self.could_not_tell)
        );
        if self.dismissed > 0 {
            verdict.push_str(&format!(
                "; {} more are named in logs and do not belong to it",
                hex::count(self.dismissed)
            ));
        }
        document.verdict(tone, verdict);
        let of = |answer| self.groups.iter().filter(move |g| g.answer == answer);
        let proxies: Vec<_> = of(FleetAnswer::Proxy).collect();
        if !proxies.is_empty() {
            document.heading("Alike");
            let rows = proxies.iter().take(ROWS).map(|group| alike(group));
            document.table(
                &["#count", "kind", "implementation", "controller"],
                rows.collect(),
            );
            more(&mut document, &proxies);
        }
        for (title, answer) in [
            ("Not proxies", FleetAnswer::NotAProxy),
            ("Could not tell", FleetAnswer::CouldNotTell),
        ] {
            let groups: Vec<_> = of(answer).collect();
            if !groups.is_empty() {
                document.heading(title);
                let rows = groups.iter().take(ROWS).map(|group| reason(group));
                document.table(&["#count", "why", "for example"], rows.collect());
                more(&mut document, &groups);
            }
        }
        document
    }
}

/// Who can, where that is no account.
fn who(upgrader: Option<Upgrader>) -> &'static str {
    match upgrader {
        Some(Upgrader::Anyone) => "anyone can upgrade it",
        Some(Upgrader::Nobody) => "nobody can upgrade it",
        None => "",
    }
}

fn alike(group: &FleetGroup) -> Vec<Line> {
    vec![
        hex::count(group.count).into(),
        group.kind.map(kind).unwrap_or_default().into(),
        place(group.implementation),
        match group.upgrader {
            Some(Upgrader::Anyone) => Line::of(Tone::Bad, who(group.upgrader)),
            Some(Upgrader::Nobody) => Line::of(Tone::Dim, who(group.upgrader)),
            None => place(group.controller),
        },
    ]
}

fn reason(group: &FleetGroup) -> Vec<Line> {
    vec![
        hex::count(group.count).into(),
        text::terminal(group.why.as_deref().unwrap_or_default(), REASON).into(),
        place(Some(group.example)),
    ]
}

fn place(address: Option<Address>) -> Line {
    match address {
        Some(address) => Line::default().code(hex::address(address)),
        None => Line::of(Tone::Dim, "nobody found"),
    }
}

fn more(document: &mut Document, groups: &[&FleetGroup]) {
    let rest = groups.iter().skip(ROWS);
    let addresses: u64 = rest.clone().map(|group| group.count).sum();
    if addresses > 0 {
        let line = format!(
            "and {} addresses in {} smaller groups: --json lists them",
            hex::count(addresses),
            hex::count(rest.count() as u64)
        );
        document.paragraph(Line::of(Tone::Dim, line));
    }
}
