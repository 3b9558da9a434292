// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Owner} from "./Owner.sol";

contract Forwarder {
    function _forward(address target) internal {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch done
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}

/// EIP-1822's example, as the standard prints it: it is in no package.
contract Proxiable1822 is Owner {
    function proxiableUUID() public pure returns (bytes32) {
        return 0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7;
    }

    function updateCode(address next) external {
        _checkOwner();
        require(Proxiable1822(next).proxiableUUID() == proxiableUUID(), "not compatible");
        assembly {
            sstore(0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7, next)
        }
    }
}

contract Proxy1822 is Forwarder {
    constructor(address first) {
        assembly {
            sstore(0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7, first)
        }
    }

    fallback() external payable {
        address target;
        assembly {
            target := sload(0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7)
        }
        _forward(target);
    }
}

/// Nomad's three contracts by what is documented of them: they are in no package.
contract NomadController {
    address public owner = msg.sender;

    function upgrade(address beacon, address implementation) external {
        require(msg.sender == owner, "not the owner");
        (bool done,) = beacon.call(abi.encode(implementation));
        require(done);
    }
}

contract NomadBeacon {
    address private implementation;
    address private immutable CONTROLLER;

    constructor(address first, address controller) {
        implementation = first;
        CONTROLLER = controller;
    }

    fallback() external {
        if (msg.sender == CONTROLLER) {
            implementation = abi.decode(msg.data, (address));
        } else {
            address found = implementation;
            assembly {
                mstore(0, found)
                return(0, 0x20)
            }
        }
    }
}

contract NomadProxy is Forwarder {
    address private immutable BEACON;

    constructor(address beacon) {
        BEACON = beacon;
    }

    fallback() external payable {
        (, bytes memory found) = BEACON.staticcall("");
        _forward(abi.decode(found, (address)));
    }
}

/// NFTX's beacon by its documented functions: the original is in no package.
contract ChildBeacon {
    address public childImplementation;
    address public owner = msg.sender;

    constructor(address first) {
        childImplementation = first;
    }

    function upgradeChildTo(address next) external {
        require(msg.sender == owner, "not the owner");
        childImplementation = next;
    }
}

contract ChildProxy is Forwarder {
    constructor(address beacon) {
        assembly {
            sstore(0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50, beacon)
        }
    }

    fallback() external payable {
        address beacon;
        assembly {
            beacon := sload(0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50)
        }
        _forward(ChildBeacon(beacon).childImplementation());
    }
}

/// The target shares slot 6 with a flag, as in Orbit's rollups.
contract PackedProxy is Forwarder {
    uint256[6] private before;
    bool private flag = true;
    address private target;
    uint64 private nonce = 7;

    constructor(address first) {
        target = first;
    }

    fallback() external payable {
        _forward(target);
    }
}

/// Every unknown call goes to a library in the code.
contract ConstantProxy is Forwarder {
    address private immutable TARGET;

    constructor(address target) {
        TARGET = target;
    }

    fallback() external payable {
        _forward(TARGET);
    }
}

/// The constant is only what it falls back on, so it is not certain.
contract DefaultProxy is Forwarder {
    address private chosen;
    address private immutable TARGET;

    constructor(address target) {
        TARGET = target;
    }

    fallback() external payable {
        _forward(chosen == address(0) ? TARGET : chosen);
    }
}

// What is no proxy.

contract Token is ERC20("Token", "TKN") {}

contract Resolver {
    mapping(bytes32 => address) public getAddress;
}

/// Runs what its owner says, like DSProxy.
contract Runner {
    address public owner = msg.sender;

    function execute(address target, bytes calldata data) external payable {
        require(msg.sender == owner);
        (bool done,) = target.delegatecall(data);
        require(done);
    }

    receive() external payable {}
}

/// Runs parts of its calldata in a library, like Balancer's relayer.
contract Relayer {
    address private immutable LIBRARY;

    constructor(address code) {
        LIBRARY = code;
    }

    function multicall(bytes[] calldata calls) external payable {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done,) = LIBRARY.delegatecall(calls[i]);
            require(done);
        }
    }
}

/// Runs parts of its calldata in itself.
contract Multicall {
    function multicall(bytes[] calldata calls) external payable {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done,) = address(this).delegatecall(calls[i]);
            require(done);
        }
    }
}

/// Makes proxies, like Safe's factory: their code is part of its own.
contract ProxyFactory {
    function make(address target) external returns (address) {
        return address(new ConstantProxy(target));
    }
}

/// Always runs the same function of a library, whatever it is asked.
contract Fixed {
    address private immutable LIBRARY;

    constructor(address code) {
        LIBRARY = code;
    }

    fallback() external payable {
        (bool done,) = LIBRARY.delegatecall(abi.encodeWithSignature("store(uint256)", msg.data.length));
        require(done);
    }
}
