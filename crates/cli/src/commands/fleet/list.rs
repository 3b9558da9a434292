//! A list of addresses as people keep it.

use crate::{context::Context, exit::usage};
use alloy_primitives::{Address, keccak256};
use cutover_types::{
    address,
    file::{Input, Inputs},
    text,
};
use std::{collections::BTreeSet, fs::File, io::Read, path::Path};

/// Bytes of a list at most.
const SIZE: u64 = 64 << 20;
/// Addresses of a list at most.
const MOST: usize = 1_000_000;
/// Bad lines that are named.
const NAMED: usize = 10;

/// The addresses in `path`, each once, in their order.
pub(super) fn read(
    path: &Path,
    inputs: &mut Inputs,
    context: &Context,
) -> eyre::Result<Vec<Address>> {
    let shown = path.display().to_string();
    let hint = "one address on a line; # begins a comment";
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SIZE + 1).read_to_end(&mut content))
        .map_err(|error| {
            usage(
                format!("cannot read {}: {error}", text::terminal(&shown, 200)),
                hint,
            )
        })?;
    if content.len() as u64 > SIZE {
        return Err(usage(format!("{shown} is larger than 64 MB"), hint));
    }
    let digest = keccak256(&content);
    let list = List::of(&String::from_utf8_lossy(&content));
    if !list.bad.is_empty() {
        let more = list.bad.len().saturating_sub(NAMED);
        let mut named = list.bad;
        named.truncate(NAMED);
        let more = match more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        return Err(usage(format!("{shown}: {}{more}", named.join("; ")), hint));
    }
    if list.addresses.is_empty() || list.addresses.len() > MOST {
        let count = list.addresses.len();
        let message = format!("{shown} lists {count} addresses, from 1 to {MOST} can be inspected");
        return Err(usage(message, hint));
    }
    if list.again > 0 {
        let again = list.again;
        context.output.note(&format!(
            "{again} addresses stand in {shown} more than once"
        ));
    }
    inputs.insert("list".into(), Input { digest, file: None });
    Ok(list.addresses)
}

#[derive(Debug, Default, PartialEq)]
struct List {
    addresses: Vec<Address>,
    /// Lines that repeat an address.
    again: usize,
    bad: Vec<String>,
}

impl List {
    fn of(content: &str) -> Self {
        let mut list = Self::default();
        let mut seen = BTreeSet::new();
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        for (number, line) in content.lines().enumerate() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            match address::parse(line) {
                Ok(address) if seen.insert(address) => list.addresses.push(address),
                Ok(_) => list.again += 1,
                Err(why) => {
                    let shown = text::terminal(line, 60);
                    list.bad
                        .push(format!("line {}: {shown}: {why}", number + 1));
                }
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_passed_over_and_repeated_addresses_are_folded() {
        let one = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
        let two = "0x00000000000000000000000000000000000000ff";
        let text = format!(
            "\u{feff}# all of them\r\n{one}\r\n\n  {two} # the second\n{}\n",
            one.to_lowercase()
        );
        let list = List::of(&text);
        let shown: Vec<_> = list.addresses.iter().map(Address::to_string).collect();
        let two = address::parse(two).map(|two| two.to_string());
        assert_eq!(shown, [one.to_owned(), two.unwrap_or_default()]);
        assert_eq!((list.again, list.bad.len()), (1, 0));
    }

    #[test]
    fn bad_lines_are_named_by_their_number() {
        let wrong = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB49";
        let list = List::of(&format!("# one\nnonsense\u{1b}[2J\n{wrong}\n0x12,0x34\n"));
        assert!(list.addresses.is_empty());
        assert_eq!(list.bad.len(), 3);
        assert!(list.bad[0].starts_with("line 2: "), "{:?}", list.bad);
        assert!(!list.bad[0].contains('\u{1b}'));
        assert!(list.bad[1].contains("checksum"), "{:?}", list.bad);
    }
}
