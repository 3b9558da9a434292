"""The `inspect` part of scripts/bench: Cutover beside evm-proxy-detection and whatsabi, on the same addresses.

Set-ups: OpenZeppelin's proxies from their packages and every minimal proxy, on an anvil, with contracts that are no
proxies. Mainnet: every proxy of the recorded blocks, at its block, from a node without eth_call.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

TOOLS = ("evm-proxy-detection", "whatsabi")
SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
TARGET = "{A}"
# The runtime code of minimal proxies, from their ERCs and documentation.
CODES = {
    "eip1167": "363d3d373d3d3d363d73{A}5af43d82803e903d91602b57fd5bf3",
    "clone-with-args": "363d3d373d3d3d363d73{A}5af43d82803e903d91602b57fd5bf3" + "11" * 32,
    "clone-0age": "3d3d3d3d363d3d37363d73{A}5af43d3d93803e602a57fd5bf3",
    "clone-push0": "5f5f365f5f37365f73{A}5af43d5f5f3e6029573d5ffd5b3d5ff3",
    "clone-vyper-old": "366000600037611000600036600073{A}5af41558576110006000f3",
    "clone-vyper": "366000600037611000600036600073{A}5af4602c57600080fd5b6110006000f3",
    "clone-cwia": "3d3d3d3d363d3d3761000560373639366100" + "05013d73{A}5af43d3d93803e603557fd5bf30102030005",
    "erc3448": "363d3d373d3d3d3d60368038038091363936013d73{A}5af43d3d93803e603457fd5bf3" + f"{0:064x}",
    "eip7702": "ef0100{A}",
    "sequence-wallet": "363d3d373d3d3d363d30545af43d82803e903d91601857fd5bf3",
    "erc7760-uups": f"363d3d373d3d363d7f{SLOT[2:]}545af43d6000803e6038573d6000fd5b3d6000f3",
}


def install(root):
    """The peers, pinned, in .tools/peers."""
    tools, ours = root / ".tools/peers", root / "scripts/tools/bench/peers"
    lock = (ours / "package-lock.json").read_text()
    stamp = tools / "package-lock.json"
    if not (tools / "node_modules").exists() or stamp.read_text() != lock:
        print("bench: installing evm-proxy-detection and whatsabi into .tools/peers", file=sys.stderr)
        tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(ours / "package.json", tools)
        shutil.copy(ours / "package-lock.json", tools)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=tools, stdout=sys.stderr, check=True)
    return tools


def call(url, method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        reply = json.load(answer)
    if "error" in reply:
        raise RuntimeError(f"{method}: {reply['error']}")
    return reply["result"]


def word(address):
    return address[2:].lower().rjust(64, "0")


class Chain:
    """Proxies on an anvil: `expected` says what each runs, None for what is no proxy."""

    def __init__(self, root, url):
        self.root, self.url, self.expected, self.names = root, url, {}, {}
        self.account = call(url, "eth_accounts")[0]

    def deploy(self, package, name, arguments=""):
        path = self.root / f".tools/node_modules/{package}/build/contracts/{name}.json"
        if not path.exists():
            path = self.root / f".tools/{package}/build/contracts/{name}.json"
        code = json.loads(path.read_text())["bytecode"]
        sent = call(self.url, "eth_sendTransaction", {"from": self.account, "data": code + arguments, "gas": hex(10_000_000)})
        while (receipt := call(self.url, "eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.005)
        if receipt["status"] != "0x1":
            raise SystemExit(f"bench: {package} {name} was not deployed")
        return receipt["contractAddress"]

    def expect(self, name, address, implementation):
        self.expected[address.lower()] = implementation and implementation.lower()
        self.names[address.lower()] = name

    def build(self):
        empty = word("0x60") + word("0x0")
        # What proxies run here is any contract: an ERC20 of 5.x asks for two texts, a ProxyAdmin for nothing.
        runs = self.deploy("oz-4.9", "ProxyAdmin")
        self.expect("no proxy: a ProxyAdmin", runs, None)
        self.expect("no proxy: an account", self.account, None)
        for package, admin in (("oz-3.4", self.deploy("oz-3.4", "ProxyAdmin")), ("oz-4.9", runs)):
            self.expect(f"transparent, {package}", self.deploy(package, "TransparentUpgradeableProxy", word(runs) + word(admin) + empty), runs)
            beacon = self.deploy(package, "UpgradeableBeacon", word(runs))
            self.expect(f"no proxy: a beacon, {package}", beacon, None)
            self.expect(f"beacon-proxy, {package}", self.deploy(package, "BeaconProxy", word(beacon) + word("0x40") + word("0x0")), runs)
        latest = "@openzeppelin/contracts"
        self.expect("transparent-v5", self.deploy(latest, "TransparentUpgradeableProxy", word(runs) + word(self.account) + empty), runs)
        beacon = self.deploy(latest, "UpgradeableBeacon", word(runs) + word(self.account))
        self.expect("no proxy: a beacon, 5.x", beacon, None)
        self.expect("beacon-proxy, 5.x", self.deploy(latest, "BeaconProxy", word(beacon) + word("0x40") + word("0x0")), runs)
        self.expect("ERC1967Proxy", self.deploy(latest, "ERC1967Proxy", word(runs) + word("0x40") + word("0x0")), runs)
        self.expect("zos-admin", self.deploy("zos-lib", "AdminUpgradeabilityProxy", word(runs)), runs)
        for number, (name, code) in enumerate(CODES.items()):
            address = f"0x{0xc10e5 + number:08x}{'5a' * 16}"
            call(self.url, "anvil_setCode", address, "0x" + code.replace(TARGET, runs[2:].lower()))
            slot = {"sequence-wallet": "0x" + word(address), "erc7760-uups": SLOT}.get(name)
            if slot:
                call(self.url, "anvil_setStorageAt", address, slot, "0x" + word(runs))
            self.expect(name, address, runs)
        call(self.url, "anvil_mine")
        return int(call(self.url, "eth_blockNumber"), 16)


def cutover(program, url, rows):
    """One run a block; gives answers, calls, round trips and milliseconds."""
    answers, calls, trips, seconds = {}, 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for block in sorted({block for block, _ in rows}):
            path = pathlib.Path(folder, "list")
            path.write_text("".join(f"{address}\n" for at, address in rows if at == block))
            command = [program, "inspect", "--file", path, "--block", str(block), "--json", "--rpc-url", url]
            begin = time.monotonic()
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=folder)
            seconds += time.monotonic() - begin
            if ran.returncode not in (0, 14):
                raise SystemExit(f"bench: inspect ended with {ran.returncode}: {ran.stderr}")
            for line in map(json.loads, ran.stdout.splitlines()):
                if line["line"] == "address":
                    runs = line.get("implementation", {}).get("address")
                    answers[block, line["address"].lower()] = (runs, line["answer"])
            asked = re.search(r"(\d+) calls in (\d+) round trips", ran.stderr)
            calls, trips = calls + int(asked[1]), trips + int(asked[2])
    return answers, calls, trips, seconds * 1000


def peer(folder, root, url, tool, rows):
    command = ["node", root / "scripts/tools/bench/peers/peers.mjs", folder, url, tool]
    listed = json.dumps([[hex(block), address] for block, address in rows])
    ran = subprocess.run(command, input=listed, stdout=subprocess.PIPE, check=True, text=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    answers = {(int(line["block"], 16), line["address"]): (line["implementation"], None) for line in lines}
    return answers, sum(line["calls"] for line in lines), sum(line["ms"] for line in lines)


def judge(rows, expected, answers):
    """How many are right, wrong and not found; naming another implementation or calling no proxy one is wrong."""
    row = {"found": 0, "right_no": 0, "wrong": 0, "missed": 0, "could_not_tell": 0, "which": []}
    for key in rows:
        said, how = answers[key]
        said = said and said.lower()
        if how == "could-not-tell":
            verdict = "could_not_tell"
        elif said == expected[key]:
            verdict = "found" if said else "right_no"
        else:
            verdict = "wrong" if said else "missed"
        row[verdict] += 1
        if verdict in ("wrong", "missed"):
            row["which"].append([verdict, *key])
    return row


def compare(program, folder, root, url, expected):
    rows = sorted(expected)
    answers, calls, trips, ms = cutover(program, url, rows)
    count = len(rows)
    out = {"cutover": {**judge(rows, expected, answers), "calls_per_address": calls / count, "round_trips": trips, "ms_per_address": ms / count}}
    for tool in TOOLS:
        answers, calls, ms = peer(folder, root, url, tool, rows)
        out[tool] = {**judge(rows, expected, answers), "calls_per_address": calls / count, "ms_per_address": ms / count}
    return {"addresses": count, **out}


def run(root, program, anvil, process, mainnet, data):
    """`process` and `mainnet` start a program and the node of the recorded blocks."""
    folder, out = install(root), {}
    with tempfile.TemporaryDirectory() as home:
        said = pathlib.Path(home, "out")
        command = ["sh", "-c", f"exec '{anvil}' --port 0 > '{said}'"]

        def ready():
            found = re.search(r"Listening on (127\.0\.0\.1:\d+)", said.read_text() if said.exists() else "")
            return found and f"http://{found[1]}"

        with process(command, ready) as url:
            chain = Chain(root, url)
            block = chain.build()
            out["set_ups"] = compare(program, folder, root, url, {(block, a): runs for a, runs in chain.expected.items()})
            for tool in ("cutover", *TOOLS):
                for which in out["set_ups"][tool]["which"]:
                    which.append(chain.names[which[2]])
    if data:
        index = json.loads((data / "INDEX.json").read_text())
        expected = {(b["number"], p["address"].lower()): p["implementation"].lower() for b in index["blocks"] for p in b["proxies"]}
        with mainnet(data) as url:
            out["mainnet"] = compare(program, folder, root, url, expected)
    return out


def show(out):
    for name, part in out.items():
        yield f"  {name}, {part['addresses']} addresses"
        yield f"    {'':20} {'found':>6} {'no, rightly':>12} {'wrong':>6} {'missed':>7} {'not told':>9} {'calls each':>11} {'ms each':>8}"
        for tool in ("cutover", *TOOLS):
            one = part[tool]
            yield (f"    {tool:20} {one['found']:6} {one['right_no']:12} {one['wrong']:6} {one['missed']:7} {one['could_not_tell']:9}"
                   f" {one['calls_per_address']:11.2f} {one['ms_per_address']:8.2f}")
        yield f"    cutover: {part['cutover']['round_trips']} round trips"
