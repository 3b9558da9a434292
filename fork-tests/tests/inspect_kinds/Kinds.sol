// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AccessControl as AccessControl4} from "oz-4.9/access/AccessControl.sol";
import {UUPSUpgradeable as Uups4} from "oz-4.9/proxy/utils/UUPSUpgradeable.sol";
import {AccessControl as AccessControl5} from "@openzeppelin/contracts/access/AccessControl.sol";
import {UUPSUpgradeable as Uups5} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Owner} from "./Owner.sol";

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

contract Owned4 is Uups4, Owner {
    function _authorizeUpgrade(address) internal view override {
        _checkOwner();
    }
}

contract Owned5 is Uups5, Owner {
    function _authorizeUpgrade(address) internal view virtual override {
        _checkOwner();
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

interface IGraphProxy {
    function admin() external returns (address);
    function acceptUpgrade() external;
    function acceptUpgradeAndCall(bytes calldata data) external;
}

/// What a proxy of The Graph runs: it accepts its own installation.
contract GraphBox is Box {
    modifier onlyProxyAdmin(IGraphProxy proxy) {
        require(msg.sender == proxy.admin(), "not the admin");
        _;
    }

    function acceptProxy(IGraphProxy proxy) external onlyProxyAdmin(proxy) {
        proxy.acceptUpgrade();
    }

    function acceptProxyAndCall(IGraphProxy proxy, bytes calldata data) external onlyProxyAdmin(proxy) {
        proxy.acceptUpgradeAndCall(data);
    }
}

contract OneSlot {
    bytes32 internal constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 internal constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    function _load(bytes32 slot) internal view returns (address held) {
        assembly {
            held := sload(slot)
        }
    }

    function _store(bytes32 slot, address held) internal {
        assembly {
            sstore(slot, held)
        }
    }

    function _forward(address target) internal {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }

    function _run(address target, bytes memory data) internal {
        (bool ok,) = target.delegatecall(data);
        require(ok, "refused by the implementation");
    }
}

/// Lido's proxy by its documented functions: no package has the original.
abstract contract Ossifiable is OneSlot {
    event Upgraded(address indexed implementation);

    constructor(address first, address admin) {
        _store(IMPLEMENTATION, first);
        _store(ADMIN, admin);
    }

    modifier onlyAdmin() {
        require(_load(ADMIN) != address(0), "ossified");
        require(_load(ADMIN) == msg.sender, "not the admin");
        _;
    }

    function proxy__getAdmin() external view returns (address) {
        return _load(ADMIN);
    }

    function proxy__getImplementation() external view returns (address) {
        return _load(IMPLEMENTATION);
    }

    function proxy__getIsOssified() external view returns (bool) {
        return _load(ADMIN) == address(0);
    }

    function proxy__ossify() external onlyAdmin {
        _store(ADMIN, address(0));
    }

    function proxy__upgradeTo(address next) public onlyAdmin {
        _store(IMPLEMENTATION, next);
        emit Upgraded(next);
    }

    fallback() external payable {
        _forward(_load(IMPLEMENTATION));
    }
}

contract OssifiableForced is Ossifiable {
    constructor(address first, address admin) Ossifiable(first, admin) {}

    function proxy__upgradeToAndCall(address next, bytes memory data, bool force) external {
        proxy__upgradeTo(next);
        if (data.length > 0 || force) _run(next, data);
    }
}

contract OssifiablePlain is Ossifiable {
    constructor(address first, address admin) Ossifiable(first, admin) {}

    function proxy__upgradeToAndCall(address next, bytes memory data) external {
        proxy__upgradeTo(next);
        _run(next, data);
    }
}

/// What an Axelar proxy runs: the proxies are published, their implementations are abstract.
contract AxelarBox is OneSlot {
    bytes32 private constant OWNER = keccak256("owner");
    bytes32 private immutable ID;

    event Upgraded(address indexed newImplementation);

    error NotOwner();
    error InvalidCodeHash();
    error InvalidImplementation();

    constructor(bytes32 id) {
        ID = id;
    }

    function contractId() external view returns (bytes32) {
        return ID;
    }

    function owner() public view returns (address) {
        return _load(OWNER);
    }

    function upgrade(address next, bytes32 codeHash, bytes calldata params) external {
        if (msg.sender != owner()) revert NotOwner();
        if (AxelarBox(next).contractId() != AxelarBox(_load(IMPLEMENTATION)).contractId()) {
            revert InvalidImplementation();
        }
        if (codeHash != next.codehash) revert InvalidCodeHash();
        emit Upgraded(next);
        if (params.length > 0) _run(next, abi.encodeCall(this.setup, params));
        _store(IMPLEMENTATION, next);
    }

    function setup(bytes calldata) external pure {}
}

/// StarkWare's proxy by its documented slots and functions: no package has the original.
contract StarkProxy is OneSlot {
    bytes32 private constant RUNS = keccak256("StarkWare2019.implemntation-slot");
    bytes32 private constant FINAL = keccak256("StarkWare2019.finalization-flag-slot");
    bytes32 private constant DELAY = keccak256("StarkWare.Upgradibility.Delay.Slot");
    string public constant PROXY_VERSION = "3.0.0";
    mapping(bytes32 => uint256) private enabledTime;
    mapping(address => bool) private governors;

    event LogNewGovernorAccepted(address acceptedGovernor);
    event LogRemovedGovernor(address removedGovernor);
    event ImplementationAdded(address indexed implementation, bytes initializer, bool finalize);
    event Upgraded(address indexed implementation);

    constructor(address first, uint256 delay) {
        _store(RUNS, first);
        _store(DELAY, address(uint160(delay)));
        _accept(msg.sender);
    }

    modifier onlyGovernor() {
        require(governors[msg.sender], "ONLY_GOVERNANCE");
        _;
    }

    function _accept(address governor) private {
        governors[governor] = true;
        _announce(governor);
    }

    function _announce(address governor) internal virtual {
        emit LogNewGovernorAccepted(governor);
    }

    function _governs(address who) internal view returns (bool) {
        return governors[who];
    }

    function replaceGovernor(address next) external onlyGovernor {
        governors[msg.sender] = false;
        emit LogRemovedGovernor(msg.sender);
        _accept(next);
    }

    function proxyIsGovernor(address who) external view virtual returns (bool) {
        return _governs(who);
    }

    function implementation() external view returns (address) {
        return _load(RUNS);
    }

    function addImplementation(address next, bytes calldata data, bool finalize) external onlyGovernor {
        enabledTime[keccak256(abi.encode(next, data, finalize))] = block.timestamp + uint160(_load(DELAY));
        emit ImplementationAdded(next, data, finalize);
    }

    function upgradeTo(address next, bytes calldata data, bool finalize) external payable onlyGovernor {
        require(_load(FINAL) == address(0), "IMPLEMENTATION_FINALIZED");
        uint256 time = enabledTime[keccak256(abi.encode(next, data, finalize))];
        require(time > 0, "ADDRESS_NOT_UPGRADE_CANDIDATE");
        require(time <= block.timestamp, "UPGRADE_NOT_ENABLED_YET");
        _store(RUNS, next);
        _run(next, abi.encodeCall(StarkBox.initialize, data));
        if (finalize) _store(FINAL, address(1));
        emit Upgraded(next);
    }

    fallback() external payable {
        _forward(_load(RUNS));
    }
}

/// From version 5 on governors hold a role.
contract StarkProxy5 is StarkProxy {
    bytes32 private constant UPGRADE_GOVERNOR = 0x0251e864ca2a080f55bce5da2452e8cfcafdbc951a3e7fff5023d558452ec228;

    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);

    constructor(address first, uint256 delay) StarkProxy(first, delay) {}

    function _announce(address governor) internal override {
        emit RoleGranted(UPGRADE_GOVERNOR, governor, msg.sender);
    }

    function proxyIsGovernor(address) external pure override returns (bool) {
        revert("not in this version");
    }

    function hasRole(bytes32 role, address who) external view returns (bool) {
        return role == UPGRADE_GOVERNOR && _governs(who);
    }
}

contract StarkBox {
    function initialize(bytes calldata) external pure {}

    function isFrozen() external pure returns (bool) {
        return false;
    }
}

/// Polygon plasma's proxy by its documented functions: no package has the original.
contract PlasmaProxy is OneSlot {
    address public owner = msg.sender;
    address private proxyTo;

    constructor(address first) {
        proxyTo = first;
    }

    function proxyType() external pure returns (uint256) {
        return 2;
    }

    function implementation() external view returns (address) {
        return proxyTo;
    }

    function updateImplementation(address next) external {
        require(msg.sender == owner, "not the owner");
        proxyTo = next;
    }

    fallback() external payable {
        _forward(proxyTo);
    }
}

interface IUnitroller {
    function admin() external view returns (address);
    function _acceptImplementation() external returns (uint256);
}

/// What a Unitroller runs.
contract Comptroller {
    function _become(IUnitroller unitroller) external {
        require(msg.sender == unitroller.admin(), "only the admin changes brains");
        require(unitroller._acceptImplementation() == 0, "not authorized");
    }
}

/// A fork's implementation that no proxy can return to.
contract Stuck {
    function version() external pure returns (uint256) {
        return 1;
    }
}

/// What a delegator of a market or of a governor runs: any initializer is welcome.
contract Delegate {
    function _becomeImplementation(bytes calldata) external {}

    function _resignImplementation() external {}

    fallback() external {}
}

/// A Unitroller whose getters a fork renamed, behind other variables.
contract VaultProxy is OneSlot {
    uint256[5] private before;
    address public admin = msg.sender;
    address public pendingAdmin;
    address public vaultImplementation;
    address public pendingVaultImplementation;

    constructor(address first) {
        vaultImplementation = first;
    }

    function _setPendingImplementation(address next) external returns (uint256) {
        if (msg.sender != admin) return 1;
        pendingVaultImplementation = next;
        return 0;
    }

    function _acceptImplementation() external returns (uint256) {
        if (msg.sender != pendingVaultImplementation || msg.sender == address(0)) return 1;
        vaultImplementation = msg.sender;
        pendingVaultImplementation = address(0);
        return 0;
    }

    fallback() external {
        _forward(vaultImplementation);
    }
}

/// What an Aave provider runs: each revision is initialized once, in rising order.
contract Revision1 {
    uint256 private lastRevision;

    function getRevision() public pure virtual returns (uint256) {
        return 1;
    }

    function initialize(address) external {
        require(getRevision() > lastRevision, "already initialized");
        lastRevision = getRevision();
    }
}

contract Revision2 is Revision1 {
    function getRevision() public pure override returns (uint256) {
        return 2;
    }
}

/// TrueUSD's proxy, as far as its documented slots and functions go: the original is in no package.
contract TrueUsdProxy {
    event Upgraded(address indexed implementation);

    bytes32 private constant IMPLEMENTATION = 0x6e41e0fbe643dfdb6043698bf865aada82dc46b953f754a3468eaa272a362dc7;
    bytes32 private constant OWNER = 0x6279e8199720cf3557ecd8b58d667c8edc486bd1cf3ad59ea9ebdfcae0d0dfac;

    constructor() {
        assembly {
            sstore(OWNER, caller())
        }
    }

    function proxyOwner() public view returns (address owner) {
        assembly {
            owner := sload(OWNER)
        }
    }

    function upgradeTo(address implementation) external {
        require(msg.sender == proxyOwner(), "only Proxy Owner");
        address current;
        assembly {
            current := sload(IMPLEMENTATION)
        }
        require(current != implementation);
        assembly {
            sstore(IMPLEMENTATION, implementation)
        }
        emit Upgraded(implementation);
    }

    fallback() external payable {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), sload(IMPLEMENTATION), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch done
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}

/// Says whatever anyone wants it to say, in the name of the proxy that runs it.
contract Claimer {
    event Upgraded(address indexed implementation);

    function claim(address implementation) external {
        emit Upgraded(implementation);
    }
}
