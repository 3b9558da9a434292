// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {AccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";
import {UpgradeableBeacon} from "@openzeppelin/contracts/proxy/beacon/UpgradeableBeacon.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// Is initialized once.
abstract contract Once {
    bool private _done;

    modifier once() {
        require(!_done, "initialized");
        _done = true;
        _;
    }
}

contract Box {
    uint256 public value;

    fallback() external payable {}

    receive() external payable {}
}

/// A ProxyAdmin whose owner has to accept.
contract Admin2Step is Ownable2Step {
    constructor(address first) Ownable(first) {}

    function upgradeAndCall(address proxy, address implementation, bytes calldata data) external payable onlyOwner {
        UUPSUpgradeable(proxy).upgradeToAndCall{value: msg.value}(implementation, data);
    }

    function UPGRADE_INTERFACE_VERSION() external pure returns (string memory) {
        return "5.0.0";
    }
}

contract Roles is UUPSUpgradeable, AccessControl, Once {
    bytes32 private constant UPGRADER = keccak256("UPGRADER_ROLE");

    function initialize(address admin, address first, address second) external once {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(UPGRADER, first);
        _grantRole(UPGRADER, second);
        _grantRole(UPGRADER, address(0x1234567890123456789012345678901234567890));
        _revokeRole(UPGRADER, address(0x1234567890123456789012345678901234567890));
    }

    function _authorizeUpgrade(address) internal view override onlyRole(UPGRADER) {}
}

/// Leaves the check instead of the call: whoever asks is let through.
contract Skipping is UUPSUpgradeable {
    address public owner;

    modifier only() {
        if (msg.sender != owner) return;
        _;
    }

    function initialize(address first) external {
        require(owner == address(0), "initialized");
        owner = first;
    }

    function _authorizeUpgrade(address) internal view override only {}
}

/// Takes a stranger's call and does nothing.
contract Silent is Skipping {
    function upgradeToAndCall(address to, bytes memory data) public payable override {
        if (msg.sender == owner) super.upgradeToAndCall(to, data);
    }
}

contract OpenBeacon is UpgradeableBeacon {
    constructor(address first, address owner) UpgradeableBeacon(first, owner) {}

    function _checkOwner() internal view override {}
}

contract OpenAdmin is ProxyAdmin {
    constructor(address owner) ProxyAdmin(owner) {}

    function _checkOwner() internal view override {}
}

/// The admin of all roles is handed over in two steps with a wait between them.
contract Ruled is UUPSUpgradeable, AccessControlDefaultAdminRules, Once {
    bytes32 private constant UPGRADER = keccak256("UPGRADER_ROLE");

    constructor() AccessControlDefaultAdminRules(0, msg.sender) {}

    function initialize(address admin, address upgrader) external once {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(UPGRADER, upgrader);
    }

    function _authorizeUpgrade(address) internal view override onlyRole(UPGRADER) {}
}

contract Managed is UUPSUpgradeable, AccessManaged {
    constructor(address manager) AccessManaged(manager) {}

    function initialize(address manager) external {
        require(authority() == address(0), "initialized");
        _setAuthority(manager);
    }

    function upgradeToAndCall(address to, bytes memory data) public payable override restricted {
        super.upgradeToAndCall(to, data);
    }

    function _authorizeUpgrade(address) internal view override {}
}

/// Maker's wards.
contract Warded is UUPSUpgradeable, Once {
    mapping(address => uint256) public wards;

    event Rely(address indexed who);
    event Deny(address indexed who);

    function initialize(address first) external once {
        wards[first] = 1;
        emit Rely(first);
    }

    function rely(address who) external {
        require(wards[msg.sender] == 1, "not authorized");
        wards[who] = 1;
        emit Rely(who);
    }

    function deny(address who) external {
        require(wards[msg.sender] == 1, "not authorized");
        wards[who] = 0;
        emit Deny(who);
    }

    function _authorizeUpgrade(address) internal view override {
        require(wards[msg.sender] == 1, "not authorized");
    }
}

/// DS-Auth: the owner, or whom the authority lets.
interface DSAuthority {
    function canCall(address src, address dst, bytes4 sig) external view returns (bool);
}

contract Guarded is UUPSUpgradeable, Once {
    address public owner;
    DSAuthority public authority;

    function initialize(address first, DSAuthority guard) external once {
        owner = first;
        authority = guard;
    }

    function _authorizeUpgrade(address) internal view override {
        bool ok = msg.sender == owner
            || (address(authority) != address(0) && authority.canCall(msg.sender, address(this), msg.sig));
        require(ok, "ds-auth-unauthorized");
    }
}

contract Guard {
    address public owner;
    address private friend;

    constructor(address first) {
        owner = msg.sender;
        friend = first;
    }

    function canCall(address src, address, bytes4) external view returns (bool) {
        return src == friend;
    }
}

/// Compound's Timelock in its public surface.
contract CompoundTimelock {
    uint256 public constant GRACE_PERIOD = 14 days;
    address public admin;
    address public pendingAdmin;
    uint256 public delay;
    mapping(bytes32 => bool) public queuedTransactions;

    constructor(address first, address next, uint256 wait) {
        admin = first;
        pendingAdmin = next;
        delay = wait;
    }

    function acceptAdmin() external {
        require(msg.sender == pendingAdmin, "not the pending admin");
        admin = msg.sender;
        pendingAdmin = address(0);
    }

    function queueTransaction(address target, uint256 value, string calldata signature, bytes calldata data, uint256 eta)
        external
        returns (bytes32 hash)
    {
        require(msg.sender == admin, "not the admin");
        require(eta >= block.timestamp + delay, "too early");
        hash = keccak256(abi.encode(target, value, signature, data, eta));
        queuedTransactions[hash] = true;
    }

    function executeTransaction(address target, uint256 value, string calldata signature, bytes calldata data, uint256 eta)
        external
        payable
        returns (bytes memory)
    {
        require(msg.sender == admin, "not the admin");
        bytes32 hash = keccak256(abi.encode(target, value, signature, data, eta));
        require(queuedTransactions[hash], "not queued");
        require(block.timestamp >= eta && block.timestamp <= eta + GRACE_PERIOD, "not the time");
        queuedTransactions[hash] = false;
        bytes memory call = bytes(signature).length == 0 ? data : abi.encodePacked(bytes4(keccak256(bytes(signature))), data);
        (bool ok, bytes memory out) = target.call{value: value}(call);
        require(ok, "reverted");
        return out;
    }
}

contract Token is ERC20, ERC20Permit, ERC20Votes {
    constructor(address holder) ERC20("Vote", "V") ERC20Permit("Vote") {
        _mint(holder, 1000e18);
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }
}

contract Votes is Governor, GovernorSettings, GovernorCountingSimple, GovernorVotes, GovernorTimelockControl {
    constructor(IVotes token, TimelockController lock)
        Governor("Votes")
        GovernorSettings(1 days, 7 days, 5)
        GovernorVotes(token)
        GovernorTimelockControl(lock)
    {}

    function quorum(uint256) public pure override returns (uint256) {
        return 40;
    }

    function state(uint256 id) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(id);
    }

    function proposalNeedsQueuing(uint256 id) public view override(Governor, GovernorTimelockControl) returns (bool) {
        return super.proposalNeedsQueuing(id);
    }

    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function _queueOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory data,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(id, targets, values, data, description);
    }

    function _executeOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory data,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(id, targets, values, data, description);
    }

    function _cancel(address[] memory targets, uint256[] memory values, bytes[] memory data, bytes32 description)
        internal
        override(Governor, GovernorTimelockControl)
        returns (uint256)
    {
        return super._cancel(targets, values, data, description);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

/// Has an owner, and does nothing for it.
contract Owned {
    address public owner;

    function setOwner(address next) external {
        owner = next;
    }
}

/// Takes anything without a word.
contract Liar {
    fallback(bytes calldata) external payable returns (bytes memory) {
        return abi.encode(uint256(1), uint256(1), uint256(1));
    }
}

/// Answers like a Safe of three owners, and asks for something else: `needs` approvals, which it counts as
/// `counting` says: 0 properly, 1 by what is handed in, 2 without looking for the same one twice.
contract SaidSafe {
    address[] private _owners;
    uint256 private _needs;
    uint256 private _counting;
    uint256 public getThreshold = 3;
    uint256 public nonce;
    string public VERSION = "1.4.1";
    bytes32 public domainSeparator = keccak256("said");
    mapping(address => mapping(bytes32 => uint256)) public approvedHashes;
    bytes32 private _last;

    constructor(address[] memory owners, uint256 needs, uint256 counting) {
        _owners = owners;
        _needs = needs;
        _counting = counting;
    }

    function getOwners() external view returns (address[] memory) {
        return _owners;
    }

    function getModulesPaginated(address, uint256) external pure returns (address[] memory modules, address next) {
        return (new address[](0), address(1));
    }

    function approveHash(bytes32 hash) external {
        approvedHashes[msg.sender][hash] = 1;
        _last = hash;
    }

    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8,
        uint256,
        uint256,
        uint256,
        address,
        address,
        bytes calldata signatures
    ) external payable returns (bool ok) {
        require(signatures.length >= 65 * _needs, "too few");
        address before;
        for (uint256 i; i < _needs && _counting != 1; ++i) {
            address owner = address(uint160(uint256(bytes32(signatures[65 * i:65 * i + 32]))));
            require(approvedHashes[owner][_last] == 1 && (owner > before || _counting == 2), "not approved");
            before = owner;
        }
        (ok,) = to.call{value: value}(data);
        require(ok, "reverted");
    }
}

/// Answers like a timelock of seven days that `boss` proposes to and executes from, and enforces `wait`
/// seconds from the proposal, or what the proposal says; 0: it looks at no proposal at all.
contract SaidTimelock {
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);

    address private _boss;
    uint256 private _wait;
    bool private _asProposed;
    bool private _open;
    mapping(bytes32 => uint256) private _ready;

    constructor(address boss, uint256 wait, bool asProposed, bool open) {
        (_boss, _wait, _asProposed, _open) = (boss, wait, asProposed, open);
        emit RoleGranted(keccak256("PROPOSER_ROLE"), boss, boss);
        emit RoleGranted(keccak256("EXECUTOR_ROLE"), boss, boss);
    }

    function getMinDelay() external pure returns (uint256) {
        return 7 days;
    }

    function hasRole(bytes32 role, address account) external view returns (bool) {
        return account == _boss && (role == keccak256("PROPOSER_ROLE") || role == keccak256("EXECUTOR_ROLE"));
    }

    function getRoleAdmin(bytes32) external pure returns (bytes32) {
        return bytes32(uint256(7));
    }

    function schedule(address target, uint256, bytes calldata data, bytes32, bytes32, uint256 delay) external {
        require(msg.sender == _boss, "not the boss");
        _ready[keccak256(abi.encode(target, data))] = block.timestamp + (_asProposed ? delay : _wait);
    }

    function execute(address target, uint256 value, bytes calldata data, bytes32, bytes32) external payable {
        require(_open || msg.sender == _boss, "not the boss");
        uint256 ready = _ready[keccak256(abi.encode(target, data))];
        require(_wait == 0 || (ready != 0 && block.timestamp >= ready), "not ready");
        (bool ok,) = target.call{value: value}(data);
        require(ok, "reverted");
    }
}

/// Compound's, which takes any time, and, where it is not `queued`, anything.
contract SaidCompoundTimelock {
    uint256 public constant GRACE_PERIOD = 14 days;
    uint256 public constant delay = 7 days;
    address public admin;
    bool private _queued;
    bool private _open;
    mapping(bytes32 => bool) public queuedTransactions;

    constructor(address first, bool queued, bool open) {
        (admin, _queued, _open) = (first, queued, open);
    }

    function queueTransaction(address target, uint256, string calldata, bytes calldata data, uint256 eta)
        external
        returns (bytes32 hash)
    {
        require(msg.sender == admin, "not the admin");
        hash = keccak256(abi.encode(target, data, eta));
        queuedTransactions[hash] = true;
    }

    function executeTransaction(address target, uint256 value, string calldata, bytes calldata data, uint256 eta)
        external
        payable
        returns (bytes memory)
    {
        require(_open || msg.sender == admin, "not the admin");
        require(!_queued || queuedTransactions[keccak256(abi.encode(target, data, eta))], "not queued");
        require(block.timestamp >= eta && block.timestamp <= eta + GRACE_PERIOD, "not the time");
        (bool ok, bytes memory out) = target.call{value: value}(data);
        require(ok, "reverted");
        return out;
    }
}

/// Says the delays that were given to its members, and lets them act at once.
contract SaidManager is AccessManager {
    constructor(address first) AccessManager(first) {}

    function canCall(address caller, address target, bytes4 selector)
        public
        view
        override
        returns (bool immediate, uint32 delay)
    {
        if (caller == address(this)) return super.canCall(caller, target, selector);
        (bool member,) = hasRole(getTargetFunctionRole(target, selector), caller);
        return (member, 0);
    }
}

address constant SPARE = 0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc;

/// A ProxyAdmin with a second key, which stands in its code.
contract SpareAdmin is Ownable {
    address private immutable _spare;

    constructor(address first, address spare) Ownable(first) {
        _spare = spare;
    }

    function upgrade(UUPSUpgradeable proxy, address implementation) external {
        require(msg.sender == owner() || msg.sender == _spare, "neither");
        SpareProxy(address(proxy)).upgradeTo(implementation);
    }

    function getProxyAdmin(address) external view returns (address) {
        return address(this);
    }
}

interface SpareProxy {
    function upgradeTo(address implementation) external;
}

/// UUPS with a second key, which stands in the implementation.
contract Spare is UUPSUpgradeable, Once {
    address public owner;

    function initialize(address first) external once {
        owner = first;
    }

    function _authorizeUpgrade(address) internal view override {
        require(msg.sender == owner || msg.sender == SPARE, "neither");
    }
}

/// A timelock with one more function, for a key that stands in the code.
contract SpareTimelock is TimelockController {
    address private immutable _spare;

    constructor(address[] memory proposers, address[] memory executors, address spare)
        TimelockController(2 days, proposers, executors, address(0))
    {
        _spare = spare;
    }

    function rescue(address target, bytes calldata data) external {
        require(msg.sender == _spare, "not the spare");
        (bool ok,) = target.call(data);
        require(ok, "reverted");
    }
}

/// A timelock that does not wait where one account signed the transaction.
contract HurriedTimelock is TimelockController {
    address private _hurried;

    constructor(address[] memory proposers, address[] memory executors, address hurried)
        TimelockController(2 days, proposers, executors, address(0))
    {
        _hurried = hurried;
    }

    function getMinDelay() public view override returns (uint256) {
        return tx.origin == _hurried ? 0 : 2 days;
    }
}

/// A ProxyAdmin that nobody owns, and that takes a signature.
contract SignedAdmin {
    address public owner = address(0xdead);
    address private _signer;

    constructor(address signer) {
        _signer = signer;
    }

    function getProxyAdmin(address) external view returns (address) {
        return address(this);
    }

    function upgrade(SpareProxy proxy, address implementation) external {
        require(msg.sender == owner, "not the owner");
        proxy.upgradeTo(implementation);
    }

    function upgradeBySignature(SpareProxy proxy, address implementation, uint8 v, bytes32 r, bytes32 s) external {
        require(ecrecover(keccak256(abi.encode(proxy, implementation)), v, r, s) == _signer, "not signed");
        proxy.upgradeTo(implementation);
    }
}

/// Anybody may hand it over.
contract TakenAdmin is ProxyAdmin {
    constructor(address first, address) ProxyAdmin(first) {}

    function transferOwnership(address next) public override {
        _transferOwnership(next);
    }
}

/// Giving it up gives it to another.
contract HeirAdmin is ProxyAdmin {
    address private _heir;

    constructor(address first, address heir) ProxyAdmin(first) {
        _heir = heir;
    }

    function renounceOwnership() public override onlyOwner {
        _transferOwnership(_heir);
    }
}

/// Obeys keys that no getter shows.
contract KeysAdmin is ProxyAdmin {
    mapping(address => bool) private _keys;

    constructor(address first, address key) ProxyAdmin(first) {
        _keys[key] = true;
    }

    function _checkOwner() internal view override {
        if (!_keys[msg.sender]) super._checkOwner();
    }
}

/// The form of 4.x, whose getter upgrades: for one account, or, where that is nobody, for all.
contract NamedAdmin is Ownable {
    address private _key;
    address private _next;

    constructor(address first, address key) Ownable(first) {
        _key = key;
        if (key == address(0)) _next = address(new Box());
    }

    function getProxyAdmin(SpareProxy proxy) external returns (address) {
        if (_next != address(0) && (_key == address(0) || msg.sender == _key)) proxy.upgradeTo(_next);
        return address(this);
    }

    function upgrade(SpareProxy proxy, address implementation) external onlyOwner {
        proxy.upgradeTo(implementation);
    }
}

/// Compares only the hash of who calls.
contract HashedAdmin is ProxyAdmin {
    constructor(address first, address) ProxyAdmin(first) {}

    function _checkOwner() internal view override {
        if (keccak256(abi.encode(msg.sender)) != keccak256("somebody")) super._checkOwner();
    }
}

/// Takes a signature instead of its owner's call.
contract SignedBeacon is UpgradeableBeacon {
    constructor(address first, address owner) UpgradeableBeacon(first, owner) {}

    function transferOwnership(address next) public override {
        address signer = ecrecover(bytes32(uint256(uint160(next))), 27, bytes32(block.number), bytes32(uint256(1)));
        if (signer == address(0) || signer != owner()) _checkOwner();
        _transferOwnership(next);
    }
}

/// A timelock that gives its roles to whoever asks.
contract GivingTimelock is TimelockController {
    constructor(address[] memory proposers, address[] memory executors, address)
        TimelockController(2 days, proposers, executors, address(0))
    {}

    function grantRole(bytes32 role, address account) public override {
        _grantRole(role, account);
    }
}

/// A timelock whose fallback does whatever one account wants.
contract LooseTimelock is TimelockController {
    address private _loose;

    constructor(address[] memory proposers, address[] memory executors, address loose)
        TimelockController(2 days, proposers, executors, address(0))
    {
        _loose = loose;
    }

    fallback() external {
        require(msg.sender == _loose, "not the loose one");
        (bool ok,) = address(bytes20(msg.data[:20])).call(msg.data[20:]);
        require(ok, "reverted");
    }
}

abstract contract Slots {
    bytes32 private constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 private constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    event Upgraded(address indexed implementation);

    constructor(address first, address admin) {
        _write(IMPLEMENTATION, first);
        _write(ADMIN, admin);
    }

    function _read(bytes32 slot) private view returns (address value) {
        assembly {
            value := sload(slot)
        }
    }

    function _write(bytes32 slot, address value) private {
        assembly {
            sstore(slot, value)
        }
    }

    function _admin() internal view returns (address) {
        return _read(ADMIN);
    }

    function _upgrade(address next) internal {
        _write(IMPLEMENTATION, next);
        emit Upgraded(next);
    }

    function _forward() internal {
        address to = _read(IMPLEMENTATION);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}

/// Looks like a transparent proxy, and obeys one more account than its admin; `hidden` needs nobody.
contract KeyedProxy is Slots {
    constructor(address first, address admin) Slots(first, admin) {}

    modifier _rules() virtual {
        if (msg.sender == _admin() || msg.sender == SPARE) _;
        else _forward();
    }

    function upgradeTo(address next) external _rules {
        _upgrade(next);
    }

    function upgradeToAndCall(address next, bytes calldata) external payable _rules {
        _upgrade(next);
    }

    fallback() external payable {
        require(msg.sender != _admin(), "the admin");
        _forward();
    }
}

contract HiddenProxy is KeyedProxy {
    constructor(address first, address admin) KeyedProxy(first, admin) {}

    function hidden(address next) external {
        assembly {
            sstore(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc, next)
        }
    }
}

/// Obeys its admin, and everybody else too.
contract OpenProxy is KeyedProxy {
    constructor(address first, address admin) KeyedProxy(first, admin) {}

    modifier _rules() override {
        _;
    }
}

/// Lido's functions without the check.
contract OpenOssifiable is Slots {
    constructor(address first, address admin) Slots(first, admin) {}

    function proxy__getAdmin() external view returns (address) {
        return _admin();
    }

    function proxy__upgradeTo(address next) external {
        _upgrade(next);
    }

    fallback() external payable {
        _forward();
    }
}
