//! What the proxy itself makes everyone wait: where its upgrade takes several calls, whether the later ones may
//! come early.

use super::{
    deed::{Aim, Deed, Failed, total},
    found::Found,
};
use crate::{error::InspectError, session::Session};

/// The seconds that pass within `deed` and have to: it was tried with less, and refused.
pub(super) async fn enforced(
    session: &mut Session,
    aim: &Aim,
    deed: &Deed,
    found: &mut Found,
) -> Result<u64, InspectError> {
    let says = total(deed);
    if says == 0 {
        return Ok(0);
    }
    let with = |wait: &dyn Fn(u64) -> u64| -> Deed {
        let mut deed = deed.clone();
        for step in &mut deed {
            step.wait = wait(step.wait);
        }
        deed
    };
    let deeds = [
        deed.clone(),
        with(&|wait| wait.saturating_sub(1)),
        with(&|_| 0),
    ];
    let judged = aim.judge(session, &deeds).await?;
    let what = format!("whether the {says} s are enforced that the proxy asks for");
    match judged.as_slice() {
        [Ok(()), Err(Failed::Shown(_)), Err(Failed::Shown(_))] => return Ok(says),
        [_, short, none] if short.is_ok() || none.is_ok() => found.notes.push(format!(
            "the proxy says {says} s and does not enforce it: the upgrade was executed sooner"
        )),
        [Err(why), ..] => {
            let why = why.clone().words();
            found.unknown.push(format!("{what} was not seen: {why}"));
        }
        _ => found.unknown.push(format!(
            "{what} was not seen: the node does not give the state"
        )),
    }
    Ok(0)
}
