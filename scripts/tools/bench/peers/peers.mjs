// What other tools say of the same addresses: reads [[block, address], …] from stdin, writes one JSON line for
// each: { address, block, implementations, calls, ms }. No implementation: it found none, or failed; several: it
// is routed by selector.
//   node peers.mjs FOLDER URL evm-proxy-detection|whatsabi
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [folder, url, tool] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const list = JSON.parse(readFileSync(0, "utf8"));
let calls = 0;

const ask = (block) => async ({ method, params }) => {
  calls += 1;
  const at = params.map((param) => (param === "latest" ? block : param));
  const body = JSON.stringify({ jsonrpc: "2.0", id: calls, method, params: at });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = await answer.json();
  if (error) throw new Error(error.message);
  return result;
};

const ours = {
  "evm-proxy-detection": async (address, request) => {
    const found = await require("evm-proxy-detection").default(address, request);
    return found && found.target;
  },
  whatsabi: async (address, request) => {
    const { whatsabi } = require("@shazow/whatsabi");
    const provider = whatsabi.providers.CompatibleProvider({ request });
    const options = { provider, abiLoader: false, signatureLookup: false, followProxies: false };
    const seen = await whatsabi.autoload(address, options);
    for (const resolver of seen.proxies) {
      try {
        if (resolver.facets) return Object.keys(await resolver.facets(provider, address));
        const target = await resolver.resolve(provider, address, "0x00000000");
        if (target && BigInt(target) !== 0n) return target;
      } catch {
        // The next one may know.
      }
    }
    return null;
  },
}[tool];

for (const [block, address] of list) {
  const before = calls;
  const begin = performance.now();
  let found = null;
  try {
    found = await ours(address, ask(block));
  } catch {
    // Counted as not found.
  }
  const ms = performance.now() - begin;
  const implementations = [found ?? []].flat().filter(Boolean);
  console.log(JSON.stringify({ address, block, implementations, calls: calls - before, ms }));
}
