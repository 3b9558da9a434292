//! `cutover deploy`: green on chain, at an address that commits to its code.

use crate::{
    commands::{code, cut, upgrade::Price},
    context::{Context, chain_stop},
    exit::{Exit, OrStop, stop, usage},
    signer::SignerArgs,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use clap::Args;
use cutover_artifacts::{Code, Need};
use cutover_chain::{Node, submit};
use cutover_types::{
    code::{Fingerprint, Match},
    deployment::{CREATE2_DEPLOYER, DeployTransaction, Deployment},
    file::Inputs,
    upgrade::Call,
};
use std::path::PathBuf;

/// Deploy the candidate with CREATE2 and verify its code
///
/// The address follows from the code, so a second run finds the first one's contract and sends
/// nothing. An interrupted run sends the same signed bytes again.
#[derive(Debug, Args)]
#[command(after_long_help = code::HELP)]
pub(crate) struct Deploy {
    /// The candidate
    #[arg(long, value_name = "REF")]
    green: String,
    /// The project it is compiled in
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The compiler
    #[arg(long, value_name = "PATH")]
    green_solc: Option<PathBuf>,
    /// ABI-encoded constructor arguments
    #[arg(long, value_name = "HEX", default_value = "0x")]
    constructor_args: Bytes,
    /// CREATE2 salt
    #[arg(long, value_name = "HASH", default_value_t = B256::ZERO)]
    salt: B256,
    #[command(flatten)]
    price: Price,
    #[command(flatten)]
    signer: SignerArgs,
}

impl Deploy {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let node = context.node().await?;
        let root = context.root(self.root.as_deref());
        let green = code::load(
            context,
            &self.green,
            root,
            self.green_solc.clone(),
            Need::BYTECODE,
        )
        .await?;
        let init_code = init_code(&green, &self.constructor_args)?;
        let inputs = Inputs::from([("green".to_owned(), code::as_input(&green)?)]);
        let address = create2_address(self.salt, &init_code);
        let mut deployment = Deployment {
            chain_id: node.chain_id().await.map_err(|error| chain_stop(&error))?,
            reference: self.green.clone(),
            contract: green.contract.clone(),
            address,
            salt: self.salt,
            init_code_hash: keccak256(&init_code),
            code_hash: B256::ZERO,
            build: Fingerprint::of(
                green.require_runtime().or_stop(Exit::Usage, "")?,
                green
                    .immutables
                    .iter()
                    .map(|range| (range.start, range.end)),
            ),
            verified: false,
            functions: green.abi.as_ref().map(cut::functions).unwrap_or_default(),
            abi: green.abi.clone(),
            transaction: None,
        };
        let earlier = context
            .run
            .read_if_there::<Deployment>("cutover deploy")?
            .map(|stored| stored.content);
        if let Some(earlier) = earlier
            .filter(|earlier| earlier.address == address && earlier.chain_id == deployment.chain_id)
        {
            deployment.transaction = earlier.transaction;
        }
        if submit::code_at(&node, address)
            .await
            .map_err(|error| chain_stop(&error))?
            .is_empty()
        {
            context.on_interrupt("run the same command again: it sends the same signed bytes");
            self.send(context, &node, &init_code, &mut deployment, &inputs)
                .await?;
        } else {
            context
                .output
                .note(&format!("{address} already has this code: nothing to send"));
        }
        verify(&node, &mut deployment).await?;
        context.run.write(&deployment, &inputs)?;
        context.output.show("deploy", &inputs, &deployment, || {
            cutover_report::deployment(&deployment, &context.style())
        })?;
        Ok(Exit::Ok)
    }

    async fn send(
        &self,
        context: &Context,
        node: &Node,
        init_code: &[u8],
        deployment: &mut Deployment,
        inputs: &Inputs,
    ) -> eyre::Result<()> {
        let refusals = cutover_rollout::preflight_chain(node, deployment.chain_id).await;
        if let Some(refusal) = refusals.first() {
            return Err(stop(
                Exit::PreflightRefused,
                crate::exit::chain(refusal),
                "nothing was sent; do not trust this node",
            ));
        }
        if submit::code_at(node, CREATE2_DEPLOYER)
            .await
            .map_err(|error| chain_stop(&error))?
            .is_empty()
        {
            return Err(usage(
                format!("this chain has no deterministic deployer at {CREATE2_DEPLOYER}"),
                "deploy the contract another way and give its address as the candidate",
            ));
        }
        if deployment.transaction.is_none() {
            let signer = self.signer.unlock().await?;
            let data = [self.salt.as_slice(), init_code].concat();
            let call = Call::new(CREATE2_DEPLOYER, data);
            let (transaction, required) =
                submit::prepare(node, signer.address(), &call, self.price.max_fee)
                    .await
                    .map_err(|error| refused(&error))?;
            let balance = submit::balance(node, signer.address())
                .await
                .map_err(|error| chain_stop(&error))?;
            if balance < required {
                return Err(unfunded(signer.address(), balance, required));
            }
            let nonce = transaction.nonce;
            let (hash, raw) = signer
                .sign(transaction.into())
                .await
                .or_stop(Exit::Usage, "")?;
            deployment.transaction = Some(DeployTransaction {
                hash,
                from: signer.address(),
                nonce,
                raw,
            });
            // Signed bytes are kept before they are sent, so that no run ever signs a second time.
            context.run.write(deployment, inputs)?;
        }
        let Some(transaction) = &deployment.transaction else {
            return Ok(());
        };
        submit::broadcast(node, &transaction.raw)
            .await
            .map_err(|error| refused(&error))?;
        let included = submit::wait(node, transaction.hash)
            .await
            .map_err(|error| chain_stop(&error))?;
        if !included.success {
            return Err(stop(
                Exit::PreflightRefused,
                format!(
                    "the deployment {} reverted in block {}",
                    transaction.hash, included.block
                ),
                "look at the constructor; remove deploy.json to try another time",
            ));
        }
        Ok(())
    }
}

/// The funds a signer lacks.
pub(super) fn unfunded(address: Address, balance: U256, required: U256) -> eyre::Report {
    stop(
        Exit::PreflightRefused,
        format!(
            "{address} has {balance} wei and needs {required} wei for gas: {} wei are missing",
            required - balance
        ),
        "fund the account; nothing was sent",
    )
}

fn refused(error: &(dyn std::error::Error + 'static)) -> eyre::Report {
    stop(
        Exit::PreflightRefused,
        crate::exit::chain(error),
        "nothing was sent",
    )
}

/// Init code: creation code and constructor arguments.
pub(super) fn init_code(green: &Code, arguments: &Bytes) -> eyre::Result<Vec<u8>> {
    if !green.unlinked.is_empty() {
        return Err(usage(
            format!(
                "{} is not linked: it needs {}",
                green.reference,
                green.unlinked.join(", ")
            ),
            "link the libraries in the build, or give the address of a deployed contract",
        ));
    }
    let creation = green.creation.as_ref().ok_or_else(|| {
        usage(
            format!("{} has no creation code", green.reference),
            "give a source, an artifact or a build info",
        )
    })?;
    Ok([creation.as_ref(), arguments.as_ref()].concat())
}

/// Where [`CREATE2_DEPLOYER`] puts this init code.
pub(super) fn create2_address(salt: B256, init_code: &[u8]) -> Address {
    CREATE2_DEPLOYER.create2_from_code(salt, init_code)
}

async fn verify(node: &Node, deployment: &mut Deployment) -> eyre::Result<()> {
    let found = submit::code_at(node, deployment.address)
        .await
        .map_err(|error| chain_stop(&error))?;
    deployment.code_hash = keccak256(&found);
    deployment.verified = deployment.build.compare(&found) == Match::Exact;
    if deployment.verified {
        return Ok(());
    }
    Err(stop(
        Exit::PreflightRefused,
        format!(
            "the code at {} is not the compiler's (code hash {})",
            deployment.address, deployment.code_hash
        ),
        "do not use this address; the build or the node is not what it seems",
    ))
}
