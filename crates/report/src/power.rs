//! Who can press the button, as text: the tree and what it takes.

mod mermaid;
mod svg;

pub use mermaid::mermaid;
pub use svg::svg;

use crate::{Document, Line, Tone, Tree, hex, inspection::words};
use cutover_types::inspection::{Controller, Power, Presses};

/// How deep a tree is shown.
const DEPTH: usize = 20;
/// The type of a stranger.
const ANYONE: &str = "anyone";
/// Said where no key is needed at all.
const NO_KEY: &str = "none: anyone can";
/// Nodes of a picture.
const NODES: usize = 256;

/// The tree for a terminal or a page.
pub(crate) fn tree(controller: &Controller, depth: usize) -> Tree {
    let mut line = Line::default();
    if let Some(role) = role(controller) {
        line = line.text(format!("{role}: "));
    }
    line = line
        .and(Tone::Strong, controller.kind.clone())
        .text(" ")
        .code(who(controller));
    for mark in marks(controller) {
        line = line.text(format!("  {mark}"));
    }
    line = match state(controller) {
        State::Proven => line.and(Tone::Good, "  proven"),
        State::Claimed => line.and(Tone::Dim, "  claimed"),
        State::Powerless => line.and(Tone::Dim, "  cannot press"),
        State::Unclear => line.and(Tone::Warn, "  not known whether it can"),
    };
    let facts: Vec<_> = controller
        .facts
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut children = Vec::new();
    if !facts.is_empty() {
        children.push(leaf(Tone::Dim, facts.join(", ")));
    }
    let said = controller.notes.iter().map(|note| (Tone::Plain, note));
    let untold = controller.unknown.iter().map(|note| (Tone::Warn, note));
    children.extend(
        said.chain(untold)
            .map(|(tone, note)| leaf(tone, note.clone())),
    );
    if depth < DEPTH {
        let members = controller.members.iter();
        children.extend(members.map(|member| tree(member, depth + 1)));
    }
    Tree { line, children }
}

fn leaf(tone: Tone, text: String) -> Tree {
    Tree {
        line: Line::of(tone, text),
        children: Vec::new(),
    }
}

/// What it is to the one above, where that is not said by what it is.
fn role(controller: &Controller) -> Option<&str> {
    let role = controller.role.as_deref();
    role.filter(|role| !role.is_empty() && *role != controller.kind)
}

/// Its address, where it is one account.
fn who(controller: &Controller) -> String {
    match controller.kind.as_str() {
        ANYONE => "without any key".into(),
        _ => hex::address(controller.address),
    }
}

/// Whether it was shown that someone can press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proven,
    Claimed,
    Powerless,
    Unclear,
}

fn state(controller: &Controller) -> State {
    match controller.presses {
        _ if controller.proven => State::Proven,
        Presses::No => State::Powerless,
        Presses::Unknown => State::Unclear,
        _ => State::Claimed,
    }
}

/// What is worth a word beside the address.
fn marks(controller: &Controller) -> Vec<String> {
    let mut marks = Vec::new();
    let together = |c: &&Controller| c.presses == Presses::Together;
    let together = controller.members.iter().filter(together).count() as u64;
    if let Some(threshold) = controller.threshold {
        let all = match together {
            0 => controller.members.len() as u64,
            some => some,
        };
        marks.push(match all {
            0 => format!("{} have to sign", hex::count(threshold)),
            all => format!("{} of {}", hex::count(threshold), hex::count(all)),
        });
    }
    if let Some(delay) = controller.delay_seconds {
        marks.push(format!("delay {}", time(delay)));
    }
    if let Some(wait) = controller.wait_seconds {
        marks.push(format!("waits {}", time(wait)));
    }
    if controller.repeated {
        marks.push("see above".into());
    }
    marks
}

/// Seconds, with the days they are.
pub(crate) fn time(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    let exact = hex::count(seconds);
    match (days, hours, minutes) {
        (0, 0, 0 | 1) => format!("{exact} s"),
        (0, 0, minutes) => format!("{exact} s ({minutes} min)"),
        (0 | 1, hours, _) => format!("{exact} s ({hours} h)"),
        (days, _, _) => format!("{exact} s ({} d)", hex::count(days)),
    }
}

/// What the upgrade takes, after the tree.
pub(crate) fn describe(document: &mut Document, power: &Power) {
    let least = if power.complete { "" } else { "at most " };
    let wait = match power.delay_seconds {
        Some(0) => Line::of(Tone::Warn, format!("{least}none")),
        Some(seconds) => Line::from(format!("{least}{}", time(seconds))),
        None => Line::of(Tone::Warn, none(power)),
    };
    let keys = match power.fewest_signers {
        Some(0) => Line::of(Tone::Bad, NO_KEY),
        Some(keys) => Line::from(format!("{least}{}", hex::count(keys))),
        None => Line::of(Tone::Warn, none(power)),
    };
    document.heading("What it takes");
    document.facts(vec![("enforced wait", wait), ("fewest keys", keys)]);
    let paths = power.paths.iter().take(NODES).map(|path| {
        let proven = if path.proven { "" } else { " (claimed)" };
        let keys = match path.signers {
            Some(1) => "1 key".to_owned(),
            Some(keys) => format!("{} keys", hex::count(keys)),
            None => "keys not known".into(),
        };
        Line::from(format!(
            "{}: {keys}, wait {}{proven}",
            path.words,
            time(path.delay_seconds)
        ))
    });
    document.section("Every path, the quickest first", paths.collect());
    let around = power
        .bypasses
        .iter()
        .take(NODES)
        .map(|words| Line::of(Tone::Bad, words.clone()));
    document.section("Around the timelock", around.collect());
    document.section("Not told", words(&power.unknown));
}

fn none(power: &Power) -> &'static str {
    if power.complete {
        "nobody can"
    } else {
        "not known"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Report, Style};
    use alloy_primitives::{Address, B256};
    use cutover_types::{
        Inspection,
        inspection::{BlockId, PowerPath},
    };

    const HOSTILE: &str = "x\"]; click n0 \"javascript:1\" <script>&#\u{1b}[2J`\n%%";

    fn member(byte: u8, kind: &str, role: &str, presses: Presses) -> Controller {
        Controller {
            address: Address::repeat_byte(byte),
            kind: kind.into(),
            role: Some(role.into()),
            presses,
            proven: byte == 2,
            ..Controller::default()
        }
    }

    fn inspection(role: &str) -> Inspection {
        let mut safe = member(1, "safe", "proposer", Presses::Starts);
        safe.threshold = Some(1);
        safe.facts.insert("version".into(), role.into());
        safe.members = vec![
            member(2, "eoa", role, Presses::Together),
            member(3, "eoa", "owner", Presses::Together),
            member(4, "contract", "guard", Presses::No),
        ];
        Inspection {
            address: Address::repeat_byte(9),
            chain_id: 1,
            block: BlockId {
                number: 7,
                hash: B256::ZERO,
            },
            proxy: None,
            upgrade: None,
            controllers: vec![safe],
            power: Some(Power {
                delay_seconds: Some(172_800),
                fewest_signers: Some(1),
                complete: false,
                paths: vec![PowerPath {
                    words: role.into(),
                    ..PowerPath::default()
                }],
                bypasses: vec![role.into()],
                unknown: vec!["a module".into()],
            }),
            rollback: None,
            history: Vec::new(),
            header_proof: None,
            candidate: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn guards_do_not_count_as_signers() {
        let found = inspection("owner");
        let mut document = Document::new("");
        document
            .blocks
            .push(crate::Block::Tree(tree(&found.controllers[0], 0)));
        describe(&mut document, found.power.as_ref().unwrap());
        let text = document.text(&Style::default());
        assert!(text.contains("1 of 2"), "{text}");
        assert!(text.contains("cannot press"), "{text}");
        assert!(text.contains("at most 172,800 s (2 d)"), "{text}");
        assert!(text.contains("Around the timelock"), "{text}");
    }

    #[test]
    fn anyone_is_no_account_and_needs_no_key() {
        let mut found = inspection("owner");
        found.controllers = vec![Controller {
            proven: true,
            address: Address::ZERO,
            ..member(0, "anyone", "anyone", Presses::Alone)
        }];
        let takes = found.power.as_mut().unwrap();
        (takes.fewest_signers, takes.complete) = (Some(0), true);
        let mut document = Document::new("");
        let tree = tree(&found.controllers[0], 0);
        document.blocks.push(crate::Block::Tree(tree));
        describe(&mut document, found.power.as_ref().unwrap());
        let text = document.text(&Style::default());
        for shown in [&text, &mermaid(&found), &svg(&found)] {
            assert!(shown.contains("anyone"), "{shown}");
            assert!(shown.contains("without any key"), "{shown}");
            assert!(!shown.contains("anyone: anyone"), "{shown}");
            assert!(!shown.contains("0x0000000000"), "{shown}");
        }
        for shown in [text, svg(&found)] {
            assert!(shown.contains("none: anyone can"), "{shown}");
        }
    }

    #[test]
    fn pictures_escape_what_contracts_say() {
        let found = inspection(HOSTILE);
        let (mermaid, svg) = (mermaid(&found), svg(&found));
        assert!(!mermaid.contains("click n0 \""), "{mermaid}");
        assert!(
            !mermaid.contains('\u{1b}') && !mermaid.contains('`'),
            "{mermaid}"
        );
        for line in mermaid.lines() {
            // Nothing leaves its quotes.
            assert!(line.matches('"').count() % 2 == 0, "{line}");
        }
        assert!(!mermaid.contains("<script"), "{mermaid}");
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        // The document of a terminal escapes, too.
        assert!(!found.document().text(&Style::default()).contains('\u{1b}'));
    }

    #[test]
    fn a_long_way_round_is_told_whole_in_a_picture_that_stays_narrow() {
        let mut found = inspection("owner");
        let words = format!("{} the end", "an owner of a safe, ".repeat(20));
        found.power.as_mut().unwrap().bypasses = vec![words];
        let picture = svg(&found);
        assert!(picture.contains("the end</text>"), "{picture}");
        let width = picture.split("width=\"").nth(1).unwrap();
        let width: f64 = width.split('"').next().unwrap().parse().unwrap();
        assert!(width < 900.0, "{width}");
    }

    #[test]
    fn a_tree_without_end_is_cut() {
        let mut deep = member(5, "ownable", "owner", Presses::Alone);
        for _ in 0..2_000 {
            deep = Controller {
                members: vec![deep],
                ..member(5, "ownable", "owner", Presses::Alone)
            };
        }
        let mut found = inspection("owner");
        found.controllers = vec![deep];
        assert!(mermaid(&found).lines().count() < 200);
        assert!(svg(&found).len() < 200_000);
        // Taken apart by hand: dropping it level by level is no one's business here.
        let mut open = std::mem::take(&mut found.controllers);
        while let Some(mut next) = open.pop() {
            open.append(&mut next.members);
        }
    }

    #[test]
    fn seconds_are_told_in_days() {
        assert_eq!(time(45), "45 s");
        assert_eq!(time(300), "300 s (5 min)");
        assert_eq!(time(86_400), "86,400 s (24 h)");
        assert_eq!(time(691_200), "691,200 s (8 d)");
    }
}
