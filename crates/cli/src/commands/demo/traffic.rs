//! The demo's users: deposits, withdrawals, transfers, some through another contract, some that fail.

use super::world::{World, send};
use crate::exit::{Exit, OrStop};
use alloy_primitives::{Address, U256};
use alloy_sol_types::sol;
use cutover_types::progress::Progress;
use serde_json::{Value, json};

sol! {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function deposit(uint256 assets) external returns (uint256);
    function withdraw(uint256 shares) external returns (uint256);
    function transfer(address to, uint256 shares) external returns (bool);
    function transferFrom(address from, address to, uint256 shares) external returns (bool);
    function setPaused(bool paused) external;
    function depositFor(address vault, address to, uint256 assets) external;
    function pay(address vault, address[] to, uint256 shares) external;
    function tryTransfer(address vault, address to, uint256 shares) external returns (bool);
}

/// Transactions in one block.
const PER_BLOCK: usize = 8;
/// Rounds of traffic; each is nine transactions per vault.
const ROUNDS: u64 = 14;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // The 64-bit generator of Numerical Recipes; its high bits are good enough for a demo.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Pool<'a> {
    world: &'a World,
    waiting: usize,
    sent: u64,
}

impl Pool<'_> {
    async fn send(
        &mut self,
        from: Address,
        to: Address,
        call: impl alloy_sol_types::SolCall,
    ) -> eyre::Result<()> {
        send(self.world.node(), from, to, call).await?;
        self.sent += 1;
        self.waiting += 1;
        if self.waiting == PER_BLOCK {
            self.mine().await
        } else {
            Ok(())
        }
    }

    async fn mine(&mut self) -> eyre::Result<()> {
        self.waiting = 0;
        let _: Value = self
            .world
            .node()
            .call("evm_mine", json!([]))
            .await
            .or_stop(Exit::Unexpected, "")?;
        Ok(())
    }
}

/// Drives the traffic; returns how many transactions were sent and the first and last block.
pub(super) async fn drive(world: &World, progress: &dyn Progress) -> eyre::Result<(u64, u64, u64)> {
    let node = world.node();
    let _: Value = node
        .call("evm_setAutomine", json!([false]))
        .await
        .or_stop(Exit::Unexpected, "")?;
    let latest = async || {
        node.call::<String>("eth_blockNumber", json!([]))
            .await
            .or_stop(Exit::Unexpected, "")
            .map(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default())
    };
    let mut pool = Pool {
        world,
        waiting: 0,
        sent: 0,
    };
    let (owner, users) = (world.accounts[0], &world.accounts[1..]);
    let everyone = || {
        world
            .vaults
            .iter()
            .map(|vault| vault.proxy)
            .chain(world.siblings.iter().copied())
    };
    for user in users {
        pool.send(
            *user,
            world.asset,
            mintCall {
                to: *user,
                amount: U256::from(10_u64.pow(12)),
            },
        )
        .await?;
        pool.send(
            *user,
            world.asset,
            approveCall {
                spender: world.router,
                amount: U256::MAX,
            },
        )
        .await?;
        for vault in everyone() {
            pool.send(
                *user,
                world.asset,
                approveCall {
                    spender: vault,
                    amount: U256::MAX,
                },
            )
            .await?;
        }
    }
    pool.mine().await?;
    let before = pool.sent;
    let first = latest().await? + 1;

    let mut dice = Dice(1_967);
    progress.start("driving traffic", Some(ROUNDS));
    for round in 0..ROUNDS {
        for vault in everyone() {
            let mut someone = || users[dice.roll(users.len() as u64) as usize];
            let (a, b, c) = (someone(), someone(), someone());
            let amount = |dice: &mut Dice| U256::from(1_000 + dice.roll(99_000));
            pool.send(
                a,
                vault,
                depositCall {
                    assets: amount(&mut dice),
                },
            )
            .await?;
            pool.send(
                b,
                world.router,
                depositForCall {
                    vault,
                    to: c,
                    assets: amount(&mut dice),
                },
            )
            .await?;
            pool.send(
                c,
                vault,
                approveCall {
                    spender: world.router,
                    amount: U256::MAX,
                },
            )
            .await?;
            pool.send(
                a,
                vault,
                transferCall {
                    to: b,
                    shares: U256::from(1 + dice.roll(500)),
                },
            )
            .await?;
            pool.send(
                a,
                vault,
                withdrawCall {
                    shares: U256::from(1 + dice.roll(900)),
                },
            )
            .await?;
            pool.send(
                c,
                world.router,
                payCall {
                    vault,
                    to: vec![a, b],
                    shares: U256::from(1 + dice.roll(50)),
                },
            )
            .await?;
            pool.send(
                b,
                world.router,
                tryTransferCall {
                    vault,
                    to: a,
                    shares: U256::from(10_u64.pow(15)),
                },
            )
            .await?;
            // Fails: nobody holds that much.
            pool.send(
                b,
                vault,
                withdrawCall {
                    shares: U256::from(10_u64.pow(15)),
                },
            )
            .await?;
            if round % 5 == 4 {
                pool.send(owner, vault, setPausedCall { paused: true })
                    .await?;
                pool.send(
                    c,
                    vault,
                    transferCall {
                        to: a,
                        shares: U256::from(1),
                    },
                )
                .await?;
                pool.send(owner, vault, setPausedCall { paused: false })
                    .await?;
            }
        }
        progress.advance(1);
    }
    pool.mine().await?;
    progress.finish();
    let last = latest().await?;
    let _: Value = node
        .call("evm_setAutomine", json!([true]))
        .await
        .or_stop(Exit::Unexpected, "")?;
    Ok((pool.sent - before, first, last))
}
