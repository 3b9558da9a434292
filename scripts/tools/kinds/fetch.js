// Puts the packages whose proxies the tests deploy under the folder given: `node fetch.js FOLDER`.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { fetchPackages } = require('../packages');

const pins = JSON.parse(fs.readFileSync(path.join(__dirname, 'packages.json'), 'utf8'));
const log = text => console.error(`setup: ${text}`);
fetchPackages(pins, process.argv[2], Object.keys(pins), log).catch(error => {
  console.error(`setup: ${error.message}`);
  process.exit(1);
});
