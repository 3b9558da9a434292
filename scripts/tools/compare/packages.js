// The published packages the real pairs come from.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const packages = require('../packages');

const pins = JSON.parse(fs.readFileSync(path.join(__dirname, 'packages.json'), 'utf8'));

/** Puts the named packages under `root`, each in a folder of its short name: the Solidity files only. */
const fetchPackages = (root, names, log) => packages.fetchPackages(pins, root, names, log);

/** Where an import of a package leads: `{prefix: folder/}`. */
const links = name => pins[name].links || {};

module.exports = { fetchPackages, links };
