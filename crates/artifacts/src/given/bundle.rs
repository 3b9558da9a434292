//! Sources and settings that a file carries: enough to compile one of its contracts.

use super::MAX_SOURCES;
use crate::{
    ArtifactError, Code, LoadOptions, Shelf,
    compile::{self, not_found},
    project::bounded,
    scan, solc,
};
use cutover_types::text::terminal;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Settings that decide about code and layout; the others are not passed on.
const SETTINGS: [&str; 8] = [
    "remappings",
    "optimizer",
    "evmVersion",
    "viaIR",
    "metadata",
    "libraries",
    "debug",
    "experimental",
];

/// Sources with the settings they were compiled with.
#[derive(Clone, Debug, Default)]
pub(super) struct Bundle {
    pub(super) texts: BTreeMap<String, String>,
    /// As a standard-JSON input or solc's metadata has them.
    pub(super) settings: Value,
    /// `0.8.28`, `v0.8.28+commit.7893614a`; the pragmas decide when absent.
    pub(super) version: Option<String>,
}

impl Bundle {
    /// The one contract a name can mean: `Source.sol:Contract`, `Contract`, or the only one.
    pub(super) fn choose(
        &self,
        wanted: Option<&str>,
        place: &str,
    ) -> Result<(String, String), ArtifactError> {
        let target = self.settings["compilationTarget"].as_object();
        if let (None, Some((unit, name))) = (wanted, target.and_then(|map| map.iter().next()))
            && let Some(name) = name.as_str()
        {
            return Ok((unit.clone(), name.to_owned()));
        }
        let mut all = Vec::new();
        for (unit, text) in &self.texts {
            for (name, contract) in scan::scan(text).contracts {
                if contract || wanted.is_some() {
                    all.push((unit.as_str(), name));
                }
            }
        }
        let all = all.iter().map(|(unit, name)| (*unit, name.as_str()));
        pick(all, wanted, place)
    }

    /// Compiles one contract and what it imports.
    pub(super) fn compile(
        &self,
        unit: &str,
        contract: &str,
        options: &LoadOptions,
        shelf: &Shelf,
    ) -> Result<Code, ArtifactError> {
        let texts = self.closure(unit);
        let scans = texts.values().map(|text| scan::scan(text));
        let pragmas: BTreeSet<_> = scans.flat_map(|scan| scan.pragmas).collect();
        let pinned = self.version.as_deref().map(short);
        let solc = solc::find(
            options.solc.as_deref(),
            pinned.as_deref(),
            &options.root,
            &pragmas,
            &shelf.cache,
        )?;
        let mut settings = kept(&self.settings);
        settings["outputSelection"] = compile::selection(unit, contract, options.need);
        let sources: Map<_, _> = texts
            .iter()
            .map(|(name, text)| (name.clone(), json!({ "content": text })))
            .collect();
        let input = json!({ "language": "Solidity", "sources": sources, "settings": settings });
        compile::compiled(shelf, &solc, &input, texts, (unit, contract), options.need)
    }

    /// The unit and what it imports; everything when an import leads nowhere.
    fn closure(&self, unit: &str) -> BTreeMap<String, String> {
        let remappings: Vec<_> = self.settings["remappings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| Remapping::parse(line.as_str()?))
            .collect();
        let mut found = BTreeMap::new();
        let mut queue = vec![unit.to_owned()];
        while let Some(name) = queue.pop() {
            if found.contains_key(&name) {
                continue;
            }
            let Some(text) = self.texts.get(&name) else {
                return self.texts.clone();
            };
            for import in scan::scan(text).imports {
                queue.push(resolve(&name, &import, &remappings));
            }
            found.insert(name, text.clone());
        }
        found
    }
}

/// The one of `all` that `wanted` means: `Source.sol:Contract`, the end of it, or `Contract`.
pub(crate) fn pick<'a>(
    all: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    wanted: Option<&str>,
    place: &str,
) -> Result<(String, String), ArtifactError> {
    let (wanted_unit, wanted_name) = match wanted.map(|text| text.rsplit_once(':')) {
        None => (None, None),
        Some(Some((unit, name))) => (Some(unit), Some(name)),
        Some(None) => (None, wanted),
    };
    let ends = |unit: &str| {
        wanted_unit.is_none_or(|wanted| {
            unit.strip_suffix(wanted)
                .is_some_and(|head| head.is_empty() || head.ends_with('/'))
        })
    };
    let named = |name: &str| wanted_name.is_none_or(|wanted| wanted == name);
    let mut fitting: Vec<_> = all
        .clone()
        .filter(|(unit, name)| ends(unit) && named(name))
        .collect();
    let exact = |one: &&(&str, &str)| wanted_unit == Some(one.0);
    if let Some(one) = fitting.iter().find(exact) {
        fitting = vec![*one];
    }
    match fitting.as_slice() {
        [(unit, name)] => Ok(((*unit).to_owned(), (*name).to_owned())),
        [] => Err(not_found(
            wanted.unwrap_or_default(),
            place,
            all.map(|(unit, name)| format!("{unit}:{name}")),
        )),
        several => Err(ArtifactError::Ambiguous {
            contract: terminal(wanted.unwrap_or("the contract"), 120),
            place: terminal(place, 300),
            candidates: bounded(several.iter().map(|(unit, name)| format!("{unit}:{name}"))),
        }),
    }
}

/// Texts of a standard-JSON `sources` object; units without text are named in the error.
pub(super) fn texts(sources: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut texts = BTreeMap::new();
    for (name, source) in sources.as_object().into_iter().flatten() {
        if texts.len() == MAX_SOURCES {
            return Err(format!("it has more than {MAX_SOURCES} sources"));
        }
        let text = source["content"].as_str().or_else(|| source.as_str());
        let Some(text) = text else {
            return Err(format!(
                "source `{}` has no text: a file with `content` for every source is needed",
                terminal(name, 200)
            ));
        };
        texts.insert(name.clone(), text.to_owned());
    }
    Ok(texts)
}

/// `0.8.28` of `v0.8.28+commit.7893614a.Emscripten.clang`.
fn short(version: &str) -> String {
    version
        .trim_start_matches('v')
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .take(20)
        .collect()
}

fn kept(settings: &Value) -> Value {
    let mut kept = Map::new();
    for name in SETTINGS {
        if let Some(value) = settings.get(name).filter(|value| !value.is_null()) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    // Metadata names libraries flat, `Source.sol:Library`; the compiler wants them by unit.
    let flat = kept.get("libraries").and_then(Value::as_object);
    if let Some(flat) = flat.filter(|map| map.values().any(Value::is_string)) {
        let mut nested = Map::new();
        for (name, address) in flat {
            let (unit, library) = name.rsplit_once(':').unwrap_or(("", name));
            let entry = nested.entry(unit).or_insert_with(|| json!({}));
            entry[library] = address.clone();
        }
        kept.insert("libraries".to_owned(), Value::Object(nested));
    }
    Value::Object(kept)
}

/// `context:prefix=target`.
struct Remapping<'a> {
    context: &'a str,
    prefix: &'a str,
    target: &'a str,
}

impl<'a> Remapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, target) = line.split_once('=')?;
        let (context, prefix) = left.split_once(':').unwrap_or(("", left));
        Some(Self {
            context,
            prefix,
            target,
        })
    }
}

fn resolve(importer: &str, import: &str, remappings: &[Remapping<'_>]) -> String {
    let name = if import.starts_with("./") || import.starts_with("../") {
        relative(importer, import)
    } else {
        import.to_owned()
    };
    let fitting = remappings
        .iter()
        .filter(|one| importer.starts_with(one.context) && name.starts_with(one.prefix));
    match fitting.max_by_key(|one| (one.context.len(), one.prefix.len())) {
        Some(one) => format!("{}{}", one.target, &name[one.prefix.len()..]),
        None => name,
    }
}

/// `a/b.sol` importing `../c.sol` means `c.sol`; what comes before the path, `project:/`, stays.
fn relative(importer: &str, import: &str) -> String {
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(texts: &[(&str, &str)], settings: Value) -> Bundle {
        let texts = texts
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Bundle {
            texts: texts.collect(),
            settings,
            version: None,
        }
    }

    #[test]
    fn only_what_a_contract_imports_is_compiled() {
        let bundle = bundle(
            &[
                ("src/A.sol", "import './B.sol'; import '@oz/C.sol';"),
                ("src/B.sol", ""),
                ("lib/oz/C.sol", "import '../oz/D.sol';"),
                ("lib/oz/D.sol", ""),
                ("src/Other.sol", ""),
            ],
            json!({"remappings": ["@oz/=lib/oz/", "x:@oz/=wrong/"]}),
        );
        let units: Vec<_> = bundle.closure("src/A.sol").into_keys().collect();
        assert_eq!(
            units,
            ["lib/oz/C.sol", "lib/oz/D.sol", "src/A.sol", "src/B.sol"]
        );
    }

    #[test]
    fn an_import_that_leads_nowhere_leaves_the_choice_to_the_compiler() {
        let bundle = bundle(&[("A.sol", "import 'gone.sol';"), ("B.sol", "")], json!({}));
        assert_eq!(bundle.closure("A.sol").len(), 2);
    }

    #[test]
    fn libraries_of_metadata_are_sorted_by_unit() {
        let kept = kept(&json!({
            "libraries": {"src/L.sol:L": "0x01", "M": "0x02"},
            "compilationTarget": {"a": "b"}, "modelChecker": {"engine": "all"},
        }));
        let expected = json!({"libraries": {"src/L.sol": {"L": "0x01"}, "": {"M": "0x02"}}});
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_version_is_its_three_numbers() {
        for text in [
            "0.8.28",
            "v0.8.28+commit.7893614a",
            "0.8.28+commit.1.Emscripten.clang",
        ] {
            assert_eq!(short(text), "0.8.28");
        }
    }
}
