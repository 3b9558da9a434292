//! What is the same for every transaction: the way to upgrade, green's code, and where it goes.

use crate::{
    base::{Base, MAX_WAVES},
    engine::{EngineError, Step, points_at},
    error::ReplayError,
    options::{DETERMINISTIC_DEPLOYER, Green, GreenCode, Options},
    view::Layered,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use cutover_evm::{Environment, EvmError, Request, simulate, wanted_by_request};
use cutover_types::{
    AccountDiff, Assumption, Change, Missing, RecordedBlock, Recording, State, StateDiff, StepCall,
    UpgradePath, execution::merge_diff, inspection::CodeAt,
};
use std::{collections::BTreeSet, sync::Arc};

/// EIP-170.
const MAX_CODE: usize = 24_576;
/// What a sender that nobody recorded is taken to have: a thousand ether.
const FUNDS: u128 = 1_000_000_000_000_000_000_000;

/// One replay's constants.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) chain_id: u64,
    pub(crate) proxy: Address,
    pub(crate) path: UpgradePath,
    pub(crate) blue: CodeAt,
    pub(crate) green: Green,
    pub(crate) options: Options,
    /// The calls of the upgrade, at least one.
    pub(crate) forward: Vec<StepCall>,
    runtime: Bytes,
    runtime_hash: B256,
    /// What green's constructor did besides giving code.
    constructed: StateDiff,
}

impl Setup {
    /// Reads blue and builds green on the state of the first recorded block.
    pub(crate) async fn new(
        recording: &Recording,
        green: &Green,
        options: &Options,
        first: &RecordedBlock,
        base: &mut Base,
    ) -> Result<Self, ReplayError> {
        let path = options
            .upgrade
            .clone()
            .or_else(|| recording.upgrade.clone())
            .ok_or(ReplayError::NoUpgradePath {
                proxy: recording.proxy,
            })?;
        let blue = blue(&path, first.header.number, base).await?;
        let environment = Environment::of(recording.chain_id, &first.header)?;
        let (runtime, constructed) = match &green.code {
            GreenCode::Runtime(code) => (code.clone(), StateDiff::new()),
            GreenCode::Creation(code) => construct(code, green.address, &environment, base).await?,
        };
        let refuse = |why: &str| {
            Err(ReplayError::NotConstructed {
                address: green.address,
                why: why.to_owned(),
            })
        };
        if runtime.is_empty() {
            return refuse("it has no code");
        }
        if recording.chain_id == 1 && runtime.len() > MAX_CODE {
            return refuse("its code is larger than the 24,576 bytes of EIP-170");
        }
        let at = CodeAt {
            address: green.address,
            code_hash: keccak256(&runtime),
        };
        let forward = path
            .calls(&at, &green.initializer)
            .filter(|calls| !calls.is_empty())
            .ok_or(ReplayError::NoInitializer {
                proxy: recording.proxy,
            })?;
        if forward.iter().any(|step| step.call.operation != 0) {
            return Err(ReplayError::DelegateCall {
                proxy: recording.proxy,
            });
        }
        Ok(Self {
            chain_id: recording.chain_id,
            proxy: recording.proxy,
            blue,
            path,
            green: green.clone(),
            options: options.clone(),
            forward,
            runtime_hash: at.code_hash,
            runtime,
            constructed,
        })
    }

    /// The candidate, as reports name it.
    pub(crate) fn green_at(&self) -> CodeAt {
        CodeAt {
            address: self.green.address,
            code_hash: self.runtime_hash,
        }
    }

    /// The slot that holds the implementation.
    pub(crate) fn pointer(&self) -> (Address, B256) {
        (self.path.holder, self.path.slot)
    }

    /// Keys the upgrade needs to know, worth asking a node for before assuming anything.
    pub(crate) fn needs(&self, view: &dyn State) -> BTreeSet<Missing> {
        [self.green.address, self.path.from]
            .into_iter()
            .filter_map(|address| view.account(address).err())
            .collect()
    }

    /// The upgrade on this state: what has to be put there first, and what is taken for granted.
    pub(crate) fn step(
        &self,
        view: &dyn State,
        assumptions: &mut BTreeSet<Assumption>,
    ) -> Result<Step, ReplayError> {
        let mut place = StateDiff::new();
        let address = self.green.address;
        let account = view.account(address);
        let known = account.is_ok();
        let account = account.unwrap_or_default();
        if account.has_code() && account.code_hash != self.runtime_hash {
            return Err(ReplayError::AddressTaken {
                address,
                found: account.code_hash,
                green: self.runtime_hash,
            });
        }
        if !account.has_code() {
            if !known {
                assumptions.insert(Assumption::Empty { address });
            }
            if matches!(self.green.code, GreenCode::Runtime(_)) {
                assumptions.insert(Assumption::CodePlaced { address });
            }
            place = self.constructed.clone();
            let green = place.entry(address).or_default();
            green.created = true;
            green.nonce.get_or_insert(Change {
                before: account.nonce,
                after: account.nonce.max(1),
            });
            green.balance.get_or_insert(Change {
                before: account.balance,
                after: account.balance,
            });
            green.code = Some(Change {
                before: Bytes::new(),
                after: self.runtime.clone(),
            });
        }
        if view.account(self.path.from).is_err() && !place.contains_key(&self.path.from) {
            let address = self.path.from;
            assumptions.insert(Assumption::Funded { address });
            place.insert(address, account_of(FUNDS, Bytes::new()));
        }
        Ok(self.last(&self.forward, place, self.green.address))
    }

    /// The call that moves the proxy, after whatever others have to go before it.
    pub(crate) fn last(
        &self,
        calls: &[StepCall],
        place: StateDiff,
        implementation: Address,
    ) -> Step {
        let last = calls.last();
        Step {
            from: self.path.from,
            to: last.map_or(self.path.to, |step| step.call.to),
            data: last.map(|step| step.call.data.clone()).unwrap_or_default(),
            place,
            pointer: self.pointer(),
            offset: self.path.offset,
            green: implementation,
            logs: Vec::new(),
        }
    }

    /// Executes all of `calls` but the last on `view` and adds what they change to what `step` places.
    /// They went before: where the last has to wait, they run at an earlier time.
    pub(crate) fn prepare(
        &self,
        environment: &Environment,
        view: &Arc<dyn State>,
        calls: &[StepCall],
        mut step: Step,
    ) -> Result<Step, EngineError> {
        let earlier = calls.split_last().map_or(&[][..], |(_, earlier)| earlier);
        for (index, call) in earlier.iter().enumerate() {
            let waits = calls[index + 1..].iter().map(|later| later.wait_seconds);
            let waited = waits.fold(0, u64::saturating_add);
            let mut environment = environment.clone();
            environment.timestamp = environment.timestamp.saturating_sub(waited);
            let placed = Layered::share(view.clone(), step.place.clone());
            let data = call.call.data.clone();
            let request = Request::call(call.from, call.call.to, data);
            let outcome = match simulate(&*placed, &environment, &request) {
                Ok(outcome) => outcome,
                Err(EvmError::Missing(mut keys)) => {
                    keys.extend(wanted_by_request(&*placed, &environment, &request));
                    return Err(EngineError::Missing(keys));
                }
                Err(other) => return Err(other.into()),
            };
            if !outcome.status.is_success() {
                let reason = crate::compare::reason(&outcome, None).unwrap_or_default();
                return Err(EngineError::Upgrade {
                    why: format!("call {} of the upgrade fails: {reason}", index + 1),
                    outcome: Box::new(outcome),
                });
            }
            merge_diff(&mut step.place, &outcome.diff);
            step.logs.extend(outcome.logs);
        }
        Ok(step)
    }
}

/// An account nobody recorded, as a change from nothing.
fn account_of(balance: u128, code: Bytes) -> AccountDiff {
    AccountDiff {
        balance: Some(Change {
            before: U256::ZERO,
            after: U256::from(balance),
        }),
        nonce: Some(Change {
            before: 0,
            after: u64::from(!code.is_empty()),
        }),
        created: !code.is_empty(),
        code: Some(Change {
            before: Bytes::new(),
            after: code,
        }),
        ..AccountDiff::default()
    }
}

/// The implementation that is live at a block's parent.
async fn blue(path: &UpgradePath, block: u64, base: &mut Base) -> Result<CodeAt, ReplayError> {
    for _ in 0..3 {
        let known = base.known();
        let found = known.storage(path.holder, path.slot).and_then(|value| {
            let address = points_at(value, path.offset);
            let code_hash = known.account(address)?.code_hash;
            Ok(CodeAt { address, code_hash })
        });
        let refuse = |why: String| {
            Err(ReplayError::NoBlue {
                holder: path.holder,
                slot: path.slot,
                block,
                why,
            })
        };
        match found {
            Ok(blue) if blue.code_hash == KECCAK256_EMPTY => {
                return refuse(format!("{} has no code", blue.address));
            }
            Ok(blue) => return Ok(blue),
            Err(missing) => {
                if let Err(why) = base.fill(&BTreeSet::from([missing])).await {
                    return refuse(why);
                }
            }
        }
    }
    Err(ReplayError::NoBlue {
        holder: path.holder,
        slot: path.slot,
        block,
        why: "the node gives no answer".into(),
    })
}

/// Runs creation code at the address it is going to have, and gives the runtime code and whatever
/// else the constructor did.
async fn construct(
    code: &Bytes,
    address: Address,
    environment: &Environment,
    base: &mut Base,
) -> Result<(Bytes, StateDiff), ReplayError> {
    let refuse = |why: String| ReplayError::NotConstructed { address, why };
    // The creation code is run as if it were the account's code: so it sees its own address, which
    // immutables such as OpenZeppelin's `__self` are made of, whatever nonce or salt deploys it.
    let request = Request::call(DETERMINISTIC_DEPLOYER, address, Bytes::new());
    for _ in 0..MAX_WAVES {
        let mut diff = StateDiff::from([(address, account_of(0, code.clone()))]);
        if base.known().account(DETERMINISTIC_DEPLOYER).is_err() {
            diff.insert(DETERMINISTIC_DEPLOYER, account_of(0, Bytes::new()));
        }
        let view = Layered::new(base.known(), Arc::new(diff));
        let outcome = match simulate(&view, environment, &request) {
            Ok(outcome) => outcome,
            Err(error) => {
                let Some(missing) = error.missing() else {
                    return Err(error.into());
                };
                let mut wanted = wanted_by_request(&view, environment, &request);
                wanted.extend(missing.iter().copied());
                base.fill(&wanted).await.map_err(refuse)?;
                continue;
            }
        };
        if !outcome.status.is_success() {
            let reason = crate::compare::reason(&outcome, None).unwrap_or_default();
            return Err(refuse(format!("its constructor fails: {reason}")));
        }
        let mut constructed = outcome.diff;
        constructed.remove(&DETERMINISTIC_DEPLOYER);
        return Ok((outcome.output, constructed));
    }
    Err(refuse("it never stops asking for state".into()))
}
