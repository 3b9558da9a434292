//! ERC-7760: minimal proxies on ERC-1967's slots, told by their whole code. Constructor arguments may
//! follow it.

use super::{Kind, Recognized, Subject, beacon::Beacon, uups::Uups};
use crate::{
    error::{InspectError, key},
    session::Session,
};
use alloy_primitives::{Address, hex};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, abi::IMPLEMENTATION_SLOT,
    inspection::Location,
};

alloy_sol_types::sol! {
    function adminOf(address proxy) external view returns (address admin);
}

/// With and without an answer of the implementation to one byte of calldata.
const UUPS: [&[u8]; 2] = [
    &hex!(
        "363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545af43d6000"
        "803e6038573d6000fd5b3d6000f3"
    ),
    &hex!(
        "365814604357363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
        "545af43d6000803e603e573d6000fd5b3d6000f35b6020600f3d393d51543d52593df3"
    ),
];

const BEACON: [&[u8]; 2] = [
    &hex!(
        "363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee"
        "59ff6cb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
    ),
    &hex!(
        "363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee"
        "59ff6cb3582b35133d50545afa361460525736515af43d600060013e6052573d6001fd5b3d6001f3"
    ),
];

/// The code before and after the factory, which is pushed as 20 bytes, or as 14 when it has zeros enough.
const TRANSPARENT: [(&[u8], usize, &[u8]); 2] = [
    (
        &hex!("3d3d3373"),
        20,
        &hex!(
            "14605757363d3d37363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545a"
            "f43d6000803e6052573d6000fd5b3d6000f35b3d356020355560408036111560525736038060403d373d3d355a"
            "f43d6000803e6052573d6000fd"
        ),
    ),
    (
        &hex!("3d3d336d"),
        14,
        &hex!(
            "14605157363d3d37363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545a"
            "f43d6000803e604c573d6000fd5b3d6000f35b3d3560203555604080361115604c5736038060403d373d3d355a"
            "f43d6000803e604c573d6000fd"
        ),
    ),
];

fn factory(code: &[u8]) -> Option<Address> {
    TRANSPARENT.iter().find_map(|(before, size, after)| {
        let (factory, rest) = code.strip_prefix(*before)?.split_at_checked(*size)?;
        (rest == *after).then(|| Address::left_padding_from(factory))
    })
}

pub(super) struct Erc7760;

#[async_trait(?Send)]
impl Kind for Erc7760 {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let code = &subject.code;
        let (kind, inner) = if UUPS.iter().any(|form| code.starts_with(form)) {
            let inner = Uups.recognize(session, subject).await?;
            (ProxyKind::Erc7760Uups, inner)
        } else if BEACON.iter().any(|form| code.starts_with(form)) {
            let inner = Beacon.recognize(session, subject).await?;
            (ProxyKind::Erc7760Beacon, inner)
        } else if let Some(factory) = factory(code) {
            return Ok(Some(by_factory(session, subject, factory).await?));
        } else {
            return Ok(None);
        };
        let mut found = inner.unwrap_or_else(|| {
            let why = "the proxy has no upgrade call, and none of its implementation is known";
            let mut found = Recognized::new(kind);
            found.notes.push(why.into());
            found.without_call = Some(why.into());
            found
        });
        found.kind = kind;
        Ok(Some(found))
    }
}

/// Solady's factory asks who administers the proxy; the proxy obeys the factory alone.
async fn by_factory(
    session: &mut Session,
    subject: &Subject,
    factory: Address,
) -> Result<Recognized, InspectError> {
    let proxy = subject.proxy;
    let mut found = Recognized::new(ProxyKind::Erc7760Transparent);
    found.admin = Some(factory);
    if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT) {
        found
            .conflicts
            .push("its code reads the implementation slot, but the call went elsewhere".into());
    }
    let question = adminOfCall { proxy }.abi_encode();
    let answers = session.ask([(factory, question)]).await?;
    let admin = answers.first().and_then(|played| played.address());
    let step = |function, more: Option<Argument>| {
        let mut arguments = vec![Argument::Proxy, Argument::Implementation];
        arguments.extend(more);
        let from = admin.unwrap_or_default();
        vec![UpgradeStep::new(from, factory, function, arguments)]
    };
    let mut path = UpgradePath::of(
        proxy,
        IMPLEMENTATION_SLOT,
        step("upgrade(address,address)", None),
    );
    path.verb_with_data = Some(Verb::Steps);
    path.steps_with_data = step(
        "upgradeAndCall(address,address,bytes)",
        Some(Argument::Data),
    );
    match (
        admin,
        answers.iter().flat_map(|played| played.guesses()).next(),
    ) {
        (Some(_), _) => found.paths.push(path),
        (None, Some(missing)) => {
            let why = format!(
                "whom the factory {factory} obeys is not known: the node does not give {}",
                key(&missing)
            );
            found.notes.push(why.clone());
            found.unsent = Some((path, why));
        }
        (None, None) => found
            .notes
            .push(format!("the factory {factory} names no admin of it")),
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, keccak256};

    #[test]
    fn the_forms_are_the_standards() {
        let hashes = [
            (
                UUPS[0],
                b256!("aaa52c8cc8a0e3fd27ce756cc6b4e70c51423e9b597b11f32d3e49f8b1fc890d"),
            ),
            (
                UUPS[1],
                b256!("ce700223c0d4cea4583409accfc45adac4a093b3519998a9cbbe1504dadba6f7"),
            ),
            (
                BEACON[0],
                b256!("14044459af17bc4f0f5aa2f658cb692add77d1302c29fe2aebab005eea9d1162"),
            ),
            (
                BEACON[1],
                b256!("f8c46d2793d5aa984eb827aeaba4b63aedcab80119212fce827309788735519a"),
            ),
        ];
        for (form, hash) in hashes {
            assert_eq!(keccak256(form), hash);
        }
    }

    #[test]
    fn the_factory_stands_in_the_code_and_nothing_follows() {
        for (before, size, after) in TRANSPARENT {
            let mut code = [before, &vec![0xab; size], after].concat();
            let found = factory(&code).unwrap();
            assert_eq!(found[20 - size..], vec![0xab; size]);
            code.push(0);
            assert_eq!(factory(&code), None);
        }
        assert_eq!(factory(&hex!("3d3d3373ab")), None);
    }
}
