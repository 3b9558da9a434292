//! How a member makes the one above act.

use super::deed::{Deed, Step};
use crate::session::stranger;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use cutover_types::{
    Call,
    upgrade::safe::{self, Family},
};

/// A queued call of Compound's timelock is executed this much later than its delay: whoever queues it may
/// have to wait first, and it names the time.
const SLACK: u64 = 10 * 86_400;

alloy_sol_types::sol! {
    interface IActs {
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
    struct Action {
        address to;
        uint256 value;
        bytes data;
    }
    interface IDao {
        function execute(bytes32 callId, Action[] actions, uint256 allowFailureMap) external;
    }
}

/// How a member makes the one above send what it has to send.
#[derive(Clone, Debug)]
pub(super) enum Through {
    /// The member sends it itself.
    Sends,
    /// The member first does something for itself, then acts.
    First(Deed, Box<Through>),
    /// It does this, whatever the one above has to send.
    Instead(Deed),
    /// By the approvals of these owners of a Safe.
    Signatures {
        owners: Vec<Address>,
        /// Whose approvals are handed in, in this order: those of `owners` where everything is right.
        claims: Vec<Address>,
        domain: B256,
        nonce: U256,
    },
    /// As a Safe's module.
    Module,
    /// By a Safe that passes whatever it does not know on to this contract.
    Handled(Address),
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
    /// By a DAO of Aragon OSx.
    Dao,
    /// Like the other, but what it has to announce before is left out.
    Unannounced(Box<Through>),
    /// It is asked whether somebody may, and sends nothing itself: those behind it are tried.
    Behind,
    /// Not known, or not executed: why.
    Claimed(&'static str),
}

/// Whether the waits are kept that a contract between asks for. One that lets itself be hurried enforces
/// less than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// They are.
    AsSaid,
    /// As many seconds are announced as it asks for, and at most so many pass.
    Cut(u64),
    /// At most so many are announced, and pass.
    Asked(u64),
    /// Nothing is announced, and none pass.
    Unannounced,
}

impl Pace {
    fn cut(self, seconds: u64) -> u64 {
        match self {
            Self::AsSaid => seconds,
            Self::Cut(most) | Self::Asked(most) => seconds.min(most),
            Self::Unannounced => 0,
        }
    }

    /// The same, with so many seconds.
    pub(super) fn with(self, most: u64) -> Self {
        match self {
            Self::Cut(_) => Self::Cut(most),
            Self::Asked(_) => Self::Asked(most),
            other => other,
        }
    }
}

impl Through {
    /// The longest wait that this asks for.
    pub(super) fn longest(&self) -> u64 {
        match self {
            Self::First(first, then) => {
                let own = first.iter().map(|step| step.wait).max();
                own.unwrap_or_default().max(then.longest())
            }
            Self::Timelock { delay, .. }
            | Self::Compound { delay, .. }
            | Self::Manager { delay } => *delay,
            _ => 0,
        }
    }

    /// How long all waits take.
    pub(super) fn total(&self, pace: Pace) -> u64 {
        match self {
            Self::First(first, then) => first
                .iter()
                .map(|step| before(pace).cut(step.wait))
                .fold(then.total(pace), u64::saturating_add),
            other => pace.cut(other.longest()),
        }
    }

    /// Everything that may be hurried here, the quickest first.
    pub(super) fn hurries(&self) -> Vec<Pace> {
        let Some(short) = self.longest().checked_sub(1) else {
            return Vec::new();
        };
        let mut paces = vec![Pace::Cut(0), Pace::Asked(0)];
        // Without a proposal it is the executor alone who acts.
        if !matches!(self, Self::Timelock { .. }) {
            paces.push(Pace::Unannounced);
        }
        if short > 0 {
            paces.extend([Pace::Cut(short), Pace::Asked(short)]);
        }
        paces
    }

    /// What `member` sends so that `actor` sends `deed`.
    pub(super) fn apply(
        &self,
        actor: Address,
        member: Address,
        deed: &Deed,
        pace: Pace,
    ) -> Result<Deed, &'static str> {
        let mut own = Vec::new();
        match self {
            Self::First(first, then) => {
                own.extend(first.iter().cloned().map(|step| Step {
                    wait: before(pace).cut(step.wait),
                    ..step
                }));
                own.extend(then.apply(actor, member, deed, pace)?);
                return Ok(own);
            }
            Self::Unannounced(then) => return then.apply(actor, member, deed, Pace::Unannounced),
            Self::Instead(steps) => return Ok(steps.clone()),
            _ => {}
        }
        let mut order = 0;
        let mut passed: u64 = 0;
        for step in deed {
            passed = passed.saturating_add(step.wait);
            if step.from != actor {
                own.push(step.clone());
                continue;
            }
            let steps = self.wrap(actor, member, step, (order, passed), pace)?;
            for part in &steps {
                passed = passed.saturating_add(part.wait);
            }
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
        (order, passed): (u64, u64),
        pace: Pace,
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
            Self::First(..) | Self::Unannounced(_) | Self::Instead(_) => {
                return Err("it is not known how");
            }
            Self::Claimed(why) => return Err(why),
            Self::Signatures {
                owners,
                claims,
                domain,
                nonce,
            } => {
                let nonce = nonce.saturating_add(U256::from(order));
                signed(actor, (owners, claims), *domain, nonce, step)
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
            Self::Handled(handler) if step.to == *handler => {
                vec![Step::new(member, actor, data)]
            }
            Self::Handled(_) => return Err("it calls another contract"),
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
            Self::Dao => {
                let action = Action {
                    to: target,
                    value: none.0,
                    data,
                };
                let call = IDao::executeCall {
                    callId: none.1,
                    actions: vec![action],
                    allowFailureMap: none.0,
                };
                vec![Step::new(member, actor, call.abi_encode())]
            }
            Self::Timelock {
                proposer,
                executor,
                delay,
            } => {
                let wait = pace.cut(*delay);
                let asked = match pace {
                    Pace::Asked(_) => wait,
                    _ => *delay,
                };
                // The same call may be in its queue already.
                let salt = keccak256(("cutover".to_owned(), order).abi_encode());
                let schedule = ITimelock::scheduleCall {
                    target,
                    value: none.0,
                    data: data.clone(),
                    predecessor: none.1,
                    salt,
                    delay: U256::from(asked),
                };
                let execute = ITimelock::executeCall {
                    target,
                    value: none.0,
                    payload: data,
                    predecessor: none.1,
                    salt,
                };
                announced(
                    Step::new(*proposer, actor, schedule.abi_encode()),
                    Step::new(*executor, actor, execute.abi_encode()).after(wait),
                    pace,
                )
            }
            Self::Compound { delay, now } => {
                let (later, wait) = match pace {
                    Pace::AsSaid => (delay.saturating_add(SLACK), delay.saturating_add(SLACK)),
                    Pace::Cut(most) => (*delay, most),
                    Pace::Asked(most) => (most, most),
                    Pace::Unannounced => (0, 0),
                };
                let eta = now.saturating_add(passed).saturating_add(later);
                let eta = U256::from(eta);
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
                announced(
                    Step::new(member, actor, queue.abi_encode()),
                    Step::new(member, actor, execute.abi_encode()).after(wait),
                    pace,
                )
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
                announced(
                    Step::new(member, actor, schedule.abi_encode()),
                    execute.after(pace.cut(*delay)),
                    pace,
                )
            }
        })
    }
}

/// What goes before is only hurried, never left out.
fn before(pace: Pace) -> Pace {
    match pace {
        Pace::Unannounced => Pace::AsSaid,
        other => other,
    }
}

fn announced(first: Step, then: Step, pace: Pace) -> Deed {
    match pace {
        Pace::Unannounced => vec![then],
        _ => vec![first, then],
    }
}

/// The owners approve the hash, then anyone executes.
fn signed(
    safe: Address,
    (owners, claims): (&[Address], &[Address]),
    domain: B256,
    nonce: U256,
    step: &Step,
) -> Deed {
    let call = Call {
        operation: step.operation,
        ..Call::new(step.to, step.data.clone())
    };
    let message = Family::NEWEST.message(&call, nonce);
    let hash = safe::transaction_hash(domain, message);
    let send = |from: Address, call: Call| Step::new(from, call.to, call.data);
    let mut deed: Deed = owners
        .iter()
        .map(|owner| send(*owner, safe::approve(safe, hash)))
        .collect();
    let signatures = safe::approvals(claims);
    deed.push(send(stranger(), safe::execute(safe, &call, &signatures)));
    deed
}
