//! What its owner's own functions do, and say that they do.

use super::{Seen, Surveyed, arguments::calldata, selector};
use crate::{
    error::InspectError,
    session::{Played, Script, Session, request, stranger},
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{Missing, abi::IProxy};

impl Surveyed<'_> {
    /// Whether its owner gives it up, and to whom he says.
    pub(super) async fn handed_over(
        &self,
        session: &mut Session,
        seen: &mut Seen,
    ) -> Result<(), InspectError> {
        let whose = IProxy::ownerCall {}.abi_encode();
        let answers = session.ask([(self.address, whose.clone())]).await?;
        let Some(owner) = answers.first().and_then(Played::address) else {
            return Ok(());
        };
        let heir = selector("pendingOwner()");
        for (name, next) in [
            ("renounceOwnership()", Address::ZERO),
            ("transferOwnership(address)", stranger()),
        ] {
            if !self.names.contains(&name) {
                continue;
            }
            let ask = |data: &[u8]| request(stranger(), self.address, data.to_vec());
            let script = Script {
                steps: vec![
                    request(owner, self.address, calldata(name, next, next)),
                    ask(&whose),
                    ask(&heir),
                ],
                ..Script::default()
            };
            let played = session.play(&script).await?;
            let [given, now, heir] = played.outcomes.as_slice() else {
                continue;
            };
            let names = |answer: &Bytes| answer.get(..32) == Some(&next.into_word()[..]);
            let accepts = !next.is_zero() && names(&heir.output);
            let untold = self.unread(&played, owner);
            if given.status.is_success() && !untold && !names(&now.output) && !accepts {
                let to = now.output.get(12..32).map(Address::from_slice);
                let to = to.unwrap_or_default();
                seen.say(name, &format!("leaves it to {to}"));
            }
        }
        Ok(())
    }

    /// Whether the node did not give what it took. Whoever only pays is taken to have the funds.
    fn unread(&self, played: &Played, payer: Address) -> bool {
        let payer = Missing::Account { address: payer };
        played.guesses().any(|missing| missing != payer)
    }
}
