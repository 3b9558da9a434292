//! One execution by revm.

use crate::{environment::Environment, error::EvmError, recorder::Recorder, store::Store};
use alloy_primitives::{Address, Bytes};
use cutover_types::{Outcome, StateDiff, Status};
use revm::{
    Context, ExecuteEvm as _, InspectEvm as _, Inspector, Journal, MainBuilder as _,
    SystemCallEvm as _,
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{ExecutionResult, HaltReason, Output},
    },
    interpreter::interpreter::EthInterpreter,
    primitives::hardfork::SpecId,
    state::EvmState,
};

type Machinery<'b, 'a> =
    Context<BlockEnv, TxEnv, CfgEnv, &'b mut Store<'a>, Journal<&'b mut Store<'a>>, ()>;

/// The block and the rules, ready for many executions.
#[derive(Clone)]
pub(crate) struct Machine {
    block: BlockEnv,
    rules: CfgEnv,
}

/// What an execution left behind, not yet committed.
pub(crate) struct Ran {
    pub(crate) result: ExecutionResult<HaltReason>,
    pub(crate) state: EvmState,
}

impl Machine {
    /// Every check a block makes.
    pub(crate) fn strict(environment: &Environment) -> Self {
        Self {
            block: environment.block(),
            rules: environment.rules(),
        }
    }

    /// No check on who pays.
    pub(crate) fn lenient(environment: &Environment) -> Self {
        Self {
            block: environment.block(),
            rules: environment.lenient_rules(),
        }
    }

    fn context<'b, 'a>(&self, store: &'b mut Store<'a>) -> Machinery<'b, 'a> {
        Machinery::new(store, SpecId::default())
            .with_block(self.block.clone())
            .with_cfg(self.rules.clone())
    }

    /// Runs without writing anything down but the result.
    pub(crate) fn run(&self, store: &mut Store<'_>, tx: TxEnv) -> Result<Ran, EvmError> {
        let mut evm = self.context(store).build_mainnet();
        let ran = evm.transact(tx)?;
        Ok(Ran {
            result: ran.result,
            state: ran.state,
        })
    }

    /// Runs and writes down calls and reads of the environment.
    pub(crate) fn inspect(
        &self,
        store: &mut Store<'_>,
        tx: TxEnv,
    ) -> Result<(Ran, Recorder), EvmError> {
        self.watch(store, tx, Recorder::default())
    }

    /// Runs under an inspector.
    pub(crate) fn watch<'b, 'a, I>(
        &self,
        store: &'b mut Store<'a>,
        tx: TxEnv,
        inspector: I,
    ) -> Result<(Ran, I), EvmError>
    where
        I: Inspector<Machinery<'b, 'a>, EthInterpreter>,
    {
        let mut evm = self.context(store).build_mainnet_with_inspector(inspector);
        let ran = evm.inspect_tx(tx)?;
        let ran = Ran {
            result: ran.result,
            state: ran.state,
        };
        Ok((ran, evm.into_inspector()))
    }

    /// A call by the protocol itself, which leaves traces in its target only.
    pub(crate) fn system_call(
        &self,
        store: &mut Store<'_>,
        target: Address,
        data: Bytes,
    ) -> Result<EvmState, EvmError> {
        let mut evm = self.context(store).build_mainnet();
        let mut ran = evm.system_call(target, data).map_err(EvmError::from)?;
        ran.state.retain(|address, _| *address == target);
        Ok(ran.state)
    }
}

/// Puts an outcome together.
pub(crate) fn outcome(
    result: ExecutionResult<HaltReason>,
    diff: StateDiff,
    recorder: Recorder,
) -> Outcome {
    let (calls, environment) = recorder.finish();
    let gas_used = result.tx_gas_used();
    let (status, halt, output, created, logs) = match result {
        ExecutionResult::Success { logs, output, .. } => {
            let created = match &output {
                Output::Create(_, address) => *address,
                Output::Call(_) => None,
            };
            (Status::Success, None, output.into_data(), created, logs)
        }
        ExecutionResult::Revert { output, .. } => (Status::Revert, None, output, None, Vec::new()),
        ExecutionResult::Halt { reason, .. } => (
            Status::Halt,
            Some(halt_name(&reason)),
            Bytes::new(),
            None,
            Vec::new(),
        ),
    };
    Outcome {
        status,
        halt,
        gas_used,
        output,
        created,
        logs,
        diff,
        calls,
        environment,
    }
}

/// The name without what is in it.
fn halt_name(reason: &HaltReason) -> String {
    let name = format!("{reason:?}");
    name.split(['(', ' ', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
