// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

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
