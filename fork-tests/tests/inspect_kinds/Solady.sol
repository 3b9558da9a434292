// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {UUPSUpgradeable as Uups44} from "oz-4.4/proxy/utils/UUPSUpgradeable.sol";
import {EIP7702Proxy} from "solady/src/accounts/EIP7702Proxy.sol";
import {ERC1967Factory} from "solady/src/utils/ERC1967Factory.sol";
import {LibClone} from "solady/src/utils/LibClone.sol";
import {UUPSUpgradeable} from "solady/src/utils/UUPSUpgradeable.sol";
import {UpgradeableBeacon} from "solady/src/utils/UpgradeableBeacon.sol";
import {Owner} from "./Owner.sol";

contract OwnedSolady is UUPSUpgradeable, Owner {
    function _authorizeUpgrade(address) internal view override {
        _checkOwner();
    }
}

contract Owned44 is Uups44, Owner {
    function _authorizeUpgrade(address) internal view override {
        _checkOwner();
    }
}

contract Factory is ERC1967Factory {
    address public last;

    function make(address implementation, address admin) external {
        last = deploy(implementation, admin);
    }
}

contract Beacon is UpgradeableBeacon {
    constructor(address owner, address implementation) UpgradeableBeacon(owner, implementation) {}
}

contract Relay is EIP7702Proxy {
    constructor(address implementation, address admin) EIP7702Proxy(implementation, admin) {}
}

contract Cloner {
    address public last;

    function make(uint256 form, address target) external {
        bytes memory args = hex"010203";
        if (form == 0) last = LibClone.deployERC1967(target);
        if (form == 1) last = LibClone.deployERC1967(target, args);
        if (form == 2) last = LibClone.deployERC1967I(target);
        if (form == 3) last = LibClone.deployERC1967BeaconProxy(target);
        if (form == 4) last = LibClone.deployERC1967BeaconProxy(target, args);
        if (form == 5) last = LibClone.deployERC1967IBeaconProxy(target);
        if (form == 6) last = LibClone.clone(target);
        if (form == 7) last = LibClone.clone(target, args);
        if (form == 8) last = LibClone.clone_PUSH0(target);
    }
}
