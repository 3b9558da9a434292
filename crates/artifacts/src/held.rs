//! What one file says twice has to agree: a layout with the syntax tree beside it, code with the
//! metadata it was built with. A file that was put together from two builds, or changed by hand,
//! says nothing about either.

mod metadata;

use crate::{ArtifactError, Code, placement, settings};
use cutover_types::{
    StorageItem, StorageLayout, TypeInfo,
    source::{Index, Node, Sources},
    text::terminal,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Refuses a contract whose code, metadata and sources are not of one build.
pub(crate) fn whole(code: &Code, metadata: &Value, sources: &Sources) -> Result<(), ArtifactError> {
    let read = settings::parsed(metadata);
    let units = sources.units.iter();
    let texts = units.filter_map(|(unit, source)| Some((unit.as_str(), source.text.as_deref()?)));
    let other = || {
        let unit = metadata::other_source(&read, texts)?;
        Some(format!(
            "`{}` is not the source it was built from",
            terminal(unit, 200)
        ))
    };
    match metadata::contradiction(code, metadata.as_str(), &read).or_else(other) {
        Some(why) => Err(ArtifactError::Stale {
            reference: terminal(code.contract.as_deref().unwrap_or_default(), 200),
            detail: format!("{why}: build again"),
        }),
        None => Ok(()),
    }
}

/// Where a layout is not that of the variables its tree declares; `None` where it is, or where
/// nobody can tell.
pub(crate) fn other_layout(
    layout: &StorageLayout,
    index: &Index<'_>,
    linearized: &[Node<'_>],
) -> Option<String> {
    let made = placement::contract(index, linearized).ok()?;
    let lists = layout.storage.iter().zip(&made.storage);
    let moved = lists
        .clone()
        .find_map(|(given, made)| other_item(given, made));
    let seen = &mut BTreeSet::new();
    moved
        .or_else(|| {
            let mut pairs = lists.map(|(given, _)| given.type_id.as_str());
            pairs.find_map(|id| other_type(id, layout, &made, seen, placement::MAX_DEPTH))
        })
        .map(|why| format!("the storage layout is not that of the source beside it: {why}"))
}

fn other_item(given: &StorageItem, made: &StorageItem) -> Option<String> {
    let place = |item: &StorageItem| (item.slot.clone(), item.offset);
    if given.label != made.label {
        return Some(format!(
            "`{}` stands where `{}` is declared",
            given.label, made.label
        ));
    }
    let same = written_alike(&given.type_id, &made.type_id) && given.ast_id == made.ast_id;
    if !same {
        return Some(format!("`{}` is declared as another type", given.label));
    }
    (place(given) != place(made)).then(|| {
        format!(
            "`{}` is at slot {}, offset {}, and belongs to slot {}, offset {}",
            given.label, given.slot, given.offset, made.slot, made.offset
        )
    })
}

/// Whether two ids are of one type. Function types are written in two ways.
fn written_alike(given: &str, made: &str) -> bool {
    let is_function = |id: &str| id.contains("t_function");
    given == made || (is_function(given) && is_function(made))
}

/// Where a type is described otherwise than it is declared, in itself or in what it is made of.
fn other_type<'a>(
    id: &'a str,
    given: &'a StorageLayout,
    made: &StorageLayout,
    seen: &mut BTreeSet<&'a str>,
    depth: usize,
) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    if !seen.insert(id) {
        return None;
    }
    let (own, other) = (given.types.get(id)?, made.types.get(id)?);
    let shape = |info: &TypeInfo| {
        let parts = [&info.key, &info.value, &info.base].map(Clone::clone);
        let count = info.members.as_ref().map(Vec::len);
        (
            info.encoding.clone(),
            info.number_of_bytes.clone(),
            parts,
            count,
        )
    };
    if !id.contains("t_function") && shape(own) != shape(other) {
        return Some(format!("`{}` is declared otherwise", own.label));
    }
    let members = own.members.iter().flatten();
    let declared = other.members.iter().flatten();
    let moved = members
        .clone()
        .zip(declared)
        .find_map(|(given, made)| other_item(given, made));
    if let Some(why) = moved {
        return Some(format!("in `{}`, {why}", own.label));
    }
    let parts = [&own.key, &own.value, &own.base].into_iter().flatten();
    let parts = parts.map(String::as_str);
    parts
        .chain(members.map(|member| member.type_id.as_str()))
        .find_map(|part| other_type(part, given, made, seen, depth))
}
