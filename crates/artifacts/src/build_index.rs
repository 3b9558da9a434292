//! Where the parts of a build info are in its file.

use crate::{
    ArtifactError, Cache,
    cache::Key,
    output,
    skim::{Flaw, Skim, Span},
    stamp::Stamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// No project has this many units or contracts.
const MAX_NAMES: usize = 1 << 18;
/// No unit's tree and no contract's output is this large.
const MAX_VALUE: u64 = 128 << 20;

/// Most values are smaller: a buffer that grows is dearer than one that is large at once.
const MIN_BUFFER: usize = 512 << 10;
/// Reading through a smaller file is as quick as asking the cache.
const MIN_KEPT: u64 = 2 << 20;

/// Where the parts of a build info are.
#[derive(Debug)]
pub(crate) struct BuildIndex {
    output: Indexed,
    /// The file with the sources where it is another one: Hardhat 3 keeps them apart.
    input: Option<Indexed>,
}

/// One file and where its parts are.
#[derive(Debug)]
struct Indexed {
    path: PathBuf,
    file: Mutex<fs::File>,
    stamp: Option<Stamp>,
    parts: Parts,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Parts {
    names: usize,
    compiled: Output,
    /// What lies at the top of a bare compiler output.
    bare: Output,
    /// `input.sources` by unit.
    texts: BTreeMap<String, Span>,
    /// `solcVersion`, `solcLongVersion` and `input.settings`.
    facts: BTreeMap<String, Span>,
}

/// A compiler's output.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Output {
    /// By unit and name; `None` when there is no such part.
    pub(crate) contracts: Option<BTreeMap<String, BTreeMap<String, Span>>>,
    /// By unit.
    pub(crate) sources: BTreeMap<String, Span>,
}

impl BuildIndex {
    /// Reads through a build info, or a bare compiler output, once. `None` when it holds no
    /// compiler output.
    pub(crate) fn read(path: &Path, cache: &Cache) -> Result<Option<Self>, ArtifactError> {
        let mut output = Indexed::read(path, cache)?;
        if output.parts.output().contracts.is_none()
            && let Some(beside) = renamed(path, ".json", ".output.json")
        {
            output = Indexed::read(&beside, cache)?;
        }
        if output.parts.output().contracts.is_none() {
            return Ok(None);
        }
        let mut input = None;
        if output.parts.texts.is_empty()
            && let Some(beside) = renamed(&output.path, ".output.json", ".json")
        {
            input = Some(Indexed::read(&beside, cache)?);
        }
        Ok(Some(Self { output, input }))
    }

    /// The file that was named, or the one with the output that belongs to it.
    pub(crate) fn path(&self) -> &Path {
        &self.output.path
    }

    /// Whether the files are as they were when they were read.
    pub(crate) fn is_current(&self) -> bool {
        let files = std::iter::once(&self.output).chain(&self.input);
        files.into_iter().all(|one| {
            let now = fs::metadata(&one.path).ok();
            let now = now.and_then(|now| Stamp::of(&one.path, &now));
            now.is_some() && now == one.stamp
        })
    }

    /// The compiler's output.
    pub(crate) fn output(&self) -> &Output {
        self.output.parts.output()
    }

    /// The bytes of a value of the output, in a buffer that may hold something else.
    pub(crate) fn bytes<'b>(
        &self,
        span: &Span,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], ArtifactError> {
        self.output.bytes(span, buffer)
    }

    /// What is wrong with a value of the output.
    pub(crate) fn malformed(&self, error: &serde_json::Error) -> ArtifactError {
        malformed(&self.output.path, &error.to_string())
    }

    /// The text of a unit.
    pub(crate) fn text(
        &self,
        unit: &str,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<String>, ArtifactError> {
        let input = self.input.as_ref().unwrap_or(&self.output);
        let Some(span) = input.parts.texts.get(unit) else {
            return Ok(None);
        };
        match output::take(&mut input.parse(span, buffer)?, &["content"]) {
            Value::String(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    /// The compiler that made it.
    pub(crate) fn version(&self) -> Option<String> {
        let files: Vec<_> = self.input.iter().chain([&self.output]).collect();
        ["solcLongVersion", "solcVersion"].iter().find_map(|name| {
            files.iter().find_map(|one| {
                let value = one.parse(one.parts.facts.get(*name)?, &mut Vec::new());
                let value = value.ok()?;
                value.as_str().map(str::to_owned)
            })
        })
    }

    /// The settings of the compiler's input; null when they are not there.
    pub(crate) fn settings(&self) -> Value {
        let input = self.input.as_ref().unwrap_or(&self.output);
        let span = input.parts.facts.get("settings");
        span.and_then(|span| input.parse(span, &mut Vec::new()).ok())
            .unwrap_or_default()
    }
}

impl Indexed {
    fn read(path: &Path, cache: &Cache) -> Result<Self, ArtifactError> {
        let failed = |source| ArtifactError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = fs::File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(malformed(path, "it is no regular file"));
        }
        let stamp = Stamp::of(path, &metadata);
        let indexed = |file, parts| Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            stamp: stamp.clone(),
            parts,
        };
        let worth = cache.is_on() && metadata.len() >= MIN_KEPT;
        let key = stamp.as_ref().filter(|_| worth);
        let key = key.map(|stamp| Key::of(&[b"build info", stamp.text().as_bytes()]));
        let kept = key.and_then(|key| serde_json::from_slice(&cache.get(key)?).ok());
        if let Some(parts) = kept {
            return Ok(indexed(file, parts));
        }
        let begun = SystemTime::now();
        let mut parts = Parts::default();
        let mut skim = Skim::new(&mut file);
        let read = skim.object(|skim, name| parts.top(skim, name));
        read.and_then(|()| skim.finish())
            .map_err(|flaw| match flaw {
                Flaw::Read(source) => failed(source),
                Flaw::Malformed(detail) => malformed(path, &detail),
            })?;
        let settled = stamp.as_ref().is_some_and(|stamp| stamp.is_settled(begun));
        let unchanged = || {
            file.metadata()
                .is_ok_and(|now| Stamp::of(path, &now) == stamp)
        };
        if let (Some(key), true) = (key.filter(|_| settled), unchanged())
            && let Ok(bytes) = serde_json::to_vec(&parts)
        {
            cache.put(key, &bytes);
        }
        Ok(indexed(file, parts))
    }

    fn bytes<'b>(&self, span: &Span, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], ArtifactError> {
        let length = span.end - span.start;
        if length > MAX_VALUE {
            return Err(ArtifactError::TooLarge {
                path: self.path.clone(),
                limit: MAX_VALUE,
            });
        }
        // The length was seen in the file and is bounded.
        let length = usize::try_from(length).unwrap_or_default();
        if buffer.len() < length {
            buffer.resize(length.next_power_of_two().max(MIN_BUFFER), 0);
        }
        let bytes = &mut buffer[..length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(span.start));
        read.and_then(|_| file.read_exact(bytes))
            .map_err(|source| ArtifactError::Read {
                path: self.path.clone(),
                source,
            })?;
        Ok(bytes)
    }

    fn parse(&self, span: &Span, buffer: &mut Vec<u8>) -> Result<Value, ArtifactError> {
        serde_json::from_slice(self.bytes(span, buffer)?)
            .map_err(|error| malformed(&self.path, &error.to_string()))
    }
}

impl Parts {
    fn output(&self) -> &Output {
        if self.compiled.contracts.is_some() {
            &self.compiled
        } else {
            &self.bare
        }
    }

    fn top<R: Read>(&mut self, skim: &mut Skim<R>, name: String) -> Result<(), Flaw> {
        let names = &mut self.names;
        match name.as_str() {
            "output" => skim.object(|skim, name| self.compiled.part(skim, &name, names)),
            "contracts" | "sources" => self.bare.part(skim, &name, names),
            "input" => skim.object(|skim, name| match name.as_str() {
                "sources" => spans(skim, &mut self.texts, names),
                "settings" => {
                    let span = skim.skip()?;
                    once(&mut self.facts, name, span, names)
                }
                _ => skim.skip().map(drop),
            }),
            "solcVersion" | "solcLongVersion" => {
                let span = skim.skip()?;
                once(&mut self.facts, name, span, names)
            }
            _ => skim.skip().map(drop),
        }
    }
}

impl Output {
    fn part<R: Read>(
        &mut self,
        skim: &mut Skim<R>,
        name: &str,
        names: &mut usize,
    ) -> Result<(), Flaw> {
        match name {
            "sources" => spans(skim, &mut self.sources, names),
            "contracts" if skim.at_object()? => {
                let units = self.contracts.get_or_insert_default();
                skim.object(|skim, unit| {
                    let mut contracts = BTreeMap::new();
                    spans(skim, &mut contracts, names)?;
                    once(units, unit, contracts, names)
                })
            }
            _ => skim.skip().map(drop),
        }
    }
}

/// Where the members of an object are.
fn spans<R: Read>(
    skim: &mut Skim<R>,
    found: &mut BTreeMap<String, Span>,
    names: &mut usize,
) -> Result<(), Flaw> {
    skim.object(|skim, name| {
        let span = skim.skip()?;
        once(found, name, span, names)
    })
}

/// Two values of one name could be read as either: neither is taken.
fn once<T>(
    found: &mut BTreeMap<String, T>,
    name: String,
    value: T,
    names: &mut usize,
) -> Result<(), Flaw> {
    *names += 1;
    if *names > MAX_NAMES {
        return Err(Flaw::Malformed(format!(
            "it has more than {MAX_NAMES} units and contracts"
        )));
    }
    if found.contains_key(&name) {
        let name = cutover_types::text::terminal(&name, 120);
        return Err(Flaw::Malformed(format!("it has `{name}` twice")));
    }
    found.insert(name, value);
    Ok(())
}

/// The file of that other ending, when it is there.
fn renamed(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let other = path.with_file_name(format!("{}{to}", name.strip_suffix(from)?));
    (other != path && other.is_file()).then_some(other)
}

fn malformed(path: &Path, detail: &str) -> ArtifactError {
    ArtifactError::Malformed {
        path: path.to_owned(),
        expected: "a build info",
        detail: detail.to_owned(),
    }
}
