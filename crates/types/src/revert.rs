//! Revert data in words.

use crate::text;
use alloy_primitives::{U256, hex};
use alloy_sol_types::SolError;

/// Characters of a reason that are shown.
const SHOWN: usize = 300;
/// `Error(string)`.
const ERROR: [u8; 4] = hex!("08c379a0");
/// `Panic(uint256)`.
const PANIC: [u8; 4] = hex!("4e487b71");

alloy_sol_types::sol! {
    error InvalidInitialization();
    error NotInitializing();
    error ERC1967InvalidImplementation(address implementation);
    error ERC1967NonPayable();
    error UUPSUnauthorizedCallContext();
    error UUPSUnsupportedProxiableUUID(bytes32 slot);
    error OwnableUnauthorizedAccount(address account);
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);
    error AccessManagedUnauthorized(address caller);
    error FailedInnerCall();
    error FailedCall();
    error AddressEmptyCode(address target);
    error ProxyDeniedAdminAccess();
    error InvalidCodeHash();
    error InvalidImplementation();
    error NotOwner();
    error SetupFailed();
    error EnforcedPause();
    error ReentrancyGuardReentrantCall();
}

/// The custom errors of proxies and their implementations.
const KNOWN: [([u8; 4], &str); 19] = [
    known::<InvalidInitialization>(),
    known::<NotInitializing>(),
    known::<ERC1967InvalidImplementation>(),
    known::<ERC1967NonPayable>(),
    known::<UUPSUnauthorizedCallContext>(),
    known::<UUPSUnsupportedProxiableUUID>(),
    known::<OwnableUnauthorizedAccount>(),
    known::<AccessControlUnauthorizedAccount>(),
    known::<AccessManagedUnauthorized>(),
    known::<FailedInnerCall>(),
    known::<FailedCall>(),
    known::<AddressEmptyCode>(),
    known::<ProxyDeniedAdminAccess>(),
    known::<InvalidCodeHash>(),
    known::<InvalidImplementation>(),
    known::<NotOwner>(),
    known::<SetupFailed>(),
    known::<EnforcedPause>(),
    known::<ReentrancyGuardReentrantCall>(),
];

const fn known<E: SolError>() -> ([u8; 4], &'static str) {
    (E::SELECTOR, E::SIGNATURE)
}

/// What revert data says: the reason of `Error(string)`, the name of a `Panic` or of an error that proxies
/// have, else the selector of the custom error. `None` when there is no data.
///
/// The text comes from a contract: it is cut to a few hundred characters and control characters
/// are escaped.
pub fn decode(output: &[u8]) -> Option<String> {
    if output.is_empty() {
        return None;
    }
    let Some((selector, body)) = output.split_first_chunk::<4>() else {
        return Some(format!("0x{}", hex::encode(output)));
    };
    let decoded = match *selector {
        ERROR => reason(body),
        PANIC if body.len() == 32 => Some(panic_name(U256::from_be_slice(body))),
        _ => name(selector),
    };
    Some(decoded.unwrap_or_else(|| match body.len() {
        0 => format!("custom error 0x{}", hex::encode(selector)),
        length => format!(
            "custom error 0x{} with {length} bytes",
            hex::encode(selector)
        ),
    }))
}

fn name(selector: &[u8; 4]) -> Option<String> {
    let known = KNOWN.iter().find(|(known, _)| known == selector);
    known.map(|(_, name)| (*name).to_owned())
}

fn reason(body: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        let word = body.get(at..at.checked_add(32)?)?;
        usize::try_from(U256::from_be_slice(word)).ok()
    };
    let offset = word(0)?;
    let length = word(offset)?;
    let start = offset.checked_add(32)?;
    let bytes = body.get(start..start.checked_add(length)?)?;
    // No more is decoded than can be shown.
    let bytes = &bytes[..bytes.len().min(4 * SHOWN + 4)];
    Some(text::terminal(&String::from_utf8_lossy(bytes), SHOWN))
}

fn panic_name(code: U256) -> String {
    let name = match u8::try_from(code) {
        Ok(0x00) => "generic",
        Ok(0x01) => "assertion failed",
        Ok(0x11) => "arithmetic overflow",
        Ok(0x12) => "division by zero",
        Ok(0x21) => "invalid enum value",
        Ok(0x22) => "corrupt storage byte array",
        Ok(0x31) => "pop of an empty array",
        Ok(0x32) => "array index out of bounds",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "call of an uninitialized function",
        _ => return format!("panic {code:#x}"),
    };
    format!("panic {code:#04x} ({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(offset: u64, length: u64, text: &[u8]) -> Vec<u8> {
        let mut data = ERROR.to_vec();
        data.extend(U256::from(offset).to_be_bytes::<32>());
        data.extend(U256::from(length).to_be_bytes::<32>());
        data.extend(text);
        data
    }

    fn panic(code: u64) -> Vec<u8> {
        let mut data = PANIC.to_vec();
        data.extend(U256::from(code).to_be_bytes::<32>());
        data
    }

    #[test]
    fn revert_data_becomes_words() {
        let cases: [(Vec<u8>, Option<&str>); 12] = [
            (
                [&hex!("118cdaa7")[..], &[0; 32]].concat(),
                Some("OwnableUnauthorizedAccount(address)"),
            ),
            (hex!("f92ee8a9").to_vec(), Some("InvalidInitialization()")),
            (vec![], None),
            (vec![1, 2], Some("0x0102")),
            (error(32, 5, b"Pause"), Some("Pause")),
            (error(32, 3, b"a\x1b\n"), Some("a\\u{1b}\\u{a}")),
            (
                error(32, 6, b"Pause"),
                Some("custom error 0x08c379a0 with 69 bytes"),
            ),
            (
                error(u64::MAX, 5, b"Pause"),
                Some("custom error 0x08c379a0 with 69 bytes"),
            ),
            (panic(0x11), Some("panic 0x11 (arithmetic overflow)")),
            (panic(0x01), Some("panic 0x01 (assertion failed)")),
            (panic(0x99), Some("panic 0x99")),
            (
                vec![0xde, 0xad, 0xbe, 0xef],
                Some("custom error 0xdeadbeef"),
            ),
        ];
        for (data, expected) in cases {
            assert_eq!(decode(&data).as_deref(), expected);
        }
    }

    #[test]
    fn a_long_reason_is_cut() {
        let text = vec![b'x'; 100_000];
        let shown = decode(&error(32, 100_000, &text)).unwrap();
        assert_eq!(shown.chars().count(), SHOWN + 1);
    }
}
