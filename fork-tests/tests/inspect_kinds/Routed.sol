// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Proxies that decide by selector, where no package holds the original: written from their documented
// storage and functions.

struct FacetCut {
    address facet;
    uint8 action;
    bytes4[] selectors;
}

abstract contract Routing {
    function _run(address target) internal {
        require(target != address(0), "no such function");
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

/// A facet with one function more and one less than `Box`.
contract OtherBox {
    uint256 public value;

    function added() external pure returns (uint256) {
        return 3;
    }
}

/// SolidState's storage, without a loupe; its owner is guarded by a role, not by an owner.
contract SolidStateDiamond is Routing {
    struct Layout {
        mapping(bytes4 => bytes32) selectorInfo;
        uint16 selectorCount;
        mapping(uint256 => bytes32) selectorSlugs;
        address fallbackAddress;
    }

    error AccessControlUnauthorizedAccount(address account, bytes32 role);
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);

    bytes32 private constant ROLE = keccak256("CUTTER");

    function _layout() private pure returns (Layout storage l) {
        bytes32 slot = keccak256("solidstate.contracts.storage.DiamondBase");
        assembly {
            l.slot := slot
        }
    }

    function _cutter(address account) private pure returns (bytes32) {
        return keccak256(abi.encode(account, ROLE));
    }

    constructor(address cutter, FacetCut[] memory cuts) {
        bytes32 slot = _cutter(cutter);
        assembly {
            sstore(slot, 1)
        }
        emit RoleGranted(ROLE, cutter, msg.sender);
        _cut(cuts);
    }

    function diamondCut(FacetCut[] calldata cuts, address, bytes calldata) external {
        bytes32 slot = _cutter(msg.sender);
        uint256 allowed;
        assembly {
            allowed := sload(slot)
        }
        if (allowed == 0) revert AccessControlUnauthorizedAccount(msg.sender, ROLE);
        _cut(cuts);
    }

    function _cut(FacetCut[] memory cuts) private {
        Layout storage l = _layout();
        for (uint256 i = 0; i < cuts.length; i++) {
            for (uint256 j = 0; j < cuts[i].selectors.length; j++) {
                bytes4 selector = cuts[i].selectors[j];
                bytes32 old = l.selectorInfo[selector];
                require(address(bytes20(old)) != cuts[i].facet, "same");
                bytes32 position = old & bytes32(uint256(0xffff));
                if (cuts[i].action == 0) {
                    require(old == 0, "exists");
                    uint256 at = l.selectorCount++;
                    position = bytes32(at);
                    l.selectorSlugs[at / 8] |= bytes32(selector) >> ((at % 8) * 32);
                } else {
                    require(cuts[i].action == 1 && old != 0, "missing");
                }
                l.selectorInfo[selector] = bytes20(cuts[i].facet) | position;
            }
        }
    }

    fallback() external payable {
        _run(address(bytes20(_layout().selectorInfo[msg.sig])));
    }
}

/// ZKsync's diamond: its storage is one slot before LibDiamond's.
contract ZkSyncDiamond is Routing {
    struct Target {
        address facet;
        uint16 position;
        bool freezable;
    }

    struct Selectors {
        bytes4[] selectors;
        uint16 position;
    }

    struct Layout {
        mapping(bytes4 => Target) targets;
        mapping(address => Selectors) selectors;
        address[] facets;
        bool frozen;
    }

    function _layout() private pure returns (Layout storage l) {
        bytes32 slot = bytes32(uint256(keccak256("diamond.standard.diamond.storage")) - 1);
        assembly {
            l.slot := slot
        }
    }

    constructor(FacetCut[] memory cuts) {
        Layout storage l = _layout();
        for (uint256 i = 0; i < cuts.length; i++) {
            l.facets.push(cuts[i].facet);
            for (uint256 j = 0; j < cuts[i].selectors.length; j++) {
                bytes4 selector = cuts[i].selectors[j];
                l.targets[selector] = Target(cuts[i].facet, uint16(j), true);
                l.selectors[cuts[i].facet].selectors.push(selector);
            }
        }
    }

    fallback() external payable {
        _run(_layout().targets[msg.sig].facet);
    }
}

/// ERC-1538's transparent contract, its own functions not delegated.
contract Erc1538 is Routing {
    mapping(bytes4 => address) private _delegates;
    mapping(address => string) private _signatures;
    address[] private _all;
    address public owner = msg.sender;

    event FunctionUpdate(bytes4 indexed id, address indexed old, address indexed next, string signature);

    function updateContract(address delegate, string calldata signatures, string calldata) external {
        require(msg.sender == owner, "Must be the contract owner.");
        bytes calldata text = bytes(signatures);
        uint256 start = 0;
        for (uint256 i = 0; i < text.length; i++) {
            if (text[i] != ")") continue;
            bytes4 id = bytes4(keccak256(text[start:i + 1]));
            address old = _delegates[id];
            _delegates[id] = delegate;
            emit FunctionUpdate(id, old, delegate, signatures[start:i + 1]);
            _signatures[old] = "";
            start = i + 1;
        }
        if (bytes(_signatures[delegate]).length == 0) _all.push(delegate);
        _signatures[delegate] = signatures;
    }

    function delegateAddresses() external view returns (address[] memory) {
        return _all;
    }

    function delegateFunctionSignatures(address delegate) external view returns (string memory) {
        return _signatures[delegate];
    }

    fallback() external payable {
        _run(_delegates[msg.sig]);
    }
}

/// ERC-7546's dictionary.
contract Dictionary {
    mapping(bytes4 => address) public getImplementation;
    bytes4[] private _all;
    address public owner = msg.sender;

    event ImplementationUpgraded(bytes4 indexed selector, address indexed implementation);

    function setImplementation(bytes4 selector, address implementation) external {
        require(msg.sender == owner, "not the owner");
        if (getImplementation[selector] == address(0)) _all.push(selector);
        getImplementation[selector] = implementation;
        emit ImplementationUpgraded(selector, implementation);
    }

    function supportsInterfaces() external view returns (bytes4[] memory) {
        return _all;
    }
}

/// ERC-7546's proxy.
contract DictionaryProxy {
    constructor(address dictionary) {
        bytes32 slot = bytes32(uint256(keccak256("erc7546.proxy.dictionary")) - 1);
        assembly {
            sstore(slot, dictionary)
        }
    }

    fallback() external payable {
        bytes32 slot = bytes32(uint256(keccak256("erc7546.proxy.dictionary")) - 1);
        address dictionary;
        assembly {
            dictionary := sload(slot)
        }
        address target = Dictionary(dictionary).getImplementation(msg.sig);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

/// ERC-7936's versioned proxy.
contract VersionedProxy is Routing {
    mapping(bytes32 => address) private _implementations;
    bytes32[] private _versions;
    bytes32 private _default;
    address private _admin = msg.sender;

    modifier onlyAdmin() {
        require(msg.sender == _admin, "not the admin");
        _;
    }

    function registerVersion(bytes32 version, address implementation) external onlyAdmin {
        require(implementation.code.length > 0 && _implementations[version] == address(0), "version");
        _implementations[version] = implementation;
        _versions.push(version);
    }

    function setDefaultVersion(bytes32 version) external onlyAdmin {
        require(_implementations[version] != address(0), "version");
        _default = version;
    }

    function getImplementation(bytes32 version) external view returns (address) {
        return _implementations[version];
    }

    function getDefaultVersion() external view returns (bytes32) {
        return _default;
    }

    function getVersions() external view returns (bytes32[] memory) {
        return _versions;
    }

    function executeAtVersion(bytes32 version, bytes calldata data) external payable returns (bytes memory) {
        (bool ok, bytes memory answer) = _implementations[version].delegatecall(data);
        require(ok);
        return answer;
    }

    fallback() external payable {
        _run(_implementations[_default]);
    }
}

/// A feed behind Chainlink's proxy.
contract Feed {
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, 42, block.timestamp, block.timestamp, 1);
    }

    function latestRound() external pure returns (uint256) {
        return 1;
    }

    function latestAnswer() external pure returns (int256) {
        return 42;
    }
}

/// Reads a feed like everyone, and forwards nothing.
contract FeedReader {
    address public aggregator;

    constructor(address feed) {
        aggregator = feed;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return Feed(aggregator).latestRoundData();
    }
}

/// Its loupe names one function that goes elsewhere, and another twice; one more goes where nothing is said.
contract SaidDiamond is Routing {
    struct Said {
        address facet;
        bytes4[] selectors;
    }

    bytes32 private constant PLACE = keccak256("diamond.standard.diamond.storage");
    address private _said;
    mapping(bytes4 => address) private _real;

    constructor(address said, address hidden) {
        _said = said;
        _real[bytes4(keccak256("value()"))] = said;
        _real[bytes4(keccak256("store(uint256)"))] = hidden;
        _real[bytes4(keccak256("transfer(address,uint256)"))] = hidden;
    }

    function facets() external view returns (Said[] memory all) {
        all = new Said[](2);
        for (uint256 i = 0; i < 2; i++) {
            all[i].facet = _said;
            all[i].selectors = new bytes4[](2);
            all[i].selectors[0] = bytes4(keccak256("value()"));
            all[i].selectors[1] = bytes4(keccak256("store(uint256)"));
        }
    }

    fallback() external payable {
        require(PLACE != 0);
        _run(_real[msg.sig]);
    }
}
