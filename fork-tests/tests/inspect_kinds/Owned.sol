// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Proxies whose originals no package holds, written from their documented slots and functions.

/// What the proxies here run.
contract App {
    function initialize(bytes calldata) external {}

    function version1() external pure returns (uint256) {
        return 1;
    }
}

abstract contract Forwarding {
    function _forward(address target) internal {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

/// OpenSea's OwnableDelegateProxy.
contract OwnableDelegateProxy is Forwarding {
    address private _implementation;
    address private _upgradeabilityOwner;

    event Upgraded(address indexed implementation);

    constructor(address owner, address first) {
        _upgradeabilityOwner = owner;
        _implementation = first;
    }

    function upgradeTo(address next) public {
        require(msg.sender == _upgradeabilityOwner);
        require(_implementation != next);
        _implementation = next;
        emit Upgraded(next);
    }

    function upgradeToAndCall(address next, bytes calldata data) external payable {
        upgradeTo(next);
        (bool ok,) = next.delegatecall(data);
        require(ok);
    }

    function implementation() external view returns (address) {
        return _implementation;
    }

    function proxyOwner() external view returns (address) {
        return _upgradeabilityOwner;
    }

    function upgradeabilityOwner() external view returns (address) {
        return _upgradeabilityOwner;
    }

    function proxyType() external pure returns (uint256) {
        return 2;
    }

    fallback() external payable {
        _forward(_implementation);
    }
}

/// POA's EternalStorageProxy.
contract EternalStorageProxy is Forwarding {
    mapping(bytes32 => uint256)[6] private _eternal;
    uint256 public version;
    address public implementation;
    address public upgradeabilityOwner;

    event Upgraded(uint256 version, address indexed implementation);

    constructor(address first) {
        upgradeabilityOwner = msg.sender;
        version = 7;
        implementation = first;
    }

    function transferProxyOwnership(address next) external {
        require(msg.sender == upgradeabilityOwner);
        upgradeabilityOwner = next;
    }

    function upgradeTo(uint256 number, address next) public {
        require(msg.sender == upgradeabilityOwner);
        require(implementation != next && next.code.length > 0 && number > version, "version");
        version = number;
        implementation = next;
        emit Upgraded(number, next);
    }

    function upgradeToAndCall(uint256 number, address next, bytes calldata data) external payable {
        upgradeTo(number, next);
        (bool ok,) = address(this).call{value: msg.value}(data);
        require(ok);
    }

    fallback() external payable {
        _forward(implementation);
    }
}

/// Decentraland's Proxy.
contract StorageDelegateProxy is Forwarding {
    address public currentContract;
    address public proxyOwner;

    event Upgrade(address indexed newContract, bytes initializedWith);

    constructor() {
        proxyOwner = msg.sender;
    }

    function upgrade(App next, bytes calldata data) external {
        require(msg.sender == proxyOwner, "Unauthorized user");
        currentContract = address(next);
        App(address(this)).initialize(data);
        emit Upgrade(address(next), data);
    }

    fallback() external payable {
        require(currentContract != address(0), "If app code has not been set yet, do not call");
        _forward(currentContract);
    }
}

/// What a Synthetix proxy calls: it is told who sends.
contract Proxyable {
    address private _sender;
    uint256 public value;

    function setMessageSender(address sender) external {
        _sender = sender;
    }

    function store(uint256 next) external {
        value = next;
    }
}
