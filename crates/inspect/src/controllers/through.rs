//! How a member makes the one above act.

use super::deed::{Deed, Step};
use crate::session::stranger;
use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

/// `SafeTx`, from 1.0.0 on.
const SAFE_TX: B256 = b256!("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8");
/// A queued call of Compound's timelock is executed this much later than its delay: whoever queues it may
/// have to wait first, and it names the time.
const SLACK: u64 = 10 * 86_400;

alloy_sol_types::sol! {
    interface IActs {
        function approveHash(bytes32 hash) external;
        function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) external payable returns (bool);
        function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) external returns (bool);
        function executeCall(address target, bytes targetCallData) external payable;
    }
    interface ITimelock {
        function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay) external;
        function execute(address target, uint256 value, bytes payload, bytes32 predecessor, bytes32 salt) external payable;
    }
    interface ICompoundTimelock {
        function queueTransaction(address target, uint256 value, string signature, bytes data, uint256 eta) external returns (bytes32);
        function executeTransaction(address target, uint256 value, string signature, bytes data, uint256 eta) external payable returns (bytes);
    }
    interface IManager {
        function schedule(address target, bytes data, uint48 when) external returns (bytes32, uint32);
        function execute(address target, bytes data) external payable returns (uint32);
    }
    interface IAgent {
        function execute(address target, uint256 ethValue, bytes data) external;
    }
}

/// How a member makes the one above send what it has to send.
#[derive(Clone, Debug)]
pub(super) enum Through {
    /// The member sends it itself.
    Sends,
    /// The member first does something for itself, then acts.
    First(Deed, Box<Through>),
    /// By the signatures of these owners of a Safe.
    Signatures {
        owners: Vec<Address>,
        domain: B256,
        nonce: U256,
    },
    /// As a Safe's module.
    Module,
    /// By a proposal to OpenZeppelin's timelock.
    Timelock {
        proposer: Address,
        executor: Address,
        delay: u64,
    },
    /// By queueing in Compound's timelock.
    Compound { delay: u64, now: u64 },
    /// By OpenZeppelin's AccessManager, scheduled before when there is a delay.
    Manager { delay: u64 },
    /// By Arbitrum's UpgradeExecutor.
    Executor,
    /// By Aragon's Agent.
    Agent,
    /// It is asked whether somebody may, and sends nothing itself: those behind it are tried.
    Behind,
    /// Not known, or not executed: why.
    Claimed(&'static str),
}

impl Through {
    /// What `member` sends so that `actor` sends `deed`.
    pub(super) fn apply(
        &self,
        actor: Address,
        member: Address,
        deed: &Deed,
    ) -> Result<Deed, &'static str> {
        let mut own = Vec::new();
        if let Self::First(first, then) = self {
            own.extend(first.iter().cloned());
            own.extend(then.apply(actor, member, deed)?);
            return Ok(own);
        }
        let mut order = 0;
        for step in deed {
            if step.from != actor {
                own.push(step.clone());
                continue;
            }
            let steps = self.wrap(actor, member, step, order)?;
            order += 1;
            for (index, mut part) in steps.into_iter().enumerate() {
                if index == 0 {
                    part.wait = part.wait.saturating_add(step.wait);
                }
                own.push(part);
            }
        }
        Ok(own)
    }

    fn wrap(
        &self,
        actor: Address,
        member: Address,
        step: &Step,
        order: u64,
    ) -> Result<Deed, &'static str> {
        let carries = matches!(
            self,
            Self::Sends | Self::Behind | Self::Signatures { .. } | Self::Module
        );
        if step.operation != 0 && !carries {
            return Err("it takes a delegate call, which only a Safe makes");
        }
        let (target, data) = (step.to, step.data.clone());
        let none = (U256::ZERO, B256::ZERO);
        Ok(match self {
            Self::Sends | Self::Behind => vec![Step {
                from: member,
                wait: 0,
                ..step.clone()
            }],
            Self::First(..) => return Err("it is not known how"),
            Self::Claimed(why) => return Err(why),
            Self::Signatures {
                owners,
                domain,
                nonce,
            } => {
                let nonce = nonce.saturating_add(U256::from(order));
                signed(actor, owners, *domain, nonce, step)
            }
            Self::Module => {
                let call = IActs::execTransactionFromModuleCall {
                    to: target,
                    value: none.0,
                    data,
                    operation: step.operation,
                };
                vec![Step::new(member, actor, call.abi_encode())]
            }
            Self::Executor => {
                let call = IActs::executeCallCall {
                    target,
                    targetCallData: data,
                };
                vec![Step::new(member, actor, call.abi_encode())]
            }
            Self::Agent => {
                let call = IAgent::executeCall {
                    target,
                    ethValue: none.0,
                    data,
                };
                vec![Step::new(member, actor, call.abi_encode())]
            }
            Self::Timelock {
                proposer,
                executor,
                delay,
            } => {
                // The same call may be in its queue already.
                let salt = keccak256(("cutover".to_owned(), order).abi_encode());
                let schedule = ITimelock::scheduleCall {
                    target,
                    value: none.0,
                    data: data.clone(),
                    predecessor: none.1,
                    salt,
                    delay: U256::from(*delay),
                };
                let execute = ITimelock::executeCall {
                    target,
                    value: none.0,
                    payload: data,
                    predecessor: none.1,
                    salt,
                };
                vec![
                    Step::new(*proposer, actor, schedule.abi_encode()),
                    Step::new(*executor, actor, execute.abi_encode()).after(*delay),
                ]
            }
            Self::Compound { delay, now } => {
                let later = delay.saturating_add(SLACK);
                let eta = U256::from(now.saturating_add(later));
                let queue = ICompoundTimelock::queueTransactionCall {
                    target,
                    value: none.0,
                    signature: String::new(),
                    data: data.clone(),
                    eta,
                };
                let execute = ICompoundTimelock::executeTransactionCall {
                    target,
                    value: none.0,
                    signature: String::new(),
                    data,
                    eta,
                };
                vec![
                    Step::new(member, actor, queue.abi_encode()),
                    Step::new(member, actor, execute.abi_encode()).after(later),
                ]
            }
            Self::Manager { delay } => {
                let execute = IManager::executeCall {
                    target,
                    data: data.clone(),
                };
                let execute = Step::new(member, actor, execute.abi_encode());
                if *delay == 0 {
                    return Ok(vec![execute]);
                }
                let schedule = IManager::scheduleCall {
                    target,
                    data,
                    when: Default::default(),
                };
                vec![
                    Step::new(member, actor, schedule.abi_encode()),
                    execute.after(*delay),
                ]
            }
        })
    }
}

/// The owners approve the hash, then anyone executes.
fn signed(safe: Address, owners: &[Address], domain: B256, nonce: U256, step: &Step) -> Deed {
    let zero = (
        U256::ZERO,
        U256::ZERO,
        U256::ZERO,
        Address::ZERO,
        Address::ZERO,
    );
    let message = (
        SAFE_TX,
        step.to,
        U256::ZERO,
        keccak256(&step.data),
        U256::from(step.operation),
        zero,
        nonce,
    );
    let message = keccak256(message.abi_encode());
    let hash = keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat());
    let mut owners = owners.to_vec();
    owners.sort_unstable();
    let mut signatures = Vec::new();
    let mut deed = Deed::new();
    for owner in &owners {
        let approve = IActs::approveHashCall { hash };
        deed.push(Step::new(*owner, safe, approve.abi_encode()));
        signatures.extend(owner.into_word());
        signatures.extend([0; 32]);
        signatures.push(1);
    }
    let execute = IActs::execTransactionCall {
        to: step.to,
        value: U256::ZERO,
        data: step.data.clone(),
        operation: step.operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: Bytes::from(signatures),
    };
    deed.push(Step::new(stranger(), safe, execute.abi_encode()));
    deed
}
