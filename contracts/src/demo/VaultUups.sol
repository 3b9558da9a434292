// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

import {Vault} from "./Vault.sol";
import {VaultV2} from "./VaultV2.sol";
import {VaultV2Fee} from "./VaultV2Fee.sol";
import {VaultV2Shifted} from "./VaultV2Shifted.sol";

/// @title The vault with its upgrade function inside (UUPS), version 1
contract VaultUups is Vault, UUPSUpgradeable {
    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// @title The vault with its upgrade function inside (UUPS), version 2
contract VaultUupsV2 is VaultV2, UUPSUpgradeable {
    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// @title The wrong version 2 with a variable in the middle, as UUPS
contract VaultUupsV2Shifted is VaultV2Shifted, UUPSUpgradeable {
    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// @title The wrong version 2 with another fee, as UUPS
contract VaultUupsV2Fee is VaultV2Fee, UUPSUpgradeable {
    function _authorizeUpgrade(address) internal override onlyOwner {}
}
