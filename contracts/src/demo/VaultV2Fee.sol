// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";

/// @title A wrong version 2: another fee
/// @notice Rounds the withdrawal fee up instead of down. Its storage is fine, so only a replay shows it. For the demo: `replay` must stop it.
contract VaultV2Fee is Initializable {
    /// @notice The token this vault holds.
    IERC20 public asset;
    /// @notice Who may pause it and collect fees.
    address public owner;
    /// @notice Withdrawal fee in hundredths of a percent.
    uint16 public feeBps;
    /// @notice Whether deposits, withdrawals and transfers are stopped.
    bool public paused;
    /// @notice Shares in existence.
    uint256 public totalShares;
    /// @notice Fees kept from withdrawals, in assets.
    uint256 public feesCollected;
    /// @notice Shares of each account.
    mapping(address account => uint256 shares) public balanceOf;
    /// @notice Shares each account lets another move.
    mapping(address owner => mapping(address spender => uint256 shares)) public allowance;
    /// @dev Room for later versions.
    uint256[44] private __gap;

    error VaultNotOwner(address caller);
    error VaultPaused();
    error VaultInsufficientShares(address account, uint256 held, uint256 needed);
    error VaultInsufficientAllowance(address owner, address spender, uint256 allowed, uint256 needed);
    error VaultTransferFailed();

    event Deposited(address indexed account, uint256 assets, uint256 shares);
    event Withdrawn(address indexed account, uint256 shares, uint256 assets, uint256 fee);
    event Transfer(address indexed from, address indexed to, uint256 shares);
    event Approval(address indexed owner, address indexed spender, uint256 shares);
    event PausedSet(bool paused);

    modifier onlyOwner() {
        if (msg.sender != owner) revert VaultNotOwner(msg.sender);
        _;
    }

    modifier whenNotPaused() {
        if (paused) revert VaultPaused();
        _;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Sets up a new vault behind a proxy.
    /// @param asset_ The token it holds.
    /// @param owner_ Who may pause it and collect fees.
    /// @param feeBps_ Withdrawal fee in hundredths of a percent.
    function initialize(IERC20 asset_, address owner_, uint16 feeBps_) external initializer {
        asset = asset_;
        owner = owner_;
        feeBps = feeBps_;
    }

    /// @notice Takes `assets` from the caller and mints as many shares.
    function deposit(uint256 assets) external whenNotPaused returns (uint256 shares) {
        shares = assets;
        totalShares += shares;
        balanceOf[msg.sender] += shares;
        if (!asset.transferFrom(msg.sender, address(this), assets)) revert VaultTransferFailed();
        emit Deposited(msg.sender, assets, shares);
    }

    /// @notice Burns `shares` of the caller and pays the assets behind them, less the fee.
    function withdraw(uint256 shares) external whenNotPaused returns (uint256 assets) {
        uint256 held = balanceOf[msg.sender];
        if (held < shares) revert VaultInsufficientShares(msg.sender, held, shares);
        balanceOf[msg.sender] = held - shares;
        totalShares -= shares;
        uint256 fee = (shares * feeBps + 9_999) / 10_000;
        feesCollected += fee;
        assets = shares - fee;
        if (!asset.transfer(msg.sender, assets)) revert VaultTransferFailed();
        emit Withdrawn(msg.sender, shares, assets, fee);
    }

    /// @notice Moves shares.
    function transfer(address to, uint256 shares) external whenNotPaused returns (bool) {
        _transfer(msg.sender, to, shares);
        return true;
    }

    /// @notice Moves shares that `from` allowed the caller to move.
    function transferFrom(address from, address to, uint256 shares) external whenNotPaused returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < shares) revert VaultInsufficientAllowance(from, msg.sender, allowed, shares);
        allowance[from][msg.sender] = allowed - shares;
        _transfer(from, to, shares);
        return true;
    }

    /// @notice Allows `spender` to move `shares` of the caller.
    function approve(address spender, uint256 shares) external returns (bool) {
        allowance[msg.sender][spender] = shares;
        emit Approval(msg.sender, spender, shares);
        return true;
    }

    /// @notice Pauses or resumes deposits, withdrawals and transfers.
    function setPaused(bool paused_) external onlyOwner {
        paused = paused_;
        emit PausedSet(paused_);
    }

    function _transfer(address from, address to, uint256 shares) internal {
        uint256 held = balanceOf[from];
        if (held < shares) revert VaultInsufficientShares(from, held, shares);
        unchecked {
            balanceOf[from] = held - shares;
            balanceOf[to] += shares;
        }
        emit Transfer(from, to, shares);
    }
}
