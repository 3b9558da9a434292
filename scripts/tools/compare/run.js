// Both checkers on every pair; prints every disagreement with our reason for it.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { fetchPackages } = require('./packages');
const { published, written } = require('./compile');
const { judge } = require('./openzeppelin');

const [tools, cutover, ...args] = process.argv.slice(2);
const option = name => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const root = path.join(__dirname, '..', '..', '..');
const read = name => JSON.parse(fs.readFileSync(path.join(__dirname, name), 'utf8'));
const log = text => process.stderr.write(`compare-oz: ${text}\n`);

/** Kinds by the first word of a pair's id; the others are transparent. */
const kinds = new Map([['uups', 'uups'], ['untold', 'untold']]);

/** Our own pairs: `# id layout safety rules…`, then both sources. */
function writtenPairs() {
  const text = fs.readFileSync(path.join(root, 'crates/check/tests/verdicts.txt'), 'utf8');
  const [, base] = /\n@uups:\n([^]*?)\n\n# /.exec(text);
  const expand = source => source.replaceAll('@uups', () => base);
  return text.split('\n# ').slice(1).map(block => {
    const [, head, old, fresh] = /^(.*)\n(?:[^]*?\n)?old:([^]*)\nnew:([^]*)$/.exec(block);
    const [id, layout, safety] = head.split(/\s+/);
    return { id, layout, safety, kind: kinds.get(id.split('_')[0]) ?? 'transparent', written: { old: expand(old), new: expand(fresh) } };
  });
}

/** Builds of both sides; a side that several pairs share is built once. */
function builder(packages, cache) {
  const built = new Map();
  const once = (key, make) => {
    if (!built.has(key)) built.set(key, make());
    return built.get(key);
  };
  return pair => ['old', 'new'].map(which => {
    if (!pair.written) return once(pair[which], () => published(tools, packages, cache, pair[which]));
    const text = `// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\n${pair.written[which]}\n`;
    return written(tools, cache, `${which}/${pair.id}.sol`, text, '0.8.28');
  });
}

/** What `cutover check` says, through its command line. */
async function ours(folder, [blue, green], kind) {
  const references = [blue, green].map(side => {
    if (!side.file) {
      side.file = path.join(folder, `${fs.readdirSync(folder).length}.json`);
      fs.writeFileSync(side.file, JSON.stringify({ solcVersion: side.version, input: side.input, output: side.output }));
    }
    return `${side.file}#${side.contract}`;
  });
  const command = ['check', '--blue', references[0], '--green', references[1], ...(kind === 'untold' ? [] : ['--kind', kind]), '--json', '--quiet', '--run', path.join(folder, 'run')];
  const { stdout, stderr } = await promisify(execFile)(cutover, command, { cwd: folder, maxBuffer: 1 << 28 }).catch(error => error);
  if (!stdout) return { layout: 'error', safety: 'error', layoutFindings: [], safetyFindings: [], error: stderr.trim().split('\n')[0] };
  const report = JSON.parse(stdout);
  const rules = category => [...new Set(report.findings
    .filter(finding => finding.category === category && finding.severity === 'error')
    .map(finding => finding.rule))].sort();
  return {
    layout: report.layout_verdict,
    safety: report.safety_verdict,
    layoutFindings: rules('layout'),
    safetyFindings: rules('safety'),
    why: (report.not_checked || []).join('; '),
  };
}

const sides = ['layout', 'safety'];

function disagreements(row, reasons) {
  return sides.filter(side => row.theirs[side] !== 'n/a' && row.ours[side] !== row.theirs[side])
    .map(side => ({ id: row.id, side, truth: row[side], ours: row.ours[side], theirs: row.theirs[side],
      oursFound: row.ours[`${side}Findings`], theirsFound: row.theirs[`${side}Findings`],
      error: row.ours.error || row.theirs.error, why: row.ours.why, reason: (reasons[row.id] || {})[side] }));
}

function print(rows, found, version) {
  const count = filter => rows.filter(filter).length;
  const say = text => process.stdout.write(text + '\n');
  say(`${rows.length} pairs, ${count(row => !row.written)} of them published; upgrades-core ${version}\n`);
  for (const side of sides) {
    const judged = rows.filter(row => row.theirs[side] !== 'n/a');
    const known = judged.filter(row => row[side]);
    const right = who => known.filter(row => row[who][side] === row[side]).length;
    const bad = side === 'layout' ? 'incompatible' : 'unsafe';
    const good = side === 'layout' ? 'compatible' : 'safe';
    const missed = who => known.filter(row => row[side] === bad && row[who][side] === good).length;
    const alarms = who => known.filter(row => row[side] === good && row[who][side] === bad).length;
    say(`${side}: ${judged.length} judged by both, ${judged.length - found.filter(d => d.side === side).length} alike`);
    for (const who of ['ours', 'theirs']) {
      say(`  ${who === 'ours' ? 'cutover      ' : 'upgrades-core'} right ${right(who)} of ${known.length}, false "${good}" ${missed(who)}, false alarms ${alarms(who)}`);
    }
  }
  for (const d of found) {
    say(`\n${d.id} · ${d.side}: cutover ${d.ours} (${d.oursFound.join(', ')}), upgrades-core ${d.theirs} (${d.theirsFound.join(', ')})`);
    if (d.error) say(`  error: ${d.error}`);
    if (d.ours === 'inconclusive') say(`  not told: ${d.why}`);
    say(`  ${d.reason || 'NO REASON GIVEN'}`);
  }
}

async function main() {
  const only = option('--only') || '';
  const reasons = read('reasons.json');
  const pairs = [...read('pairs.json').map(pair => ({ kind: 'transparent', ...pair })), ...writtenPairs()]
    .filter(pair => pair.id.includes(only));
  const packages = path.join(tools, 'packages');
  await fetchPackages(packages, Object.keys(read('packages.json')), log);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compare-oz-'));
  fs.mkdirSync(path.join(folder, 'run'));
  const build = builder(packages, path.join(tools, 'cache'));
  const { version, verdict } = judge(tools);
  const rows = [];
  const failed = [];
  try {
    for (const pair of pairs) {
      let built;
      try {
        built = build(pair);
      } catch (error) {
        failed.push(`${pair.id}: ${error.message.trim().split('\n')[0]}`);
        continue;
      }
      rows.push({ ...pair, ours: await ours(folder, built, pair.kind), theirs: await verdict(...built, pair.kind) });
      if (process.stderr.isTTY) process.stderr.write(`\r${rows.length} of ${pairs.length}`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const found = rows.flatMap(row => disagreements(row, reasons));
  print(rows, found, version);
  if (option('--json')) fs.writeFileSync(option('--json'), JSON.stringify(rows.map(({ written, ...row }) => row), null, 1) + '\n');

  const wrong = rows.filter(row => row.layout && row.ours.layout !== row.layout);
  const silent = found.filter(d => !d.reason);
  const stale = only ? [] : Object.entries(reasons).flatMap(([id, given]) => Object.keys(given)
    .filter(side => !found.some(d => d.id === id && d.side === side)).map(side => `${id} · ${side}`));
  const problems = [
    ...failed,
    ...wrong.map(row => `${row.id}: cutover says ${row.ours.layout}, right is ${row.layout}`),
    ...silent.map(d => `${d.id} · ${d.side}: no reason in reasons.json`),
    ...stale.map(id => `${id}: a reason for a disagreement that is none`),
  ];
  if (problems.length) {
    process.stdout.write(`\n${problems.join('\n')}\n`);
    process.exitCode = 1;
  }
}

main().catch(error => {
  log(error.message);
  process.exitCode = 2;
});
