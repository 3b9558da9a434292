//! Where the definitions of a syntax tree are: looked for once, then found again by their path.
//!
//! Rules ask for the definitions again and again, and a tree has fifty values for each.

use super::Tree;

/// Trees deeper than this are not followed: they come from files.
const MAX_DEPTH: usize = 512;

/// The paths to all definitions of one tree, outer ones first.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    steps: Vec<Step>,
}

/// One step down. The steps below it follow, one level deeper.
#[derive(Debug)]
struct Step {
    level: usize,
    /// Where in the value above.
    place: usize,
    definition: Option<Definition>,
}

#[derive(Clone, Copy, Debug)]
struct Definition {
    id: i64,
    contract: bool,
}

/// A definition of a tree.
pub(super) struct Found<'a> {
    pub(super) id: i64,
    /// The contract around it.
    pub(super) owner: Option<i64>,
    pub(super) is_contract: bool,
    pub(super) tree: &'a Tree,
}

impl Definitions {
    /// Looks for all definitions of a tree.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut found = Self::default();
        found.below(tree, 0);
        found
    }

    fn below(&mut self, tree: &Tree, level: usize) {
        if level > MAX_DEPTH {
            return;
        }
        for (place, inside) in tree.inside() {
            self.step(place, inside, level);
        }
    }

    fn step(&mut self, place: usize, tree: &Tree, level: usize) {
        let here = self.steps.len();
        let definition = definition(tree);
        self.steps.push(Step {
            level,
            place,
            definition,
        });
        self.below(tree, level + 1);
        if definition.is_none() && self.steps.len() == here + 1 {
            self.steps.pop();
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        let definitions = self.steps.iter().filter(|step| step.definition.is_some());
        definitions.count()
    }

    /// Calls `found` on every definition of the tree these were looked for in.
    pub(super) fn each<'a>(&self, tree: &'a Tree, mut found: impl FnMut(Found<'a>)) {
        let mut way: Vec<(&'a Tree, Option<i64>)> = vec![(tree, None)];
        for step in &self.steps {
            way.truncate(step.level + 1);
            let Some((above, owner)) = way.last().copied() else {
                return;
            };
            let tree = above.at(step.place);
            let mut inside = owner;
            if let Some(Definition { id, contract }) = step.definition {
                found(Found {
                    id,
                    owner,
                    is_contract: contract,
                    tree,
                });
                if contract {
                    inside = Some(id);
                }
            }
            way.push((tree, inside));
        }
    }
}

fn definition(tree: &Tree) -> Option<Definition> {
    let kind = tree.kind();
    let known = matches!(
        kind,
        "ContractDefinition"
            | "FunctionDefinition"
            | "ModifierDefinition"
            | "VariableDeclaration"
            | "StructDefinition"
            | "EnumDefinition"
            | "UserDefinedValueTypeDefinition"
    );
    let contract = kind == "ContractDefinition";
    let id = known.then(|| tree.id())??;
    Some(Definition { id, contract })
}
