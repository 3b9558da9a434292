#!/usr/bin/env node
// Gives an npm `solc` package the two commands of a native solc that build tools use:
// --version, and --standard-json with the input on stdin or in a file. The package can drive the compiler
// of another version: `node solc.js PACKAGE --soljson soljson.js …`.
'use strict';
const fs = require('node:fs');

const [directory, ...args] = process.argv.slice(2);
const soljson = args[0] === '--soljson' ? require('node:path').resolve(args.splice(0, 2)[1]) : undefined;

// soljson.js installs handlers that turn any later error into a silent abort.
const handled = ['uncaughtException', 'unhandledRejection'];
const before = handled.map(event => new Set(process.listeners(event)));
const solc = soljson ? require(`${directory}/wrapper`)(require(soljson)) : require(directory);
handled.forEach((event, i) => {
  for (const listener of process.listeners(event)) {
    if (!before[i].has(listener)) process.removeListener(event, listener);
  }
});

function write(text) {
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // a full pipe: try again
    }
  }
}

if (args.includes('--version')) {
  write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes('--standard-json')) {
  const next = args[args.indexOf('--standard-json') + 1];
  const source = next && !next.startsWith('-') ? next : 0;
  const output = solc.compile(fs.readFileSync(source, 'utf8'), {
    import: path => {
      try {
        return { contents: fs.readFileSync(path, 'utf8') };
      } catch {
        return { error: `File not found: ${path}` };
      }
    },
  });
  // The wasm compilers print the ids of builtins as unsigned 32-bit numbers, native ones as negative.
  write(output.replace(/"referencedDeclaration":(429496\d{4})/g,
    (_, id) => `"referencedDeclaration":${Number(id) - 2 ** 32}`));
} else {
  process.stderr.write('solc: only --version and --standard-json are provided by this npm build\n');
  process.exit(1);
}
