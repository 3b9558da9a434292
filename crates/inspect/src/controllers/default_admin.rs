//! Who is about to have the default admin role, where it is handed over in two steps with a wait between
//! them (OpenZeppelin's AccessControlDefaultAdminRules).

use super::{deed::Step, found::Member, roles::IRoles, through::Through};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    interface IDefaultAdmin {
        function pendingDefaultAdmin() external view returns (address newAdmin, uint48 schedule);
        function acceptDefaultAdminTransfer() external;
    }
}

/// The account that only has to accept, when its time has come, to give itself `role` of `contract`.
pub(super) async fn heir(
    session: &mut Session,
    contract: Address,
    role: B256,
    through: &Through,
) -> Result<Option<Member>, InspectError> {
    let question = IDefaultAdmin::pendingDefaultAdminCall {}.abi_encode();
    let answers = session.ask([(contract, question)]).await?;
    let pending = answers
        .first()
        .and_then(|played| played.returns::<IDefaultAdmin::pendingDefaultAdminCall>());
    let Some(pending) = pending.filter(|pending| !pending.newAdmin.is_zero()) else {
        return Ok(None);
    };
    let account = pending.newAdmin;
    // It can accept once the time has passed, not when it comes.
    let due = pending.schedule.to::<u64>().saturating_add(1);
    let wait = due.saturating_sub(session.timestamp());
    let accept = IDefaultAdmin::acceptDefaultAdminTransferCall {};
    let grant = IRoles::grantRoleCall { role, account };
    let first = vec![
        Step::new(account, contract, accept.abi_encode()).after(wait),
        Step::new(account, contract, grant.abi_encode()),
    ];
    let through = Through::First(first, Box::new(through.clone()));
    let wait = Some(wait).filter(|wait| *wait > 0);
    Ok(Some(
        Member::alone(account, "pending default admin", through).after(wait),
    ))
}
