//! The candidate's code at the address it has or is going to have.

use super::{Candidate, CandidateCode};
use crate::{
    error::{InspectError, key},
    session::{Script, Session, request},
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use cutover_types::{
    AccountDiff, Change, StateDiff, deployment::CREATE2_DEPLOYER, inspection::CodeAt,
};

/// EIP-170.
const MAX_CODE: usize = 24_576;

/// The candidate, ready to be installed.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) at: CodeAt,
    /// Whether nobody constructed it: its immutables may be other ones once it is deployed.
    pub(crate) as_given: bool,
}

impl Placed {
    fn new(address: Address, code: &Bytes, as_given: bool) -> Self {
        let code_hash = keccak256(code);
        Self {
            at: CodeAt { address, code_hash },
            as_given,
        }
    }
}

/// Puts the candidate's code into the state `session` supposes; the inner error is why it cannot be.
pub(crate) async fn place(
    session: &mut Session,
    candidate: &Candidate,
) -> Result<Result<Placed, String>, InspectError> {
    let address = candidate.address;
    let deployed = session.code(address).await?;
    if let Some(code) = deployed.as_ref().filter(|code| !code.is_empty()) {
        return Ok(match &candidate.code {
            CandidateCode::Runtime(given) if given != code => {
                Err(format!("there is other code at {address}"))
            }
            _ => Ok(Placed::new(address, code, false)),
        });
    }
    let (code, changes, as_given) = match &candidate.code {
        CandidateCode::Deployed => {
            return Ok(Err(match deployed {
                None => format!("the node does not give the code of {address}"),
                Some(_) => format!("there is no code at {address} in this block"),
            }));
        }
        CandidateCode::Runtime(code) => (code.clone(), StateDiff::new(), true),
        CandidateCode::Creation(init_code) => match construct(session, address, init_code).await? {
            Ok((code, changes)) => (code, changes, false),
            Err(why) => return Ok(Err(why)),
        },
    };
    if code.is_empty() {
        return Ok(Err("the candidate has no code".into()));
    }
    if session.chain_id == 1 && code.len() > MAX_CODE {
        let why = "its code is larger than the 24,576 bytes of EIP-170";
        return Ok(Err(why.into()));
    }
    let mut changes = changes;
    let constructed = changes.remove(&address).unwrap_or_default();
    let account = AccountDiff {
        storage: constructed.storage,
        ..contract(code.clone())
    };
    changes.insert(address, account);
    session.suppose(&changes, 0);
    Ok(Ok(Placed::new(address, &code, as_given)))
}

fn contract(code: Bytes) -> AccountDiff {
    AccountDiff {
        balance: Some(Change {
            before: U256::ZERO,
            after: U256::ZERO,
        }),
        nonce: Some(Change {
            before: 0,
            after: 1,
        }),
        code: Some(Change {
            before: Bytes::new(),
            after: code,
        }),
        created: true,
        ..AccountDiff::default()
    }
}

/// Runs creation code at the address it is going to have: as if it were the account's code, so that
/// immutables such as OpenZeppelin's `__self` are right.
async fn construct(
    session: &mut Session,
    address: Address,
    init_code: &Bytes,
) -> Result<Result<(Bytes, StateDiff), String>, InspectError> {
    let script = Script {
        steps: vec![request(CREATE2_DEPLOYER, address, Bytes::new())],
        planted: [(address, init_code.clone())].into(),
        ..Script::default()
    };
    let played = session.play(&script).await?;
    if let Some(missing) = played.guesses().next() {
        let why = format!("its constructor needs {}", key(&missing));
        return Ok(Err(format!("{why}, and the node does not give it")));
    }
    let Some(outcome) = played.outcomes.into_iter().next() else {
        let why = played.refused.unwrap_or_default();
        return Ok(Err(format!("its constructor cannot be executed: {why}")));
    };
    if !outcome.status.is_success() {
        let reason = cutover_evm::decode_revert(&outcome.output)
            .or(outcome.halt)
            .unwrap_or_else(|| "without a reason".into());
        return Ok(Err(format!("its constructor reverts: {reason}")));
    }
    let mut changes = outcome.diff;
    changes.remove(&CREATE2_DEPLOYER);
    Ok(Ok((outcome.output, changes)))
}
