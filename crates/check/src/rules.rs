//! Every rule, with what it means and what to do about it.

use cutover_types::{Category, Finding, Severity, text::terminal};

/// Characters of an id that is shown.
const MAX_ID: usize = 120;

/// A rule of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id, kebab-case.
    pub id: &'static str,
    /// Its family.
    pub category: Category,
    /// How bad a finding is unless said otherwise.
    pub severity: Severity,
    /// What it finds.
    pub summary: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl Rule {
    /// A finding of this rule about a contract, `Source.sol:Contract`.
    pub(crate) fn finding(&self, contract: &str, message: String) -> Finding {
        Finding {
            rule: self.id.to_owned(),
            category: self.category,
            severity: self.severity,
            contract: contract.to_owned(),
            label: None,
            slot: None,
            offset: None,
            source: None,
            message,
            help: self.help.to_owned(),
            spans: Vec::new(),
            damage: Vec::new(),
            waived: None,
        }
    }
}

macro_rules! rules {
    ($($name:ident = $id:literal, $category:ident, $severity:ident, $summary:literal, $help:literal;)*) => {
        $(pub(crate) const $name: &Rule = &Rule {
            id: $id,
            category: Category::$category,
            severity: Severity::$severity,
            summary: $summary,
            help: $help,
        };)*
        /// All rules, layout first.
        pub const RULES: &[&Rule] = &[$($name),*];
    };
}

rules! {
    INSERT = "insert", Layout, Error,
        "a new variable lies over bytes that blue uses",
        "declare it after all others, or take it from a storage gap and shrink the gap by as much";
    DELETE = "delete", Layout, Error,
        "a variable of blue has no counterpart in green",
        "keep the declaration (deprecated and private will do), so that its bytes are not used again by accident";
    RENAME = "rename", Layout, Error,
        "a variable kept its place and type but not its name",
        "if it is the same variable, write `/// @custom:oz-renamed-from OLD` above it";
    REPLACE = "replace", Layout, Error,
        "another variable of another type took a variable's place",
        "keep the old variable and declare the new one after all others";
    TYPECHANGE = "typechange", Layout, Error,
        "a variable kept its place but its stored values read differently",
        "keep the type; declare a new variable for the new type, or write `/// @custom:oz-retyped-from OLD` when the bytes mean the same";
    SWAP = "swap", Layout, Error,
        "two variables exchanged places",
        "restore the order of the declarations and of the base contracts";
    LAYOUTCHANGE = "layoutchange", Layout, Error,
        "a variable moved to another place",
        "undo what moved it: an insertion, a deletion, a base contract's order, or a gap that was not shrunk exactly";
    DELETE_NAMESPACE = "delete-namespace", Layout, Error,
        "a namespace of blue is not in green",
        "keep the namespace, its struct and its id";
    NAMESPACE_MOVED = "namespace-moved", Layout, Error,
        "a namespace keeps its id but its root slot changed",
        "restore the slot constant: the values are at the old root";
    NAMESPACE_WRONG_ROOT = "namespace-wrong-root", Layout, Warning,
        "a namespace is not at the root slot its id stands for",
        "take the slot that ERC-7201 computes from the id, if nothing is stored yet; else correct the annotation, or leave both";
    NAMESPACE_UNANNOTATED = "namespace-unannotated", Layout, Note,
        "a struct lives at a slot of its own and nothing in the source says so",
        "write `/// @custom:storage-location erc7201:ID` above the struct, when the slot is that of an id";
    STORAGE_OVERLAP = "storage-overlap", Layout, Error,
        "two things lie over the same slots",
        "give one of them other slots: each write to one changes the other";
    SLOT_GONE = "slot-gone", Layout, Warning,
        "blue keeps a value at a constant slot that green never touches",
        "make sure that nobody needs the value any more, and that the slot is not used again";
    ASSUMED_GAP = "assumed-gap", Layout, Note,
        "a new variable takes the room of an array that only looks like a storage gap",
        "make sure that no version ever wrote to the array; name gaps `__gap` to leave no doubt";
    LOSSY = "lossy", Layout, Warning,
        "green can store values that blue does not understand",
        "plan no rollback once green has written, or migrate these values first";
    STALE = "stale", Layout, Warning,
        "blue does not keep a variable of green up to date",
        "let blue and green not take turns, or make green work out the value anew after blue ran";
    EXCHANGED_ENUM = "exchanged-enum", Layout, Warning,
        "an enum of the interface has other members in blue than in green",
        "upgrade all contracts that pass it to each other at once, or use new members only after the last one is upgraded";
    NOT_SHARED = "not-shared", Layout, Error,
        "one of the two misreads what the other stores",
        "upgrade all at once and do not go back";
    CONSTRUCTOR = "constructor", Safety, Error,
        "a constructor runs code, which a proxy never sees",
        "move it to an initializer, or write `/// @custom:oz-upgrades-unsafe-allow constructor` when it only locks the implementation";
    STATE_VARIABLE_ASSIGNMENT = "state-variable-assignment", Safety, Error,
        "a state variable has an initial value, which a proxy never sees",
        "set it in an initializer, or make it constant";
    STATE_VARIABLE_IMMUTABLE = "state-variable-immutable", Safety, Error,
        "an immutable lives in the implementation's code, not behind the proxy",
        "use a constant or a storage variable, or write `/// @custom:oz-upgrades-unsafe-allow state-variable-immutable`";
    SELFDESTRUCT = "selfdestruct", Safety, Error,
        "the implementation can be destroyed, or can destroy the proxy",
        "remove it";
    DELEGATECALL = "delegatecall", Safety, Error,
        "foreign code can run on the proxy's storage",
        "call instead, or write `/// @custom:oz-upgrades-unsafe-allow delegatecall` when the target is fixed and trusted";
    EXTERNAL_LIBRARY_LINKING = "external-library-linking", Safety, Error,
        "the code runs external libraries by delegate call",
        "make the library's functions internal, or allow `external-library-linking` after looking at the library";
    MISSING_PUBLIC_UPGRADETO = "missing-public-upgradeto", Safety, Error,
        "a UUPS implementation without an upgrade function is the last one",
        "inherit UUPSUpgradeable";
    UNPROTECTED_UPGRADE = "unprotected-upgrade", Safety, Error,
        "anybody can put another implementation in place",
        "let `_authorizeUpgrade` (or the upgrade function) check the caller, `onlyOwner` or `onlyRole(…)`";
    PROXIABLE_UUID = "proxiable-uuid", Safety, Error,
        "blue's upgrade function will not accept green: ERC-1822's `proxiableUUID` is missing or names another slot",
        "inherit UUPSUpgradeable of the same major version, and leave `proxiableUUID` alone";
    INTERNAL_FUNCTION_STORAGE = "internal-function-storage", Safety, Error,
        "an internal function in storage points into the code of one compilation",
        "store an enum or an external function instead";
    MISSING_INITIALIZER = "missing-initializer", Safety, Error,
        "bases have initializers that nothing calls",
        "add an `initialize` function with the `initializer` modifier that calls them";
    MISSING_INITIALIZER_CALL = "missing-initializer-call", Safety, Error,
        "an initializer leaves out bases that have initializers",
        "call the base's `__Base_init` in it";
    DUPLICATE_INITIALIZER_CALL = "duplicate-initializer-call", Safety, Error,
        "a base is initialized twice in one transaction",
        "call it once; `__Base_init_unchained` does not call the base's own bases";
    INCORRECT_INITIALIZER_ORDER = "incorrect-initializer-order", Safety, Warning,
        "a base is initialized after one that inherits from it",
        "call the bases' initializers from the most basic to the most derived";
    INITIALIZER_CALLABLE_BY_ANYONE = "initializer-callable-by-anyone", Safety, Error,
        "an initializer without the `initializer` modifier or a check of the caller",
        "add `initializer` or `reinitializer(n)`, or check the caller";
    REINITIALIZER_NOT_BUMPED = "reinitializer-not-bumped", Safety, Error,
        "an initializer that blue's proxies can no longer run",
        "give it the modifier `reinitializer(n)` with an `n` above all of blue's, and call it in the upgrade";
    REINITIALIZER_VERSION_CHOSEN = "reinitializer-version-chosen", Safety, Error,
        "whoever calls a reinitializer says which version it is, and so runs it again or uses all versions up",
        "write the version into the code: `reinitializer(2)`";
    SEVERAL_NEW_REINITIALIZERS = "several-new-reinitializers", Safety, Warning,
        "an upgrade calls one function, green adds several to be called",
        "put them into one `reinitializer`";
    NEW_BASE_NOT_INITIALIZED = "new-base-not-initialized", Safety, Warning,
        "a base that blue does not have stays uninitialized on blue's proxies",
        "add a `reinitializer` that calls the new base's initializer, and call it in the upgrade";
    IMPLEMENTATION_NOT_LOCKED = "implementation-not-locked", Safety, Warning,
        "a stranger can initialize the implementation contract itself",
        "call `_disableInitializers()` in its constructor";
    DESTROYABLE_IMPLEMENTATION = "destroyable-implementation", Safety, Error,
        "a stranger can initialize the implementation and then run foreign code on it or destroy it",
        "call `_disableInitializers()` in its constructor, and use UUPSUpgradeable of 4.3.2 or later";
    CODE_TOO_LARGE = "code-too-large", Safety, Error,
        "the runtime code is over the 24,576 bytes of EIP-170",
        "make it smaller: it cannot be deployed";
    NOT_LIVE = "not-live", Chain, Error,
        "blue is not the code the proxy runs, so its layout says nothing about what is stored",
        "check against the sources of what runs, built with the same compiler and settings";
    OTHER_METADATA = "other-metadata", Chain, Note,
        "the code that runs is this build with other metadata: other comments, paths or settings that change no code",
        "nothing, if the sources are the ones you expect";
    CREATION_CODE_TOO_LARGE = "creation-code-too-large", Safety, Error,
        "the creation code is over the 49,152 bytes of EIP-3860",
        "make it smaller: it cannot be deployed";
    COMPILER_BUG = "compiler-bug", Safety, Warning,
        "the compiler has a known bug, and the source has what triggers it",
        "compile with a version that has the fix, or read the bug's page and make sure it does not apply";
    COMPILER_CHANGED = "compiler-changed", Safety, Note,
        "green was compiled another way than blue",
        "test what the compiler's page of breaking changes names";
    NEWER_EVM = "newer-evm", Chain, Warning,
        "green's code needs a newer EVM than blue's",
        "make sure every chain of the proxy has it, or compile with an older `evm_version`";
    FUNCTION_REMOVED = "function-removed", Interface, Warning,
        "a function of blue is not in green",
        "keep it for the contracts that call it, even if it only reverts with a reason";
    FUNCTION_CHANGED = "function-changed", Interface, Warning,
        "a function kept its selector but callers see it differently",
        "keep the return types, `view` and `payable`; give the new behaviour a new name";
    SELECTOR_REUSED = "selector-reused", Interface, Error,
        "another function answers to a selector of blue",
        "rename the new function: the calls meant for the old one would run it";
    SELECTOR_CLASH = "selector-clash", Interface, Error,
        "the proxy has a function of its own with this selector",
        "rename the function, or leave it out: the proxy answers before the implementation is asked";
    EVENT_REMOVED = "event-removed", Interface, Warning,
        "an event of blue is not in green",
        "keep emitting it, or tell those who index it";
    EVENT_CHANGED = "event-changed", Interface, Warning,
        "an event's topics are not what they were",
        "keep its parameters and what is indexed; declare a new event for the new form";
    ARGUMENTS_EXCHANGED = "arguments-exchanged", Interface, Warning,
        "parameters exchange their names under one selector or topic",
        "keep the order of the parameters, or give the function, event or error another name";
    ERROR_REMOVED = "error-removed", Interface, Note,
        "custom errors of blue are not in green",
        "tell those who decode them";
    ETHER_REFUSED = "ether-refused", Interface, Error,
        "blue takes plain ether and green does not",
        "keep `receive() external payable`, or waive this when nobody sends ether without data";
    FALLBACK_CHANGED = "fallback-changed", Interface, Warning,
        "calls that name no function of the interface end differently",
        "keep the fallback function as it was";
    INTERFACE_ID_REMOVED = "interface-id-removed", Interface, Warning,
        "`supportsInterface` no longer answers true for an interface",
        "keep answering true while the functions are there";
    CONSTANT_CHANGED = "constant-changed", Interface, Note,
        "a constant has another value",
        "make sure that nothing stored, signed or deployed goes by the old value";
    INITIALIZER_VERSION = "initializer-version", Chain, Error,
        "the version stored in the proxy and green's initializers do not fit: one can never run, or runs again",
        "give a new migration the version after the stored one, and keep the version where it is stored";
    UNEXPLAINED_WRITE = "unexplained-write", Chain, Warning,
        "recorded transactions write slots of the proxy that belong to no variable of either layout",
        "find out what is stored there (assembly, another facet, another source than blue's) and that green leaves it alone";
    WAIVER_EXPIRED = "waiver-expired", Safety, Warning,
        "a waiver that would have applied is past its date",
        "look at the finding again, then renew or remove the waiver";
    WAIVER_UNUSED = "waiver-unused", Safety, Warning,
        "a waiver fits no finding",
        "remove it: it would accept the next such finding unseen";
    WAIVER_UNKNOWN_RULE = "waiver-unknown-rule", Safety, Warning,
        "a waiver or an annotation names a rule that does not exist",
        "correct the id: as it stands it accepts nothing";
    WAIVER_INVALID = "waiver-invalid", Safety, Warning,
        "a waiver cannot count as it is written",
        "say who accepts it and why, name contract and variable in full, and give its last day as YYYY-MM-DD";
    WAIVER_BROAD = "waiver-broad", Safety, Warning,
        "a waiver without contract and variable accepts several findings",
        "write one waiver for each, with `contract` and `variable`";
}

/// Kinds that OpenZeppelin's checker takes and that no rule here finds: structs and enums are read.
const ALLOWED_FOR_NOTHING: [&str; 2] = ["struct-definition", "enum-definition"];

/// Whether a safety rule can be switched off by this id.
///
/// # Errors
/// In one sentence, why not.
pub fn allowable(id: &str) -> Result<(), String> {
    let shown = terminal(id, MAX_ID);
    match rule(id) {
        Some(rule) if rule.category == Category::Safety => Ok(()),
        Some(_) => Err(format!(
            "`{shown}` is no safety rule: a waiver in cutover.toml accepts its findings"
        )),
        None if ALLOWED_FOR_NOTHING.contains(&id) => Ok(()),
        None => {
            let near = near(id, Some(Category::Safety));
            Err(format!(
                "no rule is called `{shown}`: the nearest are {}",
                quoted(&near)
            ))
        }
    }
}

/// The three rules, of one family or all, whose ids differ least.
pub(crate) fn near(wanted: &str, family: Option<Category>) -> Vec<&'static str> {
    // Nothing that long is near, and the distance takes time.
    let wanted: String = wanted.chars().take(MAX_ID).collect();
    let rules = RULES.iter();
    let mut ids: Vec<_> = rules
        .filter(|rule| family.is_none_or(|family| rule.category == family))
        .map(|rule| rule.id)
        .collect();
    ids.sort_by_key(|id| (strsim::damerau_levenshtein(id, &wanted), *id));
    ids.truncate(3);
    ids
}

/// Ids, as they stand in a sentence.
pub(crate) fn quoted(ids: &[&str]) -> String {
    let quoted: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
    quoted.join(", ")
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_switch_nothing_off_are_told_with_those_that_do() {
        for kind in OPENZEPPELINS {
            assert_eq!(allowable(kind), Ok(()), "{kind}");
        }
        assert_eq!(near("typechanged", None)[0], "typechange");
        let told = allowable("delegatcall").unwrap_err();
        assert!(told.contains("the nearest are `delegatecall`"), "{told}");
        assert!(allowable("delete").unwrap_err().contains("no safety rule"));
        for odd in ["", "*", "Constructor", &"é".repeat(9_000)] {
            assert!(allowable(odd).is_err(), "{odd}");
        }
    }

    /// `errorKinds` of upgrades-core 1.46.
    const OPENZEPPELINS: [&str; 14] = [
        "state-variable-assignment",
        "state-variable-immutable",
        "external-library-linking",
        "struct-definition",
        "enum-definition",
        "constructor",
        "delegatecall",
        "selfdestruct",
        "missing-public-upgradeto",
        "internal-function-storage",
        "missing-initializer",
        "missing-initializer-call",
        "duplicate-initializer-call",
        "incorrect-initializer-order",
    ];
}
