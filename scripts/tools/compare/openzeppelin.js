// The verdict of OpenZeppelin's upgrades-core on one pair, by the path its Hardhat plugin takes (the more
// exact of its two: namespaces are compiled a second time).
'use strict';
const path = require('node:path');
const { errorsOf } = require('./compile');

/** A judge that answers `{layout, safety, layoutFindings, safetyFindings, error?}` for a pair. */
function judge(tools) {
  const packaged = name => require(path.join(tools, 'node_modules', '@openzeppelin', 'upgrades-core', name));
  const core = packaged('');
  const { unfoldStorageLayout, getErrors, inferUUPS } = packaged('dist/validate/query.js');
  const { getStorageUpgradeReport } = packaged('dist/storage/index.js');
  const { withValidationDefaults } = packaged('dist/validate/overrides.js');
  core.silenceWarnings();
  const version = packaged('package.json').version;

  async function validated(side) {
    if (side.validated) return side.validated;
    let namespaced;
    if (core.isNamespaceSupported(side.version)) {
      let input = core.makeNamespacedInput(side.input, side.output, side.version);
      try {
        input = await core.trySanitizeNatSpec(input, side.version);
      } catch {
        // Its parser does not know the version: the plugin goes on with what it has.
      }
      const output = side.run(input);
      if (!errorsOf(output).length) namespaced = output;
    }
    const decode = core.solcInputOutputDecoder(side.input, side.output);
    side.validated = core.validate(side.output, decode, side.version, side.input, namespaced);
    return side.validated;
  }

  async function verdict(before, after, kind) {
    try {
      const [old, fresh] = [await validated(before), await validated(after)];
      const upgrades = inferUUPS(old, before.contract) || inferUUPS(fresh, after.contract);
      const told = kind === 'untold' ? (upgrades ? 'uups' : 'transparent') : kind;
      const options = withValidationDefaults({ kind: told });
      const report = getStorageUpgradeReport(
        unfoldStorageLayout(old, before.contract), unfoldStorageLayout(fresh, after.contract), options);
      const compiled = fresh[after.contract].version;
      const errors = compiled ? getErrors(fresh, compiled, options) : undefined;
      return {
        layout: report.ops.length ? 'incompatible' : 'compatible',
        layoutFindings: [...new Set(report.ops.map(op => op.kind))].sort(),
        // An abstract contract has no code, and upgrades-core judges none without.
        safety: errors ? (errors.length ? 'unsafe' : 'safe') : 'n/a',
        safetyFindings: errors ? [...new Set(errors.map(error => error.kind))].sort() : [],
      };
    } catch (error) {
      return { layout: 'error', safety: 'error', layoutFindings: [], safetyFindings: [], error: String(error.message).split('\n')[0] };
    }
  }
  return { version, verdict };
}

module.exports = { judge };
