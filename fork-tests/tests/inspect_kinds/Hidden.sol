// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Forwarder} from "Plain.sol";

/// Hands calls on to what stands in the storage of whoever runs it, once there is something.
contract Trampoline is Forwarder {
    bytes32 private constant PLACE = keccak256("trampoline");

    function install(address next) external {
        bytes32 place = PLACE;
        assembly {
            sstore(place, next)
        }
    }

    fallback() external payable {
        bytes32 place = PLACE;
        address target;
        assembly {
            target := sload(place)
        }
        if (target != address(0)) _forward(target);
    }
}

/// The same for one function only.
contract TrampolineOfOne is Forwarder {
    address private extension;

    function install(address next) external {
        extension = next;
    }

    function transfer(address, uint256) external {
        _forward(extension);
    }
}

/// Runs parts of its calldata in itself and in a library, which cannot change.
contract Batching {
    address private immutable LIBRARY;
    uint256 public total;

    constructor(address code) {
        LIBRARY = code;
    }

    function multicall(bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done,) = address(this).delegatecall(calls[i]);
            require(done);
        }
    }

    function add(uint256 value) external {
        total += value;
    }

    function store(uint256) external {
        (bool done,) = LIBRARY.delegatecall(msg.data);
        require(done);
    }
}

/// Half of all functions go to one target, half to another.
contract TwoTargets is Forwarder {
    address private even;
    address private odd;
    address private immutable keeper;

    constructor(address first, address second, address keeper_) {
        (even, odd, keeper) = (first, second, keeper_);
    }

    function setEven(address next) external {
        require(msg.sender == keeper);
        even = next;
    }

    fallback() external payable {
        _forward(uint32(msg.sig) % 2 == 0 ? even : odd);
    }
}

abstract contract Slots is Forwarder {
    bytes32 internal constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 internal constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    event Upgraded(address indexed implementation);

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
}

/// A transparent proxy that answers one function with other code.
contract OneFunctionElsewhere is Slots {
    address private immutable other;

    constructor(address first, address admin, address other_) {
        write(IMPLEMENTATION, first);
        write(ADMIN, admin);
        other = other_;
    }

    fallback() external payable {
        if (msg.sender == read(ADMIN)) {
            require(msg.sig == 0x3659cfe6 || msg.sig == 0x4f1ef286, "admin cannot fallback to proxy target");
            address next = address(bytes20(msg.data[16:36]));
            write(IMPLEMENTATION, next);
            emit Upgraded(next);
            return;
        }
        if (msg.sig == 0xa9059cbb) _forward(other);
        _forward(read(IMPLEMENTATION));
    }
}

/// A transparent proxy that has a function of its own behind the check of who calls.
contract LateFunction is Slots {
    constructor(address first, address admin) {
        write(IMPLEMENTATION, first);
        write(ADMIN, admin);
    }

    fallback() external payable {
        if (msg.sender == read(ADMIN)) {
            require(msg.sig == 0x3659cfe6 || msg.sig == 0x4f1ef286, "admin cannot fallback to proxy target");
            address next = address(bytes20(msg.data[16:36]));
            write(IMPLEMENTATION, next);
            emit Upgraded(next);
            return;
        }
        if (msg.sig == 0xdeadbeef) {
            write(ADMIN, address(bytes20(msg.data[16:36])));
            return;
        }
        _forward(read(IMPLEMENTATION));
    }
}

/// Forwards nothing while it is paused.
contract Paused is Forwarder {
    bool private paused = true;
    address private target;
    bool private immutable silent;

    constructor(address first, bool silent_) {
        (target, silent) = (first, silent_);
    }

    fallback() external payable {
        require(silent || !paused, "paused");
        if (!paused) _forward(target);
    }
}

/// Has a target for each function that somebody named.
contract Routing is Forwarder {
    mapping(bytes4 => address) private targets;

    constructor(address first) {
        targets[0xa9059cbb] = first;
    }

    fallback() external payable {
        address target = targets[msg.sig];
        require(target != address(0), "no such function");
        _forward(target);
    }
}

// What is no proxy.

/// Refuses while it is paused, runs what its owner says, and reports to a library that may change.
contract PausedWallet {
    bool private paused = true;
    address private owner = msg.sender;
    address private reporter;

    constructor(address first) {
        reporter = first;
    }

    function execute(address target, bytes calldata data) external payable {
        require(msg.sender == owner);
        (bool done,) = target.delegatecall(data);
        require(done);
    }

    function upgradeToAndCall(address target, bytes calldata data) external payable {
        require(msg.sender == owner);
        (bool done,) = target.delegatecall(data);
        require(done);
    }

    fallback() external payable {
        require(!paused, "paused");
        (bool done,) = reporter.delegatecall(abi.encodeWithSignature("store(uint256)", msg.value));
        require(done);
    }
}

/// Obeys an owner by EIP-173, of whom there is none.
contract Ownerless is Slots {
    constructor(address first) {
        write(IMPLEMENTATION, first);
    }

    function owner() external view returns (address) {
        return read(ADMIN);
    }

    function upgradeTo(address next) external {
        require(msg.sender == read(ADMIN), "not the owner");
        write(IMPLEMENTATION, next);
        emit Upgraded(next);
    }

    fallback() external payable {
        _forward(read(IMPLEMENTATION));
    }
}

/// The first to come is its owner.
contract FirstComes is Ownerless {
    constructor(address first) Ownerless(first) {}

    function initOwner(address next) external {
        require(read(ADMIN) == address(0), "there is one");
        write(ADMIN, next);
    }
}

/// A key that no slot and no code names goes around the owner.
contract Rescued is Ownerless {
    mapping(address => bool) private keepers;

    constructor(address first) Ownerless(first) {
        keepers[msg.sender] = true;
    }

    function rescue(address next) external {
        require(keepers[msg.sender], "not a keeper");
        write(IMPLEMENTATION, next);
    }
}
