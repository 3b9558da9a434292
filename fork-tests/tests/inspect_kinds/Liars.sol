// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Forwarder} from "Plain.sol";

/// Looks like a transparent proxy: its admin's upgrade writes the slot and says so.
abstract contract Liar is Forwarder {
    bytes32 internal constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 internal constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    event Upgraded(address indexed implementation);

    constructor(address first, address admin) {
        write(IMPLEMENTATION, first);
        write(ADMIN, admin);
        emit Upgraded(first);
    }

    function read(bytes32 slot) internal view returns (address value) {
        assembly {
            value := sload(slot)
        }
    }

    function write(bytes32 slot, address value) internal {
        assembly {
            sstore(slot, value)
        }
    }

    function upgrade(address next) internal virtual;
    function target() internal view virtual returns (address);

    fallback() external payable {
        if (msg.sender == read(ADMIN)) {
            require(msg.sig == 0x3659cfe6 || msg.sig == 0x4f1ef286, "admin cannot fallback to proxy target");
            address next = address(bytes20(msg.data[16:36]));
            upgrade(next);
            emit Upgraded(next);
        } else {
            _forward(target());
        }
    }
}

/// The slot counts until it is changed once.
contract ForShow is Liar {
    address private immutable first;
    address private immutable other;

    constructor(address first_, address admin, address other_) Liar(first_, admin) {
        (first, other) = (first_, other_);
    }

    function upgrade(address next) internal override {
        write(IMPLEMENTATION, next);
    }

    function target() internal view override returns (address) {
        return read(IMPLEMENTATION) == first ? first : other;
    }
}

/// Says that it is upgraded, and is not.
contract Idle is Liar {
    constructor(address first, address admin) Liar(first, admin) {}

    function upgrade(address) internal override {}

    function target() internal view override returns (address) {
        return read(IMPLEMENTATION);
    }
}

/// Answers its owner's choice until there is one.
contract Lying {
    address public owner = msg.sender;
    address private immutable first;
    address private immutable other;
    address private chosen;

    event Upgraded(address indexed implementation);

    constructor(address first_, address other_) {
        (first, other, chosen) = (first_, other_, first_);
    }

    function implementation() external view returns (address) {
        return chosen == first ? first : other;
    }

    function upgradeTo(address next) external {
        require(msg.sender == owner, "not the owner");
        chosen = next;
        emit Upgraded(next);
    }
}

/// The target of most calls is in the code, that of one is not.
contract OneElsewhere is Forwarder {
    address private immutable first;
    address private chosen;
    address private immutable admin = msg.sender;

    constructor(address first_) {
        (first, chosen) = (first_, first_);
    }

    function transfer(address, uint256) external {
        _forward(chosen);
    }

    function choose(address next) external {
        require(msg.sender == admin, "not the admin");
        chosen = next;
    }

    fallback() external payable {
        _forward(first);
    }
}

/// The target is in the code until a time.
contract UntilThen is Forwarder {
    address private immutable first;
    address private immutable then;
    // Farther than any test sharing the node moves its clock.
    uint256 private immutable end = block.timestamp + 36500 days;

    constructor(address first_, address then_) {
        (first, then) = (first_, then_);
    }

    fallback() external payable {
        _forward(block.timestamp < end ? first : then);
    }
}

/// A proxy of itself, until somebody says otherwise.
contract Loop is Forwarder {
    address private _target = address(this);

    function set(address target) external {
        _target = target;
    }

    fallback() external payable {
        _forward(_target);
    }
}
