// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// Upgraded by its owner, and nothing else.
contract Plain is UUPSUpgradeable {
    address public owner;

    function transferOwnership(address next) external {
        require(owner == address(0) || msg.sender == owner);
        owner = next;
    }

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner);
    }
}

/// Whoever asks becomes its owner.
contract Taken is Plain {
    function setOwner(address next) external {
        owner = next;
    }
}

/// Another key can take it.
contract Second is Plain {
    address private _key = msg.sender;

    function rescue(address next) external {
        require(msg.sender == _key);
        owner = next;
    }
}

/// Runs what a key says as itself.
contract Runner {
    address private _key;

    function run(address code, bytes calldata data) external {
        require(msg.sender == _key);
        (bool done,) = code.delegatecall(data);
        require(done);
    }
}

/// Upgraded by its admin; everybody else reaches its implementation.
contract Transparent {
    bytes32 private constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 private constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    event Upgraded(address indexed implementation);

    constructor(address implementation, address admin) {
        _upgrade(implementation);
        _hand(admin);
    }

    function upgradeTo(address next) external {
        address admin;
        assembly {
            admin := sload(ADMIN)
        }
        msg.sender == admin ? _upgrade(next) : _forward();
    }

    fallback() external payable {
        _forward();
    }

    function _upgrade(address next) internal {
        assembly {
            sstore(IMPLEMENTATION, next)
        }
        emit Upgraded(next);
    }

    function _hand(address next) internal {
        assembly {
            sstore(ADMIN, next)
        }
    }

    function _forward() private {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), sload(IMPLEMENTATION), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if done { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}

/// Its other verb asks nobody.
contract Sibling is Transparent {
    constructor(address implementation, address admin) Transparent(implementation, admin) {}

    function upgradeToAndCall(address next, bytes calldata) external {
        _upgrade(next);
    }
}

/// Anybody may become its admin.
contract Handed is Transparent {
    constructor(address implementation, address admin) Transparent(implementation, admin) {}

    function changeAdmin(address next) external {
        _hand(next);
    }
}

/// Who upgrades is named by managers, whom the admin of all roles names.
contract Chained is UUPSUpgradeable, AccessControl {
    bytes32 private constant UPGRADER = keccak256("UPGRADER_ROLE");
    bytes32 private constant MANAGER = keccak256("MANAGER_ROLE");
    bool private _done;

    function initialize(address upgrader, address admin) external {
        require(!_done);
        _done = true;
        _setRoleAdmin(UPGRADER, MANAGER);
        _grantRole(UPGRADER, upgrader);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    function _authorizeUpgrade(address) internal view override onlyRole(UPGRADER) {}
}
