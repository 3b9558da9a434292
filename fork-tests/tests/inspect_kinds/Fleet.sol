// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {BeaconProxy} from "@openzeppelin/contracts/proxy/beacon/BeaconProxy.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

/// Makes many proxies in one call.
contract Factory {
    event Made(address indexed by, address made, uint256 number);

    function clones(address target, uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            emit Made(msg.sender, Clones.clone(target), i);
        }
    }

    function proxies(address beacon, uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            new BeaconProxy(beacon, "");
        }
    }
}

/// Says that it uses a beacon, and does not.
contract Boaster {
    event BeaconUpgraded(address indexed beacon);

    function boast(address beacon) external {
        emit BeaconUpgraded(beacon);
    }
}
