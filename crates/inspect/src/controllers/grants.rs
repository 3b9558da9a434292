//! What the logs of a contract tell of who was given a role, and the signs that they are not all of them: a node
//! that has no old logs, or cuts long answers short, may say nothing of it.

use super::logs::{logs, logs_each, topic, topic_address};
use crate::session::Session;
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Accounts that gave or took roles, asked about like those who were given one.
const GIVERS: usize = 16;

/// The two events, each with the role for its first topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    pub(super) granted: B256,
    pub(super) revoked: B256,
    /// The topic that is the account.
    pub(super) account: usize,
    /// The topic that is who gave or took the role.
    pub(super) giver: usize,
}

/// Who was given one role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Whether or not it was taken away again.
    pub(super) given: BTreeSet<Address>,
    /// Who gave or took roles: each had one to do so.
    pub(super) givers: BTreeSet<Address>,
    /// Why there are more logs than the node gives.
    pub(super) doubt: Option<&'static str>,
}

/// Who was given `role` by `contract`; `None` when the node does not give its logs.
pub(super) async fn grants(
    session: &Session,
    contract: Address,
    events: Events,
    role: B256,
) -> Option<Grants> {
    let both = [events.granted, events.revoked];
    let (every, own) = (json!([both]), json!([both, role]));
    if let Some(found) = logs_each(session, contract, &[every, own.clone()]).await
        && let [all, own] = found.as_slice()
    {
        return Some(read(Some(all), own, events, role));
    }
    // All roles may be too much for it.
    let own = logs(session, contract, &own).await?;
    Some(read(None, &own, events, role))
}

fn read(all: Option<&Vec<Value>>, own: &[Value], events: Events, role: B256) -> Grants {
    let known = all.map_or(own, Vec::as_slice);
    let is = |log: &&Value, event: B256| topic(log, 0) == Some(event);
    let with = |event: B256| -> BTreeSet<_> {
        let logs = known.iter().filter(|log| is(log, event));
        logs.filter_map(|log| Some((topic(log, 1)?, topic_address(log, events.account)?)))
            .collect()
    };
    let (granted, revoked) = (with(events.granted), with(events.revoked));
    let of_role = |log: &&Value| topic(log, 1) == Some(role);
    let differ = all.is_some_and(|all| !all.iter().filter(of_role).eq(own));
    let doubt = if differ {
        Some("it gives other logs for one role than for all")
    } else if granted.is_empty() {
        Some("it gives no log of anyone who was given a role")
    } else if !revoked.is_subset(&granted) {
        Some("it gives logs of roles that were taken away, and not of when they were given")
    } else {
        None
    };
    let given = own.iter().filter(|log| is(log, events.granted));
    Grants {
        given: given
            .filter_map(|log| topic_address(log, events.account))
            .collect(),
        givers: known
            .iter()
            .filter_map(|log| topic_address(log, events.giver))
            .take(GIVERS)
            .collect(),
        doubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: Events = Events {
        granted: B256::repeat_byte(0xa),
        revoked: B256::repeat_byte(0xb),
        account: 2,
        giver: 3,
    };
    const ROLE: B256 = B256::repeat_byte(1);

    fn log(event: B256, role: B256, account: u8) -> Value {
        let giver = Address::repeat_byte(9).into_word();
        json!({"topics": [event, role, Address::repeat_byte(account).into_word(), giver]})
    }

    #[test]
    fn logs_that_do_not_explain_each_other_are_not_all() {
        let (granted, revoked) = (EVENTS.granted, EVENTS.revoked);
        let other = B256::repeat_byte(2);
        let all = vec![
            log(granted, other, 1),
            log(granted, ROLE, 2),
            log(revoked, ROLE, 2),
        ];
        let doubt =
            |all: &[Value], own: &[Value]| read(Some(&all.to_vec()), own, EVENTS, ROLE).doubt;
        assert_eq!(doubt(&all, &all[1..]), None);
        assert!(doubt(&[], &[]).unwrap().contains("no log"));
        assert!(doubt(&all, &all[1..2]).unwrap().contains("other logs"));
        assert!(doubt(&all[..1], &all[1..]).unwrap().contains("other logs"));
        let late = [all[0].clone(), all[2].clone()];
        assert!(doubt(&late, &late[1..]).unwrap().contains("taken away"));
        let found = read(Some(&all), &all[1..], EVENTS, ROLE);
        assert_eq!(found.given, BTreeSet::from([Address::repeat_byte(2)]));
        assert_eq!(found.givers, BTreeSet::from([Address::repeat_byte(9)]));
    }
}
