//! The demo's chain: anvil, real OpenZeppelin proxies, and vaults behind them.

use crate::exit::{Exit, OrStop, stop, usage};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use cutover_artifacts::{Code, LoadOptions, Need, Reference};
use cutover_chain::{
    Node,
    anvil::{Anvil, AnvilOptions},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

sol! {
    function initialize(address asset, address owner, uint16 feeBps) external;
}

/// The phrase every anvil's accounts come from. It guards nothing.
pub(super) const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// One proxy of the demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vault {
    /// `transparent`, `uups` or `beacon`: also the name of its run folder.
    pub(super) kind: &'static str,
    /// Its proxy.
    pub(super) proxy: Address,
    /// Source references: live, candidate, candidate with a moved variable, candidate with another fee.
    pub(super) blue: &'static str,
    pub(super) green: &'static str,
    pub(super) shifted: &'static str,
    pub(super) other_fee: &'static str,
}

/// The chain and what is on it.
pub(super) struct World {
    pub(super) anvil: Anvil,
    pub(super) accounts: Vec<Address>,
    pub(super) asset: Address,
    pub(super) router: Address,
    pub(super) vaults: Vec<Vault>,
    /// More proxies on the same beacon: one upgrade moves them all.
    pub(super) siblings: Vec<Address>,
}

/// Where the contracts are.
pub(super) struct Places {
    /// The Foundry project with the vaults.
    pub(super) contracts: PathBuf,
    /// Compiled contracts of the OpenZeppelin package.
    openzeppelin: PathBuf,
}

impl Places {
    /// Finds the demo's contracts and OpenZeppelin's, as `scripts/setup` leaves them.
    pub(super) fn find(contracts: &Path) -> eyre::Result<Self> {
        let missing = |what: &str| {
            usage(
                format!("{what} is not there"),
                "run scripts/demo from a checkout of Cutover: it installs what the demo needs",
            )
        };
        if !contracts.join("foundry.toml").is_file() {
            return Err(missing(&contracts.display().to_string()));
        }
        let contracts = contracts.canonicalize()?;
        let tools = contracts.parent().unwrap_or(&contracts).join(".tools");
        let openzeppelin = tools.join("node_modules/@openzeppelin/contracts/build/contracts");
        if !openzeppelin.is_dir() {
            return Err(missing(".tools/node_modules/@openzeppelin/contracts"));
        }
        Ok(Self {
            contracts,
            openzeppelin,
        })
    }

    async fn creation(&self, reference: Reference) -> eyre::Result<Bytes> {
        let options = LoadOptions {
            root: self.contracts.clone(),
            solc: None,
            need: Need::BYTECODE,
        };
        let code: Code =
            tokio::task::spawn_blocking(move || cutover_artifacts::load(&reference, &options))
                .await?
                .or_stop(Exit::Usage, "")?;
        code.creation.ok_or_else(|| {
            stop(
                Exit::Unexpected,
                format!("{} has no creation code", code.reference),
                "",
            )
        })
    }

    async fn vault(&self, reference: &str) -> eyre::Result<Bytes> {
        self.creation(Reference::parse(reference).or_stop(Exit::Unexpected, "")?)
            .await
    }

    async fn package(&self, name: &str) -> eyre::Result<Bytes> {
        self.creation(Reference::Artifact(
            self.openzeppelin.join(format!("{name}.json")),
        ))
        .await
    }
}

impl World {
    /// Starts the chain and deploys version 1 behind a transparent proxy, a UUPS proxy and a beacon.
    pub(super) async fn build(places: &Places) -> eyre::Result<Self> {
        let anvil = Anvil::start(&AnvilOptions {
            accounts: 10,
            // Finality after two blocks instead of sixty-four.
            extra: ["--slots-in-an-epoch", "1"].map(str::to_owned).to_vec(),
            ..AnvilOptions::default()
        })
        .await
        .or_stop(Exit::Unexpected, "`cutover doctor` says what is missing")?;
        let node = anvil.node().clone();
        let accounts: Vec<Address> = node
            .call("eth_accounts", json!([]))
            .await
            .or_stop(Exit::Unexpected, "")?;
        let owner = *accounts
            .first()
            .ok_or_else(|| stop(Exit::Unexpected, "anvil has no accounts", ""))?;

        let asset = create(
            &node,
            owner,
            places.vault("src/demo/Asset.sol:Asset").await?,
            &[],
        )
        .await?;
        let router = create(
            &node,
            owner,
            places.vault("src/demo/Router.sol:Router").await?,
            &[],
        )
        .await?;
        let initialize = Bytes::from(
            initializeCall {
                asset,
                owner,
                feeBps: 30,
            }
            .abi_encode(),
        );

        let logic = create(
            &node,
            owner,
            places.vault("src/demo/Vault.sol:Vault").await?,
            &[],
        )
        .await?;
        let arguments = (logic, owner, initialize.clone()).abi_encode_params();
        let transparent = create(
            &node,
            owner,
            places.package("TransparentUpgradeableProxy").await?,
            &arguments,
        )
        .await?;

        let uups_logic = create(
            &node,
            owner,
            places.vault("src/demo/VaultUups.sol:VaultUups").await?,
            &[],
        )
        .await?;
        let arguments = (uups_logic, initialize.clone()).abi_encode_params();
        let uups = create(
            &node,
            owner,
            places.package("ERC1967Proxy").await?,
            &arguments,
        )
        .await?;

        let arguments = (logic, owner).abi_encode_params();
        let beacon = create(
            &node,
            owner,
            places.package("UpgradeableBeacon").await?,
            &arguments,
        )
        .await?;
        let beacon_proxy = places.package("BeaconProxy").await?;
        let mut beacons = Vec::new();
        for _ in 0..3 {
            let arguments = (beacon, initialize.clone()).abi_encode_params();
            beacons.push(create(&node, owner, beacon_proxy.clone(), &arguments).await?);
        }

        let plain = |kind, proxy| Vault {
            kind,
            proxy,
            blue: "src/demo/Vault.sol:Vault",
            green: "src/demo/VaultV2.sol:VaultV2",
            shifted: "src/demo/VaultV2Shifted.sol:VaultV2Shifted",
            other_fee: "src/demo/VaultV2Fee.sol:VaultV2Fee",
        };
        let vaults = vec![
            plain("transparent", transparent),
            Vault {
                kind: "uups",
                proxy: uups,
                blue: "src/demo/VaultUups.sol:VaultUups",
                green: "src/demo/VaultUups.sol:VaultUupsV2",
                shifted: "src/demo/VaultUups.sol:VaultUupsV2Shifted",
                other_fee: "src/demo/VaultUups.sol:VaultUupsV2Fee",
            },
            plain("beacon", beacons[0]),
        ];
        Ok(Self {
            anvil,
            accounts,
            asset,
            router,
            vaults,
            siblings: beacons[1..].to_vec(),
        })
    }

    /// The chain.
    pub(super) fn node(&self) -> &Node {
        self.anvil.node()
    }
}

/// Creates a contract from an unlocked account.
async fn create(
    node: &Node,
    from: Address,
    code: Bytes,
    arguments: &[u8],
) -> eyre::Result<Address> {
    let data = Bytes::from([code.as_ref(), arguments].concat());
    let hash: Value = node
        .call(
            "eth_sendTransaction",
            json!([{"from": from, "data": data, "gas": "0x1000000"}]),
        )
        .await
        .or_stop(Exit::Unexpected, "")?;
    for _ in 0..200 {
        let receipt: Value = node
            .call("eth_getTransactionReceipt", json!([hash]))
            .await
            .or_stop(Exit::Unexpected, "")?;
        if receipt["status"] == "0x1"
            && let Some(address) = receipt["contractAddress"]
                .as_str()
                .and_then(|text| text.parse().ok())
        {
            return Ok(address);
        }
        if !receipt.is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Err(stop(
        Exit::Unexpected,
        "a contract of the demo could not be created",
        "",
    ))
}

/// Sends a call from an unlocked account; it waits in the pool for the next block.
pub(super) async fn send(
    node: &Node,
    from: Address,
    to: Address,
    call: impl SolCall,
) -> eyre::Result<()> {
    let transaction = json!({"from": from, "to": to, "data": Bytes::from(call.abi_encode()), "gas": "0x7a120", "value": U256::ZERO});
    let _: Value = node
        .call("eth_sendTransaction", json!([transaction]))
        .await
        .or_stop(Exit::Unexpected, "")?;
    Ok(())
}
