// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Initializable as Initializable4} from "oz-4.9/proxy/utils/Initializable.sol";
import {Initializable as Initializable44} from "oz-4.4/proxy/utils/Initializable.sol";
import {UUPSUpgradeable as Uups44} from "oz-4.4/proxy/utils/UUPSUpgradeable.sol";
import {UUPSUpgradeable as Uups49} from "oz-4.9/proxy/utils/UUPSUpgradeable.sol";
import {Initializable as Initializable5} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable as Uups5} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// What a transparent proxy runs: the version of its initializer is the only thing that rises.
contract Plain4 is Initializable4 {
    uint256 public value;

    function initialize(uint256 first) external initializer {
        value = first;
    }
}

contract PlainNext4 is Initializable4 {
    uint256 public value;
    uint256 public fee;

    function migrate(uint256 next) external reinitializer(2) {
        fee = next;
    }
}

contract Plain5 is Initializable5 {
    uint256 public value;

    function initialize(uint256 first) external initializer {
        value = first;
    }
}

contract PlainNext5 is Initializable5 {
    uint256 public value;
    uint256 public fee;
    mapping(address => uint256) public limits;

    function migrate(uint256 next) external reinitializer(2) {
        fee = next;
    }

    /// Runs as often as it is called.
    function touch(uint256) external {}
}

/// Its initializer sends the proxy's ether away, or leaves a contract behind, and writes nothing.
contract Taking {
    function migrate(uint256) external {
        payable(address(0xbeef)).transfer(address(this).balance);
    }

    function touch(uint256) external {
        new Left();
    }
}

contract Left {}

abstract contract Owned {
    address public owner;

    function initialize(address first) external {
        require(owner == address(0), "initialized");
        owner = first;
    }

    function _check() internal view {
        require(msg.sender == owner, "not the owner");
    }
}

/// As it was written for 4.4: the constructor runs as the initializer, so that nobody else can.
contract Wizard44 is Initializable44, Uups44 {
    address public owner;

    constructor() initializer {}

    function initialize(address first) external initializer {
        owner = first;
    }

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner, "not the owner");
    }
}

/// Its storage in 4.9, with an initializer of version 2.
contract Wizard49 is Initializable4, Uups49 {
    address public owner;
    uint256 public fee;

    constructor() {
        _disableInitializers();
    }

    function migrate(uint256 next) external reinitializer(2) {
        fee = next;
    }

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner, "not the owner");
    }
}

/// What a transparent proxy runs, written for 4.4.
contract Plain44 is Initializable44 {
    uint256 public value;

    constructor() initializer {}

    function initialize(uint256 first) external initializer {
        value = first;
    }
}

contract Old44 is Owned, Uups44 {
    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}

contract Old49 is Owned, Uups49 {
    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}

contract New49 is Owned, Uups49 {
    function version() external pure returns (uint256) {
        return 2;
    }

    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}

contract New5 is Owned, Uups5 {
    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}

/// Its authorization refuses everyone.
contract Frozen is Owned, Uups5 {
    function _authorizeUpgrade(address) internal pure override {
        revert("frozen");
    }
}

/// It passes for UUPS and has no way to upgrade.
contract Locked is Owned {
    function proxiableUUID() external pure returns (bytes32) {
        return 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    }
}

/// UUPS of another slot.
contract Elsewhere is Owned, Uups5 {
    function proxiableUUID() external pure override returns (bytes32) {
        return 0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7;
    }

    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}

/// From then on anyone upgrades.
contract Open is Owned, Uups5 {
    modifier only() {
        if (msg.sender != owner) return;
        _;
    }

    function _authorizeUpgrade(address) internal view override only {}
}

/// From then on another account upgrades.
contract Handed is Owned, Uups5 {
    address private constant GUARDIAN = 0x1234567890123456789012345678901234567890;

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == GUARDIAN, "not the guardian");
    }
}

/// Its migration gives the proxy to somebody else.
contract Given is Owned, Uups5 {
    bool private _given;

    function give(address next) external {
        require(!_given, "given");
        _given = true;
        owner = next;
    }

    function _authorizeUpgrade(address) internal view override {
        _check();
    }
}
