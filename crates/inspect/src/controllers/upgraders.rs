//! Whoever can give a controller other code can make it do anything.

use super::{Branch, DEPTH, NODES, PROXIES, Tree, release::is_safe_proxy};
use crate::{
    error::InspectError,
    inspect::{Obeyed, obeyed},
    session::Session,
};
use alloy_primitives::Address;
use cutover_types::{UpgradePath, inspection::Controller};

#[derive(Default)]
pub(super) struct Upgraders {
    pub(super) members: Vec<Controller>,
    pub(super) unknown: Vec<String>,
}

impl Tree {
    /// Who can give the controller at `address` other code, where it is a proxy itself: they can make it do
    /// anything.
    pub(super) async fn upgraders(
        &mut self,
        session: &mut Session,
        address: Address,
        kind: &str,
        depth: usize,
    ) -> Result<Upgraders, InspectError> {
        let mut upgraders = Upgraders::default();
        if matches!(kind, "eoa" | "eip7702" | "renounced" | "unknown" | "anyone") {
            return Ok(upgraders);
        }
        // A Safe changes its own code: whoever can do that acts as it anyway.
        if kind == "safe" && is_safe_proxy(session, address).await? {
            return Ok(upgraders);
        }
        if self.proxies >= PROXIES || self.nodes >= NODES || depth >= DEPTH {
            upgraders.unknown.push(format!(
                "whether {address} is a proxy itself was not looked at"
            ));
            return Ok(upgraders);
        }
        self.proxies += 1;
        let answer = match obeyed(session, address).await {
            Ok(answer) => answer,
            Err(InspectError::Chain { proxy, source }) => {
                return Err(InspectError::Chain { proxy, source });
            }
            Err(error) => {
                upgraders
                    .unknown
                    .push(format!("whether {address} is a proxy itself: {error}"));
                return Ok(upgraders);
            }
        };
        match answer {
            Obeyed::NoProxy | Obeyed::Immutable => {}
            Obeyed::Nobody(why) => {
                upgraders
                    .unknown
                    .push(format!("{address} is a proxy itself: {why}"));
            }
            Obeyed::Path(path, implementation, closed) => {
                if path.from == address {
                    return Ok(upgraders);
                }
                let outer = std::mem::replace(&mut self.proxy, address);
                let grown = self
                    .along_boxed(session, &path, implementation, depth)
                    .await;
                self.proxy = outer;
                let grown = grown?;
                if closed
                    && grown
                        .iter()
                        .all(|root| !root.proven && root.unknown.is_empty())
                {
                    return Ok(upgraders);
                }
                if grown.is_empty() {
                    let why =
                        format!("{address} is a proxy itself, and who upgrades it is not known");
                    upgraders.unknown.push(why);
                }
                for mut member in grown {
                    let role = "upgrades its code";
                    member.role = Some(match member.role {
                        Some(own) => format!("{role}, {own}"),
                        None => role.into(),
                    });
                    upgraders.members.push(member);
                }
            }
        }
        Ok(upgraders)
    }

    fn along_boxed<'a>(
        &'a mut self,
        session: &'a mut Session,
        path: &'a UpgradePath,
        implementation: Address,
        depth: usize,
    ) -> Branch<'a, Vec<Controller>> {
        Box::pin(self.along(session, path, implementation, depth))
    }
}
