// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

import {Asset} from "../src/demo/Asset.sol";
import {Router} from "../src/demo/Router.sol";
import {Vault} from "../src/demo/Vault.sol";
import {VaultUups, VaultUupsV2} from "../src/demo/VaultUups.sol";
import {VaultV2} from "../src/demo/VaultV2.sol";

/// @dev The two cheat codes used here.
interface Vm {
    function prank(address sender) external;
    function expectRevert(bytes calldata reason) external;
}

contract VaultTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    Asset private asset;
    Vault private vault;
    address private constant USER = address(0xCAFE);

    function setUp() public {
        asset = new Asset();
        vault = Vault(address(new ERC1967Proxy(address(new VaultUups()), "")));
        vault.initialize(asset, address(this), 30);
        asset.mint(USER, 1_000_000);
        vm.prank(USER);
        asset.approve(address(vault), type(uint256).max);
    }

    function testFuzz_Withdraw_PaysAssetsLessTheFee(uint96 amount) public {
        asset.mint(USER, amount);
        vm.prank(USER);
        vault.deposit(amount);
        uint256 before = asset.balanceOf(USER);
        vm.prank(USER);
        vault.withdraw(amount);
        uint256 fee = uint256(amount) * 30 / 10_000;
        assert(asset.balanceOf(USER) == before + amount - fee);
        assert(vault.feesCollected() == fee);
    }

    function test_RevertIf_SharesAreMissing() public {
        vm.expectRevert(abi.encodeWithSelector(Vault.VaultInsufficientShares.selector, USER, 0, 1));
        vm.prank(USER);
        vault.transfer(address(1), 1);
    }

    function test_RevertIf_UpgraderIsNotOwner() public {
        address next = address(new VaultUupsV2());
        vm.expectRevert(abi.encodeWithSelector(Vault.VaultNotOwner.selector, USER));
        vm.prank(USER);
        VaultUups(address(vault)).upgradeToAndCall(next, "");
    }

    function test_Upgrade_KeepsSharesAndAddsALimit() public {
        vm.prank(USER);
        vault.deposit(500);
        VaultUups(address(vault)).upgradeToAndCall(address(new VaultUupsV2()), "");
        VaultV2 upgraded = VaultV2(address(vault));
        assert(upgraded.balanceOf(USER) == 500 && upgraded.withdrawLimit() == 0);
        upgraded.setWithdrawLimit(10);
        vm.expectRevert(abi.encodeWithSelector(VaultV2.VaultAboveLimit.selector, 11, 10));
        vm.prank(USER);
        upgraded.withdraw(11);
    }

    function test_Router_HandsSharesOver() public {
        Router router = new Router();
        vm.prank(USER);
        asset.approve(address(router), 100);
        vm.prank(USER);
        router.depositFor(vault, address(7), 100);
        assert(vault.balanceOf(address(7)) == 100);
    }
}
