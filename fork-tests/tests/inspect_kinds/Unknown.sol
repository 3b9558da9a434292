// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Forwarder} from "./Plain.sol";

/// Keeps its implementation where ERC-1967 says, and is upgraded by functions that nobody else has.
contract OddProxy is Forwarder {
    bytes32 internal constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 internal constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    constructor(address first, address admin) {
        _set(IMPLEMENTATION, first);
        _set(ADMIN, admin);
    }

    fallback() external payable {
        _forward(_get(IMPLEMENTATION));
    }

    function _get(bytes32 slot) internal view returns (address value) {
        assembly {
            value := sload(slot)
        }
    }

    function _set(bytes32 slot, address value) internal {
        assembly {
            sstore(slot, value)
        }
    }
}

/// Remembers what it ran, hands a stranger's call on, and refuses what it already runs.
contract RememberingProxy is OddProxy {
    address[] private past;

    constructor(address first, address admin) OddProxy(first, admin) {}

    function repoint(address next) external {
        address current = _get(IMPLEMENTATION);
        if (msg.sender != _get(ADMIN)) _forward(current);
        require(next != current && next.code.length > 0);
        past.push(current);
        _set(IMPLEMENTATION, next);
    }
}

/// Takes an initializer's calldata with each implementation.
contract DataProxy is OddProxy {
    constructor(address first, address admin) OddProxy(first, admin) {}

    function exchange(address next, bytes calldata data) external {
        require(msg.sender == _get(ADMIN), "not the admin");
        _set(IMPLEMENTATION, next);
        if (data.length > 0) {
            (bool done,) = next.delegatecall(data);
            require(done);
        }
    }
}

/// Two functions write its implementation: which of them is for upgrades is not told by executing.
contract AmbiguousProxy is OddProxy {
    bool private stopped;

    constructor(address first, address admin) OddProxy(first, admin) {}

    function repoint(address next) external {
        require(msg.sender == _get(ADMIN));
        _set(IMPLEMENTATION, next);
    }

    function retire(address last) external {
        require(msg.sender == _get(ADMIN) && !stopped);
        stopped = true;
        _set(IMPLEMENTATION, last);
    }
}

/// There is a way there, and it shuts behind itself.
contract OnceProxy is OddProxy {
    constructor(address first, address admin) OddProxy(first, admin) {}

    function repoint(address next) external {
        require(msg.sender == _get(ADMIN));
        _set(IMPLEMENTATION, next);
        _set(ADMIN, address(0));
    }
}

/// A beacon that is asked for more than the implementation.
contract StatusBeacon {
    address private implementation;
    address private keeper;

    constructor(address first, address first_keeper) {
        implementation = first;
        keeper = first_keeper;
    }

    function status(address) external view returns (address, bool, bool) {
        return (implementation, false, false);
    }

    function upgradeTo(address next) external {
        require(msg.sender == keeper, "not the keeper");
        implementation = next;
    }
}

contract StatusProxy is Forwarder {
    bytes32 private constant BEACON = 0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50;

    constructor(address beacon) {
        assembly {
            sstore(BEACON, beacon)
        }
    }

    fallback() external payable {
        address beacon;
        assembly {
            beacon := sload(BEACON)
        }
        (address target,, bool paused) = StatusBeacon(beacon).status(address(this));
        require(!paused);
        _forward(target);
    }
}
