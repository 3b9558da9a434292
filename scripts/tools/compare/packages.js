// The published packages the real pairs come from: fetched by name and version, held to the pinned
// digest, only the Solidity files kept.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const run = promisify(execFile);

const pins = JSON.parse(fs.readFileSync(path.join(__dirname, 'packages.json'), 'utf8'));

/** Puts the named packages under `root`, each in a folder of its short name. */
async function fetchPackages(root, names, log) {
  fs.mkdirSync(root, { recursive: true });
  const missing = names.filter(name => !fs.existsSync(path.join(root, name, '.complete')));
  if (missing.length) log(`fetching ${missing.length} packages`);
  const next = missing.values();
  const worker = async () => {
    for (const name of next) await fetchPackage(root, name);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

async function fetchPackage(root, name) {
  const pin = pins[name];
  if (!pin) throw new Error(`packages.json does not name ${name}`);
  const folder = path.join(root, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  await run('npm', ['pack', pin.package, '--loglevel=error'], { cwd: folder });
  const file = path.join(folder, fs.readdirSync(folder).find(entry => entry.endsWith('.tgz')));
  const digest = 'sha512-' + crypto.createHash('sha512').update(fs.readFileSync(file)).digest('base64');
  if (digest !== pin.integrity) throw new Error(`${pin.package} is not the pinned one: ${digest}`);
  await run('tar', ['-xzf', file, '--strip-components=1', '--wildcards', '*.sol'], { cwd: folder });
  fs.rmSync(file);
  fs.writeFileSync(path.join(folder, '.complete'), '');
}

/** Where an import of a package leads: `{prefix: folder/}`. */
const links = name => pins[name].links || {};

module.exports = { fetchPackages, links };
