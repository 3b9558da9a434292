// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Whoever it was first given to.
abstract contract Owner {
    address public owner;

    function initialize(address first) external {
        require(owner == address(0), "initialized");
        owner = first;
    }

    function _checkOwner() internal view {
        require(msg.sender == owner, "not the owner");
    }
}
