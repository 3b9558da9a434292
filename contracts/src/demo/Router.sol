// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Vault} from "./Vault.sol";

/// @title A contract that uses vaults for others
/// @notice Its transactions reach a vault by an internal call, as most mainnet traffic does.
contract Router {
    /// @notice Deposits the caller's assets and hands the shares over.
    function depositFor(Vault vault, address to, uint256 assets) external {
        IERC20 asset = vault.asset();
        asset.transferFrom(msg.sender, address(this), assets);
        asset.approve(address(vault), assets);
        vault.transfer(to, vault.deposit(assets));
    }

    /// @notice Pays several accounts out of the caller's shares.
    function pay(Vault vault, address[] calldata to, uint256 shares) external {
        for (uint256 i = 0; i < to.length; i++) {
            vault.transferFrom(msg.sender, to[i], shares);
        }
    }

    /// @notice Tries a transfer and swallows its failure.
    function tryTransfer(Vault vault, address to, uint256 shares) external returns (bool moved) {
        try vault.transferFrom(msg.sender, to, shares) returns (bool done) {
            moved = done;
        } catch {
            moved = false;
        }
    }
}
