//! Minimal proxies: the whole code is the forwarding, with the target in it. Nobody can upgrade one; but
//! its target may be a proxy itself, and then whoever upgrades that one upgrades the clone.

use super::{Kind, Recognized, Subject, elsewhere, recognize};
use crate::{
    error::{InspectError, key},
    session::Session,
};
use alloy_primitives::{Address, U256, hex};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{ProxyKind, inspection::Location};

alloy_sol_types::sol! {
    function token() external view returns (uint256 chainId, address tokenContract, uint256 tokenId);
}

/// Code in pieces; between two of them stand things that differ.
enum Piece {
    Bytes(&'static [u8]),
    Target,
    /// How many bytes follow the code, in two bytes.
    Length,
}

use Piece::{Bytes, Length, Target};

/// What may follow the code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    /// Arguments as long as the code says, appended to the calldata.
    Appended,
    /// Metadata with its own length in the last word.
    Metadata,
}

const FORMS: &[(ProxyKind, &[Piece], Tail)] = &[
    (
        ProxyKind::Clone0age,
        &[
            Bytes(&hex!("3d3d3d3d363d3d37363d73")),
            Target,
            Bytes(&hex!("5af43d3d93803e602a57fd5bf3")),
        ],
        Tail::Nothing,
    ),
    (
        ProxyKind::ClonePush0,
        &[
            Bytes(&hex!("5f5f365f5f37365f73")),
            Target,
            Bytes(&hex!("5af43d5f5f3e6029573d5ffd5b3d5ff3")),
        ],
        Tail::Nothing,
    ),
    // Vyper: of 2018 (Uniswap's first exchanges), until 0.2.8, and until 0.3.3.
    (
        ProxyKind::CloneVyper,
        &[
            Bytes(&hex!("36600080376020600036600073")),
            Target,
            Bytes(&hex!("6102c65a03f41515602d57fe5b60206000f3")),
        ],
        Tail::Nothing,
    ),
    (
        ProxyKind::CloneVyper,
        &[
            Bytes(&hex!("366000600037611000600036600073")),
            Target,
            Bytes(&hex!("5af41558576110006000f3")),
        ],
        Tail::Nothing,
    ),
    (
        ProxyKind::CloneVyper,
        &[
            Bytes(&hex!("366000600037611000600036600073")),
            Target,
            Bytes(&hex!("5af4602c57600080fd5b6110006000f3")),
        ],
        Tail::Nothing,
    ),
    (
        ProxyKind::CloneCwia,
        &[
            Bytes(&hex!("3d3d3d3d363d3d3761")),
            Length,
            Bytes(&hex!("603736393661")),
            Length,
            Bytes(&hex!("013d73")),
            Target,
            Bytes(&hex!("5af43d3d93803e603557fd5bf3")),
        ],
        Tail::Appended,
    ),
    (
        ProxyKind::CloneCwia,
        &[
            Bytes(&hex!(
                "36602c57343d527f9e4ac34f21c619cefc926c8bd93b54bf5a39c7ab2127a895af1cc0691d7e3dff"
                "593da1005b363d3d373d3d3d3d61"
            )),
            Length,
            Bytes(&hex!("806062363936013d73")),
            Target,
            Bytes(&hex!("5af43d3d93803e606057fd5bf3")),
        ],
        Tail::Appended,
    ),
    (
        ProxyKind::Erc3448,
        &[
            Bytes(&hex!("363d3d373d3d3d3d60368038038091363936013d73")),
            Target,
            Bytes(&hex!("5af43d3d93803e603457fd5bf3")),
        ],
        Tail::Metadata,
    ),
];

/// A clone's code, taken apart.
struct Parts<'a> {
    kind: ProxyKind,
    target: Address,
    tail: &'a [u8],
}

fn take_apart(code: &[u8]) -> Option<Parts<'_>> {
    minimal(code).or_else(|| {
        FORMS.iter().find_map(|(kind, pieces, tail)| {
            let (target, length, rest) = follow(code, pieces)?;
            let fits = match tail {
                Tail::Nothing => rest.is_empty(),
                Tail::Appended => length == Some(rest.len()),
                Tail::Metadata => rest.split_last_chunk::<32>().is_some_and(|(text, length)| {
                    U256::from_be_bytes(*length) == U256::from(text.len())
                }),
            };
            fits.then_some(Parts {
                kind: *kind,
                target,
                tail: rest,
            })
        })
    })
}

fn follow<'a>(mut code: &'a [u8], pieces: &[Piece]) -> Option<(Address, Option<usize>, &'a [u8])> {
    let (mut target, mut length) = (None, None);
    for piece in pieces {
        match piece {
            Bytes(bytes) => code = code.strip_prefix(*bytes)?,
            Target => {
                let (address, rest) = code.split_first_chunk::<20>()?;
                (target, code) = (Some(Address::from(*address)), rest);
            }
            Length => {
                let (bytes, rest) = code.split_first_chunk::<2>()?;
                let said = usize::from(u16::from_be_bytes(*bytes));
                if length.is_some_and(|length| length != said) {
                    return None;
                }
                (length, code) = (Some(said), rest);
            }
        }
    }
    Some((target?, length, code))
}

/// ERC-1167: an address with leading zeros may be pushed by its other bytes alone, and the jump is that
/// much nearer then.
fn minimal(code: &[u8]) -> Option<Parts<'_>> {
    let rest = code.strip_prefix(&hex!("363d3d373d3d3d363d"))?;
    let (push, rest) = rest.split_first()?;
    let size = usize::from(push.checked_sub(0x5f)?);
    if !(1..=20).contains(&size) {
        return None;
    }
    let (bytes, rest) = rest.split_at_checked(size)?;
    let rest = rest.strip_prefix(&hex!("5af43d82803e903d9160"))?;
    let (jump, rest) = rest.split_first()?;
    let tail = rest.strip_prefix(&hex!("57fd5bf3"))?;
    if usize::from(*jump) != 0x2b - (20 - size) {
        return None;
    }
    Some(Parts {
        kind: if tail.is_empty() {
            ProxyKind::Eip1167
        } else {
            ProxyKind::CloneWithArgs
        },
        target: Address::left_padding_from(bytes),
        tail,
    })
}

pub(super) struct Clones;

#[async_trait(?Send)]
impl Kind for Clones {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(parts) = take_apart(&subject.code) else {
            return Ok(None);
        };
        let forward = &subject.forward;
        if forward.location != Location::Code || forward.target != parts.target {
            return Ok(None);
        }
        let kind = if parts.kind == ProxyKind::CloneWithArgs
            && token_bound(session, subject.proxy, parts.tail).await?
        {
            ProxyKind::Erc6551
        } else {
            parts.kind
        };
        let mut found = Recognized::new(kind);
        let why = "it is a clone: its code holds the target and cannot change";
        behind(session, subject, why, &mut found).await?;
        Ok(Some(found))
    }
}

/// Whether the arguments are those of an ERC-6551 account: a salt, then the token it answers to.
async fn token_bound(
    session: &mut Session,
    account: Address,
    tail: &[u8],
) -> Result<bool, InspectError> {
    let Some(words) = (tail.len() == 128).then(|| &tail[32..]) else {
        return Ok(false);
    };
    let answers = session.ask([(account, tokenCall {}.abi_encode())]).await?;
    let answer = answers.first().and_then(|played| played.answer());
    Ok(answer.is_some_and(|answer| answer.as_ref() == words))
}

/// What stands behind a target that cannot change: nothing, another proxy, or something that could not
/// be looked at. `why` says that the first step is fixed.
pub(super) async fn behind(
    session: &mut Session,
    subject: &Subject,
    why: &str,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    let target = subject.forward.target;
    let Some(next) = subject.forward.next.as_deref() else {
        let code = session.code(target).await?.unwrap_or_default();
        let targets = session.targets(&code);
        match (subject.forward.unread, targets.moving()) {
            (None, None) if targets.unseen => {
                let why = format!(
                    "{why}; but not all of what {target} does could be followed: whether it hands calls on to an \
                     address that anybody can change could not be told"
                );
                found.notes.push(why.clone());
                found.without_call = Some(why);
            }
            (None, None) => found.shut = Some(why.into()),
            (None, Some(source)) => {
                let why = format!(
                    "{why}; but {target} hands calls on to {} in the storage of whoever runs it: whether \
                     anybody can change that could not be told",
                    elsewhere::words(source, subject.proxy)
                );
                found.notes.push(why.clone());
                found.without_call = Some(why);
            }
            (Some(missing), _) => found.notes.push(format!(
                "{why}; whether {target} is a proxy itself is not known: the node does not give {}",
                key(&missing)
            )),
        }
        return Ok(());
    };
    let inner = Subject {
        proxy: subject.proxy,
        code: session.code(target).await?.unwrap_or_default(),
        forward: next.clone(),
        routes: None,
    };
    let inner = Box::pin(recognize(session, &inner)).await?;
    found.notes.push(format!(
        "{why}; but {target} is a proxy itself, and forwards to {}",
        next.target
    ));
    found.notes.extend(inner.notes);
    found.conflicts.extend(inner.conflicts);
    found.untold.extend(inner.untold);
    if inner.kind != ProxyKind::Unknown {
        found.admin = inner.admin;
        found.beacon = inner.beacon;
        found.paths = inner.paths;
        found.unsent = inner.unsent;
        found.vacant = inner.vacant;
        found.shut = inner.shut;
        found.runs = inner.runs.or_else(|| Some(next.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Address = Address::repeat_byte(0xbb);

    fn code(before: &str, after: &str, tail: &[u8]) -> Vec<u8> {
        let before = hex::decode(before).unwrap();
        [
            &before,
            TARGET.as_slice(),
            &hex::decode(after).unwrap(),
            tail,
        ]
        .concat()
    }

    #[test]
    fn each_form_is_told_from_the_others_to_the_last_byte() {
        let minimal = ("363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3");
        let appended = (
            "3d3d3d3d363d3d3761000560373639366100".to_owned() + "05013d73",
            "5af43d3d93803e603557fd5bf3",
        );
        let metadata = (
            "363d3d373d3d3d3d60368038038091363936013d73",
            "5af43d3d93803e603457fd5bf3",
        );
        let mut said = vec![7; 3];
        said.extend(U256::from(3).to_be_bytes::<32>());
        let cases = [
            (code(minimal.0, minimal.1, &[]), Some(ProxyKind::Eip1167)),
            (
                code(minimal.0, minimal.1, &[1]),
                Some(ProxyKind::CloneWithArgs),
            ),
            (
                code(
                    "5f5f365f5f37365f73",
                    "5af43d5f5f3e6029573d5ffd5b3d5ff3",
                    &[],
                ),
                Some(ProxyKind::ClonePush0),
            ),
            (
                code(
                    "5f5f365f5f37365f73",
                    "5af43d5f5f3e6029573d5ffd5b3d5ff3",
                    &[1],
                ),
                None,
            ),
            (
                code(&appended.0, appended.1, &[1, 2, 3, 0, 5]),
                Some(ProxyKind::CloneCwia),
            ),
            (code(&appended.0, appended.1, &[1, 2, 3, 5]), None),
            (
                code(metadata.0, metadata.1, &said),
                Some(ProxyKind::Erc3448),
            ),
            (code(metadata.0, metadata.1, &said[1..]), None),
            (
                code(
                    "363d3d373d3d3d363d73",
                    "5af43d82803e903d91602a57fd5bf3",
                    &[],
                ),
                None,
            ),
            (code("363d3d373d3d3d363d73", "5af43d", &[]), None),
            (hex!("363d3d373d3d3d363d7f").to_vec(), None),
            (Vec::new(), None),
        ];
        for (code, kind) in cases {
            let parts = take_apart(&code);
            assert_eq!(
                parts.as_ref().map(|parts| parts.kind),
                kind,
                "{}",
                hex::encode(&code)
            );
            assert!(parts.is_none_or(|parts| parts.target == TARGET));
        }
    }

    #[test]
    fn a_target_with_leading_zeros_may_be_pushed_short() {
        let code = hex!(
            "363d3d373d3d3d363d6f bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 5af43d82803e903d91602757fd5bf3"
        );
        let parts = take_apart(&code).unwrap();
        assert_eq!(parts.kind, ProxyKind::Eip1167);
        assert_eq!(parts.target[..4], [0; 4]);
        assert_eq!(parts.target[4..], [0xbb; 16]);
    }
}
