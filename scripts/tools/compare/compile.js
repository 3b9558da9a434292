// Compiles one contract and what it imports with the real compiler of its version.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { links } = require('./packages');

const solcs = new Map();

/** Standard JSON in, standard JSON out, by a compiler that stays loaded; answers are kept in `cache`. */
function solc(tools, cache, version, input) {
  const text = JSON.stringify(input);
  const key = crypto.createHash('sha256').update(version + '\n' + text).digest('hex');
  const kept = path.join(cache, key + '.json');
  if (fs.existsSync(kept)) return JSON.parse(fs.readFileSync(kept, 'utf8'));
  if (!solcs.has(version)) solcs.set(version, load(tools, version));
  // The WebAssembly compilers write the ids of builtins as 32-bit unsigned numbers, the native ones as
  // negative numbers, and upgrades-core looks at the sign.
  const answer = solcs.get(version).compile(text)
    .replace(/"referencedDeclaration":(429496\d{4})/g, (_, id) => `"referencedDeclaration":${id - 4294967296}`);
  fs.mkdirSync(cache, { recursive: true });
  fs.writeFileSync(kept, answer);
  return JSON.parse(answer);
}

function load(tools, version) {
  const before = process.listeners('uncaughtException').concat(process.listeners('unhandledRejection'));
  const compiler = require(path.join(tools, 'node_modules', `solc-${version}`));
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    for (const listener of process.listeners(event)) {
      if (!before.includes(listener)) process.removeListener(event, listener);
    }
  }
  if (!compiler.version().startsWith(version)) throw new Error(`solc-${version} is ${compiler.version()}`);
  return compiler;
}

const errorsOf = output => (output.errors || []).filter(error => error.severity === 'error');

const settings = extra => ({
  ...extra,
  outputSelection: { '*': { '': ['ast'], '*': ['abi', 'storageLayout', 'evm.bytecode', 'evm.deployedBytecode'] } },
});

/** `folder/file.sol:Contract@version` of a published package, as a build info of its closure. */
function published(tools, packages, cache, reference) {
  const [, unit, contract, version] = /^(.+):(\w+)@([\d.]+)$/.exec(reference);
  const sources = {};
  const remappings = new Set();
  const queue = [unit];
  for (const name of queue) {
    if (sources[name]) continue;
    const content = fs.readFileSync(path.join(packages, name), 'utf8');
    sources[name] = { content };
    for (const wanted of imports(content)) queue.push(resolve(name, wanted, remappings));
  }
  const input = {
    language: 'Solidity',
    sources,
    settings: settings({ remappings: [...remappings].sort(), optimizer: { enabled: true, runs: 200 } }),
  };
  return build(tools, cache, version, input, `${unit}:${contract}`);
}

function resolve(from, wanted, remappings) {
  if (wanted.startsWith('.')) return path.posix.normalize(path.posix.join(path.posix.dirname(from), wanted));
  const owner = from.split('/')[0];
  const known = { 'src/': `${owner}/src/`, 'contracts/': `${owner}/contracts/`, ...links(owner) };
  const prefix = Object.keys(known).sort((a, b) => b.length - a.length).find(prefix => wanted.startsWith(prefix));
  if (!prefix) throw new Error(`${from} imports ${wanted}, and packages.json has no link for it`);
  remappings.add(`${owner}/:${prefix}=${known[prefix]}`);
  return known[prefix] + wanted.slice(prefix.length);
}

function imports(text) {
  const bare = text.replace(/("[^"\n]*"|'[^'\n]*')|\/\*[^]*?\*\/|\/\/[^\n]*/g, (_, string) => string || '');
  return [...bare.matchAll(/^\s*import\s[^;]*?["']([^"']+)["'][^;]*;/gm)].map(found => found[1]);
}

/** A source text of its own, as a build info. */
function written(tools, cache, unit, content, version) {
  const input = { language: 'Solidity', sources: { [unit]: { content } }, settings: settings({}) };
  return build(tools, cache, version, input, `${unit}:T`);
}

function build(tools, cache, version, input, contract) {
  const run = wanted => solc(tools, cache, version, wanted);
  const output = run(input);
  const errors = errorsOf(output);
  if (errors.length) throw new Error(`${contract}: ${errors[0].formattedMessage || errors[0].message}`);
  return { version, input, output, contract, run };
}

module.exports = { published, written, errorsOf };
