// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for the demo's vaults to hold
contract Asset is ERC20("Demo Asset", "ASSET") {
    /// @notice Gives anybody what they ask for.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
