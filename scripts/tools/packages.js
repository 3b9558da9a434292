// Published packages, fetched by name and version, held to the pinned digest; only the files asked for
// are kept.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const run = promisify(execFile);

/** Puts the packages `names` of `pins` under `folder`, each in a folder of its short name. */
async function fetchPackages(pins, folder, names, log) {
  const root = path.resolve(folder); // tar and npm run elsewhere
  fs.mkdirSync(root, { recursive: true });
  const complete = name => path.join(root, name, '.complete');
  const isThere = name => fs.existsSync(complete(name)) && fs.readFileSync(complete(name), 'utf8') === stamp(pins, name);
  const missing = names.filter(name => !isThere(name));
  if (missing.length) log(`fetching ${missing.length} packages`);
  const next = missing.values();
  const worker = async () => {
    for (const name of next) await fetchPackage(pins, root, name);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

function stamp(pins, name) {
  if (!pins[name]) throw new Error(`packages.json does not name ${name}`);
  return JSON.stringify(pins[name]);
}

async function fetchPackage(pins, root, name) {
  const pin = pins[name];
  const mark = stamp(pins, name);
  const folder = path.join(root, name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder);
  await run('npm', ['pack', pin.package, '--ignore-scripts', '--loglevel=error'], { cwd: folder });
  const file = path.join(folder, fs.readdirSync(folder).find(entry => entry.endsWith('.tgz')));
  const digest = 'sha512-' + crypto.createHash('sha512').update(fs.readFileSync(file)).digest('base64');
  if (digest !== pin.integrity) throw new Error(`${pin.package} is not the pinned one: ${digest}`);
  const files = pin.files || ['*.sol'];
  await run('tar', ['-xzf', file, '--strip-components=1', '--wildcards', ...files], { cwd: folder });
  fs.rmSync(file);
  fs.writeFileSync(path.join(folder, '.complete'), mark);
}

module.exports = { fetchPackages };
