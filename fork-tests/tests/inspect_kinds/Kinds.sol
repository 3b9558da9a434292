// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AccessControl as AccessControl4} from "oz-4.9/access/AccessControl.sol";
import {UUPSUpgradeable as Uups4} from "oz-4.9/proxy/utils/UUPSUpgradeable.sol";
import {AccessControl as AccessControl5} from "@openzeppelin/contracts/access/AccessControl.sol";
import {UUPSUpgradeable as Uups5} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// What a transparent, beacon or zos proxy runs: it knows nothing of upgrades.
contract Box {
    uint256 public value;

    function store(uint256 newValue) external {
        value = newValue;
    }
}

contract Box2 is Box {
    function version() external pure returns (uint256) {
        return 2;
    }
}

contract Owned4 is Uups4 {
    address public owner;

    function initialize(address first) external {
        require(owner == address(0), "initialized");
        owner = first;
    }

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner, "not the owner");
    }
}

contract Owned5 is Uups5 {
    address public owner;

    function initialize(address first) external {
        require(owner == address(0), "initialized");
        owner = first;
    }

    function _authorizeUpgrade(address) internal view virtual override {
        require(msg.sender == owner, "not the owner");
    }
}

/// Nothing tells who may upgrade but the refusal itself.
contract Hidden5 is Uups5 {
    uint256 private flags = 1;
    address private boss;

    function initialize(address first) external {
        boss = first;
    }

    function _authorizeUpgrade(address) internal view override {
        require(flags == 0 && msg.sender == boss, "no");
    }
}

contract Roles4 is Uups4, AccessControl4 {
    bytes32 private constant UPGRADER = keccak256("UPGRADER");

    function initialize(address first) external {
        _grantRole(UPGRADER, first);
    }

    function _authorizeUpgrade(address) internal view override onlyRole(UPGRADER) {}
}

contract Roles5 is Uups5, AccessControl5 {
    bytes32 private constant UPGRADER = keccak256("UPGRADER");

    function initialize(address first) external {
        _grantRole(UPGRADER, first);
    }

    function _authorizeUpgrade(address) internal view override onlyRole(UPGRADER) {}
}

/// Upgrades once and never again: the way back is shut.
contract OneWay5 is Owned5 {
    bool private upgraded;

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner && !upgraded, "only once");
    }

    function upgradeToAndCall(address newImplementation, bytes memory data) public payable override {
        super.upgradeToAndCall(newImplementation, data);
        upgraded = newImplementation != address(0);
    }
}

/// Nobody may upgrade any more.
contract Frozen5 is Owned5 {
    function _authorizeUpgrade(address) internal pure override {
        revert("frozen");
    }
}

/// Answers every call, upgrades included, without doing anything.
contract Yes {
    address public owner;

    fallback(bytes calldata) external payable returns (bytes memory) {
        return abi.encode(uint256(1));
    }
}

/// A multisig by its getters.
contract Multisig {
    address[] private owners;

    constructor(address[] memory members) {
        owners = members;
    }

    function getOwners() external view returns (address[] memory) {
        return owners;
    }

    function getThreshold() external view returns (uint256) {
        return owners.length - 1;
    }
}

/// Runs foreign code, but never the caller's call.
contract Registry {
    address private immutable LIBRARY;

    constructor(address code) {
        LIBRARY = code;
    }

    function run(address module, bytes calldata data) external {
        (bool ok,) = module.delegatecall(data);
        require(ok);
    }

    fallback() external {
        (bool ok,) = LIBRARY.delegatecall(abi.encodeWithSignature("value()"));
        require(ok);
    }
}

/// An ERC-6551 account, as far as it tells its token.
contract TokenBound {
    function token() external view returns (uint256 chain, address collection, uint256 id) {
        bytes memory code = address(this).code;
        assembly {
            chain := mload(add(code, 0x6d))
            collection := mload(add(code, 0x8d))
            id := mload(add(code, 0xad))
        }
    }
}
