"""The `check` part of scripts/bench: Cutover beside OpenZeppelin's upgrades-core, on the same build.

The build is contracts-upgradeable of .tools and twenty UUPS tokens, ten of which upgrade the other ten, compiled
once by the solc of .tools. Compile time is apart: the first table is about reading and judging that build info.
"""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PAIRS = 10
ROUNDS = 9
LARGE = 200 << 20
LIBRARY = "@openzeppelin/contracts-upgradeable"

TOKEN = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.22;
import {{ERC20Upgradeable}} from "{library}/token/ERC20/ERC20Upgradeable.sol";
import {{ERC20PermitUpgradeable}} from "{library}/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {{OwnableUpgradeable}} from "{library}/access/OwnableUpgradeable.sol";
import {{UUPSUpgradeable}} from "{library}/proxy/utils/UUPSUpgradeable.sol";
{annotation}contract {name} is ERC20Upgradeable, ERC20PermitUpgradeable, OwnableUpgradeable, UUPSUpgradeable {{
    mapping(address => uint256) public minted{i};
    uint256 public cap;
{more}    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {{ _disableInitializers(); }}
    function initialize(address owner, uint256 cap_) external initializer {{
        __ERC20_init("Token", "T");
        __ERC20Permit_init("Token");
        __Ownable_init(owner);
        __UUPSUpgradeable_init();
        cap = cap_;
    }}
    function mint(address to, uint256 amount) external onlyOwner {{
        require(totalSupply() + amount <= cap, "cap");
        minted{i}[to] += amount;
        _mint(to, amount);
    }}
    function _authorizeUpgrade(address) internal override onlyOwner {{}}
}}
"""


def token(i, version):
    blue = f"Token{i}V1"
    later = version == 2
    return TOKEN.format(
        library=LIBRARY, i=i, name=f"Token{i}V{version}",
        annotation=f"/// @custom:oz-upgrades-from src/{blue}.sol:{blue}\n" if later else "",
        more=f"    uint256 public limit{i};\n" if later else "",
    )


def sources(packages):
    """Units by name: the tokens, the whole library, and what it imports."""
    units = {f"src/Token{i}V{v}.sol": token(i, v) for i in range(PAIRS) for v in (1, 2)}
    queue = [str(p.relative_to(packages)) for p in sorted((packages / LIBRARY).rglob("*.sol")) if "mocks" not in p.parts]
    while queue:
        name = queue.pop()
        if name in units:
            continue
        units[name] = (packages / name).read_text()
        for path in re.findall(r"""import\s+(?:[^"';]*?from\s+)?["']([^"']+)["']""", units[name]):
            queue.append(os.path.normpath(os.path.join(os.path.dirname(name), path)) if path.startswith(".") else path)
    return units


def build(root, folder):
    """Compiles once and lays out the project; gives the build info, its path, and what the report says of it."""
    packages, solc = root / ".tools/node_modules", root / ".tools/solc/solc-0.8.28"
    units = sources(packages)
    outputs = ["abi", "metadata", "devdoc", "userdoc", "storageLayout", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers"]
    settings = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun", "outputSelection": {"*": {"*": outputs, "": ["ast"]}}}
    compiler_input = {"language": "Solidity", "sources": {name: {"content": text} for name, text in units.items()}, "settings": settings}
    begin = time.monotonic()
    answer = subprocess.run([solc, "--standard-json"], input=json.dumps(compiler_input).encode(), stdout=subprocess.PIPE, check=True).stdout
    seconds = time.monotonic() - begin
    output = json.loads(answer)
    if wrong := [e["formattedMessage"] for e in output.get("errors", []) if e["severity"] == "error"]:
        raise SystemExit(f"bench: the build failed: {wrong[0]}")
    info = {"_format": "hh-sol-build-info-1", "id": "bench", "solcVersion": "0.8.28", "solcLongVersion": "0.8.28+commit.7893614a",
            "input": compiler_input, "output": output}
    (folder / "build-info").mkdir()
    path = folder / "build-info/bench.json"
    path.write_text(json.dumps(info, separators=(",", ":")))
    project = folder / "project"
    (project / "src").mkdir(parents=True)
    for name, text in units.items():
        if name.startswith("src/"):
            (project / name).write_text(text)
    (project / "node_modules").symlink_to(packages)
    (project / "foundry.toml").write_text('[profile.default]\noptimizer = true\nevm_version = "cancun"\n')
    return info, path, {"units": len(units), "mb": path.stat().st_size / 1e6, "compile_seconds": seconds}


def enlarge(info, path):
    """The same build with its units again under other names, until the file is large."""
    output, size = info["output"], path.stat().st_size
    units = {part: list(holder.items()) for part, holder in
             (("contracts", output["contracts"]), ("sources", output["sources"]), ("texts", info["input"]["sources"]))}
    for copy in range(1, LARGE // size + 2):
        for part, holder in (("contracts", output["contracts"]), ("sources", output["sources"]), ("texts", info["input"]["sources"])):
            holder.update({f"copy{copy}/{name}": value for name, value in units[part]})
    with open(path.parent.parent / "large.json", "w") as file:
        json.dump(info, file, separators=(",", ":"))


def prepare(root, folder):
    """Writes what is measured. A process of its own does it: the peak memory of a process counts what its parent
    held when it started."""
    info, path, facts = build(root, folder)
    (folder / "facts.json").write_text(json.dumps(facts))
    enlarge(info, path)


def peer(root):
    """upgrades-core of scripts/compare-oz, pinned there."""
    tools = root / ".tools/compare"
    program = tools / "node_modules/@openzeppelin/upgrades-core/dist/cli/cli.js"
    if not program.exists():
        print("bench: installing upgrades-core into .tools/compare", file=sys.stderr)
        tools.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / "scripts/tools/compare" / name, tools)
        subprocess.run(["npm", "ci", "--prefix", tools, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], check=True)
    return ["node", str(program)]


def measure(command, env):
    """Seconds, seconds of processor, peak memory in MB."""
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begin
        said.seek(0)
        if (code := os.waitstatus_to_exitcode(status)) != 0:
            raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {code}: {said.read().decode()}")
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def rounds(count, *commands, before=lambda: None):
    """Runs commands in turns, so that other work on the machine falls on all; medians, and the largest memory."""
    found = [[] for _ in commands]
    for _ in range(count):
        for one, (command, env) in zip(found, commands):
            before()
            one.append(measure(command, env))
    return [{"seconds": statistics.median(r[0] for r in one), "processor_seconds": statistics.median(r[1] for r in one),
             "mb": max(r[2] for r in one)} for one in found]


def run(root, program):
    with tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(home)
        subprocess.run([sys.executable, __file__, str(root), home], check=True)
        path, project, cache = folder / "build-info/bench.json", folder / "project", folder / "cache"
        validate = [*peer(root), "validate", str(path.parent)]
        env = {**os.environ, "CUTOVER_CACHE": str(cache), "CUTOVER_SOLC": str(root / ".tools/solc/solc-0.8.28")}
        blue, green = "src/Token0V1.sol:Token0V1", "src/Token0V2.sol:Token0V2"

        def check(a, b, *more):
            return [program, "check", "--blue", a, "--green", b, "--kind", "uups", "--run", str(folder / "run"), "--quiet", *more], env

        def from_file(file, i=0):
            return check(*(f"{file}#src/Token{i}V{v}.sol:Token{i}V{v}" for v in (1, 2)))

        out = {"build": json.loads((folder / "facts.json").read_text())}
        pair, pair_env = from_file(path)
        out["upgrades_core_all"], out["upgrades_core_pair"], out["cutover"], out["cutover_nothing_kept"] = rounds(
            ROUNDS, (validate, env), ([*validate, "--contract", green, "--reference", blue], env), (pair, pair_env),
            ([*pair, "--no-cache"], pair_env))
        every = rounds(3, *(from_file(path, i) for i in range(PAIRS)))
        out["cutover_every_pair"] = {key: (max if key == "mb" else sum)(one[key] for one in every) for key in every[0]}
        large = folder / "large.json"
        out["large"] = {"file_mb": large.stat().st_size / 1e6, **rounds(3, from_file(large))[0]}
        for name, one, other in (("pair", "upgrades_core_pair", "cutover"), ("pair_nothing_kept", "upgrades_core_pair", "cutover_nothing_kept"), ("all_pairs", "upgrades_core_all", "cutover_every_pair")):
            out[f"times_faster_{name}"] = out[one]["seconds"] / out[other]["seconds"]

        source = check(blue, green, "--root", str(project))
        out["source_cold"] = rounds(3, source, before=lambda: shutil.rmtree(cache, ignore_errors=True))[0]
        out["source_again"] = rounds(ROUNDS, source)[0]
        edited = project / "src/Token0V2.sol"

        def edit():
            edited.write_text(edited.read_text() + f"// {time.monotonic_ns()}\n")

        out["source_green_edited"] = rounds(3, source, before=edit)[0]
        return out


def show(out):
    build = out["build"]
    yield f"{build['units']} units, build info of {build['mb']:.0f} MB, {build['compile_seconds']:.1f} s to compile"
    names = {
        "upgrades_core_all": "upgrades-core validate, every contract",
        "upgrades_core_pair": "upgrades-core validate --contract --reference",
        "cutover": "cutover check, the same pair, the build known",
        "cutover_nothing_kept": "cutover check, the same pair, --no-cache",
        "cutover_every_pair": f"cutover check, all {PAIRS} pairs one after the other",
        "large": f"cutover check, the pair in a build info of {out['large']['file_mb']:.0f} MB",
        "source_cold": "cutover check from source, nothing kept",
        "source_green_edited": "cutover check from source, green edited",
        "source_again": "cutover check from source, nothing changed",
    }
    yield f"  {'':58} {'seconds':>10} {'processor':>10} {'peak MB':>8}"
    for key, name in names.items():
        one = out[key]
        yield f"  {name:58} {one['seconds']:10.3f} {one['processor_seconds']:10.3f} {one['mb']:8.0f}"
    yield (f"  {out['times_faster_pair']:.1f} times faster than upgrades-core on the pair, {out['times_faster_pair_nothing_kept']:.1f} times "
           f"with nothing kept, {out['times_faster_all_pairs']:.1f} times on all pairs")


if __name__ == "__main__":
    prepare(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
