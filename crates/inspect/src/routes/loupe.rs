//! What a diamond says of itself.

use super::{Routes, Table};
use crate::{
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use cutover_types::diamond::Facet;

/// More than any loupe needs; an answer with nested arrays grows when it is decoded.
const LONGEST: usize = 1 << 16;

alloy_sol_types::sol! {
    struct Said {
        address facet;
        bytes4[] selectors;
    }
    interface ILoupe {
        function facets() external view returns (Said[]);
    }
}

pub(super) async fn facets(
    session: &mut Session,
    proxy: Address,
) -> Result<Option<Routes>, InspectError> {
    let question = ILoupe::facetsCall {}.abi_encode();
    let answers = session.ask([(proxy, question)]).await?;
    if let Some(missing) = answers.first().and_then(|played| played.guesses().next()) {
        return Err(session.cannot_tell(missing));
    }
    let said = answers
        .first()
        .filter(|played| played.answer().is_some_and(|said| said.len() <= LONGEST))
        .and_then(Played::returns::<ILoupe::facetsCall>);
    let facets: Vec<_> = said
        .unwrap_or_default()
        .into_iter()
        .map(|said| Facet {
            address: said.facet,
            selectors: said.selectors,
        })
        .collect();
    let mut routes = Routes::new(Table::Diamond(None), facets);
    let note = "which selectors it answers is its own word: those it names were tried, others may go anywhere";
    routes.notes.push(note.into());
    Ok((!routes.facets.is_empty()).then_some(routes))
}
